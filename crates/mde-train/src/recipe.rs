//! Default settings for training, evaluating and dissecting each network.

use mde_datasets::{BtsGeometry, MeterInput, MffGeometry, Preprocessing, Scene};
use mde_metrics::Discretisation;
use mde_models::{Architecture, Preset};

use crate::{AdamConfig, DepthLoss, Schedule, WeightDecay};

/// Default settings of a network: those of its paper (docs/method.md in the repository), or those
/// in docs/deviations.md where the paper states none.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Recipe {
    /// The kind of scene that the network is for.
    pub scene: Scene,
    /// Transformation of samples into the network's input and target.
    pub preprocessing: Preprocessing,
    /// How depth is divided into bins.
    pub discretisation: Discretisation,
    /// Layers that are assigned and dissected.
    pub layers: &'static [&'static str],
    /// Depth loss, without the assignment.
    pub loss: DepthLoss,
    /// Optimiser settings.
    pub adam: AdamConfig,
    /// Base learning rate.
    pub learning_rate: f64,
    /// Learning rate schedule.
    pub schedule: Schedule,
    /// Batch size.
    pub batch: usize,
    /// Number of epochs.
    pub epochs: u64,
}

impl Recipe {
    /// The recipe of a preset.
    ///
    /// - MFF: Hu et al. 2019, as the paper uses it.
    /// - BTS: Lee et al. 2019, as the paper uses it: AdamW, the scale-invariant logarithmic loss.
    /// - METER: fine-tuning of the published weights. Training from scratch is not reproduced.
    pub fn for_preset(preset: &Preset) -> Self {
        let scene = Scene::for_max_depth(preset.max_depth);
        let discretisation = match scene {
            Scene::Indoor => Discretisation::NYU,
            Scene::Street => Discretisation::KITTI,
        };
        match preset.architecture() {
            Architecture::Mff => Self {
                scene,
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
                scene,
                preprocessing: Preprocessing::Bts(bts_geometry(preset, scene)),
                discretisation,
                layers: &["upconv3", "iconv2", "upconv2", "upconv1", "iconv1"],
                loss: DepthLoss::silog(scene),
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
                scene,
                preprocessing: Preprocessing::Meter(match scene {
                    Scene::Indoor => MeterInput::nyu(),
                    Scene::Street => MeterInput::kitti(),
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

/// Sizes of the MFF recipe at the network's resolution.
fn mff_geometry(preset: &Preset) -> MffGeometry {
    let fractions = [MffGeometry::half(), MffGeometry::quarter()];
    fractions
        .into_iter()
        .find(|geometry| geometry.crop == preset.input)
        .unwrap_or(MffGeometry::full())
}

/// Sizes of the BTS recipe at the network's resolution.
fn bts_geometry(preset: &Preset, scene: Scene) -> BtsGeometry {
    let (full, quarter) = match scene {
        Scene::Indoor => (BtsGeometry::nyu(), BtsGeometry::nyu_quarter()),
        Scene::Street => (BtsGeometry::kitti(), BtsGeometry::kitti_quarter()),
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
    use mde_models::Parameters;

    #[test]
    fn recipes_fit_their_networks() {
        for preset in Preset::all() {
            let recipe = Recipe::for_preset(&preset);
            let evaluation = recipe.preprocessing.evaluation();
            assert_eq!(evaluation.input_size(), preset.input, "{}", preset.name);
            let unit = matches!(
                recipe.preprocessing,
                Preprocessing::Meter(MeterInput {
                    normalisation: mde_datasets::Normalisation::UnitRange,
                    ..
                })
            );
            assert_eq!((preset.mean, preset.std) == ([0.0; 3], [1.0; 3]), unit);
            let protocol = EvalProtocol::preset(recipe.preprocessing.protocol()).unwrap();
            assert_eq!(f64::from(protocol.max_depth), preset.max_depth);
            assert_eq!(f64::from(recipe.scene.max_depth()), preset.max_depth);
            let (Discretisation::Sid { beta: last, .. }
            | Discretisation::Uniform { max: last, .. }) = recipe.discretisation
            else {
                panic!("{}: no range", preset.name);
            };
            assert_eq!(last, preset.max_depth);
        }
    }

    #[test]
    fn their_layers_exist() {
        for name in ["mff-tiny", "bts-tiny-nyu", "bts-tiny-kitti", "meter-xxs"] {
            let preset = Preset::named(name).unwrap();
            let parameters = Parameters::new(0, &candle_core::Device::Cpu);
            let network = preset.build(&parameters).unwrap();
            for layer in Recipe::for_preset(&preset).layers {
                network.layer(layer).unwrap();
            }
        }
    }
}
