//! Weights by name: fetched by command, or on first use.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::bill::{Bill, SPARE_MEGABYTES};
use crate::connection::Connection;
use crate::entry_file::{EntryFile, State};
use crate::error::{FILE_OR_WEIGHTS, FetchError, Result};
use crate::exported::EXPORT_CONFIG;
use crate::front::{Commands, Front, remark};
use crate::home::Home;
use crate::manifest::{HubFile, HubKind, Manifest, Source, main_branch};
use crate::repository::Repository;
use crate::weight_list::{WeightList, WeightRow};

/// What to fetch.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct WeightOptions {
    /// Weights: names from --list, `hf:ORG/REPO[@REVISION]/FILE`, or `hf:ORG/REPO[@REVISION]` for
    /// a network that `mde export` wrote [default: show the list].
    pub names: Vec<String>,
    /// Show all weights, which of them are stored, and their licences.
    #[cfg_attr(feature = "cli", arg(long, conflicts_with_all = ["from", "offline"]))]
    pub list: bool,
    /// Use this manually downloaded file in place of a download; needs one NAME.
    #[cfg_attr(
        feature = "cli",
        arg(
            long,
            value_name = "FILE",
            requires = "names",
            conflicts_with = "offline"
        )
    )]
    pub from: Option<PathBuf>,
    /// Manifest of weights to use in place of the built-in one.
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE"))]
    pub manifest: Option<PathBuf>,
    /// Output folder of the weights [default: `weights` in the data folder, which
    /// MDE_HOME sets].
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR"))]
    pub out: Option<PathBuf>,
    /// Connection options.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub connection: Connection,
}

/// The result of fetching weights.
#[derive(Debug, Clone, Default)]
pub struct FetchedWeights {
    /// The files that are stored now.
    pub files: Vec<PathBuf>,
    /// The names that could not be fetched; the reasons have been shown.
    pub missing: Vec<String>,
}

impl WeightOptions {
    /// Whether the list is requested.
    pub fn wants_list(&self) -> bool {
        self.list || (self.names.is_empty() && !self.connection.offline)
    }

    fn folder(&self, home: &Home) -> PathBuf {
        self.out.clone().unwrap_or_else(|| home.weights())
    }
}

/// All weights of the manifest, with their state in the folder of weights.
///
/// # Errors
/// Those of the manifest.
pub fn list_weights(options: &WeightOptions, home: &Home) -> Result<WeightList> {
    let manifest = home.manifest(options.manifest.as_deref())?;
    let folder = options.folder(home);
    let rows = manifest
        .weights
        .iter()
        .map(|(name, entry)| WeightRow::new(&EntryFile::new(name, entry, &folder, Commands::MDE)));
    Ok(WeightList {
        weights: rows.collect(),
    })
}

/// Fetches weights by name; without names, all of the manifest. A failure does not stop the other
/// files: it is shown, and the name is returned as missing.
///
/// # Errors
/// Those of the manifest and of the options.
pub fn fetch_weights(
    options: &WeightOptions,
    home: &Home,
    front: &dyn Front,
) -> Result<FetchedWeights> {
    let manifest = home.manifest(options.manifest.as_deref())?;
    let folder = options.folder(home);
    if options.from.is_some() && options.names.len() != 1 {
        return Err(FetchError::Usage(format!(
            "--from takes one file for one name, but {} names are given",
            options.names.len()
        )));
    }
    let all: Vec<&String> = manifest.weights.keys().collect();
    let names = match options.names.as_slice() {
        [] => all,
        names => names.iter().collect(),
    };
    let commands = front.commands();
    // All names are checked before the first download.
    let wanted: Result<Vec<Wanted>> = names
        .into_iter()
        .map(|name| Wanted::new(name, &manifest, &folder, commands))
        .collect();
    let mut fetched = FetchedWeights::default();
    for wanted in wanted? {
        match wanted.fetch(options, &folder, front) {
            Ok(files) => fetched.files.extend(files),
            Err(error) => {
                let name = wanted.name();
                remark(front, format!("{name}: {error}"));
                fetched.missing.push(name.to_owned());
            }
        }
    }
    Ok(fetched)
}

/// What a name of the command stands for.
enum Wanted {
    File(Box<EntryFile>),
    Repository { text: String, config: HubFile },
}

impl Wanted {
    fn new(name: &str, manifest: &Manifest, folder: &Path, commands: Commands) -> Result<Self> {
        Ok(match hub_source(name)? {
            Some(WeightSource::Repository { text, config }) => Self::Repository { text, config },
            Some(WeightSource::Hub { text, file }) => {
                Self::File(EntryFile::on_hub(&text, &file, folder, commands)?.into())
            }
            _ => {
                let entry = manifest.weights(name)?;
                Self::File(EntryFile::new(name, entry, folder, commands).into())
            }
        })
    }

    fn name(&self) -> &str {
        match self {
            Self::File(file) => &file.name,
            Self::Repository { text, .. } => text,
        }
    }

    fn fetch(
        &self,
        options: &WeightOptions,
        folder: &Path,
        front: &dyn Front,
    ) -> Result<Vec<PathBuf>> {
        let (from, connection) = (options.from.as_deref(), &options.connection);
        match self {
            Self::File(file) => {
                file.fetch(from, connection, front)?;
                Ok(vec![file.target.clone()])
            }
            Self::Repository { text, .. } if from.is_some() => Err(FetchError::Usage(format!(
                "--from takes one file, but {text} has two; give them one by one, as \
                 {text}/FILE --from FILE"
            ))),
            Self::Repository { text, config } => Repository {
                text,
                config,
                folder,
                commands: front.commands(),
            }
            .fetch(connection, front),
        }
    }
}

