//! `cargo xtask fetch-weights`, `fetch-data` and `doctor`: the library `mde-fetch`, and `mde` for
//! conversions and inspections.

use std::cell::OnceCell;
use std::error::Error;
use std::ffi::OsStr;

use anyhow::ensure;
use mde_fetch::{
    Commands, Conversion, DataSet, DoctorOptions, Home, InspectError, Inspected, Terminal,
    WeightOptions,
};
use serde_json::Value;

use crate::mde::{DeviceChoice, Mde};

/// Shows progress and asks as this program does.
pub(crate) fn terminal() -> Terminal {
    Terminal::new(Commands::XTASK, false)
}

/// Fetches weights, and prints the path of every file that is here in the end.
pub(crate) fn weights(options: &WeightOptions) -> anyhow::Result<()> {
    let home = Home::find()?;
    if options.wants_list() {
        println!("{}", mde_fetch::list_weights(options, &home)?);
        return Ok(());
    }
    let fetched = mde_fetch::fetch_weights(options, &home, &terminal())?;
    for file in &fetched.files {
        println!("{}", file.display());
    }
    let missing = fetched.missing;
    ensure!(missing.is_empty(), "not fetched: {}", missing.join(", "));
    Ok(())
}

/// Fetches a data set, and prints its folder.
pub(crate) fn data(data: DataSet) -> anyhow::Result<()> {
    let home = Home::find()?;
    let convert = |conversion: Conversion<'_>| {
        let mde = Mde::build(DeviceChoice::Auto)?;
        run_conversion(&mde, conversion)
    };
    let folder = mde_fetch::fetch_data(data, &home, &terminal(), &convert)?;
    println!("{}", folder.display());
    Ok(())
}

/// Runs `mde convert`.
pub(crate) fn run_conversion(
    mde: &Mde,
    conversion: Conversion<'_>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (form, files) = match conversion {
        Conversion::Labelled { mat, splits, out } => (
            "nyu-labelled",
            vec![("--mat", mat), ("--splits", splits), ("--out", out)],
        ),
        Conversion::FastDepth { shard, out } => {
            ("nyu-fastdepth", vec![("--shard", shard), ("--out", out)])
        }
        Conversion::Bts { archive, list, out } => (
            "nyu-bts",
            vec![("--archive", archive), ("--out", out), ("--list", list)],
        ),
        Conversion::Mff { archive, list, out } => (
            "nyu-mff",
            vec![("--archive", archive), ("--out", out), ("--list", list)],
        ),
    };
    let files = files
        .iter()
        .flat_map(|(option, path)| [OsStr::new(*option), path.as_os_str()]);
    let command = ["convert", form].into_iter().map(OsStr::new);
    Ok(mde.run(command.chain(files))?)
}

/// What to look at.
#[derive(clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    options: DoctorOptions,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Looks at everything, prints what was found, and returns true if nothing is broken.
pub(crate) fn doctor(args: &DoctorArgs) -> anyhow::Result<bool> {
    let home = Home::find()?;
    let mde = OnceCell::new();
    let inspect = |inspected: Inspected<'_>| -> Result<Value, InspectError> {
        let built = || Mde::build(DeviceChoice::Auto).map_err(|error| format!("{error:#}"));
        let mde = mde.get_or_init(built).as_ref();
        let mde: &Mde = mde.map_err(|error| InspectError::NoProgram(error.clone()))?;
        let mut command: Vec<&OsStr> = Vec::new();
        match inspected {
            Inspected::Data { spec, decode } => {
                command.extend(["inspect", "--data", spec].map(OsStr::new));
                command.extend(decode.then_some(OsStr::new("--decode")));
            }
            Inspected::Weights { file, model } => {
                command.extend(["inspect", "--weights"].map(OsStr::new));
                command.push(file.as_os_str());
                command.extend(["--model", model].map(OsStr::new));
            }
        }
        mde.json(command)
            .map_err(|error| InspectError::Failed(format!("{error:#}")))
    };
    let examination = mde_fetch::examine(&args.options, &home, &terminal(), &inspect);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&examination.document())?);
    } else {
        println!("{examination}");
    }
    Ok(examination.is_ok())
}
