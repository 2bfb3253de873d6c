//! Comparison, against resampling image by image as the definition says.

use std::path::PathBuf;

use candle_core::Device;
use mde_analysis::{DissectLayer, DissectOptions, EvaluateOptions, dissect, evaluate};
use mde_metrics::statistics::{Bootstrap, Estimate, Interval};
use mde_metrics::{DepthBins, DepthErrors, EvalProtocol};
use mde_results::{
    Dissection, Evaluation, FORMAT, LayerTallies, ResultsError, RunComparison, RunFolder,
    RunResults, SelectivityComparison, compare, names,
};
use safetensors::SafeTensors;

use crate::common::{Fake, Image, Map, batches, data, provenance, random};

mod refusals;

/// The ends of its intervals are the third smallest and third largest values.
const BOOTSTRAP: Bootstrap = Bootstrap {
    resamples: 41,
    level: 0.9,
    seed: 3,
};
const IMAGES: usize = 9;
const SIZE: (usize, usize) = (11, 17);
const PIXELS: usize = 11 * 17;
const LAYERS: [(&str, usize); 2] = [("L", 4), ("M", 1)];
const EDGES: [f64; 6] = [0.0, 1.0, 2.0, 3.0, 4.0, 7.0];

/// A run's results in memory.
#[derive(Clone)]
struct Run {
    evaluation: Evaluation,
    dissection: Dissection,
    tallies: Vec<LayerTallies>,
}

/// Images with the same ground truth for every seed, seen with different noise. Only a few have
/// depths in the farthest bin, so not every resample has enough pixels there.
fn images(seed: u64) -> Vec<Image> {
    (0..IMAGES as u64)
        .map(|index| {
            let far = if index % 4 == 0 { 5.0 } else { 4.0 };
            let gt = random(PIXELS, 0.5, far, index);
            let strongest = 1.0 + 0.1 * index as f32;
            let noise = random(PIXELS, 0.8, strongest, 1000 * seed + index);
            let seen = gt.iter().zip(noise).map(|(depth, noise)| depth * noise);
            Image {
                id: format!("room/{index}"),
                seen: seen.collect(),
                size: SIZE,
                gt,
                gt_size: SIZE,
            }
        })
        .collect()
}

/// A unit's response. The last unit of `L` is silent in runs with odd seeds.
fn response(seed: u64, layer: &str, unit: usize, seen: f32) -> f32 {
    match (layer, unit) {
        ("L", 0) => seen,
        ("L", 1) => (seen - 2.0).powi(2) - 1.0,
        ("L", 2) => seen.floor().min(3.0),
        ("L", _) if seed % 2 == 1 => 0.0,
        _ => 1.0 / seen,
    }
}

fn run_of(images: &[Image], seed: u64) -> Run {
    let mut network = Fake::new();
    for (layer, units) in LAYERS {
        network = network.layer(layer, units, move |seen, size| {
            let unit = |unit| {
                seen.iter()
                    .map(move |&seen| response(seed, layer, unit, seen))
            };
            Map {
                size,
                values: (0..units).flat_map(unit).collect(),
            }
        });
    }
    let device = Device::Cpu;
    let options = EvaluateOptions {
        protocol: EvalProtocol::preset("nyu-full").unwrap(),
        constant: None,
        images: images.len(),
        examples: 0,
        flip_average: false,
    };
    let evaluated = evaluate(
        &network,
        batches(images, 2),
        &device,
        &options,
        provenance(),
        &mut |_| {},
    );
    let layers = LAYERS.map(|(name, _)| DissectLayer {
        name: name.into(),
        bins: DepthBins::from_edges(EDGES.to_vec()).unwrap(),
    });
    let options = DissectOptions::default();
    let dissected = dissect(
        &network,
        &data(images, 2),
        &device,
        &layers,
        &options,
        &mut |_| {},
    );
    let dissected = dissected.unwrap();
    let summaries = layers.iter().zip(&dissected).map(|(layer, dissected)| {
        let tally = format!("dissect/{}.safetensors", layer.name);
        dissected.summarise(None, &BOOTSTRAP, tally).unwrap()
    });
    Run {
        evaluation: evaluated.unwrap().evaluation,
        dissection: Dissection {
            format: FORMAT,
            provenance: provenance(),
            images: images.len(),
            bootstrap: Bootstrap::default(),
            layers: summaries.collect(),
        },
        tallies: dissected.into_iter().map(|layer| layer.tallies).collect(),
    }
}

