//! How often, and after which pause, a request is made again.

use std::path::Path;

use crate::connection::{Connection, LONGEST_PAUSE};
use crate::error::{FetchError, Result};
use crate::front::{Front, remark};
use crate::transfer::Failure;

/// Bytes in one try after which earlier failures no longer count: a line that drops often still
/// brings the file.
pub(crate) const PROGRESS: u64 = 1 << 20;

/// Counts failures in a row.
pub(crate) struct Retry<'a> {
    name: &'a str,
    connection: &'a Connection,
    front: &'a dyn Front,
    failed: u32,
}

impl<'a> Retry<'a> {
    /// For a download of this name.
    pub(crate) fn new(name: &'a str, connection: &'a Connection, front: &'a dyn Front) -> Self {
        Self {
            name,
            connection,
            front,
            failed: 0,
        }
    }

    /// Forgets earlier failures: something has come.
    pub(crate) fn forget(&mut self) {
        self.failed = 0;
    }

    /// Waits before the next try, or says why there is none. `kept`: how many bytes are on the disk
    /// for the next try, and where.
    pub(crate) fn wait(&mut self, failure: Failure, kept: Option<(u64, &Path)>) -> Result<()> {
        let (reason, after) = match failure {
            Failure::Passing { reason, after } => (reason, after),
            Failure::Status { status, url } => return Err(FetchError::Status { status, url }),
            Failure::Hopeless(reason) => return Err(FetchError::Request(reason)),
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
            "{name}: {reason}; trying again in {seconds:.1} s ({failed} of {tries} tries failed)"
        );
        remark(self.front, line);
        std::thread::sleep(pause);
        Ok(())
    }
}
