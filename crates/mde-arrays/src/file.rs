//! A file of one or several arrays, whatever its format.

use std::path::{Path, PathBuf};

use crate::error::shown;
use crate::format::Format;
use crate::npy::NotNumbers;
use crate::numbers::{Layout, Order};
use crate::source::{Source, read_error};
use crate::{Array, ArrayError, Place, grey_png, npy, npz, openexr, pfm, tensors};

/// One array of a file, as the file's header describes it.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Empty where the format holds one array without a name.
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) storage: Storage,
}

/// Where the values of an array are.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// Uncompressed, from this byte on.
    Plain {
        layout: Layout,
        at: u64,
    },
    /// In a zip archive, `header` bytes into this entry.
    Zipped {
        layout: Layout,
        entry: usize,
        header: u64,
        stored: bool,
    },
    Png,
    /// A channel of a part of a picture.
    Exr {
        part: usize,
        channel: usize,
    },
    /// No plain numbers.
    Refused(NotNumbers),
}

/// A file of arrays whose headers were read. The values stay on the disk until they are asked for.
#[derive(Debug, Clone)]
pub struct ArrayFile {
    path: PathBuf,
    members: Vec<Member>,
}

/// Reads one array: the one called `member`, else the file's only one.
///
/// # Errors
/// Those of [`ArrayFile::open`] and [`ArrayFile::read`].
pub fn read_array(path: impl AsRef<Path>, member: Option<&str>) -> Result<Array, ArrayError> {
    ArrayFile::open(path)?.read(member)
}

impl Member {
    /// Whether the values are stored as integers; not known of a picture's channel, which is taken for floats.
    pub(crate) fn is_of_integers(&self) -> bool {
        match &self.storage {
            Storage::Plain { layout, .. } | Storage::Zipped { layout, .. } => {
                layout.number.is_integer()
            }
            Storage::Png => true,
            Storage::Exr { .. } | Storage::Refused(_) => false,
        }
    }
}

impl ArrayFile {
    /// Reads the headers of a file.
    ///
    /// # Errors
    /// If the file cannot be read, is of another format, or its headers are damaged or claim more than the file can hold.
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

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names and shapes of the arrays, in the file's order. The name is empty where the format holds one array without
    /// a name; the channels of an EXR are arrays here.
    pub fn members<'a>(&'a self) -> impl ExactSizeIterator<Item = (&'a str, &'a [usize])> {
        let described = |member: &'a Member| (&member.name[..], &member.shape[..]);
        self.members.iter().map(described)
    }

    /// Reads an array: the one called `member`, else the only one, for EXR see [below](#exr).
    ///
    /// # EXR
    /// Without a name, of several channels the one is read that is called `Z` or `depth` (in any case, after the last dot),
    /// else `Y`, else `R` if there is no `G` or `B`.
    ///
    /// # Errors
    /// If there is no such array, or several and none is named; if it does not hold plain numbers, is damaged, cannot be
    /// read or is larger than what is read.
    pub fn read(&self, member: Option<&str>) -> Result<Array, ArrayError> {
        self.read_member(self.choose(member)?)
    }

    /// Reads one entry of the first axis of an array: `[C, H, W]` of `[N, C, H, W]`.
    ///
    /// Reads no more than that from the disk where the array lies uncompressed and in C order; else it reads the whole array.
    ///
    /// # Errors
    /// As [`read`](Self::read), and for an index beyond the first axis.
    pub fn read_slice(&self, member: Option<&str>, index: usize) -> Result<Array, ArrayError> {
        self.read_slice_of(self.choose(member)?, index)
    }

    pub(crate) fn read_slice_of(&self, member: &Member, index: usize) -> Result<Array, ArrayError> {
        let place = self.place(member);
        let Some((_, shape)) = member
            .shape
            .split_first()
            .filter(|(count, _)| index < **count)
        else {
            return Err(ArrayError::NoSuchIndex {
                place,
                index,
                shape: member.shape.clone(),
            });
        };
        let count: usize = shape.iter().product();
        let values = if member.reads_in_parts() {
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
            Storage::Refused(NotNumbers { found, advice }) => {
                return Err(ArrayError::Unsupported {
                    place: self.place(member),
                    found: found.clone(),
                    advice: (*advice).to_owned(),
                });
            }
        };
        Ok(Array {
            shape: member.shape.clone(),
            values,
        })
    }

    pub(crate) fn all(&self) -> &[Member] {
        &self.members
    }

    /// The array of this name, or the one that is meant without a name.
    pub(crate) fn choose(&self, name: Option<&str>) -> Result<&Member, ArrayError> {
        Ok(self.choose_at(name)?.1)
    }

    /// The same, and which of all it is.
    pub(crate) fn choose_at(&self, name: Option<&str>) -> Result<(usize, &Member), ArrayError> {
        let at = match (name, &self.members[..]) {
            (Some(name), members) => members.iter().position(|member| member.name == name),
            (None, [_]) => Some(0),
            (None, members) => openexr::depth_channel(members),
        };
        let member = at.and_then(|at| Some((at, self.members.get(at)?)));
        member.ok_or_else(|| self.not_chosen(name))
    }

    fn not_chosen(&self, name: Option<&str>) -> ArrayError {
        let (path, members) = (self.path.clone(), self.described());
        match name {
            None => ArrayError::SeveralMembers { path, members },
            Some(name) => ArrayError::NoSuchMember {
                path,
                wanted: shown(name),
                members,
            },
        }
    }

    pub(crate) fn place(&self, member: &Member) -> Place {
        Place::member(&self.path, &member.name)
    }

    /// Names and shapes as errors list them.
    pub(crate) fn described(&self) -> Vec<String> {
        let described = |member: &Member| match &member.storage {
            Storage::Refused(NotNumbers { found, .. }) => {
                format!("`{}` ({found})", shown(&member.name))
            }
            _ => format!("`{}` {:?}", shown(&member.name), member.shape),
        };
        self.members.iter().map(described).collect()
    }
}

impl Member {
    /// Whether a part of it can be read without what comes before.
    pub(crate) fn reads_in_parts(&self) -> bool {
        match self.storage {
            Storage::Plain { layout, .. } => layout.order == Order::RowMajor,
            Storage::Zipped { layout, stored, .. } => stored && layout.order == Order::RowMajor,
            _ => false,
        }
    }
}

/// Reads the array `part` that has `index` of its size before it, uncompressed.
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
            source.holds("", &header.shape, layout, bytes)?;
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
