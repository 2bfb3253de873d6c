//! Depth errors of one image.

use crate::checks::check_length;
use crate::{EvalProtocol, Fit, ImageSize, MetricsError};
use serde::{Deserialize, Serialize};

/// A predicted depth map and its ground truth, row-major, in metres.
#[derive(Clone, Copy, Debug)]
pub struct DepthPair<'a> {
    /// Prediction, `[height, width]`.
    pub pred: &'a [f32],
    /// Ground truth, `[height, width]`; invalid depth (0, NaN, outside the range) is not scored.
    pub gt: &'a [f32],
    /// Size of both maps.
    pub size: ImageSize,
}

/// Depth errors over the valid pixels of an image.
///
/// p = prediction, d = ground truth, g = ln p - ln d.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DepthErrors {
    /// Number of valid pixels.
    pub pixels: u64,
    /// Fraction of pixels with max(p/d, d/p) < 1.02.
    pub delta_1_02: f64,
    /// Fraction with max(p/d, d/p) < 1.05.
    pub delta_1_05: f64,
    /// Fraction with max(p/d, d/p) < 1.10.
    pub delta_1_10: f64,
    /// Fraction with max(p/d, d/p) < 1.25.
    pub delta_1: f64,
    /// Fraction with max(p/d, d/p) < 1.25².
    pub delta_2: f64,
    /// Fraction with max(p/d, d/p) < 1.25³.
    pub delta_3: f64,
    /// sqrt(mean (p - d)²), metres.
    pub rmse: f64,
    /// sqrt(mean g²).
    pub rmse_log: f64,
    /// mean |p - d| / d.
    pub abs_rel: f64,
    /// mean (p - d)² / d, metres.
    pub sq_rel: f64,
    /// mean |log10 p - log10 d|.
    pub log10: f64,
    /// 100 sqrt(mean g² - (mean g)²), the KITTI benchmark's scale-invariant logarithmic error.
    pub silog: f64,
}

/// Number of metrics in [`DepthErrors`].
pub(crate) const METRICS: usize = 12;

/// Lists the metrics of [`DepthErrors`], once for names, values and their inverse.
macro_rules! metrics {
    ($($metric:ident),*) => {
        impl DepthErrors {
            /// Names of the metrics, in the order of [`DepthErrors::values`].
            pub const NAMES: [&'static str; METRICS] = [$(stringify!($metric)),*];

            /// Values of the metrics, in the order of [`DepthErrors::NAMES`].
            pub const fn values(&self) -> [f64; METRICS] {
                [$(self.$metric),*]
            }

            /// The inverse of [`DepthErrors::values`].
            pub(crate) const fn from_values(pixels: u64, values: [f64; METRICS]) -> Self {
                let [$($metric),*] = values;
                Self { pixels, $($metric),* }
            }
        }
    };
}

metrics!(
    delta_1_02, delta_1_05, delta_1_10, delta_1, delta_2, delta_3, rmse, rmse_log, abs_rel, sq_rel,
    log10, silog
);

/// The scored pixels of one image under a protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredPixels {
    /// (prediction, ground truth) in metres, row-major, predictions aligned and clamped. Not empty.
    pub pairs: Vec<(f32, f32)>,
    /// The alignment of the prediction.
    pub fit: Fit,
}

impl ScoredPixels {
    /// Finds the scored pixels, for metrics of your own; [`depth_errors`] uses them too.
    ///
    /// # Errors
    /// If a buffer has the wrong length, the crop does not fit, there is no valid pixel, a
    /// prediction is not finite at a valid pixel, or the alignment is undefined for these
    /// predictions.
    pub fn new(pair: DepthPair<'_>, protocol: &EvalProtocol) -> Result<Self, MetricsError> {
        let mut pairs = valid_pairs(pair, protocol)?;
        let fit = Fit::from_pairs(&pairs, protocol.prediction, protocol.alignment)?;
        for (pred, _) in &mut pairs {
            *pred = fit.depth(*pred, protocol);
        }
        Ok(Self { pairs, fit })
    }

