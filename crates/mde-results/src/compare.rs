//! Two runs side by side: which differences in depth errors and selectivity exceed the chance of
//! the images.

use mde_metrics::statistics::{Bootstrap, Estimate, Interval};
use mde_metrics::{DepthErrors, Estimator};

use crate::documents::{
    AccuracyComparison, Dissection, Evaluation, FORMAT, LayerComparison, LayerDissection,
    MetricComparison, RunComparison, SelectivityComparison,
};
use crate::error::{Mismatch, ResultsError};
use crate::run::RunResults;
use crate::tallies::LayerTallies;
use crate::words::first_difference;

/// The second run minus the first: see [`RunComparison`]. Tallies are read layer by layer, since
/// they are large.
///
/// # Errors
/// [`ResultsError::NotComparable`] unless both were evaluated and dissected on the same images of
/// the same data, under the same protocol, and have a layer with the same units and bins;
/// [`ResultsError::Missing`] without a dissection; tallies that cannot be read or are not those of
/// the dissection.
pub fn compare(
    first: &RunResults,
    second: &RunResults,
    bootstrap: Bootstrap,
) -> Result<RunComparison, ResultsError> {
    let runs = Pair {
        first,
        second,
        dissections: [first.required_dissection()?, second.required_dissection()?],
    };
    first.check_same_data()?;
    second.check_same_data()?;
    runs.check_evaluations()?;
    runs.check_dissections()?;
    let mut layers = Vec::new();
    let mut resamples: Vec<Vec<Option<f64>>> = Vec::new();
    let compared = runs.layers()?;
    let layers_left_out = runs.layers_left_out(&compared);
    // A run dissected in other bins than it was trained with has no scores at assigned bins, but
    // its layers were assigned.
    let assigned = |pair: &[&LayerDissection; 2]| {
        let name = &pair[0].layer;
        let trained = |run: &RunResults| run.assigned_layers().contains(name);
        let scored = |layer: &&LayerDissection| layer.valid_bins.assigned.is_some();
        trained(first) || trained(second) || pair.iter().any(scored)
    };
    let any_assigned = compared.iter().any(assigned);
    for pair in compared {
        let name = &pair[0].layer;
        let tallies = [
            first.checked_tallies(pair[0])?,
            second.checked_tallies(pair[1])?,
        ];
        runs.check_images(name, &tallies)?;
        runs.check_ground_truth(name, &tallies)?;
        let (mut layer, differences) = compare_layer(name, &tallies, &bootstrap)?;
        layer.counted = assigned(&pair) || !any_assigned;
        layers.push(layer);
        resamples.push(differences);
    }
    Ok(RunComparison {
        format: FORMAT,
        first: first.evaluation.provenance.clone(),
        second: second.evaluation.provenance.clone(),
        bootstrap,
        accuracy: compare_accuracy(&first.evaluation, &second.evaluation, &bootstrap),
        selectivity: mean_over_layers(&layers, &resamples, &bootstrap),
        layers,
        layers_left_out,
    })
}

/// Every metric, paired by image: the evaluations hold the same images in the same order.
fn compare_accuracy(
    first: &Evaluation,
    second: &Evaluation,
    bootstrap: &Bootstrap,
) -> AccuracyComparison {
    let [means, other_means] = [first, second].map(|run| run.summary.mean.values());
    let metric = |(index, name): (usize, &&str)| {
        let pairs = first.per_image.iter().zip(&second.per_image);
        let differences: Vec<f64> = pairs
            .map(|(first, second)| second.errors.values()[index] - first.errors.values()[index])
            .collect();
        Some(MetricComparison {
            metric: (*name).to_owned(),
            first: means[index],
            second: other_means[index],
            difference: bootstrap.mean(&differences)?,
        })
    };
    AccuracyComparison {
        protocol: first.protocol.name.clone(),
        images: first.per_image.len(),
        metrics: DepthErrors::NAMES
            .iter()
            .enumerate()
            .filter_map(metric)
            .collect(),
    }
}