fn run(seed: u64) -> Run {
    run_of(&images(seed), seed)
}

impl Run {
    /// Writes the run into a folder and reads it again.
    fn in_folder(&self, path: PathBuf) -> Result<RunResults, ResultsError> {
        let folder = RunFolder::new(path);
        folder
            .write_document(names::EVALUATION, &self.evaluation)
            .unwrap();
        folder
            .write_document(names::DISSECTION, &self.dissection)
            .unwrap();
        for ((layer, _), tallies) in LAYERS.iter().zip(&self.tallies) {
            let content = tallies.to_safetensors().unwrap();
            mde_files::write_atomic(&folder.file(&names::tally(layer)), &content).unwrap();
        }
        RunResults::read(folder.path())
    }
}

/// The comparison, or the message with the folders as `plain` and `assigned`.
fn compared(first: &Run, second: &Run) -> Result<RunComparison, String> {
    let dir = tempfile::tempdir().unwrap();
    let read = || -> Result<RunComparison, ResultsError> {
        let first = first.in_folder(dir.path().join("plain"))?;
        let second = second.in_folder(dir.path().join("assigned"))?;
        compare(&first, &second, BOOTSTRAP)
    };
    read().map_err(|error| {
        let folder = format!("{}/", dir.path().display());
        error.to_string().replace(&folder, "")
    })
}

fn compared_well(first: u64, second: u64) -> RunComparison {
    compared(&run(first), &run(second)).unwrap()
}

/// The images drawn in every resample of `images` images.
fn draws(images: usize) -> Vec<Vec<usize>> {
    let mut draws = Vec::new();
    BOOTSTRAP.interval(images, |drawn| {
        draws.push(drawn.to_vec());
        None
    });
    draws
}

