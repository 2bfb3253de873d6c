//! A folder with a manifest, a server on loopback, a front that records events.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mde_fetch::{Answer, Bill, Event, Front, Home, Manifest};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server that sends the same body for every request, and counts requests.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn start(body: &[u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let (body, count) = (body.to_vec(), requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head = lines
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty());
                if head.count() == 0 {
                    continue;
                }
                count.fetch_add(1, Ordering::SeqCst);
                let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length:";
                let head = format!("{head} {}\r\n\r\n", body.len());
                drop(stream.write_all(head.as_bytes()));
                drop(stream.write_all(&body));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/file", self.address)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// A front with fixed answers that records events.
pub(crate) struct Notes {
    answer: Answer,
    pub(crate) remarks: RefCell<Vec<String>>,
    /// The lines of every bill that the user was asked about.
    pub(crate) asked: RefCell<Vec<Vec<String>>>,
}

impl Notes {
    pub(crate) fn new(answer: Answer) -> Self {
        Self {
            answer,
            remarks: RefCell::default(),
            asked: RefCell::default(),
        }
    }
}

impl Front for Notes {
    fn show(&self, event: &Event<'_>) {
        if let Event::Remark(line) = event {
            self.remarks.borrow_mut().push(line.clone());
        }
    }

    fn ask(&self, bill: &Bill) -> Answer {
        self.asked.borrow_mut().push(bill.lines.clone());
        self.answer
    }
}

/// A data folder with its own manifest.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) home: Home,
}

impl Place {
    /// With these entries: a section's name, such as `weights.net`, and its lines in addition to
    /// those of all entries.
    pub(crate) fn new(entries: &[(&str, String)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home"));
        fs::create_dir(home.folder()).unwrap();
        let place = Self { dir, home };
        let mut text = "[weights]\n".to_owned();
        for (section, lines) in entries {
            text += &format!(
                "[{section}]\nsummary = \"a file\"\npage = \"https://example.org/page\"\n\
                 verified = false\nlicence = \"MIT\"\n{lines}\n"
            );
        }
        fs::write(place.manifest_file(), text).unwrap();
        place
    }

    /// With weights at this address.
    pub(crate) fn with_weights(names: &[&str], url: &str, body: &[u8]) -> Self {
        let lines = format!(
            "url = \"{url}\"\nfile = \"net.pth\"\nsize = {}\nsha256 = \"{}\"\n\
             models = [\"mff-tiny\"]\npaper = \"none\"\ninput = \"RGB\"",
            body.len(),
            sha256(body)
        );
        let sections: Vec<String> = names.iter().map(|name| format!("weights.{name}")).collect();
        let entries = sections.iter().map(|name| (name.as_str(), lines.clone()));
        Self::new(&entries.collect::<Vec<_>>())
    }

    pub(crate) fn manifest_file(&self) -> PathBuf {
        self.home.folder().join("manifest.toml")
    }

    pub(crate) fn manifest(&self) -> Result<Manifest, mde_fetch::FetchError> {
        self.home.manifest(None)
    }

    /// Path of the weights `net`.
    pub(crate) fn target(&self) -> PathBuf {
        self.home.weights().join("net/net.pth")
    }
}