    /// Sums over the pixels, from which all errors are computed.
    pub fn sums(&self) -> ErrorSums {
        let mut sums = ErrorSums::default();
        for &(pred, gt) in &self.pairs {
            sums.push(pred, gt);
        }
        sums
    }
}

/// The valid pixels, (original prediction, ground truth), row-major.
pub(crate) fn valid_pairs(
    pair: DepthPair<'_>,
    protocol: &EvalProtocol,
) -> Result<Vec<(f32, f32)>, MetricsError> {
    protocol.check()?;
    check_length("prediction", 1, pair.size, pair.pred.len())?;
    check_length("ground truth", 1, pair.size, pair.gt.len())?;
    let window = protocol.crop.window(pair.size)?;

    let mut pairs = Vec::new();
    let mut missing: Option<(usize, usize, usize)> = None;
    for row in window.rows {
        for column in window.columns.clone() {
            let at = row * pair.size.width + column;
            let (pred, gt) = (pair.pred[at], pair.gt[at]);
            if !(gt > protocol.min_depth && gt < protocol.max_depth) {
                continue;
            }
            if pred.is_nan() {
                missing.get_or_insert((row, column, 0)).2 += 1;
            } else if pred.is_infinite() {
                return Err(MetricsError::NonFinitePrediction {
                    row,
                    column,
                    value: pred,
                });
            }
            pairs.push((pred, gt));
        }
    }
    if let Some((row, column, missing)) = missing {
        return Err(MetricsError::NotPredicted {
            protocol: protocol.name.clone(),
            missing,
            pixels: pairs.len(),
            row,
            column,
        });
    }
    if pairs.is_empty() {
        return Err(no_valid_pixel(protocol));
    }
    Ok(pairs)
}

/// Thresholds of max(p/d, d/p), in the order of [`DepthErrors`]' deltas.
const THRESHOLDS: [f32; 6] = [1.02, 1.05, 1.10, 1.25, 1.25 * 1.25, 1.25 * 1.25 * 1.25];

/// Sums over pixels from which [`DepthErrors`] are computed.
///
/// p = prediction, d = ground truth, in metres; g = ln p - ln d.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorSums {
    /// Number of pixels.
    pub pixels: u64,
    /// Number of pixels with max(p/d, d/p) below 1.02, 1.05, 1.10, 1.25, 1.25² and 1.25³.
    pub within: [u64; 6],
    /// Σ (p - d)², square metres.
    pub squared: f64,
    /// Σ (p - d)² / d, metres.
    pub squared_relative: f64,
    /// Σ |p - d| / d.
    pub absolute_relative: f64,
    /// Σ g.
    pub log: f64,
    /// Σ |g|.
    pub log_absolute: f64,
    /// Σ g².
    pub log_squared: f64,
}

impl ErrorSums {
    /// Adds a pixel: positive depths in metres.
    ///
    /// The ratio max(p/d, d/p) is computed and compared in `f32`, as in the reference
    /// implementation, so that pixels at a threshold are counted alike. Everything else is computed
    /// in `f64`.
    pub fn push(&mut self, pred: f32, gt: f32) {
        let ratio = (pred / gt).max(gt / pred);
        for (count, threshold) in self.within.iter_mut().zip(THRESHOLDS) {
            *count += u64::from(ratio < threshold);
        }
        let (pred, gt) = (f64::from(pred), f64::from(gt));
        let difference = pred - gt;
        self.pixels += 1;
        self.squared += difference * difference;
        self.squared_relative += difference * difference / gt;
        self.absolute_relative += difference.abs() / gt;
        let log_ratio = pred.ln() - gt.ln();
        self.log += log_ratio;
        self.log_absolute += log_ratio.abs();
        self.log_squared += log_ratio * log_ratio;
    }

