//! `mde report`: results as an HTML page and a Markdown file.

use std::path::PathBuf;

use mde_metrics::statistics::Bootstrap;
use mde_report::{ReportInput, write_report};
use mde_results::{RunResults, compare};
use serde_json::json;

use crate::output::{Output, shown};

/// Which runs to report on.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// Run folder of the plain network, or of the only one.
    plain: PathBuf,
    /// Run folder of the network whose units were assigned depth ranges.
    assigned: Option<PathBuf>,
    /// Output folder for report.html, report.md and tables [default: the first run folder].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Heading of the page.
    #[arg(long, default_value = "Depth-selective units")]
    title: String,
}

/// Writes the report.
pub(crate) fn run(args: ReportArgs) -> anyhow::Result<Output> {
    let first = RunResults::read(&args.plain)?;
    let second = args.assigned.map(RunResults::read).transpose()?;
    let comparison = match &second {
        Some(second) => Some(compare(&first, second, Bootstrap::default())?),
        None => None,
    };
    let input = ReportInput {
        title: args.title,
        first: &first,
        second: second.as_ref().zip(comparison.as_ref()),
    };
    let out = args.out.as_deref().unwrap_or(&args.plain);
    let report = write_report(&input, out)?;
    let words = format!(
        "{}\nreport: {}\n        {}",
        report.answers.join("\n"),
        report.html.display(),
        report.markdown.display()
    );
    let tables: Vec<_> = report.tables.iter().map(|path| shown(path)).collect();
    let document = json!({
        "html": shown(&report.html), "markdown": shown(&report.markdown), "tables": tables,
        "comparison": comparison, "answers": report.answers,
    });
    Output::new(words, document)
}
