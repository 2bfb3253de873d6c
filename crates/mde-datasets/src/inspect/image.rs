//! What one file tells by itself.

use std::fs;
use std::path::Path;

use super::depth::{Depths, MapDepths};
use super::{Finding, Severity, without_path};
use crate::plan::Plan;
use crate::{DatasetError, decode};

/// What is wrong with a file.
#[derive(Debug)]
pub(super) struct Fault {
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
    /// BLAKE3 of the pixels if it was decoded, else of the file: equal for equal images.
    pub(super) content: Option<blake3::Hash>,
    fault: Option<Fault>,
}

/// A colour image.
#[derive(Debug)]
pub(super) struct RgbFacts {
    pub(super) file: FileFacts,
}

/// A depth map.
#[derive(Debug)]
pub(super) struct DepthFacts {
    pub(super) file: FileFacts,
    /// If it was decoded.
    pub(super) depths: Option<MapDepths>,
}

/// What is known of an image after its header was looked at, or the image was decoded.
struct Image {
    size: (usize, usize),
    pixels: Option<blake3::Hash>,
}

impl FileFacts {
    fn of(path: &Path, look: impl FnOnce(&[u8]) -> Result<Image, DatasetError>) -> Self {
        let nothing = Self {
            size: None,
            hash: None,
            content: None,
            fault: None,
        };
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                return Self {
                    fault: Some(Fault {
                        check: "unreadable",
                        what: format!("cannot be read: {error}"),
                        advice: "check the permissions and the disk",
                    }),
                    ..nothing
                };
            }
        };
        let hash = blake3::hash(&bytes);
        if bytes.is_empty() {
            return Self {
                hash: Some(hash),
                fault: Some(Fault {
                    check: "empty-file",
                    what: "the file is empty".to_owned(),
                    advice: "copy or download the file again; the disk may have been full",
                }),
                ..nothing
            };
        }
        match look(&bytes) {
            Ok(image) => Self {
                size: Some(image.size),
                hash: Some(hash),
                content: Some(image.pixels.unwrap_or(hash)),
                fault: None,
            },
            Err(error) => Self {
                hash: Some(hash),
                fault: Some(Fault::of(path, &error)),
                ..nothing
            },
        }
    }

    /// What is wrong with the file, as a finding.
    pub(super) fn finding(&self, place: &str) -> Option<Finding> {
        let fault = self.fault.as_ref()?;
        Some(Finding::new(
            Severity::Error,
            fault.check,
            place,
            &fault.what,
            fault.advice,
        ))
    }
}

impl RgbFacts {
    pub(super) fn of(path: &Path, decode: bool) -> Self {
        let file = FileFacts::of(path, |bytes| {
            if !decode {
                let size = decode::rgb_size_of(path, bytes)?;
                return Ok(Image { size, pixels: None });
            }
            let rgb = decode::decode_rgb(path, bytes)?;
            Ok(Image {
                size: (rgb.height() as usize, rgb.width() as usize),
                pixels: Some(blake3::hash(rgb.as_raw())),
            })
        });
        Self { file }
    }
}

impl DepthFacts {
    /// Decodes the map if its depths are to be added to all.
    pub(super) fn of(path: &Path, plan: &Plan, all: Option<&Depths>) -> Self {
        let mut depths = None;
        let file = FileFacts::of(path, |bytes| {
            let Some(all) = all else {
                let size = decode::depth_size_of(path, bytes, plan.encoding)?;
                return Ok(Image { size, pixels: None });
            };
            let mut map = decode::decode_depth(path, bytes, plan.encoding)?;
            let bytes: Vec<u8> = map.metres.iter().flat_map(|m| m.to_le_bytes()).collect();
            let pixels = blake3::hash(&bytes);
            plan.leave_out_of_range(&mut map);
            depths = Some(all.add(&map));
            Ok(Image {
                size: map.size(),
                pixels: Some(pixels),
            })
        });
        Self { file, depths }
    }
}

impl Fault {
    fn of(path: &Path, error: &DatasetError) -> Self {
        let (check, advice) = match error {
            DatasetError::NotAnImage { .. } => (
                "not-an-image",
                "look into the file: a saved error page? Fetch it again",
            ),
            DatasetError::Truncated { .. } => ("truncated", "copy or download the file again"),
            DatasetError::NotRgb { .. } => ("pixel-type", "convert the image to 8-bit RGB"),
            DatasetError::WrongDepthType { .. } => (
                "depth-type",
                "say the encoding that the files were written with, or convert the file",
            ),
            DatasetError::TooLarge { .. } => ("too-large", "make the image smaller"),
            _ => ("damaged", "copy or download the file again"),
        };
        Self {
            check,
            what: without_path(error, path),
            advice,
        }
    }
}
