//! The scale-invariant loss of BTS.

use candle_core::Tensor;
use mde_losses::{LossError, VARIANCE_FOCUS, silog_loss};

use crate::gradient::{assert_gradient, flat, gradient, number, random, tensor};

const DIMS: [usize; 4] = [2, 1, 5, 9];

/// Depths of which some are 0 and some lie between 0 and the minimum depth of 0.5 m.
fn pair() -> (Tensor, Tensor) {
    let pred = random(&DIMS, 0.3, 4.0, 1);
    let mut gt = flat(&random(&DIMS, 0.2, 5.0, 2));
    gt.iter_mut().step_by(7).for_each(|depth| *depth = 0.0);
    assert!(gt.iter().any(|&depth| depth > 0.0 && depth < 0.5));
    (pred, tensor(gt, &DIMS))
}

fn loss(pred: &Tensor, gt: &Tensor, focus: f64) -> Tensor {
    silog_loss(pred, gt, 0.5, focus).unwrap()
}

#[test]
fn is_its_definition_over_the_valid_pixels() {
    let (pred, gt) = pair();
    let logs: Vec<f64> = flat(&pred)
        .iter()
        .zip(flat(&gt))
        .filter(|(_, gt)| *gt > 0.5)
        .map(|(pred, gt)| pred.ln() - gt.ln())
        .collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let square = logs.iter().map(|g| g * g).sum::<f64>() / logs.len() as f64;
    for focus in [0.0, VARIANCE_FOCUS] {
        let expected = 10.0 * (square - focus * mean * mean).sqrt();
        let found = number(&loss(&pred, &gt, focus));
        assert!(
            (found - expected).abs() < 1e-12,
            "{found}, expected {expected}"
        );
    }
}

#[test]
fn gradient_is_that_of_finite_differences() {
    let (pred, gt) = pair();
    assert_gradient(&pred, |pred| loss(pred, &gt, VARIANCE_FOCUS));
}

#[test]
fn invalid_pixels_do_not_change_the_loss() {
    let (pred, gt) = pair();
    let mut other = flat(&pred);
    for (pred, gt) in other.iter_mut().zip(flat(&gt)) {
        if gt <= 0.5 {
            // A value without a logarithm.
            *pred = -1.0;
        }
    }
    let other = tensor(other, &DIMS);
    let expected = number(&loss(&pred, &gt, VARIANCE_FOCUS));
    assert_eq!(number(&loss(&other, &gt, VARIANCE_FOCUS)), expected);
    let gradient = gradient(&other, |pred| loss(pred, &gt, VARIANCE_FOCUS));
    for (gradient, gt) in gradient.iter().zip(flat(&gt)) {
        assert_eq!(*gradient != 0.0, gt > 0.5);
        assert!(gradient.is_finite());
    }
}

#[test]
fn a_focus_of_1_ignores_the_scale() {
    let (pred, gt) = pair();
    let scaled = (&pred * 3.0).unwrap();
    let difference = number(&loss(&pred, &gt, 1.0)) - number(&loss(&scaled, &gt, 1.0));
    assert!(difference.abs() < 1e-12);
    assert!(number(&loss(&pred, &gt, 0.85)) < number(&loss(&scaled, &gt, 0.85)));
}

#[test]
fn bad_input_is_an_error() {
    let (pred, gt) = pair();
    let error = silog_loss(&pred, &gt, 80.0, VARIANCE_FOCUS).unwrap_err();
    assert!(
        matches!(error, LossError::NoValidDepth { min_depth } if min_depth == 80.0),
        "{error}"
    );
    let turned = gt.transpose(2, 3).unwrap();
    let error = silog_loss(&pred, &turned, 0.1, VARIANCE_FOCUS).unwrap_err();
    assert!(matches!(error, LossError::Shapes { .. }), "{error}");
}
