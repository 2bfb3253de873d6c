//! `cargo xtask fetch-data`: downloads data sets and brings them into the folders that `mde` reads.
//!
//! A data set is prepared first: what is here, what is missing, what that costs. `consent` says so and asks; then it is
//! fetched. `nyu` has its archives converted by `mde`; `kitti` takes single files out of archives on their servers.

mod consent;
mod kitti;
mod nyu;
mod shards;

use std::borrow::Borrow;
use std::path::{Path, PathBuf};

pub(crate) use self::consent::{Bill, free};
pub(crate) use self::nyu::is_unfinished;
use crate::fetch::{Connection, FolderLock, Manifest, Place};
use crate::mde::{DeviceChoice, Mde, data_folder, manifest_file};

/// The data sets there are.
#[derive(clap::Subcommand)]
pub(crate) enum DataSet {
    /// NYU Depth V2: the 1449 labelled pairs with the official split, and larger training sets.
    Nyu(nyu::Args),
    /// KITTI: what the lists of the Eigen split name, and nothing else.
    Kitti(kitti::Args),
}

/// What all data sets share.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Where the data set goes [default: data/nyu, data/kitti of the workspace].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where downloads are kept on their way [default: data/downloads of the workspace].
    #[arg(long, value_name = "DIR")]
    downloads: Option<PathBuf>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Megabytes that must stay free on the disk.
    #[arg(long, value_name = "MB", default_value_t = SPARE)]
    spare: u64,
    /// Another list of what there is [default: data/manifest.toml of the workspace].
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// Megabytes that stay free unless one says otherwise.
pub(crate) const SPARE: u64 = 1000;

impl Default for Options {
    fn default() -> Self {
        Self {
            out: None,
            downloads: None,
            yes: false,
            spare: SPARE,
            manifest: None,
            connection: Connection::default(),
        }
    }
}

impl Options {
    fn out(&self, name: &str) -> PathBuf {
        let default = || data_folder().join(name);
        self.out.clone().unwrap_or_else(default)
    }

    fn downloads(&self) -> PathBuf {
        let default = || data_folder().join("downloads");
        self.downloads.clone().unwrap_or_else(default)
    }

    fn manifest(&self) -> anyhow::Result<Manifest> {
        Manifest::read(&self.manifest.clone().unwrap_or_else(manifest_file))
    }
}

/// A part of a data set in the folder of downloads.
fn place<'a>(
    manifest: &'a Manifest,
    name: &'a str,
    downloads: &Path,
    set: &str,
) -> anyhow::Result<Place<'a>> {
    let entry = manifest.data(name)?;
    let from = if set == "kitti" { "DIR" } else { "FILE" };
    Ok(Place {
        name,
        entry,
        target: downloads.join(name).join(&entry.file),
        by_hand: format!("cargo xtask fetch-data {set} --from {from}"),
    })
}

/// A data set that is ready to be fetched.
pub(crate) struct Prepared {
    job: Job,
    out: PathBuf,
    /// Of the data set's folder and of its downloads: no other process works there until this one is done.
    _locks: [FolderLock; 2],
}

enum Job {
    Nyu(nyu::Job),
    Kitti(kitti::Job),
}

impl Prepared {
    /// `nyu` or `kitti` as the command fetches it by default.
    pub(crate) fn by_default(kind: &str) -> anyhow::Result<Self> {
        let options = Options::default();
        Self::of(match kind {
            "kitti" => DataSet::Kitti(kitti::Args::by_default(options)),
            _ => DataSet::Nyu(nyu::Args::by_default(options)),
        })
    }

    /// Finds out what is missing and what it costs.
    fn of(data: DataSet) -> anyhow::Result<Self> {
        let (name, options) = match &data {
            DataSet::Nyu(args) => ("nyu", &args.options),
            DataSet::Kitti(args) => ("kitti", &args.options),
        };
        let out = options.out(name);
        let locks = [lock(&out)?, lock(&options.downloads().join(name))?];
        let job = match data {
            DataSet::Nyu(args) => Job::Nyu(nyu::Job::prepare(args)?),
            DataSet::Kitti(args) => Job::Kitti(kitti::Job::prepare(args)?),
        };
        Ok(Self {
            job,
            out,
            _locks: locks,
        })
    }

    /// Where the data set goes.
    pub(crate) fn out(&self) -> &Path {
        &self.out
    }

    pub(crate) fn bill(&self) -> Bill {
        match &self.job {
            Job::Nyu(job) => job.bill(),
            Job::Kitti(job) => job.bill(),
        }
    }

    /// Fetches it; `mde` is called for if something is to be converted.
    pub(crate) fn fetch<M: Borrow<Mde>>(
        self,
        mde: impl FnOnce() -> anyhow::Result<M>,
    ) -> anyhow::Result<()> {
        match self.job {
            Job::Nyu(job) => job.run(mde()?.borrow()),
            Job::Kitti(job) => job.run(),
        }
    }
}

fn lock(folder: &Path) -> anyhow::Result<FolderLock> {
    FolderLock::acquire(folder, || {
        eprintln!(
            "waiting for another process that works in {}",
            folder.display()
        );
    })
}

/// Fetches a data set and prints its folder.
pub(crate) fn run(data: DataSet) -> anyhow::Result<()> {
    let (spare, yes) = match &data {
        DataSet::Nyu(nyu::Args { options, .. }) | DataSet::Kitti(kitti::Args { options, .. }) => {
            // Without a connection nothing comes that could be asked about.
            (options.spare, options.yes || options.connection.offline)
        }
    };
    let job = Prepared::of(data)?;
    let out = job.out().to_owned();
    job.bill().settle(&out, spare, yes)?;
    job.fetch(|| Mde::build(DeviceChoice::Auto))?;
    println!("{}", out.display());
    Ok(())
}
