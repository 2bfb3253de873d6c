//! `dataset.toml`: describes a data folder for `mde-datasets`.

use std::path::PathBuf;

use toml_edit::{DocumentMut, Item, Table, value};

use crate::error::{ConvertError, Result};
use crate::folder::Folder;

const NAME: &str = "dataset.toml";

/// Content of a new file.
const TEMPLATE: &str = "\
# What `mde --data DIR` reads; written by mde convert.
name = \"nyu\"
scene = \"indoor\"            # indoor: to 10 m
";

/// A list and the encoding of its depth files.
pub(crate) struct Part {
    pub(crate) list: &'static str,
    pub(crate) encoding: &'static str,
}

impl Part {
    /// A list of depth files in 16-bit millimetres.
    pub(crate) fn millimetres(list: &'static str) -> Self {
        Self {
            list,
            encoding: "u16-mm",
        }
    }
}

/// An open `dataset.toml`. Everything but lists and encodings is preserved, comments included.
pub(crate) struct Manifest {
    path: PathBuf,
    document: DocumentMut,
}

impl Manifest {
    pub(crate) fn open(folder: &Folder) -> Result<Self> {
        let path = folder.path(NAME);
        let text = folder
            .read_text(NAME)?
            .unwrap_or_else(|| TEMPLATE.to_owned());
        match text.parse() {
            Ok(document) => Ok(Self { path, document }),
            Err(error) => Err(ConvertError::Manifest {
                path,
                reason: error.to_string().trim_end().to_owned(),
            }),
        }
    }

    /// Whether the split `name` has an entry.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.document.contains_key(name)
    }

    /// Sets the list of the split `name`.
    pub(crate) fn set(&mut self, name: &'static str, part: &Part) -> Result<()> {
        let mut new = Table::new();
        if name == "train" {
            // Before all other tables, whichever split was converted first.
            new.set_position(Some(0));
        }
        let table = self
            .document
            .entry(name)
            .or_insert(Item::Table(new))
            .as_table_like_mut()
            .ok_or_else(|| ConvertError::Manifest {
                path: self.path.clone(),
                reason: format!("`{name}` is not a table"),
            })?;
        table.insert("list", value(part.list));
        table.insert("encoding", value(part.encoding));
        Ok(())
    }

    pub(crate) fn write(&self, folder: &Folder) -> Result<()> {
        folder.write(NAME, self.document.to_string().as_bytes())
    }
}
