//! `cargo xtask fetch-weights`: downloads trained weights into `data/weights/NAME/`.
//!
//! `manifest` says what there is, `hub` where the hub keeps it, `download` fetches one file, by way of `transfer` (one
//! request) and `partial` (the file on its way), and `bar` shows it.

mod bar;
mod download;
mod hub;
mod list;
mod lock;
mod manifest;
mod partial;
mod transfer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};

use self::bar::Bar;
use self::download::{DownloadError, Expected, Patience, Request, download};
use self::hub::Hub;
use self::list::State;
use self::lock::FolderLock;
use self::manifest::{Manifest, Source, Weights};
use crate::mde::workspace;

/// What to fetch.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which weights, by the names that --list shows; none shows the list.
    names: Vec<String>,
    /// Show what there is, what is here, and the licences.
    #[arg(long, conflicts_with_all = ["from", "offline"])]
    list: bool,
    /// Take this file, downloaded by hand, in place of a download; needs one NAME.
    #[arg(
        long,
        value_name = "FILE",
        requires = "names",
        conflicts_with = "offline"
    )]
    from: Option<PathBuf>,
    /// Open no connection: check what is here and say what is missing.
    #[arg(long)]
    offline: bool,
    /// Another list of weights [default: data/manifest.toml of the workspace].
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Another folder to keep them in [default: data/weights of the workspace].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Failed tries in a row before giving up.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    tries: u32,
    /// Seconds that a server may be silent.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    idle: u64,
    /// Milliseconds to wait after the first failure; doubles with each further one.
    #[arg(long, value_name = "MS", default_value_t = 1000, hide = true)]
    first_pause: u64,
}

/// The longest pause between tries; a server that asks for more ends the command.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Fetches, and prints the path of every file that is there in the end.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let data = workspace().join("data");
    let manifest = args
        .manifest
        .clone()
        .unwrap_or_else(|| data.join("manifest.toml"));
    let manifest = Manifest::read(&manifest)?;
    let out = args.out.clone().unwrap_or_else(|| data.join("weights"));
    if args.list || (args.names.is_empty() && !args.offline) {
        print!("{}", list::table(&manifest, &out));
        return Ok(());
    }
    ensure!(
        args.from.is_none() || args.names.len() == 1,
        "--from takes one file for one name, and {} names are given",
        args.names.len()
    );
    let names: Vec<&String> = match args.names.as_slice() {
        [] => manifest.weights.keys().collect(),
        names => names.iter().collect(),
    };
    let mut wanted = Vec::with_capacity(names.len());
    for name in names {
        wanted.push((name, manifest.named(name)?));
    }
    let mut missing = Vec::new();
    for (name, weights) in wanted {
        let place = Place {
            name,
            weights,
            target: out.join(name).join(&weights.file),
        };
        match place.fetch(&args) {
            Ok(()) => println!("{}", place.target.display()),
            // One that fails does not keep the others from coming.
            Err(error) => {
                eprintln!("{name}: {error:#}");
                missing.push(name.as_str());
            }
        }
    }
    ensure!(missing.is_empty(), "not fetched: {}", missing.join(", "));
    Ok(())
}

/// Brings one file as the command does by default, unless it is here, and says where it is.
pub(crate) fn bring(name: &str) -> anyhow::Result<PathBuf> {
    #[derive(clap::Parser)]
    struct Defaults {
        #[command(flatten)]
        args: Args,
    }
    let args = <Defaults as clap::Parser>::try_parse_from(["fetch-weights", name])?.args;
    let data = workspace().join("data");
    let manifest = Manifest::read(&data.join("manifest.toml"))?;
    let weights = manifest.named(name)?;
    let place = Place {
        name,
        weights,
        target: data.join("weights").join(name).join(&weights.file),
    };
    place
        .fetch(&args)
        .with_context(|| format!("the weights {name} are needed"))?;
    Ok(place.target)
}

/// Weights and where they go.
struct Place<'a> {
    name: &'a str,
    weights: &'a Weights,
    target: PathBuf,
}

