//! Probes: how anything outside a network sees or changes its activations.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor};

/// A layer of a network that a probe can reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerInfo {
    /// Its name, as in the paper's figures (`D`, `MFF`, …).
    pub name: String,
    /// Hidden units: channels of the activation.
    pub units: usize,
    /// Input pixels per pixel of the activation, along one axis.
    pub stride: usize,
}

impl LayerInfo {
    pub(crate) fn new(name: &str, units: usize, stride: usize) -> Self {
        Self {
            name: name.to_owned(),
            units,
            stride,
        }
    }
}

/// Sees the activation [B, units, h, w] of every named layer on the way of a forward pass, and returns what the
/// network goes on with: the same tensor to observe, another of the same shape to intervene.
pub trait Probe {
    /// Called once for each layer, in the order of the network's list.
    ///
    /// # Errors
    /// An error ends the forward pass.
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> Result<Tensor>;
}

/// Hands the activations of a forward pass to a probe by the names of the network's layers.
pub(crate) struct Taps<'a> {
    layers: &'a [LayerInfo],
    probe: &'a mut dyn Probe,
}

impl<'a> Taps<'a> {
    pub(crate) fn new(layers: &'a [LayerInfo], probe: &'a mut dyn Probe) -> Self {
        Self { layers, probe }
    }

    /// What the probe makes of the activation of `layer`.
    pub(crate) fn visit(&mut self, layer: &str, activation: Tensor) -> Result<Tensor> {
        match self.layers.iter().find(|info| info.name == layer) {
            Some(info) => self.probe.visit(info, activation),
            None => candle_core::bail!("{layer} is not in the network's list of layers"),
        }
    }
}

/// Looks at nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProbe;

impl Probe for NoProbe {
    fn visit(&mut self, _layer: &LayerInfo, activation: Tensor) -> Result<Tensor> {
        Ok(activation)
    }
}

/// Keeps the activations of chosen layers, by name.
#[derive(Debug, Clone, Default)]
pub struct Capture {
    wanted: Vec<String>,
    activations: BTreeMap<String, Tensor>,
}

impl Capture {
    /// Will keep these layers.
    pub fn of<S: AsRef<str>>(layers: impl IntoIterator<Item = S>) -> Self {
        Self {
            wanted: layers
                .into_iter()
                .map(|layer| layer.as_ref().to_owned())
                .collect(),
            activations: BTreeMap::new(),
        }
    }

    /// The activation of a layer, once the forward pass has come by.
    pub fn get(&self, layer: &str) -> Option<&Tensor> {
        self.activations.get(layer)
    }
}

impl Probe for Capture {
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> Result<Tensor> {
        if self.wanted.contains(&layer.name) {
            self.activations
                .insert(layer.name.clone(), activation.clone());
        }
        Ok(activation)
    }
}
