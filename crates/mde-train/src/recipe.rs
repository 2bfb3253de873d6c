//! How the networks are trained, measured and dissected unless one says otherwise.

use mde_datasets::{BtsGeometry, MeterInput, MffGeometry, Preprocessing};
use mde_metrics::Discretisation;
use mde_models::{Architecture, DataFamily, Preset};

use crate::{AdamConfig, DepthLoss, Schedule, WeightDecay};

/// The recipe of a network: its paper's, where there is one (docs/method.md; docs/deviations.md where it is silent).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Recipe {
    /// What is done to samples on their way into the network.
    pub preprocessing: Preprocessing,
    /// How depth is cut into bins.
    pub discretisation: Discretisation,
    /// The layers that are assigned and dissected.
    pub layers: &'static [&'static str],
    /// The loss of depth alone.
    pub loss: DepthLoss,
    /// The optimiser's constants.
    pub adam: AdamConfig,
    /// Base learning rate.
    pub learning_rate: f64,
    /// How it falls.
    pub schedule: Schedule,
    /// Images a step.
    pub batch: usize,
    /// Passes over the training images.
    pub epochs: u64,
}

impl Recipe {
    /// The recipe of a network.
    ///
    /// - MFF: Hu et al. 2019, as the paper uses it.
    /// - BTS: Lee et al. 2019, as the paper uses it: AdamW, the scale-invariant logarithmic loss.
    /// - METER: fine-tuning of the published weights; its own training from scratch is not reproduced.
    pub fn of(preset: &Preset) -> Self {
        let discretisation = match preset.data {
            DataFamily::Nyu => Discretisation::NYU,
            DataFamily::Kitti => Discretisation::KITTI,
        };
        match preset.architecture() {
            Architecture::Mff => Self {
                preprocessing: Preprocessing::Mff(mff_geometry(preset)),
                discretisation,
                layers: &["D", "MFF"],
                loss: DepthLoss::Mff,
                adam: AdamConfig::default(),
                learning_rate: 1e-4,
                schedule: Schedule::Step {
                    epochs: 5,
                    factor: 0.1,
                },
                batch: 16,
                epochs: 20,
            },
            Architecture::Bts => Self {
                preprocessing: Preprocessing::Bts(bts_geometry(preset)),
                discretisation,
                layers: &["upconv3", "iconv2", "upconv2", "upconv1", "iconv1"],
                loss: DepthLoss::silog(preset.data),
                adam: AdamConfig {
                    eps: 1e-6,
                    decay: WeightDecay::Decoupled {
                        encoder: 1e-2,
                        decoder: 0.0,
                    },
                    ..AdamConfig::default()
                },
                learning_rate: 1e-4,
                schedule: Schedule::Polynomial {
                    power: 0.9,
                    end_factor: 0.1,
                },
                batch: 4,
                epochs: 30,
            },
            Architecture::Meter => Self {
                preprocessing: Preprocessing::Meter(match preset.data {
                    DataFamily::Nyu => MeterInput::nyu(),
                    DataFamily::Kitti => MeterInput::kitti(),
                }),
                discretisation,
                layers: &["ups_block_1", "ups_block_2", "ups_block_3"],
                loss: DepthLoss::Log,
                adam: AdamConfig::default(),
                learning_rate: 3e-4,
                schedule: Schedule::Polynomial {
                    power: 0.9,
                    end_factor: 0.0,
                },
                batch: 8,
                epochs: 8,
            },
        }
    }
}

/// The MFF recipe's sizes at the network's resolution.
fn mff_geometry(preset: &Preset) -> MffGeometry {
    let fractions = [MffGeometry::half(), MffGeometry::quarter()];
    fractions
        .into_iter()
        .find(|geometry| geometry.crop == preset.input)
        .unwrap_or(MffGeometry::full())
}

/// The BTS recipe's sizes at the network's resolution.
fn bts_geometry(preset: &Preset) -> BtsGeometry {
    let (full, quarter) = match preset.data {
        DataFamily::Nyu => (BtsGeometry::nyu(), BtsGeometry::nyu_quarter()),
        DataFamily::Kitti => (BtsGeometry::kitti(), BtsGeometry::kitti_quarter()),
    };
    if preset.input == quarter.input {
        quarter
    } else {
        full
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mde_metrics::EvalProtocol;
    use mde_models::{Normalisation, Parameters};

    #[test]
    fn recipes_fit_their_networks() {
        for preset in Preset::all() {
            let recipe = Recipe::of(&preset);
            let evaluation = recipe.preprocessing.evaluation();
            assert_eq!(evaluation.input_size(), preset.input, "{}", preset.name);
            let unit = matches!(
                recipe.preprocessing,
                Preprocessing::Meter(MeterInput {
                    normalisation: mde_datasets::Normalisation::UnitRange,
                    ..
                })
            );
            assert_eq!(preset.normalisation == Normalisation::Unit, unit);
            let protocol = EvalProtocol::preset(recipe.preprocessing.protocol()).unwrap();
            assert_eq!(f64::from(protocol.max_depth), preset.data.max_depth());
            let (Discretisation::Sid { beta: last, .. }
            | Discretisation::Uniform { max: last, .. }) = recipe.discretisation
            else {
                panic!("{}: no range", preset.name);
            };
            assert_eq!(last, preset.data.max_depth());
        }
    }

    #[test]
    fn their_layers_exist() {
        for name in ["mff-tiny", "bts-tiny-nyu", "bts-tiny-kitti", "meter-xxs"] {
            let preset = Preset::named(name).unwrap();
            let parameters = Parameters::new(0, &candle_core::Device::Cpu);
            let network = preset.build(&parameters).unwrap();
            for layer in Recipe::of(&preset).layers {
                network.layer(layer).unwrap();
            }
        }
    }
}
