//! Weights named on the command line: a file, a folder that `mde export` wrote, a name of the
//! manifest, or a file or repository of the Hugging Face hub.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use clap::error::ErrorKind;
use mde_fetch::{Commands, EXPORT_CONFIG, Home, Terminal, WeightSource, read_export};

use crate::export::ExportedNetwork;
use crate::hashes::hash_file;
use crate::output::{shell_word, shown};
use crate::progress::is_quiet;

/// A file of weights and its description.
pub(crate) struct Weights {
    pub(crate) file: PathBuf,
    /// The description, if `mde export` wrote the file.
    pub(crate) exported: Option<ExportedNetwork>,
}

/// The weights, downloaded on first use after the user's consent. `model` is the network that the
/// user has named.
///
/// # Errors
/// If a folder was not written by `mde export`, or its files do not belong together or to `model`.
pub(crate) fn weights_of(source: &WeightSource, model: Option<&str>) -> anyhow::Result<Weights> {
    let path = path_of(source)?;
    if !path.is_dir() {
        return Ok(Weights {
            file: path,
            exported: None,
        });
    }
    let (config, name) = read_export(&path)?;
    let config_file = path.join(EXPORT_CONFIG);
    let exported = ExportedNetwork::parse(config, &config_file)?;
    ensure!(
        model.is_none_or(|model| model == exported.model),
        "{} is {}, but --model is {}; give --model {}",
        path.display(),
        exported.model,
        model.unwrap_or_default(),
        exported.model
    );
    let file = path.join(name);
    ensure!(
        file.exists(),
        "{}: {} names this file of weights, but it is missing; copy or download it again",
        file.display(),
        config_file.display()
    );
    check_hash(&file, &exported, &config_file)?;
    Ok(Weights {
        file,
        exported: Some(exported),
    })
}

/// # Errors
/// If the file of weights is not the one that `config.json` describes.
fn check_hash(file: &Path, exported: &ExportedNetwork, config: &Path) -> anyhow::Result<()> {
    let (hash, expected) = (hash_file(file)?, &exported.weights.blake3);
    if hash == *expected {
        return Ok(());
    }
    let shown_file = file.display();
    // What a clone of a repository has without Git LFS.
    let mut start = Vec::new();
    File::open(file)?
        .take(GIT_LFS.len() as u64)
        .read_to_end(&mut start)?;
    ensure!(
        start != GIT_LFS,
        "{shown_file}: this is a Git LFS pointer, not the weights; run `git lfs pull` in its folder"
    );
    bail!(
        "{shown_file}: its BLAKE3 is {hash}, but {} has {expected}: the file is damaged or from \
         another export; remove both and copy or download them again, or use it without the \
         description: --model {} --weights {}",
        config.display(),
        exported.model,
        shell_word(&shown(file))
    )
}

/// How a pointer of Git LFS begins.
const GIT_LFS: &[u8] = b"version https://git-lfs";

impl Weights {
    /// The name of the network: that of the description, else the one the user has named.
    ///
    /// # Errors
    /// Wrong usage, if there is neither.
    pub(crate) fn model(&self, named: Option<&str>) -> anyhow::Result<String> {
        let described = self.exported.as_ref().map(|exported| &*exported.model);
        match described.or(named) {
            Some(model) => Ok(model.to_owned()),
            None => Err(clap::Error::raw(
                ErrorKind::MissingRequiredArgument,
                format!(
                    "the following required arguments were not provided:\n  --model <MODEL>\n\n\
                     {} is a file of weights, which does not name its network\n",
                    self.file.display()
                ),
            )
            .into()),
        }
    }
}

/// The file, or the folder of an exported network.
fn path_of(source: &WeightSource) -> anyhow::Result<PathBuf> {
    let text = source.to_string();
    // What exists needs no home folder.
    if Path::new(&text).exists() {
        return Ok(PathBuf::from(text));
    }
    let front = Terminal::new(Commands::MDE, is_quiet());
    Ok(mde_fetch::resolve(source, &Home::find()?, &front)?)
}
