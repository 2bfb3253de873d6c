//! Adam with weight decay: as an L2 penalty in the gradient (PyTorch's `Adam(weight_decay=…)`) or
//! decoupled from it (AdamW).

use std::collections::HashMap;
use std::path::Path;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, InplaceOp3, Layout, Result, Tensor, Var};
use mde_models::is_encoder_parameter;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// The constants of [`Adam`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamConfig {
    /// Decay of the mean gradient.
    pub beta1: f64,
    /// Decay of the mean squared gradient.
    pub beta2: f64,
    /// Added to the root of the mean squared gradient.
    pub eps: f64,
    /// Weight decay.
    pub decay: WeightDecay,
}

/// The kind and strength of weight decay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightDecay {
    /// This factor times the parameter is added to its gradient.
    L2(f64),
    /// AdamW (Loshchilov and Hutter 2019): before each step, a parameter is multiplied by
    /// 1 - learning rate * factor.
    Decoupled {
        /// Factor in the encoder; see [`mde_models::is_encoder_parameter`].
        encoder: f64,
        /// Factor everywhere else.
        decoder: f64,
    },
}

impl WeightDecay {
    /// The L2 factor and the decoupled factor for the parameter with this name.
    fn factors_for(self, name: &str) -> (f64, f64) {
        match self {
            Self::L2(l2) => (l2, 0.0),
            Self::Decoupled { encoder, .. } if is_encoder_parameter(name) => (0.0, encoder),
            Self::Decoupled { decoder, .. } => (0.0, decoder),
        }
    }
}

impl Default for AdamConfig {
    /// PyTorch's constants with MFF's L2 of 1e-4.
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            decay: WeightDecay::L2(1e-4),
        }
    }
}

/// Adam (Kingma and Ba 2015, algorithm 1) on named parameters:
///
/// ```text
/// p -= rate * decoupled * p
/// g += l2 * p
/// m = β1 m + (1 - β1) g
/// v = β2 v + (1 - β2) g²
/// p -= rate * (m / (1 - β1^t)) / (sqrt(v / (1 - β2^t)) + eps)
/// ```
#[derive(Debug)]
pub struct Adam {
    config: AdamConfig,
    steps: u64,
    moments: Vec<Moments>,
}

/// The coefficients of one parameter's update.
#[derive(Debug, Clone, Copy)]
struct Update {
    config: AdamConfig,
    l2: f64,
    /// 1 - learning rate * decoupled decay.
    kept: f64,
    /// learning rate / (1 - β1^t).
    rate: f64,
    /// 1 / (1 - β2^t).
    square_scale: f64,
}

impl Update {
    fn new(config: AdamConfig, name: &str, steps: u64, learning_rate: f64) -> Self {
        let steps = steps as f64;
        let (l2, decoupled) = config.decay.factors_for(name);
        Self {
            config,
            l2,
            kept: 1.0 - learning_rate * decoupled,
            rate: learning_rate / (1.0 - config.beta1.powf(steps)),
            square_scale: 1.0 / (1.0 - config.beta2.powf(steps)),
        }
    }
}

#[derive(Debug)]
struct Moments {
    name: String,
    parameter: Var,
    mean: Var,
    square: Var,
}

impl Adam {
    /// An optimiser with zero moments.
    ///
    /// # Errors
    /// If the moments cannot be allocated on the parameters' device.
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

    /// Updates every parameter that has a gradient.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn step(&mut self, gradients: &GradStore, learning_rate: f64) -> Result<()> {
        self.steps += 1;
        for moments in &self.moments {
            let update = Update::new(self.config, &moments.name, self.steps, learning_rate);
            let Some(gradient) = gradients.get(&moments.parameter) else {
                continue;
            };
            if gradient.device().is_cpu() && gradient.dtype() == DType::F32 {
                moments.update_in_place(update, &gradient.contiguous()?)?;
            } else {
                moments.update(update, gradient)?;
            }
        }
        Ok(())
    }

    /// Number of steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// A copy of the moments, as `mean/NAME` and `square/NAME`.
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

    /// Replaces moments and number of steps by a saved state. `origin` is its file, for errors.
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

impl Moments {
    /// The formula in candle's operations, for any device and element type.
    fn update(&self, update: Update, gradient: &Tensor) -> Result<()> {
        let AdamConfig {
            beta1, beta2, eps, ..
        } = update.config;
        let value = (self.parameter.as_detached_tensor() * update.kept)?;
        let (mean, square) = (
            self.mean.as_detached_tensor(),
            self.square.as_detached_tensor(),
        );
        let gradient = (gradient + (&value * update.l2)?)?;
        let mean = ((mean * beta1)? + (&gradient * (1.0 - beta1))?)?;
        let square = ((square * beta2)? + (gradient.sqr()? * (1.0 - beta2))?)?;
        let denominator = ((&square * update.square_scale)?.sqrt()? + eps)?;
        self.parameter
            .set(&(value - ((&mean / denominator)? * update.rate)?)?)?;
        self.mean.set(&mean)?;
        self.square.set(&square)
    }

