//! Transforms of tiles, one vector of tiles at a time, and of filters.

use pulp::Simd;

use crate::cpu::{Kernel, MatrixMut};

/// Divisor of the number of slots: the longest vector of any processor.
pub(super) const LANES: usize = 16;

/// The points are pairs ±a, so that the even and odd parts of a polynomial serve both.
const PAIRS: [f32; 3] = [1.0, 2.0, 0.5];

/// Coefficients of `Π (x² - b²)` over the first `pairs` points, except number `skip`.
const fn quotient(pairs: usize, skip: usize) -> [f32; 4] {
    let mut product = [1.0, 0.0, 0.0, 0.0];
    let mut pair = 0;
    while pair < pairs {
        if pair != skip {
            let square = PAIRS[pair] * PAIRS[pair];
            let mut n = 3;
            while n > 0 {
                product[n] = product[n - 1] - square * product[n];
                n -= 1;
            }
            product[0] *= -square;
        }
        pair += 1;
    }
    product
}

/// F(M x M, K x K) with T x T tiles, K = T - M + 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Winograd<const T: usize, const M: usize>;

impl<const T: usize, const M: usize> Winograd<T, M> {
    pub(super) const K: usize = T - M + 1;
    pub(super) const POINTS: usize = T * T;
    const PAIRS: usize = (T - 2) / 2;
    /// Number of tiles that the last value of a tile reaches into its neighbours' phases.
    pub(super) const REACH: usize = (T - 1) / M;
    const ALL: [f32; 4] = quotient(Self::PAIRS, usize::MAX);
    const WITHOUT: [[f32; 4]; 3] = [
        quotient(Self::PAIRS, 0),
        quotient(Self::PAIRS, 1),
        quotient(Self::PAIRS, 2),
    ];

    /// a^i for each pair and output.
    const POWERS: [[f32; M]; 3] = {
        let mut powers = [[1.0; M]; 3];
        let mut pair = 0;
        while pair < 3 {
            let mut i = 1;
            while i < M {
                powers[pair][i] = powers[pair][i - 1] * PAIRS[pair];
                i += 1;
            }
            pair += 1;
        }
        powers
    };

    /// G, `[T, K]`: powers of each point divided by the product of its distances to the others.
    fn g() -> [[f32; 8]; T] {
        let mut points = vec![0.0];
        for pair in &PAIRS[..Self::PAIRS] {
            points.extend([f64::from(*pair), -f64::from(*pair)]);
        }
        let mut g = [[0.0; 8]; T];
        for (j, &point) in points.iter().enumerate() {
            let others = points.iter().filter(|&&other| other != point);
            let distances: f64 = others.map(|other| point - other).product();
            for (l, value) in g[j][..Self::K].iter_mut().enumerate() {
                *value = (point.powi(l as i32) / distances) as f32;
            }
        }
        g[T - 1][Self::K - 1] = 1.0;
        g
    }

    /// Bᵀ d.
    #[inline(always)]
    pub(super) fn input<S: Simd>(simd: S, d: &[S::f32s; T]) -> [S::f32s; T] {
        let mut out = [simd.splat_f32s(0.0); T];
        let weighted = |sum, value, factor| simd.mul_add_f32s(value, simd.splat_f32s(factor), sum);
        for n in 0..=Self::PAIRS {
            out[0] = weighted(out[0], d[2 * n], Self::ALL[n]);
            out[T - 1] = weighted(out[T - 1], d[2 * n + 1], Self::ALL[n]);
        }
        for pair in 0..Self::PAIRS {
            let (mut even, mut odd) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
            for n in 0..Self::PAIRS {
                let factor = Self::WITHOUT[pair][n];
                even = weighted(even, d[2 * n + 2], factor);
                odd = weighted(odd, d[2 * n + 1], PAIRS[pair] * factor);
            }
            out[2 * pair + 1] = simd.add_f32s(even, odd);
            out[2 * pair + 2] = simd.sub_f32s(even, odd);
        }
        out
    }

    /// Aᵀ m.
    #[inline(always)]
    pub(super) fn output<S: Simd>(simd: S, m: &[S::f32s; T]) -> [S::f32s; M] {
        let mut out = [simd.splat_f32s(0.0); M];
        out[0] = m[0];
        for pair in 0..Self::PAIRS {
            let (plus, minus) = (m[2 * pair + 1], m[2 * pair + 2]);
            let parts = [simd.add_f32s(plus, minus), simd.sub_f32s(plus, minus)];
            for (i, out) in out.iter_mut().enumerate() {
                let power = simd.splat_f32s(Self::POWERS[pair][i]);
                *out = simd.mul_add_f32s(parts[i % 2], power, *out);
            }
        }
        out[M - 1] = simd.add_f32s(out[M - 1], m[T - 1]);
        out
    }

