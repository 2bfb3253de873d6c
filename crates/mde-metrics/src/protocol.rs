//! Evaluation protocols: which pixels are scored and how predictions are prepared.

use crate::{Alignment, ImageSize, MetricsError, Quantity, View};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The part of an image that is scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Crop {
    /// The whole image.
    None,
    /// Rows `top..bottom` and columns `left..right` of an image of exactly `size`.
    Pixels {
        /// First row.
        top: usize,
        /// One past the last row.
        bottom: usize,
        /// First column.
        left: usize,
        /// One past the last column.
        right: usize,
        /// The only valid image size.
        size: ImageSize,
    },
    /// Like `Pixels`, with fractions of the height and width, rounded down to whole pixels.
    Fractions {
        /// First row.
        top: f64,
        /// One past the last row.
        bottom: f64,
        /// First column.
        left: f64,
        /// One past the last column.
        right: f64,
    },
    /// A window of `size` at the bottom centre (the KITTI benchmark crop), then `within` that
    /// window.
    BottomCentre {
        /// Size of the window; a smaller image is an error.
        size: ImageSize,
        /// A crop of the window.
        within: Box<Crop>,
    },
}

/// The crop of Garg et al. (ECCV 2016), the usual KITTI crop.
const GARG: Crop = Crop::Fractions {
    top: 0.40810811,
    bottom: 0.99189189,
    left: 0.03594771,
    right: 0.96405229,
};

/// The crop of Eigen, Puhrsch and Fergus (NIPS 2014) on KITTI.
const EIGEN_KITTI: Crop = Crop::Fractions {
    top: 0.3324324,
    bottom: 0.91351351,
    left: 0.0359477,
    right: 0.96405229,
};

/// The crop of Eigen, Puhrsch and Fergus (NIPS 2014) on NYU Depth V2.
const EIGEN_NYU: Crop = Crop::Pixels {
    top: 45,
    bottom: 471,
    left: 41,
    right: 601,
    size: ImageSize::new(480, 640),
};

/// A crop of the KITTI benchmark crop.
fn benchmark(within: Crop) -> Crop {
    Crop::BottomCentre {
        size: View::KITTI_BENCHMARK,
        within: Box::new(within),
    }
}

/// The scored rows and columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    pub(crate) rows: Range<usize>,
    pub(crate) columns: Range<usize>,
}

impl Crop {
    /// Rows and columns of this crop in an image of `size`.
    pub(crate) fn window(&self, size: ImageSize) -> Result<Window, MetricsError> {
        let (rows, columns) = match self {
            Crop::None => (0..size.height, 0..size.width),
            Crop::Pixels {
                top,
                bottom,
                left,
                right,
                size: expected,
            } => {
                if *expected != size {
                    return Err(MetricsError::CropSize {
                        expected: *expected,
                        found: size,
                    });
                }
                (*top..*bottom, *left..*right)
            }
            Crop::Fractions {
                top,
                bottom,
                left,
                right,
            } => {
                // Float-to-integer casts truncate, as in the published crops.
                let cut = |fraction: f64, length: usize| (fraction * length as f64) as usize;
                (
                    cut(*top, size.height)..cut(*bottom, size.height),
                    cut(*left, size.width)..cut(*right, size.width),
                )
            }
            Crop::BottomCentre {
                size: window,
                within,
            } => {
                let View { top, left, .. } = View::bottom_centre(*window, size)?;
                let inner = within.window(*window)?;
                (
                    inner.rows.start + top..inner.rows.end + top,
                    inner.columns.start + left..inner.columns.end + left,
                )
            }
        };
        let inside = rows.end <= size.height && columns.end <= size.width;
        if !inside || rows.is_empty() || columns.is_empty() {
            return Err(MetricsError::EmptyCrop { size });
        }
        Ok(Window { rows, columns })
    }
}

/// An evaluation protocol: the rules for comparing a prediction with ground truth.
///
/// A pixel inside the crop is valid if `min_depth < gt < max_depth`. At valid pixels the prediction
/// is aligned with the ground truth, converted to depth if it is disparity, and clamped to
/// `[min_depth, max_depth]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalProtocol {
    /// Name of the preset, or a name of your own.
    pub name: String,
    /// Minimum depth, metres: ground truth at or below it is not scored.
    pub min_depth: f32,
    /// Maximum depth, metres: ground truth at or above it is not scored.
    pub max_depth: f32,
    /// The part of the image that is scored.
    pub crop: Crop,
    /// Predicted quantity. Depth in every preset.
    #[serde(default)]
    pub prediction: Quantity,
    /// Alignment of each prediction with its ground truth.
    #[serde(default)]
    pub alignment: Alignment,
}

