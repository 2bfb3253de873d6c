//! Single steps, and what an assignment changes in a run.

use candle_core::{Device, Tensor};
use mde_losses::{assigned_selectivity, mff_loss};
use mde_metrics::Discretisation;
use mde_models::{Capture, DepthInput, Mode, Parameters, build};
use mde_results::{AssignmentConfig, StepRecord};
use mde_train::{RunConfig, StepAt, TrainError, Trainer, layer_assignments};

use crate::common::{Data, EPOCH, STEPS, assigned, bits, end, plain, records};

fn trainer(config: &RunConfig) -> Trainer {
    let parameters = Parameters::new(config.seed, &Device::Cpu);
    Trainer::new(
        &config.model,
        parameters,
        config.adam,
        config.loss,
        config.assignment.as_ref(),
    )
    .unwrap()
}

fn at(step: u64) -> StepAt {
    StepAt {
        step,
        epoch: 1,
        learning_rate: 1e-3,
    }
}

/// The first batch of the data: images, depths, ids.
fn batch(data: &Data) -> (Tensor, Tensor, Vec<String>) {
    let batch = data.loader(7, 2).epoch(1, 0).next().unwrap().unwrap();
    let images = batch.image_tensor(&Device::Cpu).unwrap();
    let depths = batch.depth_tensor(&Device::Cpu).unwrap();
    (images, depths, batch.ids)
}

fn ids(depths: &Tensor) -> Vec<String> {
    (0..depths.dim(0).unwrap())
        .map(|index| format!("image{index}"))
        .collect()
}

fn step(trainer: &mut Trainer, images: &Tensor, depths: &Tensor, number: u64) -> StepRecord {
    trainer
        .step(
            &DepthInput::new(images.clone()),
            depths,
            &ids(depths),
            at(number),
        )
        .unwrap()
}

#[test]
fn the_loss_is_the_base_loss_less_alpha_times_the_selectivities() {
    let (images, depths, _) = batch(&Data::new());
    let config = assigned(0.3);
    let record = step(&mut trainer(&config), &images, &depths, 1);

    let parameters = Parameters::new(config.seed, &Device::Cpu);
    let network = build(&config.model, &parameters).unwrap();
    let mut capture = Capture::new(["D", "MFF"]);
    let pred = network
        .forward(&DepthInput::new(images), Mode::Train, &mut capture)
        .unwrap();
    let number = |tensor: Tensor| f64::from(tensor.to_scalar::<f32>().unwrap());
    let base = number(mff_loss(&pred, &depths).unwrap());
    assert_eq!(record.base, base);
    let mut loss = base;
    let assignment = config.assignment.unwrap();
    let chosen = layer_assignments(&assignment, network.as_ref()).unwrap();
    assert_eq!(chosen.len(), 2);
    for chosen in chosen {
        assert_eq!((chosen.bins.len(), chosen.units.units()), (8, 32));
        let features = capture.get(&chosen.layer).unwrap();
        let value = assigned_selectivity(features, &depths, &chosen.bins, &chosen.units);
        let value = number(value.unwrap());
        assert_eq!(record.selectivity[&chosen.layer], value);
        loss -= 0.3 * value;
    }
    assert_eq!(record.selectivity.len(), 2);
    assert!((record.loss - loss).abs() < 1e-6, "{} {loss}", record.loss);
}

#[test]
fn a_layer_has_at_most_as_many_bins_as_units() {
    let network = trainer_network();
    let config = |max_bins| AssignmentConfig {
        alpha: 0.1,
        layers: vec!["D".to_owned(), "block4".to_owned()],
        discretisation: Discretisation::NYU,
        max_bins,
    };
    let bins = |max_bins| -> Vec<usize> {
        let assignments = layer_assignments(&config(max_bins), network.as_ref()).unwrap();
        assignments
            .iter()
            .map(|assignment| assignment.bins.len())
            .collect()
    };
    assert_eq!(bins(64), [32, 64]);
    assert_eq!(bins(2), [2, 2]);
}

fn trainer_network() -> Box<dyn mde_models::DepthNet> {
    build("mff-tiny", &Parameters::new(0, &Device::Cpu)).unwrap()
}

#[test]
fn training_lowers_the_loss() {
    let (images, depths, _) = batch(&Data::new());
    let mut trainer = trainer(&plain());
    let losses: Vec<f64> = (1..=6)
        .map(|number| step(&mut trainer, &images, &depths, number).loss)
        .collect();
    assert!(losses[5] < losses[0] - 0.2, "{losses:?}");
}

