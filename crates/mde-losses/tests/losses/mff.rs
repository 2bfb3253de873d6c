//! The loss of MFF.

use candle_core::Tensor;
use mde_losses::{LossError, mff_loss};

use crate::gradient::{assert_gradient, flat, gradient, number, random, tensor};

const DIMS: [usize; 4] = [3, 1, 7, 5];
const HEIGHT: isize = 7;
const WIDTH: isize = 5;

fn loss(pred: &Tensor, gt: &Tensor) -> Tensor {
    mff_loss(pred, gt).unwrap()
}

/// Predictions and depths. With `holes`, some values of the first image and all but one of the last
/// are invalid; the image between is complete.
fn pair(holes: bool) -> (Tensor, Tensor) {
    let pred = random(&DIMS, 0.3, 4.0, 1);
    let mut gt = flat(&random(&DIMS, 0.5, 5.0, 2));
    if holes {
        for (index, depth) in gt.iter_mut().enumerate() {
            let hole = match index / 35 {
                0 => index % 9 == 2,
                1 => false,
                _ => index % 35 != 18,
            };
            if hole {
                *depth = 0.0;
            }
        }
    }
    (pred, tensor(gt, &DIMS))
}

/// The loss by its definition, pixel by pixel.
fn slow(pred: &Tensor, gt: &Tensor) -> f64 {
    let (pred, gt) = (flat(pred), flat(gt));
    let (mut depth, mut measured) = (0.0, 0.0);
    let (mut dx, mut dy, mut normal, mut complete) = (0.0, 0.0, 0.0, 0.0);
    for image in 0..DIMS[0] as isize {
        let inside = |y: isize, x: isize| (0..HEIGHT).contains(&y) && (0..WIDTH).contains(&x);
        let index = |y: isize, x: isize| ((image * HEIGHT + y) * WIDTH + x) as usize;
        let at = |map: &[f64], y, x| {
            if inside(y, x) { map[index(y, x)] } else { 0.0 }
        };
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                if gt[index(y, x)] > 0.0 {
                    depth += ((pred[index(y, x)] - gt[index(y, x)]).abs() + 0.5).ln();
                    measured += 1.0;
                }
                let around = [-1, 0, 1].map(|dy| [-1, 0, 1].map(|dx| (y + dy, x + dx)));
                let whole = around
                    .iter()
                    .flatten()
                    .all(|&(y, x)| !inside(y, x) || gt[index(y, x)] > 0.0);
                if !whole {
                    continue;
                }
                let slope = |map: &[f64]| {
                    let row = |y| at(map, y, x + 1) - at(map, y, x - 1);
                    let column = |x| at(map, y + 1, x) - at(map, y - 1, x);
                    (
                        row(y - 1) + 2.0 * row(y) + row(y + 1),
                        column(x - 1) + 2.0 * column(x) + column(x + 1),
                    )
                };
                let ((px, py), (gx, gy)) = (slope(&pred), slope(&gt));
                dx += ((px - gx).abs() + 0.5).ln();
                dy += ((py - gy).abs() + 0.5).ln();
                let cosine = (px * gx + py * gy + 1.0)
                    / ((px * px + py * py + 1.0) * (gx * gx + gy * gy + 1.0)).sqrt();
                normal += (1.0 - cosine).abs();
                complete += 1.0;
            }
        }
    }
    let rest = if complete > 0.0 {
        (dx + dy + normal) / complete
    } else {
        0.0
    };
    depth / measured + rest
}

#[test]
fn is_its_definition_over_the_valid_pixels() {
    for holes in [false, true] {
        let (pred, gt) = pair(holes);
        let (found, expected) = (number(&loss(&pred, &gt)), slow(&pred, &gt));
        assert!(
            (found - expected).abs() < 1e-12,
            "holes {holes}: {found}, expected {expected}"
        );
    }
    let ((pred, whole), (_, holes)) = (pair(false), pair(true));
    assert_ne!(number(&loss(&pred, &whole)), number(&loss(&pred, &holes)));
}

#[test]
fn gradient_is_that_of_finite_differences() {
    for holes in [false, true] {
        let (pred, gt) = pair(holes);
        assert_gradient(&pred, |pred| loss(pred, &gt));
    }
}

#[test]
fn invalid_pixels_do_not_change_the_loss() {
    let (pred, gt) = pair(true);
    let gradient = gradient(&pred, |pred| loss(pred, &gt));
    let mut other = flat(&pred);
    for ((gradient, gt), pred) in gradient.iter().zip(flat(&gt)).zip(&mut other) {
        if gt == 0.0 {
            assert_eq!(*gradient, 0.0);
            *pred += 100.0;
        } else {
            assert!(gradient.is_finite() && *gradient != 0.0);
        }
    }
    let other = tensor(other, &DIMS);
    assert_eq!(number(&loss(&other, &gt)), number(&loss(&pred, &gt)));
}

#[test]
fn scattered_valid_pixels_leave_only_the_depth_term() {
    let pred = random(&DIMS, 0.3, 4.0, 1);
    // No two valid pixels are adjacent: no neighbourhood is complete.
    let gt = (0..105).map(|index| f64::from(u8::from(index % 35 % 2 == 0)));
    let gt = tensor(gt.collect(), &DIMS);
    assert!((number(&loss(&pred, &gt)) - slow(&pred, &gt)).abs() < 1e-12);
    assert_gradient(&pred, |pred| loss(pred, &gt));
}

#[test]
fn a_perfect_prediction_has_the_minimum_loss() {
    let (_, gt) = pair(true);
    let least = number(&loss(&gt, &gt));
    assert!((least - 3.0 * 0.5f64.ln()).abs() < 1e-12, "{least}");
    let gradient = gradient(&gt, |pred| loss(pred, &gt));
    assert!(gradient.iter().all(|value| value.is_finite()));
}

#[test]
fn f32_agrees_with_f64() {
    let (pred, gt) = pair(true);
    let single = |t: &Tensor| t.to_dtype(candle_core::DType::F32).unwrap();
    let found: f32 = loss(&single(&pred), &single(&gt)).to_scalar().unwrap();
    assert!((f64::from(found) - slow(&pred, &gt)).abs() < 1e-5);
}

#[test]
fn a_batch_without_valid_depth_is_an_error() {
    let (pred, gt) = pair(false);
    // A negative depth is also invalid.
    for value in [0.0, -1.0] {
        let none = ((&gt * 0.0).unwrap() + value).unwrap();
        let error = mff_loss(&pred, &none).unwrap_err();
        assert!(
            matches!(error, LossError::NoValidDepth { min_depth: 0.0 }),
            "{error}"
        );
    }
}

#[test]
fn wrong_shapes_are_errors() {
    let (pred, gt) = pair(false);
    let turned = gt.transpose(2, 3).unwrap();
    let two_channels = Tensor::cat(&[&gt, &gt], 1).unwrap();
    let one_image = gt.narrow(0, 0, 1).unwrap();
    let flat = gt.squeeze(1).unwrap();
    for (pred, gt) in [
        (&pred, &turned),
        (&pred, &one_image),
        (&two_channels, &two_channels),
        (&flat, &flat),
    ] {
        let error = mff_loss(pred, gt).unwrap_err();
        assert!(matches!(error, LossError::Shapes { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{:?}", gt.dims())));
    }
}
