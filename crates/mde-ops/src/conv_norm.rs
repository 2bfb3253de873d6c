//! A chain of convolutions and batch norms as one operation, for training.
//!
//! Between two operations of a graph, candle clears and adds up a gradient map, and it keeps every
//! intermediate map for the backward pass. This dominates the step time of mobile networks, whose
//! maps are large and whose convolutions are cheap. Here one gradient is passed on in place. Each
//! stage keeps only the output of its convolution; the output of its norm is computed again.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Result, Shape, Tensor};
use rayon::prelude::*;
use tracing::span::EnteredSpan;

use crate::add_relu::add_relu;
use crate::affine::{affine_planes, mask};
use crate::conv;
use crate::cpu::{self, CpuOp, Finish, Gradients, Output, Rectifier, apply3};
use crate::device;
use crate::norm::{Channel, Moments, moments, norm_backward};
use crate::shapes::{
    Activations, BatchStats, ChainStage, Residual, StageMap, check_chain, on_cpu_kernels,
    shape_only,
};
use crate::trace::{self, Work};

impl Residual {
    /// Joins `out`, the output of the last stage, with `x`, the input of the chain.
    ///
    /// # Errors
    /// If the two are added and their shapes differ.
    pub fn apply(self, out: Tensor, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::None => Ok(out),
            Self::Add => out + x,
            Self::AddRelu => add_relu(&out, x),
        }
    }
}

