//! The recipe of METER (Papa et al. 2023): the whole image at a small size, no crop.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::photometric::{Levels, Normalisation};
use crate::{DatasetError, Example, Sample, Transform, geometry};

/// What METER takes: the size to which whole images are resized, and how their colours are normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterInput {
    /// (height, width) of the network's input.
    pub size: (usize, usize),
    /// Colours.
    pub normalisation: Normalisation,
}

impl MeterInput {
    /// METER on NYUv2: 192x256, ImageNet's mean and standard deviation.
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

    /// The training target: every second row and column of the input, from the first on.
    const fn target(self) -> (usize, usize) {
        (self.size.0.div_ceil(2), self.size.1.div_ceil(2))
    }

    fn check(self) -> Result<(), DatasetError> {
        if self.size.0 == 0 || self.size.1 == 0 {
            return Err(geometry::empty(self));
        }
        Ok(())
    }
}

/// Fine-tuning of METER.
///
/// The image is resized to the input (RGB bilinear with antialiasing, depth nearest), whatever its shape; horizontal
/// flip with probability 1/2; normalisation. The target is every second row and column of the resized depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterTrain {
    /// Size and colours.
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
            focal: sample.focal,
            rgb: None,
        })
    }

    fn check_size(&self, _id: &str, _size: (usize, usize)) -> Result<(), DatasetError> {
        // Any image is resized.
        self.input.check()
    }

    fn input_size(&self) -> (usize, usize) {
        self.input.size
    }

    fn target_size(&self) -> (usize, usize) {
        self.input.target()
    }
}

/// The ground truth that METER is given in evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeterGt {
    /// Depth at the size of the input, by nearest neighbour: for depth errors.
    Input,
    /// Every second row and column of that, the size of the training target: for dissection.
    Target,
}

/// The evaluation view of METER: as in training, nothing random.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterEval {
    /// Size and colours.
    pub input: MeterInput,
    /// Size of the ground truth.
    pub gt: MeterGt,
}

impl Transform for MeterEval {
    fn apply(&self, sample: Sample, _rng: &mut ChaCha8Rng) -> Result<Example, DatasetError> {
        self.input.check()?;
        let (height, width) = self.input.size;
        let rgb = geometry::resize_rgb(&sample.rgb, (height, width));
        let image = Levels::new(self.input.normalisation).planes(&rgb, false);
        let depth = sample.depth.resize_nearest(height, width);
        let depth = match self.gt {
            MeterGt::Input => depth,
            MeterGt::Target => depth.every_second(),
        };
        Ok(Example {
            id: sample.id,
            image,
            image_size: self.input.size,
            depth,
            focal: sample.focal,
            rgb: Some(rgb.into_owned().into_raw()),
        })
    }

    fn check_size(&self, _id: &str, _size: (usize, usize)) -> Result<(), DatasetError> {
        // Any image is resized.
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
