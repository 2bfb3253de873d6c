//! The dissection of one layer in progress, and the document of all layers.

use mde_metrics::statistics::Bootstrap;
use mde_metrics::{DepthBins, MetricsError, PermutationNull, ResponseTally, UnitAssignment};
use mde_models::LayerInfo;
use mde_results::{
    Dissection, FORMAT, ImageTally, LayerDissection, LayerTallies, Provenance, encode_top_images,
    names,
};
use rayon::prelude::*;

use crate::AnalysisError;
use crate::layer_maps::{BatchWeights, LayerMaps};
use crate::top_images::TopImageTracker;

/// What a dissection computes besides the tallies; by default nothing.
#[derive(Debug, Clone, Default)]
pub struct DissectOptions {
    /// Number of permutations of the depth maps among the images, for [`PermutationNull`].
    ///
    /// Above 0, the depth maps are read twice and their pooling weights are kept in memory: about
    /// 20 bytes per map pixel for each image and each size of maps. 650 images and two sizes of
    /// 200x200 need 1 GB. Each permutation and layer needs 8 bytes per unit and bin.
    pub permutations: usize,
    /// Seed of the permutations.
    pub seed: u64,
    /// Other grids of bins under which every layer is scored, such as
    /// [`Discretisation::sweep`](mde_metrics::Discretisation::sweep).
    pub grids: Vec<DepthBins>,
    /// Number of images to keep per unit: those to which it responds most.
    pub top_images: usize,
    /// Refuses maps whose aspect ratio differs from the ground truth's by more than 2 %, rounding
    /// aside. Set it for maps of unknown origin. A network's own maps cover the whole image, even
    /// if the image was stretched to a fixed input size.
    pub check_aspect_ratio: bool,
}

/// One layer after its dissection.
#[derive(Debug, Clone)]
pub struct DissectedLayer {
    /// The tallies, image by image.
    pub tallies: LayerTallies,
    /// The images that the units respond to most, if requested.
    top: Option<TopImageTracker>,
    layer: LayerInfo,
    /// Other grids of bins, and the total over all images in the union of their edges.
    grids: Vec<DepthBins>,
    fine: Option<ResponseTally>,
    /// The total under each permutation of the depth maps.
    pub(crate) permuted: Vec<ResponseTally>,
    seed: u64,
}

/// A dissection's document and files.
#[derive(Debug)]
pub struct Dissected {
    /// `dissect.json`.
    pub dissection: Dissection,
    /// The files that it names, relative to the run folder, and their content:
    /// [`LayerDissection::tally`] and [`LayerDissection::top_images`].
    pub files: Vec<(String, Vec<u8>)>,
}

/// Builds the document of dissected layers. `assignments` holds the assignment that each layer was
/// trained with, if its bins are those of the dissection.
///
/// # Errors
/// If an assignment does not fit its layer, or a sum is not finite.
pub fn assemble(
    layers: &[DissectedLayer],
    assignments: &[Option<&UnitAssignment>],
    bootstrap: Bootstrap,
    provenance: Provenance,
) -> Result<Dissected, AnalysisError> {
    let mut files = Vec::with_capacity(2 * layers.len());
    let mut summaries = Vec::with_capacity(layers.len());
    for (index, layer) in layers.iter().enumerate() {
        let assignment = assignments.get(index).copied().flatten();
        let file = names::tally(&layer.layer.name);
        let mut summary = layer.summarise(assignment, &bootstrap, file.clone())?;
        files.push((file, layer.tallies.to_safetensors()?));
        if let Some(top) = &layer.top {
            let file = names::top_images(&layer.layer.name);
            summary.top_images = Some(file.clone());
            files.push((file, encode_top_images(&top.collect())?));
        }
        summaries.push(summary);
    }
    Ok(Dissected {
        dissection: Dissection {
            format: FORMAT,
            provenance,
            images: layers.first().map_or(0, |layer| layer.tallies.images()),
            bootstrap,
            layers: summaries,
        },
        files,
    })
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
        let wanted = options.top_images;
        Ok(Self {
            tallies: LayerTallies::new(layer.units, bins.clone()),
            top: (wanted > 0).then(|| TopImageTracker::new(layer.units, wanted)),
            layer: layer.clone(),
            grids: options.grids.clone(),
            fine,
            permuted: vec![ResponseTally::new(layer.units, bins); options.permutations],
            seed: options.seed,
        })
    }

    /// Tallies the maps of a batch.
    pub(crate) fn tally(
        &mut self,
        maps: &LayerMaps<'_>,
        weights: &mut BatchWeights<'_>,
    ) -> Result<(), AnalysisError> {
        let units = self.layer.units;
        let ground_truth = weights.ground_truth();
        let own = weights.get(maps.layer, self.tallies.bins(), maps.size)?;
        let images: Vec<_> = maps.images().zip(own).enumerate().collect();
        let tallied: Result<Vec<_>, _> = images
            .into_par_iter()
            .map(|(image, (features, weights))| {
                ImageTally::new(ground_truth[image], weights, units, features)
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
            let weights = weights.get(maps.layer, &fine.bins().clone(), maps.size)?;
            for (image, (features, weights)) in maps.images().zip(weights).enumerate() {
                fine.update_pooled(features, weights)
                    .map_err(|source| maps.error(image, source))?;
            }
        }
        Ok(())
    }

    /// The layer's entry of `dissect.json`, without the name of its file of top images.
    ///
    /// # Errors
    /// As [`LayerTallies::summarise`].
    pub fn summarise(
        &self,
        assignment: Option<&UnitAssignment>,
        bootstrap: &Bootstrap,
        tally: String,
    ) -> Result<LayerDissection, MetricsError> {
        let LayerInfo { name, stride, .. } = &self.layer;
        let mut summary = self
            .tallies
            .summarise(name, *stride, assignment, bootstrap, tally)?;
        // The depth map of a single image cannot be permuted.
        if self.tallies.images() > 1 && !self.permuted.is_empty() {
            let null =
                PermutationNull::from_tallies(&self.tallies.total()?, &self.permuted, self.seed);
            summary.null = Some(null);
        }
        if let Some(fine) = &self.fine {
            let scores = self.grids.iter().map(|grid| fine.score_with_bins(grid));
            summary.discretisations = scores.collect::<Result<_, _>>()?;
        }
        Ok(summary)
    }

    /// The images that each unit responds to most; `None` if not requested.
    pub fn top_images(&self) -> Option<mde_results::TopImages> {
        self.top.as_ref().map(TopImageTracker::collect)
    }
}
