//! A pair after its files were inspected.

use super::finding::Finding;
use super::image::{DepthFacts, FileFacts};
use super::listing::Listed;

/// A pair after its files were inspected.
pub(super) struct InspectedPair<'l> {
    pub(super) listed: &'l Listed,
    pub(super) rgb: Option<FileFacts>,
    pub(super) depth: Option<DepthFacts>,
}

impl InspectedPair<'_> {
    pub(super) fn depth_file(&self) -> Option<&FileFacts> {
        self.depth.as_ref().map(|depth| &depth.file)
    }

    /// The line and the colour image, as findings name them.
    pub(super) fn rgb_place(&self) -> String {
        format!("{}: {}", self.listed.place, self.listed.entry.rgb)
    }

    /// The line and the depth map, as findings name them.
    pub(super) fn depth_place(&self) -> String {
        format!("{}: {}", self.listed.place, self.listed.entry.depth)
    }

    /// The faults of its single files.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let rgb = self.rgb.as_ref();
        let rgb = rgb.and_then(|file| file.finding(&self.rgb_place()));
        let depth = self.depth_file();
        let depth = depth.and_then(|file| file.finding(&self.depth_place()));
        rgb.into_iter().chain(depth).collect()
    }
}
