//! Correction: how much of the depth error each unit's responses cause. It uses ground truth.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use mde_datasets::ExampleBatch;
use mde_metrics::statistics::Bootstrap;
use mde_metrics::{EvalProtocol, UnitAssignment};
use mde_models::{Capture, DepthNet, LayerInfo, PrefixCache, Probe};
use mde_results::{
    BinGroup, Corrected, Correction, FORMAT, ImageCorrection, LayerCorrection, LayerDissection,
    ORACLE, Provenance, UnitShare, encode_corrected, names,
};

use crate::AnalysisError;
use crate::correction_maps::CorrectionMaps;
use crate::error::{BoxError, data_error};
use crate::indicator::Distances;
use crate::predictions::{network_input, predict_depths};
use crate::responses::{Responses, bins_at};
use crate::variants::{Scorer, Values, VariantScores, check_layers};

/// Options of a correction.
#[derive(Debug, Clone)]
pub struct CorrectOptions {
    /// The evaluation protocol.
    pub protocol: EvalProtocol,
    /// How intervals are computed.
    pub bootstrap: Bootstrap,
    /// blake3 of `dissect.json`.
    pub dissection: String,
    /// Total number of images, over which the kept maps are spread.
    pub images: usize,
    /// Number of images whose maps are kept.
    pub maps: usize,
}

/// A correction's document and files.
#[derive(Debug)]
pub struct CorrectedLayers {
    /// `correct.json`.
    pub correction: Correction,
    /// For each layer two safetensors files with their content. Both have the metadata `ids`, a
    /// JSON list.
    ///
    /// - [`LayerCorrection::values`]: `abs_rel`, `rmse` and `delta_1` F64 [images, variants];
    ///   `units` U8 [variants, units], 1 for corrected units; `distance` F64 [images, units], NaN
    ///   where not defined.
    /// - [`LayerCorrection::maps`]: see [`encode_corrected`].
    pub files: Vec<(String, Vec<u8>)>,
}

/// Number of units listed for every image.
const LISTED_UNITS: usize = 5;

/// Replaces responses by their mean at the true depth, and measures the depth errors: for all units
/// together, for each unit, and for the units of each bin; see [`LayerCorrection`].
///
/// The true depth at a pixel of the feature map is that of the nearest pixel of the ground truth.
/// Responses stay unchanged where this depth is invalid or its bin has no mean response.
///
/// The part of the network before a layer runs once per image. Images without a valid pixel are
/// listed and left out. `observer` receives the number of images after each batch.
///
/// # Errors
/// If a layer's dissection does not fit the network, a sample cannot be loaded, a response or a
/// prediction is not finite, or no image has a valid pixel.
pub fn correct(
    network: &dyn DepthNet,
    batches: impl Iterator<Item = Result<ExampleBatch, impl Into<BoxError>>>,
    device: &Device,
    layers: &[LayerDissection],
    options: &CorrectOptions,
    provenance: Provenance,
    observer: &mut dyn FnMut(usize),
) -> Result<CorrectedLayers, AnalysisError> {
    check_layers(network, layers.iter())?;
    let mut corrections = layers
        .iter()
        .map(|layer| LayerState::new(layer, options))
        .collect::<Result<Vec<_>, _>>()?;
    for batch in batches {
        let batch = batch.map_err(data_error)?;
        for correction in &mut corrections {
            correction.push(network, &batch, device, &options.protocol)?;
        }
        observer(batch.len());
    }
    let mut files = Vec::with_capacity(2 * layers.len());
    let mut found = Vec::with_capacity(layers.len());
    for correction in &corrections {
        let summary = correction.summary(&options.bootstrap);
        let summary = summary.ok_or_else(|| correction.scores.no_scores(&options.protocol))?;
        files.push((summary.values.clone(), correction.values()?));
        files.push((
            summary.maps.clone(),
            encode_corrected(correction.maps.kept())?,
        ));
        found.push(summary);
    }
    let scores = corrections.first().map(|correction| &correction.scores);
    Ok(CorrectedLayers {
        correction: Correction {
            format: FORMAT,
            note: ORACLE.to_owned(),
            provenance,
            dissection: options.dissection.clone(),
            protocol: options.protocol.clone(),
            images: scores.map_or(0, |scores| scores.ids.len()),
            images_without_valid_depth: scores.map_or(Vec::new(), |scores| scores.skipped.clone()),
            bootstrap: options.bootstrap,
            layers: found,
        },
        files,
    })
}

/// The sets of units that are corrected together. Each set is measured once.
struct Plan {
    /// Each in ascending order. The first is empty: nothing is corrected.
    sets: Vec<Vec<usize>>,
    all: usize,
    single: Vec<usize>,
    /// Per bin, its units and the index of their set.
    groups: Vec<(Vec<usize>, Option<usize>)>,
}

