//! The paths of other devices, compared with `plain` on the CPU in both types: values and
//! gradients. Nothing in them depends on the device, so they can only be wrong there if candle is.

use candle_core::{DType, Result, Tensor};
use mde_ops::{ConvConfig, conv_after_nearest2x, conv_transpose2x, device, plain};
use proptest::prelude::*;

use crate::gradient::{assert_close, assert_gradient, evaluate, random};
use crate::{conv, conv_after_resize, conv_norm, doubling, pool};

#[track_caller]
fn assert_same(
    what: &str,
    inputs: &[Tensor],
    found: impl Fn(&[Tensor]) -> Result<Tensor>,
    plain: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let of_type = |dtype| -> Vec<Tensor> {
        let inputs = inputs.iter().map(|x| x.to_dtype(dtype).unwrap());
        inputs.collect()
    };
    let expected = evaluate(&of_type(DType::F64), plain);
    for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 5e-5)] {
        let inputs = of_type(dtype);
        let found_here = evaluate(&inputs, &found);
        let what = format!("{what} in {dtype:?}");
        assert_eq!(found_here.out.dtype(), dtype, "{what}");
        assert_close(&what, &found_here.out, &expected.out, tolerance);
        let gradients = found_here.gradients.iter().zip(&expected.gradients);
        for (input, (found, expected)) in gradients.enumerate() {
            let what = format!("{what}: gradient {input}");
            assert_close(&what, found, expected, tolerance);
        }
        // Without a gradient, another path may be taken.
        assert_close(
            &format!("{what}, untracked"),
            &found(&inputs).unwrap(),
            &expected.out,
            tolerance,
        );
    }
}

#[test]
fn convolutions() {
    for case in conv::table() {
        assert_same(
            &format!("{case:?}"),
            &case.inputs(3),
            |t| device::conv2d(&t[0], &t[1], case.config),
            |t| plain::conv2d(&t[0], &t[1], case.config),
        );
    }
}

#[test]
fn convolutions_of_resized_maps() {
    for (x, out, k, [height, width]) in conv_after_resize::TABLE {
        assert_same(
            &format!("{x:?}, {out} filters of {k}x{k}, to {height}x{width}"),
            &[random(&x, 3), random(&[out, x[1], k, k], 4)],
            |t| device::conv_after_resize(&t[0], &t[1], height, width),
            |t| plain::conv_after_resize(&t[0], &t[1], height, width),
        );
    }
    let inputs = [random(&[2, 3, 4, 3], 1), random(&[2, 3, 3, 3], 2)];
    assert_gradient("conv_after_resize", &inputs, |t| {
        device::conv_after_resize(&t[0], &t[1], 7, 8)
    });
}

#[test]
fn convolutions_in_a_row() {
    for (index, case) in conv_norm::cases().iter().enumerate() {
        assert_same(
            &format!("case {index}"),
            &case.inputs(),
            |t| case.run(device::conv_norm_chain, t),
            |t| case.run(plain::conv_norm_chain, t),
        );
    }
}

#[test]
fn maxima_of_windows() {
    for (x, config) in pool::table() {
        // Integers make ties common; negative ones must win against the padding.
        let values = random(&x, 3);
        let ties = ((&values * 2.0).unwrap().round().unwrap() - 3.0).unwrap();
        for x in [values, ties] {
            assert_same(
                &format!("{:?} with {config:?}", x.dims()),
                &[x],
                |t| device::max_pool2d(&t[0], config),
                |t| plain::max_pool2d(&t[0], config),
            );
        }
    }
}