    /// Adds the pixels of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.pixels += other.pixels;
        for (count, added) in self.within.iter_mut().zip(other.within) {
            *count += added;
        }
        self.squared += other.squared;
        self.squared_relative += other.squared_relative;
        self.absolute_relative += other.absolute_relative;
        self.log += other.log;
        self.log_absolute += other.log_absolute;
        self.log_squared += other.log_squared;
    }

    /// The errors, means over all pixels; `None` without pixels.
    pub fn errors(&self) -> Option<DepthErrors> {
        let count = self.pixels as f64;
        let fraction = |index: usize| self.within[index] as f64 / count;
        let log_variance = self.log_squared / count - (self.log / count).powi(2);
        (self.pixels > 0).then(|| DepthErrors {
            pixels: self.pixels,
            delta_1_02: fraction(0),
            delta_1_05: fraction(1),
            delta_1_10: fraction(2),
            delta_1: fraction(3),
            delta_2: fraction(4),
            delta_3: fraction(5),
            rmse: (self.squared / count).sqrt(),
            rmse_log: (self.log_squared / count).sqrt(),
            abs_rel: self.absolute_relative / count,
            sq_rel: self.squared_relative / count,
            log10: self.log_absolute / count / std::f64::consts::LN_10,
            // Rounding can make a zero variance negative.
            silog: 100.0 * log_variance.max(0.0).sqrt(),
        })
    }
}

/// Computes the depth errors of one image under a protocol, each a mean over the valid pixels.
///
/// # Errors
/// Those of [`ScoredPixels::new`].
pub fn depth_errors(
    pair: DepthPair<'_>,
    protocol: &EvalProtocol,
) -> Result<DepthErrors, MetricsError> {
    let scored = ScoredPixels::new(pair, protocol)?;
    // Unreachable: `ScoredPixels::new` guarantees at least one pixel.
    let errors = scored.sums().errors();
    errors.ok_or_else(|| no_valid_pixel(protocol))
}

