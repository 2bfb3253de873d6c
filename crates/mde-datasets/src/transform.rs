//! The trait of transforms: from a sample on disk to a network's input and target.

use image::RgbImage;
use rand_chacha::ChaCha8Rng;

use crate::{DatasetError, DepthMap, Sample};

/// The input of a network and its target.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Id of the sample.
    pub id: String,
    /// Input `[3, H, W]`, normalised as the recipe defines.
    pub image: Vec<f32>,
    /// (H, W).
    pub image_size: (usize, usize),
    /// Target in metres; 0 = not measured.
    pub depth: DepthMap,
    /// The frame that `depth` is a part of, where an evaluation transform crops: a protocol's
    /// window is one of the whole frame.
    pub frame: Option<FrameDepth>,
    /// Focal length in pixels of the file on disk; resizing does not change it.
    /// [`BtsView::Kitti`](crate::BtsView::Kitti) scales it to KITTI's frames.
    pub focal: Option<f32>,
    /// The view as `[h, w, 3]` u8, for pictures: made by evaluation transforms only. Its size is
    /// that of `depth`, or that of `image` for METER's dissection, whose depth is smaller.
    pub rgb: Option<Vec<u8>>,
}

/// The depth of a whole frame, and where an example's depth lies in it.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameDepth {
    /// In metres; 0 = not measured.
    pub depth: DepthMap,
    /// The example's first row.
    pub top: usize,
    /// The example's first column.
    pub left: usize,
}

/// Turns a [`Sample`] into an [`Example`].
pub trait Transform: Send + Sync {
    /// Transforms one sample. `rng` is the only source of randomness.
    ///
    /// # Errors
    /// A sample that the transform cannot use, such as one too narrow for the crop.
    fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Example, DatasetError>;

    /// The `depth` of the example that [`apply`](Self::apply) makes with the same `rng`, without
    /// the colour image. The default applies the transform to a black image.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn apply_to_depth(
        &self,
        id: &str,
        depth: DepthMap,
        rng: &mut ChaCha8Rng,
    ) -> Result<DepthMap, DatasetError> {
        let sample = Sample {
            id: id.to_owned(),
            rgb: RgbImage::new(depth.width as u32, depth.height as u32),
            depth,
            focal: None,
        };
        Ok(self.apply(sample, rng)?.depth)
    }

    /// Checks that a sample of this size (height, width) can be used, before it is decoded.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), for faults of the size alone; the error names `id`.
    fn check_size(&self, id: &str, size: (usize, usize)) -> Result<(), DatasetError>;

    /// (height, width) of every example's image.
    fn input_size(&self) -> (usize, usize);

    /// (height, width) of every example's depth.
    fn target_size(&self) -> (usize, usize);
}
