//! Three training steps of MFF-ResNet-50 with assignment, against losses, gradients and parameters.
//!
//! The golden file's README states tolerances of 1e-3 for gradients and losses and 2e-5 for
//! parameters. Only the run that made the file meets them. In training mode, batch norm over a few
//! dozen values amplifies float32 rounding to 1e-3 of the prediction. This flips ReLU masks and the
//! signs of near-zero Sobel differences. PyTorch in float64, and PyTorch in float32 with one thread
//! or without oneDNN, exceed the stated tolerances, too (table in `docs/deviations.md`). Our
//! float64 forward pass agrees with PyTorch's float64 to 2e-12. The bounds below are two to three
//! times the differences between PyTorch's own variants. The first loss must agree to 1e-5.

use candle_core::{DType, Device, Tensor};
use mde_metrics::Discretisation;
use mde_models::{DepthInput, Parameters};
use mde_results::{AssignmentConfig, StepRecord};
use mde_tests::{Golden, assert_relative};
use mde_train::{AdamConfig, DepthLoss, StepAt, Trainer};

/// Tolerance of the first step's losses, before an update amplifies rounding.
const FIRST_LOSS: f64 = 1e-5;
/// Tolerance of the losses after an update.
const LATER_LOSS: f64 = 1e-2;
/// Absolute tolerance of selectivities, which are near 0 in a random network.
const SELECTIVITY: f64 = 5e-3;
/// Tolerance of gradient norms: the largest and the median relative difference.
const GRADIENT_NORM: (f64, f64) = (8e-2, 6e-3);
/// Smallest cosine between a gradient and the golden one.
const COSINE: f64 = 0.97;
/// Tolerance of parameters, mean absolute difference after three steps of at most 1e-4 each.
const PARAMETER: f64 = 1.5e-4;
/// The same for running statistics.
const STATISTIC: f64 = 5e-3;

fn values(tensor: &Tensor, count: usize) -> Vec<f64> {
    let flat = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
    flat.narrow(0, 0, count).unwrap().to_vec1().unwrap()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

fn check_losses(golden: &Golden, step: u64, record: &StepRecord) {
    let expect = |name: &str| golden.scalar(&format!("step{step}/{name}"));
    let tolerance = if step == 0 { FIRST_LOSS } else { LATER_LOSS };
    assert_relative("loss", record.loss, expect("loss"), tolerance);
    assert_relative("base loss", record.base, expect("base_loss"), tolerance);
    let selectivity: f64 = record.selectivity.values().sum();
    let allowed = if step == 0 {
        SELECTIVITY / 50.0
    } else {
        10.0 * SELECTIVITY
    };
    let difference = (selectivity - expect("selectivity")).abs();
    assert!(
        difference < allowed,
        "selectivity at step {step} is off by {difference}"
    );
}

fn check_gradients(
    golden: &Golden,
    parameters: &Parameters,
    gradients: &candle_core::backprop::GradStore,
) {
    let mut differences = Vec::new();
    for (name, var) in parameters.trainable() {
        let gradient = gradients.get(&var).unwrap();
        let expected = golden.scalar(&format!("gradnorm/{name}"));
        let found = norm(&values(gradient, gradient.elem_count()));
        differences.push(((found - expected).abs() / expected, name.clone()));
        if let Some(expected) = golden.get(&format!("grad/{name}")) {
            let expected = values(expected, expected.elem_count());
            let found = values(gradient, expected.len());
            let dot: f64 = found
                .iter()
                .zip(&expected)
                .map(|(found, expected)| found * expected)
                .sum();
            let cosine = dot / norm(&found) / norm(&expected);
            assert!(cosine > COSINE, "gradient of {name}: cosine {cosine}");
        }
    }
    differences.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (largest, name) = differences.last().unwrap();
    assert!(
        *largest < GRADIENT_NORM.0,
        "norm of the gradient of {name} is off by {largest:e}"
    );
    let median = differences[differences.len() / 2].0;
    assert!(
        median < GRADIENT_NORM.1,
        "half of the gradient norms are off by {median:e} or more"
    );
}

#[test]
fn parity_train_mff_resnet50() {
    let golden = Golden::open("train_mff_resnet");
    let parameters = Parameters::new(0, &Device::Cpu);
    let assignment = AssignmentConfig {
        alpha: 0.1,
        layers: vec!["D".into(), "MFF".into()],
        discretisation: Discretisation::NYU,
        max_bins: 64,
    };
    let mut trainer = Trainer::new(
        "mff-resnet50",
        parameters.clone(),
        AdamConfig::default(),
        DepthLoss::Mff,
        Some(&assignment),
    )
    .unwrap();
    golden.fill(&parameters);
    for step in 0..3 {
        let images = golden.input(&format!("train/x{step}"), &[2, 3, 96, 128], -2.0, 2.5);
        let depths = golden.input(&format!("train/d{step}"), &[2, 1, 48, 64], 0.4, 9.5);
        let at = StepAt {
            step: step + 1,
            epoch: 1,
            learning_rate: 1e-4,
        };
        let (record, gradients) = trainer
            .gradients(&DepthInput::new(images), &depths, &[], at)
            .unwrap();
        trainer.update(&gradients, at.learning_rate).unwrap();
        check_losses(&golden, step, &record);
        if step == 0 {
            check_gradients(&golden, &parameters, &gradients);
        }
    }
    let all = parameters.all();
    for name in golden
        .names()
        .into_iter()
        .filter_map(|name| name.strip_prefix("after3/"))
    {
        let expected = golden.tensor(&format!("after3/{name}"));
        let expected = values(expected, expected.elem_count());
        let found = values(&all[name], expected.len());
        let sum: f64 = found
            .iter()
            .zip(&expected)
            .map(|(found, expected)| (found - expected).abs())
            .sum();
        let difference = sum / expected.len() as f64;
        let allowed = if name.contains("running") {
            STATISTIC
        } else {
            PARAMETER
        };
        assert!(
            difference < allowed,
            "{name}: mean absolute difference {difference:e}"
        );
    }
}
