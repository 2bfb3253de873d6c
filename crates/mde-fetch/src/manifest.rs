//! The manifest: what can be downloaded, from where, under which licence.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use mde_files::{TextError, read_text};
use serde::Deserialize;

use crate::error::{FetchError, Result, io};

/// The list of weights and data sets that can be downloaded.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Weights by name.
    pub weights: BTreeMap<String, ManifestEntry>,
    /// Parts of data sets by name.
    #[serde(default)]
    pub data: BTreeMap<String, ManifestEntry>,
}

/// A file, or files of one kind, and where it comes from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestEntry {
    /// One-line description.
    pub summary: String,
    /// Weights: the networks that they fit, by their names in `mde models`.
    #[serde(default)]
    pub models: Vec<String>,
    /// The name under which it is stored.
    pub file: String,
    /// Where it is.
    #[serde(flatten)]
    pub source: Source,
    /// A page for people: the model card, the repository.
    pub page: String,
    /// Size in bytes, if known exactly.
    pub size: Option<u64>,
    /// Approximate size in bytes, where the size is not known.
    pub about: Option<u64>,
    /// Data: approximate size in bytes after conversion.
    pub converted: Option<u64>,
    /// SHA-256, hexadecimal in lower case.
    pub sha256: Option<String>,
    /// Whether size and SHA-256 were compared with the real file.
    pub verified: bool,
    /// The licence, or where to read it.
    pub licence: String,
    /// Where it was published.
    pub paper: Option<String>,
    /// Weights: the input that the network was trained on.
    pub input: Option<String>,
    /// What to do with the file before it can be used.
    pub note: Option<String>,
}

/// Where a file is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// In a repository of the Hugging Face hub.
    Hub(HubFile),
    /// At an address.
    Url(String),
    /// Not available to programs: instructions for the user.
    Manual(String),
}

/// A file in a repository of the Hugging Face hub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubFile {
    /// The repository, such as `timm/resnet50.tv_in1k`.
    pub repository: String,
    /// The file in it; a folder if the entry is for all files of that folder.
    pub path: String,
    /// What the repository holds.
    #[serde(default)]
    pub kind: HubKind,
    /// Branch, tag or commit.
    #[serde(default = "main_branch")]
    pub revision: String,
}

/// What a repository of the hub holds; the kinds have different addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HubKind {
    /// A model.
    #[default]
    Model,
    /// A data set.
    Dataset,
}

pub(crate) fn main_branch() -> String {
    "main".to_owned()
}

impl Manifest {
    /// The manifest that this crate was published with.
    ///
    /// # Errors
    /// If the built-in manifest is invalid, which this crate's tests rule out.
    pub fn built_in() -> Result<Self> {
        Self::parse(include_str!("../manifest.toml"), "(built in)")
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// If the file cannot be read or is not a valid manifest.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_text(path).map_err(|error| match error {
            TextError::Read { path, source } => io("read the manifest", &path)(source),
            error => error.into(),
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    fn parse(text: &str, file: &str) -> Result<Self> {
        let invalid = |reason: String| {
            FetchError::contents(
                format!("the manifest {file}"),
                format!("not valid: {reason}"),
            )
        };
        let manifest: Self = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let weights = manifest.weights.iter().map(|item| ("weights", item));
        let data = manifest.data.iter().map(|item| ("data", item));
        for (section, (name, entry)) in weights.chain(data) {
            if let Some(reason) = entry.fault(name, section) {
                return Err(invalid(format!("{section}.{name}: {reason}")));
            }
        }
        Ok(manifest)
    }

    /// The weights of this name.
    ///
    /// # Errors
    /// [`FetchError::UnknownName`], with the most similar name.
    pub fn weights(&self, name: &str) -> Result<&ManifestEntry> {
        named(&self.weights, "weights", name)
    }

    /// The part of a data set of this name.
    ///
    /// # Errors
    /// [`FetchError::UnknownName`], with the most similar name.
    pub fn data(&self, name: &str) -> Result<&ManifestEntry> {
        named(&self.data, "data", name)
    }
}

fn named<'a>(
    entries: &'a BTreeMap<String, ManifestEntry>,
    kind: &'static str,
    name: &str,
) -> Result<&'a ManifestEntry> {
    entries.get(name).ok_or_else(|| FetchError::UnknownName {
        kind,
        name: name.to_owned(),
        suggestion: similar(entries, name),
        known: entries.keys().cloned().collect(),
    })
}

/// Minimum similarity of a suggested name; 1 is equality.
const SIMILAR: f64 = 0.75;

/// The most similar name, by its spelling or by the network that it fits.
fn similar(entries: &BTreeMap<String, ManifestEntry>, name: &str) -> Option<String> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let wanted = plain(name);
    let similarity = |(known, entry): &(&String, &ManifestEntry)| {
        let spelled = strsim::normalized_damerau_levenshtein(&wanted, &plain(known));
        let models = entry.models.iter();
        let fitting = models.map(|model| strsim::normalized_damerau_levenshtein(&wanted, model));
        fitting.fold(spelled, f64::max)
    };
    let best = entries
        .iter()
        .map(|entry| (similarity(&entry), entry.0))
        .max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(similarity, _)| *similarity >= SIMILAR)
        .map(|(_, known)| known.clone())
}

impl ManifestEntry {
    /// Bytes, exactly or approximately; 0 where neither is known.
    pub(crate) fn bytes(&self) -> u64 {
        self.size.or(self.about).unwrap_or(0)
    }

    /// What is wrong with the entry.
    fn fault(&self, name: &str, section: &str) -> Option<String> {
        let is_sha256 = |hash: &String| {
            hash.len() == 64
                && hash
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if !is_plain(name) {
            return Some("the name is not a folder name".to_owned());
        }
        if !is_plain(&self.file) {
            return Some(format!("file = {:?} is not a file name", self.file));
        }
        if !self.sha256.as_ref().is_none_or(is_sha256) {
            return Some("sha256 is not 64 hexadecimal digits in lower case".to_owned());
        }
        if self.verified && (self.size.is_none() || self.sha256.is_none()) {
            return Some("verified = true needs size and sha256".to_owned());
        }
        let described = self.paper.is_some() && self.input.is_some() && !self.models.is_empty();
        (section == "weights" && !described)
            .then(|| "weights need models, paper and input".to_owned())
    }
}

/// True for a name that stays inside its folder.
pub(crate) fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(parts.next(), Some(Component::Normal(part)) if part == name) && parts.next().is_none()
}
