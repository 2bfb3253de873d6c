//! Properties of every forward pass, tested on `mff-tiny`; `presets` tests sizes and layers of all.

use mde_models::{Capture, Mode, ModelError, Parameters, Preset, build};

use crate::common::{bits, built, images, input, tiny};

#[test]
fn other_sizes_follow_the_rule() {
    let model = tiny();
    for (height, width) in [(57, 76), (64, 96), (33, 34), (1, 5)] {
        let depth = model.run(&images(1, height, width), Mode::Eval);
        let expected = [1, 1, height.div_ceil(2), width.div_ceil(2)];
        assert_eq!(depth.dims(), expected);
    }
}

#[test]
fn images_of_a_batch_are_independent() {
    let model = tiny();
    let both = images(2, 33, 51);
    let depth = model.run(&both, Mode::Eval);
    for index in 0..2 {
        let alone = model.run(&both.narrow(0, index, 1).unwrap(), Mode::Eval);
        let together = depth.narrow(0, index, 1).unwrap();
        assert_eq!(bits(&alone), bits(&together), "image {index}");
    }
}

#[test]
fn a_forward_pass_is_the_same_every_time() {
    let model = tiny();
    let image = images(2, 33, 51);
    let first = model.run(&image, Mode::Eval);
    assert_eq!(bits(&first), bits(&model.run(&image, Mode::Eval)));
    // Rebuilt from the same seed, and from another.
    assert_eq!(bits(&first), bits(&tiny().run(&image, Mode::Eval)));
    let other = built("mff-tiny", 2);
    assert_ne!(bits(&first), bits(&other.run(&image, Mode::Eval)));
}

#[test]
fn images_of_another_shape_are_an_error() {
    let model = tiny();
    let image = images(1, 33, 51);
    for image in [
        image.narrow(1, 0, 2).unwrap(),
        image.squeeze(0).unwrap(),
        image.narrow(2, 0, 0).unwrap(),
    ] {
        let mut capture = Capture::new(["D"]);
        for mode in [Mode::Eval, Mode::Train] {
            let input = input(image.clone());
            assert!(model.network.forward(&input, mode, &mut capture).is_err());
        }
        assert!(capture.get("D").is_none());
    }
}

#[test]
fn errors_of_unknown_models_and_layers_list_the_known_ones() {
    let parameters = Parameters::new(0, &candle_core::Device::Cpu);
    let error = build("mff-large", &parameters).err().unwrap();
    assert!(matches!(error, ModelError::UnknownModel { .. }));
    let message = error.to_string();
    assert!(message.contains("\"mff-large\""), "{message}");
    for preset in Preset::all() {
        assert!(message.contains(preset.name), "{message}");
    }
    assert!(!message.contains("did you mean"), "{message}");
    assert!(parameters.all().is_empty(), "nothing was built");
    for (name, known) in [
        ("meter_xxs", "meter-xxs"),
        ("METER-S-KITTI", "meter-s-kitti"),
        ("bts-densenet161", "bts-densenet161-nyu"),
    ] {
        let message = Preset::named(name).unwrap_err().to_string();
        assert!(
            message.contains(&format!("did you mean {known}?")),
            "{message}"
        );
    }

    let model = tiny();
    assert_eq!(model.network.layer("MFF").unwrap().units, 32);
    let error = model.network.layer("mff").unwrap_err();
    assert!(matches!(error, ModelError::UnknownLayer { .. }));
    let message = error.to_string();
    assert!(message.contains("did you mean MFF?"), "{message}");
    for layer in model.network.layers() {
        assert!(message.contains(&layer.name), "{message}");
    }
}
