//! The maps of a folder or of a file, by their ids.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::array::map_size;
use crate::error::{first_of, shown};
use crate::file::{Member, Storage};
use crate::format::EXTENSIONS;
use crate::ids::IdIndex;
use crate::{Array, ArrayError, ArrayFile, Map, Place};

/// Maps `[H, W]` with an id each, loaded one by one.
///
/// A set may be shared among threads: [`load`](Self::load) opens the file anew.
#[derive(Debug)]
pub struct MapSet {
    path: PathBuf,
    ids: Vec<String>,
    index: HashMap<String, usize>,
    maps: Maps,
}

/// Where the maps are.
#[derive(Debug)]
enum Maps {
    /// A file each; the array called `member` in each, if it has a name.
    Files {
        paths: Vec<PathBuf>,
        member: Option<String>,
    },
    /// Arrays of one file, these of its members.
    Members {
        file: ArrayFile,
        members: Vec<usize>,
    },
    /// The entries of the first axis of one array, on the disk.
    Stack { file: ArrayFile, member: usize },
    /// The same in memory, where the array can only be read whole.
    Loaded {
        array: Array,
        place: Place,
        integers: bool,
    },
}

impl MapSet {
    /// Finds the maps of
    /// - a folder: all files of a format that is read, in it or below it, files and folders whose names begin with a dot
    ///   left out. An id is the path from the folder, parts joined by `/`, without the extension;
    /// - a file of one array that is a single map; its id is the file's name without the extension;
    /// - an `.npz` or `.safetensors` of several arrays, one map each; ids are the arrays' names;
    /// - a file of one array `[N, H, W]` or `[N, 1, H, W]`; ids are `0` to `N - 1`. Where it is compressed or in
    ///   Fortran's order it is read here, whole, and stays in memory.
    ///
    /// `member` names the array that is meant in the file, or in each file of the folder.
    ///
    /// Only the headers of a single file are read here; those of a folder's files are when a map is loaded.
    ///
    /// # Errors
    /// If there is no map, two files of a folder have the same id, or the arrays of a file are not maps.
    pub fn open(path: impl AsRef<Path>, member: Option<&str>) -> Result<Self, ArrayError> {
        let path = path.as_ref();
        let (ids, maps) = if path.is_dir() {
            open_folder(path, member)?
        } else {
            open_file(path, member)?
        };
        let index = ids.iter().cloned().zip(0..).collect();
        Ok(Self {
            path: path.to_owned(),
            ids,
            index,
            maps,
        })
    }

    /// The ids: sorted for a folder, else in the file's order. There is at least one, and none twice.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// How many maps there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Never: a set without maps is an error of [`open`](Self::open).
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether the ids are nothing but indices of a stack `[N, H, W]`, which say nothing of names.
    pub fn is_stack(&self) -> bool {
        matches!(self.maps, Maps::Stack { .. } | Maps::Loaded { .. })
    }

    /// The id that is meant by `id`: itself if it is there, else the one that ends in the same part and, if several do, has
    /// most other parts in common: `00045` finds `test/kitchen/00045`, and the other way round. For many there is
    /// [`pair`](crate::pair).
    ///
    /// # Errors
    /// [`ArrayError::UnknownId`] if there is none, [`ArrayError::AmbiguousId`] if several fit equally well.
    pub fn find(&self, id: &str) -> Result<&str, ArrayError> {
        let found = match self.index.get(id) {
            Some(index) => Some(*index),
            None => IdIndex::new(&self.ids, 0..self.len()).find(id)?,
        };
        match found {
            Some(index) => Ok(&self.ids[index]),
            None => Err(self.unknown(id)),
        }
    }

    /// Reads a map by its whole id.
    ///
    /// # Errors
    /// [`ArrayError::UnknownId`], [`ArrayError::NotAMap`], and those of [`ArrayFile::read`].
    pub fn load(&self, id: &str) -> Result<Map, ArrayError> {
        let index = *self.index.get(id).ok_or_else(|| self.unknown(id))?;
        match &self.maps {
            Maps::Files { paths, member } => {
                let file = ArrayFile::open(&paths[index])?;
                let member = file.choose(member.as_deref())?;
                file.read_member(member)?.into_map_of(&file.place(member))
            }
            Maps::Members { file, members } => {
                let member = &file.all()[members[index]];
                file.read_member(member)?.into_map_of(&file.place(member))
            }
            Maps::Stack { file, member } => {
                let member = &file.all()[*member];
                let slice = file.read_slice_of(member, index)?;
                slice.into_map_of(&file.place(member))
            }
            Maps::Loaded { array, place, .. } => {
                let shape = array.shape[1..].to_vec();
                let size: usize = shape.iter().product();
                let values = array.values[index * size..][..size].to_vec();
                Array { shape, values }.into_map_of(place)
            }
        }
    }

