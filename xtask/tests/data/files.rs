//! A file server on loopback that counts the bytes it sends.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A running server.
pub(crate) struct Files {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Version tag of all files.
    etag: Mutex<String>,
    requests: Mutex<Vec<String>>,
    /// The first byte that the last request wants, if it wants the file from a byte on.
    last_first: Mutex<Option<usize>>,
    sent: AtomicU64,
    without_ranges: AtomicBool,
    /// Microseconds for each 8 KiB.
    pace: AtomicU64,
    /// Connections break after this many bytes; 0 for never.
    breaks_after: AtomicU64,
    ended: AtomicBool,
}

impl Files {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        *shared.etag.lock().unwrap() = "\"one\"".to_owned();
        let for_thread = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if for_thread.ended.load(Ordering::SeqCst) {
                    break;
                }
                let shared = for_thread.clone();
                thread::spawn(move || drop(shared.serve(stream.unwrap())));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn put(&self, path: &str, bytes: Vec<u8>) {
        let mut files = self.shared.files.lock().unwrap();
        files.insert(path.to_owned(), bytes);
    }

    pub(crate) fn file(&self, path: &str) -> Vec<u8> {
        self.shared.files.lock().unwrap()[path].clone()
    }

    pub(crate) fn size(&self, path: &str) -> u64 {
        self.file(path).len() as u64
    }

    pub(crate) fn without_ranges(self) -> Self {
        self.shared.without_ranges.store(true, Ordering::SeqCst);
        self
    }

    /// Sets the time per 8 KiB, in microseconds.
    pub(crate) fn pace(&self, microseconds: u64) {
        self.shared.pace.store(microseconds, Ordering::SeqCst);
    }

    pub(crate) fn break_after(&self, bytes: u64) {
        self.shared.breaks_after.store(bytes, Ordering::SeqCst);
    }

    pub(crate) fn new_version(&self) {
        *self.shared.etag.lock().unwrap() = "\"two\"".to_owned();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Number of bytes of files sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// The first byte of the last request; `None` for a whole file.
    pub(crate) fn went_on_from(&self) -> Option<usize> {
        *self.shared.last_first.lock().unwrap()
    }

    /// The requested paths, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let Some(path) = first.split(' ').nth(1) else {
            return Ok(());
        };
        let mut headers = BTreeMap::new();
        for line in lines {
            match line?.split_once(": ") {
                Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
                None => break,
            };
        }
        self.requests.lock().unwrap().push(path.to_owned());
        let first = headers.get("range").and_then(|range| first_of(range));
        *self.last_first.lock().unwrap() = first;
        let file = self.files.lock().unwrap().get(path).cloned();
        let Some(file) = file else {
            return stream.write_all(b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n");
        };
        let etag = self.etag.lock().unwrap().clone();
        let same = headers
            .get("if-range")
            .is_none_or(|version| *version == etag);
        let range = headers.get("range").filter(|_| same);
        let part = range
            .filter(|_| !self.without_ranges.load(Ordering::SeqCst))
            .map(|range| part(range, file.len()));
        let status = match &part {
            Some(part) => format!(
                "206 Part\r\nContent-Range: bytes {}-{}/{}",
                part.start,
                part.end - 1,
                file.len()
            ),
            None => "200 OK".to_owned(),
        };
        let bytes = &file[part.unwrap_or(0..file.len())];
        let head = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nETag: {etag}\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        stream.write_all(head.as_bytes())?;
        self.send(&mut stream, bytes)
    }

    fn send(&self, stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
        let pace = Duration::from_micros(self.pace.load(Ordering::SeqCst));
        let end = match self.breaks_after.load(Ordering::SeqCst) {
            0 => bytes.len(),
            end => bytes.len().min(end as usize),
        };
        for chunk in bytes[..end].chunks(1 << 13) {
            stream.write_all(chunk)?;
            self.sent.fetch_add(chunk.len() as u64, Ordering::SeqCst);
            thread::sleep(pace);
        }
        Ok(())
    }
}

/// The first byte of `bytes=5-`.
fn first_of(range: &str) -> Option<usize> {
    range
        .strip_prefix("bytes=")?
        .strip_suffix('-')?
        .parse()
        .ok()
}

/// The bytes that `bytes=5-`, `bytes=5-9` or `bytes=-5` means.
fn part(range: &str, size: usize) -> Range<usize> {
    let (first, last) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => first..size.min(last + 1),
        (Ok(first), Err(_)) => first..size,
        (Err(_), Ok(count)) => size.saturating_sub(count)..size,
        _ => panic!("{range}"),
    }
}
