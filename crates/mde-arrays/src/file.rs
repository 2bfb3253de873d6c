//! A file of one or several arrays in any supported format.

use std::path::{Path, PathBuf};

use crate::array::map_size;
use crate::error::printable;
use crate::format::Format;
use crate::member::{Member, Storage};
use crate::npy::NotNumbers;
use crate::source::{Source, read_error};
use crate::{Array, ArrayError, Place, advice, grey_png, npy, npz, openexr, pfm, tensors};

/// A file of arrays. Only its headers are in memory; values are read on request.
#[derive(Debug, Clone)]
pub struct ArrayFile {
    path: PathBuf,
    members: Vec<Member>,
}

/// Reads one array: the one named `member`, or the only one of the file.
///
/// # Errors
/// Those of [`ArrayFile::open`] and [`ArrayFile::read`].
pub fn read_array(path: impl AsRef<Path>, member: Option<&str>) -> Result<Array, ArrayError> {
    ArrayFile::open(path)?.read(member)
}

impl ArrayFile {
    /// Reads the headers of a file.
    ///
    /// # Errors
    /// If the file cannot be read, has an unsupported format, or has damaged headers or headers
    /// that claim more than the file can hold.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ArrayError> {
        let path = path.as_ref();
        let mut source = Source::open(path)?;
        let members = match source.format()? {
            Format::Npy => vec![open_npy(&mut source)?],
            Format::Npz => npz::open(&mut source)?,
            Format::Safetensors => tensors::open(&mut source)?,
            Format::Exr => openexr::open(&mut source)?,
            Format::Pfm => vec![pfm::open(&mut source)?],
            Format::Png => vec![grey_png::open(&mut source)?],
        };
        Ok(Self {
            path: path.to_owned(),
            members,
        })
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names and shapes of the arrays, in the file's order.
    ///
    /// The name is empty where the format holds a single unnamed array. Each channel of an EXR is
    /// an array.
    pub fn members<'a>(&'a self) -> impl ExactSizeIterator<Item = (&'a str, &'a [usize])> {
        let name_and_shape = |member: &'a Member| (&member.name[..], &member.shape[..]);
        self.members.iter().map(name_and_shape)
    }

    /// Reads one array: the one named `member`, or the only one of the file.
    ///
    /// # EXR
    /// Without a name, an EXR of several channels gives the channel named `Z` or `depth` (in any
    /// case, after the last dot), else `Y`, else `R` if there is neither `G` nor `B`.
    ///
    /// # Errors
    /// If the array does not exist; if `member` is `None` and there are several; if the array is
    /// not numeric, is damaged, cannot be read or is larger than the limit.
    pub fn read(&self, member: Option<&str>) -> Result<Array, ArrayError> {
        self.read_member(self.find_member(member)?)
    }

    /// (height, width) of the array that [`read`](Self::read) would give, from the header alone.
    ///
    /// # Errors
    /// If the array does not exist, if `member` is `None` and there are several, or if the array is
    /// not numeric or not one map ([`Array::into_map`]).
    pub fn map_size(&self, member: Option<&str>) -> Result<(usize, usize), ArrayError> {
        let member = self.find_member(member)?;
        if let Storage::Refused(refused) = &member.storage {
            return Err(self.refused(member, refused));
        }
        map_size(&member.shape).ok_or_else(|| ArrayError::NotAMap {
            place: self.place(member),
            shape: member.shape.clone(),
        })
    }

    /// Reads one entry along the first axis: `[C, H, W]` of `[N, C, H, W]`.
    ///
    /// Reads only that part from disk where the array is uncompressed and in C order; otherwise it
    /// reads the whole array.
    ///
    /// # Errors
    /// Those of [`read`](Self::read), and an index beyond the first axis.
    pub fn read_slice(&self, member: Option<&str>, index: usize) -> Result<Array, ArrayError> {
        self.read_member_slice(self.find_member(member)?, index)
    }

    pub(crate) fn read_member_slice(
        &self,
        member: &Member,
        index: usize,
    ) -> Result<Array, ArrayError> {
        let Some((_, shape)) = member
            .shape
            .split_first()
            .filter(|(count, _)| index < **count)
        else {
            return Err(ArrayError::NoSuchIndex {
                place: self.place(member),
                index,
                shape: member.shape.clone(),
            });
        };
        let count: usize = shape.iter().product();
        let values = if member.has_random_access() {
            let mut source = Source::open(&self.path)?;
            let part = Member {
                shape: shape.to_vec(),
                ..member.clone()
            };
            read_part(&mut source, &part, index, count)?
        } else {
            let whole = self.read_member(member)?;
            whole.values[index * count..][..count].to_vec()
        };
        Ok(Array {
            shape: shape.to_vec(),
            values,
        })
    }

    pub(crate) fn read_member(&self, member: &Member) -> Result<Array, ArrayError> {
        let mut source = Source::open(&self.path)?;
        let values = match &member.storage {
            Storage::Plain { .. } => {
                let count = member.shape.iter().product();
                read_part(&mut source, member, 0, count)?
            }
            Storage::Zipped { .. } => npz::read(&mut source, member)?,
            Storage::Png => grey_png::read(&mut source, &member.shape)?,
            Storage::Exr { part, channel } => openexr::read(&mut source, member, *part, *channel)?,
            Storage::Refused(refused) => return Err(self.refused(member, refused)),
        };
        Ok(Array {
            shape: member.shape.clone(),
            values,
        })
    }

    pub(crate) fn all_members(&self) -> &[Member] {
        &self.members
    }

    /// The array with this name; without a name, the only array or an EXR's depth channel.
    pub(crate) fn find_member(&self, name: Option<&str>) -> Result<&Member, ArrayError> {
        let found = match (name, &self.members[..]) {
            (Some(name), members) => members.iter().find(|member| member.name == name),
            (None, [only]) => Some(only),
            (None, members) => openexr::depth_channel(members),
        };
        found.ok_or_else(|| {
            let (path, members) = (self.path.clone(), self.describe_members());
            match name {
                None => ArrayError::SeveralMembers { path, members },
                Some(name) => ArrayError::NoSuchMember {
                    path,
                    wanted: printable(name),
                    members,
                },
            }
        })
    }

    fn refused(&self, member: &Member, refused: &NotNumbers) -> ArrayError {
        let place = self.place(member);
        ArrayError::Unsupported {
            advice: advice::for_array(&place, &member.shape, refused),
            found: refused.found.clone(),
            place,
        }
    }

    pub(crate) fn place(&self, member: &Member) -> Place {
        Place::member(&self.path, &member.name)
    }

    /// Names and shapes as errors list them.
    pub(crate) fn describe_members(&self) -> Vec<String> {
        let describe = |member: &Member| match &member.storage {
            Storage::Refused(NotNumbers { found, .. }) => {
                format!("`{}` ({found})", printable(&member.name))
            }
            _ if member.name.is_empty() => format!("an array {:?}", member.shape),
            _ => format!("`{}` {:?}", printable(&member.name), member.shape),
        };
        self.members.iter().map(describe).collect()
    }
}

/// Reads the uncompressed array `part`, which is preceded by `index` arrays of its size.
fn read_part(
    source: &mut Source,
    part: &Member,
    index: usize,
    count: usize,
) -> Result<Vec<f32>, ArrayError> {
    match part.storage {
        Storage::Plain { layout, at } => {
            let skip = layout.bytes(count).unwrap_or(0) * index as u64;
            let place = source.place(&part.name);
            source.seek(at + skip)?;
            let read = layout.read(&mut source.reader, &part.shape, count);
            read.map_err(|error| read_error(&place, error))
        }
        _ => npz::read_stored(source, part, index, count),
    }
}

fn open_npy(source: &mut Source) -> Result<Member, ArrayError> {
    let header = npy::read_header(&mut source.reader)
        .map_err(|error| source.error(error))?
        .map_err(|reason| source.damaged(reason))?;
    let storage = match header.layout {
        Ok(layout) => {
            let bytes = source.length.saturating_sub(header.length);
            source.check_exact_size("", &header.shape, layout, bytes)?;
            Storage::Plain {
                layout,
                at: header.length,
            }
        }
        Err(refused) => Storage::Refused(refused),
    };
    Ok(Member {
        name: String::new(),
        shape: header.shape,
        storage,
    })
}
