//! `mde evaluate`: depth errors under a protocol, of a network or of another program's predictions.

mod dump;
mod explain;
mod given;
mod network;
mod predictions;
mod protocols;
mod source;

use std::path::PathBuf;

use candle_core::Device;
use mde_analysis::{EvaluateOptions, Evaluator};
use mde_metrics::{Alignment, EvalProtocol, Quantity};
use mde_results::{BaselineSource, Evaluation, Provenance, Stage, encode_examples, names, to_json};
use serde::Serialize;
use serde_json::json;

use self::dump::Dump;
use self::predictions::Predictions;
use self::source::Source;
use crate::data::DataArgs;
use crate::output::{Output, count, result_place};
use crate::progress::{Progress, remark};

const EXAMPLES: usize = 4;

/// Fraction of predictions at or below the minimum depth from which a warning is due.
const RAISED: f64 = 0.001;

/// What to evaluate, and what to print.
#[derive(Debug, clap::Args)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    source: Source,
    /// Alignment of each prediction with its ground truth before scoring: none; a scale (median,
    /// median-depth); or scale and shift, the usual choice for relative depth (least-squares,
    /// least-squares-depth, least-squares-disparity). Names without a space fit the predicted
    /// quantity [default: the protocol's].
    #[arg(long, value_name = "ALIGNMENT")]
    align: Option<Alignment>,
    /// Average each prediction with the mirrored prediction for the mirrored image.
    #[arg(long, conflicts_with = "pred")]
    flip_average: bool,
    /// Number of images whose depth maps are kept for the report.
    #[arg(long, value_name = "N", default_value_t = EXAMPLES)]
    examples: usize,
    /// Explain one image instead (the first without an ID): mask, crop, counts and each metric step
    /// by step.
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "")]
    #[arg(conflicts_with_all = ["all_protocols", "dump"])]
    explain: Option<String>,
    /// Print the errors under every protocol instead, averaged by image and by pixel, to trace a
    /// disagreement with a published number.
    #[arg(long, conflicts_with = "dump")]
    all_protocols: bool,
    /// Output folder for all predictions and ground truths at the scored size: DIR/pred/ID.npy and
    /// DIR/gt/ID.npy, float32, metres, 0 for invalid depth, NaN where the network sees nothing.
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
}

impl EvaluateArgs {
    /// The arguments of `mde evaluate --run RUN --data DATA`.
    pub(crate) fn from_run(run: PathBuf, data: DataArgs) -> Self {
        Self {
            source: Source::from_run(run, data),
            align: None,
            flip_average: false,
            examples: EXAMPLES,
            explain: None,
            all_protocols: false,
            dump: None,
        }
    }

    /// A protocol with the options' limits and alignment and the predictions' quantity. Its name
    /// says what differs from the preset.
    fn adjusted(
        &self,
        protocol: EvalProtocol,
        prediction: Quantity,
    ) -> anyhow::Result<EvalProtocol> {
        let mut protocol = self.source.protocol().limit(protocol)?;
        if let Some(alignment) = self.align {
            protocol = protocol.with_alignment(alignment);
        }
        if self.flip_average {
            protocol.name += ", flip average";
        }
        Ok(EvalProtocol {
            prediction,
            ..protocol
        })
    }
}

#[derive(Serialize)]
struct Inputs<'a> {
    provenance: &'a Provenance,
    /// How images, or the files of predictions, are prepared.
    preparation: serde_json::Value,
    protocol: &'a EvalProtocol,
    examples: usize,
    /// Mean depth of the training split; without it, the baseline depends on the test split only.
    training_mean: Option<f64>,
}

/// The stage's result.
pub(crate) const FILE: &str = names::EVALUATION;

/// Evaluates, unless the results are up to date.
pub(crate) fn run(args: EvaluateArgs, device: &Device) -> anyhow::Result<Output> {
    let predictions = args.source.open(args.flip_average, device)?;
    if args.all_protocols {
        predictions.remark_on_all_protocols();
        let presets = EvalProtocol::names().iter().map(|name| {
            let protocol = EvalProtocol::preset(name)?;
            args.adjusted(protocol, predictions.quantity())
        });
        return protocols::run(&*predictions, presets.collect::<anyhow::Result<_>>()?);
    }
    let protocol = args.adjusted(predictions.protocol()?, predictions.quantity())?;
    predictions.remark_on_range(&protocol);
    match &args.explain {
        Some(id) => explain::run(&*predictions, id, &protocol),
        None => evaluate(&args, &*predictions, protocol),
    }
}

