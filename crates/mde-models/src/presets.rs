//! Networks by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::{Init, VarBuilder, var_builder::SimpleBackend};

use crate::bts::{Bts, BtsConfig};
use crate::densenet::DenseNetConfig;
use crate::efficientnet::EfficientNetConfig;
use crate::meter::{DepthUnit, Meter, MeterConfig};
use crate::mff::{Mff, MffConfig};
use crate::resnet::ResNetConfig;
use crate::senet::SeNetConfig;
use crate::{DepthNet, ModelError, Parameters};

/// A named network with its input size, image normalisation and depth range.
///
/// The built network lists its layers ([`DepthNet::layers`]); [`Parameters::count`] counts its
/// parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// Name on the command line.
    pub name: &'static str,
    /// One-line description.
    pub summary: &'static str,
    /// Height and width of the images that it is evaluated on. Networks accept other sizes too.
    pub input: (usize, usize),
    /// Largest depth that it is made for, in metres: 10 (rooms) or 80 (streets).
    pub max_depth: f64,
    /// Mean of red, green and blue in [0, 1] (8-bit values / 255), subtracted from the image.
    pub mean: [f32; 3],
    /// Standard deviation of red, green and blue in [0, 1], by which the image is then divided.
    pub std: [f32; 3],
    network: NetworkConfig,
}

/// Family of networks. Training recipes and image preparation depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// See [`crate::mff`].
    Mff,
    /// See [`crate::bts`].
    Bts,
    /// See [`crate::meter`].
    Meter,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum NetworkConfig {
    Mff(MffConfig),
    Bts(BtsConfig),
    Meter(MeterConfig),
}

/// Largest depth of rooms, as NYU Depth V2 measures them, in metres.
const INDOOR_DEPTH: f64 = 10.0;
/// Largest depth of streets, as KITTI is evaluated, in metres.
const STREET_DEPTH: f64 = 80.0;

/// ImageNet's mean and standard deviation.
const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
/// Leaves values in [0, 1].
const UNIT_RANGE: ([f32; 3], [f32; 3]) = ([0.0; 3], [1.0; 3]);

/// Crop that MFF is trained and evaluated on.
const MFF_INPUT: (usize, usize) = (228, 304);
/// Whole images of NYU Depth V2, on which BTS is evaluated.
const NYU_INPUT: (usize, usize) = (480, 640);
/// Crop of the KITTI benchmark.
const KITTI_INPUT: (usize, usize) = (352, 1216);
/// Images are resized for METER.
const METER_NYU_INPUT: (usize, usize) = (192, 256);
const METER_KITTI_INPUT: (usize, usize) = (192, 636);

impl Preset {
    /// All presets.
    pub fn all() -> Vec<Preset> {
        [mff_presets(), bts_presets(), meter_presets()].concat()
    }

    /// The preset of this name.
    ///
    /// # Errors
    /// [`ModelError::UnknownModel`], which suggests a similar name and lists all.
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

    /// Builds the network; its parameters are added to `parameters`.
    ///
    /// # Errors
    /// If a parameter cannot be created.
    pub fn build(&self, parameters: &Parameters) -> Result<Box<dyn DepthNet>, ModelError> {
        Ok(self.network(parameters.builder())?)
    }

    fn network(&self, vb: VarBuilder) -> candle_core::Result<Box<dyn DepthNet>> {
        Ok(match self.network {
            NetworkConfig::Mff(config) => Box::new(Mff::new(config, vb)?),
            NetworkConfig::Bts(config) => Box::new(Bts::new(config, vb)?),
            NetworkConfig::Meter(config) => Box::new(Meter::new(config, vb)?),
        })
    }

    /// Names and shapes of all parameters and running statistics, without their memory.
    ///
    /// # Errors
    /// If a layer cannot be built.
    pub(crate) fn parameter_shapes(&self) -> candle_core::Result<BTreeMap<String, Vec<usize>>> {
        let shapes = Shapes::default();
        let backend = Box::new(Shapes(shapes.0.clone()));
        self.network(VarBuilder::from_backend(backend, DType::F32, Device::Cpu))?;
        let recorded = shapes.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(recorded.clone())
    }

    /// Normalises an RGB image [.., 3, H, W] of values in [0, 1]: `(image - mean) / std`.
    ///
    /// # Errors
    /// If the image does not have three channels.
    pub fn normalise(&self, image: &Tensor) -> candle_core::Result<Tensor> {
        let channels = |values: &[f32; 3]| {
            Tensor::new(values, image.device())?
                .to_dtype(image.dtype())?
                .reshape((3, 1, 1))
        };
        image
            .broadcast_sub(&channels(&self.mean)?)?
            .broadcast_div(&channels(&self.std)?)
    }
}

/// Records the parameters that a network asks for. They are a single zero, repeated.
#[derive(Default)]
struct Shapes(Arc<Mutex<BTreeMap<String, Vec<usize>>>>);

