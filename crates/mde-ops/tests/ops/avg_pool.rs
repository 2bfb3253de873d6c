//! Means of 2x2 blocks.

use candle_core::{Device, Tensor};
use mde_ops::{avg_pool2x2, plain};

use crate::gradient::{assert_agree, assert_gradient, evaluate, flat, random};

#[test]
fn agrees_with_the_plain_path_in_f64() {
    for dims in [[3, 4, 10, 14], [1, 3, 11, 15], [2, 1, 2, 3], [1, 2, 57, 76]] {
        assert_agree(
            &format!("{dims:?}"),
            &[random(&dims, 3)],
            |t| avg_pool2x2(&t[0]),
            |t| plain::avg_pool2x2(&t[0]),
            1e-6,
        );
    }
}

#[test]
fn plain_gradient_is_that_of_finite_differences() {
    assert_gradient("avg_pool2x2", &[random(&[2, 3, 5, 6], 1)], |t| {
        plain::avg_pool2x2(&t[0])
    });
}

#[test]
fn a_last_odd_row_and_column_are_ignored() {
    let x: Vec<f32> = (0..15).map(|v| v as f32).collect();
    let x = Tensor::from_vec(x, (1, 1, 3, 5), &Device::Cpu).unwrap();
    let at = evaluate(&[x], |t| avg_pool2x2(&t[0]));
    assert_eq!(at.out.dims(), [1, 1, 1, 2]);
    // Rows 0 1 | 5 6 and 2 3 | 7 8.
    assert_eq!(flat(&at.out), [3.0, 5.0]);
    let gradient = flat(&at.gradients[0]);
    for (index, gradient) in gradient.iter().enumerate() {
        let inside = index / 5 < 2 && index % 5 < 4;
        assert_eq!(*gradient != 0.0, inside, "pixel {index}");
    }
}

#[test]
fn inputs_need_not_be_contiguous() {
    assert_agree(
        "view",
        &[random(&[7, 9, 2, 3], 1)],
        |t| avg_pool2x2(&t[0].permute((2, 3, 0, 1))?),
        |t| plain::avg_pool2x2(&t[0].permute((2, 3, 0, 1))?),
        1e-6,
    );
}
