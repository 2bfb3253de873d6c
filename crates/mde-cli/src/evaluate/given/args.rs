//! The options of predictions from files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, ensure};
use mde_arrays::NameOrder;
use mde_files::read_text;
use serde::{Serialize, Serializer};

use super::sizes::Placement;
use crate::arguments::positive;

/// Files of predictions and of their ground truth.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub(crate) struct GivenArgs {
    /// Predictions of another program in place of a network: a folder of .npy, .npz, .exr, .pfm,
    /// grey .png or .safetensors files with one map each, or one file with many maps. Needs --gt
    /// and --protocol.
    #[arg(long, value_name = "PATH", group = "network", requires = "gt")]
    #[arg(conflicts_with_all = ["model", "data"])]
    pub(super) pred: Option<PathBuf>,
    /// Ground truth of --pred: files matched by name, or the test split of a data set, as for
    /// --data.
    #[arg(long, value_name = "PATH|[KIND:]DIR", requires = "pred")]
    pub(super) gt: Option<String>,
    /// Array (.npz, .safetensors) or channel (.exr) of predictions, where files hold several.
    #[arg(long, value_name = "NAME", requires = "pred")]
    pub(super) pred_array: Option<String>,
    /// Array or channel of the ground truth, where files hold several.
    #[arg(long, value_name = "NAME", requires = "pred")]
    pub(super) gt_array: Option<String>,
    /// Metres that a stored 1 stands for: 0.001 for millimetres. With --disparity, depth is METRES
    /// / stored: 5.4 for monodepth2's stereo networks [default: 1; required for integers].
    #[arg(long, value_name = "METRES", requires = "pred", value_parser = positive::<f64>)]
    pub(super) pred_scale: Option<f64>,
    /// Metres that a stored 1 stands for in the ground truth's files [default: 1; required for
    /// integers].
    #[arg(long, value_name = "METRES", requires = "pred", value_parser = positive::<f64>)]
    pub(super) gt_scale: Option<f64>,
    /// Predictions are disparities, 1 / depth: larger is nearer.
    #[arg(long, requires = "pred")]
    pub(super) disparity: bool,
    /// Resize predictions bilinearly (corners not aligned) to the ground truth's size. For
    /// predictions of whole frames.
    #[arg(long, requires = "pred")]
    pub(super) resize_pred: bool,
    /// Put predictions of a part of the frame back where it was cut out: kitti-crop (352x1216,
    /// bottom centre), nyu-crop (426x560 at row 45, column 41), or the first row and column. Pixels
    /// outside are not predicted.
    #[arg(long, value_name = "kitti-crop|nyu-crop|TOP,LEFT", requires = "pred")]
    pub(super) place_pred: Option<Placement>,
    /// Score some images only: those with a prediction (predicted), or the ids in a text file, one
    /// per line. The result says how many of all.
    #[arg(long, value_name = "predicted|FILE", requires = "pred")]
    pub(super) only: Option<Only>,
    /// Match a stack or numbered maps by position with names in this order: by number (2 before
    /// 10), by text (10 before 2), as stored in the list or file, or as in a text file with one id
    /// per line [default: by number where names count from 0 or 1; an error where the order is not
    /// certain].
    #[arg(long, value_name = "number|text|stored|FILE", requires = "pred")]
    pub(super) in_order: Option<InOrder>,
    /// Name of the network in the results [default: the name of PRED].
    #[arg(long, value_name = "NAME", requires = "pred")]
    pub(super) name: Option<String>,
}

/// The images to score.
#[derive(Debug, Clone)]
pub(super) enum Only {
    /// Those with a prediction.
    Predicted,
    /// The ids of a text file.
    Listed(PathBuf),
}

impl FromStr for Only {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "predicted" => Self::Predicted,
            path => Self::Listed(path.into()),
        })
    }
}

impl fmt::Display for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Predicted => f.write_str("predicted"),
            Self::Listed(path) => path.display().fmt(f),
        }
    }
}

/// The order of names beside maps without names.
#[derive(Debug, Clone)]
pub(super) enum InOrder {
    Number,
    Text,
    Stored,
    /// The ids of a text file.
    Listed(PathBuf),
}

impl FromStr for InOrder {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "number" => Self::Number,
            "text" => Self::Text,
            "stored" => Self::Stored,
            path => Self::Listed(path.into()),
        })
    }
}

impl fmt::Display for InOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number => f.write_str("number"),
            Self::Text => f.write_str("text"),
            Self::Stored => f.write_str("stored"),
            Self::Listed(path) => path.display().fmt(f),
        }
    }
}

/// Serialises as on the command line.
macro_rules! serialize_as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
serialize_as_text!(Only, InOrder);

impl InOrder {
    /// The order, with the ids of the text file.
    pub(super) fn read(&self) -> anyhow::Result<NameOrder> {
        Ok(match self {
            Self::Number => NameOrder::Number,
            Self::Text => NameOrder::Text,
            Self::Stored => NameOrder::Stored,
            Self::Listed(path) => {
                NameOrder::Ids(read_ids(path, "number, text or stored").context("--in-order")?)
            }
        })
    }
}

/// The ids in a text file, one per line. `words` are the values that are no file.
pub(super) fn read_ids(path: &Path, words: &str) -> anyhow::Result<Vec<String>> {
    ensure!(
        path.exists(),
        "{}: no such file; expected {words}, or a text file with one id per line",
        path.display()
    );
    let text = read_text(path)?;
    let ids: Vec<String> = (text.lines())
        .map(|line| line.trim().replace('\\', "/"))
        .filter(|line| !line.is_empty())
        .collect();
    ensure!(
        !ids.is_empty(),
        "{}: holds no id; expected one id per line",
        path.display()
    );
    Ok(ids)
}
