//! Selectivity of a layer with many bin grids, computed from one fine tally.

use serde::{Deserialize, Serialize};

use crate::{DepthBins, Discretisation, Estimator, MetricsError, ResponseTally};

/// Mean selectivity of a layer with one grid of bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiscretisationScore {
    /// The grid.
    pub bins: DepthBins,
    /// Number of bins with enough pixels.
    pub bins_used: usize,
    /// Mean selectivity by the valid-bins estimator.
    pub valid_bins: Option<f64>,
    /// Mean selectivity by the reference estimator.
    pub reference: Option<f64>,
    /// Selectivity of a flat unit by the reference estimator: [`ResponseTally::flat_floor`].
    pub flat_floor: Option<f64>,
}

/// The numbers of bins of [`Discretisation::sweep`].
const SWEEP: [usize; 5] = [8, 16, 32, 64, 128];

impl Discretisation {
    /// Grids over the same depth range: 8, 16, 32, 64 and 128 bins by this rule, then the same
    /// numbers of bins of equal width.
    ///
    /// # Errors
    /// Those of [`Discretisation::bins`].
    pub fn sweep(self) -> Result<Vec<DepthBins>, MetricsError> {
        let uniform = match self {
            Self::Sid { beta, .. } => Some(Self::Uniform {
                min: 0.0,
                max: beta,
            }),
            // This rule already has equal widths.
            Self::Uniform { .. } => None,
        };
        let rules = std::iter::once(self).chain(uniform);
        rules
            .flat_map(|rule| SWEEP.map(|bins| rule.bins(bins)))
            .collect()
    }
}

impl DepthBins {
    /// The grid with all edges of these grids, so that each of them is a union of its bins
    /// (see [`ResponseTally::regroup`]).
    ///
    /// # Errors
    /// If there is no grid, or more edges than a grid can have.
    pub fn union(grids: &[Self]) -> Result<Self, MetricsError> {
        let mut edges: Vec<f64> = grids.iter().flat_map(Self::edges).copied().collect();
        edges.sort_unstable_by(f64::total_cmp);
        // Depths are compared with rounded edges, so edges that round to one value are one edge.
        edges.dedup_by_key(|edge| *edge as f32);
        Self::from_edges(edges)
    }
}

impl ResponseTally {
    /// The layer's mean selectivity with another grid, whose edges must be edges of this tally.
    ///
    /// # Errors
    /// Those of [`ResponseTally::regroup`].
    pub fn score_with_bins(&self, grid: &DepthBins) -> Result<DiscretisationScore, MetricsError> {
        let tally = self.regroup(grid)?;
        let valid_bins = tally.selectivity(Estimator::valid_bins());
        Ok(DiscretisationScore {
            bins: grid.clone(),
            bins_used: valid_bins.bins_used,
            valid_bins: valid_bins.mean,
            reference: tally.selectivity(Estimator::Reference).mean,
            flat_floor: tally.flat_floor(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{BinKind, ImageSize};

    #[test]
    fn a_sweep_has_both_rules_over_one_range() {
        let grids = Discretisation::KITTI.sweep().unwrap();
        assert_eq!(grids.len(), 10);
        for (index, grid) in grids.iter().enumerate() {
            let kind = [BinKind::Sid, BinKind::Uniform][index / 5];
            assert_eq!((grid.kind(), grid.len()), (kind, SWEEP[index % 5]));
            assert_eq!((grid.edges()[0], grid.edges()[grid.len()]), (0.0, 80.0));
        }
        let uniform = Discretisation::Uniform { min: 1.0, max: 9.0 };
        assert_eq!(uniform.sweep().unwrap().len(), 5);
    }

    #[test]
    fn a_union_has_every_edge_once() {
        let grid = |edges: &[f64]| DepthBins::from_edges(edges.to_vec()).unwrap();
        let grids = [
            grid(&[0.0, 1.0, 4.0]),
            grid(&[0.5, 1.0 + 1e-12, 3.0]),
            grid(&[0.0, 9.0]),
        ];
        let union = DepthBins::union(&grids).unwrap();
        assert_eq!(union.edges(), [0.0, 0.5, 1.0, 3.0, 4.0, 9.0]);
        assert!(DepthBins::union(&[]).is_err());
    }

    /// Each score is that of a tally made on the grid itself.
    #[test]
    fn scores_are_those_of_tallies_on_the_grids() {
        let grids = Discretisation::NYU.sweep().unwrap();
        let fine = DepthBins::union(&grids).unwrap();
        let size = ImageSize::new(31, 37);
        // Some unmeasured, some beyond 10 m, and few pixels per bin.
        let gt: Vec<f32> = (0..size.pixels())
            .map(|i| (i * 389 % 1201) as f32 / 110.0)
            .collect();
        let features: Vec<f32> = (0..3 * size.pixels())
            .map(|i| (i * 7919 % 1009) as f32 / 900.0 - 0.1)
            .collect();
        let tally = |bins: &DepthBins| {
            let mut tally = ResponseTally::new(3, bins);
            tally.update(&features, size, &gt, size).unwrap();
            tally
        };
        let fine = tally(&fine);
        let mut some_left_out = false;
        for grid in &grids {
            let found = fine.score_with_bins(grid).unwrap();
            let direct = tally(grid);
            let expected = direct.selectivity(Estimator::valid_bins());
            assert_eq!((&found.bins, found.bins_used), (grid, expected.bins_used));
            some_left_out |= found.bins_used < grid.len();
            let near = |found: Option<f64>, expected: Option<f64>| match (found, expected) {
                (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-12),
                (found, expected) => assert_eq!(found, expected),
            };
            near(found.valid_bins, expected.mean);
            near(
                found.reference,
                direct.selectivity(Estimator::Reference).mean,
            );
            near(found.flat_floor, direct.flat_floor());
        }
        assert!(some_left_out);
        assert!(fine.score_with_bins(&DepthBins::kitti(8).unwrap()).is_err());
    }
}
