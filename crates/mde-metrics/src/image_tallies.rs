//! The tallies of a layer image by image: what other choices of images say of its selectivity.

use rayon::prelude::*;

use serde::{Deserialize, Serialize};

use crate::selectivity::{mean, mean_response, preferred_bin, selectivity_at, unit_selectivity};
use crate::statistics::{Bootstrap, Interval, keyed_seed, permutation};
use crate::{DepthBins, Estimator, MetricsError};

/// Selectivity without the optimism of choosing a unit's bin and scoring it on the same images: the images are split in two halves at
/// random, the bin with the greatest |response| is chosen on one and scored on the other, and the same the other way round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOutSelectivity {
    /// Splits drawn; a unit's value is the mean over them and both directions, of those that are defined.
    pub splits: usize,
    /// Mean over the units that have a value.
    pub mean: Option<f64>,
    /// Every unit, `[N]`; `None` for fewer than two images, and where no split gives a value.
    pub units: Vec<Option<f64>>,
}

/// A layer's response sums and pixel counts of each image: with them every image can be given a weight, and the layer be
/// scored anew, without another forward pass.
#[derive(Clone, Copy, Debug)]
pub struct ImageTallies<'a> {
    slots: usize,
    units: usize,
    sums: &'a [f64],
    counts: &'a [u64],
}

/// How much a layer's numbers depend on which images it was dissected on, under `N` estimators.
#[derive(Clone, Debug, PartialEq)]
pub struct TallyIntervals<const N: usize> {
    /// Of selectivity, under each estimator asked for.
    pub selectivity: [SelectivityIntervals; N],
    /// Of the mean responses, `[units][K]`.
    pub responses: Vec<Vec<Option<Interval>>>,
}

/// Intervals of a layer's selectivity under one estimator.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectivityIntervals {
    /// Of the mean over units.
    pub mean: Option<Interval>,
    /// Of every unit.
    pub units: Vec<Option<Interval>>,
}

/// Values of one unit in every resample.
struct UnitResamples<const N: usize> {
    /// Selectivity, `[estimators][resamples]`.
    selectivity: [Vec<Option<f64>>; N],
    /// Intervals of the mean responses, `[K]`.
    responses: Vec<Option<Interval>>,
}

impl<'a> ImageTallies<'a> {
    /// `sums` `[images, units, K + 1]`, `counts` `[images, K + 1]`, in the slots of [`DepthBins::slot`].
    ///
    /// # Errors
    /// Lengths that do not fit, or a sum that is not finite.
    pub fn new(
        bins: &DepthBins,
        units: usize,
        sums: &'a [f64],
        counts: &'a [u64],
    ) -> Result<Self, MetricsError> {
        let slots = bins.len() + 1;
        let images = counts.len() / slots;
        for (what, expected, found) in [
            (
                "number of counts (images x slots)",
                images * slots,
                counts.len(),
            ),
            (
                "number of sums (images x units x slots)",
                images * units * slots,
                sums.len(),
            ),
        ] {
            if expected != found {
                return Err(MetricsError::Mismatch {
                    what,
                    expected,
                    found,
                });
            }
        }
        if let Some(at) = sums.iter().position(|sum| !sum.is_finite()) {
            return Err(MetricsError::NonFiniteSum {
                unit: at / slots % units,
                slot: at % slots,
                value: sums[at],
            });
        }
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

    /// The bootstrap's intervals over images, of selectivity under each of `estimators` and of the mean responses by
    /// `responses`. In each resample the estimators' rules hold anew: bins with too few pixels drop out. Where that leaves a
    /// value undefined, the interval is of the resamples in which it is defined, as in [`Bootstrap::interval`]; there is none
    /// for fewer than two images.
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
        let units = self.weighted(&times, |resamples| {
            let means: Vec<_> = resamples
                .iter()
                .map(|resample| resample.response(responses))
                .collect();
            let of_bin = |bin: usize| means.iter().map(move |means| means[bin]);
            UnitResamples {
                selectivity: estimators.map(|estimator| selectivity_in(resamples, estimator)),
                responses: (0..bins)
                    .map(|bin| bootstrap.interval_of(of_bin(bin)))
                    .collect(),
            }
        });
        TallyIntervals {
            selectivity: std::array::from_fn(|at| {
                let values = units.iter().map(|unit| &unit.selectivity[at]);
                SelectivityIntervals {
                    mean: bootstrap.interval_of(layer_means(values.clone())),
                    units: values
                        .map(|values| bootstrap.interval_of(values.iter().copied()))
                        .collect(),
                }
            }),
            responses: units.into_iter().map(|unit| unit.responses).collect(),
        }
    }

    /// The layer's mean selectivity in each resample of [`Bootstrap::multiplicities`], `[resamples]`: of two networks
    /// dissected on the same images, the resamples' differences are paired.
    pub fn resampled_means(&self, bootstrap: &Bootstrap, estimator: Estimator) -> Vec<Option<f64>> {
        let times = bootstrap.multiplicities(self.images());
        let units = self.weighted(&times, |resamples| selectivity_in(resamples, estimator));
        layer_means(units.iter())
    }

    /// Selectivity where a unit's bin is chosen on one half of the images and scored on the other; see
    /// [`HeldOutSelectivity`]. Of an odd number of images the second half has one more. It can be negative: the bin that
    /// was chosen need not be a strong one on the other half.
    pub fn held_out(&self, estimator: Estimator, splits: usize) -> HeldOutSelectivity {
        // Apart from the seeds of other draws.
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
        let units = self.weighted(&halves, |halves| {
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

    /// Hands `of_unit` the layer's tally under each of `weights` `[rows][images]`, unit by unit.
    ///
    /// The sums are the matrix product of the weights and the images' sums, added up in the images' order whatever the
    /// number of threads.
    fn weighted<T: Send>(
        &self,
        weights: &[Vec<u32>],
        of_unit: impl Fn(&[Resample<'_>]) -> T + Sync,
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
                of_unit(&resamples)
            })
            .collect()
    }

    /// A unit's sums under all weights, `[rows, slots]`, rows padded to whole groups and slots to whole panels.
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

/// Rows and columns of the matrix product that are worked on together: as many sums as fit into registers.
const ROWS: usize = 4;
const COLUMNS: usize = 8;

/// Σ over images of weight · sum. Multiplications and additions are rounded one by one, so that vectors of any length give
/// the same bits.
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

/// One unit's tally under one choice of images.
struct Resample<'a> {
    /// `[K + 1]`, and padding.
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
