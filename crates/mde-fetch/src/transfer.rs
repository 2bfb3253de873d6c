//! One request for a file or a part of it: redirects, status, headers.

use std::io::Read;
use std::time::Duration;

use ureq::http::{HeaderMap, Response, Uri, header};
use ureq::{Agent, Body};

use crate::error::FetchError;

/// A server's response.
pub(crate) enum Answer {
    /// The file's bytes.
    Bytes(Bytes),
    /// The file ends before the first requested byte; its size, if the server states it.
    Beyond(Option<u64>),
}

/// The bytes of a file from `start` on.
pub(crate) struct Bytes {
    /// Position of the first byte.
    pub(crate) start: u64,
    /// The file's size.
    pub(crate) size: Option<u64>,
    /// The server's tag of this version of the file.
    pub(crate) version: Option<String>,
    /// The hash that the hub states.
    pub(crate) sha256: Option<String>,
    /// Whether the server sends the requested part; otherwise it sends the whole file.
    pub(crate) partial: bool,
    pub(crate) body: Box<dyn Read>,
}

/// Why there are no bytes.
pub(crate) enum Failure {
    /// A later attempt may succeed; not before `after`, if the server says so.
    Passing {
        reason: String,
        after: Option<Duration>,
    },
    /// No later attempt can succeed.
    Final(FetchError),
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::Final(error)
    }
}

impl Failure {
    /// A failure after which an immediate attempt may succeed.
    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        Self::Passing {
            reason: reason.into(),
            after: None,
        }
    }

    /// A request that cannot be made at all.
    pub(crate) fn hopeless(reason: String) -> Self {
        Self::Final(FetchError::Request(reason))
    }
}

/// A request.
pub(crate) struct Ask<'a> {
    pub(crate) url: &'a str,
    /// Sent to the server of the address, never to one that it redirects to.
    pub(crate) token: Option<&'a str>,
    pub(crate) part: Part,
    /// The version of the earlier bytes.
    pub(crate) version: Option<&'a str>,
}

/// The requested bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// From this byte on.
    From(u64),
    /// From the first position to the byte before the second.
    Between(u64, u64),
    /// This many at the end.
    Last(u64),
}

impl Part {
    /// The value of the header `Range`; `None` for the whole file.
    fn header(self) -> Option<String> {
        match self {
            Self::From(0) => None,
            Self::From(first) => Some(format!("bytes={first}-")),
            Self::Between(first, end) => Some(format!("bytes={first}-{}", end.saturating_sub(1))),
            Self::Last(count) => Some(format!("bytes=-{count}")),
        }
    }
}

/// An agent that gives up on a server after `idle` without a byte.
pub(crate) fn agent(idle: Duration) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        // Redirects are followed in `get`, so that the token stays with the server it is for.
        .max_redirects(0)
        .timeout_resolve(Some(Duration::from_secs(30)))
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(idle))
        .timeout_per_read(Some(idle))
        .user_agent(concat!("mde-fetch/", env!("CARGO_PKG_VERSION")))
        // A compressed body could not be resumed by byte numbers.
        .accept_encoding("identity")
        .build()
        .into()
}

const MAX_REDIRECTS: usize = 10;

/// Makes the request and follows redirects.
pub(crate) fn get(agent: &Agent, ask: &Ask<'_>) -> Result<Answer, Failure> {
    let origin = parse(ask.url)?;
    let mut at = origin.clone();
    let mut sha256 = None;
    for _ in 0..=MAX_REDIRECTS {
        let response = send(agent, ask, &at, same_server(&origin, &at))?;
        if same_server(&origin, &at) {
            sha256 = sha256.or_else(|| hub_sha256(response.headers()));
        }
        if !response.status().is_redirection() {
            return answer(response, &at, sha256);
        }
        let next = text(response.headers(), header::LOCATION.as_str())
            .ok_or_else(|| Failure::hopeless(format!("{at} redirects without an address")))?;
        let next = resolve(&at, next)?;
        if at.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
            return Err(Failure::hopeless(format!(
                "{at} redirects to {next}, which is not encrypted"
            )));
        }
        at = next;
    }
    Err(Failure::hopeless(format!(
        "{origin} redirects too many times"
    )))
}

