//! `mde completions` and `mde man`: completion scripts and manual pages of the command line.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap_complete::Shell;
use serde_json::json;

use crate::output::{Output, shown};

/// Which shell.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell; load the script with e.g. `source <(mde completions bash)`.
    #[arg(value_enum)]
    shell: Shell,
}

/// Where the pages go.
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Output folder, such as ~/.local/share/man/man1.
    #[arg(value_name = "DIR")]
    out: PathBuf,
}

/// The completion script.
pub(crate) fn completions(
    args: &CompletionsArgs,
    mut command: clap::Command,
) -> anyhow::Result<Output> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "mde", &mut script);
    let script = String::from_utf8(script).context("the completion script is not UTF-8")?;
    let document = json!({ "shell": args.shell.to_string(), "script": script });
    Output::new(script.trim_end().to_owned(), document)
}

/// Writes the manual pages.
pub(crate) fn man(args: &ManArgs, command: clap::Command) -> anyhow::Result<Output> {
    let out = &args.out;
    fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    clap_mangen::generate_to(command, out)
        .with_context(|| format!("cannot write manual pages into {}", out.display()))?;
    let words = format!(
        "{}: manual pages written (man {}/mde.1)",
        out.display(),
        out.display()
    );
    Output::new(
        words,
        json!({ "folder": shown(out), "page": shown(&out.join("mde.1")) }),
    )
}
