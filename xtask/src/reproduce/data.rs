//! The data of an experiment on real images: here, or fetched first.

use std::path::Path;

use anyhow::ensure;

use super::plan::{Plan, Start};
use super::{default_data, is_here};
use crate::fetch;
use crate::fetch_data::{Prepared, SPARE};
use crate::mde::Mde;

/// A data set that is not here, ready to be fetched.
pub(super) struct Missing {
    data: Prepared,
    /// What else there would be.
    hint: Option<&'static str>,
}

/// The labelled pairs are what can be had without a day of downloads.
const LARGER: &str = "networks will train on the 795 labelled pairs; for 47,584, run `cargo xtask fetch-data nyu --train fastdepth` first";

/// What has to be fetched, if anything: a folder that the user names has to be there.
pub(super) fn missing(kind: &str, folder: Option<&Path>) -> anyhow::Result<Option<Missing>> {
    if let Some(folder) = folder {
        ensure!(
            folder.is_dir(),
            "--data {}: no such folder; without --data, {kind} is downloaded",
            folder.display()
        );
        return Ok(None);
    }
    let folder = default_data(kind);
    if is_here(kind, &folder) {
        return Ok(None);
    }
    eprintln!("{kind} is not in {}", folder.display());
    let data = Prepared::by_default(kind)?;
    let hint = (kind == "nyu").then_some(LARGER);
    Ok(Some(Missing { data, hint }))
}

impl Missing {
    /// Says what will be downloaded, data and weights, and asks once.
    pub(super) fn ask(&self, plan: &Plan, has_weights: bool, yes: bool) -> anyhow::Result<()> {
        let mut bill = self.data.bill();
        bill.lines.extend(self.hint.map(str::to_owned));
        if let (Start::Network { weights } | Start::Encoder { weights }, false) =
            (&plan.start, has_weights)
        {
            let bytes = fetch::missing_weights(weights, &mut bill.lines)?;
            bill.download += bytes;
            bill.disk += bytes;
        }
        bill.settle(self.data.out(), SPARE, yes)
    }

    pub(super) fn fetch(self, mde: &Mde) -> anyhow::Result<()> {
        self.data.fetch(|| Ok(mde))
    }
}
