//! Batch norm in training and evaluation, and the channel-wise affine map below it.

use candle_core::{Device, Result, Tensor};
use mde_ops::{Rectifier, add_relu, batch_norm_affine, batch_norm_train, channel_affine, plain};

use crate::gradient::{assert_agree, assert_close, assert_gradient, flat, random, random_values};

const EPS: f64 = 1e-5;

const RECTIFIERS: [Rectifier; 3] = [Rectifier::None, Rectifier::Relu, Rectifier::Relu6];

/// Maps of one pixel, of fewer and of more than the 64 values that are summed at a time in f32.
const SHAPES: [[usize; 4]; 6] = [
    [3, 4, 5, 7],
    [1, 3, 9, 13],
    [3, 1, 7, 5],
    [3, 2, 1, 1],
    [1, 5, 1, 9],
    [3, 3, 29, 38],
];

/// A map whose channels differ in mean and spread, and weights and biases of either sign. Some of
/// the normalised values exceed 6.
fn inputs(shape: [usize; 4]) -> Vec<Tensor> {
    let c = shape[1];
    let offset = (random(&[1, c, 1, 1], 5) * 3.0).unwrap();
    let spread = (random(&[1, c, 1, 1], 6) + 1.5).unwrap();
    let x = random(&shape, 4).broadcast_mul(&spread).unwrap();
    let x = x.broadcast_add(&offset).unwrap();
    vec![x, random(&[c], 7), (random(&[c], 8) * 6.0).unwrap()]
}

/// Inputs for evaluation, with a running mean and a positive running variance.
fn eval_inputs(shape: [usize; 4]) -> Vec<Tensor> {
    let mut inputs = inputs(shape);
    let c = shape[1];
    inputs.push(random(&[c], 9));
    inputs.push((random(&[c], 10) + 1.1).unwrap());
    inputs
}

fn eval(t: &[Tensor], rectifier: Rectifier) -> Result<Tensor> {
    let (scale, shift) = batch_norm_affine(&t[1], &t[2], &t[3], &t[4], EPS)?;
    channel_affine(&t[0], &scale, &shift, rectifier)
}

#[test]
fn training_agrees_with_the_plain_path_in_f64() {
    for shape in SHAPES {
        for rectifier in RECTIFIERS {
            assert_agree(
                &format!("{shape:?}, {rectifier:?}"),
                &inputs(shape),
                |t| Ok(batch_norm_train(&t[0], &t[1], &t[2], EPS, rectifier)?.0),
                |t| Ok(plain::batch_norm_train(&t[0], &t[1], &t[2], EPS, rectifier)?.0),
                5e-5,
            );
        }
    }
}

#[test]
fn evaluation_agrees_in_f64() {
    for shape in SHAPES {
        for rectifier in RECTIFIERS {
            let what = format!("{shape:?}, {rectifier:?}");
            let eval = |t: &[Tensor]| eval(t, rectifier);
            assert_agree(&what, &eval_inputs(shape), eval, eval, 2e-5);
        }
    }
}

#[test]
fn affine_agrees_with_the_plain_path_in_f64() {
    for shape in SHAPES {
        for rectifier in RECTIFIERS {
            assert_agree(
                &format!("{shape:?}, {rectifier:?}"),
                &inputs(shape),
                |t| channel_affine(&t[0], &t[1], &t[2], rectifier),
                |t| plain::channel_affine(&t[0], &t[1], &t[2], rectifier),
                2e-5,
            );
        }
    }
}

#[test]
fn plain_gradients_are_those_of_finite_differences() {
    let shape = [2, 3, 3, 5];
    for rectifier in RECTIFIERS {
        assert_gradient("train", &inputs(shape), |t| {
            Ok(plain::batch_norm_train(&t[0], &t[1], &t[2], EPS, rectifier)?.0)
        });
        assert_gradient("eval", &eval_inputs(shape), |t| eval(t, rectifier));
        assert_gradient("affine", &inputs(shape), |t| {
            plain::channel_affine(&t[0], &t[1], &t[2], rectifier)
        });
    }
}

