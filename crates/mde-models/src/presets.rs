//! The networks by name.

use crate::bts::{BtsConfig, bts};
use crate::densenet::DenseNetConfig;
use crate::meter::{DepthUnit, MeterConfig, meter};
use crate::mff::{MffConfig, mff};
use crate::resnet::ResNetConfig;
use crate::senet::SeNetConfig;
use crate::{DepthNet, ModelError, Parameters};

/// A named network.
///
/// Its layers with their units and strides are those of the network that [`Preset::build`] makes, the number of its
/// parameters is what that leaves in [`Parameters::count`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Height and width of the image that it is evaluated on. Networks take other sizes too.
    pub input: (usize, usize),
    /// The data that it is made for.
    pub data: DataFamily,
    /// What is done to the image first.
    pub normalisation: Normalisation,
    network: NetworkConfig,
}

/// The kind of scene, camera and range that a network is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataFamily {
    /// Rooms to 10 m, as NYU Depth V2.
    Nyu,
    /// Streets to 80 m, as KITTI.
    Kitti,
}

impl DataFamily {
    /// The largest depth, in metres.
    pub fn max_depth(self) -> f64 {
        match self {
            DataFamily::Nyu => 10.0,
            DataFamily::Kitti => 80.0,
        }
    }
}

/// The networks' families: what their recipes and their images' preparation depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// See [`crate::mff`].
    Mff,
    /// See [`crate::bts`].
    Bts,
    /// See [`crate::meter`].
    Meter,
}

/// How an image's values, from 0 to 1, become a network's input: less a mean, by a standard deviation, per channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalisation {
    /// By ImageNet's mean and standard deviation.
    ImageNet,
    /// Not at all.
    Unit,
}

impl Normalisation {
    /// Mean of red, green and blue.
    pub fn mean(self) -> [f32; 3] {
        match self {
            Normalisation::ImageNet => [0.485, 0.456, 0.406],
            Normalisation::Unit => [0.0; 3],
        }
    }

