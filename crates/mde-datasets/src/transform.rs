//! From a sample on disk to a network's input and target: the MFF recipe and its evaluation.

use image::RgbImage;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::geometry::{self, MffGeometry};
use crate::{DatasetError, DepthMap, Sample, photometric};

/// Half the range of the random rotation, in degrees.
const ROTATION: f32 = 5.0;
/// Strength of brightness, contrast and saturation jitter.
const JITTER: f32 = 0.4;
/// Standard deviation of the PCA lighting.
const LIGHTING: f32 = 0.1;

/// What a network is given, and what it should answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The sample's id.
    pub id: String,
    /// Input, `[3, H, W]`, normalised with ImageNet's mean and standard deviation.
    pub image: Vec<f32>,
    /// (H, W).
    pub image_size: (usize, usize),
    /// Target in metres; 0 = no measurement.
    pub depth: DepthMap,
    /// Focal length in pixels of the file as it lies on disk (resizing does not change it here).
    pub focal: Option<f32>,
    /// For pictures, from evaluation transforms: `[h, w, 3]` u8 of the same view and size as
    /// `depth`. None from training transforms.
    pub rgb: Option<Vec<u8>>,
}

/// Makes an [`Example`] of a [`Sample`].
pub trait Transform: Send + Sync {
    /// Transforms one sample. All randomness comes from `rng`.
    ///
    /// # Errors
    /// A sample that the transform cannot take, such as one too narrow for its crop.
    fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Example, DatasetError>;

    /// (height, width) of every example's image.
    fn input_size(&self) -> (usize, usize);

    /// (height, width) of every example's depth.
    fn target_size(&self) -> (usize, usize);
}

/// The training recipe of MFF on NYUv2.
///
/// In this order: resize the shorter side (RGB bilinear with antialiasing, depth nearest);
/// horizontal flip with probability 1/2; rotation about the centre, uniform in ±5 degrees (RGB
/// bilinear, depth nearest); centre crop; PCA lighting 0.1; brightness, contrast and saturation
/// jitter of 0.4 in random order; normalisation. Depth is then resized to the target by nearest
/// neighbour. Colours are 8-bit until the crop, and are not clamped after it.
///
/// Depth values themselves are never changed or mixed: 0 stays 0 (no measurement), and the corners
/// that a rotation uncovers are black in RGB and 0 in depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MffTrain {
    /// Sizes.
    pub geometry: MffGeometry,
}

impl Transform for MffTrain {
    fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Example, DatasetError> {
        let MffGeometry { crop, target, .. } = self.geometry;
        self.geometry.check()?;
        let mut sample = geometry::resize_shorter_side(sample, self.geometry);
        if rng.random_bool(0.5) {
            geometry::flip_horizontal(&mut sample);
        }
        geometry::rotate(&mut sample, rng.random_range(-ROTATION..=ROTATION));
        let (rows, columns) = geometry::centre_crop(&sample.id, sample.depth.size(), crop)?;

        let mut image = photometric::to_planes(&geometry::crop_rgb(&sample.rgb, &rows, &columns));
        photometric::add_lighting(&mut image, LIGHTING, rng);
        photometric::jitter(&mut image, JITTER, rng);
        photometric::normalise(&mut image);

        let depth = sample
            .depth
            .crop(rows, columns)
            .resize_nearest(target.0, target.1);
        Ok(Example {
            id: sample.id,
            image,
            image_size: crop,
            depth,
            focal: sample.focal,
            rgb: None,
        })
    }

    fn input_size(&self) -> (usize, usize) {
        self.geometry.crop
    }

    fn target_size(&self) -> (usize, usize) {
        self.geometry.target
    }
}

/// The evaluation view of MFF: resize and centre crop, nothing random.
///
/// The network's input has the size `input.crop`. Ground truth is always made at the size
/// `gt.crop` (depth resized by nearest neighbour, then cropped), so that networks of different
/// input resolutions are judged on the same pixels; a prediction is to be resized to it. 0 stays 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MffEval {
    /// Sizes of the input; `target` is not used.
    pub input: MffGeometry,
    /// Sizes of the ground truth; `target` is not used.
    pub gt: MffGeometry,
}

impl Transform for MffEval {
    fn apply(&self, sample: Sample, _rng: &mut ChaCha8Rng) -> Result<Example, DatasetError> {
        self.input.check()?;
        self.gt.check()?;
        let input = view(&sample, self.input)?;
        let picture = if self.gt == self.input {
            input.clone()
        } else {
            view(&sample, self.gt)?
        };
        let depth = geometry::resize_depth(&sample.depth, self.gt);
        let (rows, columns) = geometry::centre_crop(&sample.id, depth.size(), self.gt.crop)?;

        let mut image = photometric::to_planes(&input);
        photometric::normalise(&mut image);
        Ok(Example {
            id: sample.id,
            image,
            image_size: self.input.crop,
            depth: depth.crop(rows, columns),
            focal: sample.focal,
            rgb: Some(picture.into_raw()),
        })
    }

    fn input_size(&self) -> (usize, usize) {
        self.input.crop
    }

    fn target_size(&self) -> (usize, usize) {
        self.gt.crop
    }
}

/// The sample's colours, resized and cropped.
fn view(sample: &Sample, geometry: MffGeometry) -> Result<RgbImage, DatasetError> {
    let rgb = geometry::resize_rgb(&sample.rgb, geometry);
    let size = (rgb.height() as usize, rgb.width() as usize);
    let (rows, columns) = geometry::centre_crop(&sample.id, size, geometry.crop)?;
    Ok(geometry::crop_rgb(&rgb, &rows, &columns))
}