/// One layer, and the difference of the mean selectivities in every resample. Units count that have
/// a selectivity in both runs, in each resample those of them that have one in it in both.
fn compare_layer(
    name: &str,
    tallies: &[LayerTallies; 2],
    bootstrap: &Bootstrap,
) -> Result<(LayerComparison, Vec<Option<f64>>), ResultsError> {
    let mut scores: Vec<Vec<Option<f64>>> = Vec::with_capacity(2);
    let mut resampled = Vec::with_capacity(2);
    for tallies in tallies {
        let units = tallies.total()?.selectivity(Estimator::valid_bins()).units;
        scores.push(units.iter().map(|unit| unit.selectivity).collect());
        let images = tallies.by_image()?;
        resampled.push(images.resampled_units(bootstrap, Estimator::valid_bins()));
    }
    let pairs: Vec<_> = (scores[0].iter().zip(&scores[1]))
        .map(|(first, second)| first.zip(*second))
        .collect();
    let resample = |resample: usize| {
        let units = pairs.iter().zip(resampled[0].iter().zip(&resampled[1]));
        let paired = units.filter(|(pair, _)| pair.is_some());
        let means = means(paired.map(|(_, (one, other))| one[resample].zip(other[resample])));
        means.map(|(first, second)| second - first)
    };
    let differences: Vec<Option<f64>> = (0..bootstrap.resamples).map(resample).collect();
    let images = tallies[0].images();
    let selectivity = means(pairs.iter().copied()).map(|(first, second)| SelectivityComparison {
        first,
        second,
        difference: Estimate {
            value: second - first,
            interval: interval_of(&differences, images, bootstrap),
        },
    });
    let unit_differences: Vec<Option<f64>> = (pairs.iter())
        .map(|pair| pair.map(|(first, second)| second - first))
        .collect();
    let defined: Vec<f64> = unit_differences.iter().copied().flatten().collect();
    let count = |is_counted: fn(&f64) -> bool| defined.iter().filter(|d| is_counted(d)).count();
    let defined_in = |run: usize| scores[run].iter().flatten().count();
    let layer = LayerComparison {
        layer: name.to_owned(),
        units: unit_differences.len(),
        images,
        counted: true,
        defined_in_both: defined.len(),
        defined_only_in_first: defined_in(0) - defined.len(),
        defined_only_in_second: defined_in(1) - defined.len(),
        selectivity,
        by_unit: bootstrap.mean(&defined),
        higher: count(|&difference| difference > 0.0),
        lower: count(|&difference| difference < 0.0),
        unit_differences,
    };
    Ok((layer, differences))
}

/// The means of both sides over the pairs that are defined; `None` without any.
fn means(pairs: impl Iterator<Item = Option<(f64, f64)>>) -> Option<(f64, f64)> {
    let (mut first, mut second, mut count) = (0.0, 0.0, 0u32);
    for (one, other) in pairs.flatten() {
        first += one;
        second += other;
        count += 1;
    }
    let mean = |sum: f64| sum / f64::from(count);
    (count > 0).then(|| (mean(first), mean(second)))
}

