//! Multiplies features by sparse weights.

use pulp::Simd;

use super::strip::{Run, Strip, TILE};

/// Number of units per call.
pub(super) const BLOCK: usize = 32;

/// Sums over the pixels of each slot for up to [`BLOCK`] units.
///
/// `features` is `[units, pixels]`, `sums` is `[slots, BLOCK]`. Features are transposed tile by
/// tile to `[pixels, units]`, so that one weight multiplies a vector of units. Each unit has its
/// own lane, so its sum does not depend on the vector width or on other units.
pub(super) struct Pool<'a> {
    pub(super) strips: &'a [Strip],
    /// First pixel of these strips.
    pub(super) first: usize,
    pub(super) features: &'a [f32],
    pub(super) pixels: usize,
    pub(super) absolute: bool,
    pub(super) sums: &'a mut [f64],
}

impl pulp::WithSimd for Pool<'_> {
    /// True if all features are finite.
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let registers = (self.features.len() / self.pixels).div_ceil(S::F64_LANES);
        match registers {
            0 | 1 => self.run::<S, 1>(simd),
            2 => self.run::<S, 2>(simd),
            3 | 4 => self.run::<S, 4>(simd),
            _ => self.run::<S, 8>(simd),
        }
    }
}

impl Pool<'_> {
    /// Runs with groups of `R` registers of units.
    #[inline(always)]
    fn run<S: Simd, const R: usize>(self, simd: S) -> bool {
        let lanes = R * S::F64_LANES;
        // `[lanes, TILE]`; one register's share in f64; `[TILE, lanes]`. Stale values beyond the
        // current units and pixels get no weight, or go to sums that are not read.
        let mut near = vec![0f32; lanes * TILE];
        let mut rows = vec![0.0; S::F64_LANES * TILE];
        let mut turned = [[simd.splat_f64s(0.0); R]; TILE];
        let (sums, _) = S::as_mut_simd_f64s(self.sums);
        let (sums, _) = sums.as_chunks_mut::<R>();
        let mut check = simd.splat_f64s(0.0);
        let tiles = self.strips.iter().flat_map(Strip::tiles);
        for (first, runs) in (self.first..self.pixels).step_by(TILE).zip(tiles) {
            let end = self.pixels.min(first + TILE);
            for (group, maps) in self.features.chunks(lanes * self.pixels).enumerate() {
                // Copies from distant memory come first, so that no computation waits for them.
                let maps = maps.chunks_exact(self.pixels);
                let registers = maps.len().div_ceil(S::F64_LANES);
                for (map, near) in maps.zip(near.chunks_exact_mut(TILE)) {
                    near[..end - first].copy_from_slice(&map[first..end]);
                }
                let near = near.chunks_exact(S::F64_LANES * TILE).take(registers);
                for (register, near) in near.enumerate() {
                    for (&value, row) in near.iter().zip(&mut rows) {
                        *row = f64::from(if self.absolute { value.abs() } else { value });
                    }
                    let (rows, _) = S::as_simd_f64s(&rows);
                    let out = turned.iter_mut().map(|pixel| &mut pixel[register]);
                    check = match S::F64_LANES {
                        8 => transpose::<S, 8>(simd, rows, out, check),
                        4 => transpose::<S, 4>(simd, rows, out, check),
                        2 => transpose::<S, 2>(simd, rows, out, check),
                        _ => transpose::<S, 1>(simd, rows, out, check),
                    };
                }
                for run in runs.clone() {
                    let sums = &mut sums[run.slot * (BLOCK / lanes) + group];
                    *sums = add_run(simd, run, &turned, *sums);
                }
            }
        }
        // 0 times a non-finite value is NaN.
        simd.reduce_sum_f64s(check) == 0.0
    }
}

