//! Depth errors of a network on a data set, under a protocol.

use candle_core::Device;
use mde_datasets::ExampleBatch;
use mde_metrics::{
    Alignment, CoreSums, DepthBins, DepthErrors, DepthPair, ErrorTally, EvalProtocol, MetricsError,
    Quantity, ScoredPixels, depth_errors,
};
use mde_models::DepthNet;
use mde_results::{
    BaselineSource, ConstantBaseline, DepthRangeErrors, Evaluation, Example, FORMAT, ImageErrors,
    Provenance, UnitWarning,
};

use crate::AnalysisError;
use crate::error::BoxError;
use crate::examples::Examples;
use crate::predictions::{PredictedImage, predict_each};

/// Options of an evaluation.
#[derive(Debug, Clone)]
pub struct EvaluateOptions {
    /// The evaluation protocol.
    pub protocol: EvalProtocol,
    /// The constant baseline: its depth in metres, and where that comes from.
    pub constant: Option<(f64, BaselineSource)>,
    /// Total number of images, over which the examples are spread.
    pub images: usize,
    /// Number of images whose maps are kept.
    pub examples: usize,
    /// Average each prediction with the mirrored prediction for the mirrored image; see
    /// [`predict_each`]. The protocol's name says so in the results.
    pub flip_average: bool,
}

/// An evaluation's document and examples.
#[derive(Debug)]
pub struct Evaluated {
    /// `evaluate.json`.
    pub evaluation: Evaluation,
    /// A few images with ground truth and prediction.
    pub examples: Vec<Example>,
}

/// Runs the network over the batches and computes the errors of its depth, resized bilinearly to
/// the size of the ground truth. Images without a valid pixel are listed and left out. `observer`
/// receives 1 after each image.
///
/// # Errors
/// If a sample cannot be loaded, a prediction is not finite at a valid pixel, or no image has a
/// valid pixel.
pub fn evaluate(
    network: &dyn DepthNet,
    batches: impl Iterator<Item = Result<ExampleBatch, impl Into<BoxError>>>,
    device: &Device,
    options: &EvaluateOptions,
    provenance: Provenance,
    observer: &mut dyn FnMut(usize),
) -> Result<Evaluated, AnalysisError> {
    let mut evaluator = Evaluator::new(options)?;
    predict_each(
        network,
        batches,
        device,
        options.flip_average,
        &mut |image| {
            evaluator.push(&image)?;
            observer(1);
            Ok::<(), AnalysisError>(())
        },
    )?;
    evaluator.finish(provenance)
}

/// The protocol for the constant baseline, which is a depth in metres and never aligned.
fn constant_protocol(protocol: &EvalProtocol) -> EvalProtocol {
    EvalProtocol {
        prediction: Quantity::Depth,
        alignment: Alignment::None,
        ..protocol.clone()
    }
}

/// Median over valid pixels of prediction / ground truth, before clamping; `None` without a valid
/// pixel.
fn median_ratio(image: &PredictedImage<'_>, protocol: &EvalProtocol) -> Option<f64> {
    let valid = image.pred.iter().zip(image.gt).filter(|(pred, gt)| {
        **gt > protocol.min_depth && **gt < protocol.max_depth && pred.is_finite()
    });
    let ratio = |(&pred, &gt): (&f32, &f32)| match protocol.prediction {
        Quantity::Depth => f64::from(pred / gt),
        Quantity::Disparity => 1.0 / (f64::from(pred) * f64::from(gt)),
    };
    median(valid.map(ratio).collect())
}

/// The median; the upper one of the two middle values for an even number of values.
fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// The depth ranges of errors by depth: ten of equal width.
pub(crate) fn depth_ranges(protocol: &EvalProtocol) -> Result<DepthBins, MetricsError> {
    DepthBins::uniform(0.0, f64::from(protocol.max_depth), 10)
}

/// Accumulates the errors of predictions, image by image.
///
/// Sums are taken in the order of the images' ids, so they do not depend on the order of the
/// images.
#[derive(Debug)]
pub struct Evaluator<'a> {
    options: &'a EvaluateOptions,
    ranges: DepthBins,
    images: Vec<ScoredImage>,
    images_without_valid_depth: Vec<String>,
    examples: Examples,
    negative_fits: usize,
    /// Each image's median of prediction / ground truth.
    ratios: Vec<f64>,
    /// Number of scored pixels, and of those whose prediction was raised to the minimum depth.
    scored: u64,
    raised: u64,
}

/// The errors of one image.
#[derive(Debug)]
struct ScoredImage {
    errors: ImageErrors,
    /// Errors of the constant baseline.
    constant: Option<DepthErrors>,
    by_range: Vec<CoreSums>,
}

