//! The requested members of an archive: finding, locating and extracting them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{FetchError, Result, io};
use crate::partial::Partial;

/// A member to extract.
#[derive(Debug)]
pub(super) struct Member {
    index: usize,
    /// Its byte range in the archive, from its header to the next member.
    span: Range<u64>,
    /// Bytes after extraction.
    size: u64,
    target: PathBuf,
}

/// The requested files of an archive.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Files that are stored already.
    pub(super) present: usize,
    /// To extract, in the archive's order.
    pub(super) members: Vec<Member>,
    /// Requested, but not in the archive.
    pub(super) missing: Vec<String>,
}

/// Members at most this far apart are fetched together: a request takes as long as these bytes.
const GAP: u64 = 1 << 17;
/// Maximum number of bytes fetched together, except for a single larger member.
const SPAN: u64 = 1 << 23;

impl Plan {
    /// Looks up the requested files. `place` maps a member's name to its requested name and to its
    /// path below `out`.
    pub(super) fn new<R: Read + Seek>(
        zip: &ZipArchive<R>,
        wanted: &BTreeSet<String>,
        out: &Path,
        place: impl Fn(&str) -> Option<(String, PathBuf)>,
    ) -> Result<Self, String> {
        let mut found = Vec::new();
        let mut starts = vec![zip.central_directory_start()];
        for index in 0..zip.len() {
            let entry = zip
                .by_index_data(index)
                .map_err(|error| error.to_string())?;
            starts.push(entry.header_start());
            let name = String::from_utf8_lossy(entry.name_raw());
            if let Some((key, target)) = place(&name).filter(|(key, _)| wanted.contains(key)) {
                found.push((index, entry.header_start(), entry.size(), key, target));
            }
        }
        starts.sort_unstable();
        let mut plan = Self::default();
        let mut seen = BTreeSet::new();
        for (index, start, size, key, target) in found {
            let target = out.join(target);
            let next = starts.partition_point(|other| *other <= start);
            let end = starts
                .get(next)
                .ok_or_else(|| format!("its directory is damaged: {key} is after the directory"))?;
            seen.insert(key);
            if fs::metadata(&target).is_ok_and(|file| file.len() == size) {
                plan.present += 1;
                continue;
            }
            plan.members.push(Member {
                index,
                span: start..*end,
                size,
                target,
            });
        }
        plan.members.sort_by_key(|member| member.span.start);
        plan.missing = wanted.difference(&seen).cloned().collect();
        Ok(plan)
    }

    /// Bytes after extraction.
    pub(super) fn size(&self) -> u64 {
        self.members.iter().map(|member| member.size).sum()
    }

    /// Bytes to fetch if the archive is on a server.
    pub(super) fn fetched(&self) -> u64 {
        self.spans().iter().map(|span| span.end - span.start).sum()
    }

    /// The parts of the archive to fetch; neighbouring members are joined.
    pub(super) fn spans(&self) -> Vec<Range<u64>> {
        let mut spans: Vec<Range<u64>> = Vec::new();
        for Member { span, .. } in &self.members {
            match spans.last_mut() {
                Some(last)
                    if span.start <= last.end + GAP
                        && span.end.max(last.end) - last.start <= SPAN =>
                {
                    last.end = last.end.max(span.end);
                }
                _ => spans.push(span.clone()),
            }
        }
        spans
    }

    /// Extracts the members, and returns the damaged ones with the reasons.
    pub(super) fn extract<R: Read + Seek>(
        &self,
        zip: &mut ZipArchive<R>,
        out: &Path,
    ) -> Result<Vec<String>> {
        let mut damaged = Vec::new();
        for member in &self.members {
            match member.extract(zip) {
                Ok(()) => {}
                Err(Failed::Damaged(reason)) => {
                    let name = member.target.strip_prefix(out).unwrap_or(&member.target);
                    damaged.push(format!("{} ({reason})", name.display()));
                }
                Err(Failed::Fatal(error)) => return Err(error),
            }
        }
        Ok(damaged)
    }
}

/// Why a member was not extracted.
enum Failed {
    /// The archive is damaged.
    Damaged(String),
    /// The connection or the disk failed.
    Fatal(FetchError),
}

impl Member {
    /// Writes the member to its partial file, checks it and renames it.
    fn extract<R: Read + Seek>(&self, zip: &mut ZipArchive<R>) -> Result<(), Failed> {
        let partial = Partial::new(&self.target);
        if let Some(folder) = self.target.parent() {
            fs::create_dir_all(folder).map_err(|error| Failed::Fatal(io("make", folder)(error)))?;
        }
        let mut file = partial.create().map_err(Failed::Fatal)?;
        let copied = self.copy(zip, &mut file, &partial);
        if copied.is_err() {
            // The first error matters more than a leftover file.
            drop(fs::remove_file(partial.path()));
        }
        copied?;
        fs::rename(partial.path(), &self.target)
            .map_err(|error| Failed::Fatal(partial.failed(error)))
    }

    fn copy<R: Read + Seek>(
        &self,
        zip: &mut ZipArchive<R>,
        file: &mut File,
        partial: &Partial,
    ) -> Result<(), Failed> {
        let member = zip.by_index(self.index).map_err(failed)?;
        // One byte beyond the expected size, so that the reader reaches the end and verifies the
        // checksum.
        let mut member = member.take(self.size.saturating_add(1));
        let mut buffer = vec![0; 1 << 16];
        let mut size = 0;
        loop {
            let count = member
                .read(&mut buffer)
                .map_err(|error| failed(error.into()))?;
            if count == 0 {
                break;
            }
            size += count as u64;
            file.write_all(&buffer[..count])
                .map_err(|error| Failed::Fatal(partial.failed(error)))?;
        }
        if size == self.size {
            return Ok(());
        }
        Err(Failed::Damaged(format!(
            "{size} bytes instead of {}",
            self.size
        )))
    }
}

/// Whether the connection or the archive caused the error.
fn failed(error: ZipError) -> Failed {
    match error {
        ZipError::Io(error) => match error.downcast::<FetchError>() {
            Ok(error) => Failed::Fatal(error),
            Err(error) => Failed::Damaged(error.to_string()),
        },
        error => Failed::Damaged(error.to_string()),
    }
}
