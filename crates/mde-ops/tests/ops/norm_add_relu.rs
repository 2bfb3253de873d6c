//! Batch norm, sum and ReLU in one pass.

use candle_core::{Result, Tensor};
use mde_ops::{Norm, Rectifier, add_relu, batch_norm_train, norm_add_relu};

use crate::gradient::{assert_agree, assert_close, flat, random};

const EPS: f64 = 1e-3;

pub(crate) fn inputs(shape: &[usize]) -> Vec<Tensor> {
    let channels = shape[1];
    vec![
        random(shape, 1),
        random(shape, 2),
        (random(&[channels], 3) + 1.5).unwrap(),
        (random(&[channels], 4) * 6.0).unwrap(),
    ]
}

pub(crate) fn norm(t: &[Tensor], rectifier: Rectifier) -> Norm<'_> {
    Norm {
        weight: &t[2],
        bias: &t[3],
        eps: EPS,
        rectifier,
    }
}

#[test]
fn agrees_with_its_parts_in_turn_in_f64() {
    for shape in [[2, 3, 7, 5], [1, 1, 4, 9], [3, 5, 1, 2]] {
        for rectifier in [Rectifier::None, Rectifier::Relu, Rectifier::Relu6] {
            let parts = |t: &[Tensor]| -> Result<Tensor> {
                let (normed, _) = batch_norm_train(&t[0], &t[2], &t[3], EPS, rectifier)?;
                add_relu(&normed, &t[1])
            };
            let whole = |t: &[Tensor]| Ok(norm_add_relu(&t[0], norm(t, rectifier), &t[1])?.0);
            let name = format!("{shape:?}, {rectifier:?}");
            assert_agree(&name, &inputs(&shape), whole, parts, 5e-5);
        }
    }
}

#[test]
fn gives_the_statistics_of_the_norm() {
    let t = inputs(&[2, 3, 7, 5]);
    let (_, found) = norm_add_relu(&t[0], norm(&t, Rectifier::None), &t[1]).unwrap();
    let (_, expected) = batch_norm_train(&t[0], &t[2], &t[3], EPS, Rectifier::None).unwrap();
    assert_close("mean", &found.mean, &expected.mean, 1e-6);
    assert_close("var", &found.var, &expected.var, 1e-6);
    assert_eq!(found.count, expected.count);
}

#[test]
fn wrong_shapes_are_an_error_and_a_nan_stays_visible() {
    let t = inputs(&[2, 3, 7, 5]);
    assert!(norm_add_relu(&t[0], norm(&t, Rectifier::None), &random(&[2, 3, 5, 7], 5)).is_err());
    let long = random(&[4], 6);
    let wrong = Norm {
        weight: &long,
        ..norm(&t, Rectifier::None)
    };
    assert!(norm_add_relu(&t[0], wrong, &t[1]).is_err());
    let nan = (t[0].zeros_like().unwrap() / 0.0).unwrap();
    let (out, _) = norm_add_relu(&nan, norm(&t, Rectifier::None), &t[1]).unwrap();
    assert!(flat(&out).iter().all(|value| value.is_nan()));
}
