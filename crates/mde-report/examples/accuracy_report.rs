//! Writes the report of a made-up prediction that is 10 % too far. Give an output folder, or the
//! report goes to the folder for temporary files.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::PathBuf;

use mde_metrics::{DepthPair, ErrorTally, EvalProtocol, ImageSize, depth_errors};
use mde_report::{ReportInput, write_report};
use mde_results::{
    Evaluation, Example, FORMAT, ImageErrors, Photograph, Provenance, RunFolder, RunResults,
    encode_examples, names,
};

fn main() -> Result<(), Box<dyn Error>> {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let out = given.unwrap_or_else(|| std::env::temp_dir().join("mde-accuracy-report"));

    // What `mde evaluate` leaves in a run folder: errors, and images to look at.
    let (height, width) = (48, 64);
    let gt: Vec<f32> = (0..height * width)
        .map(|i| 1.0 + (i % width) as f32 / 16.0)
        .collect();
    let pred: Vec<f32> = gt.iter().map(|depth| 1.1 * depth).collect();
    let protocol = EvalProtocol::preset("nyu-full")?;
    let size = ImageSize::new(height, width);
    let errors = depth_errors(
        DepthPair {
            pred: &pred,
            gt: &gt,
            size,
        },
        &protocol,
    )?;
    let mut tally = ErrorTally::default();
    tally.push(&errors);
    let evaluation = Evaluation {
        format: FORMAT,
        provenance: Provenance {
            version: "0.1.0".to_owned(),
            model: "ramp".to_owned(),
            checkpoint: Provenance::STORED.to_owned(),
            data: "ramps".to_owned(),
            split: "test".to_owned(),
            data_hash: String::new(),
            seed: None,
        },
        protocol,
        summary: tally.summary().ok_or("no valid pixel")?,
        constant_baseline: None,
        unit_warning: None,
        by_depth: Vec::new(),
        per_image: vec![ImageErrors {
            id: "ramp".to_owned(),
            errors,
        }],
        images_without_valid_depth: Vec::new(),
        images_with_negative_scale: 0,
        raised_fraction: 0.0,
    };
    let rgb = vec![128; 3 * height * width];
    let image = Photograph {
        id: "ramp".to_owned(),
        height,
        width,
        rgb,
    };
    let examples = encode_examples(&[Example { image, gt, pred }])?;
    let folder = RunFolder::new(&out);
    folder.write_document(names::EVALUATION, &evaluation)?;
    std::fs::write(folder.file(names::EXAMPLES), examples)?;

    let run = RunResults::read(&out)?;
    let title = "A prediction that is 10 % too far".to_owned();
    let report = write_report(
        &ReportInput {
            title,
            first: &run,
            second: None,
        },
        &out,
    )?;
    println!("{}\n{}", report.answers.join("\n"), report.html.display());
    Ok(())
}
