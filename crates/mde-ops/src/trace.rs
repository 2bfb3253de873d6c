//! Spans for profilers: one per pass of an operation, at level TRACE under the target `mde_ops`.
//!
//! The fields are `op`, `pass` ("forward" or "backward"), `shape`, `bytes` and `flops`. `bytes`
//! counts the result, or the gradients in the backward pass. `flops` counts two per multiply-add of
//! the direct convolution or product, even where a kernel needs fewer, so that flops per second
//! compare kernels; it is 0 for other operations. Without a subscriber, a span costs one
//! comparison.

use candle_core::Tensor;
use tracing::span::EnteredSpan;
use tracing::{Level, Span};

use crate::shapes::ConvConfig;

/// Shape and cost of an operation.
pub(crate) struct Work {
    shape: String,
    flops: u64,
    /// The part of `flops` that belongs to the product whose gradient `x` gets.
    first: u64,
    /// Bytes of the operands that get a gradient.
    operands: usize,
    /// Bytes of the result.
    result: usize,
}

impl Work {
    /// An operation without products whose output has the size of its input.
    pub(crate) fn elementwise(x: &Tensor) -> Self {
        Self {
            shape: sizes(x.dims()),
            flops: 0,
            first: 0,
            operands: bytes(x, x.elem_count()),
            result: bytes(x, x.elem_count()),
        }
    }

    /// An operation from the maps of `x` [B, C, h, w] to maps of another size.
    pub(crate) fn resampling(x: &Tensor, (height, width): (usize, usize)) -> Self {
        let maps: usize = x.dims()[..2].iter().product();
        Self {
            shape: format!("{} -> {height}x{width}", sizes(x.dims())),
            result: bytes(x, maps * height * width),
            ..Self::elementwise(x)
        }
    }

    /// A convolution of `x` [B, C, h, w] and `weight` [O, C / groups, kh, kw] to maps of the given
    /// size.
    pub(crate) fn convolution(
        x: &Tensor,
        weight: &Tensor,
        (height, width): (usize, usize),
        config: ConvConfig,
    ) -> Self {
        let kernel = weight.dims();
        let mut shape = format!("{} -> {}x{height}x{width}", sizes(x.dims()), kernel[0]);
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
        let pixels = x.dims()[0] * height * width;
        let flops = flops(pixels * weight.elem_count());
        Self {
            shape,
            flops,
            first: flops,
            operands: bytes(x, x.elem_count() + weight.elem_count()),
            result: bytes(x, pixels * kernel[0]),
        }
    }

    /// A transposed convolution of `x` [B, C, h, w] and `weight` [C, O, kh, kw] to maps of twice
    /// the size.
    pub(crate) fn transposed(x: &Tensor, weight: &Tensor) -> Self {
        let (from, kernel) = (x.dims(), weight.dims());
        let (height, width) = (2 * from[2], 2 * from[3]);
        let flops = flops(from[0] * from[2] * from[3] * weight.elem_count());
        Self {
            shape: format!(
                "{} -> {}x{height}x{width}, {}",
                sizes(from),
                kernel[1],
                sizes(&kernel[2..])
            ),
            flops,
            first: flops,
            operands: bytes(x, x.elem_count() + weight.elem_count()),
            result: bytes(x, from[0] * kernel[1] * height * width),
        }
    }

    /// A chain of stages with `parameters` parameters; `None` for a stage without convolution.
    pub(crate) fn chain(x: &Tensor, stages: Vec<Option<Self>>, parameters: usize) -> Self {
        let mut chain = Self::elementwise(x);
        for (index, stage) in stages.into_iter().enumerate() {
            let Some(stage) = stage else { continue };
            let step = stage.shape.find(" -> ").unwrap_or(0);
            chain.shape += &stage.shape[step..];
            chain.flops += stage.flops;
            if index == 0 {
                chain.first = stage.flops;
            }
            chain.result = stage.result;
        }
        chain.operands += bytes(x, parameters);
        chain
    }

