//! Prediction: depth and activations of one image.

use candle_core::Tensor;
use mde_models::{Capture, DepthInput, DepthNet, Mode};

use crate::AnalysisError;

/// The depth and activations of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// The network's output `[height, width]`, metres, neither clamped nor masked.
    pub depth: Vec<f32>,
    /// The activation `[height, width]` of each requested unit, in the order of the request.
    pub units: Vec<Vec<f32>>,
}

/// Predicts the depth of one image, `[1, 3, H, W]`. Depth and activations are resized bilinearly to
/// `size`, (height, width). `units` lists layers with the index of a unit.
///
/// # Errors
/// If a layer or unit does not exist, the input does not fit the network, or the depth is not
/// finite.
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
        return Err(AnalysisError::NonFiniteDepth);
    }
    let units = units.iter().map(|(name, unit)| {
        let activation = capture.get(name).ok_or_else(|| {
            candle_core::Error::msg(format!("the forward pass did not visit layer {name}"))
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
