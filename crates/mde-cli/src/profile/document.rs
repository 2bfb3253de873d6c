//! The document of a profile.

use serde::Serialize;

use super::measure::Layer;
use super::recorder::{Operation, Spent};

/// The document. Times and costs are those of the fastest pass.
#[derive(Debug, Serialize)]
pub(super) struct ProfileOutput {
    pub(super) model: &'static str,
    /// "forward" or "training step".
    pub(super) work: &'static str,
    pub(super) batch: usize,
    /// Height and width.
    pub(super) size: (usize, usize),
    pub(super) runs: usize,
    pub(super) device: &'static str,
    pub(super) threads: usize,
    pub(super) seconds: f64,
    /// All operations together.
    pub(super) operations_cost: Cost,
    /// Time outside of these operations: candle's own operations, and the program.
    pub(super) other_seconds: f64,
    /// Rate of a plain matrix product on this machine.
    pub(super) matrix_product_flops_per_second: f64,
    pub(super) peak_memory_bytes: Option<u64>,
    /// Phases of a training step.
    pub(super) phases: Vec<PhaseRow>,
    /// Layers of the fastest separately timed forward pass.
    pub(super) layers: Vec<Layer>,
    /// Sums over the shapes of one operation and pass, the longest time first.
    pub(super) kinds: Vec<KindRow>,
    /// Single operations, the longest time first.
    pub(super) operations: Vec<OperationRow>,
}

#[derive(Debug, Serialize)]
pub(super) struct OperationRow {
    pub(super) op: String,
    pub(super) pass: String,
    pub(super) shape: String,
    #[serde(flatten)]
    pub(super) cost: Cost,
}

#[derive(Debug, Serialize)]
pub(super) struct KindRow {
    pub(super) op: String,
    pub(super) pass: String,
    #[serde(flatten)]
    pub(super) cost: Cost,
}

#[derive(Debug, Serialize)]
pub(super) struct PhaseRow {
    pub(super) phase: &'static str,
    pub(super) seconds: f64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Cost {
    pub(super) calls: u64,
    pub(super) seconds: f64,
    /// Fraction of the whole pass.
    pub(super) share: f64,
    /// Two for every multiply-add of the plain operations.
    pub(super) flops: u64,
    /// None where there are no flops.
    pub(super) flops_per_second: Option<f64>,
    /// Size of the results.
    pub(super) bytes: u64,
}

impl Cost {
    /// The cost of one operation in a pass of `pass_seconds`.
    pub(super) fn new(operation: &Operation, spent: Spent, pass_seconds: f64) -> Self {
        let mut cost = Self::default();
        cost.add(
            Self {
                calls: spent.calls,
                seconds: spent.time.as_secs_f64(),
                flops: spent.calls * operation.flops,
                bytes: spent.calls * operation.bytes,
                ..cost
            },
            pass_seconds,
        );
        cost
    }

    pub(super) fn add(&mut self, other: Self, pass_seconds: f64) {
        self.calls += other.calls;
        self.seconds += other.seconds;
        self.share = self.seconds / pass_seconds;
        self.flops += other.flops;
        self.flops_per_second = (self.flops > 0).then(|| self.flops as f64 / self.seconds);
        self.bytes += other.bytes;
    }
}
