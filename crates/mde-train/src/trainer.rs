//! One training step: forward, losses, gradients, update, each in a `tracing` span of level TRACE for profilers.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor, backprop::GradStore};
use mde_losses::assigned_selectivity;
use mde_models::{Capture, DepthInput, DepthNet, Mode, Parameters, build};
use serde::{Deserialize, Serialize};
use tracing::trace_span;

use crate::{Adam, AdamConfig, Assignment, AssignmentConfig, DepthLoss, TrainError};

/// What a step measured: a line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// From 1.
    pub step: u64,
    /// From 1.
    pub epoch: u64,
    /// The rate of this step.
    pub learning_rate: f64,
    /// What was minimised: base - alpha * Σ selectivity.
    pub loss: f64,
    /// The depth loss alone.
    pub base: f64,
    /// Assigned selectivity by layer, on this batch; empty for a plain run.
    pub selectivity: BTreeMap<String, f64>,
}

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
            Some(config) => config.assignments(network.as_ref())?,
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

    /// One step on `input` and its `depths` [B, 1, h, w] in metres, 0 where nothing was measured.
    ///
    /// Returns the record and the gradients. If the loss is not finite, the parameters are left as they were and
    /// the record says so.
    ///
    /// # Errors
    /// If the batch has no measured pixel or does not fit the network; `ids` name it.
    pub fn step(
        &mut self,
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
        if record.loss.is_finite() {
            let update = || self.adam.step(&gradients, at.learning_rate);
            trace_span!("update").in_scope(update)?;
        }
        Ok((record, gradients))
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
            source,
        };
        let mut capture = Capture::of(self.assignments.iter().map(|assignment| &assignment.layer));
        let forward = || self.network.forward(input, Mode::Train, &mut capture);
        let pred = trace_span!("forward").in_scope(forward)?;
        let _losses = trace_span!("losses").entered();
        let (_, _, h, w) = depths.dims4()?;
        let pred = mde_ops::resize_bilinear(&pred, h, w)?;
        let base = self.loss.of(&pred, depths).map_err(failed)?;
        let mut loss = base.clone();
        let mut selectivity = Vec::with_capacity(self.assignments.len());
        for assignment in &self.assignments {
            // `AssignmentConfig::assignments` has checked that the network visits the layer.
            let Some(features) = capture.get(&assignment.layer) else {
                continue;
            };
            let value = assigned_selectivity(features, depths, &assignment.bins, &assignment.units)
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

/// When a step happens.
#[derive(Debug, Clone, Copy)]
pub struct StepAt {
    /// From 1.
    pub step: u64,
    /// From 1.
    pub epoch: u64,
    /// Its rate.
    pub learning_rate: f64,
}
