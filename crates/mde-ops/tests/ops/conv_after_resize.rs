//! Convolution of a resized map, at low resolution.

use candle_core::{Result, Tensor};
use mde_ops::{ConvConfig, conv_after_resize, conv2d, plain, resize_bilinear};
use proptest::prelude::*;

use crate::gradient::{assert_agree, assert_close, assert_gradient, dot, evaluate, random};

/// Batch, channels, size, output channels, kernel side and target size.
pub(crate) const TABLE: [([usize; 4], usize, usize, [usize; 2]); 14] = [
    ([1, 3, 5, 7], 2, 1, [10, 14]),
    ([3, 3, 5, 7], 2, 3, [10, 14]),
    ([1, 4, 8, 10], 3, 5, [15, 19]),
    ([3, 4, 7, 9], 3, 5, [28, 36]),
    ([1, 9, 4, 5], 2, 5, [57, 76]),
    ([1, 4, 29, 38], 2, 3, [57, 76]),
    ([1, 3, 13, 17], 2, 5, [6, 5]),
    ([3, 3, 13, 17], 2, 3, [4, 33]),
    ([1, 3, 6, 9], 2, 5, [6, 9]),
    ([1, 1, 6, 9], 1, 3, [9, 6]),
    ([1, 2, 1, 1], 2, 3, [5, 4]),
    // Kernels that reach beyond the target on both sides.
    ([1, 2, 3, 4], 2, 5, [1, 1]),
    ([3, 2, 3, 4], 2, 7, [2, 1]),
    ([1, 2, 1, 1], 1, 5, [1, 2]),
];

#[test]
fn agrees_with_the_plain_path_in_f64() {
    for (x, out, k, [height, width]) in TABLE {
        assert_agree(
            &format!("{x:?}, {out} filters of {k}x{k}, to {height}x{width}"),
            &[random(&x, 3), random(&[out, x[1], k, k], 4)],
            |t| conv_after_resize(&t[0], &t[1], height, width),
            |t| plain::conv_after_resize(&t[0], &t[1], height, width),
            2e-5,
        );
    }
}

/// Several rounds of filters and of images.
#[test]
fn agrees_with_the_plain_path_on_larger_maps() {
    let inputs = [random(&[3, 40, 29, 38], 3), random(&[72, 40, 5, 5], 4)];
    let [found, expected] = [conv_after_resize, plain::conv_after_resize]
        .map(|function| evaluate(&inputs, |t| function(&t[0], &t[1], 31, 40)));
    assert_close("output", &found.out, &expected.out, 2e-5);
    for (found, expected) in found.gradients.iter().zip(&expected.gradients) {
        assert_close("gradient", found, expected, 1e-4);
    }
}

#[test]
fn plain_gradient_is_that_of_finite_differences() {
    let inputs = [random(&[2, 3, 4, 3], 1), random(&[2, 3, 3, 3], 2)];
    assert_gradient("conv_after_resize", &inputs, |t| {
        plain::conv_after_resize(&t[0], &t[1], 7, 8)
    });
}

#[test]
fn inputs_need_not_be_contiguous() {
    let inputs = [random(&[5, 4, 3, 2], 1), random(&[3, 3, 3, 2], 2)];
    let views = |t: &[Tensor]| -> Result<_> {
        Ok((t[0].permute((3, 2, 1, 0))?, t[1].permute((3, 0, 1, 2))?))
    };
    assert_agree(
        "views",
        &inputs,
        |t| views(t).and_then(|(x, weight)| conv_after_resize(&x, &weight, 9, 11)),
        |t| views(t).and_then(|(x, weight)| plain::conv_after_resize(&x, &weight, 9, 11)),
        2e-5,
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_target_gives_resize_then_convolution_and_its_adjoint(
        (h, w) in (1..=8usize, 1..=8usize),
        (height, width) in (1..=16usize, 1..=16usize),
        reach in 0..=3usize,
        seed in 0..1000u64,
    ) {
        let k = 2 * reach + 1;
        let inputs = [random(&[2, 3, h, w], seed), random(&[2, 3, k, k], seed + 1)];
        let at = evaluate(&inputs, |t| conv_after_resize(&t[0], &t[1], height, width));
        let config = ConvConfig { padding: reach.into(), ..ConvConfig::default() };
        let resized = resize_bilinear(&inputs[0], height, width).unwrap();
        assert_close("output", &at.out, &conv2d(&resized, &inputs[1], config).unwrap(), 1e-5);
        let value = dot(&at.out, &at.g);
        let scale = dot(&at.out, &at.out).sqrt().max(1.0);
        for (input, gradient) in inputs.iter().zip(&at.gradients) {
            let adjoint = dot(input, gradient);
            prop_assert!((adjoint - value).abs() <= 1e-4 * scale, "{} and {}", adjoint, value);
        }
    }
}
