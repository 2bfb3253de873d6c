//! Adam with an L2 penalty added to the gradient, as PyTorch's `Adam(weight_decay=…)`: not AdamW.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Result, Tensor, Var, backprop::GradStore};
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// The constants of [`Adam`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamConfig {
    /// Decay of the mean gradient.
    pub beta1: f64,
    /// Decay of the mean squared gradient.
    pub beta2: f64,
    /// Added to the root of the mean square.
    pub eps: f64,
    /// Times the parameter, added to its gradient.
    pub l2: f64,
}

impl Default for AdamConfig {
    /// PyTorch's constants with MFF's L2 of 1e-4.
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            l2: 1e-4,
        }
    }
}

/// Kingma and Ba 2015, algorithm 1, on named parameters:
/// `g += l2 p; m = β1 m + (1 - β1) g; v = β2 v + (1 - β2) g²; p -= rate (m / (1 - β1^t)) / (sqrt(v / (1 - β2^t)) + eps)`.
#[derive(Debug)]
pub struct Adam {
    config: AdamConfig,
    steps: u64,
    moments: Vec<Moments>,
}

#[derive(Debug)]
struct Moments {
    name: String,
    parameter: Var,
    mean: Var,
    square: Var,
}

impl Adam {
    /// Starts with zero moments.
    ///
    /// # Errors
    /// If the moments cannot be made on the parameters' device.
    pub fn new(parameters: Vec<(String, Var)>, config: AdamConfig) -> Result<Self> {
        let moments = parameters.into_iter().map(|(name, parameter)| {
            let mean = Var::zeros(parameter.shape(), parameter.dtype(), parameter.device())?;
            let square = Var::zeros(parameter.shape(), parameter.dtype(), parameter.device())?;
            Ok(Moments {
                name,
                parameter,
                mean,
                square,
            })
        });
        Ok(Self {
            config,
            steps: 0,
            moments: moments.collect::<Result<_>>()?,
        })
    }

    /// Moves every parameter that has a gradient.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn step(&mut self, gradients: &GradStore, learning_rate: f64) -> Result<()> {
        let AdamConfig {
            beta1,
            beta2,
            eps,
            l2,
        } = self.config;
        self.steps += 1;
        let steps = self.steps as f64;
        let (mean_scale, square_scale) = (1.0 - beta1.powf(steps), 1.0 - beta2.powf(steps));
        for Moments {
            parameter,
            mean,
            square,
            ..
        } in &self.moments
        {
            let Some(gradient) = gradients.get(parameter) else {
                continue;
            };
            let value = parameter.as_detached_tensor();
            let gradient = (gradient + (&value * l2)?)?;
            mean.set(&((mean.as_detached_tensor() * beta1)? + (&gradient * (1.0 - beta1))?)?)?;
            square.set(
                &((square.as_detached_tensor() * beta2)? + (gradient.sqr()? * (1.0 - beta2))?)?,
            )?;
            let denominator = ((square.as_detached_tensor() / square_scale)?.sqrt()? + eps)?;
            let direction = (mean.as_detached_tensor() / denominator)?;
            parameter.set(&(value - (direction * (learning_rate / mean_scale))?)?)?;
        }
        Ok(())
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The moments, by `mean/NAME` and `square/NAME`.
    ///
    /// # Errors
    /// If a tensor cannot be copied.
    pub fn state(&self) -> Result<HashMap<String, Tensor>> {
        let mut state = HashMap::new();
        for Moments {
            name, mean, square, ..
        } in &self.moments
        {
            state.insert(format!("mean/{name}"), mean.as_detached_tensor().copy()?);
            state.insert(
                format!("square/{name}"),
                square.as_detached_tensor().copy()?,
            );
        }
        Ok(state)
    }

    /// Goes on from a saved state.
    ///
    /// # Errors
    /// If a moment is missing or has another shape.
    pub fn restore(
        &mut self,
        state: &HashMap<String, Tensor>,
        steps: u64,
        origin: &Path,
    ) -> std::result::Result<(), TrainError> {
        for Moments {
            name, mean, square, ..
        } in &self.moments
        {
            for (kind, var) in [("mean", mean), ("square", square)] {
                let key = format!("{kind}/{name}");
                match state.get(&key) {
                    Some(value) if value.dims() == var.dims() => {
                        var.set(&value.to_device(var.device())?)?
                    }
                    found => {
                        let found = found
                            .map_or("missing".to_owned(), |value| format!("{:?}", value.dims()));
                        let reason = format!("{key} is {found}, expected {:?}", var.dims());
                        return Err(TrainError::BrokenCheckpoint {
                            path: origin.to_owned(),
                            reason,
                        });
                    }
                }
            }
        }
        self.steps = steps;
        Ok(())
    }
}
