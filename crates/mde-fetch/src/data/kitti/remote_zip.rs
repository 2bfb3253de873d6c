//! An archive that stays on its server. Its directory is read once and cached; of its members, only
//! the requested ones are read.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use mde_files::write_atomic;
use serde::{Deserialize, Serialize};

use crate::error::{FetchError, Result, io};
use crate::ranges::Remote;

/// Bytes read first from the end of an archive; they hold the whole directory of a small one.
pub(super) const TAIL: u64 = 1 << 16;

/// Maximum size of a directory in bytes; KITTI's largest takes 30 MB.
const LARGEST_DIRECTORY: u64 = 1 << 28;

/// The end of an archive with its directory, cached in a file: a line of JSON, then the bytes.
pub(super) struct Directory {
    pub(super) head: Head,
    pub(super) tail: Vec<u8>,
}

/// What is known of the archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) version: Option<String>,
    /// Whether the server was seen to send parts.
    pub(super) parts: bool,
}

impl Directory {
    /// Reads the cache; `None` if it is missing or incomplete.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let mut file = BufReader::new(File::open(path).ok()?);
        let mut line = String::new();
        file.read_line(&mut line).ok()?;
        let head: Head = serde_json::from_str(&line).ok()?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail).ok()?;
        (tail.len() as u64 <= head.size).then_some(Self { head, tail })
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let write = || -> std::io::Result<()> {
            let mut content = serde_json::to_vec(&self.head)?;
            content.push(b'\n');
            content.extend_from_slice(&self.tail);
            write_atomic(path, &content)
        };
        write().map_err(io("write", path))
    }

    /// The directory of an archive on this disk; it begins at byte `start`.
    pub(super) fn of_file(archive: &Path, start: u64) -> std::io::Result<Self> {
        let mut file = File::open(archive)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let head = Head {
            size,
            version: None,
            parts: false,
        };
        Ok(Self { head, tail })
    }
}

/// The archive as a file. A clone reads at its own position but shares the received bytes.
#[derive(Clone)]
pub(super) struct RemoteZip<'a> {
    shared: Rc<RefCell<Shared<'a>>>,
    at: u64,
}

struct Shared<'a> {
    remote: Remote<'a>,
    /// The end of the archive, from `tail_start` on.
    tail: Vec<u8>,
    tail_start: u64,
    /// The last received part of the members.
    window: Vec<u8>,
    window_start: u64,
    /// The parts to fetch; empty while the directory is read.
    spans: Option<Vec<Range<u64>>>,
    /// Where the directory is cached.
    kept: PathBuf,
}

impl<'a> RemoteZip<'a> {
    pub(super) fn new(remote: Remote<'a>, tail: Vec<u8>, kept: PathBuf) -> Self {
        let tail_start = remote.size.saturating_sub(tail.len() as u64);
        let shared = Shared {
            remote,
            tail,
            tail_start,
            window: Vec::new(),
            window_start: 0,
            spans: None,
            kept,
        };
        Self {
            shared: Rc::new(RefCell::new(shared)),
            at: 0,
        }
    }

    /// Sets the parts to fetch: from now on, a read inside a part fetches it in one request.
    pub(super) fn plan(&self, spans: Vec<Range<u64>>) {
        self.shared.borrow_mut().spans = Some(spans);
    }

    /// Caches the directory, so that it is not fetched again.
    pub(super) fn keep_directory(&self) -> Result<()> {
        let mut shared = self.shared.borrow_mut();
        let head = Head {
            size: shared.remote.size,
            version: shared.remote.version.clone(),
            parts: true,
        };
        let directory = Directory {
            head,
            tail: std::mem::take(&mut shared.tail),
        };
        directory.write(&shared.kept)?;
        shared.tail = directory.tail;
        Ok(())
    }
}

impl Shared<'_> {
    /// The received bytes from this position on.
    fn here(&self, at: u64) -> Option<&[u8]> {
        let from = |start: u64, bytes: &'_ [u8]| {
            let skip = usize::try_from(at.checked_sub(start)?).ok()?;
            (skip < bytes.len()).then_some(skip)
        };
        if let Some(skip) = from(self.tail_start, &self.tail) {
            return Some(&self.tail[skip..]);
        }
        from(self.window_start, &self.window).map(|skip| &self.window[skip..])
    }

    /// Fetches the part that holds this byte, which is before the tail.
    fn fetch(&mut self, at: u64) -> std::io::Result<()> {
        let Some(spans) = &self.spans else {
            return self.extend_tail(at);
        };
        let span = spans.iter().find(|span| span.contains(&at)).cloned();
        let span = span.unwrap_or(at..self.tail_start.min(at + TAIL));
        self.window = Vec::new();
        self.window = self.read(span.clone())?;
        self.window_start = span.start;
        Ok(())
    }

    fn extend_tail(&mut self, at: u64) -> std::io::Result<()> {
        if self.remote.size - at > LARGEST_DIRECTORY {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "its directory is larger than that of any supported data set",
            ));
        }
        let mut longer = self.read(at..self.tail_start)?;
        longer.append(&mut self.tail);
        self.tail = longer;
        self.tail_start = at;
        Ok(())
    }

    fn read(&self, part: Range<u64>) -> std::io::Result<Vec<u8>> {
        let read = self.remote.read(part);
        if let Err(FetchError::Changed { .. }) = &read {
            // The cached directory is of another version. If it cannot be removed, the next run
            // fails here again.
            drop(fs::remove_file(&self.kept));
        }
        read.map_err(std::io::Error::other)
    }
}

impl Read for RemoteZip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut shared = self.shared.borrow_mut();
        if self.at >= shared.remote.size || buffer.is_empty() {
            return Ok(0);
        }
        if shared.here(self.at).is_none() {
            shared.fetch(self.at)?;
        }
        let bytes = shared.here(self.at).unwrap_or_default();
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for RemoteZip<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let size = self.shared.borrow().remote.size;
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(from) => size.checked_add_signed(from),
            SeekFrom::Current(from) => self.at.checked_add_signed(from),
        };
        self.at = at.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
