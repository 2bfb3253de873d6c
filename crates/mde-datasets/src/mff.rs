//! The recipe of MFF on NYUv2: sizes, training transform and evaluation transform.

use image::RgbImage;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::photometric::{self, Levels, Normalisation};
use crate::rotation::Rotation;
use crate::{DatasetError, DepthMap, Example, Sample, Transform, geometry};

/// Half the range of the random rotation, in degrees.
const ROTATION: f32 = 5.0;
/// Strength of brightness, contrast and saturation jitter.
const JITTER: f32 = 0.4;
/// Standard deviation of the PCA lighting.
const LIGHTING: f32 = 0.1;

/// Sizes of the MFF recipe, as (height, width).
///
/// All presets show the same part of a 4:3 frame, at different resolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MffGeometry {
    /// Length to which the image's shorter side is resized.
    pub shorter_side: usize,
    /// Size of the centre crop after that: the network's input.
    pub crop: (usize, usize),
    /// Size to which the crop's depth is resized: the network's output.
    pub target: (usize, usize),
}

impl MffGeometry {
    /// The paper's sizes: 240, crop 228x304, target 114x152.
    pub const fn full() -> Self {
        Self {
            shorter_side: 240,
            crop: (228, 304),
            target: (114, 152),
        }
    }

    /// Half of them: 120, crop 114x152, target 57x76.
    pub const fn half() -> Self {
        Self {
            shorter_side: 120,
            crop: (114, 152),
            target: (57, 76),
        }
    }

    /// A quarter: 60, crop 57x76, target 29x38 (rounded up, as strided convolutions do).
    pub const fn quarter() -> Self {
        Self {
            shorter_side: 60,
            crop: (57, 76),
            target: (29, 38),
        }
    }

    pub(crate) fn check(self) -> Result<(), DatasetError> {
        let sides = [
            self.shorter_side,
            self.crop.0,
            self.crop.1,
            self.target.0,
            self.target.1,
        ];
        if sides.contains(&0) {
            Err(geometry::empty_side(self))
        } else {
            Ok(())
        }
    }

    /// Checks that the crop fits into an image of this size.
    fn check_size(self, id: &str, size: (usize, usize)) -> Result<(), DatasetError> {
        self.check()?;
        geometry::centre_crop(id, self.resized(size), self.crop).map(|_| ())
    }

    /// Size of an image after its shorter side is resized. The longer side is rounded down, as in
    /// the reference.
    fn resized(self, (height, width): (usize, usize)) -> (usize, usize) {
        let side = self.shorter_side;
        if height <= width {
            (side, side * width / height)
        } else {
            (side * height / width, side)
        }
    }
}

/// MFF's training transform.
///
/// In this order: resize the shorter side (RGB bilinear with antialiasing, depth nearest);
/// horizontal flip with probability 1/2; rotation about the centre, uniform in ±5 degrees (RGB
/// bilinear, depth nearest); centre crop; PCA lighting 0.1; brightness, contrast and saturation
/// jitter of 0.4 in random order; normalisation. Depth is then resized to the target by nearest
/// neighbour. Colours are 8-bit until the crop and are not clamped after it.
///
/// Depth values are never changed or mixed. 0 stays 0 (not measured); corners that a rotation
/// uncovers are black in RGB and 0 in depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MffTrain {
    /// Sizes.
    pub geometry: MffGeometry,
}

impl Transform for MffTrain {
    fn apply(&self, mut sample: Sample, rng: &mut ChaCha8Rng) -> Result<Example, DatasetError> {
        let MffGeometry { crop, target, .. } = self.geometry;
        self.geometry.check()?;
        let resized = self.geometry.resized(sample.depth.size());
        sample.rgb = geometry::resize_rgb(&sample.rgb, resized).into_owned();
        sample.depth = sample.depth.resize_nearest(resized.0, resized.1);
        if rng.random_bool(0.5) {
            geometry::flip_horizontal(&mut sample);
        }
        let rotation = Rotation::new(resized, rng.random_range(-ROTATION..=ROTATION));
        let (rows, columns) = geometry::centre_crop(&sample.id, resized, crop)?;

        let mut image = photometric::to_planes(&rotation.rgb(&sample.rgb, &rows, &columns));
        photometric::add_lighting(&mut image, LIGHTING, rng);
        photometric::jitter(&mut image, JITTER, rng);
        photometric::normalise(&mut image);

        let depth = rotation
            .depth(&sample.depth, &rows, &columns)
            .resize_nearest(target.0, target.1);
        Ok(Example {
            id: sample.id,
            image,
            image_size: crop,
            depth,
            frame: None,
            focal: sample.focal,
            rgb: None,
        })
    }

    fn check_size(&self, id: &str, size: (usize, usize)) -> Result<(), DatasetError> {
        self.geometry.check_size(id, size)
    }

    fn input_size(&self) -> (usize, usize) {
        self.geometry.crop
    }

    fn target_size(&self) -> (usize, usize) {
        self.geometry.target
    }
}

/// MFF's evaluation transform: resize and centre crop.
///
/// The network's input has the size `input.crop`. The ground truth has the size `gt.crop` (depth
/// resized by nearest neighbour, then cropped), so networks of different input resolutions are
/// evaluated on the same pixels. Predictions have to be resized to it. 0 stays 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MffEval {
    /// Sizes of the input; `target` is not used.
    pub input: MffGeometry,
    /// Sizes of the ground truth; `target` is not used.
    pub gt: MffGeometry,
}

impl Transform for MffEval {
    fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Example, DatasetError> {
        self.input.check()?;
        self.gt.check()?;
        let input = resize_and_crop(&sample, self.input)?;
        let picture = if self.gt == self.input {
            input.clone()
        } else {
            resize_and_crop(&sample, self.gt)?
        };
        Ok(Example {
            image: Levels::new(Normalisation::ImageNet).planes(&input, false),
            image_size: self.input.crop,
            depth: self.apply_to_depth(&sample.id, sample.depth, rng)?,
            frame: None,
            id: sample.id,
            focal: sample.focal,
            rgb: Some(picture.into_raw()),
        })
    }

    fn apply_to_depth(
        &self,
        id: &str,
        depth: DepthMap,
        _rng: &mut ChaCha8Rng,
    ) -> Result<DepthMap, DatasetError> {
        self.gt.check()?;
        let (height, width) = self.gt.resized(depth.size());
        let (rows, columns) = geometry::centre_crop(id, (height, width), self.gt.crop)?;
        Ok(depth.resize_nearest(height, width).crop(rows, columns))
    }

    fn check_size(&self, id: &str, size: (usize, usize)) -> Result<(), DatasetError> {
        self.input.check_size(id, size)?;
        self.gt.check_size(id, size)
    }

    fn input_size(&self) -> (usize, usize) {
        self.input.crop
    }

    fn target_size(&self) -> (usize, usize) {
        self.gt.crop
    }
}

/// The sample's colour image, resized and cropped.
fn resize_and_crop(sample: &Sample, sizes: MffGeometry) -> Result<RgbImage, DatasetError> {
    let size = sizes.resized(sample.depth.size());
    let (rows, columns) = geometry::centre_crop(&sample.id, size, sizes.crop)?;
    let rgb = geometry::resize_rgb(&sample.rgb, size);
    Ok(geometry::crop_rgb(&rgb, &rows, &columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_is_rounded_down() {
        let geometry = MffGeometry {
            shorter_side: 10,
            ..MffGeometry::full()
        };
        assert_eq!(geometry.resized((30, 44)), (10, 14));
        assert_eq!(geometry.resized((44, 30)), (14, 10));
    }
}
