//! Shared by all data sets: options, folders, conversions by the program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::bill::{Bill, SPARE_MEGABYTES};
use crate::connection::Connection;
use crate::entry_file::EntryFile;
use crate::error::Result;
use crate::front::Front;
use crate::home::Home;
use crate::manifest::Manifest;

/// Options of all data sets.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct DataOptions {
    /// Output folder of the data set [default: `nyu` or `kitti` in the data folder,
    /// which MDE_HOME sets].
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR"))]
    pub out: Option<PathBuf>,
    /// Folder of partial and temporary downloads [default: `downloads` in the data folder].
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR"))]
    pub downloads: Option<PathBuf>,
    /// Download without asking.
    #[cfg_attr(feature = "cli", arg(long))]
    pub yes: bool,
    /// Minimum free disk space to leave, in megabytes.
    #[cfg_attr(feature = "cli", arg(long, value_name = "MB", default_value_t = SPARE_MEGABYTES))]
    pub spare: u64,
    /// Manifest to use in place of the built-in one.
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE"))]
    pub manifest: Option<PathBuf>,
    /// Connection options.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub connection: Connection,
}

impl Default for DataOptions {
    fn default() -> Self {
        Self {
            out: None,
            downloads: None,
            yes: false,
            spare: SPARE_MEGABYTES,
            manifest: None,
            connection: Connection::default(),
        }
    }
}

/// Where a data set is stored, and how its files are fetched.
pub(crate) struct Job<'a> {
    /// `nyu` or `kitti`.
    pub(crate) kind: &'static str,
    /// The data set's folder.
    pub(crate) out: PathBuf,
    /// The folder of downloads.
    pub(crate) downloads: PathBuf,
    pub(crate) manifest: Manifest,
    pub(crate) connection: Connection,
    pub(crate) front: &'a dyn Front,
}

impl<'a> Job<'a> {
    pub(crate) fn new(
        kind: &'static str,
        options: &DataOptions,
        home: &Home,
        front: &'a dyn Front,
    ) -> Result<Self> {
        let or = |given: &Option<PathBuf>, default| given.clone().unwrap_or(default);
        Ok(Self {
            kind,
            out: or(&options.out, home.data(kind)),
            downloads: or(&options.downloads, home.downloads()),
            manifest: home.manifest(options.manifest.as_deref())?,
            connection: options.connection.clone(),
            front,
        })
    }

    /// A path in the data set's folder of downloads.
    pub(crate) fn file(&self, name: &str) -> Result<EntryFile> {
        let entry = self.manifest.data(name)?;
        Ok(EntryFile {
            name: name.to_owned(),
            entry: entry.clone(),
            target: self.downloads.join(name).join(&entry.file),
            by_hand: self.by_hand(if self.kind == "kitti" { "DIR" } else { "FILE" }),
        })
    }

    /// The command that imports manually downloaded files.
    pub(crate) fn by_hand(&self, what: &str) -> String {
        format!("{} {} --from {what}", self.front.commands().data, self.kind)
    }

    /// An empty bill.
    pub(crate) fn bill(&self) -> Bill {
        Bill::new("give --yes to continue")
    }
}

/// A download that must be converted. A program does so with the crate `mde-convert` or the
/// command `mde convert`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion<'a> {
    /// NYU Depth V2's labelled pairs.
    Labelled {
        /// `nyu_depth_v2_labeled.mat`.
        mat: &'a Path,
        /// `splits.mat`.
        splits: &'a Path,
        /// The data set's folder.
        out: &'a Path,
    },
    /// A shard of FastDepth's distribution.
    FastDepth {
        /// The tar archive.
        shard: &'a Path,
        /// The data set's folder.
        out: &'a Path,
    },
    /// BTS's or MFF's archive.
    Archive {
        /// `nyu-bts` or `nyu-mff`.
        form: &'static str,
        /// The zip archive.
        archive: &'a Path,
        /// The list of files to extract.
        list: &'a Path,
        /// The data set's folder.
        out: &'a Path,
    },
}

impl Conversion<'_> {
    /// The command line of `mde` for this conversion, without the program's name.
    pub fn arguments(&self) -> Vec<OsString> {
        let (form, files) = match *self {
            Self::Labelled { mat, splits, out } => (
                "nyu-labelled",
                vec![("--mat", mat), ("--splits", splits), ("--out", out)],
            ),
            Self::FastDepth { shard, out } => {
                ("nyu-fastdepth", vec![("--shard", shard), ("--out", out)])
            }
            Self::Archive {
                form,
                archive,
                list,
                out,
            } => (
                form,
                vec![("--archive", archive), ("--out", out), ("--list", list)],
            ),
        };
        let files = files.iter();
        let files = files.flat_map(|(option, path)| [option.into(), path.as_os_str().into()]);
        ["convert", form]
            .into_iter()
            .map(OsString::from)
            .chain(files)
            .collect()
    }
}

/// A program's function for conversions.
pub type Convert<'a> =
    dyn Fn(Conversion<'_>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> + 'a;