/// These consist of the convolution and the pixel shuffle on every device; in f64, of those of this
/// module.
#[test]
fn convolutions_that_double_the_size() {
    for (x, out) in doubling::SHAPES {
        let inputs = [random(&x, 3), random(&[out, x[1], 3, 3], 4)];
        assert_same(
            &format!("nearest: {x:?} to {out} channels"),
            &inputs,
            |t| conv_after_nearest2x(&t[0], &t[1]),
            |t| plain::conv_after_nearest2x(&t[0], &t[1]),
        );
        let turned = |t: &[Tensor]| t[1].transpose(0, 1);
        assert_same(
            &format!("transposed: {x:?} to {out} channels"),
            &inputs,
            |t| conv_transpose2x(&t[0], &turned(t)?),
            |t| plain::conv_transpose2x(&t[0], &turned(t)?),
        );
    }
}

/// The gradient of an inner product with a resized map is the adjoint applied to the other side.
#[test]
fn the_adjoint_of_the_resize() {
    for ([h, w], [height, width]) in [
        ([5, 7], [10, 21]),
        ([11, 13], [4, 33]),
        ([1, 6], [3, 5]),
        ([6, 9], [6, 9]),
    ] {
        let x = random(&[2, 3, h, w], 1).to_dtype(DType::F64).unwrap();
        let at = evaluate(&[x], |t| plain::resize_bilinear(&t[0], height, width));
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 1e-6)] {
            let found = device::bilinear_adjoint(&at.g.to_dtype(dtype).unwrap(), h, w).unwrap();
            let what = format!("{h}x{w} from {height}x{width} in {dtype:?}");
            assert_close(&what, &found, &at.gradients[0], tolerance);
        }
    }
}

#[test]
fn inputs_need_not_be_contiguous() {
    let inputs = [random(&[9, 8, 4, 2], 1), random(&[3, 3, 4, 6], 2)];
    let views = |t: &[Tensor]| -> Result<_> {
        Ok((t[0].permute((3, 2, 1, 0))?, t[1].permute((3, 2, 1, 0))?))
    };
    for (stride, padding) in [(1, 1), (2, 1)] {
        let config = ConvConfig {
            stride,
            padding: padding.into(),
            ..ConvConfig::default()
        };
        assert_same(
            &format!("convolution, {config:?}"),
            &inputs,
            |t| views(t).and_then(|(x, weight)| device::conv2d(&x, &weight, config)),
            |t| views(t).and_then(|(x, weight)| plain::conv2d(&x, &weight, config)),
        );
    }
    assert_same(
        "convolution of a resized map",
        &inputs,
        |t| views(t).and_then(|(x, weight)| device::conv_after_resize(&x, &weight, 11, 7)),
        |t| views(t).and_then(|(x, weight)| plain::conv_after_resize(&x, &weight, 11, 7)),
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_target(
        (h, w) in (1..=8usize, 1..=8usize),
        (height, width) in (1..=16usize, 1..=16usize),
        reach in 0..=3usize,
        seed in 0..1000u64,
    ) {
        let k = 2 * reach + 1;
        assert_same(
            &format!("{h}x{w} to {height}x{width} under {k}x{k}"),
            &[random(&[2, 3, h, w], seed), random(&[2, 3, k, k], seed + 1)],
            |t| device::conv_after_resize(&t[0], &t[1], height, width),
            |t| plain::conv_after_resize(&t[0], &t[1], height, width),
        );
    }

    #[test]
    fn any_convolution(
        (h, w) in (1..=9usize, 1..=9usize),
        (kh, kw) in (1..=4usize, 1..=4usize),
        (stride, padding, dilation) in (1..=3usize, 0..=3usize, 1..=3usize),
        groups in 1..=3usize,
        seed in 0..1000u64,
    ) {
        let config = ConvConfig { stride, padding: padding.into(), dilation, groups };
        let fits = |size, kernel| dilation * (kernel - 1) < size + 2 * padding;
        prop_assume!(fits(h, kh) && fits(w, kw));
        assert_same(
            &format!("{h}x{w} under {kh}x{kw}, {config:?}"),
            &[random(&[2, 2 * groups, h, w], seed), random(&[3 * groups, 2, kh, kw], seed + 1)],
            |t| device::conv2d(&t[0], &t[1], config),
            |t| plain::conv2d(&t[0], &t[1], config),
        );
    }
}
