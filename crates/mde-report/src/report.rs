//! Checks that the runs make a report, builds its page and writes it.

use std::path::Path;

use mde_results::{Mismatch, ResultsError, RunComparison, RunResults};

use crate::error::ReportError;
use crate::format::listed;
use crate::page::Page;
use crate::render::{self, WrittenReport};

/// The runs of a report.
#[derive(Debug, Clone)]
pub struct ReportInput<'a> {
    /// Title of the report.
    pub title: String,
    /// The plain model, the first of two models, or the only one.
    pub first: &'a RunResults,
    /// The model trained with an assignment, or the second of two, and the comparison of both by
    /// [`mde_results::compare`].
    pub second: Option<(&'a RunResults, &'a RunComparison)>,
}

/// Writes `report.html`, `report.md` and `tables/*.csv` into the folder `out`, which is created if
/// needed.
///
/// Nothing is written before everything was read and rendered. Each file is written whole or not at
/// all.
///
/// # Errors
/// The runs cannot be compared, pictures of a run folder are missing or damaged, or `out` cannot be
/// written; see [`ReportError`].
pub fn write_report(input: &ReportInput<'_>, out: &Path) -> Result<WrittenReport, ReportError> {
    if let Some((second, comparison)) = input.second {
        check_comparison(comparison, [input.first, second])?;
        check_assignments(comparison, [input.first, second])?;
    }
    let page = Page::build(&input.title, input.first, input.second)?;
    render::write(&page, out)
}

/// The comparison must be that of these runs.
fn check_comparison(comparison: &RunComparison, runs: [&RunResults; 2]) -> Result<(), ReportError> {
    let compared = [&comparison.first, &comparison.second];
    for (run, compared) in runs.into_iter().zip(compared) {
        let found = &run.evaluation.provenance.checkpoint;
        if *found != compared.checkpoint {
            return Err(ReportError::OtherComparison {
                path: run.folder.path().to_owned(),
                compared: compared.checkpoint.clone(),
                found: found.clone(),
            });
        }
    }
    Ok(())
}

/// The plain model must come first, and every assigned layer must be compared.
fn check_assignments(
    comparison: &RunComparison,
    runs: [&RunResults; 2],
) -> Result<(), ReportError> {
    let refusal = |what: String, [first, second]: [String; 2], advice: &'static str| {
        let [first_folder, second_folder] = runs.map(|run| run.folder.path().to_owned());
        let mismatch = Mismatch {
            what,
            first,
            second,
            first_folder,
            second_folder,
            advice,
        };
        Err(ResultsError::NotComparable(Box::new(mismatch)).into())
    };
    let [first, second] = runs.map(RunResults::assigned_layers);
    if !first.is_empty() && second.is_empty() {
        let training = runs.map(|run| match run.assigned_layers() {
            [] => "without an assignment".to_owned(),
            layers => format!("with an assignment to {}", listed(layers)),
        });
        let advice = "name the run without an assignment first";
        return refusal("the training".to_owned(), training, advice);
    }
    for name in first.iter().chain(second) {
        if !comparison.layers.iter().any(|layer| layer.layer == *name) {
            let dissections = runs.map(|run| match run.layer(name) {
                Some(layer) => format!("{} units and {} bins", layer.units, layer.bins.len()),
                None => "absent".to_owned(),
            });
            let advice = "run `mde dissect` on both with the same data, layers and bins";
            return refusal(
                format!("the dissection of layer {name}"),
                dissections,
                advice,
            );
        }
    }
    Ok(())
}