    /// A matrix product of the last dimension of `x` with `weight` [out, in].
    pub(crate) fn linear(x: &Tensor, weight: &Tensor) -> Self {
        let (out, input) = (weight.dims()[0], weight.dims()[1]);
        Self {
            shape: format!("{} -> {out}", sizes(x.dims())),
            flops: flops(x.elem_count() * out),
            operands: bytes(x, x.elem_count() + weight.elem_count()),
            result: bytes(x, x.elem_count() / input * out),
            ..Self::elementwise(x)
        }
    }

    /// Attention over `qkv` [N, tokens, 3 heads d]: scores of all pairs of tokens and weighted sums
    /// of values, two products of equal size.
    pub(crate) fn attention(qkv: &Tensor, heads: usize) -> Self {
        let (tokens, out) = (qkv.dims()[1], qkv.elem_count() / 3);
        Self {
            shape: format!("{}, {heads} heads", sizes(qkv.dims())),
            flops: 2 * flops(out * tokens),
            result: bytes(qkv, out),
            ..Self::elementwise(qkv)
        }
    }

    /// A matrix product of all units of `features`, whose shape is `dims` [B, N, h, w], with `bins`
    /// columns.
    pub(crate) fn pooling(features: &Tensor, dims: [usize; 4], bins: usize) -> Self {
        Self {
            shape: format!("{} -> {bins} bins", sizes(&dims)),
            flops: flops(features.elem_count() * bins),
            result: bytes(features, dims[1] * bins),
            ..Self::elementwise(features)
        }
    }

    /// Both gradients of every product; each costs as much as the product.
    pub(crate) fn both_gradients(self) -> Self {
        Self {
            flops: 2 * self.flops,
            ..self
        }
    }

    /// The gradients of convolutions; `x` may be an input image, which needs none.
    pub(crate) fn gradients(self, x: &Tensor) -> Self {
        if x.track_op() {
            return self.both_gradients();
        }
        Self {
            flops: 2 * self.flops - self.first,
            operands: self.operands - bytes(x, x.elem_count()),
            ..self
        }
    }

    /// The gradients of a product in the given operands.
    pub(crate) fn gradients_in(self, operands: &[&Tensor]) -> Self {
        let bytes = operands.iter().map(|x| bytes(x, x.elem_count()));
        Self {
            flops: operands.len() as u64 * self.flops,
            operands: bytes.sum(),
            ..self
        }
    }
}

/// Opens the span of a forward pass, which ends when the guard is dropped. `work` runs only if a
/// subscriber listens.
pub(crate) fn forward(op: &'static str, work: impl FnOnce() -> Work) -> EnteredSpan {
    span(op, "forward", || {
        let work = work();
        (work.result, work)
    })
}

/// Opens the span of a backward pass.
pub(crate) fn backward(op: &'static str, work: impl FnOnce() -> Work) -> EnteredSpan {
    span(op, "backward", || {
        let work = work();
        (work.operands, work)
    })
}

/// `work` returns the bytes of the result first.
fn span(op: &'static str, pass: &'static str, work: impl FnOnce() -> (usize, Work)) -> EnteredSpan {
    const TARGET: &str = "mde_ops";
    let span = if tracing::span_enabled!(target: TARGET, Level::TRACE) {
        let (bytes, Work { shape, flops, .. }) = work();
        tracing::trace_span!(target: TARGET, "operation", op, pass, shape, bytes, flops)
    } else {
        Span::none()
    };
    span.entered()
}

fn flops(multiply_adds: usize) -> u64 {
    2 * multiply_adds as u64
}

/// Bytes of the given number of values of the type of `x`.
fn bytes(x: &Tensor, values: usize) -> usize {
    values * x.dtype().size_in_bytes()
}

/// Formats sizes, as in "2x64x57x76".
fn sizes(sizes: &[usize]) -> String {
    let sizes: Vec<_> = sizes.iter().map(ToString::to_string).collect();
    sizes.join("x")
}
