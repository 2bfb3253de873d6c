//! Stored depths of a split that are no measurements, and signs of another encoding.

use crate::inspect::Severity;
use crate::plan::Plan;
use crate::{DepthEncoding, DepthMap, Scene};

/// Fractions of pixels with the largest value, within reach, above which they are doubtful. In 8
/// bits it is a common depth: NYU's training depth ends at 10 m.
const DOUBTFUL_16_BIT: f64 = 0.01;
const DOUBTFUL_8_BIT: f64 = 0.05;
/// Fraction of pixels beyond the reach above which more than a note is due.
const MANY_BEYOND: f64 = 0.01;
/// Bits that are 0 in all of SUN RGB-D's depths up to 8.191 m, once rotated.
const LOW_BITS: u16 = 7;
/// Fraction of multiples of 8 above which the bits may be rotated; one in 8 is usual.
const MANY_MULTIPLES: f64 = 0.5;
/// Fewest different multiples of 8: a few constant maps say nothing.
const MIN_MULTIPLES: u32 = 32;

/// Counts of stored depths, before depth out of reach is dropped. Sums do not depend on the order.
#[derive(Debug, Clone)]
pub(crate) struct StoredDepths {
    pixels: u64,
    /// Pixels with any depth.
    stored: u64,
    /// Pixels with the largest integer that the file can hold.
    largest: u64,
    /// Pixels beyond the reach, except those with the largest integer.
    beyond: u64,
    farthest: f32,
    /// Pixels whose stored integer is a multiple of 8.
    multiples: u64,
    /// Which multiples of 8 occur, a bit each; empty unless the encoding is `u16/N`.
    seen: Vec<u64>,
}

/// A fault of the stored depths, as a finding.
#[derive(Debug)]
pub(crate) struct StoredFault {
    pub(crate) severity: Severity,
    pub(crate) check: &'static str,
    pub(crate) what: String,
    pub(crate) advice: &'static str,
}

impl StoredDepths {
    pub(crate) fn empty() -> Self {
        Self {
            pixels: 0,
            stored: 0,
            largest: 0,
            beyond: 0,
            farthest: 0.0,
            multiples: 0,
            seen: Vec::new(),
        }
    }

    /// The counts of a map as it is stored.
    pub(crate) fn new(map: &DepthMap, plan: &Plan) -> Self {
        let (_, far) = plan.reach();
        let largest = plan.encoding.largest();
        let has_bits = matches!(plan.encoding, DepthEncoding::U16(_));
        let mut counts = Self {
            pixels: map.metres.len() as u64,
            ..Self::empty()
        };
        if has_bits {
            counts.seen = vec![0; (1 << 13) / 64];
        }
        for &metres in map.metres.iter().filter(|&&metres| metres > 0.0) {
            counts.stored += 1;
            if Some(metres) == largest {
                counts.largest += 1;
                continue;
            }
            if metres > far {
                counts.beyond += 1;
                counts.farthest = counts.farthest.max(metres);
            }
            if has_bits {
                let stored = plan.encoding.stored(metres);
                if stored & LOW_BITS == 0 {
                    counts.multiples += 1;
                    counts.seen[usize::from(stored >> 9)] |= 1 << ((stored >> 3) & 63);
                }
            }
        }
        counts
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.pixels += other.pixels;
        self.stored += other.stored;
        self.largest += other.largest;
        self.beyond += other.beyond;
        self.farthest = self.farthest.max(other.farthest);
        self.multiples += other.multiples;
        self.seen.resize(self.seen.len().max(other.seen.len()), 0);
        for (seen, other) in self.seen.iter_mut().zip(&other.seen) {
            *seen |= other;
        }
    }

    /// Fraction of the pixels with the largest integer that the file can hold.
    pub(crate) fn largest_fraction(&self) -> f64 {
        self.largest as f64 / self.pixels.max(1) as f64
    }

    /// Fraction of the pixels beyond the reach, except those with the largest integer.
    pub(crate) fn beyond_fraction(&self) -> f64 {
        self.beyond as f64 / self.pixels.max(1) as f64
    }

    /// The largest depth in metres beyond the reach, except the largest integer; 0 if there is
    /// none.
    pub(crate) fn farthest(&self) -> f32 {
        self.farthest
    }

