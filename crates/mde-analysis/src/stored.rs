//! Activations stored by another program, analysed like a network.

use candle_core::Tensor;
use mde_models::{DepthInput, DepthNet, LayerInfo, Mode, Probe};

/// A network of one layer whose activation is its input: a layer's stored maps `[B, units, h, w]`.
#[derive(Debug, Clone)]
pub struct StoredLayer {
    layers: [LayerInfo; 1],
}

impl StoredLayer {
    /// A layer with this name, number of units and number of input pixels per feature pixel.
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
