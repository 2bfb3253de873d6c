//! What a conversion tells while it runs and when it is done.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// News of a conversion, sent from any of its threads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConvertEvent {
    /// A frame (of an archive of images: a file) is on disk.
    Frame {
        /// How many are on disk by now, counting this one.
        done: usize,
        /// How many there will be; `None` where a source is read as it comes.
        total: Option<usize>,
        /// Whether it was there already.
        kept: bool,
    },
}

/// Who is told of a conversion's progress; called from several threads.
pub type Observer<'a> = &'a (dyn Fn(ConvertEvent) + Sync);

/// What a conversion did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Converted {
    /// Frames (of an archive of images: files) written now.
    pub written: usize,
    /// Those that were there already.
    pub kept: usize,
    /// Members of an archive, or files of a folder, that are not part of the training or test set.
    pub ignored: usize,
    /// Depths written now as 0 because 16-bit millimetres do not hold them: NaN, negative, above 65.535 m.
    pub unstorable: u64,
    /// The lists written.
    pub lists: Vec<PathBuf>,
}

/// Counts frames on all threads.
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

    pub(crate) fn written(&self, unstorable: u64) {
        self.written.fetch_add(1, Ordering::Relaxed);
        self.unstorable.fetch_add(unstorable, Ordering::Relaxed);
        self.tell(false);
    }

    pub(crate) fn kept(&self) {
        self.kept.fetch_add(1, Ordering::Relaxed);
        self.tell(true);
    }

    fn tell(&self, kept: bool) {
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
