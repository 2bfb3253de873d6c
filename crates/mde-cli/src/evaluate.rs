//! `mde evaluate`: depth errors under a protocol.

use std::path::PathBuf;

use candle_core::Device;
use mde_analysis::{EvaluateOptions, evaluate};
use mde_datasets::Preprocessing;
use mde_metrics::EvalProtocol;
use mde_metrics::results::Evaluation;
use serde::Serialize;
use serde_json::json;

use crate::data::DataArgs;
use crate::measured::{MeasureArgs, Measured};
use crate::output::Output;
use crate::progress::bar;
use crate::stage::{self, Stage};
use crate::subject::{Subject, SubjectArgs};

const EXAMPLES: usize = 4;

/// What to evaluate.
#[derive(Debug, clap::Args)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    /// Images whose depth maps are kept for the report.
    #[arg(long, default_value_t = EXAMPLES)]
    examples: usize,
}

impl EvaluateArgs {
    /// What `mde evaluate --run RUN --data DATA` is given.
    pub(crate) fn of_run(run: PathBuf, data: DataArgs) -> Self {
        Self {
            subject: SubjectArgs::of_run(run),
            measure: MeasureArgs::of(data),
            examples: EXAMPLES,
        }
    }
}

#[derive(Serialize)]
struct Inputs<'a> {
    provenance: &'a mde_metrics::results::Provenance,
    preprocessing: Preprocessing,
    protocol: &'a EvalProtocol,
    examples: usize,
    constant: Option<f64>,
}

/// The stage's result.
pub(crate) const FILE: &str = "evaluate.json";

/// Evaluates, unless that has been done.
pub(crate) fn run(args: EvaluateArgs, device: &Device) -> anyhow::Result<Output> {
    let subject = args.subject.load(device)?;
    let Measured {
        list,
        preprocessing,
        protocol,
        loader,
        provenance,
    } = args.measure.open(&subject)?;
    let constant = subject.config.as_ref().map(|config| config.data.mean_depth);
    let inputs = Inputs {
        provenance: &provenance,
        preprocessing,
        protocol: &protocol,
        examples: args.examples,
        constant,
    };
    let stage = Stage::new(subject.folder.as_deref(), "evaluate", inputs)?;
    if stage.is_done() {
        return described(&subject, &subject.read(FILE)?, true);
    }
    let options = EvaluateOptions {
        protocol,
        constant,
        images: list.len(),
        examples: args.examples,
    };
    let progress = bar(list.len() as u64, "evaluate");
    let evaluated = evaluate(
        subject.network.as_ref(),
        loader.epoch(1, 0),
        device,
        &options,
        provenance,
        &mut |images| {
            progress.inc(images as u64);
        },
    )?;
    progress.finish_and_clear();
    stage.finish(&[
        (
            "examples.safetensors".to_owned(),
            evaluated.examples.to_safetensors()?,
        ),
        (FILE.to_owned(), stage::json(&evaluated.evaluation)?),
    ])?;
    described(&subject, &evaluated.evaluation, false)
}

fn described(subject: &Subject, evaluation: &Evaluation, skipped: bool) -> anyhow::Result<Output> {
    let mean = &evaluation.summary.mean;
    let place = subject.place(FILE);
    let mut words = format!(
        "{place}: AbsRel {:.4}, RMSE {:.4} m, δ<1.25 {:.4} over {} images ({})",
        mean.abs_rel, mean.rmse, mean.delta_1, evaluation.summary.images, evaluation.protocol.name,
    );
    if let Some(constant) = &evaluation.constant_baseline {
        let abs_rel = constant.summary.mean.abs_rel;
        words += &format!("; always {:.2} m: AbsRel {abs_rel:.4}", constant.depth);
    }
    if !evaluation.skipped.is_empty() {
        words += &format!(
            "; {} images without valid depth were left out",
            evaluation.skipped.len()
        );
    }
    let document = json!({
        "file": subject.kept(FILE), "skipped": skipped, "weights": subject.keys_document(),
        "provenance": evaluation.provenance, "protocol": evaluation.protocol,
        "summary": evaluation.summary, "constant_baseline": evaluation.constant_baseline,
        "images_without_valid_depth": evaluation.skipped,
    });
    Output::new(words, document)
}
