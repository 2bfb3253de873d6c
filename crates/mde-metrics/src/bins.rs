//! Depth bins: ranges of the depth axis.

use crate::MetricsError;
use serde::{Deserialize, Serialize};

/// Origin of a grid of depth bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BinKind {
    /// Spacing-increasing discretisation: [`DepthBins::sid`].
    Sid,
    /// Bins of equal width: [`DepthBins::uniform`].
    Uniform,
    /// Given edges: [`DepthBins::from_edges`].
    Custom,
}

/// A rule that divides a depth range into any number of bins.
///
/// Layers of one network share the rule but have different numbers of bins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Discretisation {
    /// [`DepthBins::sid`].
    Sid {
        /// First edge above 0, metres.
        alpha: f64,
        /// Last edge, metres.
        beta: f64,
    },
    /// [`DepthBins::uniform`].
    Uniform {
        /// First edge, metres.
        min: f64,
        /// Last edge, metres.
        max: f64,
    },
}

impl Discretisation {
    /// The paper's rule for NYU Depth V2: SID from 0.75 to 10 m.
    pub const NYU: Self = Self::Sid {
        alpha: 0.75,
        beta: 10.0,
    };

    /// The paper's rule for KITTI: SID from 3 to 80 m.
    pub const KITTI: Self = Self::Sid {
        alpha: 3.0,
        beta: 80.0,
    };

    /// The grid of `k` bins.
    ///
    /// # Errors
    /// Those of [`DepthBins::sid`] and [`DepthBins::uniform`].
    pub fn bins(self, k: usize) -> Result<DepthBins, MetricsError> {
        match self {
            Self::Sid { alpha, beta } => DepthBins::sid(alpha, beta, k),
            Self::Uniform { min, max } => DepthBins::uniform(min, max, k),
        }
    }
}

/// K depth bins; bin i holds depths e_i < d <= e_{i+1}, in metres.
///
/// Depth maps are `f32`, so edges are rounded to `f32` before the comparison, as in the reference
/// implementation. A depth equal to a rounded edge belongs to the bin below.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawBins")]
pub struct DepthBins {
    kind: BinKind,
    edges: Vec<f64>,
}

/// The JSON form of [`DepthBins`], checked on conversion.
#[derive(Deserialize)]
struct RawBins {
    kind: BinKind,
    edges: Vec<f64>,
}

impl TryFrom<RawBins> for DepthBins {
    type Error = MetricsError;

    fn try_from(raw: RawBins) -> Result<Self, MetricsError> {
        Self::checked(raw.kind, raw.edges)
    }
}

impl DepthBins {
    /// Bins by spacing-increasing discretisation (SID).
    ///
    /// The edges are e_0 = 0, e_1 = alpha, e_i = exp((i - 1) ln(beta + 1 - alpha) / (k - 1)) - (1 -
    /// alpha) for i = 2..k-1, and e_k = beta. With `k = 1` the only bin is 0 < d <= beta.
    ///
    /// # Errors
    /// [`MetricsError::InvalidBins`] unless 0 < alpha < beta, both finite, and k is at least 1 and
    /// small enough that neighbouring edges are distinct `f32` numbers.
    pub fn sid(alpha: f64, beta: f64, k: usize) -> Result<Self, MetricsError> {
        if !(alpha > 0.0 && alpha < beta && beta.is_finite()) {
            return Err(MetricsError::InvalidBins {
                reason: format!("SID needs 0 < alpha < beta, found {alpha} and {beta}"),
            });
        }
        let edge = |i: usize| match i {
            0 => 0.0,
            _ if i == k => beta,
            1 => alpha,
            _ => {
                ((i - 1) as f64 * (beta + 1.0 - alpha).ln() / (k - 1) as f64).exp() - (1.0 - alpha)
            }
        };
        Self::generated(BinKind::Sid, k, edge)
    }

