//! Spans for profilers: each pass of an operation in one, at level TRACE under the target `mde_ops`.
//!
//! A span has the fields `op`, `pass` ("forward" or "backward"), `shape`, `bytes` of the result (backward: of the gradients)
//! and `flops`: two for every multiply-add of the convolution or product that was asked for, done plainly. Kernels that get
//! by with fewer are not credited less, so that flops by time compares them; operations without products have 0. While
//! nobody listens a span costs one comparison.

use candle_core::Tensor;
use tracing::span::EnteredSpan;
use tracing::{Level, Span};

use crate::shapes::ConvConfig;

/// What an operation is about.
pub(crate) struct Work {
    shape: String,
    flops: u64,
    /// Of these, those of the product whose gradient `x` gets.
    first: u64,
    /// Bytes of the operands that get a gradient.
    operands: usize,
    /// Bytes of the result.
    result: usize,
}

impl Work {
    /// An operation without products that gives as many values as it takes, on a tensor of any shape.
    pub(crate) fn on(x: &Tensor) -> Self {
        Self {
            shape: sizes(x.dims()),
            flops: 0,
            first: 0,
            operands: bytes(x, x.elem_count()),
            result: bytes(x, x.elem_count()),
        }
    }

    /// One from the maps of `x` [B, C, h, w] to maps of another size.
    pub(crate) fn resampling(x: &Tensor, (height, width): (usize, usize)) -> Self {
        let maps: usize = x.dims()[..2].iter().product();
        Self {
            shape: format!("{} -> {height}x{width}", sizes(x.dims())),
            result: bytes(x, maps * height * width),
            ..Self::on(x)
        }
    }

    /// A convolution of `x` [B, C, h, w] under `weight` [O, C / groups, kh, kw] to maps of the size `out`.
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

    /// A transposed convolution of `x` [B, C, h, w] under `weight` [C, O, kh, kw] to maps of twice the size.
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

    /// Stages in a row, of which each sees the output of the one before: convolutions, and what has no products. All have so
    /// many parameters.
    pub(crate) fn chain(x: &Tensor, stages: Vec<Option<Self>>, parameters: usize) -> Self {
        let mut chain = Self::on(x);
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
            ..Self::on(x)
        }
    }

    /// Scores of every token of `qkv` [N, tokens, 3 heads d] with every other, and the sum of values that they weigh: two
    /// products of a size.
    pub(crate) fn attention(qkv: &Tensor, heads: usize) -> Self {
        let (tokens, out) = (qkv.dims()[1], qkv.elem_count() / 3);
        Self {
            shape: format!("{}, {heads} heads", sizes(qkv.dims())),
            flops: 2 * flops(out * tokens),
            result: bytes(qkv, out),
            ..Self::on(qkv)
        }
    }

    /// A matrix product of all units of `features`, which are [B, N, h, w] in `dims`, with `bins` columns.
    pub(crate) fn pooling(features: &Tensor, dims: [usize; 4], bins: usize) -> Self {
        Self {
            shape: format!("{} -> {bins} bins", sizes(&dims)),
            flops: flops(features.elem_count() * bins),
            result: bytes(features, dims[1] * bins),
            ..Self::on(features)
        }
    }

    /// Both gradients of every product, each a product of its size.
    pub(crate) fn both_gradients(self) -> Self {
        Self {
            flops: 2 * self.flops,
            ..self
        }
    }

    /// The gradients of convolutions where `x`, an image from outside, may need none.
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

    /// The gradients of a product in these operands.
    pub(crate) fn gradients_in(self, operands: &[&Tensor]) -> Self {
        let bytes = operands.iter().map(|x| bytes(x, x.elem_count()));
        Self {
            flops: operands.len() as u64 * self.flops,
            operands: bytes.sum(),
            ..self
        }
    }
}

/// Opens the span of a forward pass, which ends when the guard is dropped. `work` is asked only if someone listens.
pub(crate) fn forward(op: &'static str, work: impl FnOnce() -> Work) -> EnteredSpan {
    span(op, "forward", || {
        let work = work();
        (work.result, work)
    })
}

/// The same of a gradient.
pub(crate) fn backward(op: &'static str, work: impl FnOnce() -> Work) -> EnteredSpan {
    span(op, "backward", || {
        let work = work();
        (work.operands, work)
    })
}

/// `work` gives the bytes of the pass's result first.
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

/// So many values of the type of `x`.
fn bytes(x: &Tensor, values: usize) -> usize {
    values * x.dtype().size_in_bytes()
}

/// "2x64x57x76".
fn sizes(sizes: &[usize]) -> String {
    let sizes: Vec<_> = sizes.iter().map(ToString::to_string).collect();
    sizes.join("x")
}
