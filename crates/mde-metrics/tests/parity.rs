//! Parity with the reference implementation: the golden files `bins`, `dissect`,
//! `assigned_selectivity` and `metrics`.
//!
//! Cases, K and sizes are read from the files, so goldens with other cases or seeds pass too.
#![allow(clippy::unwrap_used, missing_docs)]

use mde_metrics::{
    BinWeights, Crop, DepthBins, DepthErrors, DepthPair, ErrorTally, Estimator, EvalProtocol,
    ImageSize, ResponseTally, UnitAssignment, depth_errors,
};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeSet;
use std::path::PathBuf;

const TOLERANCE: f64 = 1e-5;

/// The bytes of a golden file; `None` if the package is tested without the workspace's goldens.
#[allow(clippy::print_stderr)]
fn golden_bytes(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("MDE_GOLDENS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens")),
        PathBuf::from,
    );
    if !folder.exists() {
        eprintln!(
            "skipped: {} does not exist; set MDE_GOLDENS",
            folder.display()
        );
        return None;
    }
    let path = folder.join(format!("{name}.safetensors"));
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// One golden file.
struct Golden<'a>(SafeTensors<'a>);

impl<'a> Golden<'a> {
    fn parse(bytes: &'a [u8]) -> Self {
        Self(SafeTensors::deserialize(bytes).unwrap())
    }

    /// The distinct prefixes of names before `separator`.
    fn cases(&self, separator: &str) -> BTreeSet<String> {
        let cases: BTreeSet<String> = (self.0.names().into_iter())
            .filter_map(|name| Some(name.split_once(separator)?.0.to_owned()))
            .collect();
        assert!(!cases.is_empty(), "no case in the golden file");
        cases
    }

    fn numbers<T, const BYTES: usize>(
        &self,
        name: &str,
        dtype: Dtype,
        read: fn([u8; BYTES]) -> T,
    ) -> Vec<T> {
        let tensor = self.0.tensor(name).unwrap();
        assert_eq!(tensor.dtype(), dtype, "{name}");
        let chunks = tensor.data().chunks_exact(BYTES);
        chunks
            .map(|bytes| read(bytes.try_into().unwrap()))
            .collect()
    }

    fn f32(&self, name: &str) -> Vec<f32> {
        self.numbers(name, Dtype::F32, f32::from_le_bytes)
    }

    fn f64(&self, name: &str) -> Vec<f64> {
        self.numbers(name, Dtype::F64, f64::from_le_bytes)
    }

    fn i64(&self, name: &str) -> Vec<i64> {
        self.numbers(name, Dtype::I64, i64::from_le_bytes)
    }

    fn shape(&self, name: &str) -> Vec<usize> {
        self.0.tensor(name).unwrap().shape().to_vec()
    }
}

/// The bins of a case named `{dataset}_K{k}...`.
fn bins_of(case: &str) -> DepthBins {
    let (dataset, rest) = case.split_once("_K").unwrap();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let k = digits.parse().unwrap();
    match dataset {
        "nyuv2" => DepthBins::nyu(k).unwrap(),
        "kitti" => DepthBins::kitti(k).unwrap(),
        other => panic!("no bins for data set {other:?}"),
    }
}

/// Asserts that all numbers agree within the tolerance, relative to the larger of each pair.
fn assert_close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}: length");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        let bound = TOLERANCE * expected.abs().max(found.abs());
        assert!(
            error <= bound,
            "{what}[{index}]: found {found}, expected {expected}"
        );
    }
}

/// Compares sums relative to the largest magnitude, because features of both signs can cancel.
fn assert_close_to_scale(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}: length");
    let scale = expected
        .iter()
        .fold(0.0, |scale: f64, value| scale.max(value.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(
            error <= TOLERANCE * scale,
            "{what}[{index}]: found {found}, expected {expected}, largest magnitude {scale}"
        );
    }
}