    /// The same for f32 on the CPU, in three passes and without temporary tensors. A network's
    /// tensors are larger than the cache: allocating fourteen temporaries for each took longer than
    /// the arithmetic.
    fn update_in_place(&self, update: Update, gradient: &Tensor) -> Result<()> {
        let AdamConfig {
            beta1, beta2, eps, ..
        } = update.config;
        let (beta1, beta2, eps) = (beta1 as f32, beta2 as f32, eps as f32);
        let (l2, kept) = (update.l2 as f32, update.kept as f32);
        let (rate, square_scale) = (update.rate as f32, update.square_scale as f32);
        let parameter = self.parameter.as_detached_tensor();
        let (mean, square) = (
            self.mean.as_detached_tensor(),
            self.square.as_detached_tensor(),
        );
        mean.inplace_op3(
            gradient,
            &parameter,
            &Zip(move |mean, gradient, value| {
                beta1 * mean + (1.0 - beta1) * (gradient + l2 * value)
            }),
        )?;
        square.inplace_op3(
            gradient,
            &parameter,
            &Zip(move |square, gradient, value| {
                let gradient = gradient + l2 * value;
                beta2 * square + (1.0 - beta2) * gradient * gradient
            }),
        )?;
        parameter.inplace_op3(
            &mean,
            &square,
            &Zip(move |value: f32, mean: f32, square: f32| {
                kept * value - rate * mean / ((square * square_scale).sqrt() + eps)
            }),
        )
    }
}

/// `x = f(x, y, z)`, element by element, on all threads.
struct Zip<F>(F);

impl<F: Fn(f32, f32, f32) -> f32 + Sync> InplaceOp3 for Zip<F> {
    fn name(&self) -> &'static str {
        "mde-zip"
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
        z: &CpuStorage,
        z_layout: &Layout,
    ) -> Result<()> {
        const RUN: usize = 1 << 14;
        let offsets = (
            x_layout.contiguous_offsets(),
            y_layout.contiguous_offsets(),
            z_layout.contiguous_offsets(),
        );
        let (CpuStorage::F32(x), (Some(at_x), Some(at_y), Some(at_z))) = (x, offsets) else {
            candle_core::bail!("Adam's tensors must be contiguous f32");
        };
        let x = x[at_x.0..at_x.1].par_chunks_mut(RUN);
        let y = y.as_slice::<f32>()?[at_y.0..at_y.1].par_chunks(RUN);
        let z = z.as_slice::<f32>()?[at_z.0..at_z.1].par_chunks(RUN);
        x.zip(y).zip(z).for_each(|((x, y), z)| {
            for ((x, y), z) in x.iter_mut().zip(y).zip(z) {
                *x = (self.0)(*x, *y, *z);
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use candle_core::Device;

    fn values(var: &Var) -> Vec<f32> {
        var.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn in_place_equals_the_formula_in_tensor_operations() {
        let decoupled = WeightDecay::Decoupled {
            encoder: 0.0,
            decoder: 0.5,
        };
        for decay in [WeightDecay::L2(1e-1), decoupled] {
            let config = AdamConfig {
                decay,
                ..AdamConfig::default()
            };
            in_place_equals_the_formula(config);
        }
    }

    fn in_place_equals_the_formula(config: AdamConfig) {
        let moments = || {
            let parameter =
                Var::from_tensor(&Tensor::arange(-3f32, 4., &Device::Cpu).unwrap()).unwrap();
            let zeros = || Var::zeros(7, DType::F32, &Device::Cpu).unwrap();
            Moments {
                name: "w".to_owned(),
                parameter,
                mean: zeros(),
                square: zeros(),
            }
        };
        let (plain, fast) = (moments(), moments());
        for step in 1..=5 {
            let gradient =
                Tensor::new(&[0.3f32, -1., 0., 2., 1e-6, -0.2, 5.], &Device::Cpu).unwrap();
            let gradient = (gradient * f64::from(step as u32)).unwrap();
            let update = Update::new(config, "w", step, 1e-2);
            plain.update(update, &gradient).unwrap();
            fast.update_in_place(update, &gradient).unwrap();
            for (plain, fast) in values(&plain.parameter)
                .into_iter()
                .zip(values(&fast.parameter))
            {
                assert!((plain - fast).abs() < 1e-6, "{plain} {fast}");
            }
        }
        assert_ne!(values(&fast.parameter), values(&moments().parameter));
    }
}
