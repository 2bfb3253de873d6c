//! Prediction: the depth of one image at its own size, and what chosen units respond.

use candle_core::Tensor;
use mde_models::{Capture, DepthInput, DepthNet, Mode};

use crate::AnalysisError;

/// What a network makes of one image, at the size asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// Depth `[height, width]`, metres, as the network answers: neither clamped nor masked.
    pub depth: Vec<f32>,
    /// The activation `[height, width]` of every unit asked for, in that order.
    pub units: Vec<Vec<f32>>,
}

/// Predicts the depth of one image, `[1, 3, H, W]`. Depth and activations are resized bilinearly to `size`, (height, width).
/// `units` are pairs of a layer and a unit of it.
///
/// # Errors
/// If there is no such layer or unit, the input does not fit the network, or the depth is not finite.
pub fn predict(
    network: &dyn DepthNet,
    input: &DepthInput,
    size: (usize, usize),
    units: &[(String, usize)],
) -> Result<Predicted, AnalysisError> {
    for (name, unit) in units {
        let layer = network.layer(name)?;
        if *unit >= layer.units {
            return Err(AnalysisError::UnknownUnit {
                layer: name.clone(),
                unit: *unit,
                units: layer.units,
            });
        }
    }
    let mut capture = Capture::new(units.iter().map(|(layer, _)| layer));
    let depth = network.forward(input, Mode::Eval, &mut capture)?;
    let depth = resized(&depth, size)?;
    if depth.iter().any(|depth| !depth.is_finite()) {
        return Err(AnalysisError::NoDepth);
    }
    let units = units.iter().map(|(name, unit)| {
        let activation = capture.get(name).ok_or_else(|| {
            candle_core::Error::msg(format!("the pass has not come by layer {name}"))
        })?;
        resized(&activation.narrow(1, *unit, 1)?, size)
    });
    Ok(Predicted {
        depth,
        units: units.collect::<Result<_, _>>()?,
    })
}

fn resized(map: &Tensor, (height, width): (usize, usize)) -> candle_core::Result<Vec<f32>> {
    mde_ops::resize_bilinear(map, height, width)?
        .flatten_all()?
        .to_vec1()
}