fn no_valid_pixel(protocol: &EvalProtocol) -> MetricsError {
    MetricsError::NoValidPixel {
        protocol: protocol.name.clone(),
        min_depth: protocol.min_depth,
        max_depth: protocol.max_depth,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Alignment, Crop};

    const SIZE: ImageSize = ImageSize::new(1, 3);

    fn protocol() -> EvalProtocol {
        EvalProtocol::preset("nyu-full").unwrap()
    }

    fn errors(pred: &[f32; 3], gt: &[f32; 3]) -> Result<DepthErrors, MetricsError> {
        depth_errors(
            DepthPair {
                pred,
                gt,
                size: SIZE,
            },
            &protocol(),
        )
    }

    fn assert_near(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-6 * expected.abs().max(1.0),
            "found {found}, expected {expected}"
        );
    }

    #[test]
    fn two_pixels_by_hand() {
        let errors = errors(&[1.0, 4.0, 9.0], &[2.0, 4.0, 0.0]).unwrap();
        let half_ln_squared = std::f64::consts::LN_2.powi(2) / 2.0;
        assert_eq!(errors.pixels, 2);
        assert_eq!((errors.delta_1_02, errors.delta_3), (0.5, 0.5));
        assert_near(errors.rmse, 0.5_f64.sqrt());
        assert_near(errors.abs_rel, 0.25);
        assert_near(errors.sq_rel, 0.25);
        assert_near(errors.rmse_log, half_ln_squared.sqrt());
        assert_near(errors.log10, 2.0_f64.log10() / 2.0);
        // g is -ln 2 and 0: variance (ln 2)² / 4.
        assert_near(errors.silog, 100.0 * (half_ln_squared / 2.0).sqrt());
    }

    #[test]
    fn a_constant_scale_is_invisible_to_silog_and_to_median_scaling() {
        let gt = [1.0, 2.0, 4.0];
        let pair = DepthPair {
            pred: &[2.0, 4.0, 8.0],
            gt: &gt,
            size: SIZE,
        };
        let plain = depth_errors(pair, &protocol()).unwrap();
        assert_near(plain.silog, 0.0);
        assert_near(plain.abs_rel, 1.0);
        let scaled = EvalProtocol {
            alignment: Alignment::Median,
            ..protocol()
        };
        assert_near(depth_errors(pair, &scaled).unwrap().abs_rel, 0.0);
    }

    #[test]
    fn sums_of_parts_are_the_sums_of_the_whole() {
        let pairs = [(1.0, 1.5), (2.0, 2.0), (4.0, 3.0)];
        let sums = |pairs: &[(f32, f32)]| {
            let mut sums = ErrorSums::default();
            pairs.iter().for_each(|&(pred, gt)| sums.push(pred, gt));
            sums
        };
        let mut parts = sums(&pairs[..1]);
        parts.merge(&sums(&pairs[1..]));
        assert_eq!(parts, sums(&pairs));
        assert_eq!(ErrorSums::default().errors(), None);
    }

    #[test]
    fn predictions_are_clamped_to_the_depth_range() {
        let clamped = errors(&[-3.0, 50.0, 1.0], &[1.0, 5.0, 0.0]).unwrap();
        let plain = errors(&[1e-3, 10.0, 1.0], &[1.0, 5.0, 0.0]).unwrap();
        assert_eq!(clamped, plain);
    }

    #[test]
    fn only_ground_truth_strictly_inside_the_range_counts() {
        let gt = [10.0, 1e-3, 3.0];
        assert_eq!(errors(&[f32::NAN, f32::NAN, 3.0], &gt).unwrap().pixels, 1);
        let gt = [f32::NAN, f32::INFINITY, 3.0];
        assert_eq!(errors(&[1.0, 1.0, 3.0], &gt).unwrap().pixels, 1);
    }

    #[test]
    fn bad_input_is_an_error() {
        assert!(matches!(
            errors(&[1.0; 3], &[0.0, -1.0, f32::NAN]),
            Err(MetricsError::NoValidPixel { .. })
        ));
        assert!(matches!(
            errors(&[1.0, f32::INFINITY, 1.0], &[1.0; 3]),
            Err(MetricsError::NonFinitePrediction {
                row: 0,
                column: 1,
                ..
            })
        ));
        assert!(matches!(
            errors(&[1.0, f32::NAN, f32::NAN], &[1.0; 3]),
            Err(MetricsError::NotPredicted {
                missing: 2,
                pixels: 3,
                row: 0,
                column: 1,
                ..
            })
        ));
        let short = DepthPair {
            pred: &[1.0; 2],
            gt: &[1.0; 3],
            size: SIZE,
        };
        assert!(matches!(
            depth_errors(short, &protocol()),
            Err(MetricsError::Length { found: 2, .. })
        ));
        let scaled = EvalProtocol {
            alignment: Alignment::Median,
            ..protocol()
        };
        let negative = DepthPair {
            pred: &[-1.0; 3],
            gt: &[1.0; 3],
            size: SIZE,
        };
        assert!(matches!(
            depth_errors(negative, &scaled),
            Err(MetricsError::MedianScaling { .. })
        ));
    }

    #[test]
    fn pixels_outside_the_crop_do_not_matter() {
        let mut cropped = protocol();
        cropped.crop = Crop::Pixels {
            top: 0,
            bottom: 1,
            left: 1,
            right: 3,
            size: SIZE,
        };
        let pair = DepthPair {
            pred: &[f32::NAN, 2.0, 3.0],
            gt: &[1.0, 2.0, 4.0],
            size: SIZE,
        };
        let scored = ScoredPixels::new(pair, &cropped).unwrap();
        assert_eq!(scored.pairs, [(2.0, 2.0), (3.0, 4.0)]);
    }

    #[test]
    fn names_and_values_are_the_fields_in_order() {
        let errors = errors(&[1.0, 3.0, 9.0], &[2.0, 4.0, 8.0]).unwrap();
        let json = serde_json::to_value(&errors).unwrap();
        for (name, value) in DepthErrors::NAMES.iter().zip(errors.values()) {
            assert_eq!(json[name].as_f64(), Some(value), "{name}");
        }
        assert_eq!(
            DepthErrors::from_values(errors.pixels, errors.values()),
            errors
        );
    }
}
