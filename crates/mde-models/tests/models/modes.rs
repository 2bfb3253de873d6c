//! What train and eval do to graph, gradients and running averages.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use mde_models::layers::batch_norm2d;
use mde_models::{Capture, DepthInput, Mode, Parameters};

use crate::common::{Built, bits, images, tiny, values};

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
    let input = DepthInput::new(images(2, 33, 51));
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

#[test]
fn every_trainable_parameter_gets_a_gradient() {
    let model = tiny();
    let depth = model.run(&images(2, 35, 51), Mode::Train);
    assert!(depth.track_op());
    let gradients = depth.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    let trainable = model.parameters.trainable();
    assert!(trainable.iter().all(|(name, _)| !is_running(name)));
    for (name, var) in &trainable {
        let gradient = gradients
            .get(var)
            .unwrap_or_else(|| panic!("{name} has no gradient"));
        assert_eq!(gradient.dims(), var.dims(), "{name}");
        let gradient = values(gradient);
        assert!(gradient.iter().all(|value| value.is_finite()), "{name}");
        assert!(gradient.iter().any(|&value| value != 0.0), "{name}");
    }
    let statistics = model
        .parameters
        .all()
        .keys()
        .filter(|name| is_running(name))
        .count();
    assert_eq!(model.parameters.all().len(), trainable.len() + statistics);
    let count: usize = trainable.iter().map(|(_, var)| var.elem_count()).sum();
    assert_eq!(model.parameters.count(), count);
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