impl Plan {
    fn new(layer: &LayerDissection) -> Result<Self, AnalysisError> {
        let mut sets = vec![Vec::new()];
        let mut known = BTreeMap::from([(Vec::new(), 0)]);
        let mut index = |units: Vec<usize>| {
            *known.entry(units.clone()).or_insert_with(|| {
                sets.push(units);
                sets.len() - 1
            })
        };
        let all = index((0..layer.units).collect());
        let single = (0..layer.units).map(|unit| index(vec![unit])).collect();
        let mut by_bin = vec![Vec::new(); layer.bins.len()];
        for (unit, bin) in bins_of_units(layer)?.into_iter().enumerate() {
            if let Some(bin) = bin {
                by_bin[bin].push(unit);
            }
        }
        let groups = by_bin.into_iter().map(|units| {
            let set = (!units.is_empty()).then(|| index(units.clone()));
            (units, set)
        });
        Ok(Self {
            all,
            single,
            groups: groups.collect(),
            sets,
        })
    }
}

/// The assigned bin of each unit if the layer was trained with an assignment, else its preferred
/// bin.
fn bins_of_units(layer: &LayerDissection) -> Result<Vec<Option<usize>>, AnalysisError> {
    if layer.valid_bins.assigned.is_some() {
        let assignment = UnitAssignment::new(layer.units, layer.bins.len())?;
        return Ok((0..layer.units)
            .map(|unit| Some(assignment.bin_of(unit)))
            .collect());
    }
    let units = layer.valid_bins.units.iter();
    Ok(units.map(|unit| unit.preferred_bin).collect())
}

/// The state of one layer between batches.
struct LayerState<'a> {
    layer: &'a LayerDissection,
    plan: Plan,
    scores: VariantScores,
    distances: Distances,
    maps: CorrectionMaps,
    /// Number of feature map pixels, and number of those at which responses were replaced.
    pixels: (u64, u64),
}

impl<'a> LayerState<'a> {
    fn new(layer: &'a LayerDissection, options: &CorrectOptions) -> Result<Self, AnalysisError> {
        let plan = Plan::new(layer)?;
        Ok(Self {
            scores: VariantScores::new(plan.sets.len(), layer.bins.len()),
            plan,
            distances: Distances::default(),
            maps: CorrectionMaps::new(options.images, options.maps),
            pixels: (0, 0),
            layer,
        })
    }

    fn push(
        &mut self,
        network: &dyn DepthNet,
        batch: &ExampleBatch,
        device: &Device,
        protocol: &EvalProtocol,
    ) -> Result<(), AnalysisError> {
        let name = &self.layer.layer;
        let scorer = Scorer {
            protocol,
            ranges: &self.layer.bins,
        };
        let input = network_input(batch, device)?;
        let mut prefix = PrefixCache::new(name);
        let mut capture = Capture::new([name]);
        let before = {
            let mut probe = prefix.probe(&mut capture);
            predict_depths(network, &input, batch.depth_size, &mut probe)?
        };
        let Some(activation) = capture.get(name) else {
            // The network does not visit a layer of its own list.
            return Err(mde_models::ModelError::UnknownLayer {
                name: name.clone(),
                known: Vec::new(),
            }
            .into());
        };
        let responses = Responses::new(activation, batch, name)?;
        let true_bins = bins_at(
            &self.layer.bins,
            &batch.depths,
            batch.depth_size,
            responses.size,
        );
        let (corrected, replaced) = responses.at_bins(&self.layer.mean_response, &true_bins);
        self.pixels.0 += true_bins.len() as u64;
        self.pixels.1 += replaced;
        let corrected = Tensor::from_vec(corrected, activation.dims(), device)?;

        // The scores clamp predictions to the protocol's range, too.
        let clamped: Vec<f32> = before
            .iter()
            .map(|depth| depth.clamp(protocol.min_depth, protocol.max_depth))
            .collect();
        let implied = bins_at(&self.layer.bins, &clamped, batch.depth_size, responses.size);
        let distances = responses.distances(&self.layer.mean_response, &implied);
        let scores = scorer.batch(batch, &before, || format!("layer {name}"))?;
        let depths = clamped.chunks(batch.depth_size.0 * batch.depth_size.1);
        for ((distances, depth), score) in distances.into_iter().zip(depths).zip(&scores) {
            if score.is_some() {
                self.distances.push(distances, depth);
            }
        }
        let kept = self.maps.begin(batch, &before);
        let mut variants = vec![scores];
        for (index, units) in self.plan.sets.iter().enumerate().skip(1) {
            let mut replace = Replace::new(name, self.layer.units, units, &corrected)?;
            let mut probe = prefix.probe(&mut replace);
            let pred = predict_depths(network, &input, batch.depth_size, &mut probe)?;
            if index == self.plan.all {
                self.maps.add_all_units(&kept, &pred);
            }
            if let &[unit] = units.as_slice() {
                self.maps.add_single_unit(&kept, unit, &pred);
            }
            let in_words = || format!("layer {name} with units {units:?} corrected");
            variants.push(scorer.batch(batch, &pred, in_words)?);
        }
        self.scores.push(&batch.ids, &variants);
        Ok(())
    }

