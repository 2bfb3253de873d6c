//! The recipe of METER (Papa et al. 2023): the whole image at a small size, without a crop.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::photometric::{Levels, Normalisation};
use crate::{DatasetError, DepthMap, Example, Sample, Transform, geometry};

/// METER's input: the size to which whole images are resized, and the normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterInput {
    /// (height, width) of the network's input.
    pub size: (usize, usize),
    /// Normalisation of the colours.
    pub normalisation: Normalisation,
}

impl MeterInput {
    /// METER on NYUv2: 192x256, ImageNet normalisation.
    pub const fn nyu() -> Self {
        Self {
            size: (192, 256),
            normalisation: Normalisation::ImageNet,
        }
    }

    /// METER on KITTI: 192x636, colours in [0, 1].
    pub const fn kitti() -> Self {
        Self {
            size: (192, 636),
            normalisation: Normalisation::UnitRange,
        }
    }

    /// Size of the training target: every second row and column of the input, from the first.
    const fn target(self) -> (usize, usize) {
        (self.size.0.div_ceil(2), self.size.1.div_ceil(2))
    }

    fn check(self) -> Result<(), DatasetError> {
        if self.size.0 == 0 || self.size.1 == 0 {
            return Err(geometry::empty_side(self));
        }
        Ok(())
    }
}

/// METER's training transform.
///
/// In this order: resize to the input size whatever the aspect ratio (RGB bilinear with
/// antialiasing, depth nearest); horizontal flip with probability 1/2; normalisation. The target is
/// every second row and column of the resized depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterTrain {
    /// Input size and normalisation.
    pub input: MeterInput,
}

impl Transform for MeterTrain {
    fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Example, DatasetError> {
        self.input.check()?;
        let (height, width) = self.input.size;
        let flip = rng.random_bool(0.5);
        let rgb = geometry::resize_rgb(&sample.rgb, (height, width));
        let mut depth = sample.depth.resize_nearest(height, width);
        if flip {
            depth.flip_horizontal();
        }
        Ok(Example {
            id: sample.id,
            image: Levels::new(self.input.normalisation).planes(&rgb, flip),
            image_size: self.input.size,
            depth: depth.every_second(),
            frame: None,
            focal: sample.focal,
            rgb: None,
        })
    }

    fn check_size(&self, _id: &str, _size: (usize, usize)) -> Result<(), DatasetError> {
        // Images of any size are resized.
        self.input.check()
    }

    fn input_size(&self) -> (usize, usize) {
        self.input.size
    }

    fn target_size(&self) -> (usize, usize) {
        self.input.target()
    }
}

/// Size of METER's ground truth in evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeterGt {
    /// The input's size, for depth errors.
    Input,
    /// The training target's size (every second row and column), for dissection.
    Target,
}

/// METER's evaluation transform: as in training, without the flip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterEval {
    /// Input size and normalisation.
    pub input: MeterInput,
    /// Size of the ground truth.
    pub gt: MeterGt,
}

impl Transform for MeterEval {
    fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Example, DatasetError> {
        self.input.check()?;
        let rgb = geometry::resize_rgb(&sample.rgb, self.input.size);
        Ok(Example {
            image: Levels::new(self.input.normalisation).planes(&rgb, false),
            image_size: self.input.size,
            depth: self.apply_to_depth(&sample.id, sample.depth, rng)?,
            frame: None,
            id: sample.id,
            focal: sample.focal,
            rgb: Some(rgb.into_owned().into_raw()),
        })
    }

    fn apply_to_depth(
        &self,
        _id: &str,
        depth: DepthMap,
        _rng: &mut ChaCha8Rng,
    ) -> Result<DepthMap, DatasetError> {
        self.input.check()?;
        let depth = depth.resize_nearest(self.input.size.0, self.input.size.1);
        Ok(match self.gt {
            MeterGt::Input => depth,
            MeterGt::Target => depth.every_second(),
        })
    }

    fn check_size(&self, _id: &str, _size: (usize, usize)) -> Result<(), DatasetError> {
        // Images of any size are resized.
        self.input.check()
    }

    fn input_size(&self) -> (usize, usize) {
        self.input.size
    }

    fn target_size(&self) -> (usize, usize) {
        match self.gt {
            MeterGt::Input => self.input.size,
            MeterGt::Target => self.input.target(),
        }
    }
}
