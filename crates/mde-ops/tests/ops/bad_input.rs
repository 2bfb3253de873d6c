//! Inputs that do not fit are errors that name the operation, never panics, in the kernels and the
//! plain path.

use candle_core::{DType, Device, Result, Tensor};
use mde_ops::{
    Activations, ChainStage, ConvConfig, Norm, PoolConfig, Rectifier, Residual, attention,
    avg_pool2x2, batch_norm_affine, batch_norm_train, bin_pool, channel_affine,
    conv_after_nearest2x, conv_after_resize, conv_norm_chain, conv_transpose2x, conv2d, layer_norm,
    linear, max_pool2d, norm_add_relu, pixel_shuffle, plain, resize_bilinear,
};

/// Zeros of this shape, which may have empty dimensions.
fn zeros(dims: &[usize]) -> Tensor {
    Tensor::zeros(dims, DType::F32, &Device::Cpu).unwrap()
}

#[track_caller]
fn assert_error<T>(result: Result<T>, part: &str) {
    let Err(error) = result else {
        panic!("accepted; expected an error with {part:?}")
    };
    let message = error.to_string();
    assert!(message.contains(part), "{message:?} lacks {part:?}");
}

#[test]
fn convolution() {
    let ok = ConvConfig::default();
    let grouped = |groups| ConvConfig { groups, ..ok };
    let (x, weight): (&[usize], &[usize]) = (&[1, 4, 5, 7], &[6, 4, 3, 3]);
    let huge = usize::MAX / 2;
    for (x, weight, config, part) in [
        (x, weight, ConvConfig { stride: 0, ..ok }, "stride"),
        (x, weight, ConvConfig { dilation: 0, ..ok }, "dilation"),
        (x, weight, grouped(0), "groups"),
        (x, weight, grouped(2), "2 groups"),
        (x, &[6, 1, 3, 3], grouped(4), "4 groups"),
        (&[1, 6, 5, 7], &[6, 2, 3, 3], grouped(4), "4 groups"),
        (x, &[6, 5, 3, 3], ok, "4 channels"),
        (x, &[6, 4, 6, 3], ok, "does not fit 5x7"),
        (x, &[6, 4, 3, 8], ok, "does not fit 5x7"),
        (
            x,
            weight,
            ConvConfig { dilation: 3, ..ok },
            "does not fit 5x7",
        ),
        (
            x,
            weight,
            ConvConfig {
                dilation: huge,
                ..ok
            },
            "does not fit 5x7",
        ),
        (
            x,
            weight,
            ConvConfig {
                padding: (huge + 1).into(),
                ..ok
            },
            "does not fit 5x7",
        ),
        (x, weight, ConvConfig { groups: huge, ..ok }, "groups"),
        (&[0, 4, 5, 7], weight, ok, "empty"),
        (&[1, 0, 5, 7], &[6, 0, 3, 3], ok, "empty"),
        (
            &[1, 4, 0, 7],
            weight,
            ConvConfig {
                padding: 2.into(),
                ..ok
            },
            "empty",
        ),
        (
            &[1, 4, 5, 0],
            weight,
            ConvConfig {
                padding: 2.into(),
                ..ok
            },
            "empty",
        ),
        (x, &[0, 4, 3, 3], ok, "empty"),
        (x, &[6, 4, 0, 3], ok, "empty"),
        (&[4, 5, 7], weight, ok, "rank"),
        (x, &[6, 4, 9], ok, "rank"),
    ] {
        let (x, weight) = (zeros(x), zeros(weight));
        assert_error(conv2d(&x, &weight, config), part);
        assert_error(plain::conv2d(&x, &weight, config), part);
    }
}

