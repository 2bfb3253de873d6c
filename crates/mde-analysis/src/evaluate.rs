//! Accuracy of a network over a data set, under a protocol.

use candle_core::Device;
use mde_datasets::{DatasetError, ExampleBatch};
use mde_metrics::results::{
    ConstantBaseline, DepthRangeErrors, Evaluation, FORMAT, ImageErrors, Provenance,
};
use mde_metrics::{
    DepthBins, DepthErrors, DepthPair, ErrorTally, EvalProtocol, ImageSize, CoreSums, MetricsError,
    ScoredPixels, depth_errors,
};
use mde_models::{DepthInput, DepthNet, Mode, NoProbe, Probe};

use crate::{AnalysisError, Examples, depth_input};

/// How to evaluate.
#[derive(Debug, Clone)]
pub struct EvaluateOptions {
    /// Which pixels count, and how.
    pub protocol: EvalProtocol,
    /// Depth in metres of a constant prediction to set beside the network's.
    pub constant: Option<f64>,
    /// Images in all, so that examples are spread over them.
    pub images: usize,
    /// Images whose maps are kept.
    pub examples: usize,
}

/// What an evaluation yields.
#[derive(Debug)]
pub struct Evaluated {
    /// The numbers.
    pub evaluation: Evaluation,
    /// A few maps to look at.
    pub examples: Examples,
}

/// Runs the network over the batches and compares its depth, resized bilinearly to the ground truth's size, with the
/// ground truth. Images without a valid pixel are skipped and listed.
///
/// # Errors
/// If a sample cannot be loaded, a prediction is not finite at a valid pixel, or no image has a valid pixel.
pub fn evaluate(
    network: &dyn DepthNet,
    batches: impl Iterator<Item = Result<ExampleBatch, DatasetError>>,
    device: &Device,
    options: &EvaluateOptions,
    provenance: Provenance,
    observer: &mut dyn FnMut(usize),
) -> Result<Evaluated, AnalysisError> {
    let mut evaluator = Evaluator::new(options)?;
    predict_each(network, batches, device, &mut |image| {
        evaluator.push(&image)?;
        observer(1);
        Ok::<(), AnalysisError>(())
    })?;
    evaluator.finish(provenance)
}

/// A prediction beside its ground truth, whoever made it.
#[derive(Debug, Clone, Copy)]
pub struct PredictedImage<'a> {
    /// The image.
    pub id: &'a str,
    /// The size of both maps.
    pub size: ImageSize,
    /// The picture at that size, `[h, w, 3]`, if there is one.
    pub rgb: Option<&'a Vec<u8>>,
    /// Prediction, `[h, w]`.
    pub pred: &'a [f32],
    /// Ground truth, `[h, w]`, metres; 0 where nothing was measured.
    pub gt: &'a [f32],
}

impl PredictedImage<'_> {
    /// The pair that metrics take.
    pub fn pair(&self) -> DepthPair<'_> {
        DepthPair {
            pred: self.pred,
            gt: self.gt,
            size: self.size,
        }
    }

    /// An error of a metric, with the image's name.
    pub fn error(&self, source: MetricsError) -> AnalysisError {
        AnalysisError::Image {
            id: self.id.to_owned(),
            source,
        }
    }
}

