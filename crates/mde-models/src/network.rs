//! The interface of depth networks: [`DepthNet`], its input and its modes.

use candle_core::Tensor;

use crate::error::ModelError;
use crate::probe::{LayerInfo, Probe};

/// Whether a forward pass trains or evaluates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch norm uses the batch's statistics and updates its running averages. Gradients are
    /// tracked.
    Train,
    /// Batch norm uses its running averages. Parameters are detached, so each activation is freed
    /// after its last use.
    Eval,
}

impl Mode {
    /// A parameter as this mode uses it: detached in eval, so that no graph is kept.
    pub(crate) fn parameter(self, tensor: &Tensor) -> Tensor {
        match self {
            Mode::Train => tensor.clone(),
            Mode::Eval => tensor.detach(),
        }
    }
}

/// Input of a depth network.
#[derive(Debug, Clone)]
pub struct DepthInput {
    /// Normalised images, [B, 3, H, W]; see [`Preset::normalise`](crate::Preset::normalise).
    pub image: Tensor,
    /// Focal length of each image's camera, `[B]`, in pixels of the original image before any
    /// resize. Only BTS for KITTI needs it; other networks ignore it.
    pub focal: Option<Tensor>,
}

impl DepthInput {
    /// Images without focal lengths.
    pub fn new(image: Tensor) -> Self {
        Self { image, focal: None }
    }

    /// Adds the focal length of each image's camera, `[B]`.
    pub fn with_focal(self, focal: Tensor) -> Self {
        Self {
            focal: Some(focal),
            ..self
        }
    }
}

/// A monocular depth network.
pub trait DepthNet: Send + Sync {
    /// The layers that a probe can reach, in the order of the forward pass.
    fn layers(&self) -> &[LayerInfo];

    /// Predicts depth in metres, [B, 1, h, w].
    ///
    /// At each layer of [`DepthNet::layers`] the network passes the activation [B, units, h', w']
    /// to `probe` and continues with the tensor that the probe returns.
    ///
    /// # Errors
    /// If the input does not fit the network or the probe fails.
    fn forward(
        &self,
        input: &DepthInput,
        mode: Mode,
        probe: &mut dyn Probe,
    ) -> candle_core::Result<Tensor>;

    /// The layer of this name.
    ///
    /// # Errors
    /// [`ModelError::UnknownLayer`], which suggests a similar name and lists all.
    fn layer(&self, name: &str) -> Result<&LayerInfo, ModelError> {
        let layers = self.layers();
        layers
            .iter()
            .find(|layer| layer.name == name)
            .ok_or_else(|| ModelError::UnknownLayer {
                name: name.to_owned(),
                known: layers.iter().map(|layer| layer.name.clone()).collect(),
            })
    }
}