#[test]
fn convolution_after_resize() {
    let (x, weight): (&[usize], &[usize]) = (&[1, 4, 5, 7], &[6, 4, 3, 3]);
    for (x, weight, (height, width), part) in [
        (x, &[6, 4, 2, 2][..], (9, 9), "odd"),
        (x, &[6, 4, 3, 5], (9, 9), "square"),
        (x, &[6, 3, 3, 3], (9, 9), "channels"),
        (x, weight, (0, 9), "positive"),
        (x, weight, (9, 0), "positive"),
        (&[0, 4, 5, 7], weight, (9, 9), "empty"),
        (&[1, 0, 5, 7], &[6, 0, 3, 3], (9, 9), "empty"),
        (&[1, 4, 5, 0], weight, (9, 9), "empty"),
        (x, &[0, 4, 3, 3], (9, 9), "empty"),
        (x, &[6, 4, 0, 0], (9, 9), "empty"),
        (&[4, 5, 7], weight, (9, 9), "rank"),
        (x, &[6, 4], (9, 9), "rank"),
    ] {
        let (x, weight) = (zeros(x), zeros(weight));
        assert_error(conv_after_resize(&x, &weight, height, width), part);
        assert_error(plain::conv_after_resize(&x, &weight, height, width), part);
    }
}

#[test]
fn pooling() {
    let ok = PoolConfig {
        kernel: 3,
        stride: 2,
        padding: 1,
        ceil_mode: false,
    };
    let x: &[usize] = &[1, 2, 5, 7];
    for (x, config, part) in [
        (x, PoolConfig { kernel: 0, ..ok }, "kernel"),
        (x, PoolConfig { stride: 0, ..ok }, "stride"),
        (x, PoolConfig { padding: 2, ..ok }, "padding"),
        (
            x,
            PoolConfig {
                padding: usize::MAX,
                ..ok
            },
            "padding",
        ),
        (x, PoolConfig { kernel: 8, ..ok }, "does not fit 5x7"),
        (&[0, 2, 5, 7], ok, "empty"),
        (&[1, 0, 5, 7], ok, "empty"),
        (&[1, 2, 0, 7], PoolConfig { kernel: 2, ..ok }, "empty"),
        (&[1, 2, 5, 0], PoolConfig { kernel: 2, ..ok }, "empty"),
        (&[2, 5, 7], ok, "rank"),
    ] {
        for ceil_mode in [false, true] {
            let config = PoolConfig {
                ceil_mode,
                ..config
            };
            assert_error(max_pool2d(&zeros(x), config), part);
            assert_error(plain::max_pool2d(&zeros(x), config), part);
        }
    }
}

#[test]
fn convolutions_that_double_the_size() {
    let x: &[usize] = &[1, 4, 5, 7];
    for (x, weight, part) in [
        (x, &[4, 4, 2, 3][..], "3x3"),
        (x, &[4, 4, 3, 5], "3x3"),
        (x, &[5, 5, 3, 3], "channels"),
        (&[0, 4, 5, 7], &[4, 4, 3, 3], "empty"),
        (&[1, 4, 5, 0], &[4, 4, 3, 3], "empty"),
        (&[4, 5, 7], &[4, 4, 3, 3], "rank"),
        (x, &[4, 4, 9], "rank"),
    ] {
        let (x, weight) = (zeros(x), zeros(weight));
        assert_error(conv_after_nearest2x(&x, &weight), part);
        assert_error(plain::conv_after_nearest2x(&x, &weight), part);
        assert_error(conv_transpose2x(&x, &weight), part);
        assert_error(plain::conv_transpose2x(&x, &weight), part);
    }
    // The two expect the input channels in different dimensions.
    assert_error(
        conv_after_nearest2x(&zeros(x), &zeros(&[4, 5, 3, 3])),
        "channels",
    );
    assert_error(
        conv_transpose2x(&zeros(x), &zeros(&[5, 4, 3, 3])),
        "channels",
    );
}