impl<'a> Evaluator<'a> {
    /// No image yet.
    ///
    /// # Errors
    /// If the protocol has no range of depth.
    pub fn new(options: &'a EvaluateOptions) -> Result<Self, AnalysisError> {
        Ok(Self {
            options,
            ranges: depth_ranges(&options.protocol)?,
            images: Vec::new(),
            images_without_valid_depth: Vec::new(),
            examples: Examples::new(options.images, options.examples),
            negative_fits: 0,
            ratios: Vec::new(),
            scored: 0,
            raised: 0,
        })
    }

    /// Adds an image. One without a valid pixel is listed and left out.
    ///
    /// # Errors
    /// If a prediction is not finite at a valid pixel, or the protocol cannot be applied.
    pub fn push(&mut self, image: &PredictedImage<'_>) -> Result<(), AnalysisError> {
        self.tally(image).map_err(|source| image.error(source))?;
        self.examples.offer(image);
        Ok(())
    }

    fn tally(&mut self, image: &PredictedImage<'_>) -> Result<(), MetricsError> {
        let protocol = &self.options.protocol;
        let maps = image.whole()?;
        let scored = match ScoredPixels::new(maps.pair(), protocol) {
            Ok(scored) => scored,
            Err(MetricsError::NoValidPixel { .. }) => {
                self.images_without_valid_depth.push(image.id.to_owned());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.negative_fits += usize::from(scored.fit.scale < 0.0);
        self.ratios.extend(median_ratio(image, protocol));
        let mut by_range = vec![CoreSums::default(); self.ranges.len()];
        self.scored += scored.pairs.len() as u64;
        for &(pred, gt) in &scored.pairs {
            self.raised += u64::from(pred <= protocol.min_depth);
            if let Some(range) = self.ranges.bin(gt) {
                by_range[range].push(pred, gt);
            }
        }
        let constant = self.options.constant.map(|(depth, _)| {
            let pred = &vec![depth as f32; maps.gt.len()];
            let pair = DepthPair {
                pred,
                ..maps.pair()
            };
            depth_errors(pair, &constant_protocol(protocol))
        });
        // Always `Some`: a scored image has a valid pixel.
        if let Some(errors) = scored.sums().errors() {
            self.images.push(ScoredImage {
                errors: ImageErrors {
                    id: image.id.to_owned(),
                    errors,
                },
                constant: constant.transpose()?,
                by_range,
            });
        }
        Ok(())
    }

    /// The evaluation of all images.
    ///
    /// # Errors
    /// If no image has a valid pixel.
    pub fn finish(self, provenance: Provenance) -> Result<Evaluated, AnalysisError> {
        let protocol = self.options.protocol.clone();
        let mut in_order: Vec<&ScoredImage> = self.images.iter().collect();
        in_order.sort_by(|one, other| one.errors.id.cmp(&other.errors.id));
        let (mut errors, mut constant) = (ErrorTally::default(), ErrorTally::default());
        let mut by_range = vec![CoreSums::default(); self.ranges.len()];
        for image in in_order {
            errors.push(&image.errors.errors);
            image
                .constant
                .iter()
                .for_each(|errors| constant.push(errors));
            for (sums, added) in by_range.iter_mut().zip(&image.by_range) {
                sums.merge(added);
            }
        }
        let Some(summary) = errors.summary() else {
            return Err(AnalysisError::NothingToEvaluate {
                images: self.images_without_valid_depth.len(),
                protocol: protocol.name,
            });
        };
        let constant_baseline =
            self.options
                .constant
                .zip(constant.summary())
                .map(|((depth, source), summary)| ConstantBaseline {
                    depth,
                    source,
                    summary,
                });
        // An alignment takes any unit.
        let unit_warning = median(self.ratios)
            .filter(|_| protocol.alignment == Alignment::None)
            .and_then(UnitWarning::check);
        let by_depth = by_range.iter().enumerate().map(|(range, sums)| {
            let (from, to) = self.ranges.range(range);
            let errors = sums.errors();
            DepthRangeErrors {
                from,
                to,
                pixels: sums.pixels(),
                abs_rel: errors.map(|errors| errors.abs_rel),
                rmse: errors.map(|errors| errors.rmse),
            }
        });
        let by_depth = by_depth.collect();
        Ok(Evaluated {
            evaluation: Evaluation {
                format: FORMAT,
                provenance,
                protocol,
                summary,
                constant_baseline,
                unit_warning,
                by_depth,
                per_image: self.images.into_iter().map(|image| image.errors).collect(),
                images_without_valid_depth: self.images_without_valid_depth,
                images_with_negative_scale: self.negative_fits,
                raised_fraction: self.raised as f64 / self.scored.max(1) as f64,
            },
            examples: self.examples.into_kept(),
        })
    }
}
