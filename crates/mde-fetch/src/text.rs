//! Sizes and counts as text.

use indicatif::DecimalBytes;

/// `2.97 GB`
pub(crate) fn bytes(count: u64) -> String {
    DecimalBytes(count).to_string()
}

/// `1 file`, `2 files`
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