#[test]
fn a_negative_alpha_lowers_selectivity_and_a_positive_one_raises_it() {
    let (images, depths, _) = batch(&Data::new());
    let after = |alpha| {
        let mut trainer = trainer(&assigned(alpha));
        let mut last = None;
        for number in 1..=4 {
            last = Some(step(&mut trainer, &images, &depths, number));
        }
        last.unwrap().selectivity
    };
    let (lowered, neutral, raised) = (after(-3.0), after(0.0), after(3.0));
    for layer in ["D", "MFF"] {
        let (lowered, neutral, raised) = (lowered[layer], neutral[layer], raised[layer]);
        assert!(
            lowered < neutral - 0.01 && neutral < raised - 0.01,
            "{layer}: {lowered}, {neutral}, {raised}"
        );
    }
}

#[test]
fn a_prediction_of_another_size_is_resized_to_the_target() {
    let (images, depths, _) = batch(&Data::new());
    let record = step(&mut trainer(&plain()), &images, &depths, 1);
    let large = mde_ops::resize_bilinear(&depths, 29, 38).unwrap();
    let other = step(&mut trainer(&plain()), &images, &large, 1);
    assert!(other.loss.is_finite() && other.loss != record.loss);
}

#[test]
fn a_batch_without_depth_is_an_error_that_names_the_images() {
    let (images, depths, _) = batch(&Data::new());
    let mut trainer = trainer(&plain());
    let before = trainer.parameters().trainable();
    let before: Vec<_> = before.iter().map(|(_, var)| bits(var)).collect();
    let none = depths.zeros_like().unwrap();
    let error = trainer
        .step(&DepthInput::new(images.clone()), &none, &ids(&none), at(4))
        .unwrap_err();
    assert!(matches!(error, TrainError::Loss { step: 4, .. }), "{error}");
    assert!(error.to_string().contains("image0, image1"), "{error}");
    let after = trainer.parameters().trainable();
    assert!(after.iter().map(|(_, var)| bits(var)).eq(before));
}

#[test]
fn a_loss_that_is_not_finite_moves_nothing() {
    let (images, depths, _) = batch(&Data::new());
    let mut trainer = trainer(&plain());
    let before: Vec<_> = trainer
        .parameters()
        .trainable()
        .iter()
        .map(|(_, var)| bits(var))
        .collect();
    let images = (images * f64::NAN).unwrap();
    let record = step(&mut trainer, &images, &depths, 1);
    assert!(!record.loss.is_finite());
    let after = trainer.parameters().trainable();
    assert!(after.iter().map(|(_, var)| bits(var)).eq(before));
}

/// Both runs begin with the same weights and see the same batches: only the assignment differs.
#[test]
fn runs_differ_by_their_assignment_alone() {
    let data = Data::new();
    for (name, config) in [
        ("plain", plain()),
        ("zero", assigned(0.0)),
        ("assigned", assigned(0.1)),
    ] {
        let config = RunConfig { steps: 2, ..config };
        data.train(name, &config).unwrap();
    }
    let [plain, zero, assigned] = ["plain", "zero", "assigned"].map(|name| data.folder(name));

    assert_eq!(end(&plain).weights.len(), end(&zero).weights.len());
    assert!(
        end(&plain).weights == end(&zero).weights,
        "alpha 0 is a plain run"
    );
    assert!(end(&plain).weights != end(&assigned).weights);
    let (plain, zero, assigned) = (records(&plain), records(&zero), records(&assigned));
    for (plain, zero) in plain.iter().zip(&zero) {
        assert_eq!((plain.loss, plain.base), (zero.loss, zero.base));
        assert!(plain.selectivity.is_empty());
        assert_eq!(zero.selectivity.len(), 2);
    }
    assert_eq!(plain[0].base, assigned[0].base);
    assert_eq!(zero[0].selectivity, assigned[0].selectivity);
    assert_ne!(plain[1].base, assigned[1].base);
}

#[test]
fn records_count_steps_and_epochs_and_follow_the_schedule() {
    let data = Data::new();
    let mut seen = Vec::new();
    data.train_watched("run", &plain(), &mut |record| seen.push(record.clone()))
        .unwrap();
    let records = records(&data.folder("run"));
    assert_eq!(records, seen);
    assert_eq!(records.len() as u64, STEPS);
    for (index, record) in records.iter().enumerate() {
        let index = index as u64;
        assert_eq!(record.step, index + 1);
        assert_eq!(record.epoch, index / EPOCH + 1);
        // Halved at the start of every second epoch.
        let rate = if index < EPOCH { 1e-3 } else { 5e-4 };
        assert_eq!(record.learning_rate, rate);
    }
}
