//! `mde evaluate`: depth errors under a protocol.

use candle_core::Device;
use mde_analysis::{EvaluateOptions, evaluate};
use mde_datasets::Split;
use mde_metrics::EvalProtocol;
use mde_metrics::results::Evaluation;
use serde::Serialize;
use serde_json::json;

use crate::data::DataArgs;
use crate::output::{Output, shown};
use crate::progress::bar;
use crate::stage::{self, Stage};
use crate::subject::RunArgs;

/// What to evaluate.
#[derive(Debug, clap::Args)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Which pixels count: see docs/protocols.md.
    #[arg(long, default_value = "nyu-mff")]
    protocol: String,
    /// Images at a time; does not change the result.
    #[arg(long, default_value_t = 8)]
    batch: usize,
    /// Images whose depth maps are kept for the report.
    #[arg(long, default_value_t = 4)]
    examples: usize,
}

#[derive(Serialize)]
struct Inputs<'a> {
    provenance: &'a mde_metrics::results::Provenance,
    protocol: &'a EvalProtocol,
    examples: usize,
    constant: f64,
}

/// Evaluates, unless that has been done.
pub(crate) fn run(args: EvaluateArgs, device: &Device) -> anyhow::Result<Output> {
    let protocol = EvalProtocol::preset(&args.protocol)?;
    let subject = args.run.load(device)?;
    let list = args.data.open(Split::Test)?;
    let loader = args
        .data
        .eval_loader(list.clone(), subject.preset, args.batch)?;
    let provenance = subject.provenance(&args.data, &list, Split::Test)?;
    let constant = subject.config.data.mean_depth;
    let inputs = Inputs {
        provenance: &provenance,
        protocol: &protocol,
        examples: args.examples,
        constant,
    };
    let stage = Stage::new(&args.run.run, "evaluate", inputs)?;
    if stage.is_done() {
        return finished(&args, true);
    }
    let options = EvaluateOptions {
        protocol,
        constant: Some(constant),
        images: list.len(),
        examples: args.examples,
    };
    let progress = bar(list.len() as u64, "evaluate");
    let network = subject.network.as_ref();
    let evaluated = evaluate(
        network,
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
        (
            "evaluate.json".to_owned(),
            stage::json(&evaluated.evaluation)?,
        ),
    ])?;
    finished(&args, false)
}

fn finished(args: &EvaluateArgs, skipped: bool) -> anyhow::Result<Output> {
    let path = args.run.run.join("evaluate.json");
    let evaluation: Evaluation = serde_json::from_slice(&std::fs::read(&path)?)?;
    let mean = &evaluation.summary.mean;
    let mut words = format!(
        "{}: AbsRel {:.4}, RMSE {:.4} m, δ<1.25 {:.4} over {} images ({})",
        path.display(),
        mean.abs_rel,
        mean.rmse,
        mean.delta_1,
        evaluation.summary.images,
        evaluation.protocol.name,
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
        "file": shown(&path), "skipped": skipped, "provenance": evaluation.provenance, "protocol": evaluation.protocol,
        "summary": evaluation.summary, "constant_baseline": evaluation.constant_baseline,
        "images_without_valid_depth": evaluation.skipped,
    });
    Output::new(words, document)
}
