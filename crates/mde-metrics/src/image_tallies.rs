//! Per-image tallies of a layer: bootstrap intervals and held-out selectivity.

use rayon::prelude::*;

use serde::{Deserialize, Serialize};

use crate::checks::{check_equal, check_sums};
use crate::selectivity::{mean, mean_response, preferred_bin, selectivity_at, unit_selectivity};
use crate::statistics::{Bootstrap, Interval, keyed_seed, permutation};
use crate::{DepthBins, Estimator, MetricsError};

/// Held-out selectivity: each unit's bin is chosen on one half of the images and scored on the
/// other.
///
/// The images are split in half at random, in both directions. This avoids the optimism of choosing
/// and scoring a bin on the same images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOutSelectivity {
    /// Number of random splits. A unit's value is the mean of the defined values over splits and
    /// directions.
    pub splits: usize,
    /// Mean over the units that have a value.
    pub mean: Option<f64>,
    /// Each unit, `[N]`; `None` for fewer than two images, or if no split gives a value.
    pub units: Vec<Option<f64>>,
}

/// Response sums and pixel counts of a layer for each image.
///
/// They give bootstrap intervals and held-out selectivity without another forward pass.
#[derive(Clone, Copy, Debug)]
pub struct ImageTallies<'a> {
    slots: usize,
    units: usize,
    sums: &'a [f64],
    counts: &'a [u64],
}

/// Bootstrap intervals of a layer's selectivity under `N` estimators, and of its mean responses.
#[derive(Clone, Debug, PartialEq)]
pub struct TallyIntervals<const N: usize> {
    /// Intervals of selectivity, one per estimator.
    pub selectivity: [SelectivityIntervals; N],
    /// Intervals of the mean responses, `[units][K]`.
    pub responses: Vec<Vec<Option<Interval>>>,
}

/// Bootstrap intervals of a layer's selectivity under one estimator.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectivityIntervals {
    /// Interval of the mean over units.
    pub mean: Option<Interval>,
    /// Interval of each unit.
    pub units: Vec<Option<Interval>>,
}

/// Values of one unit in each resample.
struct UnitResamples<const N: usize> {
    /// Selectivity, `[estimators][resamples]`.
    selectivity: [Vec<Option<f64>>; N],
    /// Intervals of the mean responses, `[K]`.
    responses: Vec<Option<Interval>>,
}

impl<'a> ImageTallies<'a> {
    /// Tallies from `sums` `[images, units, K + 1]` and `counts` `[images, K + 1]`, in the slots of
    /// [`DepthBins::slot`].
    ///
    /// # Errors
    /// If a length does not match, or a sum is not finite.
    pub fn new(
        bins: &DepthBins,
        units: usize,
        sums: &'a [f64],
        counts: &'a [u64],
    ) -> Result<Self, MetricsError> {
        let slots = bins.len() + 1;
        let images = counts.len() / slots;
        let what = "number of counts (images x slots)";
        check_equal(what, images * slots, counts.len())?;
        let what = "number of sums (images x units x slots)";
        check_equal(what, images * units * slots, sums.len())?;
        check_sums(sums, units, slots)?;
        Ok(Self {
            slots,
            units,
            sums,
            counts,
        })
    }

    /// Number of images.
    pub fn images(&self) -> usize {
        self.counts.len() / self.slots
    }