impl EvalProtocol {
    /// Names of all presets.
    pub const fn names() -> &'static [&'static str] {
        &[
            "nyu-mff",
            "nyu-eigen",
            "nyu-full",
            "nyu-meter",
            "nyu-affine-depth",
            "nyu-affine-disparity",
            "kitti-garg",
            "kitti-eigen",
            "kitti-bts",
            "kitti-monodepth2",
            "kitti-affine-depth",
            "kitti-affine-disparity",
        ]
    }

    /// A preset protocol from the literature.
    ///
    /// | name | valid depth | scored part | alignment |
    /// |---|---|---|---|
    /// | `nyu-mff` | 0.001 to 10 m | whole map (resize and crop to 228x304 come first) | none |
    /// | `nyu-eigen` | 0.001 to 10 m | rows 45..471, columns 41..601 of 480x640 | none |
    /// | `nyu-full` | 0.001 to 10 m | whole map | none |
    /// | `nyu-meter` | 0.001 to 10 m | whole map (resize to 192x256 comes first) | none |
    /// | `nyu-affine-depth` | 0.001 to 10 m | as `nyu-eigen` | least squares in depth |
    /// | `nyu-affine-disparity` | 0.001 to 10 m | whole map | least squares in 1 / depth |
    /// | `kitti-garg` | 0.001 to 80 m | Garg crop | none |
    /// | `kitti-eigen` | 0.001 to 80 m | Eigen crop | none |
    /// | `kitti-bts` | 0.001 to 80 m | Garg crop of the benchmark crop | none |
    /// | `kitti-monodepth2` | 0.001 to 80 m | Garg crop | ratio of the medians of depths |
    /// | `kitti-affine-depth` | 0.00001 to 80 m | Eigen crop of the benchmark crop | as above |
    /// | `kitti-affine-disparity` | 0.001 to 80 m | whole map | as above |
    ///
    /// The benchmark crop is 352x1216 at the bottom centre. docs/protocols.md names the sources.
    ///
    /// # Errors
    /// [`MetricsError::UnknownProtocol`], which suggests a similar name.
    pub fn preset(name: &str) -> Result<Self, MetricsError> {
        let (max_depth, crop, alignment) = match name {
            "nyu-mff" | "nyu-full" | "nyu-meter" => (10.0, Crop::None, Alignment::None),
            "nyu-eigen" => (10.0, EIGEN_NYU, Alignment::None),
            "nyu-affine-depth" => (10.0, EIGEN_NYU, Alignment::LeastSquaresDepth),
            "nyu-affine-disparity" => (10.0, Crop::None, Alignment::LeastSquaresDisparity),
            "kitti-garg" => (80.0, GARG, Alignment::None),
            "kitti-eigen" => (80.0, EIGEN_KITTI, Alignment::None),
            "kitti-bts" => (80.0, benchmark(GARG), Alignment::None),
            "kitti-monodepth2" => (80.0, GARG, Alignment::MedianDepth),
            "kitti-affine-depth" => (80.0, benchmark(EIGEN_KITTI), Alignment::LeastSquaresDepth),
            "kitti-affine-disparity" => (80.0, Crop::None, Alignment::LeastSquaresDisparity),
            _ => {
                return Err(MetricsError::UnknownProtocol {
                    name: name.to_owned(),
                    suggestion: most_similar(name, Self::names()),
                    known: Self::names(),
                });
            }
        };
        Ok(Self {
            name: name.to_owned(),
            min_depth: if name == "kitti-affine-depth" {
                1e-5
            } else {
                1e-3
            },
            max_depth,
            crop,
            prediction: Quantity::Depth,
            alignment,
        })
    }

    /// This protocol with another minimum or maximum depth in metres, which its name then states:
    /// "kitti-garg, 0.001 to 50 m".
    ///
    /// # Errors
    /// [`MetricsError::InvalidProtocol`] unless 0 < minimum < maximum, both finite.
    pub fn with_depth_range(
        mut self,
        min: Option<f32>,
        max: Option<f32>,
    ) -> Result<Self, MetricsError> {
        let before = (self.min_depth, self.max_depth);
        self.min_depth = min.unwrap_or(self.min_depth);
        self.max_depth = max.unwrap_or(self.max_depth);
        self.check()?;
        if (self.min_depth, self.max_depth) != before {
            self.name += &format!(", {} to {} m", self.min_depth, self.max_depth);
        }
        Ok(self)
    }

    /// This protocol with another alignment, which its name then states: "nyu-eigen, aligned by
    /// least-squares".
    #[must_use]
    pub fn with_alignment(mut self, alignment: Alignment) -> Self {
        if alignment != self.alignment {
            self.alignment = alignment;
            self.name += &match alignment {
                Alignment::None => ", not aligned".to_owned(),
                alignment => format!(", aligned by {alignment}"),
            };
        }
        self
    }

    /// Checks that `0 < min_depth < max_depth`, both finite, as logarithms and ratios need.
    pub(crate) fn check(&self) -> Result<(), MetricsError> {
        if self.min_depth > 0.0 && self.min_depth < self.max_depth && self.max_depth.is_finite() {
            return Ok(());
        }
        Err(MetricsError::InvalidProtocol {
            name: self.name.clone(),
            reason: format!(
                "expected finite depths 0 < min_depth < max_depth, found {} and {}",
                self.min_depth, self.max_depth
            ),
        })
    }
}

