//! OpenEXR: each channel of a flat image is an array.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::panic::{self, AssertUnwindSafe};

use exr::block::reader::{ChunksReader, Reader};
use exr::compression::Compression;
use exr::math::Vec2;
use exr::meta::attribute::SampleType;
use exr::meta::header::Header;
use half::f16;

use crate::member::{Member, Storage};
use crate::source::{Source, damaged, read_error};
use crate::{ArrayError, Place};

const SAVE_WITH_ZIP: &str = "save it with ZIP compression";

/// The channels of all parts of a file.
pub(crate) fn open(source: &mut Source) -> Result<Vec<Member>, ArrayError> {
    let reader = reader(source)?;
    let headers = reader.headers().to_vec();
    let mut members = Vec::new();
    for (part, header) in headers.iter().enumerate() {
        check_part(source, header)?;
        let layer = header.own_attributes.layer_name.as_ref();
        for (channel, description) in header.channels.list.iter().enumerate() {
            let name = match layer.filter(|_| headers.len() > 1) {
                Some(layer) => format!("{layer}.{}", description.name),
                None => description.name.to_string(),
            };
            members.push(Member {
                name,
                shape: vec![header.layer_size.height(), header.layer_size.width()],
                storage: Storage::Exr { part, channel },
            });
        }
    }
    Ok(members)
}

/// Checks that a part is a flat, full-size image that the file can hold.
fn check_part(source: &Source, header: &Header) -> Result<(), ArrayError> {
    let size = header.layer_size;
    if header.deep {
        let advice = "flatten it to one value per pixel";
        return Err(source.unsupported("deep data (several values per pixel)", advice));
    }
    // The decoder of DWA allocates whatever a block claims, which can abort the process.
    if let Compression::DWAA(_) | Compression::DWAB(_) = header.compression {
        return Err(source.unsupported("the lossy compression DWA", SAVE_WITH_ZIP));
    }
    let window = header.shared_attributes.display_window;
    if window.size != size || window.position != header.own_attributes.layer_position {
        let found = format!(
            "pixels of {}x{} in an image of {}x{} (height x width)",
            size.height(),
            size.width(),
            window.size.height(),
            window.size.width(),
        );
        return Err(source.unsupported(found, "save the whole image, not a crop"));
    }
    if header
        .channels
        .list
        .iter()
        .any(|channel| channel.sampling != Vec2(1, 1))
    {
        return Err(source.unsupported("subsampled channels", "save all channels at full size"));
    }
    // The decoder decodes all channels together.
    let shape = [header.channels.list.len(), size.height(), size.width()];
    source.check_compressed_size("", &shape, 2, source.length, "split the image")?;
    Ok(())
}

/// The channel whose name says that it is depth, if there is exactly one.
pub(crate) fn depth_channel(members: &[Member]) -> Option<&Member> {
    let named = |names: &[&str]| -> Vec<&Member> {
        let is_named = |member: &&Member| {
            let last = member.name.rsplit('.').next().unwrap_or_default();
            matches!(member.storage, Storage::Exr { .. })
                && names.iter().any(|name| last.eq_ignore_ascii_case(name))
        };
        members.iter().filter(is_named).collect()
    };
    let mut found = named(&["z", "depth"]);
    if found.is_empty() {
        found = named(&["y"]);
    }
    // The red channel of a colour image is not depth.
    if found.is_empty() && named(&["g", "b"]).is_empty() {
        found = named(&["r"]);
    }
    match found[..] {
        [only] => Some(only),
        _ => None,
    }
}

/// Reads one channel.
pub(crate) fn read(
    source: &mut Source,
    member: &Member,
    part: usize,
    channel: usize,
) -> Result<Vec<f32>, ArrayError> {
    let place = source.place(&member.name);
    let reader = reader(source)?;
    catch_panics(&place, || {
        decode(&place, reader, &member.shape, (part, channel))
    })?
}

/// Decodes all blocks and keeps one channel of one part.
fn decode(
    place: &Place,
    reader: Reader<&mut BufReader<File>>,
    shape: &[usize],
    (part, channel): (usize, usize),
) -> Result<Vec<f32>, ArrayError> {
    let changed = || damaged(place.clone(), "the file changed during reading");
    let header = reader.headers().get(part).ok_or_else(changed)?.clone();
    let kind = header
        .channels
        .list
        .get(channel)
        .ok_or_else(changed)?
        .sample_type;
    let width = header.layer_size.width();
    if *shape != [header.layer_size.height(), width] {
        return Err(changed());
    }
    let mut values = vec![0.0; shape.iter().product()];
    let (mut seen, mut pixels) = (HashSet::new(), 0);
    let chunks = reader
        .all_chunks(false)
        .map_err(|error| exr_error(place, error))?;
    for block in chunks.sequential_decompressor(false) {
        let block = block.map_err(|error| exr_error(place, error))?;
        let index = block.index;
        if index.layer != part || index.level != Vec2(0, 0) {
            continue;
        }
        if !seen.insert(index.pixel_position) {
            return Err(damaged(place.clone(), "a block of pixels occurs twice"));
        }
        let lines = block.lines(&header.channels);
        for line in lines.filter(|line| line.location.channel == channel) {
            let Vec2(x, y) = line.location.position;
            let row = values.iter_mut().skip(y * width + x);
            let samples = row.zip(samples(line.value, kind));
            pixels += samples.map(|(value, sample)| *value = sample).count();
        }
    }
    if pixels != values.len() {
        let reason = format!("it has {pixels} of its {} pixels", values.len());
        return Err(damaged(place.clone(), reason));
    }
    Ok(values)
}

/// The samples of a decoded line, in native byte order.
fn samples(bytes: &[u8], kind: SampleType) -> Box<dyn Iterator<Item = f32> + '_> {
    let (words, _) = bytes.as_chunks();
    let (pairs, _) = bytes.as_chunks();
    match kind {
        SampleType::F16 => Box::new(
            pairs
                .iter()
                .map(|bytes| f16::from_ne_bytes(*bytes).to_f32()),
        ),
        SampleType::F32 => Box::new(words.iter().map(|bytes| f32::from_ne_bytes(*bytes))),
        SampleType::U32 => Box::new(words.iter().map(|bytes| u32::from_ne_bytes(*bytes) as f32)),
    }
}

/// A reader after the headers.
fn reader(source: &mut Source) -> Result<Reader<&mut BufReader<File>>, ArrayError> {
    let place = source.place("");
    let file = &mut source.reader;
    let reader = catch_panics(&place, || exr::block::read(file, false))?;
    reader.map_err(|error| exr_error(&place, error))
}

/// Runs a part of the decoder and turns its panics into errors.
///
/// A damaged file can trip its assertions, or its overflow checks (B44) where they are compiled in.
fn catch_panics<T>(place: &Place, decode: impl FnOnce() -> T) -> Result<T, ArrayError> {
    // The decoder and whatever a panic left unfinished are dropped together.
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    result.map_err(|_| damaged(place.clone(), "the decoder found an inconsistency"))
}

fn exr_error(place: &Place, error: exr::error::Error) -> ArrayError {
    match error {
        exr::error::Error::Io(error) => read_error(place, error),
        exr::error::Error::NotSupported(what) => ArrayError::Unsupported {
            place: place.clone(),
            found: format!("an unsupported EXR: {what}"),
            advice: SAVE_WITH_ZIP.to_owned(),
        },
        error => damaged(place.clone(), error.to_string()),
    }
}
