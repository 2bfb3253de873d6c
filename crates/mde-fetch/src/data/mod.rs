//! Downloads data sets into the folders that `mde` reads.
//!
//! A plan first lists what is stored, what is missing and what it costs. After the user's consent,
//! it is carried out. The program converts NYU's archives; single files of KITTI are extracted
//! from archives that stay on their servers.

mod kitti;
mod nyu;
mod options;
mod shards;

use std::path::{Path, PathBuf};

use mde_files::FolderLock;

use crate::bill::Bill;
use crate::error::Result;
use crate::front::{Front, remark};
use crate::home::Home;
use crate::partial::lock_folder;

pub use self::kitti::KittiOptions;
pub use self::nyu::{NyuOptions, TrainingSet};
pub use self::options::{Conversion, Convert, DataOptions};

/// A data set, and how to fetch it.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Subcommand))]
pub enum DataSet {
    /// NYU Depth V2: the 1449 labelled pairs with the official split, and larger training sets.
    Nyu(NyuOptions),
    /// KITTI: the files that the lists of the Eigen split name, and nothing else.
    Kitti(KittiOptions),
}

impl DataSet {
    /// `nyu` or `kitti` with the default options; `None` for other names.
    pub fn named(kind: &str) -> Option<Self> {
        match kind {
            "nyu" => Some(Self::Nyu(NyuOptions::default())),
            "kitti" => Some(Self::Kitti(KittiOptions::default())),
            _ => None,
        }
    }

    /// `nyu` or `kitti`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nyu(_) => "nyu",
            Self::Kitti(_) => "kitti",
        }
    }

    fn options(&self) -> &DataOptions {
        match self {
            Self::Nyu(options) => &options.shared,
            Self::Kitti(options) => &options.shared,
        }
    }

    /// The data set's folder.
    pub fn folder(&self, home: &Home) -> PathBuf {
        let out = self.options().out.clone();
        out.unwrap_or_else(|| home.data(self.kind()))
    }

    fn downloads(&self, home: &Home) -> PathBuf {
        let downloads = self.options().downloads.clone();
        downloads
            .unwrap_or_else(|| home.downloads())
            .join(self.kind())
    }
}

/// A data set that is ready to be fetched.
pub struct DataPlan<'a> {
    data: DataSet,
    home: &'a Home,
    front: &'a dyn Front,
    bill: Bill,
    /// Lock of the downloads, if planning writes to them.
    lock: Option<FolderLock>,
}

enum Planned<'a> {
    Nyu(nyu::Nyu<'a>),
    Kitti(kitti::Kitti<'a>),
}

impl<'a> DataPlan<'a> {
    /// Plans a download: what is missing, and what it costs. For KITTI this downloads lists and
    /// directories of archives; nothing is written to the data set's folder.
    ///
    /// # Errors
    /// Those of the options, the manifest, and of what is downloaded.
    pub fn new(data: DataSet, home: &'a Home, front: &'a dyn Front) -> Result<Self> {
        let lock = match &data {
            DataSet::Kitti(_) => Some(lock(&data.downloads(home), front)?),
            DataSet::Nyu(_) => None,
        };
        let bill = Planned::new(&data, home, front, true)?.bill();
        Ok(Self {
            data,
            home,
            front,
            bill,
            lock,
        })
    }

    /// The cost.
    pub fn bill(&self) -> &Bill {
        &self.bill
    }

    /// The data set's folder.
    pub fn folder(&self) -> PathBuf {
        self.data.folder(self.home)
    }

    /// Fetches the data set; `convert` is called for each download that must be converted.
    ///
    /// # Errors
    /// Those of the downloads and conversions. The same call resumes the work.
    pub fn fetch(self, convert: &Convert<'_>) -> Result<()> {
        let Self {
            data,
            home,
            front,
            lock: downloads,
            ..
        } = self;
        let _downloads = match downloads {
            Some(lock) => lock,
            None => lock(&data.downloads(home), front)?,
        };
        let _folder = match &data {
            DataSet::Kitti(_) => Some(lock(&data.folder(home), front)?),
            // The conversion locks the folder.
            DataSet::Nyu(_) => None,
        };
        // Another process may have fetched it since it was planned.
        match Planned::new(&data, home, front, false)? {
            Planned::Nyu(job) => job.fetch(convert),
            Planned::Kitti(job) => job.fetch(),
        }
    }
}

impl<'a> Planned<'a> {
    /// `tell`: whether the plan is new to the user.
    fn new(data: &DataSet, home: &Home, front: &'a dyn Front, tell: bool) -> Result<Self> {
        Ok(match data {
            DataSet::Nyu(options) => Self::Nyu(nyu::Nyu::plan(options, home, front)?),
            DataSet::Kitti(options) => Self::Kitti(kitti::Kitti::plan(options, home, front, tell)?),
        })
    }

    fn bill(&self) -> Bill {
        match self {
            Self::Nyu(job) => job.bill(),
            Self::Kitti(job) => job.bill(),
        }
    }
}

/// Fetches a data set after the user's consent, and returns its folder.
///
/// # Errors
/// As [`DataPlan::new`], [`Bill::settle`] and [`DataPlan::fetch`].
pub fn fetch_data(
    data: DataSet,
    home: &Home,
    front: &dyn Front,
    convert: &Convert<'_>,
) -> Result<PathBuf> {
    let options = data.options();
    // Without a connection there is no download to ask about.
    let (spare, yes) = (options.spare, options.yes || options.connection.offline);
    let plan = DataPlan::new(data, home, front)?;
    let folder = plan.folder();
    plan.bill().settle(&folder, spare, yes, front)?;
    plan.fetch(convert)?;
    Ok(folder)
}

/// Whether a folder holds the complete data set `nyu` or `kitti`, judged by its lists.
pub fn is_complete(kind: &str, folder: &Path) -> bool {
    let lists: [&[&str]; 2] = if kind == "nyu" {
        [
            &["nyuv2_train.csv", "nyuv2_labeled_train.csv"],
            &["nyuv2_test.csv"],
        ]
    } else {
        [
            &["eigen_train_files_with_gt.txt"],
            &[
                "eigen_test_files_with_gt_652.txt",
                "eigen_test_files_with_gt.txt",
            ],
        ]
    };
    let has_lists = lists
        .iter()
        .all(|names| names.iter().any(|name| folder.join(name).is_file()));
    has_lists && !nyu::is_unfinished(folder)
}

fn lock(folder: &Path, front: &dyn Front) -> Result<FolderLock> {
    let waits = || {
        remark(
            front,
            format!(
                "waiting for another process that works in {}",
                folder.display()
            ),
        );
    };
    lock_folder(folder, waits)
}