/// Runs the `stages` in turn on `x` [B, C, H, W], then applies `residual`.
///
/// The same as [`conv2d`](crate::conv2d), [`batch_norm_train`](crate::batch_norm_train) and
/// [`add_relu`](crate::add_relu) in turn. Also returns the statistics of each stage that has a
/// norm.
///
/// # Errors
/// If there is no stage, the shapes do not agree, or a channel before a norm has a single value.
pub fn conv_norm_chain(
    x: &Tensor,
    stages: &[ChainStage<'_>],
    residual: Residual,
    activations: Activations,
) -> Result<(Tensor, Vec<Option<BatchStats>>)> {
    let maps = check_chain(x, stages, residual)?;
    let fast = stages.iter().all(|stage| {
        let norm = stage.norm.map(|norm| [norm.weight, norm.bias]);
        let weight = stage.conv.map(|(weight, _)| weight);
        let tensors = norm.into_iter().flatten().chain(weight).chain([x]);
        tensors.into_iter().all(on_cpu_kernels)
    });
    if !fast {
        let _span = forward_span(x, stages, &maps);
        return device::conv_norm_chain(x, stages, residual);
    }
    // Joined stages keep a copy of their weights if there are several; separate stages keep the
    // maps between them. The smaller of the two is chosen.
    let weights = stages.iter().filter_map(|stage| stage.conv);
    let weights: Vec<usize> = weights.map(|(weight, _)| weight.elem_count()).collect();
    let handed_on = maps[..maps.len() - 1].iter().map(StageMap::elements);
    if weights.len() <= 1 || weights.iter().sum::<usize>() <= handed_on.sum() {
        return joined(x, stages, &maps, residual, activations);
    }
    let (mut out, mut stats) = (x.clone(), Vec::with_capacity(stages.len()));
    for (stage, map) in stages.iter().zip(maps) {
        let (next, mut own) = joined(&out, &[*stage], &[map], Residual::None, activations)?;
        out = next;
        stats.append(&mut own);
    }
    Ok((residual.apply(out, x)?, stats))
}

/// Runs the stages as one operation.
fn joined(
    x: &Tensor,
    stages: &[ChainStage<'_>],
    maps: &[StageMap],
    residual: Residual,
    activations: Activations,
) -> Result<(Tensor, Vec<Option<BatchStats>>)> {
    let _span = forward_span(x, stages, maps);
    let (mut weights, mut norms, mut plan) = (Vec::new(), Vec::new(), Vec::new());
    let (mut first_weight, mut first_norm) = (0, 0);
    for (stage, &map) in stages.iter().zip(maps) {
        let size = stage.conv.map_or(0, |(weight, _)| weight.elem_count());
        plan.push(Stage {
            map,
            weights: first_weight..first_weight + size,
            first_norm,
            norm: stage.norm.map(|norm| (norm.eps, norm.rectifier)),
        });
        first_weight += size;
        if let Some((weight, _)) = stage.conv {
            weights.push(weight.flatten_all()?);
        }
        if let Some(norm) = stage.norm {
            first_norm += 2 * norm.weight.elem_count();
            norms.extend([norm.weight.clone(), norm.bias.clone()]);
        }
    }
    // An operation takes three tensors, none of them empty. A single weight is not copied: it may
    // be large.
    let together = |parts: &[Tensor]| match parts {
        [] => Tensor::zeros(1, x.dtype(), x.device()),
        [part] => Ok(part.clone()),
        parts => Tensor::cat(parts, 0),
    };
    let kept = Arc::new(Mutex::new(None));
    let op = Chain {
        stages: plan,
        residual,
        kept: kept.clone(),
    };
    let (weights, norms) = (together(&weights)?, together(&norms)?);
    let out = apply3(op, x, &weights, &norms)?;
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let stats = kept.iter().flatten().map(Kept::stats);
    let stats = stats.collect::<Result<_>>()?;
    if activations == Activations::Recompute {
        *kept = None;
    }
    Ok((out, stats))
}

fn forward_span(x: &Tensor, stages: &[ChainStage<'_>], maps: &[StageMap]) -> EnteredSpan {
    trace::forward("conv_norm_chain", || {
        let norms = stages.iter().map(|stage| stage.norm.is_some());
        work(x, maps.iter().zip(norms))
    })
}

/// The stages, each with or without a norm, as reported to a profiler.
fn work<'a>(x: &Tensor, stages: impl Iterator<Item = (&'a StageMap, bool)>) -> Work {
    let mut parameters = 0;
    let mut convolutions = Vec::new();
    for (map, norm) in stages {
        convolutions.push(map.conv.and_then(|dims| {
            let input = shape_only(dims.x_shape(), x.dtype()).ok()?;
            let weight = shape_only(dims.weight_shape(), x.dtype()).ok()?;
            parameters += weight.elem_count();
            Some(conv::work(&dims, &input, &weight))
        }));
        if norm {
            parameters += 2 * map.shape.1;
        }
    }
    Work::chain(x, convolutions, parameters)
}

/// One stage. Its parameters lie among those of the others.
#[derive(Debug, Clone)]
struct Stage {
    map: StageMap,
    weights: Range<usize>,
    /// Start of the norm's weight; its bias follows.
    first_norm: usize,
    /// eps of the norm, and what follows it.
    norm: Option<(f64, Rectifier)>,
}

impl Stage {
    /// Number of output channels and pixels.
    fn sizes(&self) -> (usize, usize) {
        let (_, channels, h, w) = self.map.shape;
        (channels, h * w)
    }

    /// Coefficients of the norm; empty without one.
    fn channels(&self, norms: &[f32], kept: &Kept) -> Vec<Channel> {
        let Some((eps, rectifier)) = self.norm else {
            return Vec::new();
        };
        let (channels, _) = self.sizes();
        let weight = &norms[self.first_norm..][..channels];
        let bias = &norms[self.first_norm + channels..][..channels];
        Channel::from_moments(&kept.moments, weight, bias, eps, rectifier)
    }

    /// Output of the stage. `x` is the input of the chain.
    fn activation<'a>(&self, norms: &[f32], kept: &'a Kept, x: &'a [f32]) -> Cow<'a, [f32]> {
        let convolved = kept.convolved(x);
        let Some((_, rectifier)) = self.norm else {
            return Cow::Borrowed(convolved);
        };
        let (channels, pixels) = self.sizes();
        let affine = self.channels(norms, kept);
        Cow::Owned(affine_planes(convolved, pixels, rectifier, |plane| {
            affine[plane % channels].affine()
        }))
    }
}

/// What the backward pass needs from a stage.
#[derive(Debug)]
struct Kept {
    /// Input of the norm, unless it is the input of the chain.
    convolved: Option<Vec<f32>>,
    /// Per channel, empty without a norm.
    moments: Vec<Moments>,
    /// Values per channel.
    count: usize,
}

impl Kept {
    fn convolved<'a>(&'a self, x: &'a [f32]) -> &'a [f32] {
        self.convolved.as_deref().unwrap_or(x)
    }

    fn stats(&self) -> Result<Option<BatchStats>> {
        let stats =
            (!self.moments.is_empty()).then(|| BatchStats::from_moments(&self.moments, self.count));
        stats.transpose()
    }
}

struct Chain {
    stages: Vec<Stage>,
    residual: Residual,
    /// One entry per stage, filled by the forward pass. The backward pass takes the entries one by
    /// one, which frees memory for the gradients. If empty, it computes them again.
    kept: Arc<Mutex<Option<Vec<Kept>>>>,
}

impl Chain {
    /// Output before the residual, and what the backward pass needs.
    fn run(&self, x: &[f32], weights: &[f32], norms: &[f32]) -> (Vec<f32>, Vec<Kept>) {
        let mut all_kept: Vec<Kept> = Vec::with_capacity(self.stages.len());
        // Output of the previous stage's norm, if it has one.
        let mut normed: Option<Vec<f32>> = None;
        for stage in &self.stages {
            let (channels, pixels) = stage.sizes();
            let convolved = match stage.map.conv {
                Some(dims) => {
                    let input = match (&normed, all_kept.last()) {
                        (Some(normed), _) => normed,
                        (None, Some(kept)) => kept.convolved(x),
                        (None, None) => x,
                    };
                    let weight = &weights[stage.weights.clone()];
                    Some(conv::forward(&dims, input, weight, Finish::default()))
                }
                None => normed.take().or_else(|| {
                    let last = all_kept.last()?;
                    Some(last.convolved(x).to_vec())
                }),
            };
            let values = convolved.as_deref().unwrap_or(x);
            let kept = Kept {
                moments: match stage.norm {
                    Some(_) => moments(values, channels, pixels),
                    None => Vec::new(),
                },
                count: values.len() / channels,
                convolved,
            };
            normed = match stage.activation(norms, &kept, x) {
                Cow::Owned(normed) => Some(normed),
                Cow::Borrowed(_) => None,
            };
            all_kept.push(kept);
        }
        let last = || all_kept.last().map(|kept| kept.convolved(x).to_vec());
        let out = normed.or_else(last).unwrap_or_default();
        (out, all_kept)
    }
}

impl CpuOp<3> for Chain {
    const NAME: &'static str = "mde-conv-norm-chain";

    fn forward(&self, [x, weights, norms]: [&[f32]; 3], [shape, _, _]: [&Shape; 3]) -> Output {
        let (mut out, kept) = self.run(x, weights, norms);
        match self.residual {
            Residual::None => {}
            Residual::Add => add(&mut out, x, Rectifier::None),
            Residual::AddRelu => add(&mut out, x, Rectifier::Relu),
        }
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        let last = self.stages.last().map(|stage| stage.map.shape);
        Ok((out, last.map_or_else(|| shape.clone(), Shape::from)))
    }

    fn backward(
        &self,
        [x, weights, norms]: [&Tensor; 3],
        out: &Tensor,
        grad: &Tensor,
    ) -> Gradients<3> {
        let _span = trace::backward("conv_norm_chain", || {
            let stages = self.stages.iter();
            work(x, stages.map(|stage| (&stage.map, stage.norm.is_some()))).gradients(x)
        });
        let kept = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let tensors = [x, weights, norms, out, grad];
        cpu::with_values(
            tensors,
            |[x_values, weight_values, norm_values, out, grad]| {
                let mut kept =
                    kept.unwrap_or_else(|| self.run(x_values, weight_values, norm_values).1);
                let mut grad_weights = vec![0.0; weight_values.len()];
                let mut grad_norms = vec![0.0; norm_values.len()];
                let rectifier = match self.residual {
                    Residual::AddRelu => Rectifier::Relu,
                    Residual::None | Residual::Add => Rectifier::None,
                };
                let grad = mask(grad, out, rectifier);
                let mut current = grad.to_vec();
                for (index, stage) in self.stages.iter().enumerate().rev() {
                    let Some(kept_here) = kept.pop() else {
                        candle_core::bail!("conv_norm_chain: nothing is kept of stage {index}");
                    };
                    let (channels, pixels) = stage.sizes();
                    let affine = stage.channels(norm_values, &kept_here);
                    if !affine.is_empty() {
                        let own = &mut grad_norms[stage.first_norm..][..2 * channels];
                        norm_backward(
                            &affine,
                            kept_here.convolved(x_values),
                            pixels,
                            &mut current,
                            own.split_at_mut(channels),
                        );
                    }
                    drop(kept_here);
                    let Some(dims) = stage.map.conv else { continue };
                    let input = match (index.checked_sub(1), kept.last()) {
                        (Some(before), Some(kept)) => {
                            self.stages[before].activation(norm_values, kept, x_values)
                        }
                        _ => Cow::Borrowed(x_values),
                    };
                    let sums = conv::backward_weight(&dims, &input, &current);
                    if sums.len() == grad_weights.len() {
                        grad_weights = sums;
                    } else {
                        grad_weights[stage.weights.clone()].copy_from_slice(&sums);
                    }
                    drop(input);
                    if index > 0 || x.track_op() {
                        let weight = &weight_values[stage.weights.clone()];
                        current = conv::backward_input(&dims, weight, &current);
                    }
                }
                let grad_x = x.track_op().then(|| {
                    if self.residual != Residual::None {
                        add(&mut current, &grad, Rectifier::None);
                    }
                    cpu::tensor(current, x.shape())
                });
                Ok([
                    grad_x.transpose()?,
                    Some(cpu::tensor(grad_weights, weights.shape())?),
                    Some(cpu::tensor(grad_norms, norms.shape())?),
                ])
            },
        )
    }
}

/// `out += values`, followed by `rectifier`.
fn add(out: &mut [f32], values: &[f32], rectifier: Rectifier) {
    const RUN: usize = 1 << 14;
    let runs = out.par_chunks_mut(RUN).zip(values.par_chunks(RUN));
    runs.for_each(|(out, values)| {
        for (out, value) in out.iter_mut().zip(values) {
            *out = rectifier.apply(*out + value);
        }
    });
}