    /// `None` if no image has a score.
    fn summary(&self, bootstrap: &Bootstrap) -> Option<LayerCorrection> {
        let (layer, plan, scores) = (self.layer, &self.plan, &self.scores);
        let before = scores.mean(0)?;
        let corrected = |set: usize| -> Option<Corrected> {
            let reduction = scores.per_image(|image| image[0].abs_rel - image[set].abs_rel);
            let reduction = bootstrap.mean(&reduction)?;
            Some(Corrected {
                errors: scores.mean(set)?,
                by_bin: scores.by_range(set),
                relative_reduction: (before.abs_rel > 0.0)
                    .then(|| reduction.value / before.abs_rel),
                abs_rel_reduction: reduction,
            })
        };
        let single = plan.single.iter().map(|&set| corrected(set));
        let single = single.collect::<Option<Vec<_>>>()?;
        let groups = plan.groups.iter().map(|(units, set)| {
            let units = units.clone();
            Some(match set {
                Some(set) => BinGroup {
                    units,
                    corrected: Some(corrected(*set)?),
                },
                None => BinGroup {
                    units,
                    corrected: None,
                },
            })
        });
        let name = &layer.layer;
        let abs_rel = scores.per_image(|image| image[0].abs_rel);
        Some(LayerCorrection {
            layer: name.clone(),
            units: layer.units,
            bins: layer.bins.clone(),
            pixels: scores.pixels(),
            replaced: self.pixels.1 as f64 / self.pixels.0 as f64,
            before,
            before_by_bin: scores.by_range(0),
            all_units: corrected(plan.all)?,
            ranking: ranked(single.iter().map(|unit| unit.abs_rel_reduction.value)),
            single_units: single,
            groups: groups.collect::<Option<_>>()?,
            per_image: self.per_image(),
            indicator: self
                .distances
                .indicator(&layer.mean_response, &abs_rel, bootstrap),
            values: names::corrected_images(name),
            maps: names::corrected_maps(name),
        })
    }

    fn per_image(&self) -> Vec<ImageCorrection> {
        let image_scores = self.distances.scores();
        let images = self.scores.ids.iter().enumerate();
        let images = images.map(|(image, id)| {
            let before = self.scores.of_image(image, 0);
            let reductions: Vec<f64> = (self.plan.single.iter())
                .map(|&set| before.abs_rel - self.scores.of_image(image, set).abs_rel)
                .collect();
            let first = ranked(reductions.iter().copied())
                .into_iter()
                .take(LISTED_UNITS);
            ImageCorrection {
                id: id.clone(),
                before,
                after: self.scores.of_image(image, self.plan.all),
                units: first
                    .map(|unit| UnitShare {
                        unit,
                        abs_rel_reduction: reductions[unit],
                    })
                    .collect(),
                score: image_scores[image],
            }
        });
        images.collect()
    }

    fn values(&self) -> Result<Vec<u8>, AnalysisError> {
        let shape = vec![self.scores.ids.len(), self.layer.units];
        let values = vec![
            Values::sets(self.layer.units, self.plan.sets.iter()),
            Values::floats("distance", shape, self.distances.flat()),
        ];
        Ok(self.scores.to_safetensors(values)?)
    }
}

/// Indices by descending value. Equal values keep their order.
fn ranked(values: impl Iterator<Item = f64>) -> Vec<usize> {
    let values: Vec<f64> = values.collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    order
}

/// Replaces the responses of some units by corrected ones.
struct Replace<'a> {
    layer: &'a str,
    /// 0 for replaced units, 1 for others, [1, units, 1, 1].
    keep: Tensor,
    /// Corrected responses of the replaced units, 0 for others, [B, units, h, w].
    corrected: Tensor,
}

impl<'a> Replace<'a> {
    fn new(
        layer: &'a str,
        count: usize,
        units: &[usize],
        corrected: &Tensor,
    ) -> candle_core::Result<Self> {
        let mut keep = vec![1f32; count];
        for &unit in units {
            keep[unit] = 0.0;
        }
        let keep = Tensor::from_vec(keep, (1, count, 1, 1), corrected.device())?;
        Ok(Self {
            layer,
            corrected: corrected.broadcast_mul(&(1.0 - &keep)?)?,
            keep,
        })
    }
}

impl Probe for Replace<'_> {
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> candle_core::Result<Tensor> {
        if layer.name != self.layer {
            return Ok(activation);
        }
        activation.broadcast_mul(&self.keep)? + &self.corrected
    }
}
