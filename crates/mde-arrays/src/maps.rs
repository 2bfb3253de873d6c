//! The maps of a folder or file, addressed by id.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::array::map_size;
use crate::error::{first_names, printable};
use crate::folder::{self, id_of_path};
use crate::ids::IdIndex;
use crate::member::{Member, Storage};
use crate::order::{Ids, OrderMeaning, numbered};
use crate::{Array, ArrayError, ArrayFile, Map, Place, advice};

/// Maps `[H, W]`, each with an id, loaded one at a time.
///
/// Threads can share a set: [`load`](Self::load) opens the file anew.
///
/// An id can contain `..` where a file names its arrays so. Check an id before using it in the path
/// of a file that you write.
#[derive(Debug)]
pub struct MapSet {
    path: PathBuf,
    ids: Vec<String>,
    index: HashMap<String, usize>,
    meaning: OrderMeaning,
    pictures: Vec<PathBuf>,
    maps: Maps,
}

/// Where the maps are stored.
#[derive(Debug)]
enum Maps {
    /// One file per map; `member` is the array's name in each.
    Files {
        paths: Vec<PathBuf>,
        member: Option<String>,
    },
    /// One array per map, in one file.
    Members {
        file: ArrayFile,
        members: Vec<Member>,
    },
    /// Entries along the first axis of one array, on disk.
    Stack { file: ArrayFile, member: Member },
    /// The same in memory, where the array can only be read whole.
    Loaded {
        array: Array,
        place: Place,
        is_integer: bool,
    },
}

impl MapSet {
    /// Finds the maps of a folder or file. `member` names the array to use in the file, or in each
    /// file of the folder.
    ///
    /// - **Folder**: every file with a supported extension in it or in its subfolders, except names
    ///   that begin with a dot, and colour PNGs beside other files. The id is the path relative to
    ///   the folder without extension, its parts joined by `/`.
    /// - **File with one map**: the id is the file name without extension.
    /// - **`.npz` or `.safetensors` of several arrays**, one map each: ids are the arrays' names.
    ///   `arr_0` to `arr_N-1`, the names that `numpy.savez` gives, are a stack.
    /// - **File with one array `[N, H, W]`, `[N, 1, H, W]` or `[N, H, W, 1]`**: ids are `0` to
    ///   `N - 1`. A compressed array, or one in Fortran order, is read here as a whole and stays in
    ///   memory.
    ///
    /// Reads only headers. Except for PNGs, the files of a folder are opened by
    /// [`load`](Self::load).
    ///
    /// # Errors
    /// If there is no map, two files of a folder have the same id, or the arrays of a file are not
    /// maps.
    pub fn open(path: impl AsRef<Path>, member: Option<&str>) -> Result<Self, ArrayError> {
        let path = path.as_ref();
        let (ids, meaning, maps, pictures) = if path.is_dir() {
            let found = folder::find(path)?;
            let maps = Maps::Files {
                paths: found.paths,
                member: member.map(str::to_owned),
            };
            (found.ids, OrderMeaning::Nothing, maps, found.pictures)
        } else {
            let (ids, meaning, maps) = open_file(path, member)?;
            (ids, meaning, maps, Vec::new())
        };
        let index = ids.iter().cloned().zip(0..).collect();
        Ok(Self {
            path: path.to_owned(),
            ids,
            index,
            meaning,
            pictures,
            maps,
        })
    }

