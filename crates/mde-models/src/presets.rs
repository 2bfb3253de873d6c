//! The networks by name.

use crate::mff::{MffConfig, mff};
use crate::resnet::ResNetConfig;
use crate::{DepthNet, ModelError, Parameters};

/// A named network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Height and width of its input.
    pub input: (usize, usize),
    config: MffConfig,
}

/// Height and width of the crop that MFF is trained and evaluated on.
const MFF_INPUT: (usize, usize) = (228, 304);

impl Preset {
    /// All networks.
    pub fn all() -> Vec<Preset> {
        let on = |name, summary, encoder| Preset {
            name,
            summary,
            input: MFF_INPUT,
            config: MffConfig::on(encoder),
        };
        vec![
            Preset {
                name: "mff-tiny",
                summary: "MFF on a ResNet-18 of a quarter of the width, a quarter of the resolution: for a CPU",
                input: (MFF_INPUT.0 / 4, MFF_INPUT.1 / 4),
                config: MffConfig {
                    encoder: ResNetConfig {
                        width: 16,
                        ..ResNetConfig::resnet18()
                    },
                    // The reference's halving would leave 4 units in D.
                    decoder: [64, 48, 32, 32, 32],
                    branch: 8,
                    refined: 32,
                },
            },
            on("mff-resnet18", "MFF on ResNet-18", ResNetConfig::resnet18()),
            on("mff-resnet34", "MFF on ResNet-34", ResNetConfig::resnet34()),
            on(
                "mff-resnet50",
                "MFF on ResNet-50, as in the paper",
                ResNetConfig::resnet50(),
            ),
        ]
    }

    /// The network of this name.
    ///
    /// # Errors
    /// [`ModelError::UnknownModel`], whose message lists the names.
    pub fn named(name: &str) -> Result<Preset, ModelError> {
        let all = Self::all();
        all.iter()
            .find(|preset| preset.name == name)
            .copied()
            .ok_or_else(|| ModelError::UnknownModel {
                name: name.to_owned(),
                known: all.iter().map(|preset| preset.name.to_owned()).collect(),
            })
    }
}

/// Builds a network, its parameters filling `parameters`.
///
/// # Errors
/// If `name` is not a preset, or a parameter cannot be made.
pub fn build(name: &str, parameters: &Parameters) -> Result<Box<dyn DepthNet>, ModelError> {
    let preset = Preset::named(name)?;
    Ok(Box::new(mff(preset.config, parameters.builder())?))
}