/// The known name most similar to `name`, if it is similar enough for a typing error.
fn most_similar(name: &str, known: &'static [&'static str]) -> Option<&'static str> {
    /// Minimum similarity of a suggestion, from 0 to 1.
    const MIN_SIMILARITY: f64 = 0.6;
    let similarity = |known: &str| strsim::normalized_damerau_levenshtein(name, known);
    let scored = known.iter().map(|known| (similarity(known), *known));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (best.0 > MIN_SIMILARITY).then_some(best.1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn window(name: &str, height: usize, width: usize) -> Result<Window, MetricsError> {
        EvalProtocol::preset(name)?
            .crop
            .window(ImageSize::new(height, width))
    }

    #[test]
    fn every_name_is_a_preset() {
        for name in EvalProtocol::names() {
            let protocol = EvalProtocol::preset(name).unwrap();
            assert_eq!(&protocol.name, name);
            let aligned = name.contains("affine") || name.contains("monodepth2");
            assert_eq!(protocol.alignment != Alignment::None, aligned, "{name}");
            protocol.check().unwrap();
            let json = serde_json::to_string(&protocol).unwrap();
            assert_eq!(
                serde_json::from_str::<EvalProtocol>(&json).unwrap(),
                protocol
            );
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = |name| EvalProtocol::preset(name).unwrap_err().to_string();
        for name in EvalProtocol::names() {
            assert!(message("nyu").contains(name), "{name}");
        }
        assert!(!message("nyu").contains("did you mean"));
        for typo in ["nyu-egen", "nyu_eigen", "nyu-eigne"] {
            let message = message(typo);
            assert!(message.contains("did you mean \"nyu-eigen\"?"), "{message}");
        }
    }

    #[test]
    fn crops_of_common_sizes() {
        let expect = |rows, columns| Ok(Window { rows, columns });
        assert_eq!(window("nyu-eigen", 480, 640), expect(45..471, 41..601));
        assert_eq!(window("nyu-mff", 228, 304), expect(0..228, 0..304));
        assert_eq!(window("kitti-garg", 375, 1242), expect(153..371, 44..1197));
        assert_eq!(window("kitti-eigen", 375, 1242), expect(124..342, 44..1197));
        // Garg of 352x1216 is rows 143..349, columns 43..1172; the window starts at row 23, column
        // 13.
        assert_eq!(window("kitti-bts", 375, 1242), expect(166..372, 56..1185));
        assert_eq!(window("kitti-bts", 352, 1216), expect(143..349, 43..1172));
        let affine = window("kitti-affine-depth", 375, 1242);
        assert_eq!(affine, expect(140..344, 56..1185));
    }

    #[test]
    fn what_differs_from_the_preset_is_in_the_name() {
        let garg = || EvalProtocol::preset("kitti-garg").unwrap();
        let near = garg().with_depth_range(None, Some(50.0)).unwrap();
        assert_eq!(near.name, "kitti-garg, 0.001 to 50 m");
        assert_eq!((near.min_depth, near.max_depth), (1e-3, 50.0));
        let far = garg().with_depth_range(Some(1.0), None).unwrap();
        assert_eq!(far.name, "kitti-garg, 1 to 80 m");
        let both = near.with_alignment(Alignment::Median);
        assert_eq!(both.name, "kitti-garg, 0.001 to 50 m, aligned by median");
        let same = garg().with_depth_range(Some(1e-3), Some(80.0)).unwrap();
        assert_eq!(same.with_alignment(Alignment::None), garg());
        let affine = EvalProtocol::preset("nyu-affine-depth").unwrap();
        let plain = affine.with_alignment(Alignment::None);
        assert_eq!(plain.name, "nyu-affine-depth, not aligned");
        for (min, max) in [
            (None, Some(-5.0)),
            (Some(90.0), None),
            (None, Some(f32::NAN)),
        ] {
            assert!(
                garg().with_depth_range(min, max).is_err(),
                "{min:?}, {max:?}"
            );
        }
    }

    #[test]
    fn a_crop_that_does_not_fit_is_an_error() {
        assert!(matches!(
            window("nyu-eigen", 479, 640),
            Err(MetricsError::CropSize { .. })
        ));
        assert!(matches!(
            window("kitti-bts", 351, 1216),
            Err(MetricsError::CropSize { .. })
        ));
        assert!(matches!(
            window("kitti-garg", 1, 1),
            Err(MetricsError::EmptyCrop { .. })
        ));
        let size = ImageSize::new(4, 4);
        let beyond = Crop::Pixels {
            top: 0,
            bottom: 5,
            left: 0,
            right: 4,
            size,
        };
        assert!(beyond.window(size).is_err());
    }

    #[test]
    fn the_depth_range_is_checked() {
        let mut protocol = EvalProtocol::preset("nyu-mff").unwrap();
        for (min_depth, max_depth) in [
            (0.0, 10.0),
            (5.0, 5.0),
            (0.1, f32::INFINITY),
            (f32::NAN, 10.0),
            (0.1, f32::NAN),
        ] {
            (protocol.min_depth, protocol.max_depth) = (min_depth, max_depth);
            assert!(matches!(
                protocol.check(),
                Err(MetricsError::InvalidProtocol { .. })
            ));
        }
    }
}
