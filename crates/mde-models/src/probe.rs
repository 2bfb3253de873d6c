//! Probes: reading and changing the activations of a network.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor};

/// A layer that a probe can reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerInfo {
    /// Name, as in the paper's figures (`D`, `MFF`, …).
    pub name: String,
    /// Number of hidden units: channels of the activation.
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

/// Receives the activation [B, units, h, w] of each named layer during a forward pass.
///
/// The network continues with the returned tensor: the same one to observe, another of the same
/// shape to intervene.
pub trait Probe {
    /// Called once per layer, in the order of [`DepthNet::layers`](crate::DepthNet::layers).
    ///
    /// # Errors
    /// An error stops the forward pass.
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> Result<Tensor>;

    /// The outputs of a part of the network, if the probe kept them from an earlier pass over this
    /// input. The network then skips the part. [`PrefixCache`] implements this.
    fn recall(&mut self, _part: &str) -> Option<Vec<Tensor>> {
        None
    }

    /// Receives the outputs of a part after it ran, before any probe changes them.
    fn keep(&mut self, _part: &str, _maps: &[Tensor]) {}
}

/// One forward pass with a probe.
///
/// The pass is divided into parts, which a probe can keep and recall. All expensive computation
/// belongs in a part. A part depends only on earlier parts and visited layers, so two passes over
/// one input agree.
pub(crate) struct ProbedPass<'a> {
    layers: &'a [LayerInfo],
    probe: &'a mut dyn Probe,
}

impl<'a> ProbedPass<'a> {
    pub(crate) fn new(layers: &'a [LayerInfo], probe: &'a mut dyn Probe) -> Self {
        Self { layers, probe }
    }

    /// The outputs of a part, which runs only if the probe does not recall them.
    pub(crate) fn part<const N: usize>(
        &mut self,
        name: &str,
        run: impl FnOnce() -> Result<[Tensor; N]>,
    ) -> Result<[Tensor; N]> {
        if let Some(maps) = self.probe.recall(name) {
            let found = maps.len();
            return maps.try_into().map_err(|_| {
                candle_core::Error::msg(format!(
                    "{name} has {N} outputs, but {found} were kept: they belong to another network"
                ))
            });
        }
        let maps = run()?;
        self.probe.keep(name, &maps);
        Ok(maps)
    }

    /// Runs a part that is a layer and returns the probe's output.
    pub(crate) fn layer(
        &mut self,
        layer: &str,
        run: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Tensor> {
        let [activation] = self.part(layer, || Ok([run()?]))?;
        self.visit(layer, activation)
    }

    /// Passes the activation of `layer` to the probe and returns the probe's output.
    pub(crate) fn visit(&mut self, layer: &str, activation: Tensor) -> Result<Tensor> {
        match self.layers.iter().find(|info| info.name == layer) {
            Some(info) => self.probe.visit(info, activation),
            None => candle_core::bail!("{layer} is not in the network's list of layers"),
        }
    }
}

/// Leaves every activation as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProbe;

impl Probe for NoProbe {
    fn visit(&mut self, _layer: &LayerInfo, activation: Tensor) -> Result<Tensor> {
        Ok(activation)
    }
}

/// Caches the part of a forward pass before a layer, for many interventions at one layer of one
/// input.
///
/// The first pass with [`PrefixCache::probe`] runs the whole network and keeps the outputs of all
/// parts up to the layer. Further passes start there. Results are bit-identical to full passes if
/// the input, the mode ([`Mode::Eval`](crate::Mode::Eval)) and the interventions at earlier layers
/// stay the same.
#[derive(Debug, Clone)]
pub struct PrefixCache {
    layer: String,
    parts: BTreeMap<String, Vec<Tensor>>,
    complete: bool,
}

impl PrefixCache {
    /// An empty cache for the part before this layer.
    pub fn new(layer: &str) -> Self {
        Self {
            layer: layer.to_owned(),
            parts: BTreeMap::new(),
            complete: false,
        }
    }

    /// A probe for one pass that applies `inner` and uses the cache.
    pub fn probe<'a>(&'a mut self, inner: &'a mut dyn Probe) -> impl Probe + 'a {
        Resumed { cache: self, inner }
    }
}

struct Resumed<'a> {
    cache: &'a mut PrefixCache,
    inner: &'a mut dyn Probe,
}

impl Probe for Resumed<'_> {
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> Result<Tensor> {
        self.cache.complete |= layer.name == self.cache.layer;
        self.inner.visit(layer, activation)
    }

    fn recall(&mut self, part: &str) -> Option<Vec<Tensor>> {
        self.cache.parts.get(part).cloned()
    }

    fn keep(&mut self, part: &str, maps: &[Tensor]) {
        // Parts after the layer depend on the intervention.
        if !self.cache.complete {
            self.cache.parts.insert(part.to_owned(), maps.to_vec());
        }
    }
}

/// Stores the activations of chosen layers by name.
#[derive(Debug, Clone, Default)]
pub struct Capture {
    wanted: Vec<String>,
    activations: BTreeMap<String, Tensor>,
}

impl Capture {
    /// A probe that stores these layers.
    pub fn new<S: AsRef<str>>(layers: impl IntoIterator<Item = S>) -> Self {
        Self {
            wanted: layers
                .into_iter()
                .map(|layer| layer.as_ref().to_owned())
                .collect(),
            activations: BTreeMap::new(),
        }
    }

    /// The stored activation of a layer; `None` before the forward pass reached it.
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
