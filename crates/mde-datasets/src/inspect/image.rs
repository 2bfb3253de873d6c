//! Inspection of single files.

use std::fs;
use std::path::Path;

use super::depth::{Depths, MapDepths};
use super::finding::{Finding, without_path};
use crate::error::rgb_advice;
use crate::plan::Plan;
use crate::{DatasetError, decode};

/// A fault of a file.
#[derive(Debug)]
struct Fault {
    check: &'static str,
    what: String,
    advice: &'static str,
}

/// A file and its content.
#[derive(Debug)]
pub(super) struct FileFacts {
    /// (height, width), if the header could be read.
    pub(super) size: Option<(usize, usize)>,
    /// BLAKE3 of the file.
    pub(super) hash: Option<blake3::Hash>,
    /// BLAKE3 of the pixels if they were decoded, otherwise of the file: equal for equal images.
    pub(super) content: Option<blake3::Hash>,
    /// EXIF orientation of a colour image, 1 to 8; 1 for files without one.
    pub(super) orientation: u8,
    fault: Option<Fault>,
}

/// A depth map.
#[derive(Debug)]
pub(super) struct DepthFacts {
    pub(super) file: FileFacts,
    /// Its depths, if it was decoded.
    pub(super) depths: Option<MapDepths>,
}

/// What was read of a file.
struct Image {
    size: (usize, usize),
    /// Hash of the pixels, if they were decoded.
    pixels: Option<blake3::Hash>,
    orientation: u8,
}

/// Inspects a colour image.
pub(super) fn inspect_rgb(path: &Path, decode: bool) -> FileFacts {
    FileFacts::read(path, |bytes| {
        let orientation = decode::content_orientation(bytes);
        if !decode {
            let size = decode::rgb_size(path, bytes)?;
            return Ok(Image {
                size,
                pixels: None,
                orientation,
            });
        }
        let rgb = decode::decode_rgb(path, bytes)?;
        Ok(Image {
            size: (rgb.height() as usize, rgb.width() as usize),
            pixels: Some(blake3::hash(rgb.as_raw())),
            orientation,
        })
    })
}

/// Inspects a depth map. It is decoded if its depths are added to those of the split.
pub(super) fn inspect_depth(path: &Path, plan: &Plan, all: Option<&Depths>) -> DepthFacts {
    let mut depths = None;
    let file = FileFacts::read(path, |bytes| {
        let Some(all) = all else {
            let size = decode::depth_size(path, bytes, plan.encoding)?;
            return Ok(Image {
                size,
                pixels: None,
                orientation: 1,
            });
        };
        let mut map = decode::decode_depth(path, bytes, plan.encoding)?;
        let bytes: Vec<u8> = map.metres.iter().flat_map(|m| m.to_le_bytes()).collect();
        let pixels = blake3::hash(&bytes);
        depths = Some(all.add(&mut map, plan));
        Ok(Image {
            size: map.size(),
            pixels: Some(pixels),
            orientation: 1,
        })
    });
    DepthFacts { file, depths }
}

impl FileFacts {
    fn read(path: &Path, look: impl FnOnce(&[u8]) -> Result<Image, DatasetError>) -> Self {
        let broken = |hash, check, what: String, advice| Self {
            size: None,
            hash,
            content: None,
            orientation: 1,
            fault: Some(Fault {
                check,
                what,
                advice,
            }),
        };
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let what = format!("cannot be read: {error}");
                let advice = "check the permissions and the disk";
                return broken(None, "unreadable", what, advice);
            }
        };
        let hash = blake3::hash(&bytes);
        if bytes.is_empty() {
            let advice = "copy or download the file again; the disk may have been full";
            let what = "the file is empty".to_owned();
            return broken(Some(hash), "empty-file", what, advice);
        }
        match look(&bytes) {
            Ok(image) => Self {
                size: Some(image.size),
                hash: Some(hash),
                content: Some(image.pixels.unwrap_or(hash)),
                orientation: image.orientation,
                fault: None,
            },
            Err(error) => {
                let (check, advice) = check_and_advice(&error);
                broken(Some(hash), check, without_path(&error, path), advice)
            }
        }
    }

    /// The file's fault as a finding.
    pub(super) fn finding(&self, place: &str) -> Option<Finding> {
        let fault = self.fault.as_ref()?;
        let Fault { check, advice, .. } = *fault;
        Some(Finding::error(check, place, &fault.what, advice))
    }
}

/// Name and advice of the finding for an error of reading an image.
fn check_and_advice(error: &DatasetError) -> (&'static str, &'static str) {
    match error {
        DatasetError::NotAnImage { .. } => (
            "not-an-image",
            "open the file: it may be a saved error page; download it again",
        ),
        DatasetError::Truncated { .. } => ("truncated", "copy or download the file again"),
        DatasetError::NotRgb { found, .. } => ("pixel-type", rgb_advice(found)),
        DatasetError::WrongDepthType { .. } => (
            "depth-type",
            "give the encoding of the files, or convert the file",
        ),
        DatasetError::TurnedDepth { .. } => (
            "turned-depth",
            "turn the depths themselves and save them without EXIF",
        ),
        DatasetError::Array(_) => (
            "depth-array",
            "save the depths as one array of height x width",
        ),
        DatasetError::TooLarge { .. } => ("too-large", "make the image smaller"),
        _ => ("damaged", "copy or download the file again"),
    }
}
