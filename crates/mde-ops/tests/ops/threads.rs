//! The number of threads changes no bit of any result.

use candle_core::Tensor;
use mde_ops::{
    ConvConfig, PoolConfig, Rectifier, attention, avg_pool2x2, batch_norm_train, bin_pool,
    channel_affine, conv_after_nearest2x, conv_after_resize, conv_transpose2x, conv2d, elu,
    layer_norm, linear, max_pool2d, norm_add_relu, pixel_shuffle, relu, resize_bilinear,
};

use crate::gradient::{Function, evaluate, random};

/// The bits of the output and of all gradients.
fn bits(inputs: &[Tensor], function: impl Function) -> Vec<u32> {
    let at = evaluate(inputs, function);
    at.gradients
        .iter()
        .chain([&at.out])
        .flat_map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap())
        .map(f32::to_bits)
        .collect()
}

#[track_caller]
fn assert_same_bits(what: &str, inputs: &[Tensor], function: impl Function + Sync) {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| bits(inputs, &function))
    };
    let one = with(1);
    for threads in [2, 3] {
        assert!(
            one == with(threads),
            "{what}: {threads} threads give other bits than one"
        );
    }
}

#[test]
fn convolution() {
    for (channels, out, config) in [
        (
            24,
            20,
            ConvConfig {
                padding: 1.into(),
                ..ConvConfig::default()
            },
        ),
        (
            24,
            20,
            ConvConfig {
                stride: 2,
                padding: 1.into(),
                ..ConvConfig::default()
            },
        ),
        (
            24,
            24,
            ConvConfig {
                padding: 1.into(),
                groups: 24,
                ..ConvConfig::default()
            },
        ),
        (
            24,
            24,
            ConvConfig {
                stride: 2,
                padding: 1.into(),
                groups: 24,
                ..ConvConfig::default()
            },
        ),
    ] {
        let weight = random(&[out, channels / config.groups, 3, 3], 2);
        assert_same_bits(
            &format!("{config:?}"),
            &[random(&[3, channels, 41, 53], 1), weight],
            |t| conv2d(&t[0], &t[1], config),
        );
    }
    // Several strips of Winograd's tiles; small maps, with all images in one product.
    for (x, k, stride) in [
        ([2, 64, 57, 76], 5, 1),
        ([2, 48, 57, 76], 3, 1),
        ([6, 300, 8, 10], 3, 2),
    ] {
        let config = ConvConfig {
            stride,
            padding: (k / 2).into(),
            ..ConvConfig::default()
        };
        let inputs = [random(&x, 1), random(&[72, x[1], k, k], 2)];
        assert_same_bits(&format!("{x:?}"), &inputs, |t| conv2d(&t[0], &t[1], config));
    }
    // Long sums over pixels in the gradient of the weight, long sums over channels in the rest.
    let inputs = [random(&[1, 300, 57, 76], 1), random(&[40, 300, 1, 1], 2)];
    assert_same_bits("1x1", &inputs, |t| {
        conv2d(&t[0], &t[1], ConvConfig::default())
    });
}

/// Without gradients: in training, images may share sums.
#[test]
fn a_prediction_does_not_depend_on_its_batch() {
    let values = |t: Tensor| -> Vec<u32> {
        let values = t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.into_iter().map(f32::to_bits).collect()
    };
    // Rows of other images come first, in blocks shared with the image's own rows.
    let (weight, bias) = (random(&[50, 40], 2), random(&[50], 3));
    for rows in [70, 97, 1] {
        let batch = random(&[3, rows, 40], 1);
        let function = |x: &Tensor| linear(x, &weight, Some(&bias)).unwrap();
        let alone = (0..3).flat_map(|image| values(function(&batch.narrow(0, image, 1).unwrap())));
        assert!(alone.eq(values(function(&batch))), "linear, {rows} rows");
    }
    for (x, k) in [
        ([3, 700, 4, 5], 3),
        ([3, 300, 2, 3], 1),
        ([3, 40, 29, 38], 5),
    ] {
        let (batch, weight) = (random(&x, 1), random(&[72, x[1], k, k], 2));
        let config = ConvConfig {
            padding: (k / 2).into(),
            ..ConvConfig::default()
        };
        let functions: [&dyn Fn(&Tensor) -> Tensor; 2] =
            [&|x| conv2d(x, &weight, config).unwrap(), &|x| {
                conv_after_resize(x, &weight, 11, 17).unwrap()
            }];
        for function in functions {
            let alone =
                (0..x[0]).flat_map(|image| values(function(&batch.narrow(0, image, 1).unwrap())));
            assert!(alone.eq(values(function(&batch))), "{x:?}, {k}x{k}");
        }
    }
}