    /// A y, the adjoint of [`Self::output`].
    #[inline(always)]
    pub(super) fn output_adjoint<S: Simd>(simd: S, y: &[S::f32s; M]) -> [S::f32s; T] {
        let mut out = [simd.splat_f32s(0.0); T];
        out[0] = y[0];
        out[T - 1] = y[M - 1];
        for pair in 0..Self::PAIRS {
            let mut parts = [simd.splat_f32s(0.0); 2];
            for (i, y) in y.iter().enumerate() {
                let power = simd.splat_f32s(Self::POWERS[pair][i]);
                parts[i % 2] = simd.mul_add_f32s(*y, power, parts[i % 2]);
            }
            out[2 * pair + 1] = simd.add_f32s(parts[0], parts[1]);
            out[2 * pair + 2] = simd.sub_f32s(parts[0], parts[1]);
        }
        out
    }
}

/// Loads the first vector of a slice.
#[inline(always)]
pub(super) fn load<S: Simd>(_simd: S, values: &[f32]) -> S::f32s {
    S::as_simd_f32s(&values[..S::F32_LANES]).0[0]
}

/// Stores a vector at the start of a slice.
#[inline(always)]
pub(super) fn store<S: Simd>(_simd: S, value: S::f32s, values: &mut [f32]) {
    S::as_mut_simd_f32s(&mut values[..S::F32_LANES]).0[0] = value;
}

/// G g Gᵀ of some filters: `weight` `[count, K, K]` to `filters` `[T T, count]`.
pub(super) struct TransformFilters<'a, const T: usize, const M: usize> {
    pub(super) weight: &'a [f32],
    pub(super) filters: MatrixMut<'a>,
}

impl<const T: usize, const M: usize> Kernel for TransformFilters<'_, T, M> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let (g, k) = (Winograd::<T, M>::g(), Winograd::<T, M>::K);
        let count = self.weight.len() / (k * k);
        let weighted = |sum, value, factor| simd.mul_add_f32s(value, simd.splat_f32s(factor), sum);
        // Gathers the taps once, so that each step handles a vector of filters.
        for first in (0..count).step_by(S::F32_LANES) {
            let lanes = S::F32_LANES.min(count - first);
            let mut gathered = [[0.0; LANES]; 64];
            for lane in 0..lanes {
                let filter = &self.weight[(first + lane) * k * k..][..k * k];
                for (gathered, value) in gathered.iter_mut().zip(filter) {
                    gathered[lane] = *value;
                }
            }
            for y in 0..T {
                let mut row = [simd.splat_f32s(0.0); 8];
                for (x, row) in row[..k].iter_mut().enumerate() {
                    for n in 0..k {
                        *row = weighted(*row, load(simd, &gathered[n * k + x]), g[y][n]);
                    }
                }
                for (x, g) in g.iter().enumerate() {
                    let mut value = simd.splat_f32s(0.0);
                    for (row, g) in row[..k].iter().zip(g) {
                        value = weighted(value, *row, *g);
                    }
                    let point = self.filters.row_mut(y * T + x);
                    simd.partial_store_f32s(&mut point[first..first + lanes], value);
                }
            }
        }
    }
}

/// Gᵀ u G of all filters: `filters` `[T, T, count]` to `weight` `[count, K, K]`.
pub(super) struct TransformWeights<'a, const T: usize, const M: usize> {
    pub(super) filters: &'a [f32],
    pub(super) count: usize,
    pub(super) weight: &'a mut [f32],
}

impl<const T: usize, const M: usize> Kernel for TransformWeights<'_, T, M> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (g, k) = (Winograd::<T, M>::g(), Winograd::<T, M>::K);
        let weighted = |sum, value, factor| simd.mul_add_f32s(value, simd.splat_f32s(factor), sum);
        for first in (0..self.count).step_by(S::F32_LANES) {
            let lanes = S::F32_LANES.min(self.count - first);
            let mut half = [[simd.splat_f32s(0.0); T]; 8];
            for point in 0..T * T {
                let filters = &self.filters[point * self.count + first..][..lanes];
                let value = simd.partial_load_f32s(filters);
                for (half, g) in half[..k].iter_mut().zip(&g[point / T]) {
                    half[point % T] = weighted(half[point % T], value, *g);
                }
            }
            for (y, half) in half[..k].iter().enumerate() {
                for x in 0..k {
                    let mut sum = simd.splat_f32s(0.0);
                    for (half, g) in half.iter().zip(&g) {
                        sum = weighted(sum, *half, g[x]);
                    }
                    let mut values = [0.0; LANES];
                    store(simd, sum, &mut values);
                    for (lane, value) in values[..lanes].iter().enumerate() {
                        self.weight[((first + lane) * k + y) * k + x] = *value;
                    }
                }
            }
        }
    }
}
