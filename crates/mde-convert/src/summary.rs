//! Progress events and the result of a conversion.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// An event of a conversion, sent from any of its threads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConvertEvent {
    /// A frame is on disk (for an archive of images: a file).
    Frame {
        /// Number of frames on disk, this one included.
        done: usize,
        /// Total number of frames; `None` for a source that is read as a stream.
        total: Option<usize>,
        /// Whether the frame existed before.
        kept: bool,
    },
    /// The output folder is on a file system without locks.
    Warning {
        /// What the user should know.
        message: String,
    },
}

/// Receives the events of a conversion; called from several threads.
pub type Observer<'a> = &'a (dyn Fn(ConvertEvent) + Sync);

/// Result of a conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Converted {
    /// Number of frames written (for an archive of images: files).
    pub written: usize,
    /// Number of frames that existed before.
    pub kept: usize,
    /// Number of archive members, or files of a folder, outside the training and test sets.
    pub ignored: usize,
    /// Number of depths stored as 0 because 16-bit millimetres cannot represent them: NaN, negative
    /// or above 65.535 m. Counts only frames written now.
    pub unstorable: u64,
    /// The lists written.
    pub lists: Vec<PathBuf>,
}

/// Counts frames across threads.
pub(crate) struct Progress<'a> {
    observer: Observer<'a>,
    total: Option<usize>,
    written: AtomicUsize,
    kept: AtomicUsize,
    unstorable: AtomicU64,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(observer: Observer<'a>, total: Option<usize>) -> Self {
        Self {
            observer,
            total,
            written: AtomicUsize::new(0),
            kept: AtomicUsize::new(0),
            unstorable: AtomicU64::new(0),
        }
    }

    pub(crate) fn add_written(&self, unstorable: u64) {
        self.written.fetch_add(1, Ordering::Relaxed);
        self.unstorable.fetch_add(unstorable, Ordering::Relaxed);
        self.report(false);
    }

    pub(crate) fn add_kept(&self) {
        self.kept.fetch_add(1, Ordering::Relaxed);
        self.report(true);
    }

    fn report(&self, kept: bool) {
        let done = self.written.load(Ordering::Relaxed) + self.kept.load(Ordering::Relaxed);
        (self.observer)(ConvertEvent::Frame {
            done,
            total: self.total,
            kept,
        });
    }

    pub(crate) fn finish(self, ignored: usize, lists: Vec<PathBuf>) -> Converted {
        Converted {
            written: self.written.into_inner(),
            kept: self.kept.into_inner(),
            ignored,
            unstorable: self.unstorable.into_inner(),
            lists,
        }
    }
}
