//! Ablation: depth errors with units of a layer removed.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use mde_datasets::ExampleBatch;
use mde_metrics::statistics::{Bootstrap, Estimate, permutation};
use mde_metrics::{CoreErrors, DepthBins, EvalProtocol};
use mde_models::{DepthNet, LayerInfo, PrefixCache, Probe};
use mde_results::{
    Ablation, AblationArea, AblationCurve, AblationPoint, DepthRange, FORMAT, Fill, LayerAblation,
    LayerDissection, Provenance, RemovalOrder, SingleRemovals, names,
};

use crate::AnalysisError;
use crate::error::{BoxError, data_error};
use crate::evaluate::depth_ranges;
use crate::predictions::{network_input, predict_depths};
use crate::variants::{Scorer, Values, VariantScores, check_layers};

/// A layer to ablate.
#[derive(Debug, Clone)]
pub struct AblateLayer {
    /// Its dissection, with the selectivity of its units.
    pub dissection: LayerDissection,
    /// The value that [`Fill::Mean`] puts in place of each unit's response:
    /// [`ResponseTally::overall_mean`](mde_metrics::ResponseTally::overall_mean).
    pub mean_response: Vec<f64>,
}

/// Options of an ablation.
#[derive(Debug, Clone)]
pub struct AblateOptions {
    /// The evaluation protocol.
    pub protocol: EvalProtocol,
    /// Number of random orders of removal. Their seeds are 0, 1, …
    pub random_orders: u64,
    /// How intervals are computed.
    pub bootstrap: Bootstrap,
    /// blake3 of `dissect.json`.
    pub dissection: String,
}

/// An ablation's document and files.
#[derive(Debug)]
pub struct Ablated {
    /// `ablate.json`.
    pub ablation: Ablation,
    /// For each layer the file [`LayerAblation::values`] with its content, a safetensors file:
    /// `abs_rel`, `rmse` and `delta_1` F64 [images, variants]; `units` U8 [variants, units], 1 for
    /// removed units; `fill` U8 `[variants]`, 0 for [`Fill::Zero`] and 1 for [`Fill::Mean`];
    /// metadata `ids`, a JSON list.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Removes units of the layers in order of selectivity and in random orders, and measures the depth
/// errors; see [`LayerAblation`].
///
/// The part of the network before a layer runs once per image. Images without a valid pixel are
/// listed and left out. `observer` receives the number of images after each batch.
///
/// # Errors
/// If a layer's dissection does not fit the network, there is no random order, a sample cannot be
/// loaded, a prediction is not finite at a valid pixel, or no image has a valid pixel.
pub fn ablate(
    network: &dyn DepthNet,
    batches: impl Iterator<Item = Result<ExampleBatch, impl Into<BoxError>>>,
    device: &Device,
    layers: &[AblateLayer],
    options: &AblateOptions,
    provenance: Provenance,
    observer: &mut dyn FnMut(usize),
) -> Result<Ablated, AnalysisError> {
    check_layers(network, layers.iter().map(|layer| &layer.dissection))?;
    for layer in layers {
        if layer.mean_response.len() != layer.dissection.units {
            return Err(AnalysisError::Dissection {
                layer: layer.dissection.layer.clone(),
                units: layer.dissection.units,
                found: layer.mean_response.len(),
            });
        }
    }
    if options.random_orders == 0 {
        return Err(AnalysisError::NoRandomOrder);
    }
    let ranges = depth_ranges(&options.protocol)?;
    let scorer = Scorer {
        protocol: &options.protocol,
        ranges: &ranges,
    };
    let mut ablations = Vec::with_capacity(layers.len());
    for layer in layers {
        let plan = Plan::new(&layer.dissection, options.random_orders);
        let scores = VariantScores::new(plan.removals.len(), ranges.len());
        ablations.push((layer, plan, scores));
    }
    for batch in batches {
        let batch = batch.map_err(data_error)?;
        let input = network_input(&batch, device)?;
        for (layer, plan, scores) in &mut ablations {
            let name = &layer.dissection.layer;
            let mut prefix = PrefixCache::new(name);
            let mut variants = Vec::with_capacity(plan.removals.len());
            for removal in &plan.removals {
                let mut remove = Remove::new(layer, removal, device)?;
                let mut probe = prefix.probe(&mut remove);
                let pred = predict_depths(network, &input, batch.depth_size, &mut probe)?;
                let in_words = || format!("layer {name} without units {:?}", removal.units);
                variants.push(scorer.batch(&batch, &pred, in_words)?);
            }
            scores.push(&batch.ids, &variants);
        }
        observer(batch.len());
    }
    finish(&ablations, &ranges, options, provenance)
}

/// Units that are removed together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Removal {
    fill: Fill,
    /// In ascending order.
    units: Vec<usize>,
}

/// The removals of a layer. A removal that several curves share is measured once.
struct Plan {
    /// Most selective first.
    order: Vec<usize>,
    /// The first removes no unit.
    removals: Vec<Removal>,
    curves: Vec<PlannedCurve>,
    single: Vec<(Fill, Vec<usize>)>,
}

