//! Accuracy of a network over a data set, under a protocol.

use candle_core::Device;
use mde_datasets::{DatasetError, ExampleBatch};
use mde_metrics::results::{
    ConstantBaseline, DepthRangeErrors, Evaluation, FORMAT, ImageErrors, Provenance,
};
use mde_metrics::{
    DepthBins, DepthPair, ErrorTally, EvalProtocol, ImageSize, MetricsError, depth_errors,
    valid_pairs,
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
    let mut tally = Tally::new(options)?;
    let mut examples = Examples::new(options.images, options.examples);
    for batch in batches {
        let batch = batch?;
        let input = depth_input(&batch, device)?;
        let pred = predict(network, &input, batch.depth_size, &mut NoProbe)?;
        let (height, width) = batch.depth_size;
        let size = ImageSize { height, width };
        for (index, id) in batch.ids.iter().enumerate() {
            let pred = &pred[index * size.pixels()..][..size.pixels()];
            let gt = &batch.depths[index * size.pixels()..][..size.pixels()];
            tally
                .push(id, DepthPair { pred, gt, size })
                .map_err(|source| AnalysisError::Image {
                    id: id.clone(),
                    source,
                })?;
            examples.offer(id, size, batch.rgb.get(index), gt, pred);
        }
        observer(batch.len());
    }
    Ok(Evaluated {
        evaluation: tally.finish(provenance)?,
        examples,
    })
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

struct Tally<'a> {
    options: &'a EvaluateOptions,
    errors: ErrorTally,
    constant: ErrorTally,
    ranges: DepthBins,
    by_range: Vec<RangeSums>,
    per_image: Vec<ImageErrors>,
    skipped: Vec<String>,
}

#[derive(Clone, Copy, Default)]
struct RangeSums {
    pixels: u64,
    abs_rel: f64,
    squares: f64,
}

impl<'a> Tally<'a> {
    fn new(options: &'a EvaluateOptions) -> Result<Self, MetricsError> {
        let ranges = depth_ranges(&options.protocol)?;
        Ok(Self {
            options,
            errors: ErrorTally::default(),
            constant: ErrorTally::default(),
            by_range: vec![RangeSums::default(); ranges.len()],
            ranges,
            per_image: Vec::new(),
            skipped: Vec::new(),
        })
    }

    fn push(&mut self, id: &str, pair: DepthPair<'_>) -> Result<(), MetricsError> {
        let protocol = &self.options.protocol;
        let errors = match depth_errors(pair, protocol) {
            Ok(errors) => errors,
            Err(MetricsError::NoValidPixel { .. }) => {
                self.skipped.push(id.to_owned());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.errors.push(&errors);
        self.per_image.push(ImageErrors {
            id: id.to_owned(),
            errors,
        });
        for (pred, gt) in valid_pairs(pair, protocol)? {
            if let Some(range) = self.ranges.bin(gt) {
                let error = f64::from(pred) - f64::from(gt);
                let sums = &mut self.by_range[range];
                sums.pixels += 1;
                sums.abs_rel += error.abs() / f64::from(gt);
                sums.squares += error * error;
            }
        }
        if let Some(depth) = self.options.constant {
            let constant = vec![depth as f32; pair.gt.len()];
            self.constant.push(&depth_errors(
                DepthPair {
                    pred: &constant,
                    ..pair
                },
                protocol,
            )?);
        }
        Ok(())
    }

    fn finish(self, provenance: Provenance) -> Result<Evaluation, AnalysisError> {
        let protocol = self.options.protocol.clone();
        let Some(summary) = self.errors.summary() else {
            return Err(AnalysisError::NothingToEvaluate {
                images: self.skipped.len(),
                protocol: protocol.name,
            });
        };
        let constant_baseline = self
            .options
            .constant
            .zip(self.constant.summary())
            .map(|(depth, summary)| ConstantBaseline { depth, summary });
        let by_depth = self.by_range.iter().enumerate().map(|(range, sums)| {
            let (from, to) = self.ranges.range(range);
            let mean = |sum: f64| (sums.pixels > 0).then(|| sum / sums.pixels as f64);
            DepthRangeErrors {
                from,
                to,
                pixels: sums.pixels,
                abs_rel: mean(sums.abs_rel),
                rmse: mean(sums.squares).map(f64::sqrt),
            }
        });
        Ok(Evaluation {
            format: FORMAT,
            provenance,
            protocol,
            summary,
            constant_baseline,
            by_depth: by_depth.collect(),
            per_image: self.per_image,
            skipped: self.skipped,
        })
    }
}