    /// The paper's bins for NYU Depth V2: [`DepthBins::sid`] from 0.75 to 10 m.
    ///
    /// # Errors
    /// Those of [`DepthBins::sid`].
    pub fn nyu(k: usize) -> Result<Self, MetricsError> {
        Discretisation::NYU.bins(k)
    }

    /// The paper's bins for KITTI: [`DepthBins::sid`] from 3 to 80 m.
    ///
    /// # Errors
    /// Those of [`DepthBins::sid`].
    pub fn kitti(k: usize) -> Result<Self, MetricsError> {
        Discretisation::KITTI.bins(k)
    }

    /// `k` bins of equal width from `min` to `max` metres.
    ///
    /// # Errors
    /// [`MetricsError::InvalidBins`] unless 0 <= min < max, both finite, and k is at least 1 and
    /// small enough that neighbouring edges are distinct `f32` numbers.
    pub fn uniform(min: f64, max: f64, k: usize) -> Result<Self, MetricsError> {
        let edge = |i: usize| {
            if i == k {
                max
            } else {
                min + (max - min) * i as f64 / k as f64
            }
        };
        Self::generated(BinKind::Uniform, k, edge)
    }

    /// Bins between given edges, in metres.
    ///
    /// # Errors
    /// [`MetricsError::InvalidBins`] unless there are at least two edges, all finite, none
    /// negative, and strictly increasing as `f32` numbers.
    pub fn from_edges(edges: Vec<f64>) -> Result<Self, MetricsError> {
        Self::checked(BinKind::Custom, edges)
    }

    /// Maximum number of bins; more would not fit in memory for a layer's units.
    const MAX_BINS: usize = 1 << 16;

    fn generated(
        kind: BinKind,
        k: usize,
        edge: impl Fn(usize) -> f64,
    ) -> Result<Self, MetricsError> {
        if k == 0 || k > Self::MAX_BINS {
            return Err(MetricsError::InvalidBins {
                reason: format!("expected from 1 to {} bins, found {k}", Self::MAX_BINS),
            });
        }
        Self::checked(kind, (0..=k).map(edge).collect())
    }

    fn checked(kind: BinKind, edges: Vec<f64>) -> Result<Self, MetricsError> {
        let invalid = |reason| Err(MetricsError::InvalidBins { reason });
        if edges.len() < 2 || edges.len() > Self::MAX_BINS + 1 {
            return invalid(format!(
                "expected from 2 to {} edges, found {}",
                Self::MAX_BINS + 1,
                edges.len()
            ));
        }
        if let Some(edge) = edges
            .iter()
            .find(|&&edge| !(edge >= 0.0 && (edge as f32).is_finite()))
        {
            return invalid(format!("expected edges in metres, found {edge}"));
        }
        if let Some(pair) = edges
            .windows(2)
            .find(|pair| pair[0] as f32 >= pair[1] as f32)
        {
            return invalid(format!(
                "edges must increase as f32 numbers, found {} before {}",
                pair[0], pair[1]
            ));
        }
        Ok(Self { kind, edges })
    }

    /// Number of bins, K; at least 1.
    #[allow(clippy::len_without_is_empty)] // A grid is never empty.
    pub fn len(&self) -> usize {
        self.edges.len() - 1
    }

    /// Origin of the grid.
    pub fn kind(&self) -> BinKind {
        self.kind
    }

    /// The K + 1 increasing edges, metres.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// The edges of bin `i`, metres: it holds `range.0 < depth <= range.1`.
    ///
    /// # Panics
    /// If there is no bin `i`.
    pub fn range(&self, i: usize) -> (f64, f64) {
        (self.edges[i], self.edges[i + 1])
    }

    /// The centre of bin `i`, metres.
    ///
    /// # Panics
    /// If there is no bin `i`.
    pub fn centre(&self, i: usize) -> f64 {
        f64::midpoint(self.edges[i], self.edges[i + 1])
    }

    /// The bin of a depth; `None` for an invalid depth (d <= 0 or not finite) or one outside the
    /// edges.
    pub fn bin(&self, depth: f32) -> Option<usize> {
        self.slot(depth).filter(|&slot| slot < self.len())
    }

