//! Effects of train and eval mode on the graph, gradients and running averages.

use std::collections::BTreeMap;

use candle_core::Device;
use mde_models::densenet::DenseNetConfig;
use mde_models::mff::{Mff, MffConfig};
use mde_models::senet::SeNetConfig;
use mde_models::{Capture, Mode, Parameters};

use crate::common::{Built, bits, built, images, input, tiny, values};

fn state(model: &Built) -> BTreeMap<String, Vec<u32>> {
    let all = model.parameters.all();
    all.iter()
        .map(|(name, var)| (name.clone(), bits(var)))
        .collect()
}

fn is_running(name: &str) -> bool {
    name.ends_with("running_mean") || name.ends_with("running_var")
}

#[test]
fn eval_keeps_no_graph_and_changes_nothing() {
    let model = tiny();
    let before = state(&model);
    let mut capture = Capture::new(["block1", "D", "Rconv1"]);
    let input = input(images(2, 33, 51));
    let depth = model
        .network
        .forward(&input, Mode::Eval, &mut capture)
        .unwrap();
    assert!(!depth.track_op());
    for layer in ["block1", "D", "Rconv1"] {
        assert!(!capture.get(layer).unwrap().track_op(), "{layer}");
    }
    assert_eq!(before, state(&model));
}

#[test]
fn train_updates_only_the_running_averages() {
    let model = tiny();
    let before = state(&model);
    model.run(&images(2, 33, 51), Mode::Train);
    for (name, after) in state(&model) {
        assert_eq!(before[&name] != after, is_running(&name), "{name}");
    }
}

/// Differentiates the sum of squared depths and checks that every parameter has a finite, nonzero
/// gradient.
fn check_gradients(name: &str, model: &Built, height: usize, width: usize) {
    let depth = model.run(&images(2, height, width), Mode::Train);
    assert!(depth.track_op());
    let gradients = depth.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    let trainable = model.parameters.trainable();
    assert!(trainable.iter().all(|(name, _)| !is_running(name)));
    for (parameter, var) in &trainable {
        let parameter = format!("{name}: {parameter}");
        let gradient = gradients
            .get(var)
            .unwrap_or_else(|| panic!("{parameter} has no gradient"));
        assert_eq!(gradient.dims(), var.dims(), "{parameter}");
        let gradient = values(gradient);
        assert!(
            gradient.iter().all(|value| value.is_finite()),
            "{parameter}"
        );
        assert!(gradient.iter().any(|&value| value != 0.0), "{parameter}");
    }
    let all = model.parameters.all();
    let statistics = all.keys().filter(|name| is_running(name)).count();
    assert_eq!(all.len(), trainable.len() + statistics);
    let count: usize = trainable.iter().map(|(_, var)| var.elem_count()).sum();
    assert_eq!(model.parameters.count(), count);
}

#[test]
fn every_trainable_parameter_gets_a_gradient() {
    check_gradients("mff-tiny", &tiny(), 35, 51);
    for (name, height, width) in [
        ("bts-tiny-nyu", 33, 51),
        ("bts-tiny-kitti", 35, 67),
        ("meter-xxs", 61, 125),
        ("mff-densenet161", 35, 51),
    ] {
        check_gradients(name, &built(name, 1), height, width);
    }
}

/// The blocks of the large encoders in small networks.
#[test]
fn every_trainable_parameter_of_small_encoders_gets_a_gradient() {
    let senet = SeNetConfig {
        stages: [2, 1, 1, 2],
        width: 8,
        groups: 4,
        reduction: 4,
    };
    let densenet = DenseNetConfig {
        stem: 8,
        growth: 4,
        layers: [2, 1, 2, 1],
    };
    for (name, config) in [
        ("senet", MffConfig::with_encoder(senet)),
        ("densenet", MffConfig::with_encoder(densenet)),
    ] {
        let parameters = Parameters::new(1, &Device::Cpu);
        let config = MffConfig {
            decoder: [16, 12, 8, 8, 8],
            branch: 4,
            ..config
        };
        let model = Built {
            network: Box::new(Mff::new(config, parameters.builder()).unwrap()),
            parameters,
        };
        check_gradients(name, &model, 67, 99);
    }
}

#[test]
fn train_uses_the_batchs_statistics_and_eval_the_running_ones() {
    let model = tiny();
    let image = images(2, 33, 51);
    let train = model.run(&image, Mode::Train);
    let eval = model.run(&image, Mode::Eval);
    assert_ne!(bits(&train), bits(&eval));
    // In train mode the output does not depend on the running averages.
    assert_eq!(bits(&train), bits(&model.run(&image, Mode::Train)));
    assert_ne!(bits(&eval), bits(&model.run(&image, Mode::Eval)));
}
