//! The contract of transforms: from a sample on disk to a network's input and target.

use rand_chacha::ChaCha8Rng;

use crate::{DatasetError, DepthMap, Sample};

/// What a network is given, and what it should answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The sample's id.
    pub id: String,
    /// Input, `[3, H, W]`, normalised as the recipe says.
    pub image: Vec<f32>,
    /// (H, W).
    pub image_size: (usize, usize),
    /// Target in metres; 0 = no measurement.
    pub depth: DepthMap,
    /// Focal length in pixels of the file as it lies on disk (resizing does not change it here), but for
    /// [`BtsView::Kitti`](crate::BtsView::Kitti), which brings it to the scale of KITTI's frames.
    pub focal: Option<f32>,
    /// For pictures, from evaluation transforms: `[h, w, 3]` u8 of the same view and size as
    /// `depth`; METER's for dissection, whose depth is small, has the size of `image`. None from training transforms.
    pub rgb: Option<Vec<u8>>,
}

/// Makes an [`Example`] of a [`Sample`].
pub trait Transform: Send + Sync {
    /// Transforms one sample. All randomness comes from `rng`.
    ///
    /// # Errors
    /// A sample that the transform cannot take, such as one too narrow for its crop.
    fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Example, DatasetError>;

    /// Whether a sample of this size (height, width) can be taken, which is known before it is decoded.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), as far as the size alone is at fault; `id` is named in it.
    fn check_size(&self, id: &str, size: (usize, usize)) -> Result<(), DatasetError>;

    /// (height, width) of every example's image.
    fn input_size(&self) -> (usize, usize);

    /// (height, width) of every example's depth.
    fn target_size(&self) -> (usize, usize);
}