    /// Whether a map is stored as integers, by its whole id: what 1 stands for then only its writer knows. The channels of an
    /// EXR count as floats.
    ///
    /// # Errors
    /// As [`load`](Self::load), as far as the file's header is at fault.
    pub fn holds_integers(&self, id: &str) -> Result<bool, ArrayError> {
        let index = *self.index.get(id).ok_or_else(|| self.unknown(id))?;
        Ok(match &self.maps {
            Maps::Files { paths, member } => {
                let file = ArrayFile::open(&paths[index])?;
                file.choose(member.as_deref())?.is_of_integers()
            }
            Maps::Members { file, members } => file.all()[members[index]].is_of_integers(),
            Maps::Stack { file, member } => file.all()[*member].is_of_integers(),
            Maps::Loaded { integers, .. } => *integers,
        })
    }

    fn unknown(&self, id: &str) -> ArrayError {
        ArrayError::UnknownId {
            path: self.path.clone(),
            id: shown(id),
            maps: self.len(),
            known: first_of(self.ids.iter().map(|id| shown(id))),
        }
    }
}

fn open_file(path: &Path, name: Option<&str>) -> Result<(Vec<String>, Maps), ArrayError> {
    let file = ArrayFile::open(path)?;
    // The channels of a picture are no maps of several images.
    let picture = matches!(
        file.all()[..],
        [
            Member {
                storage: Storage::Exr { .. },
                ..
            },
            ..
        ]
    );
    if name.is_none() && file.all().len() > 1 && !picture {
        return open_members(file);
    }
    let (at, member) = file.choose_at(name)?;
    if let Storage::Refused(_) = member.storage {
        // The error of reading it says what to do.
        file.read_member(member)?;
    }
    if map_size(&member.shape).is_some() {
        let id = if member.name.is_empty() || picture {
            id_of(path.file_name().map_or(path, Path::new))
        } else {
            member.name.clone()
        };
        let members = vec![at];
        return Ok((vec![id], Maps::Members { file, members }));
    }
    match member.shape[..] {
        [count, height, width] | [count, 1, height, width] if count * height * width > 0 => {
            let ids = (0..count).map(|index| index.to_string()).collect();
            Ok((ids, open_stack(file, at)?))
        }
        _ => Err(not_maps(&file)),
    }
}

/// A file of one map an array.
fn open_members(file: ArrayFile) -> Result<(Vec<String>, Maps), ArrayError> {
    let is_map = |member: &Member| {
        map_size(&member.shape).is_some() && !matches!(member.storage, Storage::Refused(_))
    };
    if !file.all().iter().all(is_map) {
        return Err(not_maps(&file));
    }
    let ids = file.all().iter().map(|member| member.name.clone());
    let members = (0..file.all().len()).collect();
    Ok((ids.collect(), Maps::Members { file, members }))
}

fn open_stack(file: ArrayFile, at: usize) -> Result<Maps, ArrayError> {
    let member = &file.all()[at];
    if member.reads_in_parts() {
        return Ok(Maps::Stack { file, member: at });
    }
    Ok(Maps::Loaded {
        array: file.read_member(member)?,
        place: file.place(member),
        integers: member.is_of_integers(),
    })
}

fn not_maps(file: &ArrayFile) -> ArrayError {
    ArrayError::NotMaps {
        path: file.path().to_owned(),
        members: file.described(),
    }
}

fn open_folder(folder: &Path, member: Option<&str>) -> Result<(Vec<String>, Maps), ArrayError> {
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    let mut others = 0;
    let visible = |entry: &DirEntry| {
        entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
    };
    for entry in WalkDir::new(folder)
        .follow_links(true)
        .into_iter()
        .filter_entry(visible)
    {
        let entry = entry.map_err(|error| ArrayError::Read {
            path: error.path().unwrap_or(folder).to_owned(),
            source: io::Error::from(error),
        })?;
        if entry.file_type().is_dir() {
            continue;
        }
        if is_map_file(entry.path()) {
            let path = entry.into_path();
            let id = id_of(path.strip_prefix(folder).unwrap_or(&path));
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
    found.sort();
    let neighbours = found.iter().zip(found.iter().skip(1));
    for ((id, first), (next, second)) in neighbours {
        if id == next {
            return Err(ArrayError::SameId {
                id: id.clone(),
                first: first.clone(),
                second: second.clone(),
            });
        }
    }
    let (ids, paths) = found.into_iter().unzip();
    let member = member.map(str::to_owned);
    Ok((ids, Maps::Files { paths, member }))
}

fn is_map_file(path: &Path) -> bool {
    let extension = path
        .extension()
        .map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
}

/// A relative path without its extension, its parts joined by `/`.
fn id_of(path: &Path) -> String {
    let path = path.with_extension("");
    let parts = path.iter().map(|part| part.to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}
