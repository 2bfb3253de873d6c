//! Connection options: offline mode, retries, timeouts.

use std::time::Duration;

/// Options of every command that fetches.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Connection {
    /// Open no connection; check stored files and list what is missing.
    #[cfg_attr(feature = "cli", arg(long))]
    pub offline: bool,
    /// Maximum number of consecutive failed attempts.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = TRIES,
        value_parser = clap::value_parser!(u32).range(1..)))]
    pub tries: u32,
    /// Timeout in seconds without a received byte.
    #[cfg_attr(feature = "cli", arg(long, value_name = "SECONDS", default_value_t = IDLE,
        value_parser = clap::value_parser!(u64).range(1..)))]
    pub idle: u64,
    /// Milliseconds to wait after the first failure; doubled after each further failure.
    #[cfg_attr(feature = "cli", arg(long, value_name = "MS", default_value_t = FIRST_PAUSE, hide = true))]
    pub first_pause: u64,
}

const TRIES: u32 = 6;
const IDLE: u64 = 60;
const FIRST_PAUSE: u64 = 1000;

/// Maximum pause between attempts; a server that asks for more ends the download.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Default for Connection {
    fn default() -> Self {
        Self {
            offline: false,
            tries: TRIES,
            idle: IDLE,
            first_pause: FIRST_PAUSE,
        }
    }
}

impl Connection {
    pub(crate) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle)
    }

    /// The pause after this number of consecutive failures: twice the previous pause.
    pub(crate) fn pause(&self, failed: u32) -> Duration {
        let first = Duration::from_millis(self.first_pause);
        let doubled = first.saturating_mul(1 << failed.saturating_sub(1).min(16));
        doubled.min(LONGEST_PAUSE)
    }
}