#[test]
fn the_rest() {
    for (x, part) in [
        (&[1, 4, 1, 7][..], "1x7"),
        (&[1, 4, 5, 1], "5x1"),
        (&[0, 4, 5, 7], "empty"),
        (&[4, 5, 7], "rank"),
    ] {
        assert_error(avg_pool2x2(&zeros(x)), part);
        assert_error(plain::avg_pool2x2(&zeros(x)), part);
    }
    for (x, ratio, part) in [
        (&[1, 4, 5, 7][..], 0, "the ratio 0"),
        (&[1, 4, 5, 7], usize::MAX, "the ratio"),
        (&[1, 4, 5, 7], 3, "the ratio 3"),
        (&[1, 6, 5, 7], 2, "the ratio 2"),
        (&[1, 4, 0, 7], 2, "empty"),
        (&[4, 5, 7], 2, "rank"),
    ] {
        assert_error(pixel_shuffle(&zeros(x), ratio), part);
        assert_error(plain::pixel_shuffle(&zeros(x), ratio), part);
    }
}

#[test]
fn conv_norm_chains() {
    for (x, weight, norm, residual, part) in [
        (
            &[2, 4, 5, 7][..],
            &[4, 3, 3, 3][..],
            &[4][..],
            false,
            "4 channels",
        ),
        (&[2, 4, 5, 7], &[4, 4, 6, 3], &[4], false, "does not fit"),
        (&[2, 4, 5, 7], &[4, 4, 3, 3], &[5], false, "per channel"),
        (&[2, 4, 5, 7], &[4, 4, 3, 3], &[1, 4], false, "per channel"),
        (&[2, 4, 5, 7], &[4, 4, 3, 3], &[4], true, "added"),
        (&[2, 4, 5, 7], &[6, 4, 1, 1], &[6], true, "added"),
        (&[0, 4, 5, 7], &[4, 4, 3, 3], &[4], false, "empty"),
        (&[2, 4, 5, 7], &[0, 4, 3, 3], &[0], false, "empty"),
        (&[4, 5, 7], &[4, 4, 3, 3], &[4], false, "rank"),
    ] {
        let (x, weight, norm) = (zeros(x), zeros(weight), zeros(norm));
        let stage = ChainStage {
            conv: Some((&weight, ConvConfig::default())),
            norm: Some(Norm {
                weight: &norm,
                bias: &norm,
                eps: 1e-5,
                rectifier: Rectifier::Relu,
            }),
        };
        let residual = match residual {
            true => Residual::Add,
            false => Residual::None,
        };
        assert_error(
            conv_norm_chain(&x, &[stage], residual, Activations::Keep),
            part,
        );
        assert_error(plain::conv_norm_chain(&x, &[stage], residual), part);
    }
    let x = zeros(&[2, 4, 5, 7]);
    assert_error(
        conv_norm_chain(&x, &[], Residual::None, Activations::Keep),
        "no stage",
    );
    assert_error(plain::conv_norm_chain(&x, &[], Residual::None), "no stage");
    let nothing = ChainStage {
        conv: None,
        norm: None,
    };
    assert_error(
        conv_norm_chain(&x, &[nothing], Residual::None, Activations::Keep),
        "neither",
    );
}