#[test]
fn parity_bins() {
    let Some(bytes) = golden_bytes("bins") else {
        return;
    };
    let golden = Golden::parse(&bytes);
    for case in golden.cases("_edges") {
        let bins = bins_of(&case);
        assert_close(&case, bins.edges(), &golden.f64(&format!("{case}_edges")));

        let depths = golden.f32(&format!("{case}_depth"));
        let indices = golden.f32(&format!("{case}_index"));
        for (&depth, &index) in depths.iter().zip(&indices) {
            // In the reference, depths beyond the last edge count in bin 0; -1 is invalid.
            let found = match bins.slot(depth) {
                None => -1.0,
                Some(slot) if slot == bins.len() => 0.0,
                Some(slot) => slot as f32,
            };
            assert_eq!(found, index, "{case}: bin of {depth} m");
        }
    }
}

/// Features and ground truth of several images, with their sizes.
struct Images {
    count: usize,
    units: usize,
    features: Vec<f32>,
    feature_size: ImageSize,
    gt: Vec<f32>,
    gt_size: ImageSize,
}

impl Images {
    fn read(golden: &Golden<'_>, case: &str) -> Self {
        let [features, depth] = ["features", "depth"].map(|name| format!("{case}/{name}"));
        let shape = golden.shape(&features);
        let gt_shape = golden.shape(&depth);
        assert_eq!(shape[0], gt_shape[0], "{case}: images");
        Self {
            count: shape[0],
            units: shape[1],
            features: golden.f32(&features),
            feature_size: ImageSize::new(shape[2], shape[3]),
            gt: golden.f32(&depth),
            gt_size: ImageSize::new(gt_shape[2], gt_shape[3]),
        }
    }

    fn features(&self, image: usize) -> &[f32] {
        let length = self.units * self.feature_size.pixels();
        &self.features[image * length..(image + 1) * length]
    }

    fn gt(&self, image: usize) -> &[f32] {
        let length = self.gt_size.pixels();
        &self.gt[image * length..(image + 1) * length]
    }
}

/// Sums [units, K] as in the reference: the slot beyond the last edge is added to bin 0.
fn fold_beyond(row: &[f64]) -> Vec<f64> {
    let (beyond, bins) = row.split_last().unwrap();
    let mut folded = bins.to_vec();
    folded[0] += beyond;
    folded
}

#[test]
fn parity_dissect() {
    let Some(bytes) = golden_bytes("dissect") else {
        return;
    };
    let golden = Golden::parse(&bytes);
    for case in golden.cases("/") {
        let images = Images::read(&golden, &case);
        let bins = bins_of(&case);
        let mut tally = ResponseTally::new(images.units, &bins);
        for image in 0..images.count {
            let (features, gt) = (images.features(image), images.gt(image));
            tally
                .update(features, images.feature_size, gt, images.gt_size)
                .unwrap();
        }

        let counts: Vec<f64> = tally.counts().iter().map(|&count| count as f64).collect();
        assert_eq!(
            fold_beyond(&counts),
            golden.f64(&format!("{case}/count")),
            "{case}: count"
        );
        let rows = tally.sums().chunks_exact(bins.len() + 1);
        let sums: Vec<f64> = rows.flat_map(fold_beyond).collect();
        assert_close_to_scale(
            &format!("{case}/sum"),
            &sums,
            &golden.f64(&format!("{case}/sum")),
        );
        let mean: Vec<f64> = (tally
            .mean_response(Estimator::Reference)
            .concat()
            .into_iter())
        .map(|response| response.unwrap())
        .collect();
        assert_close_to_scale(
            &format!("{case}/mean"),
            &mean,
            &golden.f64(&format!("{case}/mean")),
        );

        let layer = tally.selectivity(Estimator::Reference);
        let preferred: Vec<i64> = (layer.units.iter())
            .map(|unit| unit.preferred_bin.unwrap() as i64)
            .collect();
        assert_eq!(
            preferred,
            golden.i64(&format!("{case}/preferred_bin")),
            "{case}"
        );
        let selectivity: Vec<f64> = layer
            .units
            .iter()
            .map(|unit| unit.selectivity.unwrap())
            .collect();
        let expected = golden.f64(&format!("{case}/selectivity"));
        assert_close(&format!("{case}/selectivity"), &selectivity, &expected);
        let mean = expected.iter().sum::<f64>() / expected.len() as f64;
        assert_close(&format!("{case}: mean"), &[layer.mean.unwrap()], &[mean]);
    }
}

