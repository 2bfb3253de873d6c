//! How much memory the process has taken.

/// The most memory in use so far, in bytes, where the system tells (Linux).
pub(crate) fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The same in words, to be put behind a result; empty where the system does not tell.
pub(crate) fn peak_in_words() -> String {
    peak().map_or(String::new(), |bytes| {
        format!(" (memory: at most {:.2} GB)", bytes as f64 / 1e9)
    })
}
