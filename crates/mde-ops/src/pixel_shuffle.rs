//! Rearranges channels into pixels, the last step of operations that enlarge a map at low
//! resolution.

use candle_core::{Result, Shape, Tensor};
use rayon::prelude::*;

use crate::cpu::{self, CpuOp, Gradients, Output, apply1};
use crate::plain;
use crate::shapes::{PixelShuffle, on_cpu_kernels};
use crate::trace::{self, Work};

/// PyTorch's `pixel_shuffle` (Shi et al. 2016): `x` [B, C r², h, w] gives [B, C, h r, w r].
///
/// `out[c, y r + i, x r + j] = x[(c r + i) r + j, y, x]` with r = `ratio`.
///
/// # Errors
/// If `x` is not four-dimensional, or its channels are not a multiple of r².
pub fn pixel_shuffle(x: &Tensor, ratio: usize) -> Result<Tensor> {
    let _span = trace::forward("pixel_shuffle", || Work::elementwise(x));
    shuffle(x, PixelShuffle { ratio, overlap: 0 })
}

/// [`pixel_shuffle`] with overlapping maps: phase (i, j) reads its map from (i `overlap`, j
/// `overlap`) on. The maps are (r - 1) `overlap` larger than their contribution.
pub(crate) fn shuffle(x: &Tensor, op: PixelShuffle) -> Result<Tensor> {
    op.out_shape(x)?;
    if on_cpu_kernels(x) {
        apply1(op, x)
    } else {
        plain::shuffle(x, op)
    }
}

impl PixelShuffle {
    /// Calls `visit(output pixel, input value)` for all pixels of one output channel. Input values
    /// are counted from the first of the channel's maps, `[r, r, h', w']`.
    fn pairs(&self, (h, w): (usize, usize), mut visit: impl FnMut(usize, usize)) {
        let (map_h, map_w) = (h + self.margin(), w + self.margin());
        for i in 0..self.ratio {
            for y in 0..h {
                let row = (y * self.ratio + i) * w * self.ratio;
                for j in 0..self.ratio {
                    let map = (i * self.ratio + j) * map_h + y + i * self.overlap;
                    let start = map * map_w + j * self.overlap;
                    for x in 0..w {
                        visit(row + x * self.ratio + j, start + x);
                    }
                }
            }
        }
    }
}

impl CpuOp<1> for PixelShuffle {
    const NAME: &'static str = "mde-pixel-shuffle";

    fn forward(&self, [x]: [&[f32]; 1], [shape]: [&Shape; 1]) -> Output {
        let (b, channels, map_h, map_w) = shape.dims4()?;
        let (ratio, margin) = (self.ratio, self.margin());
        let (c, h, w) = (channels / (ratio * ratio), map_h - margin, map_w - margin);
        let mut out = vec![0.0; b * c * h * w * ratio * ratio];
        out.par_chunks_mut(h * w * ratio * ratio)
            .zip(x.par_chunks(ratio * ratio * map_h * map_w))
            .for_each(|(out, maps)| self.pairs((h, w), |to, from| out[to] = maps[from]));
        Ok((out, (b, c, h * ratio, w * ratio).into()))
    }

    fn backward(&self, [x]: [&Tensor; 1], _out: &Tensor, grad: &Tensor) -> Gradients<1> {
        let _span = trace::backward("pixel_shuffle", || Work::elementwise(x));
        let (_, h, w) = self.out_shape(x)?;
        let (_, _, map_h, map_w) = x.dims4()?;
        let phases = self.ratio * self.ratio;
        let grad_x = cpu::with_values([grad], |[grad]| {
            let mut grad_x = vec![0.0; x.elem_count()];
            grad_x
                .par_chunks_mut(phases * map_h * map_w)
                .zip(grad.par_chunks(phases * h * w))
                .for_each(|(maps, grad)| self.pairs((h, w), |from, to| maps[to] = grad[from]));
            cpu::tensor(grad_x, x.shape())
        })?;
        Ok([Some(grad_x)])
    }
}
