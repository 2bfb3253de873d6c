//! `mde fetch`: weights and data sets, by the library `mde-fetch`.

use std::ffi::OsString;

use clap::Parser;
use mde_fetch::{Commands, Conversion, DataSet, Home, Terminal, WeightOptions};
use serde_json::json;

use crate::output::{Output, shown};
use crate::progress::is_quiet;
use crate::{convert, inspect};

/// What to fetch.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum FetchArgs {
    /// Download trained weights into weights/NAME of the folder of data.
    Weights(WeightOptions),
    /// Download a data set into the folder that mde reads.
    #[command(subcommand)]
    Data(DataSet),
}

/// Fetches, and returns the paths of the stored files.
pub(crate) fn run(args: FetchArgs) -> anyhow::Result<Output> {
    let home = Home::find()?;
    let front = front();
    match args {
        FetchArgs::Weights(options) if options.wants_list() => {
            let list = mde_fetch::list_weights(&options, &home)?;
            Output::new(list.to_string(), &list)
        }
        FetchArgs::Weights(options) => {
            let fetched = mde_fetch::fetch_weights(&options, &home, &front)?;
            let files: Vec<String> = fetched.files.iter().map(|file| shown(file)).collect();
            let missing = fetched.missing;
            let output = Output::new(
                files.join("\n"),
                json!({ "files": files, "missing": missing }),
            )?;
            Ok(match missing.as_slice() {
                [] => output,
                missing => output.with_failure(format!("not fetched: {}", missing.join(", "))),
            })
        }
        FetchArgs::Data(data) => {
            let convert = |conversion: Conversion<'_>| {
                run_nested(conversion.arguments())?;
                Ok(())
            };
            let folder = mde_fetch::fetch_data(data, &home, &front, &convert)?;
            Output::new(shown(&folder), json!({ "folder": shown(&folder) }))
        }
    }
}

/// Shows progress and asks on the terminal.
pub(crate) fn front() -> Terminal {
    Terminal::new(Commands::MDE, is_quiet())
}

/// Commands of this program that `mde fetch` and `mde doctor` run.
#[derive(Parser)]
#[command(no_binary_name = true)]
enum Nested {
    #[command(subcommand)]
    Convert(convert::Source),
    Inspect(inspect::InspectArgs),
}

/// Runs one of them in this process.
pub(crate) fn run_nested(arguments: Vec<OsString>) -> anyhow::Result<Output> {
    match Nested::try_parse_from(arguments)? {
        Nested::Convert(source) => convert::run(source),
        Nested::Inspect(args) => inspect::run(args),
    }
}
