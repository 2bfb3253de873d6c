//! Depths of one map and of a whole split.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::DepthMap;

/// Depths are counted by the millimetre to here; what is farther counts as this far in quantiles.
const COUNTED_TO: usize = 1 << 17;

/// Depths of a split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DepthSummary {
    /// The nearest, in metres.
    pub min: f32,
    /// Half of what was measured is nearer, metres, by the millimetre.
    pub median: f64,
    /// The farthest, in metres.
    pub max: f32,
    /// Mean over all measured pixels, in metres.
    pub mean: f64,
    /// Share of pixels that were not measured.
    pub holes: f64,
}

/// Depths of one map.
#[derive(Debug)]
pub(super) struct MapDepths {
    pixels: u64,
    pub(super) measured: u64,
    min: f32,
    max: f32,
    sum: f64,
    pub(super) median: f64,
    pub(super) nearly_all: f64,
}

impl MapDepths {
    /// The map's depths, and how often each millimetre occurs, up to the farthest.
    fn of(map: &DepthMap) -> (Self, Vec<u64>) {
        let measured = || map.metres.iter().copied().filter(|&metres| metres > 0.0);
        let (mut min, mut max, mut sum) = (f32::INFINITY, 0.0f32, 0.0);
        for metres in measured() {
            (min, max) = (min.min(metres), max.max(metres));
            sum += f64::from(metres);
        }
        let mut counts = vec![0; millimetre(max) + 1];
        measured().for_each(|metres| counts[millimetre(metres)] += 1);
        let depths = Self {
            pixels: map.metres.len() as u64,
            measured: measured().count() as u64,
            min,
            max,
            sum,
            median: quantile(&counts, 0.5),
            nearly_all: quantile(&counts, 0.99),
        };
        (depths, counts)
    }

    /// Share of pixels that were not measured.
    pub(super) fn holes(&self) -> f64 {
        1.0 - self.measured as f64 / self.pixels.max(1) as f64
    }

    /// The depth of all pixels, if they have one.
    pub(super) fn constant(&self) -> Option<f32> {
        (self.measured > 1 && self.min == self.max).then_some(self.min)
    }
}

fn millimetre(metres: f32) -> usize {
    ((metres * 1000.0).round() as usize).min(COUNTED_TO - 1)
}

/// The smallest depth in metres that at least this share of the counts does not exceed; 0 if there are none.
fn quantile(counts: &[u64], share: f64) -> f64 {
    let total: u64 = counts.iter().sum();
    let rank = (share * total as f64).ceil() as u64;
    let mut below = 0;
    for (millimetre, count) in counts.iter().enumerate() {
        below += count;
        if below >= rank.max(1) {
            return millimetre as f64 / 1000.0;
        }
    }
    0.0
}

/// Depths of a split, added up while its maps are looked at, in any order.
#[derive(Debug)]
pub(super) struct Depths(Mutex<Sums>);

#[derive(Debug)]
struct Sums {
    pixels: u64,
    measured: u64,
    min: f32,
    max: f32,
    /// In millionths of a metre: whole numbers add up to the same in any order.
    micrometres: u128,
    by_millimetre: Vec<u64>,
}

impl Depths {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Sums {
            pixels: 0,
            measured: 0,
            min: f32::INFINITY,
            max: 0.0,
            micrometres: 0,
            by_millimetre: Vec::new(),
        }))
    }

    /// Adds a map, and gives its own depths.
    pub(super) fn add(&self, map: &DepthMap) -> MapDepths {
        let (map, counts) = MapDepths::of(map);
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.pixels += map.pixels;
        sums.measured += map.measured;
        sums.min = sums.min.min(map.min);
        sums.max = sums.max.max(map.max);
        sums.micrometres += (map.sum * 1e6).round() as u128;
        if sums.by_millimetre.len() < counts.len() {
            sums.by_millimetre.resize(counts.len(), 0);
        }
        for (sum, count) in sums.by_millimetre.iter_mut().zip(counts) {
            *sum += count;
        }
        map
    }

    /// None if nothing was measured, or no map was decoded.
    pub(super) fn summary(&self) -> Option<DepthSummary> {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (sums.measured > 0).then(|| DepthSummary {
            min: sums.min,
            median: quantile(&sums.by_millimetre, 0.5),
            max: sums.max,
            mean: sums.micrometres as f64 / 1e6 / sums.measured as f64,
            holes: 1.0 - sums.measured as f64 / sums.pixels as f64,
        })
    }

    /// What 99 of 100 depths do not exceed, in metres.
    pub(super) fn nearly_all(&self) -> f64 {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        quantile(&sums.by_millimetre, 0.99)
    }
}
