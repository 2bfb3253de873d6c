//! Runs that are refused or stopped.

use std::fs;

use candle_core::Device;
use mde_datasets::MffGeometry;
use mde_results::AssignmentConfig;
use mde_train::{RunConfig, Schedule, TrainError, TrainOptions, WeightDecay, train};

use crate::common::{Data, assigned, end, newest, path, plain, records, undisturbed, usual};

type Change = fn(&mut RunConfig);

#[test]
fn another_configuration_is_another_run() {
    let data = Data::new();
    data.train_killed_after(1, "run", &plain());
    let records = path(&data.folder("run"), "metrics.jsonl");
    let expected = fs::read(&records).unwrap();
    let changes: [(&str, Change); 9] = [
        ("model", |config| config.model = "mff-resnet18".to_owned()),
        ("seed", |config| config.seed += 1),
        ("data", |config| {
            config.data.fingerprint = "ff".to_owned();
            config.data.images += 1;
        }),
        ("batch_size", |config| config.batch_size += 1),
        ("steps", |config| config.steps += 1),
        ("learning_rate", |config| config.learning_rate *= 2.0),
        ("schedule", |config| {
            config.schedule = Schedule::Polynomial {
                power: 0.9,
                end_factor: 0.0,
            }
        }),
        ("adam", |config| config.adam.decay = WeightDecay::L2(0.0)),
        ("assignment", |config| {
            config.assignment = assigned(0.1).assignment
        }),
    ];
    for (expected_setting, change) in changes {
        let mut config = plain();
        change(&mut config);
        let error = data.train("run", &config).unwrap_err();
        let message = error.to_string();
        let TrainError::OtherRun {
            setting,
            found,
            asked,
            ..
        } = error
        else {
            panic!("{message}");
        };
        assert!(
            setting.starts_with(expected_setting),
            "{setting}, expected {expected_setting}"
        );
        assert_ne!(found, asked);
        for part in [
            &setting,
            &found,
            &asked,
            &data.folder("run").path().display().to_string(),
        ] {
            assert!(message.contains(part.as_str()), "{message}");
        }
    }
    assert_eq!(fs::read(&records).unwrap(), expected);
}

#[test]
fn a_seed_is_named_before_what_follows_from_it() {
    let data = Data::new();
    data.train_killed_after(1, "run", &plain());
    let mut config = assigned(0.1);
    config.seed += 1;
    config.learning_rate = 1.0;
    let error = data.train("run", &config).unwrap_err();
    assert!(matches!(error, TrainError::OtherRun { setting, .. } if setting == "seed"));
}

#[test]
fn settings_that_cannot_be_used_are_refused_before_anything_is_written() {
    let data = Data::new();
    let with = |change: fn(&mut RunConfig)| {
        let mut config = plain();
        change(&mut config);
        config
    };
    let assignment = |change: fn(&mut AssignmentConfig)| {
        let mut config = assigned(0.1);
        change(config.assignment.as_mut().unwrap());
        config
    };
    for (config, part) in [
        (with(|config| config.steps = 0), "steps"),
        (with(|config| config.learning_rate = 0.0), "learning-rate"),
        (
            with(|config| config.learning_rate = f64::NAN),
            "learning-rate",
        ),
        (with(|config| config.model = "mff".to_owned()), "mff-tiny"),
        (assignment(|config| config.alpha = f64::INFINITY), "alpha"),
        (assignment(|config| config.layers.clear()), "layers"),
        (
            assignment(|config| config.layers.push("D".to_owned())),
            "twice",
        ),
        (
            assignment(|config| config.layers.push("E".to_owned())),
            "Rconv1",
        ),
        (assignment(|config| config.max_bins = 1), "bins"),
    ] {
        let message = data.train("run", &config).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
        assert!(!data.folder("run").path().exists(), "{message}");
    }
    let options = TrainOptions {
        checkpoint_every: 0,
        accept_changed_data: false,
    };
    let (loader, folder) = (data.loader(7, 2), data.folder("run"));
    let lock = folder.lock_training().unwrap();
    let error = train(
        &plain(),
        &loader,
        &folder,
        &lock,
        &Device::Cpu,
        options,
        &mut |_| {},
    );
    drop(lock);
    assert!(matches!(error, Err(TrainError::Setting { .. })));
    assert!(!folder.path().exists());
}

