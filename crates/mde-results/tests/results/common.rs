//! A small run with every analysis: one layer of two units, three bins, three images.

use std::fs;
use std::path::Path;

use mde_metrics::statistics::{Bootstrap, Estimate, Interval};
use mde_metrics::{
    BinWeights, CoreErrors, DepthBins, DepthErrors, DepthPair, DiscretisationScore, ErrorTally,
    EvalProtocol, ImageSize, PermutationNull, UnitNull, depth_errors,
};
use mde_results::{
    Ablation, AblationArea, AblationCurve, AblationPoint, BaselineSource, BinGroup,
    ConstantBaseline, Corrected, CorrectedExample, Correction, DepthHash, DepthRange,
    DepthRangeErrors, Dissection, Evaluation, Example, FORMAT, Fill, ImageCorrection, ImageErrors,
    ImageTally, Indicator, LayerAblation, LayerCorrection, LayerTallies, ORACLE, Photograph,
    Provenance, RemovalOrder, RunFolder, SingleRemovals, TopImage, TopImages, UnitDistance,
    UnitShare, UnitWarning, encode_corrected, encode_examples, encode_top_images, names,
};
use serde_json::{Value, json};

pub(crate) const LAYER: &str = "D";
pub(crate) const UNITS: usize = 2;
const IMAGES: usize = 3;
const SIZE: ImageSize = ImageSize::new(20, 20);

/// Few, so that tests are fast.
pub(crate) const BOOTSTRAP: Bootstrap = Bootstrap {
    resamples: 20,
    level: 0.95,
    seed: 0,
};

pub(crate) fn bins() -> DepthBins {
    DepthBins::from_edges(vec![0.0, 1.0, 2.0, 4.0]).unwrap()
}

pub(crate) fn provenance() -> Provenance {
    Provenance {
        version: "0.1.0".into(),
        model: "mff-tiny".into(),
        checkpoint: "00ff".into(),
        data: "rooms".into(),
        split: "test".into(),
        data_hash: "ff00".into(),
        seed: Some(u64::MAX),
    }
}

fn id(image: usize) -> String {
    format!("test/room_{image}")
}

