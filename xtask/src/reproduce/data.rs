//! The data of an experiment on real images, fetched if missing.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use mde_fetch::{
    DataPlan, DataSet, Front, Home, SPARE_MEGABYTES, add_weights_to_bill, is_complete,
};

use crate::mde::Mde;

/// A missing data set, ready to be fetched.
pub(super) struct Missing<'a> {
    plan: DataPlan<'a>,
    home: &'a Home,
    front: &'a dyn Front,
    /// A remark on larger training sets.
    hint: Option<&'static str>,
}

/// The labelled pairs are the only training set that does not take a day to download.
const LARGER: &str = "networks will train on the 795 labelled pairs; for 47,584, run `cargo xtask fetch-data nyu --train fastdepth` first";

/// The data set to fetch, if it is missing. A folder named by the user must exist.
pub(super) fn missing<'a>(
    kind: &str,
    folder: Option<&Path>,
    home: &'a Home,
    front: &'a dyn Front,
) -> anyhow::Result<Option<Missing<'a>>> {
    if let Some(folder) = folder {
        ensure!(
            folder.is_dir(),
            "--data {}: no such folder; without --data, {kind} is downloaded",
            folder.display()
        );
        return Ok(None);
    }
    let folder = home.data(kind);
    if is_complete(kind, &folder) {
        return Ok(None);
    }
    eprintln!("{kind} is not in {}", folder.display());
    let data = DataSet::named(kind).context("only nyu and kitti can be fetched")?;
    Ok(Some(Missing {
        plan: DataPlan::new(data, home, front)?,
        home,
        front,
        hint: (kind == "nyu").then_some(LARGER),
    }))
}

impl Missing<'_> {
    /// Shows which data and weights will be downloaded, and asks once.
    pub(super) fn ask(&self, weights: Option<&str>, yes: bool) -> anyhow::Result<()> {
        let mut bill = self.plan.bill().clone();
        bill.lines.extend(self.hint.map(str::to_owned));
        if let Some(weights) = weights {
            add_weights_to_bill(weights, self.home, &mut bill)?;
        }
        Ok(bill.settle(&self.folder(), SPARE_MEGABYTES, yes, self.front)?)
    }

    fn folder(&self) -> PathBuf {
        self.plan.folder()
    }

    pub(super) fn fetch(self, mde: &Mde) -> anyhow::Result<()> {
        Ok(self
            .plan
            .fetch(&|conversion| Ok(mde.run(conversion.arguments())?))?)
    }
}
