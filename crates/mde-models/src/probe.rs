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

    /// The maps of a part of the pass, if the probe has kept them from an earlier pass over the same input: the network
    /// then does not run the part. See [`Prefix`], which is made for this.
    fn recall(&mut self, _part: &str) -> Option<Vec<Tensor>> {
        None
    }

    /// Shows the maps of a part that has been run, before any probe changes them.
    fn keep(&mut self, _part: &str, _maps: &[Tensor]) {}
}

/// Hands the activations of a forward pass to a probe by the names of the network's layers.
///
/// A pass is cut into parts, which are what can be kept and recalled: everything that costs time lies in one. A part reads
/// maps of parts before it and of visited layers, nothing else that could differ between two passes over an input.
pub(crate) struct Taps<'a> {
    layers: &'a [LayerInfo],
    probe: &'a mut dyn Probe,
}

impl<'a> Taps<'a> {
    pub(crate) fn new(layers: &'a [LayerInfo], probe: &'a mut dyn Probe) -> Self {
        Self { layers, probe }
    }

    /// The maps of a part, run only if the probe does not recall them.
    pub(crate) fn part<const N: usize>(
        &mut self,
        name: &str,
        run: impl FnOnce() -> Result<[Tensor; N]>,
    ) -> Result<[Tensor; N]> {
        if let Some(maps) = self.probe.recall(name) {
            let found = maps.len();
            return maps.try_into().map_err(|_| {
                candle_core::Error::msg(format!(
                    "{name} has {N} maps, and {found} were kept: they are another network's"
                ))
            });
        }
        let maps = run()?;
        self.probe.keep(name, &maps);
        Ok(maps)
    }

    /// A part that is a layer: what the probe makes of its activation.
    pub(crate) fn layer(
        &mut self,
        layer: &str,
        run: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Tensor> {
        let [activation] = self.part(layer, || Ok([run()?]))?;
        self.visit(layer, activation)
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

/// The part of a forward pass before a layer, run once and reused: for many interventions at one layer of one input.
///
/// The first pass with [`Prefix::probe`] runs the whole network and keeps the maps of all parts up to the layer, before the
/// probe sees it; further passes begin there. To the bit, each gives what a whole pass with its probe gives, as long as the
/// input, the mode ([`Mode::Eval`](crate::Mode::Eval)) and what is done to earlier layers are the same.
#[derive(Debug, Clone)]
pub struct Prefix {
    layer: String,
    parts: BTreeMap<String, Vec<Tensor>>,
    complete: bool,
}

impl Prefix {
    /// Of the part before this layer; nothing is kept yet.
    pub fn of(layer: &str) -> Self {
        Self {
            layer: layer.to_owned(),
            parts: BTreeMap::new(),
            complete: false,
        }
    }

    /// The probe of one pass: `inner`, and what is kept.
    pub fn probe<'a>(&'a mut self, inner: &'a mut dyn Probe) -> impl Probe + 'a {
        Resumed {
            prefix: self,
            inner,
        }
    }
}

struct Resumed<'a> {
    prefix: &'a mut Prefix,
    inner: &'a mut dyn Probe,
}

impl Probe for Resumed<'_> {
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> Result<Tensor> {
        self.prefix.complete |= layer.name == self.prefix.layer;
        self.inner.visit(layer, activation)
    }

    fn recall(&mut self, part: &str) -> Option<Vec<Tensor>> {
        self.prefix.parts.get(part).cloned()
    }

    fn keep(&mut self, part: &str, maps: &[Tensor]) {
        // What is run after the layer depends on what the probe made of it.
        if !self.prefix.complete {
            self.prefix.parts.insert(part.to_owned(), maps.to_vec());
        }
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