#[test]
fn parity_assigned_selectivity() {
    let Some(bytes) = golden_bytes("assigned_selectivity") else {
        return;
    };
    let golden = Golden::parse(&bytes);
    for case in golden.cases("/") {
        let images = Images::read(&golden, &case);
        let bins = bins_of(&case);
        let mut sums = vec![0.0; images.units * (bins.len() + 1)];
        let mut counts = vec![0; bins.len() + 1];
        for image in 0..images.count {
            let weights =
                BinWeights::new(&bins, images.gt(image), images.gt_size, images.feature_size)
                    .unwrap();
            weights
                .accumulate(images.features(image), &mut sums, true)
                .unwrap();
            for (count, added) in counts.iter_mut().zip(weights.counts()) {
                *count += added;
            }
        }
        let tally = ResponseTally::from_parts(&bins, sums, counts).unwrap();
        let assignment = UnitAssignment::new(images.units, bins.len()).unwrap();
        let layer = tally
            .assigned_selectivity(&assignment, Estimator::Reference)
            .unwrap();
        let expected = golden.f64(&format!("{case}/selectivity"));
        assert_close(&case, &[layer.mean.unwrap()], &expected);
    }
}

/// Names of the metrics in the golden file, and here.
fn named_metrics(errors: &DepthErrors) -> [(&'static str, f64); 11] {
    [
        ("d102", errors.delta_1_02),
        ("d105", errors.delta_1_05),
        ("d110", errors.delta_1_10),
        ("a1", errors.delta_1),
        ("a2", errors.delta_2),
        ("a3", errors.delta_3),
        ("rmse", errors.rmse),
        ("rmse_log", errors.rmse_log),
        ("abs_rel", errors.abs_rel),
        ("sq_rel", errors.sq_rel),
        ("log10", errors.log10),
    ]
}

fn assert_metrics(golden: &Golden<'_>, prefix: &str, errors: &DepthErrors) {
    for (name, found) in named_metrics(errors) {
        let name = format!("{prefix}/{name}");
        assert_close(&name, &[found], &golden.f64(&name));
    }
}

#[test]
fn parity_metrics() {
    let Some(bytes) = golden_bytes("metrics") else {
        return;
    };
    let golden = Golden::parse(&bytes);
    for dataset in golden.cases("/gt") {
        let protocol = match dataset.as_str() {
            "nyuv2" => EvalProtocol::preset("nyu-mff").unwrap(),
            "kitti" => EvalProtocol::preset("kitti-garg").unwrap(),
            other => panic!("no protocol for data set {other:?}"),
        };
        assert_eq!(dataset == "nyuv2", protocol.crop == Crop::None);
        let mut tally = ErrorTally::default();
        for image in 0.. {
            let name = format!("{dataset}/gt{image}");
            if !golden.0.names().contains(&name.as_str()) {
                break;
            }
            let shape = golden.shape(&name);
            let pair = DepthPair {
                pred: &golden.f32(&format!("{dataset}/pred{image}")),
                gt: &golden.f32(&name),
                size: ImageSize::new(shape[2], shape[3]),
            };
            let errors = depth_errors(pair, &protocol).unwrap();
            assert_metrics(&golden, &format!("{dataset}/image{image}"), &errors);
            tally.push(&errors);
        }
        assert_metrics(
            &golden,
            &format!("{dataset}/mean"),
            &tally.summary().unwrap().mean,
        );
    }
}
