//! ReLU and ELU.

use candle_core::{Device, Tensor};
use mde_ops::{elu, plain, relu};

use crate::gradient::{assert_agree, assert_gradient, evaluate, flat, random};

#[test]
fn agree_with_the_plain_path_in_f64() {
    // Several ranks; the second does not fill its last run.
    for dims in [&[3, 4, 5, 7][..], &[2, 3, 61, 83], &[5]] {
        let x = (random(dims, 3) * 4.0).unwrap();
        assert_agree(
            "relu",
            std::slice::from_ref(&x),
            |t| relu(&t[0]),
            |t| plain::relu(&t[0]),
            1e-6,
        );
        assert_agree("elu", &[x], |t| elu(&t[0]), |t| plain::elu(&t[0]), 1e-6);
    }
}

#[test]
fn plain_gradients_are_those_of_finite_differences() {
    // No value lies within a step of 0, where both functions have a kink.
    let x = random(&[2, 3, 5, 7], 3);
    assert!(flat(&x).iter().all(|v| v.abs() > 1e-4));
    assert_gradient("relu", std::slice::from_ref(&x), |t| plain::relu(&t[0]));
    assert_gradient("elu", &[x], |t| plain::elu(&t[0]));
}

#[test]
fn at_zero_the_gradient_is_pytorchs() {
    let zero = Tensor::zeros((1, 1, 1, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
    for (activation, slope) in [
        (relu as fn(&Tensor) -> candle_core::Result<Tensor>, 0.0),
        (plain::relu, 0.0),
        (elu, 1.0),
        (plain::elu, 1.0),
    ] {
        let at = evaluate(std::slice::from_ref(&zero), |t| activation(&t[0]));
        let expected: Vec<f64> = flat(&at.g).iter().map(|g| slope * g).collect();
        assert_eq!(flat(&at.gradients[0]), expected);
    }
}

#[test]
fn known_and_non_finite_values() {
    let x = Tensor::new(
        &[
            -1e-6f32,
            -1.0,
            2.0,
            f32::NEG_INFINITY,
            f32::INFINITY,
            f32::NAN,
        ],
        &Device::Cpu,
    )
    .unwrap();
    let found = flat(&elu(&x).unwrap());
    // exp(x) - 1 keeps its digits near 0.
    assert!((found[0] + 1e-6).abs() < 1e-11, "{}", found[0]);
    assert!((found[1] - ((-1f64).exp() - 1.0)).abs() < 1e-7);
    assert_eq!(found[2..5], [2.0, -1.0, f64::INFINITY]);
    let rectified = flat(&relu(&x).unwrap());
    assert_eq!(rectified[..5], [0.0, 0.0, 2.0, 0.0, f64::INFINITY]);
    assert!(found[5].is_nan() && rectified[5].is_nan());
}
