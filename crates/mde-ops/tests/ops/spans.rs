//! Profiling spans: one per pass, with the shape and the work of the plain operation.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use candle_core::{DType, Device, Result, Tensor, Var};
use mde_ops::{ChainStage, ConvConfig, Norm, PoolConfig, Rectifier, Residual};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

#[derive(Debug, Clone, Default, PartialEq)]
struct Span {
    op: String,
    pass: String,
    shape: String,
    bytes: u64,
    flops: u64,
}

impl Visit for Span {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "bytes" => self.bytes = value,
            "flops" => self.flops = value,
            other => panic!("{other}"),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = match field.name() {
            "op" => &mut self.op,
            "pass" => &mut self.pass,
            "shape" => &mut self.shape,
            other => panic!("{other}"),
        };
        *text = value.to_owned();
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        panic!("{field}: {value:?}");
    }
}

struct Collector(Arc<Mutex<Vec<Span>>>);

impl<S: tracing::Subscriber> Layer<S> for Collector {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        assert_eq!(attributes.metadata().target(), "mde_ops");
        let mut span = Span::default();
        attributes.record(&mut span);
        self.0.lock().unwrap().push(span);
    }
}

/// Spans of `f` and of the gradient of its result.
fn spans(f: impl Fn() -> Result<Tensor>) -> Vec<Span> {
    let spans = Arc::new(Mutex::new(Vec::new()));
    let subscriber = tracing_subscriber::registry().with(Collector(spans.clone()));
    tracing::subscriber::with_default(subscriber, || f().unwrap().backward().unwrap());
    spans.lock().unwrap().clone()
}

fn var(shape: &[usize], dtype: DType) -> Var {
    let values = Tensor::rand(-1f32, 1., shape, &Device::Cpu).unwrap();
    Var::from_tensor(&values.to_dtype(dtype).unwrap()).unwrap()
}

/// A span whose result has `values` values of four bytes each.
fn span(op: &str, pass: &str, shape: &str, values: u64, flops: u64) -> Span {
    Span {
        op: op.into(),
        pass: pass.into(),
        shape: shape.into(),
        bytes: 4 * values,
        flops,
    }
}

#[test]
fn convolution_spans_have_shape_and_work() {
    let (x, weight) = (
        var(&[2, 4, 9, 7], DType::F32),
        var(&[6, 2, 3, 1], DType::F32),
    );
    let config = ConvConfig {
        stride: 2,
        padding: 1.into(),
        dilation: 2,
        groups: 2,
    };
    // 2 images of 6 maps of 4x5, each value a sum of 2 channels by 3 taps.
    let (shape, flops) = (
        "2x4x9x7 -> 6x4x5, 3x1 stride 2 dilation 2 groups 2",
        2 * 2 * 6 * 4 * 5 * 2 * 3,
    );
    let conv = || mde_ops::conv2d(&x, &weight, config);
    let (image, kernel, maps) = (2 * 4 * 9 * 7, 6 * 2 * 3, 2 * 6 * 4 * 5);
    let expected = [
        span("conv2d", "forward", shape, maps, flops),
        span("conv2d", "backward", shape, image + kernel, 2 * flops),
    ];
    assert_eq!(spans(conv), expected);
    // An input image needs no gradient.
    let outside = || mde_ops::conv2d(&x.as_detached_tensor(), &weight, config);
    let expected = [
        span("conv2d", "forward", shape, maps, flops),
        span("conv2d", "backward", shape, kernel, flops),
    ];
    assert_eq!(spans(outside), expected);
    // Other types use candle's gradient, which has no span.
    let (x, weight) = (
        var(&[2, 4, 9, 7], DType::F64),
        var(&[6, 2, 3, 1], DType::F64),
    );
    let plain = || mde_ops::conv2d(&x, &weight, config);
    let double = span("conv2d", "forward", shape, 2 * maps, flops);
    assert_eq!(spans(plain), [double]);
}

