//! The files of a folder of maps.

use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::ArrayError;
use crate::format::EXTENSIONS;
use crate::grey_png::is_colour;
use crate::order::natural_order;

/// The files of a folder of maps, with their ids in natural order.
pub(crate) struct Folder {
    pub(crate) ids: Vec<String>,
    pub(crate) paths: Vec<PathBuf>,
    /// Colour pictures beside the maps.
    pub(crate) pictures: Vec<PathBuf>,
}

/// Finds the maps. Colour PNGs are pictures of depth, not maps; they are left out if there are
/// other files.
pub(crate) fn find(folder: &Path) -> Result<Folder, ArrayError> {
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    let mut others = 0;
    let is_visible = |entry: &DirEntry| {
        entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
    };
    for entry in WalkDir::new(folder)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(is_visible)
    {
        let entry = entry.map_err(|error| ArrayError::Read {
            path: error.path().unwrap_or(folder).to_owned(),
            source: io::Error::from(error),
        })?;
        if entry.file_type().is_dir() {
            continue;
        }
        if has_map_extension(entry.path()) {
            let path = entry.into_path();
            let id = id_of_path(path.strip_prefix(folder).unwrap_or(&path));
            found.push((id, path));
        } else {
            others += 1;
        }
    }
    if found.is_empty() {
        return Err(ArrayError::NoMaps {
            path: folder.to_owned(),
            others,
        });
    }
    found.sort_by(|(a, one), (b, other)| natural_order(a, b).then_with(|| one.cmp(other)));
    if let Some([(id, first), (_, second)]) = found.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(ArrayError::SameId {
            id: id.clone(),
            first: first.clone(),
            second: second.clone(),
        });
    }
    let (pictures, maps): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|(_, path)| is_colour(path));
    let (maps, pictures) = match maps.is_empty() {
        // Loading one gives the error with its advice.
        true => (pictures, Vec::new()),
        false => (maps, pictures),
    };
    let (ids, paths) = maps.into_iter().unzip();
    Ok(Folder {
        ids,
        paths,
        pictures: pictures.into_iter().map(|(_, path)| path).collect(),
    })
}

fn has_map_extension(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        EXTENSIONS
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// A relative path without its extension, its parts joined by `/`.
pub(crate) fn id_of_path(path: &Path) -> String {
    let path = path.with_extension("");
    let parts = path.iter().map(|part| part.to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}
