//! What a dissection keeps of one layer.

use mde_metrics::results::{LayerDissection, PermutationNull};
use mde_metrics::statistics::Bootstrap;
use mde_metrics::{DepthBins, MetricsError, ResponseTally, UnitAssignment};
use mde_models::LayerInfo;
use rayon::prelude::*;

use crate::AnalysisError;
use crate::dissect::{BatchWeights, DissectOptions, LayerMaps};
use crate::tallies::{ImageTally, LayerTallies};
use crate::top_images::TopImages;

/// One layer after its dissection.
#[derive(Debug, Clone)]
pub struct DissectedLayer {
    /// The tallies, image by image.
    pub tallies: LayerTallies,
    /// The images that the units respond to most, if they were asked for.
    pub top: Option<TopImages>,
    layer: LayerInfo,
    /// Other grids, and the total over all images in bins of which theirs are unions.
    grids: Vec<DepthBins>,
    fine: Option<ResponseTally>,
    /// The total under each permutation of the depth maps.
    pub(crate) permuted: Vec<ResponseTally>,
    seed: u64,
}

impl DissectedLayer {
    /// No image yet.
    pub(crate) fn new(
        layer: &LayerInfo,
        bins: &DepthBins,
        options: &DissectOptions,
    ) -> Result<Self, AnalysisError> {
        let fine = match options.grids.as_slice() {
            [] => None,
            grids => Some(ResponseTally::new(layer.units, &DepthBins::union(grids)?)),
        };
        Ok(Self {
            tallies: LayerTallies::new(layer.units, bins.clone()),
            top: (options.top_images > 0).then(|| TopImages::new(layer.units, options.top_images)),
            layer: layer.clone(),
            grids: options.grids.clone(),
            fine,
            permuted: vec![ResponseTally::new(layer.units, bins); options.permutations],
            seed: options.seed,
        })
    }

    /// Adds the maps of a batch.
    pub(crate) fn tally(
        &mut self,
        maps: &LayerMaps<'_>,
        weights: &mut BatchWeights<'_>,
    ) -> Result<(), AnalysisError> {
        let units = self.layer.units;
        let own = weights.of(maps.layer, self.tallies.bins(), maps.size)?;
        let images: Vec<_> = maps.images().zip(own).enumerate().collect();
        let tallied: Result<Vec<_>, _> = images
            .into_par_iter()
            .map(|(image, (features, weights))| {
                ImageTally::new(weights, units, features)
                    .map_err(|source| maps.error(image, source))
            })
            .collect();
        let tallied = tallied?;
        if let Some(top) = &mut self.top {
            top.offer(self.tallies.images(), maps);
        }
        for (id, image) in maps.batch.ids.iter().zip(tallied) {
            self.tallies.push(id.clone(), image);
        }
        if let Some(fine) = &mut self.fine {
            let weights = weights.of(maps.layer, &fine.bins().clone(), maps.size)?;
            for (image, (features, weights)) in maps.images().zip(weights).enumerate() {
                fine.update_pooled(features, weights)
                    .map_err(|source| maps.error(image, source))?;
            }
        }
        Ok(())
    }

    /// What `dissect.json` says of the layer, but for the name of the file of [`DissectedLayer::top`]; see
    /// [`LayerTallies::summary`].
    ///
    /// # Errors
    /// As there.
    pub fn summary(
        &self,
        assignment: Option<&UnitAssignment>,
        bootstrap: &Bootstrap,
        tally: String,
    ) -> Result<LayerDissection, MetricsError> {
        let mut summary = self
            .tallies
            .summary(&self.layer, assignment, bootstrap, tally)?;
        // One image can be given no other's depth.
        if self.tallies.images() > 1 && !self.permuted.is_empty() {
            let null = PermutationNull::of(&self.tallies.total()?, &self.permuted, self.seed);
            summary.null = Some(null);
        }
        if let Some(fine) = &self.fine {
            let scores = self.grids.iter().map(|grid| fine.score_under(grid));
            summary.discretisations = scores.collect::<Result<_, _>>()?;
        }
        Ok(summary)
    }
}