#[test]
fn spans_describe_the_direct_operation() {
    let x = var(&[1, 3, 5, 7], DType::F32);
    let weight = var(&[2, 3, 3, 3], DType::F32);
    let flops = 2 * 2 * 11 * 13 * 3 * 9;
    let shape = "1x3x5x7 -> 2x11x13, 3x3";
    assert_eq!(
        spans(|| mde_ops::conv_after_resize(&x, &weight, 11, 13)),
        [
            span("conv_after_resize", "forward", shape, 2 * 11 * 13, flops),
            span(
                "conv_after_resize",
                "backward",
                shape,
                3 * 5 * 7 + 2 * 3 * 9,
                2 * flops
            ),
        ]
    );
    let first = |f: &dyn Fn() -> Result<Tensor>| spans(f)[0].clone();
    assert_eq!(
        first(&|| mde_ops::conv_after_nearest2x(&x, &weight)),
        span(
            "conv_after_nearest2x",
            "forward",
            "1x3x5x7 -> 2x10x14, 3x3",
            2 * 10 * 14,
            2 * 2 * 10 * 14 * 3 * 9
        )
    );
    // Each value of the input meets each tap once.
    let weight = var(&[3, 2, 3, 3], DType::F32);
    assert_eq!(
        first(&|| mde_ops::conv_transpose2x(&x, &weight)),
        span(
            "conv_transpose2x",
            "forward",
            "1x3x5x7 -> 2x10x14, 3x3",
            2 * 10 * 14,
            2 * 3 * 5 * 7 * 2 * 9
        )
    );
}

#[test]
fn product_spans_have_sizes_and_gradients() {
    let x = var(&[1, 3, 5, 7], DType::F32);
    let weights = var(&[1, 4, 35], DType::F32);
    let (shape, flops) = ("1x3x5x7 -> 4 bins", 2 * 3 * 35 * 4);
    let told = |gradients: u64, values| {
        [
            span("bin_pool", "forward", shape, 3 * 4, flops),
            span("bin_pool", "backward", shape, values, gradients * flops),
        ]
    };
    let both = || mde_ops::bin_pool(&x, &weights, true);
    assert_eq!(spans(both), told(2, 3 * 35 + 4 * 35));
    let one = || mde_ops::bin_pool(&x, &weights.as_detached_tensor(), false);
    assert_eq!(spans(one), told(1, 3 * 35));

    let (x, weight) = (var(&[2, 5, 6], DType::F32), var(&[4, 6], DType::F32));
    let (shape, flops) = ("2x5x6 -> 4", 2 * 10 * 6 * 4);
    let (values, weights) = (2 * 5 * 6, 4 * 6);
    assert_eq!(
        spans(|| mde_ops::linear(&x, &weight, None)),
        [
            span("linear", "forward", shape, 2 * 5 * 4, flops),
            span("linear", "backward", shape, values + weights, 2 * flops),
        ]
    );

    // Two sequences of 5 tokens: for each, 3 heads of 2 values weigh 5 others.
    let qkv = var(&[2, 5, 18], DType::F32);
    let (shape, flops) = ("2x5x18, 3 heads", 2 * 2 * (2 * 3 * 5 * 5 * 2));
    assert_eq!(
        spans(|| mde_ops::attention(&qkv, 3)),
        [
            span("attention", "forward", shape, 2 * 5 * 6, flops),
            span("attention", "backward", shape, 2 * 5 * 18, 2 * flops),
        ]
    );
}