    /// The ids, at least one, without duplicates. In natural order for a folder (`2` before `10`),
    /// otherwise in the file's order.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// The ids, and what their order means, for [`pair`](crate::pair).
    pub fn ordered_ids(&self) -> Ids<'_> {
        Ids {
            ids: &self.ids,
            meaning: self.meaning,
        }
    }

    /// Colour PNGs in a folder that are left out because there are other files.
    pub fn pictures(&self) -> &[PathBuf] {
        &self.pictures
    }

    /// Number of maps.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Always false: [`open`](Self::open) rejects a set without maps.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether the ids are positions in a stack rather than names.
    pub fn is_stack(&self) -> bool {
        self.meaning == OrderMeaning::Stack
    }

    /// The id that best matches `id`.
    ///
    /// This is `id` itself if it exists. Otherwise it is the id with the same last part; if there
    /// are several, the one with most other parts in common. `00045` finds `test/kitchen/00045`,
    /// and the reverse. To match many ids, use [`pair`](crate::pair).
    ///
    /// # Errors
    /// [`ArrayError::UnknownId`] if there is none, [`ArrayError::AmbiguousId`] if several match
    /// equally well.
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

    /// Reads the map with exactly this id.
    ///
    /// # Errors
    /// [`ArrayError::UnknownId`], [`ArrayError::NotAMap`], and those of [`ArrayFile::read`].
    pub fn load(&self, id: &str) -> Result<Map, ArrayError> {
        let index = self.position(id)?;
        match &self.maps {
            Maps::Files { paths, member } => {
                let file = ArrayFile::open(&paths[index])?;
                let member = file.find_member(member.as_deref())?;
                file.read_member(member)?.into_map_from(file.place(member))
            }
            Maps::Members { file, members } => {
                let member = &members[index];
                file.read_member(member)?.into_map_from(file.place(member))
            }
            Maps::Stack { file, member } => {
                let slice = file.read_member_slice(member, index)?;
                slice.into_map_from(file.place(member))
            }
            Maps::Loaded { array, place, .. } => {
                let shape = array.shape[1..].to_vec();
                let size: usize = shape.iter().product();
                let values = array.values[index * size..][..size].to_vec();
                Array { shape, values }.into_map_from(place.clone())
            }
        }
    }

    /// Whether the map with exactly this id is stored as integers, whose unit only the writer
    /// knows.
    ///
    /// Channels of an EXR count as floats.
    ///
    /// # Errors
    /// [`ArrayError::UnknownId`], and those of [`ArrayFile::open`].
    pub fn holds_integers(&self, id: &str) -> Result<bool, ArrayError> {
        let index = self.position(id)?;
        Ok(match &self.maps {
            Maps::Files { paths, member } => {
                let file = ArrayFile::open(&paths[index])?;
                file.find_member(member.as_deref())?.is_integer()
            }
            Maps::Members { members, .. } => members[index].is_integer(),
            Maps::Stack { member, .. } => member.is_integer(),
            Maps::Loaded { is_integer, .. } => *is_integer,
        })
    }

    /// Height and width of the map with exactly this id, from the file's header.
    ///
    /// # Errors
    /// [`ArrayError::UnknownId`], [`ArrayError::NotAMap`], and those of [`ArrayFile::open`].
    pub fn size(&self, id: &str) -> Result<(usize, usize), ArrayError> {
        let index = self.position(id)?;
        let (shape, place) = match &self.maps {
            Maps::Files { paths, member } => {
                return ArrayFile::open(&paths[index])?.map_size(member.as_deref());
            }
            Maps::Members { file, members } => {
                (members[index].shape.clone(), file.place(&members[index]))
            }
            Maps::Stack { file, member } => (member.shape[1..].to_vec(), file.place(member)),
            Maps::Loaded { array, place, .. } => (array.shape[1..].to_vec(), place.clone()),
        };
        map_size(&shape).ok_or(ArrayError::NotAMap { place, shape })
    }

    /// How to save the maps anew, if this is a stack whose last axis has this length instead of its
    /// first: `[H, W, N]`.
    pub fn maps_first(&self, maps: usize) -> Option<String> {
        let (shape, place) = match &self.maps {
            Maps::Stack { file, member } => (&member.shape, file.place(member)),
            Maps::Loaded { array, place, .. } => (&array.shape, place.clone()),
            _ => return None,
        };
        let is_last = matches!(shape[..], [first, _, last] if last == maps && first != maps);
        is_last.then(|| {
            let advice = advice::maps_first(&place);
            format!("its shape {shape:?} looks like [H, W, N], and [N, H, W] is expected; {advice}")
        })
    }

    fn position(&self, id: &str) -> Result<usize, ArrayError> {
        let index = self.index.get(id).copied();
        index.ok_or_else(|| self.unknown(id))
    }

    fn unknown(&self, id: &str) -> ArrayError {
        ArrayError::UnknownId {
            path: self.path.clone(),
            id: printable(id),
            maps: self.len(),
            known: first_names(&self.ids),
        }
    }
}

type Opened = (Vec<String>, OrderMeaning, Maps);

fn open_file(path: &Path, name: Option<&str>) -> Result<Opened, ArrayError> {
    let file = ArrayFile::open(path)?;
    // The channels of an EXR belong to one image.
    let is_exr = matches!(
        file.all_members().first(),
        Some(Member {
            storage: Storage::Exr { .. },
            ..
        })
    );
    if name.is_none() && file.all_members().len() > 1 && !is_exr {
        return open_members(file);
    }
    let member = file.find_member(name)?.clone();
    if let Storage::Refused(_) = member.storage {
        // Reading it gives the error with its advice.
        file.read_member(&member)?;
    }
    if map_size(&member.shape).is_some() {
        let is_unnamed = member.name.is_empty() || is_exr;
        let id = if is_unnamed {
            id_of_path(path.file_name().map_or(path, Path::new))
        } else {
            member.name.clone()
        };
        let members = vec![member];
        let maps = Maps::Members { file, members };
        return Ok((vec![id], OrderMeaning::Single, maps));
    }
    match member.shape[..] {
        [count, height, width] | [count, 1, height, width] | [count, height, width, 1]
            if count * height * width > 0 =>
        {
            let ids = (0..count).map(|index| index.to_string()).collect();
            Ok((ids, OrderMeaning::Stack, open_stack(file, member)?))
        }
        _ => Err(not_maps(&file)),
    }
}

/// A file with one array per map.
fn open_members(file: ArrayFile) -> Result<Opened, ArrayError> {
    let is_map = |member: &Member| {
        map_size(&member.shape).is_some() && !matches!(member.storage, Storage::Refused(_))
    };
    let mut members = file.all_members().to_vec();
    if !members.iter().all(is_map) {
        return Err(not_maps(&file));
    }
    // The names that numpy.savez gives to a list of arrays.
    let number = |member: &Member| member.name.strip_prefix("arr_")?.parse().ok();
    let numbers: Option<Vec<u64>> = members.iter().map(number).collect();
    let mut meaning = OrderMeaning::Stored;
    let names: Vec<String> = members.iter().map(|member| member.name.clone()).collect();
    if numbers.is_some() && numbered(&names) == Some(0) {
        members.sort_by_key(number);
        meaning = OrderMeaning::Stack;
    }
    let ids = members.iter().map(|member| member.name.clone()).collect();
    Ok((ids, meaning, Maps::Members { file, members }))
}

fn open_stack(file: ArrayFile, member: Member) -> Result<Maps, ArrayError> {
    if member.has_random_access() {
        return Ok(Maps::Stack { file, member });
    }
    Ok(Maps::Loaded {
        array: file.read_member(&member)?,
        place: file.place(&member),
        is_integer: member.is_integer(),
    })
}

fn not_maps(file: &ArrayFile) -> ArrayError {
    ArrayError::NotMaps {
        path: file.path().to_owned(),
        members: file.describe_members(),
    }
}
