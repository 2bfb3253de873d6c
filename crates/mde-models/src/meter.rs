//! METER (Papa et al. 2023, "METER: a mobile vision transformer architecture for monocular depth
//! estimation"): a MobileViT encoder and three upsampling blocks with skip connections.
//!
//! ```text
//! image ── encoder ── 1x1 ── ups_block_1 ── ups_block_2 ── ups_block_3 ── 3x3 ── depth at 1/4
//!             │ 1/32             │ 1/16         │ 1/8           │ 1/4
//!             └──────────────────┴──────────────┴───────────────┘
//! ```
//!
//! Parameter names are those of the reference implementation.

use candle_core::{Result, Tensor};
use candle_nn::{VarBuilder, init::DEFAULT_KAIMING_UNIFORM};
use mde_ops::{conv_transpose2x, relu};

use crate::layers::{Conv2d, conv2d};
use crate::mobilevit::{MobileVit, MobileVitConfig};
use crate::network::{DepthInput, DepthNet, Mode};
use crate::probe::{LayerInfo, Probe, ProbedPass};

/// Shape of a METER network and the unit of its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterConfig {
    /// The encoder.
    pub encoder: MobileVitConfig,
    /// Channels before the first block, then units of the three blocks.
    pub decoder: [usize; 4],
    /// Unit of the last convolution's output.
    pub unit: DepthUnit,
}

/// A unit of length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DepthUnit {
    /// A tenth of a metre.
    Decimetre,
    /// A hundredth of a metre.
    Centimetre,
}

impl DepthUnit {
    /// Units per metre.
    pub fn per_metre(self) -> f64 {
        match self {
            DepthUnit::Decimetre => 10.0,
            DepthUnit::Centimetre => 100.0,
        }
    }
}

impl MeterConfig {
    /// METER XXS.
    pub fn xxs(unit: DepthUnit) -> Self {
        Self {
            encoder: MobileVitConfig::xxs(),
            decoder: [64, 32, 16, 8],
            unit,
        }
    }

    /// METER XS.
    pub fn xs(unit: DepthUnit) -> Self {
        Self {
            encoder: MobileVitConfig::xs(),
            decoder: [128, 64, 32, 16],
            unit,
        }
    }

    /// METER S.
    pub fn s(unit: DepthUnit) -> Self {
        Self {
            encoder: MobileVitConfig::s(),
            decoder: [128, 64, 32, 16],
            unit,
        }
    }
}

/// The METER network.
#[derive(Debug, Clone)]
pub struct Meter {
    encoder: MobileVit,
    conv_in: Conv2d,
    ups: Vec<UpBlock>,
    conv_out: Conv2d,
    unit: DepthUnit,
    layers: Vec<LayerInfo>,
}

impl Meter {
    /// Builds the network; parameters have the reference implementation's names (`encoder.…`,
    /// `decoder.…`).
    ///
    /// # Errors
    /// If a parameter is missing or has a different shape.
    pub fn new(config: MeterConfig, vb: VarBuilder) -> Result<Self> {
        let [_, quarter, eighth, sixteenth, last] = config.encoder.channels;
        let [first, up1, up2, up3] = config.decoder;
        let out = config.encoder.out;
        let layers = [
            ("mvit0", eighth, 8),
            ("mvit1", sixteenth, 16),
            ("mvit2", last, 32),
            ("encoder", out, 32),
            ("ups_block_1", up1, 16),
            ("ups_block_2", up2, 8),
            ("ups_block_3", up3, 4),
        ];
        let decoder = vb.pp("decoder");
        let plan = [
            (first, up1, sixteenth),
            (up1, up2, eighth),
            (up2, up3, quarter),
        ];
        let ups = plan
            .into_iter()
            .enumerate()
            .map(|(index, (input, out, skip))| {
                let vb = decoder.pp(format!("ups_block_{}", index + 1));
                up_block(input, out, skip, vb)
            });
        Ok(Self {
            encoder: MobileVit::new(config.encoder, vb.pp("encoder"))?,
            conv_in: conv2d(out, first, 1, decoder.pp("conv2d_in"))?,
            ups: ups.collect::<Result<_>>()?,
            conv_out: conv2d(up3, 1, 3, decoder.pp("conv2d_out"))?,
            unit: config.unit,
            layers: layers
                .map(|(name, units, stride)| LayerInfo::new(name, units, stride))
                .into(),
        })
    }
}

impl DepthNet for Meter {
    fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    fn forward(&self, input: &DepthInput, mode: Mode, probe: &mut dyn Probe) -> Result<Tensor> {
        let mut pass = ProbedPass::new(&self.layers, probe);
        let [skip, mut x] =
            pass.part("stem", || Ok(self.encoder.stem(&input.image, mode)?.into()))?;
        let mut skips = vec![skip];
        for index in 0..3 {
            let layer = format!("mvit{index}");
            let [skip, out] =
                pass.part(&layer, || Ok(self.encoder.stage(index, &x, mode)?.into()))?;
            skips.push(skip);
            x = pass.visit(&layer, out)?;
        }
        // The smallest skip connection is not used.
        skips.pop();
        let x = pass.layer("encoder", || self.encoder.head(&x, mode))?;
        let [mut x] = pass.part("conv2d_in", || Ok([self.conv_in.forward(&x, mode)?]))?;
        for (index, (up, skip)) in self.ups.iter().zip(skips.iter().rev()).enumerate() {
            x = pass.layer(&format!("ups_block_{}", index + 1), || {
                up.forward(&x, skip, mode)
            })?;
        }
        self.conv_out.forward(&x, mode)? / self.unit.per_metre()
    }
}

/// Doubles the size by a transposed convolution, concatenates the encoder's map, then 3x3, 1x1 and
/// ReLU.
#[derive(Debug, Clone)]
struct UpBlock {
    /// [in, out, 3, 3].
    transposed: Tensor,
    conv3: Conv2d,
    conv1: Conv2d,
}

fn up_block(input: usize, out: usize, skip: usize, vb: VarBuilder) -> Result<UpBlock> {
    let shape = (input, out, 3, 3);
    let transposed = vb.pp("conv2d_transpose");
    let conv = vb.pp("end_up_layer.0");
    Ok(UpBlock {
        transposed: transposed.get_with_hints(shape, "weight", DEFAULT_KAIMING_UNIFORM)?,
        conv3: conv2d(out + skip, out, 3, conv.pp("depthwise"))?,
        conv1: conv2d(out, out, 1, conv.pp("pointwise"))?,
    })
}

impl UpBlock {
    fn forward(&self, x: &Tensor, skip: &Tensor, mode: Mode) -> Result<Tensor> {
        let x = conv_transpose2x(x, &mode.parameter(&self.transposed))?;
        let (_, _, h, w) = x.dims4()?;
        let (_, _, skip_h, skip_w) = skip.dims4()?;
        // Where the encoder halved an odd size, its map is one row or column smaller than the
        // upsampled one. The reference pads columns on the left; such rows do not occur there.
        let skip = skip
            .pad_with_zeros(2, h.saturating_sub(skip_h), 0)?
            .pad_with_zeros(3, w.saturating_sub(skip_w), 0)?;
        let x = self.conv3.forward(&Tensor::cat(&[&x, &skip], 1)?, mode)?;
        relu(&self.conv1.forward(&x, mode)?)
    }
}