    /// Standard deviation of red, green and blue.
    pub fn std(self) -> [f32; 3] {
        match self {
            Normalisation::ImageNet => [0.229, 0.224, 0.225],
            Normalisation::Unit => [1.0; 3],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NetworkConfig {
    Mff(MffConfig),
    Bts(BtsConfig),
    Meter(MeterConfig),
}

/// Height and width of the crop that MFF is trained and evaluated on.
const MFF_INPUT: (usize, usize) = (228, 304);
/// Of NYU's whole images, on which BTS is evaluated.
const NYU_INPUT: (usize, usize) = (480, 640);
/// Of the KITTI benchmark's crop.
const KITTI_INPUT: (usize, usize) = (352, 1216);
/// Of METER's inputs, which are resized.
const METER_NYU_INPUT: (usize, usize) = (192, 256);
const METER_KITTI_INPUT: (usize, usize) = (192, 636);

impl Preset {
    /// All networks.
    pub fn all() -> Vec<Preset> {
        [mff_presets(), bts_presets(), meter_presets()].concat()
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

    /// The network's family.
    pub fn architecture(&self) -> Architecture {
        match self.network {
            NetworkConfig::Mff(_) => Architecture::Mff,
            NetworkConfig::Bts(_) => Architecture::Bts,
            NetworkConfig::Meter(_) => Architecture::Meter,
        }
    }

    /// Builds the network, its parameters filling `parameters`.
    ///
    /// # Errors
    /// If a parameter cannot be made.
    pub fn build(&self, parameters: &Parameters) -> Result<Box<dyn DepthNet>, ModelError> {
        let vb = parameters.builder();
        Ok(match self.network {
            NetworkConfig::Mff(config) => Box::new(mff(config, vb)?),
            NetworkConfig::Bts(config) => Box::new(bts(config, vb)?),
            NetworkConfig::Meter(config) => Box::new(meter(config, vb)?),
        })
    }
}

/// Builds the network of a preset, its parameters filling `parameters`.
///
/// # Errors
/// If `name` is not a preset, or a parameter cannot be made.
pub fn build(name: &str, parameters: &Parameters) -> Result<Box<dyn DepthNet>, ModelError> {
    Preset::named(name)?.build(parameters)
}

fn mff_presets() -> Vec<Preset> {
    let preset = |name, summary, input, config| Preset {
        name,
        summary,
        input,
        data: DataFamily::Nyu,
        normalisation: Normalisation::ImageNet,
        network: NetworkConfig::Mff(config),
    };
    let on = |name, summary, config| preset(name, summary, MFF_INPUT, config);
    vec![
        preset(
            "mff-tiny",
            "MFF on a ResNet-18 of a quarter of the width, a quarter of the resolution: for a CPU",
            (MFF_INPUT.0 / 4, MFF_INPUT.1 / 4),
            MffConfig {
                encoder: ResNetConfig {
                    width: 16,
                    ..ResNetConfig::resnet18()
                }
                .into(),
                // The reference's halving would leave 4 units in D.
                decoder: [64, 48, 32, 32, 32],
                branch: 8,
                refined: 32,
            },
        ),
        on(
            "mff-resnet18",
            "MFF on ResNet-18",
            MffConfig::on(ResNetConfig::resnet18()),
        ),
        on(
            "mff-resnet34",
            "MFF on ResNet-34",
            MffConfig::on(ResNetConfig::resnet34()),
        ),
        on(
            "mff-resnet50",
            "MFF on ResNet-50, as in the paper",
            MffConfig::on(ResNetConfig::resnet50()),
        ),
        on(
            "mff-densenet161",
            "MFF on DenseNet-161",
            MffConfig::on(DenseNetConfig::densenet161()),
        ),
        on(
            "mff-senet154",
            "MFF on SENet-154, as in the paper",
            MffConfig::on(SeNetConfig::senet154()),
        ),
    ]
}

fn bts_presets() -> Vec<Preset> {
    let preset = |name, summary, input, config: BtsConfig| Preset {
        name,
        summary,
        input,
        data: config.data,
        normalisation: Normalisation::ImageNet,
        network: NetworkConfig::Bts(config),
    };
    let tiny = |data| BtsConfig {
        encoder: ResNetConfig {
            width: 32,
            ..ResNetConfig::resnet18()
        }
        .into(),
        // The reference's halving would leave 32 units only from a first 512.
        decoder: [96, 64, 48, 32, 32],
        data,
    };
    let (densenet, resnet) = (DenseNetConfig::densenet161(), ResNetConfig::resnet50());
    vec![
        preset(
            "bts-tiny-nyu",
            "BTS on a ResNet-18 of half the width, a quarter of the resolution: for a CPU",
            (NYU_INPUT.0 / 4, NYU_INPUT.1 / 4),
            tiny(DataFamily::Nyu),
        ),
        preset(
            "bts-tiny-kitti",
            "The same for streets",
            (KITTI_INPUT.0 / 4, KITTI_INPUT.1 / 4),
            tiny(DataFamily::Kitti),
        ),
        preset(
            "bts-resnet50-nyu",
            "BTS on ResNet-50",
            NYU_INPUT,
            BtsConfig::on(resnet, DataFamily::Nyu),
        ),
        preset(
            "bts-resnet50-kitti",
            "BTS on ResNet-50 for KITTI",
            KITTI_INPUT,
            BtsConfig::on(resnet, DataFamily::Kitti),
        ),
        preset(
            "bts-densenet161-nyu",
            "BTS on DenseNet-161, as in the paper",
            NYU_INPUT,
            BtsConfig::on(densenet, DataFamily::Nyu),
        ),
        preset(
            "bts-densenet161-kitti",
            "BTS on DenseNet-161 for KITTI, as in the paper",
            KITTI_INPUT,
            BtsConfig::on(densenet, DataFamily::Kitti),
        ),
    ]
}

/// METER's published weights for the two data sets differ in unit and normalisation, so each is a preset of its own.
fn meter_presets() -> Vec<Preset> {
    let nyu = |name, summary, config: fn(DepthUnit) -> MeterConfig| Preset {
        name,
        summary,
        input: METER_NYU_INPUT,
        data: DataFamily::Nyu,
        normalisation: Normalisation::ImageNet,
        network: NetworkConfig::Meter(config(DepthUnit::Centimetre)),
    };
    let kitti = |name, summary, config: fn(DepthUnit) -> MeterConfig| Preset {
        name,
        summary,
        input: METER_KITTI_INPUT,
        data: DataFamily::Kitti,
        normalisation: Normalisation::Unit,
        network: NetworkConfig::Meter(config(DepthUnit::Decimetre)),
    };
    vec![
        nyu("meter-xxs", "METER XXS for NYU Depth V2", MeterConfig::xxs),
        nyu("meter-xs", "METER XS for NYU Depth V2", MeterConfig::xs),
        nyu("meter-s", "METER S for NYU Depth V2", MeterConfig::s),
        kitti("meter-xxs-kitti", "METER XXS for KITTI", MeterConfig::xxs),
        kitti("meter-xs-kitti", "METER XS for KITTI", MeterConfig::xs),
        kitti("meter-s-kitti", "METER S for KITTI", MeterConfig::s),
    ]
}
