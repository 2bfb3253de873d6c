//! Activations that another program has stored, in the place of a network.

use candle_core::Tensor;
use mde_models::{DepthInput, DepthNet, LayerInfo, Mode, Probe};

/// A network of one layer, whose activation is its input: what it is given are a layer's stored maps, `[B, units, h, w]`, and
/// so they are analysed like those of a network at hand.
#[derive(Debug, Clone)]
pub struct StoredLayer {
    layers: [LayerInfo; 1],
}

impl StoredLayer {
    /// A layer of this name, and how many pixels of the image one of its maps' stands for.
    pub fn new(name: &str, units: usize, stride: usize) -> Self {
        Self {
            layers: [LayerInfo {
                name: name.to_owned(),
                units,
                stride,
            }],
        }
    }
}

impl DepthNet for StoredLayer {
    fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    fn forward(
        &self,
        input: &DepthInput,
        _mode: Mode,
        probe: &mut dyn Probe,
    ) -> candle_core::Result<Tensor> {
        probe.visit(&self.layers[0], input.image.clone())
    }
}
