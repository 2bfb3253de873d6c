//! A server on loopback that follows a test's plan, reply by reply.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The reply to a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// The file, from the first byte of the Range.
    File,
    /// The whole file, whatever the Range.
    Whole,
    /// As `File`, but the connection breaks after this many bytes of the body.
    Break(usize),
    /// As `Break`, whatever the Range.
    WholeBreak(usize),
    /// As `File`, but the server falls silent after this many bytes.
    Stall(usize),
    /// At most this many bytes from the first byte of the Range, with a matching header.
    Piece(usize),
    /// A part that starts this many bytes after the first byte of the Range.
    Shifted(usize),
    /// The whole file without its length: it ends with the connection.
    Unsized,
    /// A status with these headers and no body.
    Status(u16, Vec<(&'static str, String)>),
}

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// A running server.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    body: Mutex<Vec<u8>>,
    etag: Mutex<Option<String>>,
    /// Headers of every response, in addition to those of the reply.
    headers: Mutex<Vec<(&'static str, String)>>,
    /// The last reply serves all further requests.
    plan: Mutex<Vec<Reply>>,
    received: Mutex<Vec<Received>>,
    ended: AtomicBool,
}

/// More requests than any test makes: stops a client that never gives up.
const MAX_REQUESTS: usize = 60;

impl Server {
    /// Serves `body` at every path by this plan.
    pub(crate) fn start(body: &[u8], plan: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            body: Mutex::new(body.to_vec()),
            etag: Mutex::new(None),
            headers: Mutex::new(Vec::new()),
            plan: Mutex::new(plan.to_vec()),
            received: Mutex::new(Vec::new()),
            ended: AtomicBool::new(false),
        });
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

    /// A server without failures.
    pub(crate) fn good(body: &[u8]) -> Self {
        Self::start(body, &[Reply::File])
    }

    pub(crate) fn with_etag(self, etag: &str) -> Self {
        *self.shared.etag.lock().unwrap() = Some(format!("\"{etag}\""));
        self
    }

    pub(crate) fn with_header(self, name: &'static str, value: &str) -> Self {
        self.shared
            .headers
            .lock()
            .unwrap()
            .push((name, value.to_owned()));
        self
    }

    /// From now on serves another body and follows another plan.
    pub(crate) fn turn_to(&self, body: &[u8], etag: Option<&str>, plan: &[Reply]) {
        *self.shared.body.lock().unwrap() = body.to_vec();
        *self.shared.etag.lock().unwrap() = etag.map(|etag| format!("\"{etag}\""));
        *self.shared.plan.lock().unwrap() = plan.to_vec();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// The Range of every request, in order.
    pub(crate) fn ranges(&self) -> Vec<Option<String>> {
        let received = self.received();
        received
            .iter()
            .map(|request| request.header("range").map(str::to_owned))
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?);
        let Some(mut request) = read_request(&mut lines)? else {
            return Ok(());
        };
        // As a proxy, the server also replies to requests through the tunnel.
        if request.path.starts_with("CONNECT ") {
            self.received.lock().unwrap().push(request);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            match read_request(&mut lines)? {
                Some(inner) => request = inner,
                None => return Ok(()),
            }
        }
        let reply = {
            let mut received = self.received.lock().unwrap();
            received.push(request.clone());
            if received.len() > MAX_REQUESTS {
                return Ok(());
            }
            let mut plan = self.plan.lock().unwrap();
            if plan.len() > 1 {
                plan.remove(0)
            } else {
                plan[0].clone()
            }
        };
        self.answer(&mut stream, &request, &reply)
    }

    fn answer(
        &self,
        stream: &mut TcpStream,
        request: &Received,
        reply: &Reply,
    ) -> std::io::Result<()> {
        let body = self.body.lock().unwrap().clone();
        let etag = self.etag.lock().unwrap().clone();
        let mut headers = self.headers.lock().unwrap().clone();
        headers.extend(etag.clone().map(|etag| ("ETag", etag)));
        let wanted = match reply {
            Reply::Whole | Reply::WholeBreak(_) | Reply::Unsized => None,
            _ => range(request, etag.as_deref()),
        };
        if let Reply::Status(status, more) = reply {
            headers.extend(more.clone());
            headers.push(("Content-Length", "0".to_owned()));
            return head(stream, *status, &headers);
        }
        if wanted.is_some_and(|first| first >= body.len()) {
            headers.push(("Content-Range", format!("bytes */{}", body.len())));
            headers.push(("Content-Length", "0".to_owned()));
            return head(stream, 416, &headers);
        }
        let first = wanted.unwrap_or(0)
            + match reply {
                Reply::Shifted(count) => *count,
                _ => 0,
            };
        let end = match reply {
            Reply::Piece(count) => body.len().min(first + count),
            _ => body.len(),
        };
        let partial = wanted.is_some() || end < body.len();
        if partial {
            let (last, size) = (end - 1, body.len());
            headers.push(("Content-Range", format!("bytes {first}-{last}/{size}")));
        }
        if !matches!(reply, Reply::Unsized) {
            headers.push(("Content-Length", (end - first).to_string()));
        }
        head(stream, if partial { 206 } else { 200 }, &headers)?;
        let part = &body[first..end];
        match reply {
            Reply::Break(count) | Reply::WholeBreak(count) => {
                stream.write_all(&part[..part.len().min(*count)])
            }
            Reply::Stall(count) => {
                stream.write_all(&part[..part.len().min(*count)])?;
                stream.flush()?;
                // Until the client leaves or the test is over.
                for _ in 0..600 {
                    if self.ended.load(Ordering::SeqCst) {
                        break;
                    }
                    thread::sleep(Duration::from_millis(50));
                }
                Ok(())
            }
            _ => stream.write_all(part),
        }
    }
}

fn read_request(lines: &mut impl BufRead) -> std::io::Result<Option<Received>> {
    let mut first = String::new();
    if lines.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split(' ');
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    let path = match method {
        "GET" => target.to_owned(),
        other => format!("{other} {target}"),
    };
    Ok(Some(Received { path, headers }))
}

/// The first requested byte, unless the client's part is of another version.
fn range(request: &Received, etag: Option<&str>) -> Option<usize> {
    let first = request
        .header("range")?
        .strip_prefix("bytes=")?
        .strip_suffix('-')?;
    match request.header("if-range") {
        Some(version) if Some(version) != etag => None,
        _ => first.parse().ok(),
    }
}

fn head(stream: &mut TcpStream, status: u16, headers: &[(&str, String)]) -> std::io::Result<()> {
    let mut text = format!("HTTP/1.1 {status} Status\r\nConnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    stream.write_all((text + "\r\n").as_bytes())
}
