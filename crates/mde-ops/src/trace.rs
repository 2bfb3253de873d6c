//! Spans for profilers: each pass of an operation in one, at level TRACE under the target `mde_ops`.
//!
//! A span has the fields `op`, `pass` ("forward" or "backward"), `shape` and `flops`: two for every multiply-add of the
//! convolution or product that was asked for, done plainly. Kernels that get by with fewer are not credited less, so that
//! flops by time compares them; operations without products have 0. While nobody listens a span costs one comparison.

use candle_core::Tensor;
use tracing::span::EnteredSpan;
use tracing::{Level, Span};

use crate::ConvConfig;

/// What an operation is about.
pub(crate) struct Work {
    shape: String,
    flops: u64,
}

impl Work {
    /// An operation without products, on a tensor of any shape.
    pub(crate) fn on(x: &Tensor) -> Self {
        Self {
            shape: sizes(x.dims()),
            flops: 0,
        }
    }

    /// One from the maps of `x` to maps of another size.
    pub(crate) fn resampling(x: &Tensor, (height, width): (usize, usize)) -> Self {
        Self {
            shape: format!("{} -> {height}x{width}", sizes(x.dims())),
            flops: 0,
        }
    }

    /// A convolution of `x` [B, C, h, w] under `weight` [O, C / groups, kh, kw] to maps of the size `out`.
    pub(crate) fn convolution(
        x: &Tensor,
        weight: &Tensor,
        (height, width): (usize, usize),
        config: ConvConfig,
    ) -> Self {
        let (x, kernel) = (x.dims(), weight.dims());
        let mut shape = format!("{} -> {}x{height}x{width}", sizes(x), kernel[0]);
        shape += &format!(", {}", sizes(&kernel[2..]));
        for (name, value) in [
            ("stride", config.stride),
            ("dilation", config.dilation),
            ("groups", config.groups),
        ] {
            if value != 1 {
                shape += &format!(" {name} {value}");
            }
        }
        Self {
            shape,
            flops: flops(x[0] * height * width * weight.elem_count()),
        }
    }

    /// A transposed convolution of `x` [B, C, h, w] under `weight` [C, O, kh, kw] to maps of twice the size.
    pub(crate) fn transposed(x: &Tensor, weight: &Tensor) -> Self {
        let (x, kernel) = (x.dims(), weight.dims());
        let (height, width) = (2 * x[2], 2 * x[3]);
        Self {
            shape: format!(
                "{} -> {}x{height}x{width}, {}",
                sizes(x),
                kernel[1],
                sizes(&kernel[2..])
            ),
            flops: flops(x[0] * x[2] * x[3] * weight.elem_count()),
        }
    }

    /// A matrix product of all units of `features` [B, N, h, w] with `bins` columns.
    pub(crate) fn pooling(features: &Tensor, bins: usize) -> Self {
        Self {
            shape: format!("{} -> {bins} bins", sizes(features.dims())),
            flops: flops(features.elem_count() * bins),
        }
    }

    /// The same `count` times over: the gradients of a convolution are two of its size.
    pub(crate) fn times(self, count: u64) -> Self {
        Self {
            flops: self.flops * count,
            ..self
        }
    }
}

/// Opens the span of a forward pass, which ends when the guard is dropped. `work` is asked only if someone listens.
pub(crate) fn forward(op: &'static str, work: impl FnOnce() -> Work) -> EnteredSpan {
    span(op, "forward", work)
}

/// The same of a gradient.
pub(crate) fn backward(op: &'static str, work: impl FnOnce() -> Work) -> EnteredSpan {
    span(op, "backward", work)
}

fn span(op: &'static str, pass: &'static str, work: impl FnOnce() -> Work) -> EnteredSpan {
    const TARGET: &str = "mde_ops";
    let span = if tracing::span_enabled!(target: TARGET, Level::TRACE) {
        let Work { shape, flops } = work();
        tracing::trace_span!(target: TARGET, "operation", op, pass, shape, flops)
    } else {
        Span::none()
    };
    span.entered()
}

fn flops(multiply_adds: usize) -> u64 {
    2 * multiply_adds as u64
}

/// "2x64x57x76".
fn sizes(sizes: &[usize]) -> String {
    let sizes: Vec<_> = sizes.iter().map(ToString::to_string).collect();
    sizes.join("x")
}
