#![doc = include_str!("../README.md")]

pub mod bts;
pub mod densenet;
pub mod encoder;
mod error;
mod import;
mod key_report;
pub mod layers;
pub mod meter;
pub mod mff;
pub mod mobilevit;
mod parameters;
mod presets;
mod probe;
pub mod resnet;
pub mod senet;

pub use error::ModelError;
pub use key_report::KeyReport;
pub use parameters::{Parameters, is_encoder_parameter};
pub use presets::{Architecture, DataFamily, Normalisation, Preset, build};
pub use probe::{Capture, LayerInfo, NoProbe, Prefix, Probe};

use candle_core::Tensor;

/// Whether batch norm uses the batch's statistics and gradients are tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics, running averages updated, gradients tracked.
    Train,
    /// Running averages; parameters are detached, so that no activation outlives its use.
    Eval,
}

/// What a depth network is given.
#[derive(Debug, Clone)]
pub struct DepthInput {
    /// Normalised images, [B, 3, H, W].
    pub image: Tensor,
    /// The cameras' focal lengths, `[B]`, in pixels of the data set's own resolution, whatever the image was resized to. BTS
    /// for KITTI needs them; other networks do not look.
    pub focal: Option<Tensor>,
}

impl DepthInput {
    /// Images of cameras whose focal length does not matter.
    pub fn new(image: Tensor) -> Self {
        Self { image, focal: None }
    }

    /// With the focal length of every image's camera, `[B]`.
    pub fn with_focal(self, focal: Tensor) -> Self {
        Self {
            focal: Some(focal),
            ..self
        }
    }
}

/// A monocular depth network.
pub trait DepthNet: Send + Sync {
    /// The layers at which [`DepthNet::forward`] hands its activation to the probe, in that order.
    fn layers(&self) -> &[LayerInfo];

    /// Predicts depth in metres, [B, 1, h, w].
    ///
    /// At every layer of [`DepthNet::layers`] the activation [B, units, h', w'] goes to `probe`, and the network goes
    /// on with what the probe returns.
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
    /// [`ModelError::UnknownLayer`], whose message lists the layers there are.
    fn layer(&self, name: &str) -> Result<&LayerInfo, ModelError> {
        self.layers()
            .iter()
            .find(|layer| layer.name == name)
            .ok_or_else(|| ModelError::UnknownLayer {
                name: name.to_owned(),
                known: self
                    .layers()
                    .iter()
                    .map(|layer| layer.name.clone())
                    .collect(),
            })
    }
}
