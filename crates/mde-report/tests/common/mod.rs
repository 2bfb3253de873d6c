//! Synthetic run folders: smooth tuning curves and gradients for depth maps, written with the real
//! results types.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

pub mod analyses;

use std::path::Path;

use mde_metrics::statistics::{Bootstrap, Estimate};
use mde_metrics::{
    DepthBins, DepthErrors, Discretisation, ErrorTally, Estimator, EvalProtocol,
    HeldOutSelectivity, ResponseTally, UnitAssignment,
};
use mde_report::{ReportError, ReportInput, WrittenReport, write_report};
use mde_results::{
    AccuracyComparison, BaselineSource, ConstantBaseline, DepthRangeErrors, Dissection,
    EstimatedSelectivity, Evaluation, FORMAT, ImageErrors, LayerComparison, LayerDissection,
    MetricComparison, Provenance, RunComparison, RunResults, SelectivityComparison, compare,
};
use safetensors::Dtype;
use serde_json::{Value, json};

/// Properties of a synthetic run.
#[derive(Clone)]
pub struct Spec {
    pub model: &'static str,
    pub assigned: bool,
    pub units: usize,
    /// Width of the tuning curves in bins: small is selective.
    pub width: f64,
    /// Relative error of every predicted depth.
    pub error: f64,
    pub size: (usize, usize),
    pub images: usize,
}

pub const PLAIN: Spec = Spec {
    model: "mff-tiny",
    assigned: false,
    units: 12,
    width: 6.0,
    error: 0.18,
    size: (13, 17),
    images: 3,
};
pub const ASSIGNED: Spec = Spec {
    assigned: true,
    width: 1.0,
    error: 0.19,
    ..PLAIN
};

pub const LAYERS: [&str; 2] = ["D", "MFF"];