#[test]
fn statistics_are_the_mean_and_the_biased_variance() {
    let (b, c, h, w) = (3, 2, 5, 7);
    let values = random_values(b * c * h * w, 3);
    // Far from zero, where a one-pass variance loses its digits.
    let x = Tensor::from_vec(values, (b, c, h, w), &Device::Cpu).unwrap();
    let x = (x + 100.0).unwrap();
    let (weight, bias) = (random(&[c], 1), random(&[c], 2));
    for batch_norm in [batch_norm_train, plain::batch_norm_train] {
        let (out, stats) = batch_norm(&x, &weight, &bias, EPS, Rectifier::None).unwrap();
        assert_eq!(stats.count, b * h * w);
        assert_eq!((stats.mean.dims(), stats.var.dims()), (&[c][..], &[c][..]));
        assert!(!stats.mean.track_op() && !stats.var.track_op());
        for channel in 0..c {
            let values = flat(&x.narrow(1, channel, 1).unwrap());
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
            assert!((flat(&stats.mean)[channel] - mean).abs() < 1e-4);
            assert!((flat(&stats.var)[channel] - var).abs() < 1e-4 * var);
            let (scale, shift) = (flat(&weight)[channel], flat(&bias)[channel]);
            let expected: Vec<f64> = values
                .iter()
                .map(|v| scale * (v - mean) / (var + EPS).sqrt() + shift)
                .collect();
            let expected = Tensor::from_vec(expected, (b, 1, h, w), &Device::Cpu).unwrap();
            let found = out.narrow(1, channel, 1).unwrap();
            assert_close("normalised", &found, &expected, 1e-4);
        }
    }
}

#[test]
fn a_constant_channel_becomes_its_bias() {
    let x = Tensor::full(3.7f32, (2, 2, 3, 5), &Device::Cpu).unwrap();
    let (weight, bias) = (random(&[2], 1), random(&[2], 2));
    let (out, stats) = batch_norm_train(&x, &weight, &bias, EPS, Rectifier::None).unwrap();
    let expected = bias
        .reshape((1, 2, 1, 1))
        .unwrap()
        .broadcast_as(x.dims())
        .unwrap();
    assert_close("constant", &out, &expected, 1e-4);
    assert!(flat(&stats.var).iter().all(|var| *var < 1e-9));
}

/// At exactly 0, ReLU passes no gradient, as in PyTorch, in either path.
#[test]
fn relu_passes_no_gradient_at_zero() {
    let x = Tensor::new(&[[[[-1f32, 0.0, 2.0]]]], &Device::Cpu).unwrap();
    let inputs = [
        x,
        Tensor::new(&[1f32], &Device::Cpu).unwrap(),
        Tensor::new(&[0f32], &Device::Cpu).unwrap(),
    ];
    for affine in [channel_affine, plain::channel_affine] {
        let at =
            crate::gradient::evaluate(&inputs, |t| affine(&t[0], &t[1], &t[2], Rectifier::Relu));
        assert_eq!(flat(&at.gradients[0]), [0.0, 0.0, flat(&at.g)[2]]);
    }
}

#[test]
fn relu_does_not_hide_a_nan() {
    let x = Tensor::new(&[[[[-1f32, f32::NAN, 2.0]]]], &Device::Cpu).unwrap();
    let (scale, shift) = (random(&[1], 1), random(&[1], 2));
    for affine in [channel_affine, plain::channel_affine] {
        let out = flat(&affine(&x, &scale, &shift, Rectifier::Relu).unwrap());
        assert!(out[1].is_nan() && !out[0].is_nan() && !out[2].is_nan());
    }
}

#[test]
fn inputs_need_not_be_contiguous() {
    let shape = [3, 4, 5, 7];
    let mut inputs = inputs(shape);
    inputs[0] = inputs[0]
        .permute((3, 2, 1, 0))
        .unwrap()
        .contiguous()
        .unwrap();
    let view = |t: &Tensor| t.permute((3, 2, 1, 0));
    assert_agree(
        "train",
        &inputs,
        |t| Ok(batch_norm_train(&view(&t[0])?, &t[1], &t[2], EPS, Rectifier::Relu)?.0),
        |t| Ok(plain::batch_norm_train(&view(&t[0])?, &t[1], &t[2], EPS, Rectifier::Relu)?.0),
        5e-5,
    );
    assert_agree(
        "affine",
        &inputs,
        |t| channel_affine(&view(&t[0])?, &t[1], &t[2], Rectifier::Relu),
        |t| plain::channel_affine(&view(&t[0])?, &t[1], &t[2], Rectifier::Relu),
        2e-5,
    );
}

#[test]
fn add_relu_agrees_with_the_plain_path_and_has_no_gradient_at_zero() {
    let inputs = [random(&[3, 4, 5, 7], 21), random(&[3, 4, 5, 7], 22)];
    assert_agree(
        "add_relu",
        &inputs,
        |t| add_relu(&t[0], &t[1]),
        |t| plain::add_relu(&t[0], &t[1]),
        1e-6,
    );
    let x = candle_core::Var::from_tensor(&random(&[1, 2, 3, 5], 23)).unwrap();
    let zero = add_relu(&x, &x.neg().unwrap()).unwrap();
    let store = zero.sum_all().unwrap().backward().unwrap();
    assert_eq!(flat(store.get(&x).unwrap()), vec![0.0; 30]);
    assert!(add_relu(&x, &random(&[1, 2, 5, 3], 24)).is_err());
}
