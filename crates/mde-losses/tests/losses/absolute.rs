//! The absolute error and its logarithm.

use candle_core::Tensor;
use mde_losses::{LossError, l1_loss, log_loss};

use crate::gradient::{assert_gradient, flat, number, random, tensor};

const DIMS: [usize; 4] = [2, 1, 5, 9];

type Pointwise = fn(f64) -> f64;
type Loss = fn(&Tensor, &Tensor) -> Result<Tensor, LossError>;

/// A loss, and the function of |e| that it averages.
const LOSSES: [(Loss, Pointwise); 2] = [
    (l1_loss, |error| error),
    (log_loss, |error| (error + 0.5).ln()),
];

#[test]
fn are_their_definitions_over_the_valid_pixels() {
    for (loss, of_error) in LOSSES {
        is_its_definition(loss, of_error);
    }
}

fn is_its_definition(loss: Loss, of_error: Pointwise) {
    let pred = random(&DIMS, -0.5, 4.0, 1);
    let mut gt = flat(&random(&DIMS, 0.2, 5.0, 2));
    gt.iter_mut().step_by(7).for_each(|depth| *depth = 0.0);
    let errors: Vec<f64> = flat(&pred)
        .iter()
        .zip(&gt)
        .filter(|(_, gt)| **gt > 0.0)
        .map(|(pred, gt)| of_error((pred - gt).abs()))
        .collect();
    assert!(errors.len() < gt.len());
    let expected = errors.iter().sum::<f64>() / errors.len() as f64;
    let gt = tensor(gt, &DIMS);
    let found = number(&loss(&pred, &gt).unwrap());
    assert!(
        (found - expected).abs() < 1e-12,
        "{found}, expected {expected}"
    );
    assert_gradient(&pred, |pred| loss(pred, &gt).unwrap());
}

#[test]
fn a_batch_without_valid_depth_is_an_error() {
    let pred = random(&DIMS, 0.5, 4.0, 1);
    let nothing = tensor(vec![0.0; 90], &DIMS);
    for (loss, _) in LOSSES {
        assert!(matches!(
            loss(&pred, &nothing),
            Err(LossError::NoValidDepth { .. })
        ));
    }
}