/// The interval of one value per resample, by definition.
fn interval(values: impl IntoIterator<Item = f64>) -> Interval {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    assert_eq!(values.len(), 41);
    Interval {
        low: values[2],
        high: values[38],
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[track_caller]
fn assert_is(found: &Estimate, value: f64, expected: Interval) {
    let interval = found.interval.unwrap();
    for (found, expected) in [
        (found.value, value),
        (interval.low, expected.low),
        (interval.high, expected.high),
    ] {
        assert!(
            (found - expected).abs() < 1e-12,
            "{found} is not {expected}"
        );
    }
}

/// Selectivity of a layer's units over the drawn images by the valid-bins estimator, by definition.
/// Features have the size of the ground truth, so every pixel has one response and one depth.
fn slow_selectivity(seed: u64, layer: usize, drawn: &[usize]) -> Vec<Option<f64>> {
    let (images, (name, units)) = (images(seed), LAYERS[layer]);
    let selectivity = |unit| {
        let in_bin = |edges: &[f64]| {
            let (mut sum, mut pixels) = (0.0, 0);
            for &image in drawn {
                let Image { seen, gt, .. } = &images[image];
                for (&seen, &gt) in seen.iter().zip(gt) {
                    if f64::from(gt) > edges[0] && f64::from(gt) <= edges[1] {
                        sum += f64::from(response(seed, name, unit, seen));
                        pixels += 1;
                    }
                }
            }
            (pixels >= 100).then(|| (sum / f64::from(pixels)).abs())
        };
        let means: Vec<f64> = EDGES.windows(2).filter_map(in_bin).collect();
        let most = means.iter().copied().fold(0.0, f64::max);
        let others = (means.iter().sum::<f64>() - most) / (means.len() - 1) as f64;
        (most > 0.0).then(|| (most - others) / (most + others))
    };
    (0..units).map(selectivity).collect()
}

/// The mean over the units that are defined in both runs, over all images and over the drawn ones.
fn slow_mean(seed: u64, other: u64, layer: usize, drawn: &[usize]) -> f64 {
    let all: Vec<usize> = (0..IMAGES).collect();
    let [own, others] = [seed, other].map(|seed| {
        let (whole, drawn) = (
            slow_selectivity(seed, layer, &all),
            slow_selectivity(seed, layer, drawn),
        );
        whole
            .into_iter()
            .zip(drawn)
            .map(|(whole, drawn)| whole.and(drawn))
    });
    let paired = own.zip(others).filter_map(|(own, other)| other.and(own));
    mean(&paired.collect::<Vec<_>>())
}

#[test]
fn selectivity_is_that_of_one_resample_at_a_time() {
    let (first, second) = (2, 5);
    let comparison = compared_well(first, second);
    let all: Vec<usize> = (0..IMAGES).collect();
    let difference = |layer, drawn: &[usize]| {
        slow_mean(second, first, layer, drawn) - slow_mean(first, second, layer, drawn)
    };
    for (layer, (name, units)) in LAYERS.into_iter().enumerate() {
        let found = &comparison.layers[layer];
        assert_eq!(
            (found.layer.as_str(), found.units, found.images),
            (name, units, IMAGES)
        );
        let selectivity = found.selectivity.as_ref().unwrap();
        let [mean_first, mean_second] = [(first, second), (second, first)]
            .map(|(run, other)| slow_mean(run, other, layer, &all));
        assert!((selectivity.first - mean_first).abs() < 1e-12);
        assert!((selectivity.second - mean_second).abs() < 1e-12);
        let resampled = interval(draws(IMAGES).iter().map(|drawn| difference(layer, drawn)));
        assert!(resampled.low < resampled.high);
        assert_is(&selectivity.difference, difference(layer, &all), resampled);

        let sides = [first, second].map(|seed| slow_selectivity(seed, layer, &all));
        let expected: Vec<Option<f64>> = (sides[0].iter().zip(&sides[1]))
            .map(|(first, second)| Some((*second)? - (*first)?))
            .collect();
        for (found, expected) in found.unit_differences.iter().zip(&expected) {
            assert_eq!(found.is_some(), expected.is_some());
            let (found, expected) = (found.unwrap_or(0.0), expected.unwrap_or(0.0));
            assert!(
                (found - expected).abs() < 1e-12,
                "{found} is not {expected}"
            );
        }
        let defined: Vec<f64> = expected.into_iter().flatten().collect();
        let higher = defined.iter().filter(|&&value| value > 0.0).count();
        assert_eq!(
            (found.higher, found.lower),
            (higher, defined.len() - higher)
        );
        assert_eq!(found.defined_in_both, defined.len());
        let by_unit = found.by_unit.as_ref().unwrap();
        // Both are the mean change of the units in both runs.
        assert!((by_unit.value - selectivity.difference.value).abs() < 1e-12);
        if units == 1 {
            assert_eq!(by_unit.interval, None, "one unit says nothing of others");
        } else {
            let resampled = draws(defined.len()).into_iter().map(|drawn| {
                let units = drawn.into_iter().map(|unit| defined[unit]);
                mean(&units.collect::<Vec<_>>())
            });
            assert_is(by_unit, mean(&defined), interval(resampled));
        }
    }
    // The last unit of L is silent in the second run.
    let layer = &comparison.layers[0];
    assert_eq!(layer.unit_differences[3], None);
    let lone = (layer.defined_only_in_first, layer.defined_only_in_second);
    assert_eq!((layer.defined_in_both, lone), (3, (1, 0)));

    let overall = comparison.selectivity.unwrap();
    let of_layers = |drawn: &[usize]| mean(&[difference(0, drawn), difference(1, drawn)]);
    let resampled = interval(draws(IMAGES).iter().map(|drawn| of_layers(drawn)));
    assert_is(&overall.difference, of_layers(&all), resampled);
    assert!((overall.second - overall.first - overall.difference.value).abs() < 1e-12);
}

#[test]
fn resamples_differ_in_the_bins_that_count() {
    // The test above relies on this to distinguish an estimator per resample from one for all.
    let images = images(0);
    let far = |drawn: &[usize]| {
        let depths = drawn.iter().flat_map(|&image| &images[image].gt);
        depths.filter(|&&depth| depth > 4.0).count() >= 100
    };
    let draws = draws(IMAGES);
    let enough = draws.iter().filter(|drawn| far(drawn)).count();
    assert!(enough > 5 && enough < 36, "{enough}");
}

#[test]
fn accuracy_is_paired_by_image() {
    let (first, second) = (run(2), run(5));
    let comparison = compared(&first, &second).unwrap();
    let accuracy = &comparison.accuracy;
    assert_eq!(
        (accuracy.protocol.as_str(), accuracy.images),
        ("nyu-full", IMAGES)
    );
    assert_eq!(accuracy.metrics.len(), DepthErrors::NAMES.len());
    for (index, name) in DepthErrors::NAMES.iter().enumerate() {
        let found = &accuracy.metrics[index];
        let values = [&first, &second].map(|run| {
            let images = run.evaluation.per_image.iter();
            images
                .map(|image| image.errors.values()[index])
                .collect::<Vec<f64>>()
        });
        let differences: Vec<f64> = (0..IMAGES).map(|i| values[1][i] - values[0][i]).collect();
        assert_eq!(found.metric, *name);
        assert!((found.first - mean(&values[0])).abs() < 1e-12);
        assert!((found.second - mean(&values[1])).abs() < 1e-12);
        let resampled = draws(IMAGES).into_iter().map(|drawn| {
            mean(
                &drawn
                    .iter()
                    .map(|&image| differences[image])
                    .collect::<Vec<_>>(),
            )
        });
        assert_is(&found.difference, mean(&differences), interval(resampled));
    }
}

#[test]
fn a_run_does_not_differ_from_itself() {
    let nothing = Estimate {
        value: 0.0,
        interval: Some(Interval {
            low: 0.0,
            high: 0.0,
        }),
    };
    for seed in 0..6 {
        let comparison = compared_well(seed, seed);
        for metric in &comparison.accuracy.metrics {
            assert_eq!(metric.first, metric.second);
            assert_eq!(metric.difference, nothing, "{}", metric.metric);
        }
        let layers = comparison.layers.iter();
        let scores: Vec<&SelectivityComparison> = layers
            .map(|layer| layer.selectivity.as_ref().unwrap())
            .chain(&comparison.selectivity)
            .collect();
        assert_eq!(scores.len(), 3);
        for scores in scores {
            assert_eq!(scores.first, scores.second);
            assert_eq!(scores.difference, nothing);
        }
        assert_eq!(comparison.layers[0].by_unit, Some(nothing));
        for layer in &comparison.layers {
            assert_eq!((layer.higher, layer.lower), (0, 0));
            assert!(
                layer
                    .unit_differences
                    .iter()
                    .flatten()
                    .all(|&difference| difference == 0.0)
            );
        }
    }
}

/// Silencing units without changing any other changes nothing: neither the mean nor its interval.
#[test]
fn units_that_fall_silent_do_not_raise_the_mean() {
    let whole = run(2);
    // Silences the less selective units, so that a mean over each run's own units would rise.
    let mut silenced = whole.clone();
    for (index, (name, units)) in LAYERS.into_iter().enumerate().take(1) {
        let scores = &whole.dissection.layers[index].valid_bins.units;
        let mut order: Vec<usize> = (0..units).collect();
        order.sort_by(|&a, &b| {
            let [a, b] = [a, b].map(|unit| scores[unit].selectivity.unwrap());
            a.total_cmp(&b)
        });
        let tallies = silent(&whole.tallies[index], &order[..2]);
        let tally = format!("dissect/{name}.safetensors");
        silenced.dissection.layers[index] =
            tallies.summarise(name, 1, None, &BOOTSTRAP, tally).unwrap();
        silenced.tallies[index] = tallies;
    }
    let means = [&whole, &silenced].map(|run| run.dissection.layers[0].valid_bins.mean.unwrap());
    assert!(means[1] > means[0] + 0.05, "{means:?}");
    let nothing = Estimate {
        value: 0.0,
        interval: Some(Interval {
            low: 0.0,
            high: 0.0,
        }),
    };
    for (first, second, lone) in [(&whole, &silenced, (2, 0)), (&silenced, &whole, (0, 2))] {
        let comparison = compared(first, second).unwrap();
        let layer = &comparison.layers[0];
        assert_eq!(
            layer.selectivity.as_ref().unwrap().difference,
            nothing,
            "{layer:?}"
        );
        assert_eq!(layer.by_unit, Some(nothing));
        let found = (layer.defined_only_in_first, layer.defined_only_in_second);
        assert_eq!((layer.defined_in_both, found), (2, lone));
        assert_eq!(comparison.selectivity.unwrap().difference, nothing);
    }
}

/// The tallies with some units set to 0, by way of their file.
fn silent(tallies: &LayerTallies, units: &[usize]) -> LayerTallies {
    let mut bytes = tallies.to_safetensors().unwrap();
    let (header, tensors) = SafeTensors::read_metadata(&bytes).unwrap();
    let sums = &tensors.tensors()["sums"];
    let (first, shape) = (8 + header + sums.data_offsets.0, sums.shape.clone());
    let row = 8 * shape[2];
    for image in 0..shape[0] {
        for unit in units {
            let start = first + row * (image * shape[1] + unit);
            bytes[start..start + row].fill(0);
        }
    }
    LayerTallies::from_safetensors(&bytes).unwrap()
}

#[test]
fn the_other_way_round_every_sign_is_the_other() {
    let (there, back) = (compared_well(2, 4), compared_well(4, 2));
    let there = there.selectivity.unwrap();
    let back = back.selectivity.unwrap();
    assert_eq!((there.first, there.second), (back.second, back.first));
    let [there, back] = [there.difference, back.difference];
    let mirrored = back.interval.unwrap();
    let expected = Interval {
        low: -mirrored.high,
        high: -mirrored.low,
    };
    assert_is(&there, -back.value, expected);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| compared_well(0, 1))
    };
    let json = |comparison| serde_json::to_string(&comparison).unwrap();
    let one = json(on(1));
    assert_eq!(one, json(on(3)));
    assert_eq!(
        serde_json::from_str::<RunComparison>(&one).unwrap(),
        on(2),
        "nothing in it is no number"
    );
}

