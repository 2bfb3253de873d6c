//! NumPy's array archives: a zip with one `.npy` per array.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::member::{Member, Storage};
use crate::source::{INITIAL_CAPACITY, Source, damaged, read_error};
use crate::{ArrayError, Place, advice, npy};

const SAVE_AS_NPZ: &str = "save arrays with np.savez or np.savez_compressed";

/// The arrays of an archive.
pub(crate) fn open(source: &mut Source) -> Result<Vec<Member>, ArrayError> {
    let mut archive = archive(source)?;
    let mut members = Vec::new();
    let mut names = HashSet::new();
    let mut is_pytorch = false;
    for entry in 0..archive.len() {
        let name = match archive.name_for_index(entry) {
            Some(Ok(name)) => name.into_owned(),
            Some(Err(error)) => return Err(zip_error(&source.place(""), error)),
            None => continue,
        };
        is_pytorch |= name.ends_with("/data.pkl");
        let Some(name) = name.strip_suffix(".npy") else {
            continue;
        };
        if !names.insert(name.to_owned()) {
            return Err(damaged(source.place(name), "two arrays have this name"));
        }
        members.push(open_entry(source, &mut archive, entry, name)?);
    }
    if members.is_empty() {
        if is_pytorch {
            let advice = advice::pytorch(&source.path);
            return Err(source.unsupported("a file of torch.save", &advice));
        }
        return Err(source.unsupported("a zip archive without .npy files", SAVE_AS_NPZ));
    }
    Ok(members)
}

fn open_entry(
    source: &Source,
    archive: &mut ZipArchive<BufReader<File>>,
    entry: usize,
    name: &str,
) -> Result<Member, ArrayError> {
    let place = source.place(name);
    let mut file = archive
        .by_index(entry)
        .map_err(|error| zip_error(&place, error))?;
    let header = npy::read_header(&mut file)
        .map_err(|error| read_error(&place, error))?
        .map_err(|reason| damaged(place.clone(), reason))?;
    let storage = match header.layout {
        Ok(layout) => {
            let (shape, bytes) = (&header.shape, file.size().saturating_sub(header.length));
            source.check_exact_size(name, shape, layout, bytes)?;
            let stored = file.compression() == CompressionMethod::Stored;
            if stored && bytes > source.length {
                return Err(damaged(place, "it is truncated"));
            }
            if !stored {
                // The archive can declare any size, but an entry cannot exceed the archive.
                let compressed = file.compressed_size().min(source.length);
                let advice = advice::uncompressed(&source.path, name);
                let size = layout.number.size();
                source.check_compressed_size(name, shape, size, compressed, &advice)?;
            }
            Storage::Zipped {
                layout,
                entry,
                header: header.length,
                stored,
            }
        }
        Err(refused) => Storage::Refused(refused),
    };
    Ok(Member {
        name: name.to_owned(),
        shape: header.shape,
        storage,
    })
}

/// Reads a whole array and verifies its checksum.
pub(crate) fn read(source: &mut Source, member: &Member) -> Result<Vec<f32>, ArrayError> {
    let Storage::Zipped { layout, entry, .. } = member.storage else {
        return Ok(Vec::new());
    };
    let place = source.place(&member.name);
    let mut archive = archive(source)?;
    let mut file = archive
        .by_index(entry)
        .map_err(|error| zip_error(&place, error))?;
    let mut read = || {
        if npy::read_header(&mut file)?.is_err() {
            return Ok(None);
        }
        let values = layout.read(&mut file, &member.shape, INITIAL_CAPACITY)?;
        // Reading past the end verifies the checksum.
        Ok((file.read(&mut [0])? == 0).then_some(values))
    };
    match read() {
        Ok(Some(values)) => Ok(values),
        Ok(None) => Err(damaged(place, "the file changed during reading")),
        Err(error) => Err(read_error(&place, error)),
    }
}

/// Reads the array `part` from a stored entry, where `index` arrays of its size precede it.
pub(crate) fn read_stored(
    source: &mut Source,
    part: &Member,
    index: usize,
    count: usize,
) -> Result<Vec<f32>, ArrayError> {
    let Storage::Zipped {
        layout,
        entry,
        header,
        ..
    } = part.storage
    else {
        return Ok(Vec::new());
    };
    let place = source.place(&part.name);
    let mut archive = archive(source)?;
    let mut file = archive
        .by_index_seek(entry)
        .map_err(|error| zip_error(&place, error))?;
    let skip = layout.bytes(count).unwrap_or(0) * index as u64;
    file.seek(SeekFrom::Start(header + skip))
        .and_then(|_| layout.read(&mut file, &part.shape, count))
        .map_err(|error| read_error(&place, error))
}

fn archive(source: &mut Source) -> Result<ZipArchive<BufReader<File>>, ArrayError> {
    let place = source.place("");
    let file = source.reader.get_ref().try_clone();
    let file = file.map_err(|error| source.error(error))?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| zip_error(&place, error))
}

fn zip_error(place: &Place, error: ZipError) -> ArrayError {
    match error {
        ZipError::Io(error) => read_error(place, error),
        ZipError::UnsupportedArchive(what) => ArrayError::Unsupported {
            place: place.clone(),
            found: format!("an unsupported zip archive: {what}"),
            advice: SAVE_AS_NPZ.to_owned(),
        },
        error => damaged(place.clone(), error.to_string()),
    }
}
