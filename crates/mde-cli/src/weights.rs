//! Weights named on the command line: a file, a name of the manifest, or a file of the Hugging Face
//! hub.

use std::path::{Path, PathBuf};

use mde_fetch::{Commands, Home, Terminal, WeightSource};

use crate::progress::is_quiet;

/// The file of the weights, downloaded on first use after the user's consent.
pub(crate) fn file_of(source: &WeightSource) -> anyhow::Result<PathBuf> {
    let text = source.to_string();
    // A file that exists needs no home folder.
    if Path::new(&text).exists() {
        return Ok(PathBuf::from(text));
    }
    let front = Terminal::new(Commands::MDE, is_quiet());
    Ok(mde_fetch::resolve(source, &Home::find()?, &front)?)
}
