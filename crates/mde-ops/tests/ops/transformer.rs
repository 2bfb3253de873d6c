//! Attention, layer norm and linear layers.

use candle_core::{DType, Device, Tensor};
use mde_ops::{attention, layer_norm, linear, plain};

use crate::gradient::{assert_agree, assert_close, assert_gradient, evaluate, flat, random};

/// Sequences, tokens, heads, values per head.
const ATTENTIONS: [[usize; 4]; 7] = [
    [2, 48, 4, 8],
    [3, 77, 4, 8],
    [1, 16, 1, 8],
    [2, 15, 3, 5],
    [5, 1, 2, 3],
    [1, 33, 1, 1],
    [2, 130, 2, 17],
];

#[test]
fn attention_agrees_with_the_plain_path_in_f64() {
    for [n, tokens, heads, head] in ATTENTIONS {
        let qkv = (random(&[n, tokens, 3 * heads * head], 3) * 2.0).unwrap();
        assert_agree(
            &format!("{n}x{tokens}, {heads} heads of {head}"),
            &[qkv],
            |t| attention(&t[0], heads),
            |t| plain::attention(&t[0], heads),
            1e-5,
        );
    }
}

#[test]
fn attention_has_known_values() {
    // Two tokens, two heads of one value: each weight is softmax(q k) within its own head.
    let qkv = [
        [1f32, 0.0, 2.0, 5.0, 10.0, -1.0],
        [0.0, 0.0, 1.0, 5.0, 20.0, 3.0],
    ];
    let qkv = Tensor::new(&[qkv], &Device::Cpu).unwrap();
    let first = 1.0 / (1.0 + (-1f64).exp());
    let expected = [first * 10.0 + (1.0 - first) * 20.0, 1.0, 15.0, 1.0];
    for found in [attention(&qkv, 2), plain::attention(&qkv, 2)] {
        for (found, expected) in flat(&found.unwrap()).iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-5,
                "{found}, expected {expected}"
            );
        }
    }
}

#[test]
fn large_scores_do_not_overflow_and_non_finite_values_stay_visible() {
    let qkv = Tensor::new(
        &[[[1000f32, 1000.0, 1.0], [1000.0, -1000.0, 2.0]]],
        &Device::Cpu,
    );
    let qkv = qkv.unwrap();
    for found in flat(&attention(&qkv, 1).unwrap()) {
        assert!((found - 1.0).abs() < 1e-6, "{found}");
    }
    for wrong in [f32::NAN, f32::INFINITY] {
        for place in 0..3 {
            let mut values = [0.5f32; 9];
            values[place] = wrong;
            let qkv = Tensor::from_slice(&values, (1, 3, 3), &Device::Cpu).unwrap();
            let at = evaluate(&[qkv], |t| attention(&t[0], 1));
            let found = [&at.out, &at.gradients[0]];
            for tensor in found {
                assert!(
                    flat(tensor).iter().any(|v| !v.is_finite()),
                    "{wrong} at {place}"
                );
            }
        }
    }
}

#[test]
fn layer_norm_agrees_with_the_plain_path_in_f64() {
    for dims in [&[2, 3, 48][..], &[200, 17], &[1, 5, 2, 64], &[7], &[3, 2]] {
        let length = dims[dims.len() - 1];
        let inputs = [random(dims, 1), random(&[length], 2), random(&[length], 3)];
        assert_agree(
            &format!("{dims:?}"),
            &inputs,
            |t| layer_norm(&t[0], &t[1], &t[2], 1e-3),
            |t| plain::layer_norm(&t[0], &t[1], &t[2], 1e-3),
            2e-5,
        );
    }
}

#[test]
fn a_constant_row_is_normalised_to_the_bias() {
    let x = Tensor::full(3f32, (4, 9), &Device::Cpu).unwrap();
    let (weight, bias) = (random(&[9], 1), random(&[9], 2));
    let expected = bias.broadcast_as((4, 9)).unwrap();
    let found = layer_norm(&x, &weight, &bias, 1e-5).unwrap();
    assert_close("constant", &found, &expected, 0.0);
}

#[test]
fn linear_agrees_with_the_plain_path_in_f64() {
    // The third has several blocks of rows, the last one shorter, in both passes.
    for (dims, out) in [
        (&[2, 3, 7][..], 5),
        (&[11], 3),
        (&[2, 500, 24], 17),
        (&[3, 1], 1),
    ] {
        let input = dims[dims.len() - 1];
        let inputs = [random(dims, 1), random(&[out, input], 2), random(&[out], 3)];
        assert_agree(
            &format!("{dims:?} to {out}"),
            &inputs,
            |t| linear(&t[0], &t[1], Some(&t[2])),
            |t| plain::linear(&t[0], &t[1], Some(&t[2])),
            1e-5,
        );
        assert_agree(
            &format!("{dims:?} to {out}, no bias"),
            &inputs[..2],
            |t| linear(&t[0], &t[1], None),
            |t| plain::linear(&t[0], &t[1], None),
            1e-5,
        );
    }
}

#[test]
fn plain_gradients_are_those_of_finite_differences() {
    assert_gradient("attention", &[random(&[2, 3, 12], 1)], |t| {
        plain::attention(&t[0], 2)
    });
    let inputs = [random(&[2, 3, 5], 1), random(&[5], 2), random(&[5], 3)];
    assert_gradient("layer_norm", &inputs, |t| {
        plain::layer_norm(&t[0], &t[1], &t[2], 1e-2)
    });
    let inputs = [random(&[2, 3, 5], 1), random(&[4, 5], 2), random(&[4], 3)];
    assert_gradient("linear", &inputs, |t| {
        plain::linear(&t[0], &t[1], Some(&t[2]))
    });
}

#[test]
fn inputs_need_not_be_contiguous() {
    let inputs = [random(&[12, 7, 2], 1), random(&[4, 12], 2), random(&[4], 3)];
    let view = |t: &Tensor| t.permute((2, 1, 0));
    assert_agree(
        "attention",
        &inputs[..1],
        |t| attention(&view(&t[0])?, 2),
        |t| plain::attention(&view(&t[0])?, 2),
        1e-5,
    );
    assert_agree(
        "linear",
        &inputs,
        |t| linear(&view(&t[0])?, &t[1], Some(&t[2])),
        |t| plain::linear(&view(&t[0])?.contiguous()?, &t[1], Some(&t[2])),
        1e-5,
    );
    let inputs = [random(&[12, 7, 2], 1), random(&[12], 2), random(&[12], 3)];
    assert_agree(
        "layer_norm",
        &inputs,
        |t| layer_norm(&view(&t[0])?, &t[1], &t[2], 1e-3),
        |t| plain::layer_norm(&view(&t[0])?, &t[1], &t[2], 1e-3),
        2e-5,
    );
}

#[test]
fn a_bias_that_was_not_given_gets_no_gradient() {
    let weight = candle_core::Var::from_tensor(&random(&[4, 5], 1)).unwrap();
    let x = random(&[3, 5], 2);
    let out = linear(&x, &weight, None).unwrap();
    let gradients = out.sum_all().unwrap().backward().unwrap();
    let expected = x.sum_keepdim(0).unwrap().broadcast_as((4, 5)).unwrap();
    assert_close("weight", gradients.get(&weight).unwrap(), &expected, 1e-6);
    assert_eq!(out.dtype(), DType::F32);
}
