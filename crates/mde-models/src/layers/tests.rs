//! Tests of linear layers, layer norm, batch norm, and chains of convolutions and batch norms.

use candle_core::{DType, Device, Tensor, Var};
use mde_ops::{Rectifier, Residual};

use super::{
    BatchNormConfig, batch_norm2d, batch_norm2d_with, chain, conv_norm, conv_only, conv2d,
    conv2d_bias, layer_norm, linear, linear_bias,
};
use crate::network::Mode;
use crate::parameters::Parameters;

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_vec(values.to_vec(), shape, &Device::Cpu).unwrap()
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-5,
            "{found}, expected {expected}"
        );
    }
}

#[test]
fn a_linear_layer_is_x_times_its_weight_transposed_plus_its_bias() {
    let parameters = Parameters::new(1, &Device::Cpu);
    let layer = linear_bias(2, 3, parameters.builder()).unwrap();
    let plain = linear(2, 3, parameters.builder()).unwrap();
    parameters.all()["weight"]
        .set(&tensor(&[1., 2., 3., 4., 5., 6.], &[3, 2]))
        .unwrap();
    parameters.all()["bias"]
        .set(&tensor(&[0.5, 0., -1.], &[3]))
        .unwrap();
    // Stored as [C, N]: not contiguous once transposed.
    let x = tensor(&[1., -1., 10., 0.], &[2, 2])
        .t()
        .unwrap()
        .unsqueeze(0)
        .unwrap();
    assert!(!x.is_contiguous());
    for mode in [Mode::Train, Mode::Eval] {
        let out = layer.forward(&x, mode).unwrap();
        assert_eq!(out.dims(), [1, 2, 3]);
        close(&values(&out), &[21.5, 43., 64., -0.5, -3., -6.]);
        close(
            &values(&plain.forward(&x, mode).unwrap()),
            &[21., 43., 65., -1., -3., -5.],
        );
        assert_eq!(out.track_op(), mode == Mode::Train);
    }
}

#[test]
fn a_layer_norm_has_known_values() {
    let parameters = Parameters::new(1, &Device::Cpu);
    let norm = layer_norm(4, parameters.builder()).unwrap();
    let x = tensor(&[1., 2., 3., 6., 0., 0., 0., 0.], &[1, 2, 4]);
    // Mean 3, biased variance 3.5.
    let std = (3.5f32 + 1e-5).sqrt();
    let expected = [-2. / std, -1. / std, 0., 3. / std, 0., 0., 0., 0.];
    for mode in [Mode::Train, Mode::Eval] {
        let out = norm.forward(&x, mode).unwrap();
        close(&values(&out), &expected);
        assert_eq!(out.track_op(), mode == Mode::Train);
    }
    parameters.all()["weight"]
        .set(&tensor(&[1., 2., 1., 1.], &[4]))
        .unwrap();
    parameters.all()["bias"]
        .set(&tensor(&[0., 0., 7., 0.], &[4]))
        .unwrap();
    let out = values(&norm.forward(&x, Mode::Eval).unwrap());
    close(&out[..3], &[expected[0], 2. * expected[1], 7.]);
}

/// In either mode, with the same running averages afterwards, which decide what eval gives.
#[test]
fn a_chain_is_its_layers_in_turn() {
    let (chained, single) = (
        Parameters::new(4, &Device::Cpu),
        Parameters::new(4, &Device::Cpu),
    );
    let layers = |parameters: &Parameters| {
        let vb = parameters.builder();
        let first = conv2d(3, 5, 3, vb.pp("a")).unwrap();
        let second = conv2d(5, 3, 1, vb.pp("b")).unwrap();
        (first, second, batch_norm2d(3, vb.pp("bn")).unwrap())
    };
    let (first, second, bn) = layers(&chained);
    let stages = [conv_only(first), conv_norm(second, bn, Rectifier::Relu)];
    let (first, second, bn) = layers(&single);
    let x = Tensor::rand(-1f32, 1., (2, 3, 9, 7), &Device::Cpu).unwrap();
    for mode in [Mode::Train, Mode::Eval, Mode::Train, Mode::Eval] {
        let found = chain(&x, &stages, Residual::Add, mode).unwrap();
        let convolved = second
            .forward(&first.forward(&x, mode).unwrap(), mode)
            .unwrap();
        let expected = (bn.forward_relu(&convolved, mode).unwrap() + &x).unwrap();
        close(&values(&found), &values(&expected));
        assert_eq!(found.track_op(), mode == Mode::Train);
        for name in ["bn.running_mean", "bn.running_var"] {
            let of = |parameters: &Parameters| values(&parameters.all()[name]);
            close(&of(&chained), &of(&single));
        }
    }
    assert_ne!(values(&chained.all()["bn.running_mean"]), [0.0; 3]);
}