    /// Bootstrap intervals over images: of selectivity under each of `estimators`, and of the mean
    /// responses under `responses`.
    ///
    /// Each resample applies the estimator's rules again, so bins with too few pixels are dropped.
    /// An interval uses the resamples in which its value is defined, as in [`Bootstrap::interval`].
    /// There is none for fewer than two images.
    pub fn intervals<const N: usize>(
        &self,
        bootstrap: &Bootstrap,
        estimators: [Estimator; N],
        responses: Estimator,
    ) -> TallyIntervals<N> {
        let bins = self.slots - 1;
        if self.images() < 2 {
            let none = SelectivityIntervals {
                mean: None,
                units: vec![None; self.units],
            };
            return TallyIntervals {
                selectivity: std::array::from_fn(|_| none.clone()),
                responses: vec![vec![None; bins]; self.units],
            };
        }
        let times = bootstrap.multiplicities(self.images());
        let units = self.map_units(&times, |resamples| {
            let means: Vec<_> = resamples
                .iter()
                .map(|resample| resample.response(responses))
                .collect();
            let of_bin = |bin: usize| means.iter().map(move |means| means[bin]);
            UnitResamples {
                selectivity: estimators.map(|estimator| selectivity_in(resamples, estimator)),
                responses: (0..bins)
                    .map(|bin| bootstrap.interval_from_values(of_bin(bin)))
                    .collect(),
            }
        });
        TallyIntervals {
            selectivity: std::array::from_fn(|at| {
                let values = units.iter().map(|unit| &unit.selectivity[at]);
                SelectivityIntervals {
                    mean: bootstrap.interval_from_values(layer_means(values.clone())),
                    units: values
                        .map(|values| bootstrap.interval_from_values(values.iter().copied()))
                        .collect(),
                }
            }),
            responses: units.into_iter().map(|unit| unit.responses).collect(),
        }
    }

    /// Each unit's selectivity in each resample of [`Bootstrap::multiplicities`],
    /// `[units][resamples]`.
    ///
    /// For two networks dissected on the same images, the differences per resample are paired.
    pub fn resampled_units(
        &self,
        bootstrap: &Bootstrap,
        estimator: Estimator,
    ) -> Vec<Vec<Option<f64>>> {
        let times = bootstrap.multiplicities(self.images());
        self.map_units(&times, |resamples| selectivity_in(resamples, estimator))
    }

    /// Held-out selectivity over `splits` random splits; see [`HeldOutSelectivity`].
    ///
    /// It can be negative, because the chosen bin can respond weakly on the other half. The second
    /// half has the extra image of an odd number.
    pub fn held_out(&self, estimator: Estimator, splits: usize) -> HeldOutSelectivity {
        // A separate seed, distinct from other draws.
        const SEED: u64 = 0x4845_4c44;
        let images = self.images();
        if images < 2 {
            return HeldOutSelectivity {
                splits: 0,
                mean: None,
                units: vec![None; self.units],
            };
        }
        let halves: Vec<Vec<u32>> = (0..splits)
            .flat_map(|split| {
                let order = permutation(images, keyed_seed(SEED, split));
                let (first, second) = order.split_at(images / 2);
                [first, second].map(|half| {
                    let mut weights = vec![0; images];
                    half.iter().for_each(|&image| weights[image] = 1);
                    weights
                })
            })
            .collect();
        let units = self.map_units(&halves, |halves| {
            let responses: Vec<_> = halves.iter().map(|half| half.response(estimator)).collect();
            let scores = responses.chunks_exact(2).flat_map(|halves| {
                [(0, 1), (1, 0)].map(|(chosen, scored)| {
                    let bin = preferred_bin(&halves[chosen], estimator)?;
                    selectivity_at(&halves[scored], bin, estimator)
                })
            });
            mean(scores)
        });
        HeldOutSelectivity {
            splits,
            mean: mean(units.iter().copied()),
            units,
        }
    }