#[test]
fn transformer_operations() {
    for (qkv, heads, part) in [
        (&[2, 5, 24][..], 0, "0 heads"),
        (&[2, 5, 24], 3, "3 heads"),
        (&[2, 5, 24], usize::MAX, "heads"),
        (&[2, 0, 24], 2, "empty"),
        (&[0, 5, 24], 2, "empty"),
        (&[2, 5, 0], 2, "empty"),
        (&[5, 24], 2, "rank"),
    ] {
        assert_error(attention(&zeros(qkv), heads), part);
        assert_error(plain::attention(&zeros(qkv), heads), part);
    }
    for (x, weight, bias, part) in [
        (&[2, 5][..], &[4][..], &[5][..], "last dimension"),
        (&[2, 5], &[5], &[4], "last dimension"),
        (&[2, 5], &[1, 5], &[5], "last dimension"),
        (&[2, 0], &[0], &[0], "empty"),
        (&[0, 5], &[5], &[5], "empty"),
        (&[], &[1], &[1], "last dimension"),
    ] {
        let (x, weight, bias) = (zeros(x), zeros(weight), zeros(bias));
        assert_error(layer_norm(&x, &weight, &bias, 1e-5), part);
        assert_error(plain::layer_norm(&x, &weight, &bias, 1e-5), part);
    }
    for (x, weight, bias, part) in [
        (&[2, 5][..], &[3, 4][..], &[3][..], "do not fit"),
        (&[2, 5], &[3, 5], &[4], "do not fit"),
        (&[2, 5], &[3, 5], &[1, 3], "do not fit"),
        (&[], &[3, 5], &[3], "do not fit"),
        (&[2, 5], &[5], &[3], "rank"),
        (&[0, 5], &[3, 5], &[3], "empty"),
        (&[2, 0], &[3, 0], &[3], "empty"),
        (&[2, 5], &[0, 5], &[0], "empty"),
    ] {
        let (x, weight, bias) = (zeros(x), zeros(weight), zeros(bias));
        assert_error(linear(&x, &weight, Some(&bias)), part);
        assert_error(plain::linear(&x, &weight, Some(&bias)), part);
    }
}

#[test]
fn resizing() {
    for (x, (height, width), part) in [
        (&[1, 2, 5, 7][..], (0, 3), "positive"),
        (&[1, 2, 5, 7], (3, 0), "positive"),
        (&[1, 2, 0, 7], (3, 3), "empty"),
        (&[1, 2, 5, 0], (3, 3), "empty"),
        (&[0, 2, 5, 7], (3, 3), "empty"),
        (&[2, 5, 7], (3, 3), "rank"),
    ] {
        assert_error(resize_bilinear(&zeros(x), height, width), part);
        assert_error(plain::resize_bilinear(&zeros(x), height, width), part);
    }
}

#[test]
fn normalising() {
    for (x, weight, bias, part) in [
        (&[2, 3, 5, 7][..], &[4][..], &[3][..], "per channel"),
        (&[2, 3, 5, 7], &[3], &[2], "per channel"),
        (&[2, 3, 5, 7], &[3, 1], &[3], "per channel"),
        (&[2, 3, 5, 7], &[1], &[1], "per channel"),
        (&[0, 3, 5, 7], &[3], &[3], "empty"),
        (&[2, 0, 5, 7], &[0], &[0], "empty"),
        (&[2, 3, 0, 7], &[3], &[3], "empty"),
        (&[2, 3, 5], &[3], &[3], "rank"),
    ] {
        let (x, weight, bias) = (zeros(x), zeros(weight), zeros(bias));
        assert_error(
            batch_norm_train(&x, &weight, &bias, 1e-5, Rectifier::Relu),
            part,
        );
        assert_error(
            plain::batch_norm_train(&x, &weight, &bias, 1e-5, Rectifier::Relu),
            part,
        );
        assert_error(channel_affine(&x, &weight, &bias, Rectifier::Relu), part);
        assert_error(
            plain::channel_affine(&x, &weight, &bias, Rectifier::Relu),
            part,
        );
    }
}