/// The chained operation has no bias, so the layer must add it.
#[test]
fn a_chain_keeps_the_bias_of_its_convolutions() {
    let parameters = Parameters::new(5, &Device::Cpu);
    let vb = parameters.builder();
    let conv = conv2d_bias(3, 4, 1, vb.pp("conv")).unwrap();
    let bn = batch_norm2d(4, vb.pp("bn")).unwrap();
    parameters.all()["conv.bias"]
        .set(&tensor(&[1., -2., 3., 0.5], &[4]))
        .unwrap();
    let x = Tensor::rand(-1f32, 1., (2, 3, 5, 4), &Device::Cpu).unwrap();
    for mode in [Mode::Train, Mode::Eval] {
        let convolved = conv.forward(&x, mode).unwrap();
        let stages = [conv_only(conv.clone())];
        let found = chain(&x, &stages, Residual::None, mode).unwrap();
        close(&values(&found), &values(&convolved));
    }
    // In eval: batch statistics would take any bias off again.
    let stages = [conv_norm(conv.clone(), bn.clone(), Rectifier::None)];
    let found = chain(&x, &stages, Residual::None, Mode::Eval).unwrap();
    let convolved = conv.forward(&x, Mode::Eval).unwrap();
    let expected = bn.forward(&convolved, Mode::Eval).unwrap();
    close(&values(&found), &values(&expected));
    for mode in [Mode::Train, Mode::Eval] {
        assert!(chain(&x, &[], Residual::None, mode).is_err());
    }
}

/// The reason for `mde_ops::layer_norm`. If this fails, candle's own may serve other devices now.
#[test]
fn candles_own_layer_norm_loses_the_gradient() {
    let x = Var::from_tensor(&tensor(&[1., 2., 4.], &[1, 3])).unwrap();
    let one = Tensor::ones(3, DType::F32, &Device::Cpu).unwrap();
    let out = candle_nn::ops::layer_norm(&x, &one, &one.zeros_like().unwrap(), 1e-5).unwrap();
    let gradients = out.sqr().unwrap().sum_all().unwrap().backward();
    let arrives = gradients.is_ok_and(|gradients| gradients.get(&x).is_some());
    assert!(
        !arrives,
        "candle differentiates its layer norm now: reconsider mde_ops::plain::layer_norm"
    );
}

#[test]
fn running_averages_are_pytorchs() {
    let parameters = Parameters::new(0, &Device::Cpu);
    let norm = batch_norm2d(2, parameters.builder().pp("bn")).unwrap();
    let x: Vec<f32> = (0..12).map(|index| ((index * index) % 7) as f32).collect();
    let x = Tensor::from_vec(x, (2, 2, 1, 3), &Device::Cpu).unwrap();
    norm.forward(&x, Mode::Train).unwrap();
    // Channel 0 holds (0, 1, 4) and (1, 0, 1): mean 7/6, squared deviations 19 - 49/6 = 65/6,
    // unbiased variance 13/6. Channel 1 holds (2, 2, 4) and (4, 2, 2): mean 8/3, squared deviations
    // 48 - 128/3 = 16/3, unbiased variance 16/15.
    let running = |name: &str| values(&parameters.all()[&format!("bn.{name}")]);
    for (found, expected) in [
        (running("running_mean"), [0.7 / 6.0, 0.8 / 3.0]),
        (running("running_var"), [0.9 + 1.3 / 6.0, 0.9 + 1.6 / 15.0]),
    ] {
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-6,
                "{found}, expected {expected}"
            );
        }
    }
    let out = values(&norm.forward(&x, Mode::Eval).unwrap());
    let expected = (4.0 - 0.7 / 6.0) / (0.9f32 + 1.3 / 6.0 + 1e-5).sqrt();
    assert!(
        (out[2] - expected).abs() < 1e-5,
        "{}, expected {expected}",
        out[2]
    );
}

#[test]
fn a_batch_norm_uses_its_own_constants() {
    let parameters = Parameters::new(0, &Device::Cpu);
    let config = BatchNormConfig {
        momentum: 0.25,
        eps: 0.5,
    };
    let norm = batch_norm2d_with(1, config, parameters.builder()).unwrap();
    // Mean 2, unbiased variance 4, biased 2.
    let x = Tensor::new(&[1f32, 3.0, 1.0, 3.0], &Device::Cpu).unwrap();
    let x = x.affine(2f64.sqrt(), 2.0 - 2.0 * 2f64.sqrt()).unwrap();
    let out = norm
        .forward(&x.reshape((1, 1, 2, 2)).unwrap(), Mode::Train)
        .unwrap();
    let close = |found: f32, expected: f32| {
        assert!(
            (found - expected).abs() < 1e-5,
            "{found}, expected {expected}"
        )
    };
    close(values(&out)[0], -(2f32.sqrt()) / 2.5f32.sqrt());
    close(values(&parameters.all()["running_mean"])[0], 0.5);
    close(
        values(&parameters.all()["running_var"])[0],
        0.75 + 0.25 * 8.0 / 3.0,
    );
}
