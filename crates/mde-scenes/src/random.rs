//! Random numbers: a seeded stream for the layout; hashes and value noise for textures and sensors.

use glam::Vec3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The random choices behind one room or street, set by its seed and its index.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&index.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in `[low, high]`.
    pub(crate) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.0.random::<f32>()
    }

    /// One uniform number for each range, in order.
    pub(crate) fn ranges<const N: usize>(&mut self, ranges: [(f32, f32); N]) -> [f32; N] {
        ranges.map(|(low, high)| self.range(low, high))
    }

    /// A vector with one uniform number for each axis, drawn in order.
    pub(crate) fn vector(&mut self, ranges: [(f32, f32); 3]) -> Vec3 {
        Vec3::from(self.ranges(ranges))
    }

    /// Uniform integer, both ends included.
    pub(crate) fn int(&mut self, low: usize, high: usize) -> usize {
        self.0.random_range(low..=high)
    }

    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.0.random::<f32>() < probability
    }

    /// `one` with this probability, else `other`.
    pub(crate) fn either<T>(&mut self, probability: f32, one: T, other: T) -> T {
        if self.chance(probability) { one } else { other }
    }

    /// What `one` makes with this probability, else what `other` makes.
    pub(crate) fn either_made<T>(
        &mut self,
        probability: f32,
        one: impl FnOnce(&mut Self) -> T,
        other: impl FnOnce(&mut Self) -> T,
    ) -> T {
        if self.chance(probability) {
            one(self)
        } else {
            other(self)
        }
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.int(0, choices.len() - 1)]
    }

    pub(crate) fn bits(&mut self) -> u32 {
        self.0.random()
    }

    /// `colour` with its brightness and its channels scaled at random by up to `amount`, clamped to
    /// possible albedos.
    pub(crate) fn vary(&mut self, colour: Vec3, amount: f32) -> Vec3 {
        let gain = self.range(1.0 - amount, 1.0 + amount);
        let tint = self.vector([(1.0 - amount / 2.0, 1.0 + amount / 2.0); 3]);
        (colour * tint * gain).clamp(Vec3::splat(0.01), Vec3::splat(0.92))
    }
}

/// A well-mixed hash of a lattice point.
pub(crate) fn hash(x: i32, y: i32, seed: u32) -> u32 {
    let mut h = (x as u32).wrapping_mul(0x9E37_79B1)
        ^ (y as u32).wrapping_mul(0x85EB_CA77).rotate_left(13)
        ^ seed.wrapping_mul(0xC2B2_AE3D);
    h = (h ^ (h >> 16)).wrapping_mul(0x7FEB_352D);
    h = (h ^ (h >> 15)).wrapping_mul(0x846C_A68B);
    h ^ (h >> 16)
}

/// The hash as a number in `[0, 1)`.
pub(crate) fn unit(x: i32, y: i32, seed: u32) -> f32 {
    (hash(x, y, seed) >> 8) as f32 / 16_777_216.0
}

/// Roughly normal noise with mean 0 and variance 1: the sum of the four bytes of one hash.
pub(crate) fn normal(x: i32, y: i32, seed: u32) -> f32 {
    let h = hash(x, y, seed);
    let sum = (h & 255) + ((h >> 8) & 255) + ((h >> 16) & 255) + (h >> 24);
    (sum as f32 - 510.0) / 147.8
}

/// Smooth value noise in `[0, 1)` with lattice period 1.
pub(crate) fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let (ix, iy) = (fx as i32, fy as i32);
    let (tx, ty) = (smooth(x - fx), smooth(y - fy));
    let low = unit(ix, iy, seed) * (1.0 - tx) + unit(ix + 1, iy, seed) * tx;
    let high = unit(ix, iy + 1, seed) * (1.0 - tx) + unit(ix + 1, iy + 1, seed) * tx;
    low * (1.0 - ty) + high * ty
}

/// Three octaves of [`noise`], in `[0, 1)`.
pub(crate) fn fbm(x: f32, y: f32, seed: u32) -> f32 {
    let coarse = noise(x, y, seed);
    let middle = noise(2.03 * x, 2.03 * y, seed ^ 0x51);
    let fine = noise(4.1 * x, 4.1 * y, seed ^ 0xA7);
    (4.0 * coarse + 2.0 * middle + fine) / 7.0
}

fn smooth(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashed_normal_has_mean_zero_and_unit_variance() {
        let draws: Vec<f64> = (0..40_000)
            .map(|i| f64::from(normal(i % 200, i / 200, 7)))
            .collect();
        let mean = draws.iter().sum::<f64>() / 40_000.0;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 40_000.0;
        assert!(mean.abs() < 0.02, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.03, "variance {variance}");
    }

    #[test]
    fn noise_is_continuous_and_bounded() {
        for step in 0..2000 {
            let x = step as f32 * 0.013 - 9.0;
            let here = noise(x, 0.3 * x, 5);
            assert!((0.0..1.0).contains(&here));
            assert!((noise(x + 1e-3, 0.3 * x, 5) - here).abs() < 0.01);
        }
    }

    #[test]
    fn seed_and_index_both_matter() {
        let first = Dice::new(1, 2).bits();
        assert_eq!(first, Dice::new(1, 2).bits());
        assert_ne!(first, Dice::new(2, 1).bits());
        assert_ne!(first, Dice::new(1, 3).bits());
    }
}
