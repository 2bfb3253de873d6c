//! The Hugging Face hub: addresses, the token and the local cache, all by hf-hub.
//!
//! hf-hub does not transfer the file. Version 0.5 appends to a partial file even if the server
//! did not resume, checks no hash, retries permanent failures, and uses its own folder layout.
//! `download` transfers files from the hub and from other addresses alike.

use std::path::PathBuf;

use hf_hub::api::sync::{Api, ApiBuilder};
use hf_hub::{Cache, Repo, RepoType};

use crate::error::{FetchError, Result};
use crate::manifest::{HubFile, HubKind};

/// The hub as configured by `HF_ENDPOINT`, `HF_TOKEN` and `HF_HOME`.
pub(crate) struct Hub {
    api: Api,
    cache: Cache,
    token: Option<String>,
    endpoint: String,
}

impl Hub {
    pub(crate) fn from_env() -> Result<Self> {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        // Without either, hf-hub's cache panics.
        if std::env::var_os("HF_HOME").is_none() && std::env::home_dir().is_none() {
            return Err(FetchError::Usage(
                "no home folder found: set HF_HOME to a folder for its cache".to_owned(),
            ));
        }
        let cache = Cache::from_env();
        let token = set("HF_TOKEN").or_else(|| cache.token());
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        // Downloads do not go through this agent, so it gets no token.
        let api = ApiBuilder::from_cache(cache.clone())
            .with_token(None)
            .with_endpoint(endpoint.clone())
            .build()
            .map_err(|error| {
                FetchError::Usage(format!("cannot set up the Hugging Face hub: {error}"))
            })?;
        Ok(Self {
            api,
            cache,
            token,
            endpoint,
        })
    }

    /// The URL of a file.
    pub(crate) fn url(&self, file: &HubFile) -> String {
        self.api.repo(repo(file)).url(&file.path)
    }

    /// The URL of the list of files of a folder, with sizes and hashes; hf-hub's own list has
    /// only names.
    pub(crate) fn folder_url(&self, folder: &HubFile) -> String {
        let kind = match folder.kind {
            HubKind::Model => "models",
            HubKind::Dataset => "datasets",
        };
        let HubFile {
            repository,
            path,
            revision,
            ..
        } = folder;
        let endpoint = &self.endpoint;
        format!("{endpoint}/api/{kind}/{repository}/tree/{revision}/{path}")
    }

    /// The file's path in the cache, if another program has put it there.
    pub(crate) fn cached(&self, file: &HubFile) -> Option<PathBuf> {
        self.cache.repo(repo(file)).get(&file.path)
    }

    /// The user's token: `HF_TOKEN`, or the one stored by `hf auth login`.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

fn repo(file: &HubFile) -> Repo {
    let revision = file.revision.clone();
    let kind = match file.kind {
        HubKind::Model => RepoType::Model,
        HubKind::Dataset => RepoType::Dataset,
    };
    Repo::with_revision(file.repository.clone(), kind, revision)
}