fn evaluate(
    args: &EvaluateArgs,
    predictions: &dyn Predictions,
    protocol: EvalProtocol,
) -> anyhow::Result<Output> {
    let provenance = predictions.provenance()?;
    let inputs = Inputs {
        provenance: &provenance,
        preparation: predictions.preparation()?,
        protocol: &protocol,
        examples: args.examples,
        training_mean: predictions.training_mean(),
    };
    let results = predictions.results();
    let stage = Stage::new(results.folder(), "evaluate", inputs)?;
    if stage.is_up_to_date() && args.dump.is_none() {
        return described(predictions, &results.read(FILE)?, true);
    }
    results.writable()?;
    let ids = predictions.ids();
    let images = ids.len();
    let dump = args.dump.as_deref().map(|folder| Dump::new(folder, &ids));
    let dump = dump.transpose()?;
    let options = EvaluateOptions {
        constant: constant(predictions, &protocol)?,
        protocol,
        images,
        examples: args.examples,
        flip_average: args.flip_average,
    };
    let mut evaluator = Evaluator::new(&options)?;
    let progress = Progress::new("evaluating", "images", images);
    predictions.each(&mut |image| {
        evaluator.push(&image)?;
        if let Some(dump) = &dump {
            dump.write(&image)?;
        }
        progress.add(1);
        Ok(())
    })?;
    drop(progress);
    let evaluated = evaluator.finish(provenance)?;
    stage.finish(&[
        (
            names::EXAMPLES.to_owned(),
            encode_examples(&evaluated.examples)?,
        ),
        (FILE.to_owned(), to_json(&evaluated.evaluation)?),
    ])?;
    described(predictions, &evaluated.evaluation, false)
}

/// The depth of the constant prediction to compare with.
fn constant(
    predictions: &dyn Predictions,
    protocol: &EvalProtocol,
) -> anyhow::Result<Option<(f64, BaselineSource)>> {
    if let Some(mean) = predictions.training_mean() {
        return Ok(Some((mean, BaselineSource::TrainingMean)));
    }
    let _progress = Progress::busy("computing the mean depth of the ground truth");
    let mean = predictions.test_mean(protocol)?;
    Ok(mean.map(|mean| (mean, BaselineSource::TestMean)))
}

fn described(
    predictions: &dyn Predictions,
    evaluation: &Evaluation,
    up_to_date: bool,
) -> anyhow::Result<Output> {
    let mean = &evaluation.summary.mean;
    let results = predictions.results();
    let place = result_place(results.place(FILE), up_to_date);
    let mut words = format!(
        "{place}: AbsRel {:.4}, RMSE {:.4} m, δ<1.25 {:.4} over {} ({})",
        mean.abs_rel,
        mean.rmse,
        mean.delta_1,
        count(evaluation.summary.images, "image"),
        evaluation.protocol.name,
    );
    if predictions.left_out() > 0 {
        let left_out = count(predictions.left_out(), "image");
        words += &format!("; {left_out} left out by --only");
    }
    if let Some(constant) = &evaluation.constant_baseline {
        let abs_rel = constant.summary.mean.abs_rel;
        words += &format!(
            "; constant baseline {:.2} m ({}): AbsRel {abs_rel:.4}",
            constant.depth,
            constant.source.describe()
        );
    }
    if let Some(warning) = &evaluation.unit_warning {
        remark(&format!(
            "warning: the median ratio of prediction to ground truth is {:.3}, far from 1: {}",
            warning.median_ratio, warning.likely
        ));
    }
    // Networks clamp by themselves; in files, such values may mark pixels without a prediction.
    let is_warned = evaluation.unit_warning.is_some();
    if predictions.stored().is_some() && evaluation.raised_fraction >= RAISED && !is_warned {
        remark(&format!(
            "warning: {:.1} % of the scored predictions are at or below {} m, zero or negative for instance, and \
             count as {} m; store NaN where nothing is predicted",
            100.0 * evaluation.raised_fraction,
            evaluation.protocol.min_depth,
            evaluation.protocol.min_depth
        ));
    }
    if !evaluation.images_without_valid_depth.is_empty() {
        let left_out = evaluation.images_without_valid_depth.len();
        words += &format!(
            "; {} without valid depth left out",
            count(left_out, "image")
        );
    }
    let negative_fits = evaluation.images_with_negative_scale;
    if negative_fits > 0 {
        words += &format!(
            "; in {} the fitted scale is negative: predictions fall where the ground truth rises; depth \
             in place of disparity, or the other way round (--disparity)?",
            count(negative_fits, "image")
        );
    }
    let document = json!({
        "file": results.kept(FILE), "up_to_date": up_to_date, "load_report": predictions.load_report(),
        "provenance": evaluation.provenance, "protocol": evaluation.protocol,
        "summary": evaluation.summary, "constant_baseline": evaluation.constant_baseline,
        "unit_warning": evaluation.unit_warning,
        "images_without_valid_depth": evaluation.images_without_valid_depth, "images_with_negative_scale": negative_fits,
        "raised_fraction": evaluation.raised_fraction,
    });
    Output::new(words, document)
}
