//! `mde models`: the networks and their layers.

use candle_core::Device;
use mde_fetch::{Home, Manifest};
use mde_models::{LayerInfo, Parameters, Preset};
use mde_train::Recipe;
use serde::Serialize;
use serde_json::json;

use crate::output::Output;

/// Which networks to list.
#[derive(Debug, clap::Args)]
pub(crate) struct ModelsArgs {
    /// Networks to describe in detail, one line per layer [default: a list of all networks].
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

#[derive(Serialize)]
struct NetworkOutput {
    name: &'static str,
    summary: &'static str,
    /// Height and width.
    input: (usize, usize),
    max_depth: f64,
    parameters: usize,
    layers: Vec<LayerOutput>,
    /// The layers that are assigned and dissected by default.
    default_layers: &'static [&'static str],
    /// Names for `mde fetch weights`.
    weights: Vec<String>,
}

#[derive(Serialize)]
struct LayerOutput {
    name: String,
    units: usize,
    stride: usize,
}

/// Lists the networks.
pub(crate) fn run(args: ModelsArgs) -> anyhow::Result<Output> {
    let presets = if args.names.is_empty() {
        Preset::all()
    } else {
        let named: Result<_, _> = args.names.iter().map(|name| Preset::named(name)).collect();
        named?
    };
    let manifest = manifest()?;
    let described: anyhow::Result<Vec<_>> = presets
        .iter()
        .map(|preset| NetworkOutput::new(preset, &manifest))
        .collect();
    let described = described?;
    let words: Vec<_> = if args.names.is_empty() {
        described.iter().map(NetworkOutput::entry).collect()
    } else {
        described.iter().map(NetworkOutput::page).collect()
    };
    Output::new(words.join("\n"), json!({ "models": described }))
}

/// The manifest of the home folder, else the built-in one.
fn manifest() -> anyhow::Result<Manifest> {
    Ok(match Home::find() {
        Ok(home) => home.manifest(None)?,
        Err(_) => Manifest::built_in()?,
    })
}

impl NetworkOutput {
    /// Builds the network, for its parameters and layers.
    fn new(preset: &Preset, manifest: &Manifest) -> anyhow::Result<Self> {
        let parameters = Parameters::zeros(&Device::Cpu);
        let network = preset.build(&parameters)?;
        let fitting = manifest
            .weights
            .iter()
            .filter(|(_, weights)| weights.models.iter().any(|model| model == preset.name));
        Ok(Self {
            name: preset.name,
            summary: preset.summary,
            input: preset.input,
            max_depth: preset.max_depth,
            parameters: parameters.count(),
            layers: network.layers().iter().map(LayerOutput::new).collect(),
            default_layers: Recipe::for_preset(preset).layers,
            weights: fitting.map(|(name, _)| name.clone()).collect(),
        })
    }

    fn line(&self) -> String {
        let (height, width) = self.input;
        format!(
            "{:22} {:>6.2} M parameters, {height:>3}x{width:<4} to {:>2} m  {}",
            self.name,
            self.parameters as f64 / 1e6,
            self.max_depth,
            self.summary
        )
    }

    /// An entry of the list of all networks.
    fn entry(&self) -> String {
        let layers = self
            .layers
            .iter()
            .map(|layer| format!("{} {}/{}", layer.name, layer.units, layer.stride));
        let layers: Vec<_> = layers.collect();
        let mut entry = self.line();
        entry += &format!("\n  layers (units/stride): {}", layers.join(", "));
        if !self.weights.is_empty() {
            entry += &format!("\n  weights: {}", self.weights.join(", "));
        }
        entry
    }

    fn page(&self) -> String {
        let mut page = self.line();
        for layer in &self.layers {
            let chosen = if self.default_layers.contains(&layer.name.as_str()) {
                "  (assigned and dissected by default)"
            } else {
                ""
            };
            page += &format!(
                "\n  {:14} {:>4} units, stride {:>2}{chosen}",
                layer.name, layer.units, layer.stride
            );
        }
        let weights = if self.weights.is_empty() {
            "none known".to_owned()
        } else {
            self.weights.join(", ")
        };
        page + &format!("\n  weights (mde fetch weights): {weights}")
    }
}

impl LayerOutput {
    fn new(info: &LayerInfo) -> Self {
        Self {
            name: info.name.clone(),
            units: info.units,
            stride: info.stride,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_manifest_names_known_networks() {
        let manifest = Manifest::built_in().unwrap();
        for (name, weights) in &manifest.weights {
            assert!(!weights.models.is_empty(), "{name}");
            for model in &weights.models {
                assert!(Preset::named(model).is_ok(), "{name}: {model}");
            }
        }
    }
}