#[test]
fn convolution_after_resize() {
    for (x, k, [height, width]) in [
        ([2, 70, 29, 38], 5, [57, 76]),
        ([1, 700, 8, 10], 3, [15, 19]),
        ([1, 5, 9, 7], 1, [4, 30]),
    ] {
        let inputs = [random(&x, 1), random(&[16, x[1], k, k], 2)];
        assert_same_bits(&format!("{x:?}"), &inputs, |t| {
            conv_after_resize(&t[0], &t[1], height, width)
        });
    }
}

#[test]
fn convolutions_that_double_the_size() {
    let x = random(&[3, 20, 29, 38], 1);
    let inputs = [x.clone(), random(&[12, 20, 3, 3], 2)];
    assert_same_bits("nearest", &inputs, |t| conv_after_nearest2x(&t[0], &t[1]));
    let inputs = [x, random(&[20, 12, 3, 3], 2)];
    assert_same_bits("transposed", &inputs, |t| conv_transpose2x(&t[0], &t[1]));
}

#[test]
fn conv_norm_chains() {
    for (index, case) in crate::conv_norm::cases().iter().enumerate() {
        assert_same_bits(&format!("case {index}"), &case.inputs(), |t| {
            case.run(crate::conv_norm::keeping, t)
        });
    }
    let inputs = crate::norm_add_relu::inputs(&[3, 20, 29, 38]);
    assert_same_bits("norm_add_relu", &inputs, |t| {
        Ok(norm_add_relu(&t[0], crate::norm_add_relu::norm(t, Rectifier::None), &t[1])?.0)
    });
}

#[test]
fn transformer_operations() {
    let inputs = [random(&[7, 150, 72], 1)];
    assert_same_bits("attention", &inputs, |t| attention(&t[0], 3));
    let inputs = [random(&[7, 350, 40], 1), random(&[40], 2), random(&[40], 3)];
    assert_same_bits("layer_norm", &inputs, |t| {
        layer_norm(&t[0], &t[1], &t[2], 1e-5)
    });
    let inputs = [inputs[0].clone(), random(&[24, 40], 2), random(&[24], 3)];
    assert_same_bits("linear", &inputs, |t| linear(&t[0], &t[1], Some(&t[2])));
}

#[test]
fn the_other_operations() {
    let x = random(&[3, 20, 41, 53], 1);
    let (weight, bias) = (random(&[20], 2), random(&[20], 3));
    let inputs = [x.clone(), weight, bias];
    assert_same_bits("batch_norm_train", &inputs, |t| {
        Ok(batch_norm_train(&t[0], &t[1], &t[2], 1e-5, Rectifier::Relu)?.0)
    });
    assert_same_bits("channel_affine", &inputs, |t| {
        channel_affine(&t[0], &t[1], &t[2], Rectifier::Relu)
    });
    let config = PoolConfig {
        kernel: 3,
        stride: 2,
        padding: 1,
        ceil_mode: false,
    };
    let x = std::slice::from_ref(&x);
    assert_same_bits("max_pool2d", x, |t| max_pool2d(&t[0], config));
    assert_same_bits("avg_pool2x2", x, |t| avg_pool2x2(&t[0]));
    assert_same_bits("pixel_shuffle", x, |t| pixel_shuffle(&t[0], 2));
    assert_same_bits("relu", x, |t| relu(&t[0]));
    assert_same_bits("elu", x, |t| elu(&t[0]));
    assert_same_bits("resize_bilinear", x, |t| resize_bilinear(&t[0], 80, 77));
    let inputs = [random(&[3, 64, 57, 76], 1), random(&[3, 65, 57 * 76], 2)];
    assert_same_bits("bin_pool", &inputs, |t| bin_pool(&t[0], &t[1], true));
}