    /// Everything that needs a look.
    pub(crate) fn faults(&self, plan: &Plan) -> Vec<StoredFault> {
        let faults = [
            self.largest_value(plan),
            self.beyond_reach(plan),
            self.rotated_bits(plan),
        ];
        faults.into_iter().flatten().collect()
    }

    fn largest_value(&self, plan: &Plan) -> Option<StoredFault> {
        let largest = plan.encoding.largest()?;
        let bits = plan.encoding.bits()?;
        let fraction = self.largest_fraction();
        let value = format!(
            "{} of the pixels are {largest} m, the largest {bits}-bit value",
            percent(fraction)
        );
        let (_, far) = plan.reach();
        let (what, advice) = if largest > far {
            if self.largest == 0 || is_described(plan) {
                return None;
            }
            let what = format!("{value}, and count as not measured");
            let advice = match plan.scene {
                Scene::Indoor => {
                    "if they mark missing depth, write range = [0.1, 10.0] under [depth] in dataset.toml; otherwise check the encoding"
                }
                Scene::Street => {
                    "if they mark missing depth or the sky, write range = [0.1, 80.0] under [depth] in dataset.toml; otherwise check the encoding"
                }
            };
            (what, advice)
        } else {
            let doubtful = match bits {
                8 => DOUBTFUL_8_BIT,
                _ => DOUBTFUL_16_BIT,
            };
            if fraction < doubtful {
                return None;
            }
            let what = format!("{value}, and count as measured");
            let advice = "if they mark missing depth, write a range that ends below them under [depth] in dataset.toml";
            (what, advice)
        };
        Some(StoredFault {
            severity: Severity::Warning,
            check: "largest-value",
            what,
            advice,
        })
    }

    fn beyond_reach(&self, plan: &Plan) -> Option<StoredFault> {
        if self.beyond == 0 || is_described(plan) {
            return None;
        }
        let (_, far) = plan.reach();
        let what = format!(
            "{} of the pixels are beyond {far} m, the reach of {} scenes, up to {} m, and count as not measured",
            percent(self.beyond_fraction()),
            plan.scene.name(),
            self.farthest
        );
        let is_meant = plan.range.is_some_and(|(_, end)| end >= self.farthest);
        let (severity, advice) = match (self.beyond_fraction() < MANY_BEYOND, plan.scene) {
            (true, _) => (Severity::Note, ""),
            // The description says that these depths are right.
            (false, Scene::Indoor) if is_meant => (
                Severity::Warning,
                "networks do not learn from them; with scene = \"street\" in dataset.toml, networks learn from depths up to 80 m",
            ),
            (false, Scene::Street) if is_meant => (
                Severity::Warning,
                "networks do not learn from them, because they predict depths up to 80 m",
            ),
            (false, Scene::Indoor) => (
                Severity::Warning,
                "if the depths are right, write range = [0.1, 10.0] under [depth] in dataset.toml; otherwise check the encoding",
            ),
            (false, Scene::Street) => (
                Severity::Warning,
                "if the depths are right, write range = [0.1, 80.0] under [depth] in dataset.toml; otherwise check the encoding",
            ),
        };
        Some(StoredFault {
            severity,
            check: "beyond-reach",
            what,
            advice,
        })
    }

    fn rotated_bits(&self, plan: &Plan) -> Option<StoredFault> {
        let fraction = self.multiples as f64 / self.stored.max(1) as f64;
        let different: u32 = self.seen.iter().map(|seen| seen.count_ones()).sum();
        if fraction < MANY_MULTIPLES || different < MIN_MULTIPLES {
            return None;
        }
        Some(StoredFault {
            severity: Severity::Warning,
            check: "rotated-bits",
            what: format!(
                "{} of the stored values are multiples of 8, as in files of SUN RGB-D, whose 16 bits are rotated: {} is wrong from 8.192 m on there",
                percent(fraction),
                plan.encoding
            ),
            advice: "if these are files of SUN RGB-D, write encoding = \"sunrgbd\"",
        })
    }
}

/// Whether the description says itself where depth ends.
fn is_described(plan: &Plan) -> bool {
    plan.range.is_some_and(|(_, far)| far <= plan.limit)
}

fn percent(fraction: f64) -> String {
    let percent = 100.0 * fraction;
    if 0.0 < percent && percent < 0.1 {
        "less than 0.1 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}