impl Place<'_> {
    /// Brings the file, unless it is here.
    fn fetch(&self, args: &Args) -> anyhow::Result<()> {
        if self.is_present(args)? {
            return Ok(());
        }
        if args.offline {
            return if self.take_cached()? {
                Ok(())
            } else {
                Err(self.absent()?)
            };
        }
        let _lock = self.lock()?;
        // Another process may have brought it meanwhile.
        if self.is_present(args)? {
            return Ok(());
        }
        let sha256 = match (&args.from, &self.weights.source) {
            (Some(from), _) => partial::copy(from, &self.target, &self.expected())
                .with_context(|| format!("cannot take {}", from.display()))?,
            (None, Source::Manual(_)) => return Err(self.absent()?),
            (None, Source::Url(url)) => self.download(args, url.clone(), None)?,
            (None, Source::Hub(file)) => {
                let hub = Hub::from_env()?;
                if self.take(hub.cached(file).as_deref())? {
                    return Ok(());
                }
                let token = hub.token().map(str::to_owned);
                self.download(args, hub.url(file), token)?
            }
        };
        self.report(&sha256);
        Ok(())
    }

    fn expected(&self) -> Expected {
        Expected {
            size: self.weights.size,
            sha256: self.weights.sha256.clone(),
        }
    }

    fn lock(&self) -> anyhow::Result<FolderLock> {
        let folder = self.target.parent().unwrap_or(Path::new(""));
        FolderLock::acquire(folder, || {
            eprintln!("{}: waiting for another process that fetches it", self.name);
        })
    }

    /// True if the file is here and is what it should be.
    fn is_present(&self, args: &Args) -> anyhow::Result<bool> {
        if !matches!(State::of(&self.target), State::Present) {
            return Ok(false);
        }
        let target = self.target.display();
        partial::check(&self.target, &self.expected()).with_context(|| {
            format!(
                "{target} is here, but not as it should be: move it away and run the same again"
            )
        })?;
        if let Some(from) = &args.from {
            eprintln!(
                "{}: is here already, {} is not looked at",
                self.name,
                from.display()
            );
        }
        Ok(true)
    }

    /// Takes the file from the local cache of the hub, if it is there.
    fn take_cached(&self) -> anyhow::Result<bool> {
        let Source::Hub(file) = &self.weights.source else {
            return Ok(false);
        };
        let Some(cached) = Hub::from_env()?.cached(file) else {
            return Ok(false);
        };
        let _lock = self.lock()?;
        self.take(Some(&cached))
    }

    fn take(&self, cached: Option<&Path>) -> anyhow::Result<bool> {
        let Some(cached) = cached else {
            return Ok(false);
        };
        match partial::copy(cached, &self.target, &self.expected()) {
            Ok(sha256) => {
                eprintln!("{}: taken from {}", self.name, cached.display());
                self.report(&sha256);
                Ok(true)
            }
            Err(DownloadError::Hash { .. } | DownloadError::Size { .. }) => {
                eprintln!("{}: {} is another version", self.name, cached.display());
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn download(&self, args: &Args, url: String, token: Option<String>) -> anyhow::Result<String> {
        eprintln!("{}: {url}", self.name);
        let has_token = token.is_some();
        let request = Request {
            url,
            token,
            target: self.target.clone(),
            expected: self.expected(),
        };
        let patience = Patience {
            tries: args.tries,
            first_pause: Duration::from_millis(args.first_pause),
            longest_pause: LONGEST_PAUSE,
            idle: Duration::from_secs(args.idle),
        };
        let mut bar = Bar::new(self.name);
        let done = download(&request, &patience, &mut |event| bar.show(event));
        drop(bar);
        done.map_err(|error| self.advise(error, has_token))
    }

    /// What to do next after a failed download.
    fn advise(&self, error: DownloadError, has_token: bool) -> anyhow::Error {
        let hub = matches!(self.weights.source, Source::Hub(_));
        let page = &self.weights.page;
        let by_hand =
            format!("if the file can be had elsewhere (see {page}), give it with --from FILE");
        let advice = match &error {
            DownloadError::Status {
                status: 401 | 403, ..
            } if hub && has_token => format!(
                "the token was sent but is not enough: accept the terms of the model at {page} with the account of the \
                 token, or set HF_TOKEN to another"
            ),
            DownloadError::Status {
                status: 401 | 403, ..
            } if hub => format!(
                "the model may be gated or private: accept its terms at {page}, make a token there and set HF_TOKEN"
            ),
            DownloadError::Status {
                status: 404 | 410, ..
            } => {
                format!("the address may be out of date: {by_hand}")
            }
            DownloadError::Status { .. }
            | DownloadError::Size { .. }
            | DownloadError::Hash { .. } => by_hand,
            DownloadError::GaveUp { .. } | DownloadError::Hopeless { .. } => format!(
                "behind a proxy set HTTPS_PROXY; for a mirror of the hub set HF_ENDPOINT; {by_hand}"
            ),
            DownloadError::Later { .. }
            | DownloadError::NoRoom { .. }
            | DownloadError::Missing { .. }
            | DownloadError::File { .. } => return error.into(),
        };
        anyhow!("{error}; {advice}")
    }

    /// The error for a file that is not here and is not to be downloaded.
    fn absent(&self) -> anyhow::Result<anyhow::Error> {
        let have = match State::of(&self.target) {
            State::Partial(bytes) => format!("only {bytes} bytes of it are here"),
            _ => "it is not here".to_owned(),
        };
        let download = |url: &str| format!("download {url} on a machine with a connection");
        let how = match &self.weights.source {
            Source::Manual(how) => format!("{how} ({})", self.weights.page),
            Source::Url(url) => download(url),
            Source::Hub(file) => download(&Hub::from_env()?.url(file)),
        };
        Ok(anyhow!(
            "{have}; {how}, then: cargo xtask fetch-weights {} --from FILE",
            self.name
        ))
    }

    /// Says what has come.
    fn report(&self, sha256: &str) {
        let Weights {
            summary,
            input,
            paper,
            licence,
            ..
        } = self.weights;
        let name = self.name;
        eprintln!("{name}: {summary}\n  input: {input}\n  paper: {paper}\n  licence: {licence}");
        if self.weights.sha256.is_none() {
            eprintln!("  SHA-256: {sha256} (the manifest has none to compare it with)");
        }
        if let Some(note) = &self.weights.note {
            eprintln!("  note: {note}");
        }
    }
}