#[test]
fn a_loader_that_does_not_follow_the_configuration_is_refused() {
    let data = Data::new();
    let options = TrainOptions {
        checkpoint_every: 1,
        accept_changed_data: false,
    };
    let folder = data.folder("run");
    for loader in [data.loader(8, 2), data.loader(7, 3)] {
        let lock = folder.lock_training().unwrap();
        let result = train(
            &plain(),
            &loader,
            &folder,
            &lock,
            &Device::Cpu,
            options,
            &mut |_| {},
        );
        drop(lock);
        assert!(matches!(result, Err(TrainError::Setting { .. })));
        assert!(!folder.path().exists());
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_with_what_to_do() {
    let data = Data::new();
    let mut config = plain();
    config.learning_rate = 1e30;
    let error = data.train("run", &config).unwrap_err();
    let message = error.to_string();
    let TrainError::NonFiniteLoss {
        step,
        images,
        checkpoint,
        ..
    } = error
    else {
        panic!("{message}");
    };
    assert_eq!(images.len(), 2);
    let folder = data.folder("run");
    // Nothing of that step is kept. The message names the last checkpoint.
    assert_eq!(records(&folder).len() as u64, step - 1);
    assert_eq!(newest(&folder).unwrap_or(0), checkpoint);
    assert!(message.contains("learning rate"), "{message}");
}

#[test]
fn a_broken_configuration_is_an_error_that_names_the_file() {
    let data = Data::new();
    data.train_killed_after(1, "run", &plain());
    let folder = data.folder("run");
    let config = path(&folder, "config.json");
    let whole = fs::read(&config).unwrap();
    fs::write(&config, &whole[..whole.len() / 2]).unwrap();
    for error in [
        data.train("run", &plain()).unwrap_err(),
        RunConfig::read(&folder).unwrap_err(),
    ] {
        assert!(matches!(error, TrainError::Json { .. }), "{error}");
        assert!(
            error.to_string().contains(&config.display().to_string()),
            "{error}"
        );
    }
}

#[test]
fn an_image_that_cannot_be_read_is_an_error_that_names_it() {
    let data = Data::new();
    let image = path(&data.folder("."), "3.png");
    let whole = fs::read(&image).unwrap();
    fs::write(&image, &whole[..whole.len() / 2]).unwrap();
    let error = data.train("run", &usual()).unwrap_err();
    assert!(matches!(error, TrainError::Data(_)), "{error}");
    assert!(error.to_string().contains("3.png"), "{error}");
    // Once the image is restored, the run continues and ends as usual.
    fs::write(&image, whole).unwrap();
    data.train("run", &usual()).unwrap();
    assert!(&end(&data.folder("run")) == undisturbed());
}

/// A report on DeepLab (jfzhang95/pytorch-deeplab-xception, issue 41): PyTorch refuses it.
#[test]
fn batch_norm_over_a_single_pixel_stops_the_run_before_anything_is_written() {
    let data = Data::new();
    // The encoder halves 29 pixels five times: its last maps are 1x1.
    let geometry = MffGeometry {
        shorter_side: 30,
        crop: (29, 29),
        target: (15, 15),
    };
    for (batch, refused) in [(1, true), (2, false)] {
        let mut config = plain();
        (config.batch_size, config.steps) = (batch, 1);
        let loader = data.loader_of(geometry, config.seed, batch);
        let folder = data.folder(&format!("run-{batch}"));
        let lock = folder.lock_training().unwrap();
        let options = TrainOptions {
            checkpoint_every: 1,
            accept_changed_data: false,
        };
        let device = &Device::Cpu;
        let result = train(
            &config,
            &loader,
            &folder,
            &lock,
            device,
            options,
            &mut |_| {},
        );
        drop(lock);
        if !refused {
            result.unwrap();
            continue;
        }
        let message = result.unwrap_err().to_string();
        for part in [
            "1, 1] has 1 value per channel",
            "at least 2",
            "larger batch",
        ] {
            assert!(message.contains(part), "{message}");
        }
        assert!(!folder.has_config());
        assert!(!path(&folder, "metrics.jsonl").exists());
    }
}