fn send(
    agent: &Agent,
    ask: &Ask<'_>,
    at: &Uri,
    own_server: bool,
) -> Result<Response<Body>, Failure> {
    let mut request = agent.get(at);
    if let Some(range) = ask.part.header() {
        request = request.header(header::RANGE, range);
        if let Some(version) = ask.version {
            request = request.header(header::IF_RANGE, version);
        }
    }
    if let Some(token) = ask.token.filter(|_| own_server) {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.call().map_err(|error| match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl => {
            Failure::hopeless(format!("cannot ask for {at}: {error}"))
        }
        error => Failure::Passing {
            reason: format!("cannot reach {}: {error}", at.host().unwrap_or_default()),
            after: None,
        },
    })
}

fn answer(response: Response<Body>, at: &Uri, sha256: Option<String>) -> Result<Answer, Failure> {
    let (parts, body) = response.into_parts();
    let headers = &parts.headers;
    let range = text(headers, header::CONTENT_RANGE.as_str());
    let status = parts.status.as_u16();
    let (start, size) = match status {
        200 => (0, body.content_length()),
        206 => match range.and_then(content_range) {
            Some((start, size)) => (start, size),
            None => {
                return Err(Failure::passing("the server sent a part without its range"));
            }
        },
        416 => {
            let size = range.and_then(|range| range.strip_prefix("bytes */"));
            return Ok(Answer::Beyond(size.and_then(|size| size.parse().ok())));
        }
        408 | 425 | 429 | 500.. => {
            // A date is not understood: then the usual pause is made.
            let seconds = text(headers, header::RETRY_AFTER.as_str());
            return Err(Failure::Passing {
                reason: format!("the server responds with status {}", parts.status),
                after: seconds
                    .and_then(|seconds| seconds.trim().parse().ok())
                    .map(Duration::from_secs),
            });
        }
        status => {
            let url = at.to_string();
            return Err(FetchError::Status { status, url }.into());
        }
    };
    let strong = |version: &&str| !version.starts_with("W/");
    let version = text(headers, header::ETAG.as_str())
        .filter(strong)
        .or_else(|| text(headers, header::LAST_MODIFIED.as_str()));
    Ok(Answer::Bytes(Bytes {
        start,
        size,
        version: version.map(str::to_owned),
        sha256,
        partial: status == 206,
        body: Box::new(body.into_reader()),
    }))
}

/// First byte and size of `bytes 100-199/1000`.
fn content_range(range: &str) -> Option<(u64, Option<u64>)> {
    let (first, rest) = range.strip_prefix("bytes ")?.split_once('-')?;
    let (_, size) = rest.split_once('/')?;
    Some((first.parse().ok()?, size.parse().ok()))
}

/// The SHA-256 of a large file, which the hub gives as its `X-Linked-Etag`.
fn hub_sha256(headers: &HeaderMap) -> Option<String> {
    let hash = text(headers, "x-linked-etag")?
        .trim_matches('"')
        .to_lowercase();
    (hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn parse(url: &str) -> Result<Uri, Failure> {
    let uri: Option<Uri> = url.parse().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        .ok_or_else(|| Failure::hopeless(format!("{url:?} is not a web address")))
}

/// The address that `location` means relative to `base`.
fn resolve(base: &Uri, location: &str) -> Result<Uri, Failure> {
    if location.starts_with("http://") || location.starts_with("https://") {
        return parse(location);
    }
    let scheme = base.scheme_str().unwrap_or_default();
    let server = base
        .authority()
        .map(|authority| authority.as_str())
        .unwrap_or_default();
    let folder = base
        .path()
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    parse(&match location {
        other_server if other_server.starts_with("//") => format!("{scheme}:{other_server}"),
        path if path.starts_with('/') => format!("{scheme}://{server}{path}"),
        beside => format!("{scheme}://{server}{folder}/{beside}"),
    })
}

/// True if scheme, host and port agree.
fn same_server(one: &Uri, other: &Uri) -> bool {
    let server = |uri: &Uri| {
        let port = match uri.scheme_str() {
            Some("https") => 443,
            _ => 80,
        };
        (
            uri.scheme_str().map(str::to_owned),
            uri.host().map(str::to_lowercase),
            uri.port_u16().unwrap_or(port),
        )
    };
    server(one) == server(other)
}