#[test]
fn batch_statistics_of_a_single_value() {
    let part = "[1, 3, 1, 1] has 1 value per channel";
    let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap();
    let (weight, bias) = (ones(&[3]), (ones(&[3]) * 0.5).unwrap());
    let norm = Norm {
        weight: &weight,
        bias: &bias,
        eps: 1e-5,
        rectifier: Rectifier::None,
    };
    let kernel = ones(&[3, 2, 3, 3]);
    let halving = ConvConfig {
        stride: 2,
        padding: 1.into(),
        ..ConvConfig::default()
    };
    let stages = [ChainStage {
        conv: Some((&kernel, halving)),
        norm: Some(norm),
    }];
    for dtype in [DType::F32, DType::F64] {
        let cast = |tensor: Tensor| tensor.to_dtype(dtype).unwrap();
        let (x, weight, bias) = (
            cast(ones(&[1, 3, 1, 1])),
            cast(weight.clone()),
            cast(bias.clone()),
        );
        for batch_norm in [batch_norm_train, plain::batch_norm_train] {
            assert_error(batch_norm(&x, &weight, &bias, 1e-5, Rectifier::Relu), part);
        }
        // Two values per channel are enough, in one image or in two.
        for shape in [[2, 3, 1, 1], [1, 3, 1, 2]] {
            let (out, stats) =
                batch_norm_train(&cast(ones(&shape)), &weight, &bias, 1e-5, Rectifier::None)
                    .unwrap();
            assert_eq!((out.dims(), stats.count), (&shape[..], 2));
        }
    }
    assert_error(
        norm_add_relu(&ones(&[1, 3, 1, 1]), norm, &ones(&[1, 3, 1, 1])),
        part,
    );
    // The fused path: the convolution leaves a single pixel of a map of 2x2.
    let x = ones(&[1, 2, 2, 2]);
    for activations in [Activations::Keep, Activations::Recompute] {
        assert_error(
            conv_norm_chain(&x, &stages, Residual::None, activations),
            part,
        );
    }
    assert_error(plain::conv_norm_chain(&x, &stages, Residual::None), part);
    let two = ones(&[2, 2, 2, 2]);
    assert!(conv_norm_chain(&two, &stages, Residual::None, Activations::Keep).is_ok());
}

#[test]
fn normalising_with_statistics_of_another_length() {
    let (right, wrong) = (zeros(&[3]), zeros(&[4]));
    for odd in 0..4 {
        let stats: Vec<&Tensor> = (0..4)
            .map(|i| if i == odd { &wrong } else { &right })
            .collect();
        let result = batch_norm_affine(stats[0], stats[1], stats[2], stats[3], 1e-5);
        assert_error(result, "shape mismatch");
    }
}

#[test]
fn pooling_by_bin() {
    for (features, weights, part) in [
        (&[2, 3, 5, 7][..], &[1, 4, 35][..], "bin_pool"),
        (&[2, 3, 5, 7], &[2, 4, 34], "bin_pool"),
        (&[2, 3, 5, 7], &[2, 0, 35], "bin_pool"),
        (&[2, 3, 5, 7], &[2, 35], "rank"),
        (&[0, 3, 5, 7], &[0, 4, 35], "empty"),
        (&[2, 0, 5, 7], &[2, 4, 35], "empty"),
        (&[2, 3, 0, 7], &[2, 4, 0], "empty"),
        (&[3, 5, 7], &[2, 4, 35], "rank"),
    ] {
        assert_error(bin_pool(&zeros(features), &zeros(weights), false), part);
    }
}

#[test]
fn mixed_types() {
    let x = zeros(&[2, 3, 5, 7]);
    let f64s = |dims: &[usize]| zeros(dims).to_dtype(DType::F64).unwrap();
    for x in [x.clone(), x.to_dtype(DType::F64).unwrap()] {
        let weight = |dims: &[usize]| {
            if x.dtype() == DType::F32 {
                f64s(dims)
            } else {
                zeros(dims)
            }
        };
        assert_error(
            conv2d(&x, &weight(&[4, 3, 3, 3]), ConvConfig::default()),
            "dtype",
        );
        assert_error(conv_after_resize(&x, &weight(&[4, 3, 3, 3]), 9, 9), "dtype");
        assert_error(
            channel_affine(&x, &weight(&[3]), &weight(&[3]), Rectifier::Relu),
            "dtype",
        );
        assert_error(
            batch_norm_train(&x, &weight(&[3]), &weight(&[3]), 1e-5, Rectifier::Relu),
            "dtype",
        );
        let (sevens, seven) = (weight(&[4, 7]), weight(&[7]));
        assert_error(linear(&x, &sevens, None), "dtype");
        assert_error(layer_norm(&x, &seven, &seven, 1e-5), "dtype");
    }
}
