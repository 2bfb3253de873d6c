//! Pictures without ground truth: reading, and resizing whole for a network.

use std::path::Path;

use image::{ColorType, DynamicImage, RgbImage};

use crate::photometric::{Levels, Normalisation};
use crate::{BtsGeometry, BtsView, DatasetError, MeterInput, Preprocessing, decode, geometry};

/// Maximum ratio of the sides: narrower strips show no whole objects.
const MAX_ASPECT_RATIO: usize = 8;

/// Rows of a KITTI frame.
const KITTI_HEIGHT: usize = 375;
/// Rows of the KITTI benchmark crop.
const KITTI_CROP_HEIGHT: usize = 352;
/// Focal length of a KITTI frame, in pixels (the drives of 26 September 2011).
const KITTI_FOCAL: f32 = 721.5377;

/// Reads a JPEG or PNG of any pixel type as 8-bit RGB: grey becomes three equal channels, 16 bits
/// become 8, palettes become colours. The EXIF orientation is applied.
///
/// # Errors
/// A file that cannot be read, is not a complete JPEG or PNG, has transparent pixels, more than
/// 2^27 pixels, or 16-bit grey pixels (a depth map).
pub fn read_picture(path: &Path) -> Result<RgbImage, DatasetError> {
    let picture = decode::decode_picture(path, &decode::read(path)?, refuse_depth)?;
    if has_transparent_pixels(&picture) {
        return Err(DatasetError::Transparent {
            path: path.to_owned(),
        });
    }
    Ok(picture.into_rgb8())
}

fn refuse_depth(path: &Path, found: ColorType) -> Result<(), DatasetError> {
    if matches!(found, ColorType::L16 | ColorType::La16) {
        return Err(DatasetError::LooksLikeDepth {
            path: path.to_owned(),
        });
    }
    Ok(())
}

fn has_transparent_pixels(picture: &DynamicImage) -> bool {
    match picture {
        DynamicImage::ImageLumaA8(pixels) => pixels.pixels().any(|pixel| pixel.0[1] < u8::MAX),
        DynamicImage::ImageRgba8(pixels) => pixels.pixels().any(|pixel| pixel.0[3] < u8::MAX),
        DynamicImage::ImageRgba16(pixels) => pixels.pixels().any(|pixel| pixel.0[3] < u16::MAX),
        _ => false,
    }
}

/// A whole picture as the input of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct WholeImage {
    /// Input `[3, H, W]`, normalised as the recipe defines.
    pub image: Vec<f32>,
    /// (H, W).
    pub size: (usize, usize),
    /// Focal length in pixels at the scale of KITTI's frames, for networks that use it.
    pub focal: Option<f32>,
}

impl Preprocessing {
    /// Resizes a whole picture for the network, without a crop (RGB bilinear with antialiasing).
    ///
    /// - MFF: the shorter side as in evaluation, the longer in proportion.
    /// - BTS: the same, at the scale of a whole frame in evaluation (NYUv2 480 rows, KITTI 375).
    ///   Sides are rounded to multiples of 32, which every encoder accepts, unless the size is that
    ///   of evaluation's input.
    /// - METER: the input size for every aspect ratio, as in evaluation.
    ///
    /// `focal` is the camera's focal length in pixels of the picture; the default is KITTI's. Only
    /// BTS for KITTI uses it ([`Preprocessing::uses_focal`]).
    ///
    /// # Errors
    /// [`DatasetError::ExtremeAspectRatio`] for MFF and BTS if one side is more than 8 times the
    /// other, and sizes with a side of 0.
    pub fn whole_image(
        self,
        rgb: &RgbImage,
        focal: Option<f32>,
    ) -> Result<WholeImage, DatasetError> {
        let found = (rgb.height() as usize, rgb.width() as usize);
        let (size, normalisation) = match self {
            Self::Mff(sizes) => (
                in_proportion(found, sizes.shorter_side as f64, 1)?,
                Normalisation::ImageNet,
            ),
            Self::Bts(sizes) => (bts_size(sizes, found)?, Normalisation::ImageNet),
            Self::Meter(MeterInput {
                size,
                normalisation,
            }) => (size, normalisation),
        };
        if size.0 == 0 || size.1 == 0 {
            return Err(geometry::empty_side(self));
        }
        let resized = geometry::resize_rgb(rgb, size);
        let at_kitti_scale = KITTI_HEIGHT as f32 / found.0.min(found.1) as f32;
        Ok(WholeImage {
            image: Levels::new(normalisation).planes(&resized, false),
            size,
            focal: self
                .uses_focal()
                .then(|| focal.map_or(KITTI_FOCAL, |focal| focal * at_kitti_scale)),
        })
    }

    /// True if the prediction depends on the camera's focal length: BTS for KITTI.
    pub fn uses_focal(self) -> bool {
        matches!(self, Self::Bts(sizes) if matches!(sizes.view, BtsView::Kitti { .. }))
    }
}

fn bts_size(sizes: BtsGeometry, found: (usize, usize)) -> Result<(usize, usize), DatasetError> {
    const MULTIPLE: usize = 32;
    let shorter = match sizes.view {
        BtsView::Nyu => sizes.input.0 as f64,
        BtsView::Kitti { .. } => (KITTI_HEIGHT * sizes.input.0) as f64 / KITTI_CROP_HEIGHT as f64,
    };
    if in_proportion(found, shorter, 1)? == sizes.input {
        return Ok(sizes.input);
    }
    in_proportion(found, shorter, MULTIPLE)
}

/// The size with shorter side `shorter` and the aspect ratio of `found`. Each side is rounded to
/// the nearest positive multiple.
fn in_proportion(
    found: (usize, usize),
    shorter: f64,
    multiple: usize,
) -> Result<(usize, usize), DatasetError> {
    let (short, long) = (found.0.min(found.1), found.0.max(found.1));
    if short == 0 || long > MAX_ASPECT_RATIO * short {
        return Err(DatasetError::ExtremeAspectRatio {
            size: found,
            max: MAX_ASPECT_RATIO,
        });
    }
    let side = |side: usize| {
        let scaled = shorter * side as f64 / short as f64;
        ((scaled / multiple as f64).round() as usize).max(1) * multiple
    };
    Ok((side(found.0), side(found.1)))
}