/// Source of weights: a file, a folder that `mde export` wrote, a name of the manifest,
/// `hf:ORG/REPO[@REVISION]/FILE`, or `hf:ORG/REPO[@REVISION]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WeightSource {
    /// A file, a folder, or a name of the manifest. An existing file or folder takes precedence.
    FileOrName(String),
    /// A file of the Hugging Face hub.
    Hub {
        /// As it was given.
        text: String,
        /// The file.
        file: HubFile,
    },
    /// A repository of the Hugging Face hub with a network that `mde export` wrote.
    Repository {
        /// As it was given.
        text: String,
        /// Its [`EXPORT_CONFIG`].
        config: HubFile,
    },
}

impl FromStr for WeightSource {
    type Err = FetchError;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match hub_source(text)? {
            Some(source) if !Path::new(text).exists() => source,
            _ => Self::FileOrName(text.to_owned()),
        })
    }
}

impl std::fmt::Display for WeightSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::FileOrName(text) | Self::Hub { text, .. } | Self::Repository { text, .. } => {
                formatter.write_str(text)
            }
        }
    }
}

/// The file of the weights, fetched on first use after the user's consent. Of an exported network,
/// the folder with its configuration and weights.
///
/// A path that does not exist is returned unchanged, so that the caller's error names it. A plain
/// word that is neither a file nor a name of the manifest is an error.
///
/// # Errors
/// [`FetchError::UnknownName`], and those of the download.
pub fn resolve(source: &WeightSource, home: &Home, front: &dyn Front) -> Result<PathBuf> {
    let (folder, commands) = (home.weights(), front.commands());
    let file = match source {
        WeightSource::Hub { text, file } => EntryFile::on_hub(text, file, &folder, commands)?,
        WeightSource::Repository { text, config } => {
            return Repository {
                text,
                config,
                folder: &folder,
                commands,
            }
            .resolve(front);
        }
        WeightSource::FileOrName(text) => {
            let path = PathBuf::from(text);
            let is_path = path.components().count() != 1 || path.extension().is_some();
            if path.exists() {
                return Ok(path);
            }
            let manifest = home.manifest(None)?;
            match manifest.weights(text) {
                Ok(entry) => EntryFile::new(text, entry, &folder, commands),
                Err(_) if is_path => return Ok(path),
                Err(FetchError::UnknownName {
                    name,
                    suggestion,
                    known,
                    ..
                }) => {
                    return Err(FetchError::UnknownName {
                        kind: FILE_OR_WEIGHTS,
                        name,
                        suggestion,
                        known,
                    });
                }
                Err(error) => return Err(error),
            }
        }
    };
    let name = &file.name;
    if file.state() != State::Present && !matches!(file.entry.source, Source::Manual(_)) {
        let mut bill = Bill::new(format!("run `{} {name}` first", commands.weights));
        file.add_to(&mut bill, &format!("weights {name}"));
        bill.settle(&folder, SPARE_MEGABYTES, false, front)?;
    }
    file.fetch(None, &Connection::default(), front)
        .map_err(|error| error.of(format!("cannot get the weights {name}")))?;
    Ok(file.target)
}

/// Adds the download of weights to a bill, unless they are stored already.
///
/// # Errors
/// Those of the manifest.
pub fn add_weights_to_bill(name: &str, home: &Home, bill: &mut Bill) -> Result<()> {
    let manifest = home.manifest(None)?;
    let entry = manifest.weights(name)?;
    let file = EntryFile::new(name, entry, &home.weights(), Commands::MDE);
    file.add_to(bill, &format!("weights {name}"));
    Ok(())
}

/// What `hf:ORG/REPO[@REVISION]/FILE` or `hf:ORG/REPO[@REVISION]` names; `None` for any other text.
fn hub_source(text: &str) -> Result<Option<WeightSource>> {
    let Some(address) = text.strip_prefix("hf:") else {
        return Ok(None);
    };
    let invalid = |reason| {
        FetchError::Usage(format!(
            "{text:?} does not name a file of the Hugging Face hub: {reason}; expected \
             hf:ORG/REPO[@REVISION]/FILE, or hf:ORG/REPO[@REVISION] for a network that `mde \
             export` wrote"
        ))
    };
    let mut parts = address.splitn(3, '/');
    let (Some(owner), Some(repository), path) = (parts.next(), parts.next(), parts.next()) else {
        return Err(invalid("it needs an owner and a repository"));
    };
    let (repository, revision) = match repository.split_once('@') {
        Some((repository, revision)) => (repository, revision.to_owned()),
        None => (repository, main_branch()),
    };
    let allowed = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
    };
    let names = [owner, repository, &revision];
    let folders = path.unwrap_or(EXPORT_CONFIG).split('/');
    if !names.into_iter().chain(folders).all(allowed) {
        return Err(invalid(
            "names may hold letters, digits, `.`, `_` and `-`, and may not begin with a dot",
        ));
    }
    let file = HubFile {
        repository: format!("{owner}/{repository}"),
        path: path.unwrap_or(EXPORT_CONFIG).to_owned(),
        kind: HubKind::Model,
        revision,
    };
    let text = text.to_owned();
    Ok(Some(match path {
        Some(_) => WeightSource::Hub { text, file },
        None => WeightSource::Repository { text, config: file },
    }))
}
