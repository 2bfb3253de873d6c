//! What is said, checked and asked before anything large is fetched.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use indicatif::DecimalBytes;

/// What a job costs.
#[derive(Debug, Default)]
pub(crate) struct Bill {
    /// What will happen, line by line.
    pub(crate) lines: Vec<String>,
    /// Bytes that will come through the connection.
    pub(crate) download: u64,
    /// Downloads beside these whose size nobody says.
    pub(crate) unknown: usize,
    /// Bytes on the disk at the time there are most.
    pub(crate) disk: u64,
}

impl Bill {
    /// Says what the job costs, refuses it if the disk has no room (`spare` megabytes are to stay free), and asks if something
    /// is to be downloaded.
    pub(crate) fn settle(&self, folder: &Path, spare: u64, yes: bool) -> anyhow::Result<()> {
        for line in &self.lines {
            eprintln!("{line}");
        }
        self.check_room(folder, spare.saturating_mul(1_000_000))?;
        if yes || (self.download == 0 && self.unknown == 0) {
            return Ok(());
        }
        ask()
    }

    fn check_room(&self, folder: &Path, spare: u64) -> anyhow::Result<()> {
        if self.disk == 0 {
            return Ok(());
        }
        let free = free(folder)?;
        ensure!(
            self.disk.saturating_add(spare) <= free,
            "no room: this needs {} and should leave {} free, but the disk of {} has {} free; make room, or choose \
             another folder with --out and --downloads",
            DecimalBytes(self.disk),
            DecimalBytes(spare),
            folder.display(),
            DecimalBytes(free)
        );
        Ok(())
    }
}

/// Bytes that this user may write on the disk of a folder, which need not be there yet.
pub(crate) fn free(folder: &Path) -> anyhow::Result<u64> {
    let folder = std::path::absolute(folder)
        .with_context(|| format!("{} is no folder", folder.display()))?;
    let here = folder.ancestors().find(|folder| folder.is_dir());
    let here = here.with_context(|| format!("no part of {} is there", folder.display()))?;
    fs4::available_space(here)
        .with_context(|| format!("cannot tell the free space of {}", here.display()))
}

fn ask() -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to ask on: give --yes to go on");
    }
    eprint!("Go on? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    ensure!(
        matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"),
        "nothing was done"
    );
    Ok(())
}
