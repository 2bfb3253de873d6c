//! The four stages of EfficientNet-Lite0, as the encoder of MFF.

use mde_models::{DepthInput, Parameters};
use mde_test_kit::real_data;
use mde_tests::{Golden, assert_close, every};

use crate::networks::{TOLERANCE, built, tapped};

/// Compares the stages of all sizes. `load` gives the encoder its weights.
fn check(golden: &str, load: impl FnOnce(&Golden, &Parameters)) {
    let Some(golden) = Golden::find(golden) else {
        return;
    };
    let (network, parameters) = built("mff-efficientnet-lite0");
    load(&golden, &parameters);
    for size in golden.cases() {
        let (height, width) = size.split_once('x').unwrap();
        let shape = [1, 3, height.parse().unwrap(), width.parse().unwrap()];
        let image = golden.input(&format!("efficientnet_lite0/x/{size}"), &shape, -2.0, 2.5);
        let (_, capture) = tapped(network.as_ref(), &DepthInput::new(image));
        for name in golden.names() {
            let Some(stage) = name.strip_prefix(&format!("{size}/")) else {
                continue;
            };
            let (stage, step) = stage.split_once("_sub").unwrap();
            let found = every(capture.get(stage).unwrap(), step.parse().unwrap());
            assert_close(name, &found, golden.tensor(name), TOLERANCE);
        }
    }
}

#[test]
fn parity_efficientnet_lite0() {
    check("efficientnet_lite0", |golden, parameters| {
        golden.fill_as(parameters, |name| name.strip_prefix("E."));
    });
}

#[test]
fn parity_efficientnet_lite0_imagenet() {
    let Some(weights) = real_data("weights/tf_efficientnet_lite0_imagenet.safetensors") else {
        return;
    };
    check("efficientnet_lite0_imagenet", |_, parameters| {
        let report = parameters.load_backbone(&weights).unwrap();
        assert!(report.is_match(), "{report}");
    });
}
