//! `cargo xtask fetch-weights`, `fetch-data` and `doctor`: the library `mde-fetch`, and `mde` for
//! conversions and inspections.

use std::cell::OnceCell;

use anyhow::ensure;
use mde_fetch::{
    Commands, Conversion, DataSet, DoctorOptions, Home, InspectError, Inspected, Terminal,
    WeightOptions,
};
use serde_json::Value;

use crate::mde::{DeviceChoice, Mde};

/// The front of this program.
pub(crate) fn terminal() -> Terminal {
    Terminal::new(Commands::XTASK, false)
}

/// Fetches weights, and prints the paths of the stored files.
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
        Ok(mde.run(conversion.arguments())?)
    };
    let folder = mde_fetch::fetch_data(data, &home, &terminal(), &convert)?;
    println!("{}", folder.display());
    Ok(())
}

/// What to examine.
#[derive(clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    options: DoctorOptions,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Examines everything, prints the result, and returns true if nothing is broken.
pub(crate) fn doctor(args: &DoctorArgs) -> anyhow::Result<bool> {
    let home = Home::find()?;
    let mde = OnceCell::new();
    let inspect = |inspected: Inspected<'_>| -> Result<Value, InspectError> {
        let built = || Mde::build(DeviceChoice::Auto).map_err(|error| format!("{error:#}"));
        let mde = mde.get_or_init(built).as_ref();
        let mde: &Mde = mde.map_err(|error| InspectError::NoProgram(error.clone()))?;
        mde.json(inspected.arguments())
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
