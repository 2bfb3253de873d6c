//! One interface to the encoders: a stem at half of the image's size, then four stages that each
//! halve it.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use mde_ops::relu;

use crate::densenet::{DenseNet, DenseNetConfig};
use crate::efficientnet::{EfficientNet, EfficientNetConfig};
use crate::network::Mode;
use crate::resnet::{ResNet, ResNetConfig};
use crate::senet::{SeNet, SeNetConfig};

/// Kind and shape of an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncoderConfig {
    /// See [`crate::resnet`].
    ResNet(ResNetConfig),
    /// See [`crate::senet`].
    SeNet(SeNetConfig),
    /// See [`crate::densenet`].
    DenseNet(DenseNetConfig),
    /// See [`crate::efficientnet`].
    EfficientNet(EfficientNetConfig),
}

impl From<ResNetConfig> for EncoderConfig {
    fn from(config: ResNetConfig) -> Self {
        Self::ResNet(config)
    }
}

impl From<SeNetConfig> for EncoderConfig {
    fn from(config: SeNetConfig) -> Self {
        Self::SeNet(config)
    }
}

impl From<DenseNetConfig> for EncoderConfig {
    fn from(config: DenseNetConfig) -> Self {
        Self::DenseNet(config)
    }
}

impl From<EfficientNetConfig> for EncoderConfig {
    fn from(config: EfficientNetConfig) -> Self {
        Self::EfficientNet(config)
    }
}

impl EncoderConfig {
    /// Output channels of the four stages.
    pub fn channels(&self) -> [usize; 4] {
        match self {
            Self::ResNet(config) => config.channels(),
            Self::SeNet(config) => config.channels(),
            Self::DenseNet(config) => config.channels(),
            Self::EfficientNet(config) => config.channels(),
        }
    }

    /// Channels of the five maps of [`Encoder::pyramid`].
    pub(crate) fn pyramid_channels(&self) -> [usize; 5] {
        let [first, second, third, fourth] = self.channels();
        match self {
            Self::ResNet(config) => [config.width, first, second, third, fourth],
            Self::SeNet(config) => [config.stem(), first, second, third, fourth],
            Self::DenseNet(config) => [config.stem, config.stem, first, second, fourth],
            Self::EfficientNet(config) => [config.half(), first, second, third, fourth],
        }
    }
}

#[derive(Debug, Clone)]
#[allow(clippy::enum_variant_names)] // the networks' own names
pub(crate) enum Encoder {
    ResNet(ResNet),
    SeNet(SeNet),
    DenseNet(DenseNet),
    EfficientNet(EfficientNet),
}

impl Encoder {
    pub(crate) fn new(config: EncoderConfig, vb: VarBuilder) -> Result<Self> {
        Ok(match config {
            EncoderConfig::ResNet(config) => Self::ResNet(ResNet::new(config, vb)?),
            EncoderConfig::SeNet(config) => Self::SeNet(SeNet::new(config, vb)?),
            EncoderConfig::DenseNet(config) => Self::DenseNet(DenseNet::new(config, vb)?),
            EncoderConfig::EfficientNet(config) => {
                Self::EfficientNet(EfficientNet::new(config, vb)?)
            }
        })
    }

    /// The stem: [B, 3, H, W] to half of the size, rounded up.
    pub(crate) fn stem(&self, image: &Tensor, mode: Mode) -> Result<Tensor> {
        match self {
            Self::ResNet(encoder) => encoder.stem(image, mode),
            Self::SeNet(encoder) => encoder.stem(image, mode),
            Self::DenseNet(encoder) => encoder.stem(image, mode),
            Self::EfficientNet(encoder) => encoder.stem(image, mode),
        }
    }

    /// Stage `index` of 0 to 3. The first returns maps at a quarter of the image's size.
    pub(crate) fn stage(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match self {
            Self::ResNet(encoder) => encoder.stage(index, x, mode),
            Self::SeNet(encoder) => encoder.stage(index, x, mode),
            Self::DenseNet(encoder) => encoder.stage(index, x, mode),
            Self::EfficientNet(encoder) => encoder.stage(index, x, mode),
        }
    }

    /// The maps that BTS uses, at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image's size. The last is not
    /// negative.
    ///
    /// A DenseNet stage ends before the pooling of its transition, but its pyramid has the pooled
    /// maps. So its second map is the pooled stem, and the third stage is not included.
    pub(crate) fn pyramid(&self, image: &Tensor, mode: Mode) -> Result<[Tensor; 5]> {
        let half = self.stem(image, mode)?;
        if let Self::DenseNet(encoder) = self {
            let quarter = encoder.pool(0, &half)?;
            let eighth = encoder.pool(1, &encoder.block(0, &quarter, mode)?)?;
            let sixteenth = encoder.pool(2, &encoder.block(1, &eighth, mode)?)?;
            let last = encoder.block(2, &sixteenth, mode)?;
            let last = encoder.stage(3, &last, mode)?;
            return Ok([half, quarter, eighth, sixteenth, last]);
        }
        let quarter = self.stage(0, &half, mode)?;
        let eighth = self.stage(1, &quarter, mode)?;
        let sixteenth = self.stage(2, &eighth, mode)?;
        let mut last = self.stage(3, &sixteenth, mode)?;
        if let Self::EfficientNet(_) = self {
            last = relu(&last)?;
        }
        Ok([half, quarter, eighth, sixteenth, last])
    }
}
