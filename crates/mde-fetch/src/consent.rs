//! Before anything is fetched: shows the cost, checks the free disk space and asks the user.

use std::path::Path;

use crate::bill::Bill;
use crate::error::{FetchError, Result, io};
use crate::front::{Answer, Front, remark};

impl Bill {
    /// Shows the lines, and checks that the disk of `folder` has enough space and `spare`
    /// megabytes more. Asks the user before a download, unless `yes` is set.
    ///
    /// # Errors
    /// [`FetchError::LittleRoom`], [`FetchError::Declined`], [`FetchError::NobodyToAsk`].
    pub fn settle(&self, folder: &Path, spare: u64, yes: bool, front: &dyn Front) -> Result<()> {
        for line in &self.lines {
            remark(front, line);
        }
        self.check_room(folder, spare.saturating_mul(1_000_000))?;
        if yes || (self.download == 0 && self.unknown == 0) {
            return Ok(());
        }
        match front.ask(self) {
            Answer::Yes => Ok(()),
            Answer::No => Err(FetchError::Declined),
            Answer::Nobody => Err(FetchError::NobodyToAsk(self.without_terminal.clone())),
        }
    }

    fn check_room(&self, folder: &Path, spare: u64) -> Result<()> {
        if self.disk == 0 {
            return Ok(());
        }
        let free = free_space(folder)?;
        if self.disk.saturating_add(spare) <= free {
            return Ok(());
        }
        Err(FetchError::LittleRoom {
            needed: self.disk,
            spare,
            free,
            folder: folder.to_owned(),
        })
    }
}

/// Bytes available to this user on the disk of a folder, which need not exist yet.
pub(crate) fn free_space(folder: &Path) -> Result<u64> {
    let absolute = std::path::absolute(folder).map_err(io("find", folder))?;
    let existing = absolute.ancestors().find(|folder| folder.is_dir());
    let existing = existing.unwrap_or(&absolute);
    fs4::available_space(existing).map_err(io("determine the free space of", existing))
}
