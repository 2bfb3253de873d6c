//! Retries of requests: how often, and after which pause.

use std::path::Path;

use crate::connection::{Connection, LONGEST_PAUSE};
use crate::error::{FetchError, Result};
use crate::front::{Front, remark};
use crate::transfer::Failure;

/// Bytes in one attempt after which earlier failures no longer count, so that a file arrives even
/// over an unstable connection.
pub(crate) const PROGRESS: u64 = 1 << 20;

/// Counts consecutive failures.
pub(crate) struct Retry<'a> {
    name: &'a str,
    connection: &'a Connection,
    front: &'a dyn Front,
    failed: u32,
}

impl<'a> Retry<'a> {
    /// A counter for the download of this name.
    pub(crate) fn new(name: &'a str, connection: &'a Connection, front: &'a dyn Front) -> Self {
        Self {
            name,
            connection,
            front,
            failed: 0,
        }
    }

    /// Forgets earlier failures after progress.
    pub(crate) fn forget(&mut self) {
        self.failed = 0;
    }

    /// Waits before the next attempt, or returns the error that ends the download. `kept`: number
    /// of bytes stored for the next attempt, and where.
    pub(crate) fn wait(&mut self, failure: Failure, kept: Option<(u64, &Path)>) -> Result<()> {
        let (reason, after) = match failure {
            Failure::Passing { reason, after } => (reason, after),
            Failure::Final(error) => return Err(error),
        };
        self.failed += 1;
        let (have, path) = kept.unwrap_or((0, Path::new("")));
        let path = path.to_owned();
        let tries = self.connection.tries;
        if self.failed >= tries {
            return Err(FetchError::GaveUp {
                reason,
                tries: self.failed,
                have,
                path,
            });
        }
        if let Some(after) = after.filter(|after| *after > LONGEST_PAUSE) {
            return Err(FetchError::Later {
                reason,
                seconds: after.as_secs(),
                have,
                path,
            });
        }
        let pause = self
            .connection
            .pause(self.failed)
            .max(after.unwrap_or_default());
        let (name, failed, seconds) = (self.name, self.failed, pause.as_secs_f32());
        let line = format!(
            "{name}: {reason}; trying again in {seconds:.1} s ({failed} of {tries} attempts failed)"
        );
        remark(self.front, line);
        std::thread::sleep(pause);
        Ok(())
    }
}
