//! METER XXS with its published weights, against its output and features. Needs `weights/` of the
//! shared data.

use std::path::Path;

use candle_core::{Tensor, pickle};
use mde_models::DepthInput;
use mde_test_kit::real_data;
use mde_tests::{Golden, assert_close, every};

use crate::networks::{TOLERANCE, built, tapped};

/// The published network of one data set. Its output has `per_metre` units per metre.
fn check(weights: &Path, model: &str, data: &str, per_metre: f64) {
    let golden = Golden::open("meter");
    let (network, parameters) = built(model);
    let weights = weights.join(format!("meter_xxs_{data}.pth"));
    let tensors = pickle::read_all(&weights).unwrap();
    parameters
        .load_tensors(&tensors.into_iter().collect(), &weights)
        .unwrap();
    let image = golden.input(&format!("meter/x/{data}"), &[1, 3, 192, 256], -2.0, 2.5);
    let (depth, capture) = tapped(network.as_ref(), &DepthInput::new(image));
    let output = (depth * per_metre).unwrap();
    for name in golden.names() {
        let Some(layer) = name.strip_prefix(&format!("{data}/")) else {
            continue;
        };
        let found = if layer == "output" {
            &output
        } else {
            capture.get(layer).unwrap()
        };
        let expected: &Tensor = golden.tensor(name);
        // The larger maps are stored at every second row and column.
        let step = found.dim(2).unwrap() / expected.dim(2).unwrap();
        assert_close(name, &every(found, step), expected, TOLERANCE);
    }
}

#[test]
fn parity_meter_xxs() {
    let Some(weights) = real_data("weights") else {
        return;
    };
    check(&weights, "meter-xxs", "nyu", 100.0);
    check(&weights, "meter-xxs-kitti", "kitti", 10.0);
}