/// A reproducible number in 0..1, from a hash of the index.
pub fn noise(index: u64) -> f64 {
    let mut state = index.wrapping_add(0x9E37_79B9_7F4A_7C15);
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((state ^ (state >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

pub fn provenance(spec: &Spec) -> Provenance {
    Provenance {
        version: "0.1.0".to_owned(),
        model: spec.model.to_owned(),
        checkpoint: if spec.assigned {
            "b".repeat(64)
        } else {
            "a".repeat(64)
        },
        data: "rooms".to_owned(),
        split: "test".to_owned(),
        data_hash: "d".repeat(64),
        seed: Some(1),
    }
}

fn errors(relative: f64) -> DepthErrors {
    DepthErrors {
        pixels: 1000,
        delta_1_02: 0.05,
        delta_1_05: 0.14,
        delta_1_10: 0.31,
        delta_1: 1.0 - 1.5 * relative,
        delta_2: 0.93,
        delta_3: 0.98,
        rmse: 3.5 * relative,
        rmse_log: 1.2 * relative,
        abs_rel: relative,
        sq_rel: 0.6 * relative,
        log10: 0.4 * relative,
        silog: relative,
    }
}

pub fn evaluation(spec: &Spec) -> Evaluation {
    let mut tally = ErrorTally::default();
    let per_image: Vec<ImageErrors> = (0..spec.images)
        .map(|index| {
            let errors = errors(spec.error * (1.0 + 0.2 * (index % 3) as f64));
            tally.push(&errors);
            ImageErrors {
                id: format!("test/room_{index:05}"),
                errors,
            }
        })
        .collect();
    let mut constant = ErrorTally::default();
    constant.push(&errors(0.48));
    let bins = DepthBins::nyu(16).unwrap();
    let by_depth = (0..bins.len())
        .map(|bin| {
            let (from, to) = bins.range(bin);
            let pixels = if bin == 0 {
                0
            } else {
                (9000.0 * (-(bin as f64 - 8.0).powi(2) / 18.0).exp()) as u64
            };
            let value = (pixels > 0).then(|| {
                spec.error * (0.7 + 0.004 * (bin as f64 - 7.0).powi(2) + 0.2 * noise(bin as u64))
            });
            DepthRangeErrors {
                from,
                to,
                pixels,
                abs_rel: value,
                rmse: value.map(|value| value * (from + to) / 2.0),
            }
        })
        .collect();
    Evaluation {
        format: FORMAT,
        provenance: provenance(spec),
        protocol: EvalProtocol::preset("nyu-mff").unwrap(),
        summary: tally.summary().unwrap(),
        constant_baseline: Some(ConstantBaseline {
            depth: 3.21,
            source: BaselineSource::TrainingMean,
            summary: constant.summary().unwrap(),
        }),
        unit_warning: None,
        by_depth,
        per_image,
        images_without_valid_depth: Vec::new(),
        images_with_negative_scale: 0,
        raised_fraction: 0.0,
    }
}

/// Sums `[units, bins + 1]` and counts `[bins + 1]` of a layer whose unit k responds around bin
/// floor(k K / N). Some units of a plain model respond negatively.
fn tally(spec: &Spec, name: &str) -> (DepthBins, Vec<f64>, Vec<u64>) {
    let bins = DepthBins::nyu(spec.units.min(64)).unwrap();
    let k = bins.len();
    let counts: Vec<u64> = (0..=k)
        .map(|bin| {
            if bin == 0 {
                0
            } else {
                150 + (4000.0 * noise(bin as u64)) as u64
            }
        })
        .collect();
    let assignment = UnitAssignment::new(spec.units, k).unwrap();
    let mut sums = Vec::new();
    for unit in 0..spec.units {
        let seed = (unit * 1000 + name.len()) as u64;
        let centre = if spec.assigned {
            assignment.bin_of(unit) as f64
        } else {
            noise(seed) * k as f64
        };
        let sign = if spec.assigned || noise(seed + 1) > 0.3 {
            1.0
        } else {
            -1.0
        };
        for (bin, count) in counts.iter().enumerate() {
            let bump = (-((bin as f64 - centre) / spec.width).powi(2) / 2.0).exp();
            sums.push(sign * (0.15 + bump + 0.05 * noise(seed + 7 * bin as u64)) * *count as f64);
        }
    }
    (bins, sums, counts)
}

/// The dissection of one layer.
pub fn layer(spec: &Spec, name: &str) -> LayerDissection {
    let (bins, sums, counts) = tally(spec, name);
    let (k, assignment) = (
        bins.len(),
        UnitAssignment::new(spec.units, bins.len()).unwrap(),
    );
    let tally = ResponseTally::from_parts(&bins, sums, counts.clone()).unwrap();
    let estimated = |estimator: Estimator| {
        let selectivity = tally.selectivity(estimator);
        let assigned = spec.assigned.then(|| {
            let scores = tally.assigned_selectivity(&assignment, estimator).unwrap();
            scores.units.iter().map(|unit| unit.selectivity).collect()
        });
        EstimatedSelectivity {
            estimator,
            mean: selectivity.mean,
            interval: None,
            bins_used: selectivity.bins_used,
            unit_intervals: vec![None; selectivity.units.len()],
            held_out: HeldOutSelectivity {
                splits: 0,
                mean: None,
                units: vec![None; selectivity.units.len()],
            },
            units: selectivity.units,
            assigned,
        }
    };
    LayerDissection {
        layer: name.to_owned(),
        units: spec.units,
        stride: 2,
        pixels: counts[..k].to_vec(),
        pixels_beyond: counts[k],
        reference: estimated(Estimator::Reference),
        valid_bins: estimated(Estimator::valid_bins()),
        mean_response: tally.mean_response(Estimator::valid_bins()),
        response_intervals: vec![vec![None; k]; spec.units],
        flat_floor: None,
        null: None,
        discretisations: Vec::new(),
        top_images: None,
        tally: format!("dissect/{name}.safetensors"),
        trained_bins: None,
        features: None,
        bins,
    }
}

pub fn dissection(spec: &Spec) -> Dissection {
    let layers = LAYERS.iter().map(|name| layer(spec, name)).collect();
    Dissection {
        format: FORMAT,
        provenance: provenance(spec),
        images: spec.images,
        bootstrap: Bootstrap::default(),
        layers,
    }
}

pub fn config(spec: &Spec) -> Value {
    let assignment = spec
        .assigned
        .then(|| json!({"alpha": 0.1, "layers": LAYERS, "max_bins": 64, "discretisation": Discretisation::NYU}));
    json!({
        "format": 1, "version": "0.1.0", "model": spec.model, "seed": 1, "batch_size": 8, "steps": 300,
        "learning_rate": 1e-4, "assignment": assignment, "init": null,
        "data": {"name": "rooms", "root": "data/rooms", "fingerprint": "c".repeat(64), "images": 2000, "mean_depth": 3.21},
    })
}

fn training(spec: &Spec) -> String {
    (1..=300u64)
        .map(|step| {
            let part = step as f64 / 300.0;
            let base = 1.2 * (-3.0 * part).exp() + 0.6 + 0.2 * noise(step);
            let rise = |target: f64| target * (1.0 - (-5.0 * part).exp()) + 0.05 * noise(step + 400);
            let selectivity = if spec.assigned { json!({"D": rise(0.7), "MFF": rise(0.5)}) } else { json!({}) };
            let line = json!({"step": step, "epoch": 0, "learning_rate": 1e-4, "loss": base, "base": base, "selectivity": selectivity});
            format!("{line}\n")
        })
        .collect()
}

fn examples(spec: &Spec) -> Vec<u8> {
    let (height, width) = spec.size;
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    let floats = |values: Vec<f32>| {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    for index in 0..spec.images.min(4) {
        let depth = |y: usize, x: usize| {
            let (v, u) = (y as f64 / height as f64, x as f64 / width as f64);
            let wall = 7.0 - 3.0 * (u - 0.5).abs() - index as f64;
            let floor = 1.2 / (v - 0.45).max(0.05);
            let disc = (u - 0.4).powi(2) + (v - 0.6).powi(2) < 0.03;
            if disc { 1.8 } else { wall.min(floor).max(0.8) }
        };
        let cells = || (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
        let hole = |y: usize, x: usize| (x + y * 2) % 97 < 3 || x == 0;
        let gt = cells()
            .map(|(y, x)| if hole(y, x) { 0.0 } else { depth(y, x) as f32 })
            .collect();
        let wrong = |y: usize, x: usize| {
            1.0 + spec.error * (2.0 * ((x as f64 / 19.0).sin() * (y as f64 / 23.0).cos()))
        };
        let pred = cells()
            .map(|(y, x)| (depth(y, x) * wrong(y, x)) as f32)
            .collect();
        let rgb = cells()
            .flat_map(|(y, x)| {
                let light = 240.0 - 25.0 * depth(y, x);
                let grain = 20.0 * noise((y * width + x) as u64);
                [
                    light + grain - 20.0,
                    light * 0.9 + grain - 20.0,
                    light * 0.75 + grain,
                ]
                .map(|value| value.clamp(0.0, 255.0) as u8)
            })
            .collect();
        tensors.push((
            format!("{index}/rgb"),
            Dtype::U8,
            vec![height, width, 3],
            rgb,
        ));
        tensors.push((
            format!("{index}/gt"),
            Dtype::F32,
            vec![height, width],
            floats(gt),
        ));
        tensors.push((
            format!("{index}/pred"),
            Dtype::F32,
            vec![height, width],
            floats(pred),
        ));
    }
    let ids: Vec<String> = (0..spec.images.min(4))
        .map(|index| format!("test/room_{index:05}"))
        .collect();
    analyses::safetensors(&tensors, &ids)
}

/// Writes a run folder that was trained, evaluated and dissected, without statistics and further
/// analyses.
pub fn write_run(folder: &Path, spec: &Spec) {
    std::fs::create_dir_all(folder).unwrap();
    write_json(&folder.join("config.json"), &config(spec));
    write_json(&folder.join("evaluate.json"), &evaluation(spec));
    write_json(&folder.join("dissect.json"), &dissection(spec));
    std::fs::write(folder.join("metrics.jsonl"), training(spec)).unwrap();
    std::fs::write(folder.join("examples.safetensors"), examples(spec)).unwrap();
    std::fs::create_dir_all(folder.join("dissect")).unwrap();
    for name in LAYERS {
        let path = folder.join(format!("dissect/{name}.safetensors"));
        std::fs::write(path, tallies(spec, name)).unwrap();
    }
}

/// The tally of a layer, spread over the images.
fn tallies(spec: &Spec, name: &str) -> Vec<u8> {
    let (bins, sums, counts) = tally(spec, name);
    let (images, slots) = (spec.images, bins.len() + 1);
    let count = |image: usize, bin: usize| {
        let rest = counts[bin] % images as u64;
        counts[bin] / images as u64 + u64::from((image as u64) < rest)
    };
    let cells = || (0..images).flat_map(|image| (0..slots).map(move |bin| (image, bin)));
    let image_counts: Vec<u8> = cells()
        .flat_map(|(image, bin)| count(image, bin).to_le_bytes())
        .collect();
    let image_sums = (0..images).flat_map(|image| {
        let (sums, counts) = (&sums, &counts);
        (0..spec.units * slots).flat_map(move |at| {
            let share = count(image, at % slots) as f64 / counts[at % slots].max(1) as f64;
            (sums[at] * share).to_le_bytes()
        })
    });
    let edges = bins.edges().iter().flat_map(|edge| edge.to_le_bytes());
    let shape = vec![images, spec.units, slots];
    let tensors = vec![
        ("sums".to_owned(), Dtype::F64, shape, image_sums.collect()),
        (
            "counts".to_owned(),
            Dtype::U64,
            vec![images, slots],
            image_counts,
        ),
        ("edges".to_owned(), Dtype::F64, vec![slots], edges.collect()),
        (
            "ground_truth".to_owned(),
            Dtype::U8,
            vec![images, 32],
            vec![0; 32 * images],
        ),
    ];
    let ids: Vec<String> = (0..images)
        .map(|index| format!("test/room_{index:05}"))
        .collect();
    analyses::safetensors(&tensors, &ids)
}

/// Reads the runs, compares them if there are two, and writes the report.
pub fn report(runs: &[&Path], title: &str, out: &Path) -> Result<WrittenReport, ReportError> {
    report_with(runs, title, out, |first, second| {
        Ok(compare(first, second, Bootstrap::default())?)
    })
}

/// The same with another comparison of two runs.
pub fn report_with(
    runs: &[&Path],
    title: &str,
    out: &Path,
    compare: impl Fn(&RunResults, &RunResults) -> Result<RunComparison, ReportError>,
) -> Result<WrittenReport, ReportError> {
    let first = RunResults::read(runs[0])?;
    let second = runs.get(1).map(RunResults::read).transpose()?;
    let comparison = second.as_ref().map(|second| compare(&first, second));
    let comparison = comparison.transpose()?;
    let input = ReportInput {
        title: title.to_owned(),
        first: &first,
        second: second.as_ref().zip(comparison.as_ref()),
    };
    write_report(&input, out)
}

/// The comparison of the documents alone, without tallies and intervals, for documents that a test
/// has edited.
pub fn without_intervals(
    first: &RunResults,
    second: &RunResults,
) -> Result<RunComparison, ReportError> {
    let selectivity = |first: f64, second: f64| SelectivityComparison {
        first,
        second,
        difference: difference(first, second),
    };
    let layers = first.layers().iter().filter_map(|layer| {
        let other = second.layer(&layer.layer)?;
        let means = layer.valid_bins.mean.zip(other.valid_bins.mean);
        Some(LayerComparison {
            layer: layer.layer.clone(),
            units: layer.units,
            images: first.evaluation.per_image.len(),
            counted: true,
            defined_in_both: layer.units,
            defined_only_in_first: 0,
            defined_only_in_second: 0,
            selectivity: means.map(|(first, second)| selectivity(first, second)),
            unit_differences: vec![None; layer.units],
            by_unit: None,
            higher: 0,
            lower: 0,
        })
    });
    let layers: Vec<LayerComparison> = layers.collect();
    let scores: Option<Vec<&SelectivityComparison>> = layers
        .iter()
        .map(|layer| layer.selectivity.as_ref())
        .collect();
    let mean = |value: fn(&SelectivityComparison) -> f64| {
        let scores = scores.as_ref()?;
        Some(scores.iter().map(|score| value(score)).sum::<f64>() / scores.len() as f64)
    };
    let means = mean(|score| score.first).zip(mean(|score| score.second));
    let [errors, other_errors] = [first, second].map(|run| run.evaluation.summary.mean.values());
    let metrics = DepthErrors::NAMES.iter().enumerate();
    let metrics = metrics.map(|(index, name)| MetricComparison {
        metric: (*name).to_owned(),
        first: errors[index],
        second: other_errors[index],
        difference: difference(errors[index], other_errors[index]),
    });
    Ok(RunComparison {
        format: FORMAT,
        first: first.evaluation.provenance.clone(),
        second: second.evaluation.provenance.clone(),
        bootstrap: Bootstrap::default(),
        accuracy: AccuracyComparison {
            protocol: first.evaluation.protocol.name.clone(),
            images: first.evaluation.per_image.len(),
            metrics: metrics.collect(),
        },
        selectivity: means.map(|(first, second)| selectivity(first, second)),
        layers,
        layers_left_out: Vec::new(),
    })
}

fn difference(first: f64, second: f64) -> Estimate {
    Estimate {
        value: second - first,
        interval: None,
    }
}

pub fn write_json(path: &Path, value: &impl serde::Serialize) {
    std::fs::write(path, serde_json::to_vec_pretty(value).unwrap()).unwrap();
}

/// Rewrites one value inside a JSON file; `pointer` as in RFC 6901.
pub fn edit(path: &Path, pointer: &str, value: Value) {
    let mut json: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    *json
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("{pointer} in {}", path.display())) = value;
    write_json(path, &json);
}
