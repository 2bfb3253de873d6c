//! Writes the evaluation of a made-up network into a run folder, reads the folder and prints it.
//!
//! `cargo run --example run_summary`

#![allow(clippy::print_stdout)]

use mde_metrics::{DepthPair, ErrorTally, EvalProtocol, ImageSize, depth_errors};
use mde_results::{Evaluation, FORMAT, ImageErrors, Provenance, RunFolder, RunResults, names};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let protocol = EvalProtocol::preset("nyu-full")?;
    let size = ImageSize::new(3, 4);
    let (mut tally, mut per_image) = (ErrorTally::default(), Vec::new());
    for (id, factor) in [("office/1", 1.1f32), ("office/2", 0.95)] {
        let gt = [1.0, 2.0, 3.0, 4.0].repeat(3);
        let pred: Vec<f32> = gt.iter().map(|depth| factor * depth).collect();
        let (gt, pred) = (&gt, &pred);
        let errors = depth_errors(DepthPair { pred, gt, size }, &protocol)?;
        tally.push(&errors);
        let id = id.to_owned();
        per_image.push(ImageErrors { id, errors });
    }
    let evaluation = Evaluation {
        format: FORMAT,
        provenance: Provenance {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model: "mff-tiny".to_owned(),
            checkpoint: "00".to_owned(),
            data: "rooms".to_owned(),
            split: "test".to_owned(),
            data_hash: "ff".to_owned(),
            seed: None,
        },
        protocol,
        summary: tally.summary().ok_or("no image")?,
        constant_baseline: None,
        unit_warning: None,
        by_depth: Vec::new(),
        per_image,
        images_without_valid_depth: Vec::new(),
        images_with_negative_scale: 0,
        raised_fraction: 0.0,
    };
    let temporary = tempfile::tempdir()?;
    let folder = RunFolder::new(temporary.path().join("run"));
    let lock = folder.lock_results()?;
    folder.write_document(names::EVALUATION, &evaluation)?;
    drop(lock);

    let run = RunResults::read(folder.path())?;
    let summary = &run.evaluation.summary;
    println!("{} images, {} pixels", summary.images, summary.pixels);
    println!(
        "AbsRel {:.4}, RMSE {:.4} m",
        summary.mean.abs_rel, summary.mean.rmse
    );
    for image in &run.evaluation.per_image {
        println!("{}: AbsRel {:.4}", image.id, image.errors.abs_rel);
    }
    println!("next: `{}`", run.command("dissect"));
    Ok(())
}
