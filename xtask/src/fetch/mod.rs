//! `cargo xtask fetch-weights`: downloads trained weights into `data/weights/NAME/`; and what `fetch-data` shares with it.
//!
//! `manifest` says what there is, `place` brings one entry to its place, `hub` says where the hub keeps it, `download` fetches
//! one file, by way of `transfer` (one request), `retry` (when to make the next) and `partial` (the file on its way), and `bar`
//! shows it. `ranges` reads parts of a file that stays on its server.

pub(crate) mod bar;
mod connection;
pub(crate) mod download;
pub(crate) mod hub;
mod list;
mod lock;
pub(crate) mod manifest;
pub(crate) mod partial;
mod place;
pub(crate) mod ranges;
mod retry;
mod transfer;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use indicatif::DecimalBytes;

pub(crate) use self::connection::Connection;
pub(crate) use self::list::State;
pub(crate) use self::lock::FolderLock;
pub(crate) use self::manifest::{Entry, Manifest};
pub(crate) use self::place::Place;
use crate::mde::{data_folder, manifest_file};

/// What to fetch.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which weights, by the names that --list shows; none shows the list.
    names: Vec<String>,
    /// Show what there is, what is here, and the licences.
    #[arg(long, conflicts_with_all = ["from", "offline"])]
    list: bool,
    /// Take this file, downloaded by hand, in place of a download; needs one NAME.
    #[arg(
        long,
        value_name = "FILE",
        requires = "names",
        conflicts_with = "offline"
    )]
    from: Option<PathBuf>,
    /// Another list of weights [default: data/manifest.toml of the workspace].
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Another folder to keep them in [default: data/weights of the workspace].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// Fetches, and prints the path of every file that is there in the end.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let manifest = Manifest::read(&args.manifest.clone().unwrap_or_else(manifest_file))?;
    let out = args.out.clone().unwrap_or_else(weights_folder);
    if args.list || (args.names.is_empty() && !args.connection.offline) {
        print!("{}", list::table(&manifest, &out));
        return Ok(());
    }
    ensure!(
        args.from.is_none() || args.names.len() == 1,
        "--from takes one file for one name, and {} names are given",
        args.names.len()
    );
    let names: Vec<&String> = match args.names.as_slice() {
        [] => manifest.weights.keys().collect(),
        names => names.iter().collect(),
    };
    let mut wanted = Vec::with_capacity(names.len());
    for name in names {
        wanted.push((name, manifest.weights(name)?));
    }
    let mut missing = Vec::new();
    for (name, weights) in wanted {
        let place = place(&out, name, weights);
        match place.fetch(args.from.as_deref(), &args.connection) {
            Ok(()) => println!("{}", place.target.display()),
            // One that fails does not keep the others from coming.
            Err(error) => {
                eprintln!("{name}: {error:#}");
                missing.push(name.as_str());
            }
        }
    }
    ensure!(missing.is_empty(), "not fetched: {}", missing.join(", "));
    Ok(())
}

/// Brings one file as the command does by default, unless it is here, and says where it is.
pub(crate) fn bring(name: &str) -> anyhow::Result<PathBuf> {
    let manifest = Manifest::read(&manifest_file())?;
    let place = place(&weights_folder(), name, manifest.weights(name)?);
    place
        .fetch(None, &Connection::default())
        .with_context(|| format!("the weights {name} are needed"))?;
    Ok(place.target)
}

/// Bytes of weights that have yet to come, about, with a line that says so.
pub(crate) fn missing_weights(name: &str, lines: &mut Vec<String>) -> anyhow::Result<u64> {
    let manifest = Manifest::read(&manifest_file())?;
    let weights = manifest.weights(name)?;
    let bytes = place(&weights_folder(), name, weights).missing();
    if bytes > 0 {
        lines.push(format!(
            "weights {name}: about {} to download; {}",
            DecimalBytes(bytes),
            weights.summary
        ));
    }
    Ok(bytes)
}

/// Where weights are kept.
pub(crate) fn weights_folder() -> PathBuf {
    data_folder().join("weights")
}

/// Weights by their name, and where they go.
pub(crate) fn place<'a>(folder: &Path, name: &'a str, weights: &'a Entry) -> Place<'a> {
    Place {
        name,
        entry: weights,
        target: folder.join(name).join(&weights.file),
        by_hand: format!("cargo xtask fetch-weights {name} --from FILE"),
    }
}
