//! Responses summed by depth bin.

use candle_core::{DType, Device, Tensor, Var};
use mde_ops::{bin_pool, plain};

use crate::gradient::{assert_agree, assert_close, assert_gradient, flat, random};

/// Maps of less than one run of pixels, and of several.
#[test]
fn agrees_with_the_plain_path_in_f64() {
    for [b, n, k, h, w] in [
        [3, 5, 4, 7, 9],
        [1, 1, 6, 5, 3],
        [1, 33, 64, 29, 38],
        [2, 17, 5, 57, 76],
        [3, 4, 1, 1, 1],
    ] {
        let inputs = [random(&[b, n, h, w], 3), random(&[b, k, h * w], 4)];
        for absolute in [false, true] {
            let pool = |t: &[Tensor]| bin_pool(&t[0], &t[1], absolute);
            assert_agree(
                &format!("{b}, {n}, {k}, {h}x{w}"),
                &inputs,
                pool,
                pool,
                2e-5,
            );
        }
    }
}

#[test]
fn gradient_is_that_of_finite_differences() {
    let inputs = [random(&[2, 3, 3, 5], 3), random(&[2, 4, 15], 4)];
    for absolute in [false, true] {
        assert_gradient("bin_pool", &inputs, |t| bin_pool(&t[0], &t[1], absolute));
    }
}

#[test]
fn absolute_is_that_of_the_magnitudes_with_no_gradient_at_0() {
    for dtype in [DType::F32, DType::F64] {
        let features = Tensor::new(&[[[[-2f32, 0.0, 3.0]]]], &Device::Cpu).unwrap();
        let features = Var::from_tensor(&features.to_dtype(dtype).unwrap()).unwrap();
        let weights = Tensor::new(&[[[1f32, 2.0, 4.0], [1.0, 0.0, 0.0]]], &Device::Cpu).unwrap();
        let pooled = bin_pool(&features, &weights.to_dtype(dtype).unwrap(), true).unwrap();
        assert_eq!(flat(&pooled), [14.0, 2.0]);
        let gradients = pooled.sum_all().unwrap().backward().unwrap();
        assert_eq!(flat(gradients.get(&features).unwrap()), [-2.0, 0.0, 4.0]);
    }
}

#[test]
fn nan_stays_visible() {
    let mut values = vec![1f32; 2 * 35];
    values[40] = f32::NAN;
    let features = Var::from_vec(values, (1, 2, 5, 7), &Device::Cpu).unwrap();
    let weights = Tensor::ones((1, 3, 35), DType::F32, &Device::Cpu).unwrap();
    let pooled = bin_pool(&features, &weights, true).unwrap();
    let nan: Vec<bool> = flat(&pooled).iter().map(|value| value.is_nan()).collect();
    assert_eq!(nan, [false, false, false, true, true, true]);
    let gradients = pooled.sum_all().unwrap().backward().unwrap();
    let gradient = flat(gradients.get(&features).unwrap());
    assert!(
        gradient
            .iter()
            .enumerate()
            .all(|(at, value)| value.is_nan() == (at == 40))
    );
}

/// The purpose of the operation: with the adjoint of the resize applied to the bin masks, it sums
/// the *upsampled* features over the pixels of each bin.
#[test]
fn equals_upsampling_and_summing_over_the_bins() {
    let (batch, units, bins, (h, w), (height, width)) = (2, 3, 4, (5, 7), (11, 16));
    let features = random(&[batch, units, h, w], 1)
        .to_dtype(DType::F64)
        .unwrap();
    let depth = random(&[batch, 1, height, width], 2)
        .to_dtype(DType::F64)
        .unwrap();
    let bin = ((depth + 1.0).unwrap() * (bins as f64 / 2.0))
        .unwrap()
        .floor()
        .unwrap();
    let masks: Vec<Tensor> = (0..bins)
        .map(|k| bin.eq(k as f64).unwrap().to_dtype(DType::F64).unwrap())
        .collect();
    let masks = Tensor::cat(&masks, 1).unwrap();

    // The gradient of <U f, mask> in f is the adjoint of U applied to the mask.
    let any = Var::zeros((batch, bins, h, w), DType::F64, &Device::Cpu).unwrap();
    let resized = plain::resize_bilinear(&any, height, width).unwrap();
    let gradients = (resized * &masks)
        .unwrap()
        .sum_all()
        .unwrap()
        .backward()
        .unwrap();
    let weights = gradients.get(&any).unwrap().flatten_from(2).unwrap();

    let upsampled = plain::resize_bilinear(&features, height, width).unwrap();
    let sums: Vec<Tensor> = (0..bins)
        .map(|k| {
            let masked = upsampled
                .broadcast_mul(&masks.narrow(1, k, 1).unwrap())
                .unwrap();
            masked.sum((0, 2, 3)).unwrap()
        })
        .collect();
    let expected = Tensor::stack(&sums, 1).unwrap();
    assert_close(
        "sums",
        &bin_pool(&features, &weights, false).unwrap(),
        &expected,
        1e-6,
    );
}

#[test]
fn inputs_need_not_be_contiguous() {
    let pool = |t: &[Tensor]| {
        bin_pool(
            &t[0].permute((3, 2, 1, 0))?,
            &t[1].permute((2, 1, 0))?,
            true,
        )
    };
    let inputs = [random(&[9, 7, 5, 3], 1), random(&[63, 4, 3], 2)];
    assert_agree("views", &inputs, pool, pool, 2e-5);
}
