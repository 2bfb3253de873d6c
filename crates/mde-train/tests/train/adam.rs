//! The optimiser against its formula, in f64.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor, Var};
use mde_train::{Adam, AdamConfig, TrainError, WeightDecay};

const CONFIG: AdamConfig = AdamConfig {
    beta1: 0.8,
    beta2: 0.95,
    eps: 1e-3,
    decay: WeightDecay::L2(0.1),
};
const START: [f64; 6] = [0.5, -1.5, 2.0, 0.0, -0.25, 3.0];

fn parameter() -> Var {
    Var::from_tensor(&Tensor::from_slice(&START, (2, 3), &Device::Cpu).unwrap()).unwrap()
}

fn adam(parameters: &[(&str, &Var)]) -> Adam {
    let parameters = parameters
        .iter()
        .map(|&(name, var)| (name.to_owned(), var.clone()));
    Adam::new(parameters.collect(), CONFIG).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// A step on `Σ (p³ / 3 - c p)`, whose gradient is p² - c, with a rate and a c that change.
fn step(adam: &mut Adam, parameter: &Var, number: usize) {
    let p = parameter.as_tensor();
    let cube = (p.sqr().unwrap() * p).unwrap();
    let loss = ((cube / 3.0).unwrap() - (p * pull(number)).unwrap()).unwrap();
    let gradients = loss.sum_all().unwrap().backward().unwrap();
    adam.step(&gradients, rate(number)).unwrap();
}

fn pull(number: usize) -> f64 {
    1.0 + number as f64
}

fn rate(number: usize) -> f64 {
    0.1 / (1.0 + number as f64)
}

#[test]
fn decoupled_decay_shrinks_encoder_and_decoder_apart() {
    let config = AdamConfig {
        decay: WeightDecay::Decoupled {
            encoder: 0.3,
            decoder: 0.0,
        },
        ..CONFIG
    };
    for (name, decay) in [
        ("encoder.conv1.weight", 0.3),
        ("E.conv1.weight", 0.3),
        ("decoder.conv1.weight", 0.0),
        ("R.encoder.weight", 0.0),
    ] {
        let var = parameter();
        let mut optimiser = Adam::new(vec![(name.to_owned(), var.clone())], config).unwrap();
        let (mut p, mut m, mut v) = (START, [0.0; 6], [0.0; 6]);
        for number in 0..3 {
            step(&mut optimiser, &var, number);
            let t = number as i32 + 1;
            for i in 0..6 {
                // The gradient is computed before the decay.
                let g = p[i] * p[i] - pull(number);
                m[i] = 0.8 * m[i] + 0.2 * g;
                v[i] = 0.95 * v[i] + 0.05 * g * g;
                let mean = m[i] / (1.0 - 0.8f64.powi(t));
                let square = v[i] / (1.0 - 0.95f64.powi(t));
                p[i] *= 1.0 - rate(number) * decay;
                p[i] -= rate(number) * mean / (square.sqrt() + 1e-3);
            }
            for (found, expected) in values(&var).iter().zip(p) {
                assert!(
                    (found - expected).abs() < 1e-12,
                    "{name}, step {t}: {found}, expected {expected}"
                );
            }
        }
    }
}

#[test]
fn five_steps_are_the_formula() {
    let var = parameter();
    let mut optimiser = adam(&[("p", &var)]);
    let (mut p, mut m, mut v) = (START, [0.0; 6], [0.0; 6]);
    for number in 0..5 {
        step(&mut optimiser, &var, number);
        let t = number as i32 + 1;
        for i in 0..6 {
            let g = p[i] * p[i] - pull(number) + 0.1 * p[i];
            m[i] = 0.8 * m[i] + 0.2 * g;
            v[i] = 0.95 * v[i] + 0.05 * g * g;
            let mean = m[i] / (1.0 - 0.8f64.powi(t));
            let square = v[i] / (1.0 - 0.95f64.powi(t));
            p[i] -= rate(number) * mean / (square.sqrt() + 1e-3);
        }
        for (found, expected) in values(&var).iter().zip(p) {
            assert!(
                (found - expected).abs() < 1e-12,
                "step {t}: {found}, expected {expected}"
            );
        }
    }
    assert_eq!(optimiser.steps(), 5);
    let state = optimiser.state().unwrap();
    for (kind, expected) in [("mean/p", m), ("square/p", v)] {
        for (found, expected) in values(&state[kind]).iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-12,
                "{kind}: {found}, {expected}"
            );
        }
    }
}

#[test]
fn a_parameter_without_a_gradient_stays() {
    let (moved, idle) = (parameter(), parameter());
    let mut optimiser = adam(&[("moved", &moved), ("idle", &idle)]);
    for number in 0..3 {
        step(&mut optimiser, &moved, number);
    }
    // Not even weight decay moves it.
    assert_eq!(values(&idle), START);
    assert_ne!(values(&moved), START);
    let state = optimiser.state().unwrap();
    assert_eq!(values(&state["square/idle"]), [0.0; 6]);
    assert_eq!(state.len(), 4);
}

#[test]
fn a_restored_state_goes_on_the_same() {
    let var = parameter();
    let mut optimiser = adam(&[("p", &var)]);
    for number in 0..3 {
        step(&mut optimiser, &var, number);
    }
    let saved = var.as_detached_tensor().copy().unwrap();
    let state = optimiser.state().unwrap();
    for number in 3..5 {
        step(&mut optimiser, &var, number);
    }

    let other = Var::from_tensor(&saved).unwrap();
    let mut restored = adam(&[("p", &other)]);
    restored.restore(&state, 3, Path::new("there")).unwrap();
    for number in 3..5 {
        step(&mut restored, &other, number);
    }
    assert_eq!(values(&var), values(&other));
    assert_eq!(restored.steps(), 5);

    // Without the step count the correction for the zero start differs.
    let third = Var::from_tensor(&saved).unwrap();
    let mut forgetful = adam(&[("p", &third)]);
    forgetful.restore(&state, 0, Path::new("there")).unwrap();
    step(&mut forgetful, &third, 3);
    step(&mut forgetful, &third, 4);
    assert_ne!(values(&var), values(&third));
}

#[test]
fn a_state_that_does_not_fit_is_an_error_that_names_the_file() {
    let var = parameter();
    let mut optimiser = adam(&[("p", &var)]);
    let whole = optimiser.state().unwrap();
    let turned = |name: &str| whole[name].transpose(0, 1).unwrap();
    let missing: HashMap<_, _> = [("mean/p".to_owned(), whole["mean/p"].clone())].into();
    let mut misshapen = whole.clone();
    misshapen.insert("mean/p".to_owned(), turned("mean/p"));
    for (state, part) in [
        (missing, "square/p is missing, expected [2, 3]"),
        (misshapen, "mean/p is [3, 2], expected [2, 3]"),
    ] {
        let error = optimiser
            .restore(&state, 1, Path::new("the/file"))
            .unwrap_err();
        assert!(
            matches!(error, TrainError::BrokenCheckpoint { .. }),
            "{error}"
        );
        let message = error.to_string();
        assert!(
            message.contains(part) && message.contains("the/file"),
            "{message}"
        );
    }
}

#[test]
fn the_default_is_pytorchs_with_mffs_penalty() {
    let AdamConfig {
        beta1,
        beta2,
        eps,
        decay,
    } = AdamConfig::default();
    assert_eq!((beta1, beta2, eps), (0.9, 0.999, 1e-8));
    assert_eq!(decay, WeightDecay::L2(1e-4));
}
