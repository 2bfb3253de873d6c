//! Bilinear resizing.

use candle_core::{Device, Tensor};
use mde_ops::{plain, resize_bilinear};
use proptest::prelude::*;

use crate::gradient::{assert_agree, assert_close, assert_gradient, dot, evaluate, flat, random};

/// Batch, channels and size, then the target size.
const TABLE: [([usize; 4], [usize; 2]); 11] = [
    ([3, 3, 7, 9], [14, 18]),
    ([1, 2, 8, 10], [15, 19]),
    ([1, 2, 29, 38], [57, 76]),
    ([3, 2, 13, 17], [6, 5]),
    ([1, 2, 4, 11], [9, 3]),
    ([1, 3, 5, 7], [1, 1]),
    ([3, 3, 1, 1], [5, 7]),
    ([1, 1, 1, 6], [3, 6]),
    ([1, 1, 6, 1], [6, 4]),
    ([1, 2, 3, 5], [3, 5]),
    ([1, 1, 3, 2], [48, 32]),
];

/// One axis as in PyTorch: pixel centres map to centres, edges repeat.
fn source(position: usize, from: usize, to: usize) -> (usize, usize, f64) {
    let at =
        ((position as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
    let low = at.floor();
    (low as usize, (low as usize + 1).min(from - 1), at - low)
}

fn naive(x: &Tensor, height: usize, width: usize) -> Tensor {
    let (b, c, h, w) = x.dims4().unwrap();
    let values = flat(x);
    let mut out = Vec::new();
    for plane in values.chunks_exact(h * w) {
        for oy in 0..height {
            for ox in 0..width {
                let (y0, y1, dy) = source(oy, h, height);
                let (x0, x1, dx) = source(ox, w, width);
                let row = |y: usize| (1.0 - dx) * plane[y * w + x0] + dx * plane[y * w + x1];
                out.push((1.0 - dy) * row(y0) + dy * row(y1));
            }
        }
    }
    Tensor::from_vec(out, (b, c, height, width), x.device()).unwrap()
}

#[test]
fn agrees_with_the_plain_path_in_f64() {
    for (x, [height, width]) in TABLE {
        assert_agree(
            &format!("{x:?} to {height}x{width}"),
            &[random(&x, 3)],
            |t| resize_bilinear(&t[0], height, width),
            |t| plain::resize_bilinear(&t[0], height, width),
            1e-5,
        );
    }
}

#[test]
fn plain_gradient_is_that_of_finite_differences() {
    for (x, [height, width]) in [([2, 2, 3, 5], [7, 8]), ([1, 2, 7, 6], [3, 4])] {
        assert_gradient("resize", &[random(&x, 3)], |t| {
            plain::resize_bilinear(&t[0], height, width)
        });
    }
}

#[test]
fn twice_the_size_has_weights_of_quarters() {
    let x = Tensor::new(&[[[[0f32, 4.0], [8.0, 12.0]]]], &Device::Cpu).unwrap();
    let row = |first: f32| [first, first + 1.0, first + 3.0, first + 4.0];
    let expected =
        Tensor::new(&[[[row(0.0), row(2.0), row(6.0), row(8.0)]]], &Device::Cpu).unwrap();
    assert_close("x2", &resize_bilinear(&x, 4, 4).unwrap(), &expected, 0.0);
}

#[test]
fn a_constant_map_stays_constant() {
    let x = Tensor::full(0.7f32, (1, 2, 5, 9), &Device::Cpu).unwrap();
    for (height, width) in [(11, 4), (1, 1), (5, 9), (114, 152)] {
        let expected = Tensor::full(0.7f32, (1, 2, height, width), &Device::Cpu).unwrap();
        assert_close(
            "constant",
            &resize_bilinear(&x, height, width).unwrap(),
            &expected,
            1e-6,
        );
    }
}

#[test]
fn inputs_need_not_be_contiguous() {
    let x = random(&[2, 5, 7, 3], 1);
    let view = |t: &Tensor| t.permute((0, 3, 2, 1));
    assert_agree(
        "view",
        &[x],
        |t| resize_bilinear(&view(&t[0])?, 9, 4),
        |t| plain::resize_bilinear(&view(&t[0])?, 9, 4),
        1e-5,
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_resize_is_the_naive_one_and_its_gradient_the_adjoint(
        (h, w) in (1..=12usize, 1..=12usize),
        (height, width) in (1..=24usize, 1..=24usize),
        seed in 0..1000u64,
    ) {
        let x = random(&[1, 2, h, w], seed);
        let expected = naive(&x, height, width);
        // Positions are f32, so a weight may be off by the rounding of its position.
        assert_close("kernel", &resize_bilinear(&x, height, width).unwrap(), &expected, 1e-5);
        assert_close("plain", &plain::resize_bilinear(&x, height, width).unwrap(), &expected, 1e-5);
        let at = evaluate(std::slice::from_ref(&x), |t| resize_bilinear(&t[0], height, width));
        let (value, adjoint) = (dot(&at.out, &at.g), dot(&x, &at.gradients[0]));
        prop_assert!((value - adjoint).abs() <= 1e-4 * (1.0 + value.abs()), "{} and {}", value, adjoint);
    }
}
