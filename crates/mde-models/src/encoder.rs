//! The encoders as the decoders see them: a stem at half of the image's size, then four stages that each halve it.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::Mode;
use crate::densenet::{DenseNet, DenseNetConfig, densenet};
use crate::resnet::{ResNet, ResNetConfig, resnet};
use crate::senet::{SeNet, SeNetConfig, senet};

/// An encoder and its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncoderConfig {
    /// See [`crate::resnet`].
    ResNet(ResNetConfig),
    /// See [`crate::senet`].
    SeNet(SeNetConfig),
    /// See [`crate::densenet`].
    DenseNet(DenseNetConfig),
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

impl EncoderConfig {
    /// Channels of the four stages' outputs, as [`Encoder::stage`] gives them.
    pub fn channels(&self) -> [usize; 4] {
        match self {
            Self::ResNet(config) => config.channels(),
            Self::SeNet(config) => config.channels(),
            Self::DenseNet(config) => config.channels(),
        }
    }

    /// Channels of the five maps of [`Encoder::pyramid`].
    pub fn pyramid_channels(&self) -> [usize; 5] {
        let [first, second, third, fourth] = self.channels();
        match self {
            Self::ResNet(config) => [config.width, first, second, third, fourth],
            Self::SeNet(config) => [config.stem(), first, second, third, fourth],
            Self::DenseNet(config) => [config.stem, config.stem, first, second, fourth],
        }
    }
}

/// An encoder.
#[derive(Debug, Clone)]
pub enum Encoder {
    /// See [`crate::resnet`].
    ResNet(ResNet),
    /// See [`crate::senet`].
    SeNet(SeNet),
    /// See [`crate::densenet`].
    DenseNet(DenseNet),
}

/// An encoder from its parameters.
///
/// # Errors
/// If the builder has no such parameter.
pub fn encoder(config: EncoderConfig, vb: VarBuilder) -> Result<Encoder> {
    Ok(match config {
        EncoderConfig::ResNet(config) => Encoder::ResNet(resnet(config, vb)?),
        EncoderConfig::SeNet(config) => Encoder::SeNet(senet(config, vb)?),
        EncoderConfig::DenseNet(config) => Encoder::DenseNet(densenet(config, vb)?),
    })
}

impl Encoder {
    /// The stem: [B, 3, H, W] to half of the size, rounded up.
    ///
    /// # Errors
    /// If the input does not fit.
    pub fn stem(&self, image: &Tensor, mode: Mode) -> Result<Tensor> {
        match self {
            Self::ResNet(encoder) => encoder.stem(image, mode),
            Self::SeNet(encoder) => encoder.stem(image, mode),
            Self::DenseNet(encoder) => encoder.stem(image, mode),
        }
    }

    /// One of the four stages, `index` from 0, at a quarter of the image's size and on.
    ///
    /// # Errors
    /// If the input does not fit.
    pub fn stage(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match self {
            Self::ResNet(encoder) => encoder.stage(index, x, mode),
            Self::SeNet(encoder) => encoder.stage(index, x, mode),
            Self::DenseNet(encoder) => encoder.stage(index, x, mode),
        }
    }

    /// The maps that BTS takes, at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image's size, none of the last negative.
    ///
    /// A DenseNet's stages end before the pooling of their transitions; its pyramid lies behind it, so that its
    /// second map is the stem's, pooled, and its third stage is not among them.
    ///
    /// # Errors
    /// If the input does not fit.
    pub fn pyramid(&self, image: &Tensor, mode: Mode) -> Result<[Tensor; 5]> {
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
        let last = self.stage(3, &sixteenth, mode)?;
        Ok([half, quarter, eighth, sixteenth, last])
    }
}
