//! The data of an experiment on real images: here, or fetched first.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use mde_fetch::{
    DataPlan, DataSet, Front, Home, SPARE_MEGABYTES, add_weights_to_bill, is_complete,
};

use crate::mde::Mde;

/// A data set that is not here, ready to be fetched.
pub(super) struct Missing<'a> {
    plan: DataPlan<'a>,
    home: &'a Home,
    front: &'a dyn Front,
    /// What else there would be.
    hint: Option<&'static str>,
}

/// The labelled pairs are what can be had without a day of downloads.
const LARGER: &str = "networks will train on the 795 labelled pairs; for 47,584, run `cargo xtask fetch-data nyu --train fastdepth` first";

/// What has to be fetched, if anything: a folder that the user names has to exist.
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
    /// Says what will be downloaded, data and weights, and asks once.
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