struct PlannedCurve {
    fill: Fill,
    order: RemovalOrder,
    /// Number of units removed, and the index of the removal.
    points: Vec<(usize, usize)>,
}

impl Plan {
    fn new(dissection: &LayerDissection, random_orders: u64) -> Self {
        let units = dissection.units;
        let order = most_selective_first(dissection);
        let ascending = least_selective_first(dissection);
        let mut removals = Removals::default();
        let mut curves = Vec::new();
        let mut single = Vec::new();
        for fill in [Fill::Zero, Fill::Mean] {
            let random = (0..random_orders).map(|seed| RemovalOrder::Random { seed });
            let ordered = [
                RemovalOrder::MostSelectiveFirst,
                RemovalOrder::LeastSelectiveFirst,
            ];
            for curve in ordered.into_iter().chain(random) {
                let sequence = match curve {
                    RemovalOrder::LeastSelectiveFirst => ascending.clone(),
                    RemovalOrder::Random { seed } => permutation(units, seed),
                    RemovalOrder::MostSelectiveFirst => order.clone(),
                };
                let points = removed_counts(units)
                    .map(|count| (count, removals.index(fill, &sequence[..count])))
                    .collect();
                curves.push(PlannedCurve {
                    fill,
                    order: curve,
                    points,
                });
            }
            let alone = (0..units).map(|unit| removals.index(fill, &[unit]));
            single.push((fill, alone.collect()));
        }
        Self {
            order,
            removals: removals.list,
            curves,
            single,
        }
    }
}

/// 0, 1, 2, 4, … below `units`, and `units`.
fn removed_counts(units: usize) -> impl Iterator<Item = usize> {
    let doubled = std::iter::successors(Some(1), |count| Some(2 * count));
    let below = doubled.take_while(move |&count| count < units);
    std::iter::once(0).chain(below).chain([units])
}

/// The units by descending selectivity (valid-bins estimator). Equal units keep their order; units
/// without a value come last.
fn most_selective_first(dissection: &LayerDissection) -> Vec<usize> {
    ordered(dissection, |a, b| by_selectivity(b, a))
}

/// The units by ascending selectivity. Equal units keep their order here too; units without a value
/// come first.
fn least_selective_first(dissection: &LayerDissection) -> Vec<usize> {
    ordered(dissection, by_selectivity)
}

fn ordered(
    dissection: &LayerDissection,
    compare: impl Fn(Option<f64>, Option<f64>) -> Ordering,
) -> Vec<usize> {
    let selectivity = |unit: usize| dissection.valid_bins.units[unit].selectivity;
    let mut order: Vec<usize> = (0..dissection.units).collect();
    order.sort_by(|&a, &b| compare(selectivity(a), selectivity(b)));
    order
}

/// A unit without a value is less selective than any other.
fn by_selectivity(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

#[derive(Default)]
struct Removals {
    list: Vec<Removal>,
    known: BTreeMap<Removal, usize>,
}

impl Removals {
    /// The index of a removal, which is added if it is new.
    fn index(&mut self, fill: Fill, units: &[usize]) -> usize {
        let mut units = units.to_vec();
        units.sort_unstable();
        // Without removed units the fill does not matter.
        let fill = if units.is_empty() { Fill::Zero } else { fill };
        let removal = Removal { fill, units };
        *self.known.entry(removal.clone()).or_insert_with(|| {
            self.list.push(removal);
            self.list.len() - 1
        })
    }
}

/// Replaces the responses of removed units by their fill.
struct Remove<'a> {
    layer: &'a str,
    /// Factor (1 for units that stay, else 0) and summand of each unit, both [1, units, 1, 1].
    keep_and_fill: Option<(Tensor, Tensor)>,
}

impl<'a> Remove<'a> {
    fn new(
        layer: &'a AblateLayer,
        removal: &Removal,
        device: &Device,
    ) -> candle_core::Result<Self> {
        let units = layer.dissection.units;
        let (mut keep, mut fill) = (vec![1f32; units], vec![0f32; units]);
        for &unit in &removal.units {
            keep[unit] = 0.0;
            if removal.fill == Fill::Mean {
                fill[unit] = layer.mean_response[unit] as f32;
            }
        }
        let tensor = |values| Tensor::from_vec(values, (1, units, 1, 1), device);
        let keep_and_fill = match removal.units.is_empty() {
            true => None,
            false => Some((tensor(keep)?, tensor(fill)?)),
        };
        Ok(Self {
            layer: &layer.dissection.layer,
            keep_and_fill,
        })
    }
}

impl Probe for Remove<'_> {
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> candle_core::Result<Tensor> {
        match &self.keep_and_fill {
            Some((keep, fill)) if layer.name == self.layer => {
                activation.broadcast_mul(keep)?.broadcast_add(fill)
            }
            _ => Ok(activation),
        }
    }
}

