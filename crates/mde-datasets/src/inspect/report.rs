//! The result of an inspection.

use std::collections::BTreeMap;

use serde::Serialize;

use super::depth::DepthSummary;
use super::finding::Finding;
use crate::{DepthEncoding, Split};

/// Result of an inspection.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// The data set, as it was given.
    pub data: String,
    /// The splits that exist, training first.
    pub splits: Vec<SplitSummary>,
    /// Findings, in the order of the lists.
    pub findings: Vec<Finding>,
    /// BLAKE3 hashes of all listed files and of the lists, by path relative to the data folder.
    #[serde(skip)]
    pub hashes: BTreeMap<String, String>,
}

/// Summary of one split.
#[derive(Debug, Clone, Serialize)]
pub struct SplitSummary {
    /// The split.
    pub split: Split,
    /// The list file, or the description whose patterns name the pairs.
    pub list: String,
    /// Number of pairs.
    pub pairs: usize,
    /// Number of images listed without depth, which are left out.
    pub without_depth: usize,
    /// Whether every image was decoded.
    pub decoded: bool,
    /// Depth encoding.
    pub encoding: DepthEncoding,
    /// Sizes of the depth maps, the most frequent first.
    pub sizes: Vec<SizeCount>,
    /// Depths of all maps together, if they were decoded.
    pub depth: Option<DepthSummary>,
}

/// Number of pairs of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SizeCount {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Number of pairs.
    pub pairs: usize,
}
