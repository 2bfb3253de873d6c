//! What a job costs.

/// What a job costs.
#[derive(Debug, Clone, Default)]
pub struct Bill {
    /// Description of the job, line by line.
    pub lines: Vec<String>,
    /// Bytes to download.
    pub download: u64,
    /// Number of further downloads whose size is unknown.
    pub unknown: usize,
    /// Peak disk use in bytes.
    pub disk: u64,
    /// Advice where the user cannot be asked, such as "give --yes to continue".
    pub without_terminal: String,
}

/// Megabytes that stay free on the disk by default.
pub const SPARE_MEGABYTES: u64 = 1000;

impl Bill {
    /// A bill without cost; `advice` is shown where the user cannot be asked.
    pub fn new(without_terminal: impl Into<String>) -> Self {
        Self {
            without_terminal: without_terminal.into(),
            ..Self::default()
        }
    }
}
