//! Interpolation and shift of the taps' maps with channels innermost, and the adjoints.

use crate::cpu::Kernel;
use crate::cpu::lerp::{Lerp, Readers, add_blend, add_scaled};
use crate::shapes::ResizedConvDims;

/// Interpolates and shifts along x: one row of all taps, `[w, kx, ky, out]`, to `[width, ky, out]`.
pub(super) struct Widen<'a> {
    pub(super) op: &'a ResizedConvDims,
    pub(super) columns: &'a Lerp,
    pub(super) low: &'a [f32],
    pub(super) wide: &'a mut [f32],
}

impl Kernel for Widen<'_> {
    #[inline(always)]
    fn run<S: pulp::Simd>(self, _simd: S) {
        let Self {
            op,
            columns,
            low,
            wide,
        } = self;
        let run = op.kernel * op.out;
        wide.fill(0.0);
        for kx in 0..op.kernel {
            let (range, first) = columns.shifted(op.shift(kx), op.target.1);
            let at = |x: usize| &low[(x * op.kernel + kx) * run..][..run];
            for (x, tap) in range.zip(&columns.taps[first..]) {
                let wide = &mut wide[x * run..][..run];
                add_blend(wide, at(tap.low), at(tap.high), tap.weight);
            }
        }
    }
}

/// Interpolates and shifts along y: an image's `[h, width, ky, out]` to output row `y`, `[width,
/// out]`.
pub(super) struct Heighten<'a> {
    pub(super) op: &'a ResizedConvDims,
    pub(super) rows: &'a Lerp,
    pub(super) wide: &'a [f32],
    pub(super) y: usize,
    pub(super) out: &'a mut [f32],
}

impl Kernel for Heighten<'_> {
    #[inline(always)]
    fn run<S: pulp::Simd>(self, _simd: S) {
        let Self {
            op,
            rows,
            wide,
            y,
            out,
        } = self;
        let run = op.kernel * op.out;
        let row_floats = op.target.1 * run;
        out.fill(0.0);
        for ky in 0..op.kernel {
            let Some(position) = y.checked_add_signed(op.shift(ky)) else {
                continue;
            };
            let Some(tap) = rows.taps.get(position) else {
                continue;
            };
            let low = wide[tap.low * row_floats..][..row_floats].chunks_exact(run);
            let high = wide[tap.high * row_floats..][..row_floats].chunks_exact(run);
            for ((out, low), high) in out.chunks_exact_mut(op.out).zip(low).zip(high) {
                let channels = ky * op.out..(ky + 1) * op.out;
                add_blend(out, &low[channels.clone()], &high[channels], tap.weight);
            }
        }
    }
}

/// The adjoint of [`Heighten`] for one low row: an image's gradient `[height, width, out]` to
/// `[width, ky, out]`.
pub(super) struct HeightenAdjoint<'a> {
    pub(super) op: &'a ResizedConvDims,
    pub(super) readers: &'a [(usize, f32)],
    pub(super) grad: &'a [f32],
    pub(super) wide: &'a mut [f32],
}

impl Kernel for HeightenAdjoint<'_> {
    #[inline(always)]
    fn run<S: pulp::Simd>(self, _simd: S) {
        let Self {
            op,
            readers,
            grad,
            wide,
        } = self;
        let run = op.kernel * op.out;
        let row_floats = op.target.1 * op.out;
        wide.fill(0.0);
        for ky in 0..op.kernel {
            for &(position, weight) in readers {
                let Some(y) = position.checked_add_signed(-op.shift(ky)) else {
                    continue;
                };
                if y >= op.target.0 {
                    continue;
                }
                let grad = grad[y * row_floats..][..row_floats].chunks_exact(op.out);
                for (wide, grad) in wide.chunks_exact_mut(run).zip(grad) {
                    add_scaled(&mut wide[ky * op.out..][..op.out], grad, weight);
                }
            }
        }
    }
}

/// The adjoint of [`Widen`]: `[width, ky, out]` to `[w, kx, ky, out]`.
pub(super) struct WidenAdjoint<'a> {
    pub(super) op: &'a ResizedConvDims,
    pub(super) readers: &'a [Readers],
    pub(super) wide: &'a [f32],
    pub(super) low: &'a mut [f32],
}

impl Kernel for WidenAdjoint<'_> {
    #[inline(always)]
    fn run<S: pulp::Simd>(self, _simd: S) {
        let Self {
            op,
            readers,
            wide,
            low,
        } = self;
        let run = op.kernel * op.out;
        low.fill(0.0);
        for (low, readers) in low.chunks_exact_mut(op.kernel * run).zip(readers) {
            for (kx, low) in low.chunks_exact_mut(run).enumerate() {
                for &(position, weight) in readers {
                    let x = position.checked_add_signed(-op.shift(kx));
                    if let Some(x) = x.filter(|&x| x < op.target.1) {
                        add_scaled(low, &wide[x * run..][..run], weight);
                    }
                }
            }
        }
    }
}