#[test]
fn a_layer_without_a_selectivity_has_no_difference() {
    // Two images of the same 8 pixels: no bin holds enough.
    let images = |seed| -> Vec<Image> {
        let mut images = images(seed);
        images.truncate(2);
        for image in &mut images {
            image.gt[8..].fill(0.0);
        }
        images
    };
    let [first, second] = [2, 4].map(|seed| run_of(&images(seed), seed));
    let comparison = compared(&first, &second).unwrap();
    assert_eq!(comparison.selectivity, None);
    for layer in &comparison.layers {
        assert_eq!((&layer.selectivity, &layer.by_unit), (&None, &None));
        assert_eq!((layer.higher, layer.lower), (0, 0));
        assert!(layer.unit_differences.iter().all(Option::is_none));
    }
    assert!(comparison.accuracy.metrics[0].difference.interval.is_some());
}

#[test]
fn one_image_has_differences_without_intervals() {
    let [first, second] = [2, 4].map(|seed| {
        let mut images = images(seed);
        images.truncate(1);
        // Whole bins of 100 pixels and more would need a larger map.
        images[0].gt = (0..PIXELS)
            .map(|pixel| if pixel < 86 { 1.5 } else { 2.5 })
            .collect();
        images[0].gt.extend(vec![1.5; PIXELS]);
        images[0].gt_size = (22, 17);
        run_of(&images, seed)
    });
    let comparison = compared(&first, &second).unwrap();
    let difference = comparison.selectivity.unwrap().difference;
    assert_eq!(difference.interval, None);
    assert!(difference.value.is_finite() && difference.value != 0.0);
    assert_eq!(comparison.accuracy.metrics[8].difference.interval, None);
}

#[test]
fn where_a_run_assigned_layers_the_mean_is_of_those() {
    let (first, mut second) = (run(2), run(4));
    let plain = compared(&first, &second).unwrap();
    assert!(plain.layers.iter().all(|layer| layer.counted));
    let (_, units) = LAYERS[0];
    second.dissection.layers[0].valid_bins.assigned = Some(vec![None; units]);
    let assigned = compared(&first, &second).unwrap();
    assert!(assigned.layers[0].counted && !assigned.layers[1].counted);
    assert_eq!(assigned.selectivity, assigned.layers[0].selectivity);
    assert_ne!(assigned.selectivity, plain.selectivity);
}
