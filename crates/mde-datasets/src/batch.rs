//! A batch of examples and its tensors: the only module that uses candle.

use candle_core::{Device, Tensor};

use crate::{DatasetError, Example, FrameDepth};

/// Examples of one size, contiguous in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleBatch {
    /// B ids.
    pub ids: Vec<String>,
    /// Inputs `[B, C, H, W]`, normalised; C is 3 for images. Empty from [`Loader::depth_only`].
    ///
    /// [`Loader::depth_only`]: crate::Loader::depth_only
    pub images: Vec<f32>,
    /// (H, W).
    pub image_size: (usize, usize),
    /// Targets `[B, h, w]` in metres; 0 = not measured.
    pub depths: Vec<f32>,
    /// (h, w).
    pub depth_size: (usize, usize),
    /// B frames that the targets are parts of, see [`Example::frame`]. They may differ in size.
    pub frames: Vec<Option<FrameDepth>>,
    /// B focal lengths in pixels, if the examples have any.
    pub focals: Option<Vec<f32>>,
    /// B pictures `[h, w, 3]`, see [`Example::rgb`]; empty if any example has none.
    /// [`ExampleBatch::picture`] gives their sizes.
    pub rgb: Vec<Vec<u8>>,
}

impl ExampleBatch {
    /// Number of examples, B.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// True without examples.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Joins examples to a batch.
    ///
    /// # Errors
    /// Examples of different sizes, or with and without focal lengths.
    pub fn collate(examples: Vec<Example>) -> Result<Self, DatasetError> {
        let (image_size, depth_size) = examples.first().map_or(((0, 0), (0, 0)), |first| {
            (first.image_size, first.depth.size())
        });
        let first_has_focal = examples.first().is_some_and(|first| first.focal.is_some());
        let count = examples.len();
        let mut batch = Self {
            ids: Vec::with_capacity(count),
            images: Vec::with_capacity(count * 3 * image_size.0 * image_size.1),
            image_size,
            depths: Vec::with_capacity(count * depth_size.0 * depth_size.1),
            depth_size,
            frames: Vec::with_capacity(count),
            focals: first_has_focal.then(|| Vec::with_capacity(count)),
            rgb: Vec::new(),
        };
        for example in examples {
            let found = example.focal.is_some();
            if found != first_has_focal {
                return Err(DatasetError::MixedFocals {
                    id: example.id,
                    found,
                });
            }
            same_size(&example.id, "image", image_size, example.image_size)?;
            same_size(&example.id, "depth", depth_size, example.depth.size())?;
            batch.ids.push(example.id);
            batch.images.extend(example.image);
            batch.depths.extend(example.depth.metres);
            batch.frames.push(example.frame);
            batch.rgb.extend(example.rgb);
            if let (Some(focals), Some(focal)) = (&mut batch.focals, example.focal) {
                focals.push(focal);
            }
        }
        if batch.rgb.len() < count {
            batch.rgb.clear();
        }
        Ok(batch)
    }

    /// The picture of an example and its (h, w), which is that of the target or of the input: see
    /// [`Example::rgb`]. None without pictures.
    pub fn picture(&self, index: usize) -> Option<((usize, usize), &[u8])> {
        let rgb = self.rgb.get(index)?;
        let mut sizes = [self.depth_size, self.image_size].into_iter();
        let size = sizes.find(|(height, width)| height * width * 3 == rgb.len())?;
        Some((size, rgb))
    }

    /// Inputs `[B, C, H, W]`, f32; C is 3 for images.
    ///
    /// # Errors
    /// Errors of the device, and vectors whose length does not match the sizes.
    pub fn image_tensor(&self, device: &Device) -> candle_core::Result<Tensor> {
        let (height, width) = self.image_size;
        let channels = self.images.len() / (self.len() * height * width).max(1);
        let shape = (self.len(), channels, height, width);
        Tensor::from_slice(&self.images, shape, device)
    }

    /// Targets `[B, 1, h, w]`, f32, in metres; 0 = not measured.
    ///
    /// # Errors
    /// As [`ExampleBatch::image_tensor`].
    pub fn depth_tensor(&self, device: &Device) -> candle_core::Result<Tensor> {
        let (height, width) = self.depth_size;
        Tensor::from_slice(&self.depths, (self.len(), 1, height, width), device)
    }

    /// Focal lengths `[B]` in pixels, f32; None if the data set gives none.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn focal_tensor(&self, device: &Device) -> candle_core::Result<Option<Tensor>> {
        let focals = self.focals.as_deref();
        focals
            .map(|f| Tensor::from_slice(f, f.len(), device))
            .transpose()
    }
}

fn same_size(
    id: &str,
    what: &'static str,
    expected: (usize, usize),
    found: (usize, usize),
) -> Result<(), DatasetError> {
    if expected == found {
        return Ok(());
    }
    Err(DatasetError::MixedSizes {
        id: id.to_owned(),
        what,
        expected,
        found,
    })
}