    /// Calls `compute` for each unit with its tallies under each row of image weights
    /// `[rows][images]`.
    ///
    /// The sums are the product of weights and per-image sums, added in the order of images for any
    /// number of threads.
    fn map_units<T: Send>(
        &self,
        weights: &[Vec<u32>],
        compute: impl Fn(&[Resample<'_>]) -> T + Sync,
    ) -> Vec<T> {
        let counts: Vec<Vec<u64>> = weights
            .par_iter()
            .map(|weights| {
                let mut counts = vec![0; self.slots];
                for (&weight, image) in weights.iter().zip(self.counts.chunks_exact(self.slots)) {
                    for (count, pixels) in counts.iter_mut().zip(image) {
                        *count += u64::from(weight) * pixels;
                    }
                }
                counts
            })
            .collect();
        let groups: Vec<Vec<[f64; ROWS]>> = weights
            .chunks(ROWS)
            .map(|rows| {
                let of_image = |image: usize| {
                    std::array::from_fn(|row| {
                        rows.get(row).map_or(0.0, |row| f64::from(row[image]))
                    })
                };
                (0..self.images()).map(of_image).collect()
            })
            .collect();
        (0..self.units)
            .into_par_iter()
            .map(|unit| {
                let sums = self.unit_sums(unit, &groups);
                let rows = sums.chunks_exact(self.slots.next_multiple_of(COLUMNS));
                let resamples: Vec<_> = rows
                    .zip(&counts)
                    .map(|(sums, counts)| Resample { sums, counts })
                    .collect();
                compute(&resamples)
            })
            .collect()
    }

    /// Sums of a unit under all weights, `[rows, slots]`, padded to whole groups and panels.
    fn unit_sums(&self, unit: usize, groups: &[Vec<[f64; ROWS]>]) -> Vec<f64> {
        let width = self.slots.next_multiple_of(COLUMNS);
        let images = self.sums.chunks_exact(self.units * self.slots);
        let images = images.map(|image| &image[unit * self.slots..(unit + 1) * self.slots]);
        let panels: Vec<Vec<[f64; COLUMNS]>> = (0..self.slots)
            .step_by(COLUMNS)
            .map(|first| {
                let panel = |sums: &[f64]| {
                    std::array::from_fn(|column| sums.get(first + column).copied().unwrap_or(0.0))
                };
                images.clone().map(panel).collect()
            })
            .collect();
        let mut sums = vec![0.0; groups.len() * ROWS * width];
        pulp::Arch::new().dispatch(|| {
            for (group, sums) in groups.iter().zip(sums.chunks_exact_mut(ROWS * width)) {
                for (index, panel) in panels.iter().enumerate() {
                    let tile = product(group, panel);
                    for (row, tile) in sums.chunks_exact_mut(width).zip(tile) {
                        row[index * COLUMNS..][..COLUMNS].copy_from_slice(&tile);
                    }
                }
            }
        });
        sums
    }
}

/// Tile size of the matrix product: as many sums as fit in registers.
const ROWS: usize = 4;
const COLUMNS: usize = 8;

/// Σ over images of weight · sum.
///
/// Multiplication and addition are rounded separately, so any vector width gives the same bits.
#[inline(always)]
fn product(weights: &[[f64; ROWS]], sums: &[[f64; COLUMNS]]) -> [[f64; COLUMNS]; ROWS] {
    let mut tile = [[0.0; COLUMNS]; ROWS];
    for (weights, sums) in weights.iter().zip(sums) {
        for (row, weight) in tile.iter_mut().zip(weights) {
            for (total, sum) in row.iter_mut().zip(sums) {
                *total += weight * sum;
            }
        }
    }
    tile
}

/// Tally of one unit in one resample.
struct Resample<'a> {
    /// `[K + 1]`, padded.
    sums: &'a [f64],
    /// `[K + 1]`.
    counts: &'a [u64],
}

impl Resample<'_> {
    fn response(&self, estimator: Estimator) -> Vec<Option<f64>> {
        mean_response(self.sums, self.counts, estimator)
    }
}

fn selectivity_in(resamples: &[Resample<'_>], estimator: Estimator) -> Vec<Option<f64>> {
    let scores = resamples
        .iter()
        .map(|resample| unit_selectivity(&resample.response(estimator), estimator).selectivity);
    scores.collect()
}

/// The mean over units in each resample, of units' values `[resamples]`.
fn layer_means<'a>(units: impl Iterator<Item = &'a Vec<Option<f64>>> + Clone) -> Vec<Option<f64>> {
    let resamples = units.clone().next().map_or(0, Vec::len);
    (0..resamples)
        .map(|resample| mean(units.clone().map(|values| values[resample])))
        .collect()
}