/// Runs the network over the batches and shows its depth of every image, in metres, resized bilinearly to the ground truth's
/// size.
///
/// # Errors
/// If a sample cannot be loaded or the network fails, and whatever `visit` gives.
pub fn predict_each<E: From<AnalysisError>>(
    network: &dyn DepthNet,
    batches: impl Iterator<Item = Result<ExampleBatch, DatasetError>>,
    device: &Device,
    visit: &mut dyn FnMut(PredictedImage<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for batch in batches {
        let batch = batch.map_err(AnalysisError::from)?;
        let pred = depth_input(&batch, device)
            .and_then(|input| predict(network, &input, batch.depth_size, &mut NoProbe))
            .map_err(AnalysisError::from)?;
        let (height, width) = batch.depth_size;
        let size = ImageSize { height, width };
        for (index, id) in batch.ids.iter().enumerate() {
            visit(PredictedImage {
                id,
                size,
                rgb: batch.rgb.get(index),
                pred: &pred[index * size.pixels()..][..size.pixels()],
                gt: &batch.depths[index * size.pixels()..][..size.pixels()],
            })?;
        }
    }
    Ok(())
}

/// The network's depth at the ground truth's size, `[B, h, w]` row-major, metres.
pub(crate) fn predict(
    network: &dyn DepthNet,
    input: &DepthInput,
    (height, width): (usize, usize),
    probe: &mut dyn Probe,
) -> candle_core::Result<Vec<f32>> {
    let pred = network.forward(input, Mode::Eval, probe)?;
    mde_ops::resize_bilinear(&pred, height, width)?
        .flatten_all()?
        .to_vec1()
}

/// The depth ranges by which errors are told apart: ten of equal width.
pub(crate) fn depth_ranges(protocol: &EvalProtocol) -> Result<DepthBins, MetricsError> {
    DepthBins::uniform(0.0, f64::from(protocol.max_depth), 10)
}

/// Adds up the errors of predictions, image by image, whoever made them.
///
/// The order of the images changes no bit of the sums: they are added in the order of their ids.
#[derive(Debug)]
pub struct Evaluator<'a> {
    options: &'a EvaluateOptions,
    ranges: DepthBins,
    images: Vec<ScoredImage>,
    skipped: Vec<String>,
    examples: Examples,
    falling: usize,
}

/// What is kept of an image.
#[derive(Debug)]
struct ScoredImage {
    errors: ImageErrors,
    /// Those of the constant prediction.
    constant: Option<DepthErrors>,
    by_range: Vec<CoreSums>,
}

impl<'a> Evaluator<'a> {
    /// No image yet.
    ///
    /// # Errors
    /// A protocol without a range of depth.
    pub fn new(options: &'a EvaluateOptions) -> Result<Self, AnalysisError> {
        Ok(Self {
            options,
            ranges: depth_ranges(&options.protocol)?,
            images: Vec::new(),
            skipped: Vec::new(),
            examples: Examples::new(options.images, options.examples),
            falling: 0,
        })
    }

    /// Adds an image; one without a valid pixel is noted as skipped.
    ///
    /// # Errors
    /// If a prediction is not finite at a valid pixel, or the protocol cannot be applied.
    pub fn push(&mut self, image: &PredictedImage<'_>) -> Result<(), AnalysisError> {
        self.tally(image).map_err(|source| image.error(source))?;
        let PredictedImage {
            id,
            size,
            rgb,
            gt,
            pred,
        } = *image;
        self.examples.offer(id, size, rgb, gt, pred);
        Ok(())
    }

    /// Images whose fit falls ([`Fit::scale`](mde_metrics::Fit::scale) below 0): most often a disparity that was taken for depth, or the
    /// other way round.
    pub fn falling(&self) -> usize {
        self.falling
    }

    fn tally(&mut self, image: &PredictedImage<'_>) -> Result<(), MetricsError> {
        let protocol = &self.options.protocol;
        let scored = match ScoredPixels::new(image.pair(), protocol) {
            Ok(scored) => scored,
            Err(MetricsError::NoValidPixel { .. }) => {
                self.skipped.push(image.id.to_owned());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.falling += usize::from(scored.fit.scale < 0.0);
        let mut by_range = vec![CoreSums::default(); self.ranges.len()];
        for &(pred, gt) in &scored.pairs {
            if let Some(range) = self.ranges.bin(gt) {
                by_range[range].push(pred, gt);
            }
        }
        let constant = self.options.constant.map(|depth| {
            let pred = &vec![depth as f32; image.gt.len()];
            let pair = DepthPair {
                pred,
                ..image.pair()
            };
            depth_errors(pair, protocol)
        });
        // Scored images have a pixel.
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
                images: self.skipped.len(),
                protocol: protocol.name,
            });
        };
        let constant_baseline = self
            .options
            .constant
            .zip(constant.summary())
            .map(|(depth, summary)| ConstantBaseline { depth, summary });
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
                by_depth,
                per_image: self.images.into_iter().map(|image| image.errors).collect(),
                skipped: self.skipped,
            },
            examples: self.examples,
        })
    }
}
