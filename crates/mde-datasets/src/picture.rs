//! Any picture, for a prediction without ground truth: read, and brought whole to a size that a network takes.

use std::path::Path;

use image::{ColorType, DynamicImage, ImageDecoder, RgbImage};

use crate::photometric::{Levels, Normalisation};
use crate::{BtsGeometry, BtsView, DatasetError, MeterInput, Preprocessing, decode, geometry};

/// A longer picture would be a strip in which a network sees nothing whole.
const MOST_TIMES: usize = 8;

/// Rows of a KITTI frame.
const KITTI_HEIGHT: usize = 375;
/// Rows of the KITTI benchmark crop.
const KITTI_CROP_HEIGHT: usize = 352;
/// Focal length of a KITTI frame, in pixels (the drives of 26 September 2011).
const KITTI_FOCAL: f32 = 721.5377;

/// Reads a JPEG or PNG as 8-bit RGB, whatever its pixels are: grey becomes three equal channels, 16 bits become 8, a palette its
/// colours. A JPEG is turned as its EXIF orientation says, so that up is up.
///
/// # Errors
/// If the file cannot be read, is no whole JPEG or PNG, has transparent pixels (what colour would they have?), more than 2^27 pixels,
/// or 16-bit grey ones: that is a depth map.
pub fn read_picture(path: &Path) -> Result<RgbImage, DatasetError> {
    let bytes = decode::read(path)?;
    let mut decoder = decode::picture_decoder(path, &bytes)?;
    if matches!(decoder.color_type(), ColorType::L16 | ColorType::La16) {
        return Err(DatasetError::GreyDepth {
            path: path.to_owned(),
        });
    }
    let failed = |source| decode::decode_error(path, source);
    let orientation = decoder.orientation().map_err(failed)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    if has_transparent_pixels(&picture) {
        return Err(DatasetError::Transparent {
            path: path.to_owned(),
        });
    }
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

fn has_transparent_pixels(picture: &DynamicImage) -> bool {
    match picture {
        DynamicImage::ImageLumaA8(pixels) => pixels.pixels().any(|pixel| pixel.0[1] < u8::MAX),
        DynamicImage::ImageRgba8(pixels) => pixels.pixels().any(|pixel| pixel.0[3] < u8::MAX),
        DynamicImage::ImageRgba16(pixels) => pixels.pixels().any(|pixel| pixel.0[3] < u16::MAX),
        _ => false,
    }
}

/// A whole picture as a network takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct WholeImage {
    /// Input, `[3, H, W]`, normalised as the recipe says.
    pub image: Vec<f32>,
    /// (H, W).
    pub size: (usize, usize),
    /// Focal length at the scale of KITTI's frames, pixels, for networks that look at it.
    pub focal: Option<f32>,
}

impl Preprocessing {
    /// Brings a whole picture to the network, nothing cut off (RGB bilinear with antialiasing):
    ///
    /// - MFF: the shorter side is resized as for evaluation, the longer in proportion; the centre crop is left out.
    /// - BTS: the same, by the scale at which evaluation sees a whole frame of the data set (NYUv2 480 rows, KITTI 375); unless
    ///   that is the size of evaluation's input, sides are rounded to multiples of 32, which every encoder takes.
    /// - METER: the input's size whatever the picture's shape, as for evaluation.
    ///
    /// `focal` is the camera's focal length in the picture's pixels, without which it is taken to be KITTI's; only BTS for KITTI is
    /// given one ([`Preprocessing::uses_focal`]).
    ///
    /// # Errors
    /// [`DatasetError::TooLong`] for MFF and BTS if one side has more than 8 times the pixels of the other, and a geometry with a side of 0.
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
            return Err(geometry::empty(self));
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

    /// True if depth depends on the camera's focal length: BTS for KITTI.
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

/// The size whose shorter side is `shorter` and whose shape is that of `found`, each side the nearest multiple and not 0.
fn in_proportion(
    found: (usize, usize),
    shorter: f64,
    multiple: usize,
) -> Result<(usize, usize), DatasetError> {
    let (least, most) = (found.0.min(found.1), found.0.max(found.1));
    if least == 0 || most > MOST_TIMES * least {
        return Err(DatasetError::TooLong {
            size: found,
            most: MOST_TIMES,
        });
    }
    let side = |side: usize| {
        let scaled = shorter * side as f64 / least as f64;
        ((scaled / multiple as f64).round() as usize).max(1) * multiple
    };
    Ok((side(found.0), side(found.1)))
}
