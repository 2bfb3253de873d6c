//! How often, and after which pause, a request is made again.

use std::path::Path;
use std::time::Duration;

use super::download::{DownloadError, Event};
use super::transfer::Failure;

/// How patient to be.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    /// Failures in a row, with less than [`PROGRESS`] bytes between them, before giving up.
    pub(crate) tries: u32,
    /// The pause after the first failure; each further one is twice as long.
    pub(crate) first_pause: Duration,
    /// The longest pause, whatever the server asks for.
    pub(crate) longest_pause: Duration,
    /// How long a server may be silent.
    pub(crate) idle: Duration,
}

/// Bytes in one try after which earlier failures no longer count: a line that drops often still ends.
pub(crate) const PROGRESS: u64 = 1 << 20;

/// Counts the failures in a row.
pub(crate) struct Retry<'a> {
    patience: &'a Patience,
    failed: u32,
}

impl<'a> Retry<'a> {
    pub(crate) fn new(patience: &'a Patience) -> Self {
        Self {
            patience,
            failed: 0,
        }
    }

    /// Something has come: earlier failures no longer count.
    pub(crate) fn forget(&mut self) {
        self.failed = 0;
    }

    /// Waits before the next try, or says why there is none. `kept`: how many bytes are on the disk for the next try, and where.
    pub(crate) fn wait(
        &mut self,
        failure: Failure,
        kept: Option<(u64, &Path)>,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), DownloadError> {
        let (reason, after) = match failure {
            Failure::Passing { reason, after } => (reason, after),
            Failure::Status { status, url } => return Err(DownloadError::Status { status, url }),
            Failure::Hopeless(reason) => return Err(DownloadError::Hopeless { reason }),
        };
        self.failed += 1;
        let (have, path) = kept.unwrap_or((0, Path::new("")));
        let path = path.to_owned();
        let Patience {
            tries,
            first_pause,
            longest_pause,
            ..
        } = *self.patience;
        if self.failed >= tries {
            return Err(DownloadError::GaveUp {
                reason,
                tries: self.failed,
                have,
                path,
            });
        }
        if let Some(after) = after.filter(|after| *after > longest_pause) {
            let seconds = after.as_secs();
            return Err(DownloadError::Later {
                reason,
                seconds,
                have,
                path,
            });
        }
        let doubled = first_pause.saturating_mul(1 << (self.failed - 1).min(16));
        let pause = doubled.min(longest_pause).max(after.unwrap_or_default());
        observe(Event::Pause {
            reason: &reason,
            pause,
            failed: self.failed,
            tries,
        });
        std::thread::sleep(pause);
        Ok(())
    }
}