#[test]
fn chain_spans_have_the_sum_of_their_stages() {
    let x = var(&[2, 3, 9, 7], DType::F32);
    let weights = [
        var(&[4, 3, 1, 1], DType::F32),
        var(&[4, 1, 3, 3], DType::F32),
    ];
    let affine = [var(&[4], DType::F32), var(&[4], DType::F32)];
    let strided = ConvConfig {
        stride: 2,
        padding: 1.into(),
        groups: 4,
        ..ConvConfig::default()
    };
    let stages = [
        ChainStage {
            conv: Some((&weights[0], ConvConfig::default())),
            norm: Some(Norm {
                weight: &affine[0],
                bias: &affine[1],
                eps: 1e-5,
                rectifier: Rectifier::Relu,
            }),
        },
        ChainStage {
            conv: Some((&weights[1], strided)),
            norm: None,
        },
    ];
    let shape = "2x3x9x7 -> 4x9x7, 1x1 -> 4x5x4, 3x3 stride 2 groups 4";
    let first = 2 * 2 * 4 * 9 * 7 * 3;
    let flops = first + 2 * 2 * 4 * 5 * 4 * 9;
    let (image, parameters, maps) = (2 * 3 * 9 * 7, 4 * 3 + 2 * 4 + 4 * 9, 2 * 4 * 5 * 4);
    let told = |values, gradients| {
        [
            span("conv_norm_chain", "forward", shape, maps, flops),
            span("conv_norm_chain", "backward", shape, values, gradients),
        ]
    };
    let chain = |x: &Tensor| {
        Ok(mde_ops::conv_norm_chain(x, &stages, Residual::None, mde_ops::Activations::Keep)?.0)
    };
    assert_eq!(spans(|| chain(&x)), told(image + parameters, 2 * flops));
    // An input image needs no gradient: one product fewer, that of the first convolution.
    let outside = || chain(&x.as_detached_tensor());
    assert_eq!(spans(outside), told(parameters, 2 * flops - first));

    // After a norm, the input of the first convolution needs a gradient anyway, for the norm's
    // parameters.
    let before = [var(&[3], DType::F32), var(&[3], DType::F32)];
    let norm = Norm {
        weight: &before[0],
        bias: &before[1],
        eps: 1e-5,
        rectifier: Rectifier::None,
    };
    let normed = [
        ChainStage {
            conv: None,
            norm: Some(norm),
        },
        stages[0],
    ];
    let outside = x.as_detached_tensor();
    let told = spans(|| {
        Ok(mde_ops::conv_norm_chain(
            &outside,
            &normed,
            Residual::None,
            mde_ops::Activations::Keep,
        )?
        .0)
    });
    let (shape, parameters) = ("2x3x9x7 -> 4x9x7, 1x1", 2 * 3 + 4 * 3 + 2 * 4);
    let expected = [
        span("conv_norm_chain", "forward", shape, 2 * 4 * 9 * 7, first),
        span("conv_norm_chain", "backward", shape, parameters, 2 * first),
    ];
    assert_eq!(told, expected);

    // Stages that run separately have separate spans with the same sum.
    let x = var(&[1, 3, 1, 2], DType::F32);
    let told = spans(|| chain(&x));
    assert_eq!(told.len(), 2 * stages.len());
    let sum = |pass: &str| -> u64 {
        let passes = told.iter().filter(|span| span.pass == pass);
        passes.map(|span| span.flops).sum()
    };
    let flops = 2 * 2 * 4 * 3 + 2 * 4 * 9;
    assert_eq!((sum("forward"), sum("backward")), (flops, 2 * flops));
}

#[test]
fn spans_without_products_have_shapes() {
    let x = var(&[2, 4, 5, 7], DType::F32);
    let (weight, bias) = (var(&[4], DType::F32), var(&[4], DType::F32));
    let pool = PoolConfig {
        kernel: 3,
        stride: 2,
        padding: 1,
        ceil_mode: false,
    };
    type Operation<'a> = &'a dyn Fn() -> Result<Tensor>;
    let along = (var(&[7], DType::F32), var(&[7], DType::F32));
    let operations: [(&str, &str, u64, Operation<'_>); 11] = [
        ("relu", "2x4x5x7", 280, &|| mde_ops::relu(&x)),
        ("elu", "2x4x5x7", 280, &|| mde_ops::elu(&x)),
        ("add_relu", "2x4x5x7", 280, &|| mde_ops::add_relu(&x, &x)),
        ("norm_add_relu", "2x4x5x7", 280, &|| {
            let norm = Norm {
                weight: &weight,
                bias: &bias,
                eps: 1e-5,
                rectifier: Rectifier::None,
            };
            Ok(mde_ops::norm_add_relu(&x, norm, &x)?.0)
        }),
        ("layer_norm", "2x4x5x7", 280, &|| {
            mde_ops::layer_norm(&x, &along.0, &along.1, 1e-5)
        }),
        ("channel_affine", "2x4x5x7", 280, &|| {
            mde_ops::channel_affine(&x, &weight, &bias, Rectifier::Relu)
        }),
        ("batch_norm_train", "2x4x5x7", 280, &|| {
            Ok(mde_ops::batch_norm_train(&x, &weight, &bias, 1e-5, Rectifier::None)?.0)
        }),
        ("max_pool2d", "2x4x5x7 -> 3x4", 96, &|| {
            mde_ops::max_pool2d(&x, pool)
        }),
        ("avg_pool2x2", "2x4x5x7 -> 2x3", 48, &|| {
            mde_ops::avg_pool2x2(&x)
        }),
        ("pixel_shuffle", "2x4x5x7", 280, &|| {
            mde_ops::pixel_shuffle(&x, 2)
        }),
        ("resize_bilinear", "2x4x5x7 -> 3x9", 216, &|| {
            mde_ops::resize_bilinear(&x, 3, 9)
        }),
    ];
    for (op, shape, values, operation) in operations {
        let expected = [("forward", values), ("backward", 280)]
            .map(|(pass, values)| span(op, pass, shape, values, 0));
        assert_eq!(spans(operation), expected);
    }
}
