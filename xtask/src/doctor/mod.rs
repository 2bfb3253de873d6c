//! `cargo xtask doctor`: what is here, what is broken, what to do about it.

mod data;
mod environment;
mod finding;

use anyhow::Context;

use self::data::Program;
use self::finding::{Examination, Severity};

/// What to look at.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A data set beside those at their default places, as mde takes it: KIND:DIR, or DIR with a dataset.toml.
    #[arg(long, value_name = "KIND:DIR|DIR")]
    data: Vec<String>,
    /// Decode every image and depth map, which takes minutes for a large data set.
    #[arg(long)]
    decode: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Looks at everything, prints what was found, and gives true if nothing is broken.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let mut examination = Examination::default();
    let program = Program::default();
    environment::examine(&mut examination);
    data::examine(&mut examination, &program, &args.data, args.decode);
    data::examine_weights(&mut examination, &program);
    if args.json {
        let mut document = serde_json::to_value(&examination)?;
        let document = document.as_object_mut().context("no JSON object")?;
        document.insert("ok".to_owned(), (!examination.is_broken()).into());
        println!("{}", serde_json::to_string_pretty(document)?);
    } else {
        print!("{}", words(&examination));
    }
    Ok(!examination.is_broken())
}

/// The examination as a list, area by area: facts, then findings with what to do.
fn words(examination: &Examination) -> String {
    let mut areas: Vec<_> = examination.facts.iter().map(|fact| fact.area).collect();
    areas.extend(examination.findings.iter().map(|finding| finding.area));
    areas.sort_unstable();
    areas.dedup();
    let mut text = String::new();
    for area in areas {
        text += &format!("{}\n", area.title());
        for fact in examination.facts.iter().filter(|fact| fact.area == area) {
            text += &format!("  ok       {}\n", fact.what);
        }
        let findings = examination.findings.iter();
        for finding in findings.filter(|finding| finding.area == area) {
            let detail = &finding.detail;
            let severity = match detail.severity {
                Severity::Error => "broken ",
                Severity::Warning => "warning",
                Severity::Note => "note   ",
            };
            text += &format!("  {severity}  {}: {}\n", detail.place, detail.what);
            if !detail.advice.is_empty() {
                text += &format!("           -> {}\n", detail.advice);
            }
        }
    }
    let [errors, warnings, notes] =
        [Severity::Error, Severity::Warning, Severity::Note].map(|it| examination.count(it));
    text + &format!("{errors} broken, {warnings} warnings, {notes} notes\n")
}
