//! What a program does for this crate: it shows what happens and asks the user.

use crate::bill::Bill;

/// The program's side of a download. The crate itself neither prints nor asks.
pub trait Front {
    /// Called for every event.
    fn show(&self, event: &Event<'_>);

    /// Asks whether to continue with a job of this cost. Called only before a download.
    fn ask(&self, bill: &Bill) -> Answer;

    /// The program's commands, named in advice.
    fn commands(&self) -> Commands {
        Commands::MDE
    }
}

/// The user's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Continue.
    Yes,
    /// Do nothing.
    No,
    /// The user cannot be asked.
    Nobody,
}

/// The commands that fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commands {
    /// Fetches weights; names follow.
    pub weights: &'static str,
    /// Fetches a data set; its kind follows.
    pub data: &'static str,
}

impl Commands {
    /// Those of the program `mde`.
    pub const MDE: Self = Self {
        weights: "mde fetch weights",
        data: "mde fetch data",
    };
    /// Those of the workspace's `cargo xtask`.
    pub const XTASK: Self = Self {
        weights: "cargo xtask fetch-weights",
        data: "cargo xtask fetch-data",
    };
}

/// An event of a download.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A message to the user, in one line.
    Remark(String),
    /// The download of a file starts.
    Start {
        /// The file's name in messages.
        name: &'a str,
        /// Bytes stored before.
        have: u64,
        /// The file's size, if known.
        size: Option<u64>,
    },
    /// More bytes have arrived: of the file that has started, else of the archives.
    Bytes(u64),
    /// A file's download has ended, successfully or not.
    Stop,
    /// The reading of several archives starts.
    Archives {
        /// Number of archives.
        count: usize,
        /// Bytes to download; `None` while directories are read, whose sizes are unknown.
        bytes: Option<u64>,
    },
    /// The next archive starts.
    Archive {
        /// Counted from 1.
        number: usize,
        /// Its name.
        name: &'a str,
    },
    /// The requested files of the archive are stored.
    ArchiveDone {
        /// Its name.
        name: &'a str,
        /// Number of files extracted from it.
        files: usize,
    },
    /// All archives have been read.
    ArchivesEnd,
}

/// A front that shows nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent {
    /// Whether downloads are agreed to.
    pub agrees: bool,
}

impl Front for Silent {
    fn show(&self, _: &Event<'_>) {}

    fn ask(&self, _: &Bill) -> Answer {
        if self.agrees { Answer::Yes } else { Answer::No }
    }
}

/// Shows a line.
pub(crate) fn remark(front: &dyn Front, line: impl Into<String>) {
    front.show(&Event::Remark(line.into()));
}
