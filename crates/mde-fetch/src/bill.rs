//! What a job costs.

/// What a job costs.
#[derive(Debug, Clone, Default)]
pub struct Bill {
    /// What will happen, line by line.
    pub lines: Vec<String>,
    /// Bytes to download.
    pub download: u64,
    /// Number of further downloads whose size is unknown.
    pub unknown: usize,
    /// Bytes on the disk when there are most.
    pub disk: u64,
    /// What to do where nobody can be asked, such as "give --yes to go on".
    pub without_terminal: String,
}

/// Megabytes that stay free on the disk by default.
pub const SPARE_MEGABYTES: u64 = 1000;

impl Bill {
    /// Without any cost; the advice is for where nobody can be asked.
    pub fn new(without_terminal: impl Into<String>) -> Self {
        Self {
            without_terminal: without_terminal.into(),
            ..Self::default()
        }
    }
}