/// A number in 0..1 that depends on the index only.
pub(crate) fn noise(index: u64) -> f32 {
    let mut state = index.wrapping_add(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((state ^ (state >> 31)) >> 40) as f32 / (1 << 24) as f32
}

/// Depths of 0.1 to 4.9 m: some lie beyond the last bin.
fn depths(image: usize) -> Vec<f32> {
    (0..SIZE.pixels())
        .map(|pixel| 0.1 + 4.8 * noise((1000 * image + pixel) as u64))
        .collect()
}

/// Unit 0 responds with `scale` times the depth, unit 1 not at all.
pub(crate) fn tallies(scale: f32) -> LayerTallies {
    let mut tallies = LayerTallies::new(UNITS, bins());
    for image in 0..IMAGES {
        let gt = depths(image);
        let mut features: Vec<f32> = gt.iter().map(|depth| scale * depth).collect();
        features.resize(UNITS * SIZE.pixels(), 0.0);
        let weights = BinWeights::new(&bins(), &gt, SIZE, SIZE).unwrap();
        let hash = DepthHash::new(&gt, SIZE);
        let tally = ImageTally::new(hash, &weights, UNITS, &features).unwrap();
        tallies.push(id(image), tally);
    }
    tallies
}

fn errors(image: usize) -> DepthErrors {
    let gt = depths(image);
    let pred: Vec<f32> = gt
        .iter()
        .map(|depth| depth * (1.1 + 0.1 * image as f32))
        .collect();
    let (pred, gt) = (&pred, &gt);
    let protocol = EvalProtocol::preset("nyu-full").unwrap();
    depth_errors(
        DepthPair {
            pred,
            gt,
            size: SIZE,
        },
        &protocol,
    )
    .unwrap()
}

pub(crate) fn evaluation() -> Evaluation {
    let mut tally = ErrorTally::default();
    let per_image: Vec<ImageErrors> = (0..IMAGES)
        .map(|image| ImageErrors {
            id: id(image),
            errors: errors(image),
        })
        .collect();
    per_image.iter().for_each(|image| tally.push(&image.errors));
    let summary = tally.summary().unwrap();
    Evaluation {
        format: FORMAT,
        provenance: provenance(),
        protocol: EvalProtocol::preset("nyu-full").unwrap(),
        summary: summary.clone(),
        constant_baseline: Some(ConstantBaseline {
            depth: 0.1 + 0.2,
            source: BaselineSource::TrainingMean,
            summary,
        }),
        unit_warning: UnitWarning::check(1000.0 / 3.0),
        by_depth: vec![DepthRangeErrors {
            from: 0.0,
            to: 1.0,
            pixels: 0,
            abs_rel: None,
            rmse: None,
        }],
        per_image,
        images_without_valid_depth: vec!["test/dark".into()],
        images_with_negative_scale: 0,
        raised_fraction: 0.0,
    }
}

/// Unit 1 does not respond, so most of its values are undefined.
pub(crate) fn dissection() -> Dissection {
    let tally = names::tally(LAYER);
    let mut layer = tallies(1.0)
        .summarise(LAYER, 4, None, &BOOTSTRAP, tally)
        .unwrap();
    let undefined = UnitNull {
        mean: Some(0.25),
        quantile_95: None,
        p_value: Some(0.1),
    };
    layer.null = Some(PermutationNull {
        permutations: 9,
        seed: 0,
        mean: None,
        units: vec![undefined; UNITS],
        above: 0,
        tested: UNITS,
    });
    layer.discretisations = vec![DiscretisationScore {
        bins: DepthBins::uniform(0.0, 10.0, 3).unwrap(),
        bins_used: 1,
        valid_bins: None,
        reference: Some(0.5),
        flat_floor: Some(1.0),
    }];
    layer.top_images = Some(names::top_images(LAYER));
    Dissection {
        format: FORMAT,
        provenance: provenance(),
        images: IMAGES,
        bootstrap: BOOTSTRAP,
        layers: vec![layer],
    }
}

fn core(abs_rel: f64) -> CoreErrors {
    CoreErrors {
        abs_rel,
        rmse: 1.0 / 3.0,
        delta_1: 0.5,
    }
}

pub(crate) fn estimate(value: f64) -> Estimate {
    Estimate {
        value,
        interval: Some(Interval {
            low: value - 0.1,
            high: value + 0.1,
        }),
    }
}

/// The analysis of a `dissect.json` with this hash.
pub(crate) fn ablation(dissection: &str) -> Ablation {
    let point = |removed| AblationPoint {
        removed,
        errors: core(0.1 * removed as f64),
        by_range: vec![Some(core(0.2)), None],
    };
    Ablation {
        format: FORMAT,
        provenance: provenance(),
        dissection: dissection.to_owned(),
        protocol: EvalProtocol::preset("nyu-full").unwrap(),
        images: IMAGES,
        images_without_valid_depth: Vec::new(),
        bootstrap: BOOTSTRAP,
        ranges: [(0.0, 2.0), (2.0, 4.0)]
            .map(|(from, to)| DepthRange {
                from,
                to,
                pixels: 7,
            })
            .to_vec(),
        layers: vec![LayerAblation {
            layer: LAYER.into(),
            units: UNITS,
            order: vec![0, 1],
            mean_response: vec![1.5, 0.0],
            baseline: core(0.1),
            curves: vec![AblationCurve {
                fill: Fill::Mean,
                order: RemovalOrder::Random { seed: 1 },
                points: vec![point(0), point(1), point(2)],
            }],
            areas: vec![AblationArea {
                fill: Fill::Zero,
                order: RemovalOrder::MostSelectiveFirst,
                abs_rel: estimate(0.3),
                rmse: estimate(0.2),
                delta_1: Estimate {
                    value: -0.1,
                    interval: None,
                },
                abs_rel_by_seed: vec![0.25, 0.35],
            }],
            single_removals: vec![SingleRemovals {
                fill: Fill::Zero,
                units: vec![core(0.2); UNITS],
            }],
            values: names::ablated_images(LAYER),
        }],
    }
}

/// The analysis of a `dissect.json` with this hash.
pub(crate) fn correction(dissection: &str) -> Correction {
    let corrected = Corrected {
        errors: core(0.05),
        by_bin: vec![None, Some(core(0.1)), Some(core(0.2))],
        abs_rel_reduction: estimate(0.05),
        relative_reduction: None,
    };
    let group = |units: Vec<usize>| BinGroup {
        corrected: (!units.is_empty()).then(|| corrected.clone()),
        units,
    };
    Correction {
        format: FORMAT,
        note: ORACLE.into(),
        provenance: provenance(),
        dissection: dissection.to_owned(),
        protocol: EvalProtocol::preset("nyu-full").unwrap(),
        images: IMAGES,
        images_without_valid_depth: Vec::new(),
        bootstrap: BOOTSTRAP,
        layers: vec![LayerCorrection {
            layer: LAYER.into(),
            units: UNITS,
            bins: bins(),
            pixels: vec![1, 2, 3],
            replaced: 0.75,
            before: core(0.1),
            before_by_bin: vec![None, Some(core(0.1)), Some(core(0.2))],
            all_units: corrected.clone(),
            single_units: vec![corrected.clone(); UNITS],
            ranking: vec![1, 0],
            groups: vec![group(vec![0]), group(Vec::new()), group(vec![1])],
            per_image: vec![ImageCorrection {
                id: id(0),
                before: core(0.1),
                after: core(0.05),
                units: vec![UnitShare {
                    unit: 1,
                    abs_rel_reduction: 0.02,
                }],
                score: None,
            }],
            indicator: Indicator {
                images: IMAGES,
                spearman: Some(estimate(0.5)),
                spearman_of_depth: None,
                units: vec![
                    UnitDistance {
                        distance: Some(0.5),
                        relative: None,
                        spearman: None,
                    };
                    UNITS
                ],
            },
            values: names::corrected_images(LAYER),
            maps: names::corrected_maps(LAYER),
        }],
    }
}

fn photograph(image: usize, height: usize, width: usize) -> Photograph {
    Photograph {
        id: id(image),
        height,
        width,
        rgb: (0..3 * height * width)
            .map(|at| (at + image) as u8)
            .collect(),
    }
}

/// Two images of different sizes.
pub(crate) fn examples() -> Vec<Example> {
    [(0, 2, 3), (1, 3, 2)]
        .map(|(image, height, width)| Example {
            image: photograph(image, height, width),
            gt: vec![0.0, 1.0, 2.0, 0.0, 4.0, 5.0],
            pred: vec![0.5; 6],
        })
        .to_vec()
}

pub(crate) fn corrected_examples() -> Vec<CorrectedExample> {
    let corrected = |example| CorrectedExample {
        example,
        corrected: vec![0.75; 6],
        gain: vec![0.0, 0.25, 0.0, 0.0, 0.0, 0.125],
        unit: vec![None, Some(1), None, None, None, Some(0)],
    };
    examples().into_iter().map(corrected).collect()
}

/// Unit 0 responds in two images, unit 1 in none.
pub(crate) fn top_images() -> TopImages {
    let top = |image, peak| TopImage {
        image,
        peak,
        activation: vec![0, 255, 17, 3],
    };
    TopImages {
        per_unit: 3,
        ids: vec![id(0), id(2)],
        pictures: vec![photograph(0, 2, 3), photograph(2, 3, 2)],
        units: vec![vec![top(1, 0.5), top(0, -0.25)], Vec::new()],
        size: (2, 2),
    }
}

/// The part of `config.json` that this crate reads.
pub(crate) fn config() -> Value {
    json!({
        "format": 1,
        "version": "0.1.0",
        "model": "mff-tiny",
        "seed": 7,
        "data": {"name": "rooms", "fingerprint": "ff", "images": 9, "mean_depth": 2.5},
        "init": null,
        "batch_size": 2,
        "steps": 3,
        "learning_rate": 1e-3,
        "assignment": {
            "alpha": 0.1,
            "layers": [LAYER],
            "discretisation": {"kind": "sid", "alpha": 0.75, "beta": 10.0},
            "max_bins": 64,
        },
    })
}

pub(crate) fn record(step: u64) -> Value {
    json!({
        "step": step,
        "epoch": 1,
        "learning_rate": 1e-3,
        "loss": 0.5 / step as f64,
        "base": 0.6,
        "selectivity": {LAYER: 0.25},
    })
}

/// The lines of `metrics.jsonl` for these steps.
pub(crate) fn records(steps: impl IntoIterator<Item = u64>) -> String {
    let lines = steps.into_iter().map(|step| format!("{}\n", record(step)));
    lines.collect()
}

/// A trained run with all analyses.
pub(crate) fn write_run(path: &Path) -> RunFolder {
    let folder = RunFolder::new(path);
    folder.write_document(names::CONFIG, &config()).unwrap();
    fs::write(folder.file(names::RECORDS), records(1..=3)).unwrap();
    folder
        .write_document(names::EVALUATION, &evaluation())
        .unwrap();
    folder
        .write_document(names::DISSECTION, &dissection())
        .unwrap();
    write_analyses(&folder);
    let write = |name: &str, content: Vec<u8>| {
        mde_files::write_atomic(&folder.file(name), &content).unwrap();
    };
    write(names::EXAMPLES, encode_examples(&examples()).unwrap());
    write(&names::tally(LAYER), tallies(1.0).to_safetensors().unwrap());
    write(
        &names::top_images(LAYER),
        encode_top_images(&top_images()).unwrap(),
    );
    write(
        &names::corrected_maps(LAYER),
        encode_corrected(&corrected_examples()).unwrap(),
    );
    folder
}

/// `ablate.json` and `correct.json` of the present `dissect.json`.
pub(crate) fn write_analyses(folder: &RunFolder) {
    let hash = mde_files::hash_file(&folder.file(names::DISSECTION)).unwrap();
    folder
        .write_document(names::ABLATION, &ablation(&hash))
        .unwrap();
    folder
        .write_document(names::CORRECTION, &correction(&hash))
        .unwrap();
}

/// Changes one value of a JSON file.
pub(crate) fn edit(path: &Path, pointer: &str, value: Value) {
    let mut json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    *json.pointer_mut(pointer).unwrap() = value;
    fs::write(path, json.to_string()).unwrap();
}

/// The names in a folder, sorted.
pub(crate) fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[track_caller]
pub(crate) fn assert_parts(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "no {part:?} in {message:?}");
    }
}
