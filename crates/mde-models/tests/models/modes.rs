//! What train and eval do to graph, gradients and running averages.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use mde_models::densenet::DenseNetConfig;
use mde_models::layers::{BatchNormConfig, batch_norm2d, batch_norm2d_with};
use mde_models::mff::{MffConfig, mff};
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
    let mut capture = Capture::of(["block1", "D", "Rconv1"]);
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
fn train_moves_every_running_average_and_nothing_else() {
    let model = tiny();
    let before = state(&model);
    model.run(&images(2, 33, 51), Mode::Train);
    for (name, after) in state(&model) {
        assert_eq!(before[&name] != after, is_running(&name), "{name}");
    }
}

/// Trains on the sum of squares of the depth, and finds a finite gradient that is not all 0 for every parameter.
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

/// The large encoders' blocks, in small.
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
        ("senet", MffConfig::on(senet)),
        ("densenet", MffConfig::on(densenet)),
    ] {
        let parameters = Parameters::new(1, &Device::Cpu);
        let config = MffConfig {
            decoder: [16, 12, 8, 8, 8],
            branch: 4,
            ..config
        };
        let model = Built {
            network: Box::new(mff(config, parameters.builder()).unwrap()),
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
    // What a batch's own statistics give does not depend on the running ones.
    assert_eq!(bits(&train), bits(&model.run(&image, Mode::Train)));
    assert_ne!(bits(&eval), bits(&model.run(&image, Mode::Eval)));
}

#[test]
fn running_averages_are_pytorchs() {
    let parameters = Parameters::new(0, &Device::Cpu);
    let norm = batch_norm2d(2, parameters.builder().pp("bn")).unwrap();
    let x: Vec<f32> = (0..12).map(|index| ((index * index) % 7) as f32).collect();
    let x = Tensor::from_vec(x, (2, 2, 1, 3), &Device::Cpu).unwrap();
    norm.forward(&x, Mode::Train).unwrap();
    // Channel 0 holds (0, 1, 4) and (1, 0, 1): mean 7/6, squared deviations 19 - 49/6 = 65/6, unbiased variance 13/6.
    // Channel 1 holds (2, 2, 4) and (4, 2, 2): mean 8/3, squared deviations 48 - 128/3 = 16/3, unbiased variance 16/15.
    let running = |name: &str| values(&parameters.all()[&format!("bn.{name}")]);
    for (found, expected) in [
        (running("running_mean"), [0.7 / 6.0, 0.8 / 3.0]),
        (running("running_var"), [0.9 + 1.3 / 6.0, 0.9 + 1.6 / 15.0]),
    ] {
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-6,
                "{found}, expected {expected}"
            );
        }
    }
    let out = values(&norm.forward(&x, Mode::Eval).unwrap());
    let expected = (4.0 - 0.7 / 6.0) / (0.9f32 + 1.3 / 6.0 + 1e-5).sqrt();
    assert!(
        (out[2] - expected).abs() < 1e-5,
        "{}, expected {expected}",
        out[2]
    );
}

#[test]
fn a_batch_norm_keeps_to_its_own_constants() {
    let parameters = Parameters::new(0, &Device::Cpu);
    let config = BatchNormConfig {
        momentum: 0.25,
        eps: 0.5,
    };
    let norm = batch_norm2d_with(1, config, parameters.builder()).unwrap();
    // Mean 2, unbiased variance 4, biased 2.
    let x = Tensor::new(&[1f32, 3.0, 1.0, 3.0], &Device::Cpu).unwrap();
    let x = x.affine(2f64.sqrt(), 2.0 - 2.0 * 2f64.sqrt()).unwrap();
    let out = norm
        .forward(&x.reshape((1, 1, 2, 2)).unwrap(), Mode::Train)
        .unwrap();
    let close = |found: f32, expected: f32| {
        assert!(
            (found - expected).abs() < 1e-5,
            "{found}, expected {expected}"
        )
    };
    close(values(&out)[0], -(2f32.sqrt()) / 2.5f32.sqrt());
    close(values(&parameters.all()["running_mean"])[0], 0.5);
    close(
        values(&parameters.all()["running_var"])[0],
        0.75 + 0.25 * 8.0 / 3.0,
    );
}