fn finish(
    ablations: &[(&AblateLayer, Plan, VariantScores)],
    ranges: &DepthBins,
    options: &AblateOptions,
    provenance: Provenance,
) -> Result<Ablated, AnalysisError> {
    let mut files = Vec::with_capacity(ablations.len());
    let mut layers = Vec::with_capacity(ablations.len());
    for (layer, plan, scores) in ablations {
        let file = names::ablated_images(&layer.dissection.layer);
        let summary = summary(layer, plan, scores, &options.bootstrap, file.clone());
        layers.push(summary.ok_or_else(|| scores.no_scores(&options.protocol))?);
        let removed = plan.removals.iter().map(|removal| &removal.units);
        let fills: Vec<u8> = (plan.removals.iter())
            .map(|removal| u8::from(removal.fill == Fill::Mean))
            .collect();
        let more = vec![
            Values::sets(layer.dissection.units, removed),
            Values::bytes("fill", vec![fills.len()], fills),
        ];
        files.push((file, scores.to_safetensors(more)?));
    }
    let scores = ablations.first().map(|(_, _, scores)| scores);
    let pixels = scores.map_or(Vec::new(), VariantScores::pixels);
    Ok(Ablated {
        ablation: Ablation {
            format: FORMAT,
            provenance,
            dissection: options.dissection.clone(),
            protocol: options.protocol.clone(),
            images: scores.map_or(0, |scores| scores.ids.len()),
            images_without_valid_depth: scores.map_or(Vec::new(), |scores| scores.skipped.clone()),
            bootstrap: options.bootstrap,
            ranges: pixels
                .into_iter()
                .enumerate()
                .map(|(range, pixels)| {
                    let (from, to) = ranges.range(range);
                    DepthRange { from, to, pixels }
                })
                .collect(),
            layers,
        },
        files,
    })
}

/// `None` if no image has a score.
fn summary(
    layer: &AblateLayer,
    plan: &Plan,
    scores: &VariantScores,
    bootstrap: &Bootstrap,
    file: String,
) -> Option<LayerAblation> {
    let point = |&(removed, variant): &(usize, usize)| {
        Some(AblationPoint {
            removed,
            errors: scores.mean(variant)?,
            by_range: scores.by_range(variant),
        })
    };
    let curves = plan.curves.iter().map(|curve| {
        Some(AblationCurve {
            fill: curve.fill,
            order: curve.order,
            points: curve.points.iter().map(point).collect::<Option<_>>()?,
        })
    });
    let ordered = plan.curves.iter().filter(|curve| !is_random(curve));
    let single = plan.single.iter().map(|(fill, variants)| {
        let units = variants.iter().map(|&variant| scores.mean(variant));
        Some(SingleRemovals {
            fill: *fill,
            units: units.collect::<Option<_>>()?,
        })
    });
    Some(LayerAblation {
        layer: layer.dissection.layer.clone(),
        units: layer.dissection.units,
        order: plan.order.clone(),
        mean_response: layer.mean_response.clone(),
        baseline: scores.mean(0)?,
        curves: curves.collect::<Option<_>>()?,
        areas: ordered
            .map(|curve| area(curve, plan, scores, bootstrap))
            .collect::<Option<_>>()?,
        single_removals: single.collect::<Option<_>>()?,
        values: file,
    })
}

fn is_random(curve: &PlannedCurve) -> bool {
    matches!(curve.order, RemovalOrder::Random { .. })
}

/// The area between an ordered curve and the random curves of the same fill. A data set's error is
/// the mean over images, so its area is the mean of the images' areas. These are resampled.
fn area(
    curve: &PlannedCurve,
    plan: &Plan,
    scores: &VariantScores,
    bootstrap: &Bootstrap,
) -> Option<AblationArea> {
    let random: Vec<&PlannedCurve> = (plan.curves.iter())
        .filter(|other| is_random(other) && other.fill == curve.fill)
        .collect();
    let under =
        |curve: &PlannedCurve, image: &[CoreErrors], value: fn(&CoreErrors) -> f64| -> f64 {
            let units = curve.points.last().map_or(1, |last| last.0) as f64;
            let trapezia = curve.points.windows(2).map(|pair| {
                let width = (pair[1].0 - pair[0].0) as f64 / units;
                width * f64::midpoint(value(&image[pair[0].1]), value(&image[pair[1].1]))
            });
            trapezia.sum()
        };
    let estimate = |value: fn(&CoreErrors) -> f64| -> Option<Estimate> {
        bootstrap.mean(&scores.per_image(|image| {
            let ordered = under(curve, image, value);
            let above = random
                .iter()
                .map(|other| ordered - under(other, image, value));
            above.sum::<f64>() / random.len() as f64
        }))
    };
    let by_seed = random.iter().map(|other| {
        let value = |errors: &CoreErrors| errors.abs_rel;
        let areas =
            scores.per_image(|image| under(curve, image, value) - under(other, image, value));
        areas.iter().sum::<f64>() / areas.len() as f64
    });
    Some(AblationArea {
        fill: curve.fill,
        order: curve.order,
        abs_rel: estimate(|errors| errors.abs_rel)?,
        rmse: estimate(|errors| errors.rmse)?,
        delta_1: estimate(|errors| errors.delta_1)?,
        abs_rel_by_seed: by_seed.collect(),
    })
}