    /// The slot of a depth: its bin, or K for a depth beyond the last edge; `None` as in [`bin`].
    ///
    /// Tallies keep the extra slot because the reference estimator counts such depths in bin 0 and
    /// the valid-bins estimator drops them.
    ///
    /// [`bin`]: DepthBins::bin
    pub fn slot(&self, depth: f32) -> Option<usize> {
        if !(depth > 0.0 && depth.is_finite()) {
            return None;
        }
        let edges_below = self.edges.partition_point(|&edge| (edge as f32) < depth);
        edges_below.checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_bin_holds_its_upper_edge() {
        let bins = DepthBins::from_edges(vec![1.0, 2.0, 4.0]).unwrap();
        let cases = [
            (0.5, None),
            (1.0, None),
            (1.5, Some(0)),
            (2.0, Some(0)),
            (2.0001, Some(1)),
            (4.0, Some(1)),
        ];
        for (depth, bin) in cases {
            assert_eq!((bins.bin(depth), bins.slot(depth)), (bin, bin), "{depth} m");
        }
        assert_eq!((bins.bin(4.1), bins.slot(4.1)), (None, Some(2)));
        for depth in [0.0, -0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert_eq!((bins.bin(depth), bins.slot(depth)), (None, None));
        }
        assert_eq!(bins.range(1), (2.0, 4.0));
        assert_eq!(bins.centre(1), 3.0);
    }

    #[test]
    fn an_edge_is_compared_as_f32() {
        // 0.1 < 0.1_f32, so a comparison in f64 would give bin 1.
        let bins = DepthBins::from_edges(vec![0.0, 0.1, 1.0]).unwrap();
        assert!(f64::from(0.1_f32) > 0.1);
        assert_eq!(bins.bin(0.1), Some(0));
    }

    #[test]
    fn the_fewest_and_the_most_bins() {
        assert_eq!(DepthBins::nyu(1).unwrap().edges(), [0.0, 10.0]);
        assert_eq!(DepthBins::nyu(2).unwrap().edges(), [0.0, 0.75, 10.0]);
        assert_eq!(DepthBins::uniform(0.0, 1.0, 1).unwrap().len(), 1);
        for k in [0, DepthBins::MAX_BINS + 1, usize::MAX] {
            assert!(DepthBins::nyu(k).is_err());
            assert!(DepthBins::uniform(0.0, 10.0, k).is_err());
        }
    }

    #[test]
    fn bad_edges_are_an_error() {
        for edges in [
            vec![],
            vec![1.0],
            vec![1.0, 1.0],
            vec![2.0, 1.0],
            vec![-1.0, 1.0],
            vec![0.0, f64::NAN],
            vec![0.0, f64::INFINITY],
            vec![0.0, 1e300],
            vec![0.0, 1.0, 1.0 + 1e-12],
        ] {
            assert!(
                matches!(
                    DepthBins::from_edges(edges.clone()),
                    Err(MetricsError::InvalidBins { .. })
                ),
                "{edges:?}"
            );
        }
        assert!(DepthBins::sid(0.0, 10.0, 4).is_err());
        assert!(DepthBins::sid(10.0, 10.0, 4).is_err());
        assert!(DepthBins::sid(1.0, f64::NAN, 4).is_err());
        assert!(DepthBins::uniform(1.0, 1.0, 4).is_err());
    }

    #[test]
    fn json_round_trips_and_is_checked() {
        let bins = DepthBins::kitti(7).unwrap();
        let json = serde_json::to_string(&bins).unwrap();
        assert!(
            json.starts_with(r#"{"kind":"sid","edges":[0.0,3.0,"#),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<DepthBins>(&json).unwrap(), bins);
        let error = serde_json::from_str::<DepthBins>(r#"{"kind":"sid","edges":[3.0,1.0]}"#);
        assert!(error.unwrap_err().to_string().contains("must increase"));
    }
}
