//! `mde report`: results as pages to read.

use std::path::PathBuf;

use mde_report::{ReportInput, headline, write_report};
use serde_json::json;

use crate::compare::compare;
use crate::output::{Output, shown};

/// What to report on.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// The run folder of the plain network, or of the only one.
    plain: PathBuf,
    /// The run folder of the network whose units were assigned depth ranges.
    assigned: Option<PathBuf>,
    /// The folder to write report.html, report.md and tables into.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The heading.
    #[arg(long, default_value = "Depth-selective units")]
    title: String,
}

/// Writes the report.
pub(crate) fn run(args: ReportArgs) -> anyhow::Result<Output> {
    // Each is made before anything is written.
    let (headline, comparison) = match &args.assigned {
        Some(assigned) => (
            Some(headline(&args.plain, assigned)?),
            Some(compare(&args.plain, assigned)?),
        ),
        None => (None, None),
    };
    let input = ReportInput {
        plain: &args.plain,
        assigned: args.assigned.as_deref(),
        title: args.title,
        comparison,
    };
    let paths = write_report(&input, &args.out)?;
    let mut words = String::new();
    if let Some(headline) = &headline {
        words += &format!("{}\n", headline.sentence());
    }
    words += &format!(
        "report: {}\n        {}",
        paths.html.display(),
        paths.markdown.display()
    );
    let document = json!({
        "html": shown(&paths.html), "markdown": shown(&paths.markdown),
        "tables": paths.tables.iter().map(|path| shown(path)).collect::<Vec<_>>(), "comparison": input.comparison,
        "sentence": headline.as_ref().map(|headline| headline.sentence()),
    });
    Output::new(words, document)
}
