//! What a profiler is told: a span per pass, with the shape and the work of the plain operation.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use candle_core::{DType, Device, Result, Tensor, Var};
use mde_ops::{ConvConfig, PoolConfig};
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

/// The spans of `f` and of the gradient of its result.
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

/// With the result's values, of four bytes each.
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
fn a_convolution_tells_its_shape_and_its_work() {
    let (x, weight) = (
        var(&[2, 4, 9, 7], DType::F32),
        var(&[6, 2, 3, 1], DType::F32),
    );
    let config = ConvConfig {
        stride: 2,
        padding: 1,
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
    // An image from outside needs no gradient.
    let outside = || mde_ops::conv2d(&x.as_detached_tensor(), &weight, config);
    let expected = [
        span("conv2d", "forward", shape, maps, flops),
        span("conv2d", "backward", shape, kernel, flops),
    ];
    assert_eq!(spans(outside), expected);
    // The path of other devices and types: its gradient is candle's.
    let (x, weight) = (
        var(&[2, 4, 9, 7], DType::F64),
        var(&[6, 2, 3, 1], DType::F64),
    );
    let plain = || mde_ops::conv2d(&x, &weight, config);
    let double = span("conv2d", "forward", shape, 2 * maps, flops);
    assert_eq!(spans(plain), [double]);
}

#[test]
fn an_identity_is_told_as_what_it_stands_for() {
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
    let weights = var(&[1, 4, 35], DType::F32);
    assert_eq!(
        spans(|| mde_ops::bin_pool(&x, &weights, false)),
        [span(
            "bin_pool",
            "forward",
            "1x3x5x7 -> 4 bins",
            3 * 4,
            2 * 3 * 35 * 4
        )]
    );
}

#[test]
fn operations_without_products_tell_their_shapes() {
    let x = var(&[2, 4, 5, 7], DType::F32);
    let (weight, bias) = (var(&[4], DType::F32), var(&[4], DType::F32));
    let pool = PoolConfig {
        kernel: 3,
        stride: 2,
        padding: 1,
        ceil_mode: false,
    };
    type Operation<'a> = &'a dyn Fn() -> Result<Tensor>;
    let operations: [(&str, &str, u64, Operation<'_>); 10] = [
        ("relu", "2x4x5x7", 280, &|| mde_ops::relu(&x)),
        ("elu", "2x4x5x7", 280, &|| mde_ops::elu(&x)),
        ("add_relu", "2x4x5x7", 280, &|| mde_ops::add_relu(&x, &x)),
        ("softmax", "2x4x5x7", 280, &|| mde_ops::softmax(&x)),
        ("channel_affine", "2x4x5x7", 280, &|| {
            mde_ops::channel_affine(&x, &weight, &bias, true)
        }),
        ("batch_norm_train", "2x4x5x7", 280, &|| {
            Ok(mde_ops::batch_norm_train(&x, &weight, &bias, 1e-5, false)?.0)
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
    // Of an operation made of another, both are told.
    let (mean, var) = (weight.as_detached_tensor(), bias.sqr().unwrap());
    let norm = spans(|| mde_ops::batch_norm_eval(&x, &weight, &bias, &mean, &var, 1e-5, true));
    let told: Vec<_> = norm.iter().map(|s| (&*s.op, &*s.pass)).collect();
    let expected = [
        ("batch_norm_eval", "forward"),
        ("channel_affine", "forward"),
        ("channel_affine", "backward"),
    ];
    assert_eq!(told, expected);
}
