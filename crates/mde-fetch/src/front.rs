//! What a program does for this crate: it shows what happens and asks the user.

use crate::bill::Bill;

/// The program's side of a download. The crate itself prints nothing and asks nobody.
pub trait Front {
    /// Called for everything that happens.
    fn show(&self, event: &Event<'_>);

    /// Asks whether to go on with a job of this cost. Called only if something is to be downloaded.
    fn ask(&self, bill: &Bill) -> Answer;

    /// The program's commands, which advice names.
    fn commands(&self) -> Commands {
        Commands::MDE
    }
}

/// What the user said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Go on.
    Yes,
    /// Do nothing.
    No,
    /// There is nobody to ask.
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

/// Something that happens on the way.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Something a person should know, in one line.
    Remark(String),
    /// Bytes of a file begin to come.
    Start {
        /// The file's name in messages.
        name: &'a str,
        /// Bytes that were here before.
        have: u64,
        /// The file's size, if known.
        size: Option<u64>,
    },
    /// More bytes have come: of the file that has started, else of the archives.
    Bytes(u64),
    /// A file's download has ended, well or not.
    Stop,
    /// Many archives are read from now on.
    Archives {
        /// How many.
        count: usize,
        /// Bytes that will come; none while directories are read, whose sizes are unknown.
        bytes: Option<u64>,
    },
    /// The next archive begins.
    Archive {
        /// Counted from 1.
        number: usize,
        /// Its name.
        name: &'a str,
    },
    /// What is wanted of the archive is here.
    ArchiveDone {
        /// Its name.
        name: &'a str,
        /// How many files were taken from it.
        files: usize,
    },
    /// No more archives are read.
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
