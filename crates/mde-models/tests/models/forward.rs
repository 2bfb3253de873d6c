//! Sizes, names and presets.

use candle_core::Tensor;
use mde_models::{
    Capture, DepthInput, LayerInfo, Mode, ModelError, Parameters, Preset, Probe, build,
};

use crate::common::{bits, built, images, tiny, values};

/// What a probe is shown.
#[derive(Default)]
struct Seen(Vec<(LayerInfo, Vec<usize>)>);

impl Probe for Seen {
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> candle_core::Result<Tensor> {
        self.0.push((layer.clone(), activation.dims().to_vec()));
        Ok(activation)
    }
}

/// Odd and not square; the last block has 3x4 pixels.
const HEIGHT: usize = 67;
const WIDTH: usize = 99;

#[test]
fn every_preset_predicts_half_the_size_rounded_up_and_shows_the_layers_it_lists() {
    for preset in Preset::all() {
        let model = built(preset.name, 1);
        let input = DepthInput::new(images(1, HEIGHT, WIDTH));
        let mut seen = Seen::default();
        let depth = model
            .network
            .forward(&input, Mode::Eval, &mut seen)
            .unwrap();
        assert_eq!(depth.dims(), [1, 1, 34, 50], "{}", preset.name);
        assert!(values(&depth).iter().all(|depth| depth.is_finite()));
        let first = values(&depth)[0];
        assert!(values(&depth).iter().any(|&depth| depth != first));

        let layers: Vec<LayerInfo> = seen.0.iter().map(|(layer, _)| layer.clone()).collect();
        assert_eq!(layers, model.network.layers(), "{}", preset.name);
        for (layer, dims) in &seen.0 {
            let size = [HEIGHT, WIDTH].map(|side| side.div_ceil(layer.stride));
            assert_eq!(
                *dims,
                [1, layer.units, size[0], size[1]],
                "{} {}",
                preset.name,
                layer.name
            );
        }
    }
}

#[test]
fn layers_have_the_names_and_units_of_the_paper() {
    let expected = [
        ("mff-tiny", [32, 64, 128, 256, 32, 32, 64, 64]),
        ("mff-resnet18", [64, 128, 256, 512, 16, 64, 80, 80]),
        ("mff-resnet34", [64, 128, 256, 512, 16, 64, 80, 80]),
        ("mff-resnet50", [256, 512, 1024, 2048, 64, 64, 128, 128]),
    ];
    assert_eq!(
        Preset::all()
            .iter()
            .map(|preset| preset.name)
            .collect::<Vec<_>>(),
        expected.map(|(name, _)| name)
    );
    for (name, units) in expected {
        let model = built(name, 1);
        let layers = model.network.layers();
        let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
        let all = [
            "block1", "block2", "block3", "block4", "D", "MFF", "Rconv0", "Rconv1",
        ];
        assert_eq!(names, all);
        let found: Vec<usize> = layers.iter().map(|layer| layer.units).collect();
        assert_eq!(found, units, "{name}");
    }
}

#[test]
fn other_sizes_keep_the_rule() {
    let model = tiny();
    for (height, width) in [(57, 76), (64, 96), (33, 34), (1, 5)] {
        let depth = model.run(&images(1, height, width), Mode::Eval);
        let expected = [1, 1, height.div_ceil(2), width.div_ceil(2)];
        assert_eq!(depth.dims(), expected);
    }
}

#[test]
fn images_of_a_batch_do_not_see_each_other() {
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
    // Built again from the same seed; from another.
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
        let mut capture = Capture::of(["D"]);
        let input = DepthInput::new(image);
        for mode in [Mode::Eval, Mode::Train] {
            assert!(model.network.forward(&input, mode, &mut capture).is_err());
        }
        assert!(capture.get("D").is_none());
    }
}

#[test]
fn unknown_models_and_layers_are_told_with_the_names_there_are() {
    let parameters = Parameters::new(0, &candle_core::Device::Cpu);
    let error = build("mff-large", &parameters).err().unwrap();
    assert!(matches!(error, ModelError::UnknownModel { .. }));
    let message = error.to_string();
    assert!(message.contains("\"mff-large\""), "{message}");
    for preset in Preset::all() {
        assert!(message.contains(preset.name), "{message}");
    }
    assert!(parameters.all().is_empty(), "nothing was built");

    let model = tiny();
    assert_eq!(model.network.layer("MFF").unwrap().units, 32);
    let error = model.network.layer("mff").unwrap_err();
    assert!(matches!(error, ModelError::UnknownLayer { .. }));
    let message = error.to_string();
    for layer in model.network.layers() {
        assert!(message.contains(&layer.name), "{message}");
    }
}
