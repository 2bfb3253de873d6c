//! Passes, layers and the machine's best, timed.

use std::time::Instant;

use anyhow::Context;
use candle_core::{DType, Device, Tensor};
use mde_models::{DepthInput, DepthNet, LayerInfo, Mode, Probe};
use serde::Serialize;

use super::recorder::{Records, record};

/// One pass, timed.
pub(super) struct Pass {
    pub(super) seconds: f64,
    pub(super) records: Records,
}

impl Pass {
    /// The fastest of `runs` passes, after a warm-up. Disturbances only slow a pass.
    pub(super) fn fastest(
        device: &Device,
        runs: usize,
        mut pass: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        pass()?;
        device.synchronize()?;
        let mut fastest: Option<Self> = None;
        for _ in 0..runs.max(1) {
            let (seconds, records) = record(device, || {
                let start = Instant::now();
                pass()?;
                device.synchronize()?;
                anyhow::Ok(start.elapsed().as_secs_f64())
            });
            let seconds = seconds?;
            if fastest.as_ref().is_none_or(|best| seconds < best.seconds) {
                fastest = Some(Self { seconds, records });
            }
        }
        fastest.context("no pass was made")
    }
}

/// A layer of a timed forward pass.
#[derive(Debug, Serialize)]
pub(super) struct Layer {
    /// Its name; `None` for the depth at the end.
    pub(super) layer: Option<String>,
    /// Time from the start of the pass.
    pub(super) seconds: f64,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: u64,
}

impl Layer {
    fn new(layer: Option<String>, seconds: f64, activation: &Tensor) -> Self {
        Self {
            layer,
            seconds,
            shape: activation.dims().to_vec(),
            bytes: (activation.elem_count() * activation.dtype().size_in_bytes()) as u64,
        }
    }
}

/// Records the time at each layer.
struct Stopwatch<'a> {
    device: &'a Device,
    start: Instant,
    layers: Vec<Layer>,
}

impl Probe for Stopwatch<'_> {
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> candle_core::Result<Tensor> {
        self.device.synchronize()?;
        let seconds = self.start.elapsed().as_secs_f64();
        let name = Some(layer.name.clone());
        self.layers.push(Layer::new(name, seconds, &activation));
        Ok(activation)
    }
}

/// The layers of a network and its depth, in the fastest of `runs` forward passes.
pub(super) fn time_layers(
    network: &dyn DepthNet,
    input: &DepthInput,
    mode: Mode,
    runs: usize,
) -> anyhow::Result<Vec<Layer>> {
    let device = input.image.device();
    let mut fastest: Vec<Layer> = Vec::new();
    for _ in 0..runs {
        let mut watch = Stopwatch {
            device,
            start: Instant::now(),
            layers: Vec::new(),
        };
        let depth = network.forward(input, mode, &mut watch)?;
        device.synchronize()?;
        let seconds = watch.start.elapsed().as_secs_f64();
        watch.layers.push(Layer::new(None, seconds, &depth));
        if fastest.last().is_none_or(|best| seconds < best.seconds) {
            fastest = watch.layers;
        }
    }
    Ok(fastest)
}

/// The best rate of plain f32 matrix products, in flops per second: one 1024x1024 product per
/// thread on the CPU, one 4096x4096 product on a GPU.
pub(super) fn product_rate(device: &Device) -> anyhow::Result<f64> {
    const RUNS: usize = 15;
    let (side, threads) = if device.is_cpu() {
        (1024, rayon::current_num_threads())
    } else {
        (4096, 1)
    };
    let matrix = noise(&[side, side], device)?;
    let mut fastest = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        if threads == 1 {
            matrix.matmul(&matrix)?;
        } else {
            // candle's own product stays on one thread (see `limit_candle_threads`).
            for product in rayon::broadcast(|_| matrix.matmul(&matrix)) {
                product?;
            }
        }
        device.synchronize()?;
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    Ok((threads * 2 * side.pow(3)) as f64 / fastest)
}

/// Reproducible noise from 0 to 1 (splitmix64 of the index).
pub(super) fn noise(shape: &[usize], device: &Device) -> candle_core::Result<Tensor> {
    let value = |index: u64| {
        let mut bits = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    };
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (1..=count as u64).map(value).collect();
    Tensor::from_vec(values, shape, device)?.to_dtype(DType::F32)
}
