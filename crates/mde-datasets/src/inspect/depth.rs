//! Depths of one map and of a whole split, and whether they are plausible.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::finding::Severity;
use crate::plan::Plan;
use crate::stored::{StoredDepths, StoredFault};
use crate::{DepthMap, Scene};

/// Depths are counted per millimetre up to here; larger ones count as this value in quantiles.
const COUNTED_UP_TO: usize = 1 << 17;
/// If 99 % of the depths are below this, in metres, the unit is wrong.
const MIN_REACH: f64 = 0.2;
/// If 99 % of the depths are below this fraction of a described range, the unit is doubtful.
const MIN_USED_RANGE: f64 = 0.2;
/// Fractions of depths outside the range above which the unit is wrong or doubtful.
const MAX_OUTSIDE: f64 = 0.5;
const DOUBTFUL_OUTSIDE: f64 = 0.25;

/// Depths of a split. Depth out of reach counts as missing: beyond the scene's largest depth, or
/// outside the description's range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DepthSummary {
    /// The smallest depth in metres.
    pub min: f32,
    /// Median in metres, to the millimetre.
    pub median: f64,
    /// The largest depth in metres.
    pub max: f32,
    /// Mean of all measured pixels in metres.
    pub mean: f64,
    /// Fraction of pixels without a depth.
    pub missing_fraction: f64,
    /// Fraction of pixels with the largest integer that the file can hold; 0 for arrays.
    pub largest_value_fraction: f64,
    /// Fraction of pixels with a depth beyond the reach, except those with the largest integer.
    pub beyond_reach_fraction: f64,
}

/// Depths of one map.
#[derive(Debug)]
pub(super) struct MapDepths {
    pixels: u64,
    pub(super) measured: u64,
    /// Number of depths before those out of reach are dropped.
    pub(super) stored: u64,
    min: f32,
    max: f32,
    sum: f64,
    /// Why its stored depths cannot be right, if so.
    pub(super) implausible: Option<String>,
}

impl MapDepths {
    /// The depths of a map, and their counts.
    fn new(map: &DepthMap) -> (Self, Counts) {
        let measured = || map.metres.iter().copied().filter(|&metres| metres > 0.0);
        let (mut min, mut max, mut sum) = (f32::INFINITY, 0.0f32, 0.0);
        for metres in measured() {
            (min, max) = (min.min(metres), max.max(metres));
            sum += f64::from(metres);
        }
        let counts = Counts::new(measured(), max);
        let depths = Self {
            pixels: map.metres.len() as u64,
            measured: counts.total(),
            stored: counts.total(),
            min,
            max,
            sum,
            implausible: None,
        };
        (depths, counts)
    }

    /// Fraction of pixels without a depth.
    pub(super) fn missing_fraction(&self) -> f64 {
        1.0 - self.measured as f64 / self.pixels.max(1) as f64
    }

    /// The depth of all measured pixels, if they have only one.
    pub(super) fn constant(&self) -> Option<f32> {
        (self.measured > 1 && self.min == self.max).then_some(self.min)
    }
}

/// Number of depths per millimetre.
#[derive(Debug, Default)]
struct Counts(Vec<u64>);

impl Counts {
    fn new(depths: impl Iterator<Item = f32>, max: f32) -> Self {
        let mut counts = vec![0; millimetre(max) + 1];
        depths.for_each(|metres| counts[millimetre(metres)] += 1);
        Self(counts)
    }

    /// Counts of a map as it is stored. The largest value of the file is left out if it is out of
    /// reach: it marks missing depth, and says nothing of the unit.
    fn of_measurements(map: &DepthMap, plan: &Plan) -> Self {
        let (_, far) = plan.reach();
        let no_measurement = plan.encoding.largest().filter(|&largest| largest > far);
        let depths = map.metres.iter().copied();
        let depths = depths.filter(|&metres| metres > 0.0 && Some(metres) != no_measurement);
        let max = depths.clone().fold(0.0, f32::max);
        Self::new(depths, max)
    }

    fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (sum, count) in self.0.iter_mut().zip(&other.0) {
            *sum += count;
        }
    }

    fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The smallest depth in metres that at least this fraction of the depths does not exceed; 0
    /// without depths.
    fn quantile(&self, fraction: f64) -> f64 {
        let rank = (fraction * self.total() as f64).ceil() as u64;
        let mut below = 0;
        for (millimetre, count) in self.0.iter().enumerate() {
            below += count;
            if below >= rank.max(1) {
                return millimetre as f64 / 1000.0;
            }
        }
        0.0
    }

    /// Fraction of the depths for which `test` is true, in metres.
    fn fraction(&self, test: impl Fn(f64) -> bool) -> f64 {
        let counts = self.0.iter().enumerate();
        let passed = counts.filter(|(millimetre, _)| test(*millimetre as f64 / 1000.0));
        let passed: u64 = passed.map(|(_, count)| count).sum();
        passed as f64 / self.total().max(1) as f64
    }

    /// Why stored depths are wrong (error) or doubtful (warning), if so: too large or too small for
    /// the scene or the description's range.
    fn implausible(&self, scene: Scene, range: Option<(f32, f32)>) -> Option<(Severity, String)> {
        if self.total() == 0 {
            return None;
        }
        let reach = self.quantile(0.99);
        if reach < MIN_REACH {
            let what = format!("99 % of the stored depths are below {reach:.3} m");
            return Some((Severity::Error, what));
        }
        // A described range may go beyond the scene's: its depths are meant.
        let (near, far) = range.unwrap_or((0.0, scene.max_depth()));
        let below = self.fraction(|metres| metres < near.into());
        let beyond = self.fraction(|metres| metres > far.into());
        if below + beyond > DOUBTFUL_OUTSIDE {
            let sides = [(below, "below", near), (beyond, "beyond", far)];
            let sides = sides.into_iter().filter(|(fraction, ..)| *fraction > 0.0);
            let sides = sides.map(|(fraction, side, edge)| {
                format!(
                    "{:.0} % of the stored depths are {side} {edge} m",
                    100.0 * fraction
                )
            });
            let expected = match range {
                Some(_) => format!("{near} to {far} m, the range in dataset.toml"),
                None => format!("at most {far} m, as in {} scenes", scene.name()),
            };
            let sides: Vec<String> = sides.collect();
            let what = format!("{}; expected {expected}", sides.join(" and "));
            let wrong = below + beyond > MAX_OUTSIDE;
            return Some((
                if wrong {
                    Severity::Error
                } else {
                    Severity::Warning
                },
                what,
            ));
        }
        if range.is_some() && reach < MIN_USED_RANGE * f64::from(far) {
            let what = format!(
                "99 % of the stored depths are below {reach:.2} m, but the range is {near} to {far} m"
            );
            return Some((Severity::Warning, what));
        }
        None
    }
}

fn millimetre(metres: f32) -> usize {
    ((metres * 1000.0).round() as usize).min(COUNTED_UP_TO - 1)
}

/// Depths of a split, summed while its maps are inspected, in any order.
#[derive(Debug)]
pub(super) struct Depths(Mutex<Sums>);

#[derive(Debug)]
struct Sums {
    pixels: u64,
    measured: u64,
    min: f32,
    max: f32,
    /// Integers, so that the sum does not depend on the order.
    micrometres: u128,
    valid: Counts,
    /// Before depth out of reach is dropped, without the largest value if it is out of reach.
    plausible: Counts,
    stored: StoredDepths,
}

impl Depths {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Sums {
            pixels: 0,
            measured: 0,
            min: f32::INFINITY,
            max: 0.0,
            micrometres: 0,
            valid: Counts::default(),
            plausible: Counts::default(),
            stored: StoredDepths::empty(),
        }))
    }

    /// Adds a map as it is stored, and returns its own depths. Drops depth out of reach.
    pub(super) fn add(&self, map: &mut DepthMap, plan: &Plan) -> MapDepths {
        let stored = StoredDepths::new(map, plan);
        let plausible = Counts::of_measurements(map, plan);
        plan.drop_out_of_reach(map);
        let (mut map, valid) = MapDepths::new(map);
        // A single map may well be outside of the description's range: only the scene counts.
        let implausible = plausible.implausible(plan.scene, None);
        map.stored = plausible.total();
        map.implausible = implausible
            .filter(|(severity, _)| *severity == Severity::Error)
            .map(|(_, what)| what);
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.pixels += map.pixels;
        sums.measured += map.measured;
        sums.min = sums.min.min(map.min);
        sums.max = sums.max.max(map.max);
        sums.micrometres += (map.sum * 1e6).round() as u128;
        sums.valid.add(&valid);
        sums.plausible.add(&plausible);
        sums.stored.add(&stored);
        map
    }

    /// None if nothing was measured, or no map was decoded.
    pub(super) fn summary(&self) -> Option<DepthSummary> {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (sums.measured > 0).then(|| DepthSummary {
            min: sums.min,
            median: sums.valid.quantile(0.5),
            max: sums.max,
            mean: sums.micrometres as f64 / 1e6 / sums.measured as f64,
            missing_fraction: 1.0 - sums.measured as f64 / sums.pixels as f64,
            largest_value_fraction: sums.stored.largest_fraction(),
            beyond_reach_fraction: sums.stored.beyond_fraction(),
        })
    }

    /// Why the stored depths of all maps together are wrong or doubtful, if so.
    pub(super) fn implausible(&self, plan: &Plan) -> Option<(Severity, String)> {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.plausible.implausible(plan.scene, plan.range)
    }

    /// The largest stored depth in metres that is beyond the reach, 0 if none is.
    pub(super) fn farthest(&self) -> f32 {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.stored.farthest()
    }

    /// Stored depths that are no measurements, and signs of another encoding.
    pub(super) fn faults(&self, plan: &Plan) -> Vec<StoredFault> {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.stored.faults(plan)
    }
}