/// Transposes `rows` `[N, TILE]` to `out`, `TILE` registers of `N` lanes.
///
/// Returns `check` plus 0 times all values.
#[inline(always)]
fn transpose<'a, S: Simd, const N: usize>(
    simd: S,
    rows: &[S::f64s],
    mut out: impl Iterator<Item = &'a mut S::f64s>,
    mut check: S::f64s,
) -> S::f64s
where
    S::f64s: 'a,
{
    const LANES: [u64; 8] = [0, 1, 2, 3, 4, 5, 6, 7];
    let lanes = simd.partial_load_u64s(&LANES[..N]);
    for column in 0..TILE / N {
        let mut square: [S::f64s; N] = std::array::from_fn(|row| rows[row * (TILE / N) + column]);
        for row in square {
            check = simd.mul_add_f64s(row, simd.splat_f64s(0.0), check);
        }
        // Swaps halves across the diagonal, then quarters, and so on.
        let mut size = N / 2;
        while size > 0 {
            let keep = simd.equal_u64s(
                simd.and_u64s(lanes, simd.splat_u64s(size as u64)),
                simd.splat_u64s(0),
            );
            for row in 0..N {
                if row & size == 0 {
                    let (upper, lower) = (square[row], square[row + size]);
                    square[row] =
                        simd.select_f64s(keep, upper, simd.rotate_right_f64s(lower, size));
                    square[row + size] =
                        simd.select_f64s(keep, simd.rotate_left_f64s(upper, size), lower);
                }
            }
            size /= 2;
        }
        for (turned, out) in square.into_iter().zip(&mut out) {
            *out = turned;
        }
    }
    check
}

/// `sums + Σ weight · features[pixel]` over the run's pixels.
#[inline(always)]
fn add_run<S: Simd, const R: usize>(
    simd: S,
    run: Run<'_>,
    features: &[[S::f64s; R]; TILE],
    mut sums: [S::f64s; R],
) -> [S::f64s; R] {
    for (&pixel, &weight) in run.pixels.iter().zip(run.weights) {
        let weight = simd.splat_f64s(weight);
        // `pixel` is below TILE; the remainder avoids a bounds check.
        let features = &features[usize::from(pixel) % TILE];
        for (sum, &feature) in sums.iter_mut().zip(features) {
            *sum = simd.mul_add_f64s(weight, feature, *sum);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{BinWeights, DepthBins, ImageSize};

    type Run = fn(Pool<'_>) -> bool;

    /// Registers of all widths, emulated, and those of this machine.
    const REGISTERS: [Run; 4] = [
        |pool| pulp::Scalar128b.vectorize(pool),
        |pool| pulp::Scalar256b.vectorize(pool),
        |pool| pulp::Scalar512b.vectorize(pool),
        |pool| pulp::Arch::new().dispatch(pool),
    ];

    /// Bits of the sums of `units` units, and whether all features are finite.
    fn pooled(run: Run, features: &[f32], units: usize, absolute: bool) -> (Vec<u64>, bool) {
        let size = ImageSize::new(13, 15);
        let gt: Vec<f32> = (0..7 * 23)
            .map(|i| (i * 37 % 101) as f32 / 9.0 - 0.5)
            .collect();
        let bins = DepthBins::nyu(9).unwrap();
        let weights =
            BinWeights::for_stretched_features(&bins, &gt, ImageSize::new(7, 23), size).unwrap();
        let mut sums = vec![0.0; 10 * BLOCK];
        let finite = run(Pool {
            strips: &weights.strips,
            first: 0,
            features: &features[..units * size.pixels()],
            pixels: size.pixels(),
            absolute,
            sums: &mut sums,
        });
        let rows = sums.chunks_exact(BLOCK);
        let bits = rows.flat_map(|row| row[..units].iter().map(|sum| sum.to_bits()));
        (bits.collect(), finite)
    }

    fn features() -> Vec<f32> {
        let values = (0..BLOCK * 13 * 15).map(|i| ((i * 7919) % 1009) as f32 / 500.0 - 1.0);
        values.collect()
    }

    #[test]
    fn the_register_width_changes_no_bit() {
        let features = features();
        for units in [1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 24, 25, 31, 32] {
            for absolute in [false, true] {
                let single = |pool: Pool<'_>| pulp::Scalar::new().vectorize(pool);
                let expected = pooled(single, &features, units, absolute);
                assert!(expected.1);
                for run in REGISTERS {
                    assert_eq!(pooled(run, &features, units, absolute), expected);
                }
            }
        }
    }

    #[test]
    fn non_finite_values_are_always_detected() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for units in [1, 7, 17, 32] {
                for at in [0, units * 195 / 2, units * 195 - 1] {
                    let mut features = features();
                    features[at] = value;
                    for run in REGISTERS {
                        let (_, finite) = pooled(run, &features, units, true);
                        assert!(!finite, "{value} at {at} of {units} units");
                    }
                }
            }
        }
    }
}
