//! What a network predicts, and how its predictions are aligned with ground truth.

use crate::MetricsError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a network predicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Depth in metres, or up to the scale and shift of an [`Alignment`].
    #[default]
    Depth,
    /// 1 / depth up to scale and shift, as predicted by relative-depth networks such as MiDaS.
    Disparity,
}

/// Alignment of each prediction with its ground truth over the valid pixels.
///
/// `Median` and `LeastSquares` are fitted in the space of the prediction: depth or 1 / depth. The
/// others name their space; a prediction of the other quantity is inverted first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alignment {
    /// No alignment, as for metric networks.
    #[default]
    None,
    /// Scale only: the ratio of the medians.
    Median,
    /// Scale only: the ratio of the medians of depths (Zhou et al. 2017; `evaluate_depth.py` of
    /// monodepth2). The median of an even number of depths is the mean of the two in the middle,
    /// so this differs from `Median` for disparities.
    MedianDepth,
    /// Scale and shift by least squares (Ranftl et al. 2020, Towards Robust Monocular Depth
    /// Estimation, equation 1).
    LeastSquares,
    /// The same in depth (Ke et al. 2024, Repurposing Diffusion-Based Image Generators for
    /// Monocular Depth Estimation).
    LeastSquaresDepth,
    /// The same in 1 / depth, as for MiDaS and DPT.
    LeastSquaresDisparity,
}

impl Alignment {
    /// All alignments.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::Median,
        Self::MedianDepth,
        Self::LeastSquares,
        Self::LeastSquaresDepth,
        Self::LeastSquaresDisparity,
    ];

    /// The name, such as `none` or `least-squares-disparity`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Median => "median",
            Self::MedianDepth => "median-depth",
            Self::LeastSquares => "least-squares",
            Self::LeastSquaresDepth => "least-squares-depth",
            Self::LeastSquaresDisparity => "least-squares-disparity",
        }
    }

    /// The space in which a prediction of this quantity is fitted to the ground truth.
    pub const fn space(self, prediction: Quantity) -> Quantity {
        match self {
            Self::None | Self::Median | Self::LeastSquares => prediction,
            Self::MedianDepth | Self::LeastSquaresDepth => Quantity::Depth,
            Self::LeastSquaresDisparity => Quantity::Disparity,
        }
    }
}

impl fmt::Display for Alignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Alignment {
    type Err = MetricsError;

    fn from_str(name: &str) -> Result<Self, MetricsError> {
        let known = Self::ALL.into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| MetricsError::UnknownAlignment {
            name: name.to_owned(),
            known: Self::ALL.map(Self::name).to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_read_back() {
        for alignment in Alignment::ALL {
            assert_eq!(alignment.name().parse(), Ok(alignment));
            let json = serde_json::to_value(alignment).unwrap();
            assert_eq!(json, alignment.name());
        }
        let message = "mean".parse::<Alignment>().unwrap_err().to_string();
        assert!(message.contains("least-squares"), "{message}");
    }
}
