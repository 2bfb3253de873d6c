//! `data/manifest.toml`: what can be downloaded, from where, under which licence.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};

use anyhow::{Context, ensure};
use serde::Deserialize;

/// The manifest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Weights by name.
    pub(crate) weights: BTreeMap<String, Entry>,
    /// Parts of data sets by name.
    #[serde(default)]
    pub(crate) data: BTreeMap<String, Entry>,
}

/// A file, or files of one kind, and where they come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// What it is, in a line.
    pub(crate) summary: String,
    /// Weights: the models of `mde` that it is for.
    #[serde(default)]
    pub(crate) models: Vec<String>,
    /// The name it gets.
    pub(crate) file: String,
    #[serde(flatten)]
    pub(crate) source: Source,
    /// A page for people: the model card, the repository.
    pub(crate) page: String,
    /// Bytes, exactly.
    pub(crate) size: Option<u64>,
    /// Bytes, about, where the size is not known.
    pub(crate) about: Option<u64>,
    /// Data: bytes, about, that `mde convert` makes of it.
    pub(crate) converted: Option<u64>,
    /// Hexadecimal, lower case.
    pub(crate) sha256: Option<String>,
    /// Whether size and hash were compared with the real file by the people who keep this manifest.
    pub(crate) verified: bool,
    /// The licence, or where to read it.
    pub(crate) licence: String,
    /// Where it was published.
    pub(crate) paper: Option<String>,
    /// Weights: the input that the network was trained on.
    pub(crate) input: Option<String>,
    /// What to do with the file before it is of use.
    pub(crate) note: Option<String>,
}

/// Where a file is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// In a repository of the Hugging Face hub.
    Hub(HubFile),
    /// At an address.
    Url(String),
    /// Nowhere that a program can fetch from: what to do by hand.
    Manual(String),
}

/// A file in a repository of the Hugging Face hub.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HubFile {
    /// The repository, such as `timm/resnet50.tv_in1k`.
    pub(crate) repository: String,
    /// The file in it, or the folder where an entry stands for all files of one.
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) kind: HubKind,
    /// Branch, tag or commit.
    #[serde(default = "main_branch")]
    pub(crate) revision: String,
}

/// What a repository of the hub holds: the two have different addresses.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HubKind {
    #[default]
    Model,
    Dataset,
}

fn main_branch() -> String {
    "main".to_owned()
}

impl Manifest {
    /// Reads and checks a manifest.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the manifest {}", path.display()))?;
        let manifest: Self = toml::from_str(&text)
            .with_context(|| format!("the manifest {} is not valid", path.display()))?;
        let weights = manifest.weights.iter().map(|item| ("weights", item));
        let data = manifest.data.iter().map(|item| ("data", item));
        for (section, (name, entry)) in weights.chain(data) {
            entry
                .check(name, section)
                .with_context(|| format!("in the manifest {}, {section}.{name}", path.display()))?;
        }
        Ok(manifest)
    }

    /// The weights of this name.
    pub(crate) fn weights(&self, name: &str) -> anyhow::Result<&Entry> {
        named(&self.weights, "weights", name)
    }

    /// The part of a data set of this name.
    pub(crate) fn data(&self, name: &str) -> anyhow::Result<&Entry> {
        named(&self.data, "data", name)
    }
}

fn named<'a>(
    entries: &'a BTreeMap<String, Entry>,
    what: &str,
    name: &str,
) -> anyhow::Result<&'a Entry> {
    entries.get(name).with_context(|| {
        let known: Vec<&str> = entries.keys().map(String::as_str).collect();
        format!(
            "there are no {what} {name:?} in the manifest; there are {}",
            known.join(", ")
        )
    })
}

impl Entry {
    /// Bytes, exactly or about; 0 where neither is known.
    pub(crate) fn bytes(&self) -> u64 {
        self.size.or(self.about).unwrap_or(0)
    }

    fn check(&self, name: &str, section: &str) -> anyhow::Result<()> {
        ensure!(is_plain(name), "the name is not that of a folder");
        ensure!(
            is_plain(&self.file),
            "file = {:?} is not the name of a file",
            self.file
        );
        if let Some(sha256) = &self.sha256 {
            let hexadecimal = sha256
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            ensure!(
                sha256.len() == 64 && hexadecimal,
                "sha256 is not 64 hexadecimal digits in lower case"
            );
        }
        ensure!(
            !self.verified || (self.size.is_some() && self.sha256.is_some()),
            "verified = true needs size and sha256"
        );
        let of_weights = self.paper.is_some() && self.input.is_some();
        ensure!(
            section != "weights" || (of_weights && !self.models.is_empty()),
            "weights need models, paper and input"
        );
        Ok(())
    }
}

/// True for a name that stays inside its folder.
pub(crate) fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(parts.next(), Some(Component::Normal(part)) if part == name) && parts.next().is_none()
}
