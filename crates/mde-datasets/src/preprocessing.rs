//! A recipe's preprocessing as a value, for the configuration of a run.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    BtsEval, BtsGeometry, BtsTrain, BtsView, MeterEval, MeterGt, MeterInput, MeterTrain, MffEval,
    MffGeometry, MffTrain, Transform,
};

/// A recipe's preprocessing: everything between a sample on disk and the network's input and
/// target, in training, evaluation and dissection.
///
/// Serialised as `{"mff": {...}}`, `{"bts": {...}}` or `{"meter": {...}}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preprocessing {
    /// MFF: shorter side resized, centre crop.
    Mff(MffGeometry),
    /// BTS: an NYUv2 frame or KITTI's benchmark crop, random crop in training.
    Bts(BtsGeometry),
    /// METER: the whole image at a small size.
    Meter(MeterInput),
}

impl Preprocessing {
    /// The same for frames of size (height, width), see [`BtsGeometry::for_frames`].
    #[must_use]
    pub fn for_frames(self, frame: (usize, usize)) -> Self {
        match self {
            Self::Bts(geometry) => Self::Bts(geometry.for_frames(frame)),
            Self::Mff(_) | Self::Meter(_) => self,
        }
    }

    /// Name of the evaluation protocol for the ground truth of [`Preprocessing::evaluation`]
    /// (docs/protocols.md).
    ///
    /// Windows smaller than the KITTI benchmark crop use the Garg crop, the same part of the view.
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Mff(_) => "nyu-mff",
            Self::Bts(geometry) => match geometry.view {
                BtsView::Nyu => "nyu-eigen",
                view if view == BtsGeometry::kitti().view => "kitti-bts",
                BtsView::Kitti { .. } => "kitti-garg",
            },
            Self::Meter(input) if input == MeterInput::nyu() => "nyu-meter",
            Self::Meter(_) => "kitti-garg",
        }
    }

    /// The training transform, augmentation included.
    pub fn training(self) -> Arc<dyn Transform> {
        match self {
            Self::Mff(geometry) => Arc::new(MffTrain { geometry }),
            Self::Bts(geometry) => Arc::new(BtsTrain { geometry }),
            Self::Meter(input) => Arc::new(MeterTrain { input }),
        }
    }

    /// The transform for depth errors. MFF's ground truth is 228x304 for every input size.
    pub fn evaluation(self) -> Arc<dyn Transform> {
        match self {
            Self::Mff(input) => Arc::new(MffEval {
                input,
                gt: MffGeometry::full(),
            }),
            Self::Bts(geometry) => Arc::new(BtsEval { geometry }),
            Self::Meter(input) => Arc::new(MeterEval {
                input,
                gt: MeterGt::Input,
            }),
        }
    }

    /// The transform for dissection: that of evaluation, except that METER's ground truth has the
    /// size of the training target.
    pub fn dissection(self) -> Arc<dyn Transform> {
        match self {
            Self::Meter(input) => Arc::new(MeterEval {
                input,
                gt: MeterGt::Target,
            }),
            Self::Mff(_) | Self::Bts(_) => self.evaluation(),
        }
    }
}
