//! Options of every command that fetches.

use std::time::Duration;

use super::retry::Patience;

/// Whether, and how patiently, servers are asked.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Connection {
    /// Open no connection: check what is here and say what is missing.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Failed tries in a row before giving up.
    #[arg(long, value_name = "N", default_value_t = TRIES, value_parser = clap::value_parser!(u32).range(1..))]
    tries: u32,
    /// Seconds that a server may be silent.
    #[arg(long, value_name = "SECONDS", default_value_t = IDLE, value_parser = clap::value_parser!(u64).range(1..))]
    idle: u64,
    /// Milliseconds to wait after the first failure; doubles with each further one.
    #[arg(long, value_name = "MS", default_value_t = FIRST_PAUSE, hide = true)]
    first_pause: u64,
}

const TRIES: u32 = 6;
const IDLE: u64 = 60;
const FIRST_PAUSE: u64 = 1000;

/// The longest pause between tries; a server that asks for more ends the command.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

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
    pub(crate) fn patience(&self) -> Patience {
        Patience {
            tries: self.tries,
            first_pause: Duration::from_millis(self.first_pause),
            longest_pause: LONGEST_PAUSE,
            idle: Duration::from_secs(self.idle),
        }
    }
}
