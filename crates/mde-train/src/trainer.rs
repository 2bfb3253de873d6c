//! One training step: forward, losses, backward, update. Each part is a `tracing` span of level
//! TRACE, for profilers.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Tensor};
use mde_losses::{DepthPooling, assigned_selectivity_with};
use mde_metrics::ImageSize;
use mde_models::{Capture, DepthInput, DepthNet, Mode, Parameters, build};
use mde_results::{AssignmentConfig, StepRecord};
use tracing::trace_span;

use crate::{Adam, AdamConfig, Assignment, DepthLoss, TrainError, layer_assignments};

/// A network in training.
pub struct Trainer {
    network: Box<dyn DepthNet>,
    parameters: Parameters,
    adam: Adam,
    loss: DepthLoss,
    alpha: f64,
    assignments: Vec<Assignment>,
}

/// The losses of a batch and what they depend on.
struct Losses {
    loss: Tensor,
    base: Tensor,
    selectivity: Vec<Tensor>,
}

impl Trainer {
    /// A network with the initial values of `seed`.
    ///
    /// # Errors
    /// If there is no such model or layer.
    pub fn new(
        model: &str,
        parameters: Parameters,
        adam: AdamConfig,
        loss: DepthLoss,
        assignment: Option<&AssignmentConfig>,
    ) -> Result<Self, TrainError> {
        let network = build(model, &parameters)?;
        let assignments = match assignment {
            Some(config) => layer_assignments(config, network.as_ref())?,
            None => Vec::new(),
        };
        Ok(Self {
            adam: Adam::new(parameters.trainable(), adam)?,
            loss,
            alpha: assignment.map_or(0.0, |config| config.alpha),
            network,
            parameters,
            assignments,
        })
    }

    /// The parameters in training.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The network in training.
    pub fn network(&self) -> &dyn DepthNet {
        self.network.as_ref()
    }

    pub(crate) fn optimiser(&mut self) -> (&Parameters, &mut Adam) {
        (&self.parameters, &mut self.adam)
    }

    /// One step on a batch: [`Trainer::gradients`], then [`Trainer::update`].
    ///
    /// If the loss is not finite, the record says so and the parameters are unchanged.
    ///
    /// # Errors
    /// As [`Trainer::gradients`].
    pub fn step(
        &mut self,
        input: &DepthInput,
        depths: &Tensor,
        ids: &[String],
        at: StepAt,
    ) -> Result<StepRecord, TrainError> {
        let (record, gradients) = self.gradients(input, depths, ids, at)?;
        if record.loss.is_finite() {
            self.update(&gradients, at.learning_rate)?;
        }
        Ok(record)
    }

    /// The losses of a batch and the gradients of every parameter, for code that clips or
    /// accumulates gradients. Running statistics of batch norm are updated.
    ///
    /// `depths` is [B, 1, h, w] in metres, 0 where there is no ground truth.
    ///
    /// # Errors
    /// If the batch has no valid pixel or does not fit the network; the message lists `ids`.
    pub fn gradients(
        &self,
        input: &DepthInput,
        depths: &Tensor,
        ids: &[String],
        at: StepAt,
    ) -> Result<(StepRecord, GradStore), TrainError> {
        let losses = self.losses(input, depths, ids, at.step)?;
        let number = |tensor: &Tensor| tensor.to_dtype(DType::F64)?.to_scalar::<f64>();
        let mut selectivity = BTreeMap::new();
        for (assignment, value) in self.assignments.iter().zip(&losses.selectivity) {
            selectivity.insert(assignment.layer.clone(), number(value)?);
        }
        let record = StepRecord {
            step: at.step,
            epoch: at.epoch,
            learning_rate: at.learning_rate,
            loss: number(&losses.loss)?,
            base: number(&losses.base)?,
            selectivity,
        };
        let backward = || losses.loss.backward();
        let gradients = trace_span!("backward").in_scope(backward)?;
        Ok((record, gradients))
    }

    /// Moves every parameter that has a gradient by one step of the optimiser.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn update(&mut self, gradients: &GradStore, learning_rate: f64) -> Result<(), TrainError> {
        let update = || self.adam.step(gradients, learning_rate);
        Ok(trace_span!("update").in_scope(update)?)
    }

    fn losses(
        &self,
        input: &DepthInput,
        depths: &Tensor,
        ids: &[String],
        step: u64,
    ) -> Result<Losses, TrainError> {
        let failed = |source| TrainError::Loss {
            step,
            images: ids.to_vec(),
            source: Box::new(source),
        };
        let mut capture = Capture::new(self.assignments.iter().map(|assignment| &assignment.layer));
        let forward = || self.network.forward(input, Mode::Train, &mut capture);
        let pred = trace_span!("forward").in_scope(forward)?;
        let _losses = trace_span!("losses").entered();
        let (_, _, h, w) = depths.dims4()?;
        let pred = mde_ops::resize_bilinear(&pred, h, w)?;
        let base = self.loss.compute(&pred, depths).map_err(failed)?;
        let mut loss = base.clone();
        let mut selectivity = Vec::with_capacity(self.assignments.len());
        // Layers of one size with the same bins share their pooling weights.
        let mut poolings: Vec<DepthPooling> = Vec::new();
        for assignment in &self.assignments {
            let Some(features) = capture.get(&assignment.layer) else {
                return Err(TrainError::LayerNotVisited {
                    layer: assignment.layer.clone(),
                });
            };
            let (_, _, height, width) = features.dims4()?;
            let size = ImageSize { height, width };
            let known = poolings.iter().position(|pooling| {
                pooling.feature_size() == size && *pooling.bins() == assignment.bins
            });
            let index = match known {
                Some(index) => index,
                None => {
                    let pooling = DepthPooling::new(depths, &assignment.bins, size);
                    poolings.push(pooling.map_err(failed)?);
                    poolings.len() - 1
                }
            };
            let value = assigned_selectivity_with(&poolings[index], features, &assignment.units)
                .map_err(failed)?;
            loss = (loss - (&value * self.alpha)?)?;
            selectivity.push(value);
        }
        Ok(Losses {
            loss,
            base,
            selectivity,
        })
    }
}

/// The position of a step in the training run.
#[derive(Debug, Clone, Copy)]
pub struct StepAt {
    /// Counted from 1.
    pub step: u64,
    /// Counted from 1.
    pub epoch: u64,
    /// Learning rate of this step.
    pub learning_rate: f64,
}