impl SimpleBackend for Shapes {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _init: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.insert(name.to_owned(), shape.dims().to_vec());
        Tensor::zeros((), dtype, device)?.broadcast_as(shape)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        candle_core::bail!("{name} is requested without its shape")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// Builds the network of a preset; its parameters are added to `parameters`.
///
/// # Errors
/// If `name` is not a preset or a parameter cannot be created.
pub fn build(name: &str, parameters: &Parameters) -> Result<Box<dyn DepthNet>, ModelError> {
    Preset::named(name)?.build(parameters)
}

fn mff_presets() -> Vec<Preset> {
    let preset = |name, summary, input, config| Preset {
        name,
        summary,
        input,
        max_depth: INDOOR_DEPTH,
        mean: IMAGENET.0,
        std: IMAGENET.1,
        network: NetworkConfig::Mff(config),
    };
    let tiny = MffConfig {
        encoder: ResNetConfig::resnet18().with_width(16).into(),
        // The reference halves the channels at each step, which would leave 4 units in D.
        decoder: [64, 48, 32, 32, 32],
        branch: 8,
        refined: 32,
    };
    let lite0 = MffConfig {
        encoder: EfficientNetConfig::lite0().into(),
        // Half of the channels at each step would leave 10 units in D.
        decoder: [160, 96, 64, 48, 32],
        branch: 16,
        refined: 32 + 4 * 16,
    };
    let resnet18 = MffConfig::with_encoder(ResNetConfig::resnet18());
    let resnet34 = MffConfig::with_encoder(ResNetConfig::resnet34());
    let resnet50 = MffConfig::with_encoder(ResNetConfig::resnet50());
    let densenet161 = MffConfig::with_encoder(DenseNetConfig::densenet161());
    let senet154 = MffConfig::with_encoder(SeNetConfig::senet154());
    vec![
        preset(
            "mff-tiny",
            "MFF on ResNet-18 at a quarter of the width and resolution, for CPUs",
            (MFF_INPUT.0 / 4, MFF_INPUT.1 / 4),
            tiny,
        ),
        preset(
            "mff-efficientnet-lite0",
            "MFF on EfficientNet-Lite0, for CPUs",
            MFF_INPUT,
            lite0,
        ),
        preset("mff-resnet18", "MFF on ResNet-18", MFF_INPUT, resnet18),
        preset("mff-resnet34", "MFF on ResNet-34", MFF_INPUT, resnet34),
        preset(
            "mff-resnet50",
            "MFF on ResNet-50, as in the paper",
            MFF_INPUT,
            resnet50,
        ),
        preset(
            "mff-densenet161",
            "MFF on DenseNet-161",
            MFF_INPUT,
            densenet161,
        ),
        preset(
            "mff-senet154",
            "MFF on SENet-154, as in the paper",
            MFF_INPUT,
            senet154,
        ),
    ]
}

fn bts_presets() -> Vec<Preset> {
    let preset = |name, summary, input, config: BtsConfig| Preset {
        name,
        summary,
        input,
        max_depth: config.max_depth,
        mean: IMAGENET.0,
        std: IMAGENET.1,
        network: NetworkConfig::Bts(config),
    };
    let tiny = |config| BtsConfig {
        encoder: ResNetConfig::resnet18().with_width(32).into(),
        // The reference halves the channels from 512 at each step; 32 are left only from there.
        decoder: [96, 64, 48, 32, 32],
        ..config
    };
    let (densenet, resnet) = (DenseNetConfig::densenet161(), ResNetConfig::resnet50());
    vec![
        preset(
            "bts-tiny-nyu",
            "BTS on ResNet-18 at half the width and a quarter of the resolution, for CPUs",
            (NYU_INPUT.0 / 4, NYU_INPUT.1 / 4),
            tiny(BtsConfig::nyu(resnet)),
        ),
        preset(
            "bts-tiny-kitti",
            "The same for streets",
            (KITTI_INPUT.0 / 4, KITTI_INPUT.1 / 4),
            tiny(BtsConfig::kitti(resnet)),
        ),
        preset(
            "bts-resnet50-nyu",
            "BTS on ResNet-50",
            NYU_INPUT,
            BtsConfig::nyu(resnet),
        ),
        preset(
            "bts-resnet50-kitti",
            "BTS on ResNet-50 for KITTI",
            KITTI_INPUT,
            BtsConfig::kitti(resnet),
        ),
        preset(
            "bts-densenet161-nyu",
            "BTS on DenseNet-161, as in the paper",
            NYU_INPUT,
            BtsConfig::nyu(densenet),
        ),
        preset(
            "bts-densenet161-kitti",
            "BTS on DenseNet-161 for KITTI, as in the paper",
            KITTI_INPUT,
            BtsConfig::kitti(densenet),
        ),
    ]
}

/// METER's published weights for the two data sets differ in unit and normalisation, so each is a
/// preset.
fn meter_presets() -> Vec<Preset> {
    let nyu = |name, summary, config: fn(DepthUnit) -> MeterConfig| Preset {
        name,
        summary,
        input: METER_NYU_INPUT,
        max_depth: INDOOR_DEPTH,
        mean: IMAGENET.0,
        std: IMAGENET.1,
        network: NetworkConfig::Meter(config(DepthUnit::Centimetre)),
    };
    let kitti = |name, summary, config: fn(DepthUnit) -> MeterConfig| Preset {
        input: METER_KITTI_INPUT,
        max_depth: STREET_DEPTH,
        mean: UNIT_RANGE.0,
        std: UNIT_RANGE.1,
        network: NetworkConfig::Meter(config(DepthUnit::Decimetre)),
        ..nyu(name, summary, config)
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