/// Of the layers that count.
fn mean_over_layers(
    layers: &[LayerComparison],
    resamples: &[Vec<Option<f64>>],
    bootstrap: &Bootstrap,
) -> Option<SelectivityComparison> {
    let counted = layers
        .iter()
        .zip(resamples)
        .filter(|(layer, _)| layer.counted);
    let (layers, resamples): (Vec<_>, Vec<_>) = counted.unzip();
    let scores: Vec<&SelectivityComparison> = (layers.iter())
        .map(|layer| layer.selectivity.as_ref())
        .collect::<Option<_>>()?;
    let mean = |value: &dyn Fn(usize) -> Option<f64>| -> Option<f64> {
        let values: Vec<f64> = (0..layers.len()).map(value).collect::<Option<_>>()?;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let differences: Vec<Option<f64>> = (0..bootstrap.resamples)
        .map(|resample| mean(&|layer| *resamples[layer].get(resample)?))
        .collect();
    Some(SelectivityComparison {
        first: mean(&|layer| Some(scores[layer].first))?,
        second: mean(&|layer| Some(scores[layer].second))?,
        difference: Estimate {
            value: mean(&|layer| Some(scores[layer].difference.value))?,
            interval: interval_of(&differences, layers.first()?.images, bootstrap),
        },
    })
}

/// The interval of one value a resample; of fewer than two images all resamples are the same.
fn interval_of(values: &[Option<f64>], images: usize, bootstrap: &Bootstrap) -> Option<Interval> {
    let values = values.iter().copied();
    (images >= 2).then(|| bootstrap.interval_from_values(values))?
}

struct Pair<'a> {
    first: &'a RunResults,
    second: &'a RunResults,
    dissections: [&'a Dissection; 2],
}

const EVALUATE: &str = "run `mde evaluate` on both with the same data and protocol";
const DISSECT: &str = "run `mde dissect` on both with the same data, layers and bins";
const SAME_IMAGES: &str = "store the activations of both networks for the same images, in the same \
    order and with the same depth maps, and run `mde dissect --features` on both again";

impl<'a> Pair<'a> {
    fn check_evaluations(&self) -> Result<(), ResultsError> {
        let same = |what: &str, value: &dyn Fn(&Evaluation) -> String| {
            let [first, second] = [self.first, self.second].map(|run| value(&run.evaluation));
            self.same(what, first, second, EVALUATE)
        };
        same("the test data", &|run| run.provenance.data_and_split())?;
        same("the hash of the test data", &|run| {
            run.provenance.data_hash.clone()
        })?;
        same("the evaluation protocol", &|run| run.protocol.name.clone())?;
        let [one, other] = [self.first, self.second]
            .map(|run| serde_json::to_value(&run.evaluation.protocol).map_err(ResultsError::from));
        if let Some((setting, first, second)) = first_difference(&one?, &other?) {
            let what = format!("the evaluation protocol's {setting}");
            return Err(self.refusal(&what, first, second, EVALUATE));
        }
        same("the number of test images", &|run| {
            run.per_image.len().to_string()
        })?;
        for index in 0..self.first.evaluation.per_image.len() {
            same(&format!("test image {index}"), &|run| {
                run.per_image[index].id.clone()
            })?;
        }
        Ok(())
    }

    fn check_dissections(&self) -> Result<(), ResultsError> {
        let [first, second] = self
            .dissections
            .map(|dissection| dissection.images.to_string());
        self.same("the number of dissected images", first, second, DISSECT)
    }

    /// The layers of both that have the same units and bins, in the first's order.
    fn layers(&self) -> Result<Vec<[&'a LayerDissection; 2]>, ResultsError> {
        let layers: Vec<[&'a LayerDissection; 2]> = (self.dissections[0].layers.iter())
            .filter_map(|first| {
                let second = self.dissections[1].layers.iter().find(|second| {
                    second.layer == first.layer
                        && second.units == first.units
                        && second.bins.edges() == first.bins.edges()
                })?;
                Some([first, second])
            })
            .collect();
        if layers.is_empty() {
            let [first, second] = self.dissections.map(|dissection| {
                let layers = dissection.layers.iter().map(|layer| {
                    let LayerDissection { units, bins, .. } = layer;
                    let (kind, edges) = (format!("{:?}", bins.kind()).to_lowercase(), bins.edges());
                    format!(
                        "{} ({units} {}, {} {kind} bins, {} to {} m)",
                        layer.layer,
                        if *units == 1 { "unit" } else { "units" },
                        bins.len(),
                        edges[0],
                        edges[bins.len()]
                    )
                });
                layers.collect::<Vec<_>>().join(", ")
            });
            let what = "no layer is in both with the same units and bins: the dissection";
            return Err(self.refusal(what, first, second, DISSECT));
        }
        Ok(layers)
    }

    /// The names of the other layers, those of the first run first.
    fn layers_left_out(&self, compared: &[[&LayerDissection; 2]]) -> Vec<String> {
        let mut left_out: Vec<String> = Vec::new();
        let all = self
            .dissections
            .iter()
            .flat_map(|dissection| &dissection.layers);
        for LayerDissection { layer, .. } in all {
            let is_compared = compared.iter().any(|pair| pair[0].layer == *layer);
            if !is_compared && !left_out.contains(layer) {
                left_out.push(layer.clone());
            }
        }
        left_out
    }

    fn check_images(&self, layer: &str, tallies: &[LayerTallies; 2]) -> Result<(), ResultsError> {
        let [first, second] = tallies.each_ref().map(LayerTallies::ids);
        let count = |ids: &[String]| ids.len().to_string();
        let what = format!("the number of images in the tallies of layer {layer}");
        self.same(&what, count(first), count(second), DISSECT)?;
        for (index, (first, second)) in first.iter().zip(second).enumerate() {
            let what = format!("image {index} in the tallies of layer {layer}");
            self.same(&what, first.clone(), second.clone(), DISSECT)?;
        }
        Ok(())
    }

    /// Checks that stored activations are of the same images. Networks read the images themselves,
    /// from data of one hash; what they prepare of the ground truth may differ.
    fn check_ground_truth(
        &self,
        layer: &str,
        tallies: &[LayerTallies; 2],
    ) -> Result<(), ResultsError> {
        let stored = |dissection: &Dissection| dissection.provenance.is_stored();
        if !self.dissections.into_iter().any(stored) {
            return Ok(());
        }
        let [first, second] = tallies.each_ref().map(LayerTallies::ground_truth);
        let other = (first.iter().zip(second)).position(|(first, second)| first != second);
        let Some(image) = other else {
            return Ok(());
        };
        let id = &tallies[0].ids()[image];
        let what = format!("the ground truth of image {id} in the tallies of layer {layer}");
        let [first, second] = tallies.each_ref().map(|tallies| {
            let (pixels, hash) = (tallies.pixels(image), tallies.ground_truth()[image]);
            format!("a depth map of {pixels} pixels with hash {hash}")
        });
        Err(self.refusal(&what, first, second, SAME_IMAGES))
    }

    fn same(
        &self,
        what: &str,
        first: String,
        second: String,
        advice: &'static str,
    ) -> Result<(), ResultsError> {
        if first == second {
            return Ok(());
        }
        Err(self.refusal(what, first, second, advice))
    }

    fn refusal(
        &self,
        what: &str,
        first: String,
        second: String,
        advice: &'static str,
    ) -> ResultsError {
        ResultsError::NotComparable(Box::new(Mismatch {
            what: what.to_owned(),
            first,
            second,
            first_folder: self.first.folder.path().to_owned(),
            second_folder: self.second.folder.path().to_owned(),
            advice,
        }))
    }
}
