//! The JSON documents of a run folder.
//!
//! Keys are snake_case, depths are metres. A value that is not defined is `null`, never NaN: JSON
//! has no NaN, and reading `null` where a number is required fails.

mod ablation;
mod comparison;
mod correction;
mod dissection;
mod evaluation;
mod provenance;
mod sweep;

pub use ablation::{
    Ablation, AblationArea, AblationCurve, AblationPoint, DepthRange, Fill, LayerAblation,
    RemovalOrder, SingleRemovals,
};
pub use comparison::{
    AccuracyComparison, LayerComparison, MetricComparison, RunComparison, SelectivityComparison,
};
pub use correction::{
    BinGroup, Corrected, Correction, ImageCorrection, Indicator, LayerCorrection, ORACLE,
    UnitDistance, UnitShare,
};
pub use dissection::{Dissection, EstimatedSelectivity, LayerDissection, StoredFeatures};
pub use evaluation::{
    BaselineSource, ConstantBaseline, DepthRangeErrors, Evaluation, ImageErrors, UnitWarning,
};
pub use provenance::Provenance;
pub use sweep::{AlphaSweep, FailedPoint, SweepLayer, SweepPoint};

/// The version of these documents, raised when an older reader would misread a newer document.
pub const FORMAT: u32 = 4;
