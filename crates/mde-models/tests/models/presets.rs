//! Sizes, layers and descriptions of all presets.

use candle_core::Tensor;
use mde_models::{LayerInfo, Mode, Preset};

use crate::common::{Seen, built, images, input, values};

/// Runs a network and compares the visited layers with its list: names, units, and sizes from their
/// strides.
fn check(name: &str, (height, width): (usize, usize), depth_size: (usize, usize)) {
    let model = built(name, 1);
    let mut seen = Seen::default();
    let input = input(images(1, height, width));
    let depth = model
        .network
        .forward(&input, Mode::Eval, &mut seen)
        .unwrap();
    assert_eq!(depth.dims(), [1, 1, depth_size.0, depth_size.1], "{name}");
    assert!(!depth.track_op(), "{name} keeps its graph");
    let depth = values(&depth);
    assert!(depth.iter().all(|depth| depth.is_finite()), "{name}");
    assert!(depth.iter().any(|&value| value != depth[0]), "{name}");

    let layers: Vec<LayerInfo> = seen.0.iter().map(|(layer, _)| layer.clone()).collect();
    assert_eq!(layers, model.network.layers(), "{name}");
    // DenseNet's average pooling drops the last row or column of an odd size.
    let down = name.contains("densenet");
    for (layer, dims) in &seen.0 {
        let size = [height, width].map(|side| {
            if down && layer.name.starts_with("block") {
                side.div_ceil(4) / (layer.stride / 4)
            } else {
                side.div_ceil(layer.stride)
            }
        });
        let expected = [1, layer.units, size[0], size[1]];
        assert_eq!(*dims, expected, "{name} {}", layer.name);
    }
}

/// Odd and not square; MFF's last block has 3x4 pixels.
const ODD: (usize, usize) = (67, 99);

#[test]
fn mff_predicts_half_the_size_rounded_up() {
    for name in names("mff-") {
        check(name, ODD, (34, 50));
    }
}

#[test]
fn bts_predicts_the_whole_size() {
    for name in names("bts-") {
        if name.contains("densenet") {
            check(name, (64, 96), (64, 96));
        } else {
            check(name, ODD, ODD);
        }
    }
}

#[test]
fn meter_predicts_a_quarter_of_the_size() {
    for name in names("meter-") {
        check(name, (64, 128), (16, 32));
        check(name, (61, 125), (16, 32));
    }
}

fn names(prefix: &str) -> Vec<&'static str> {
    let all = Preset::all().into_iter().map(|preset| preset.name);
    let names: Vec<_> = all.filter(|name| name.starts_with(prefix)).collect();
    assert!(!names.is_empty());
    names
}

#[test]
fn layers_have_the_names_and_units_of_the_papers() {
    let mff = [
        "block1", "block2", "block3", "block4", "D", "MFF", "Rconv0", "Rconv1",
    ];
    let bts = [
        "upconv5", "iconv5", "upconv4", "iconv4", "upconv3", "iconv3", "upconv2", "iconv2",
        "upconv1", "iconv1",
    ];
    let meter = [
        "mvit0",
        "mvit1",
        "mvit2",
        "encoder",
        "ups_block_1",
        "ups_block_2",
        "ups_block_3",
    ];
    let large = [512, 512, 256, 256, 128, 128, 64, 64, 32, 32];
    let tiny = [96, 96, 64, 64, 48, 48, 32, 32, 32, 32];
    let table: [(&str, &[&str], &[usize]); 19] = [
        ("mff-tiny", &mff, &[16, 32, 64, 128, 32, 32, 32, 32]),
        (
            "mff-efficientnet-lite0",
            &mff,
            &[24, 40, 112, 320, 32, 64, 96, 96],
        ),
        ("mff-resnet18", &mff, &[64, 128, 256, 512, 16, 64, 80, 80]),
        ("mff-resnet34", &mff, &[64, 128, 256, 512, 16, 64, 80, 80]),
        (
            "mff-resnet50",
            &mff,
            &[256, 512, 1024, 2048, 64, 64, 128, 128],
        ),
        (
            "mff-densenet161",
            &mff,
            &[192, 384, 1056, 2208, 69, 64, 133, 133],
        ),
        (
            "mff-senet154",
            &mff,
            &[256, 512, 1024, 2048, 64, 64, 128, 128],
        ),
        ("bts-tiny-nyu", &bts, &tiny),
        ("bts-tiny-kitti", &bts, &tiny),
        ("bts-resnet50-nyu", &bts, &large),
        ("bts-resnet50-kitti", &bts, &large),
        ("bts-densenet161-nyu", &bts, &large),
        ("bts-densenet161-kitti", &bts, &large),
        ("meter-xxs", &meter, &[48, 64, 80, 160, 32, 16, 8]),
        ("meter-xs", &meter, &[64, 80, 96, 192, 64, 32, 16]),
        ("meter-s", &meter, &[96, 128, 160, 320, 64, 32, 16]),
        ("meter-xxs-kitti", &meter, &[48, 64, 80, 160, 32, 16, 8]),
        ("meter-xs-kitti", &meter, &[64, 80, 96, 192, 64, 32, 16]),
        ("meter-s-kitti", &meter, &[96, 128, 160, 320, 64, 32, 16]),
    ];
    let all = Preset::all();
    assert_eq!(
        all.iter().map(|preset| preset.name).collect::<Vec<_>>(),
        table.map(|(name, ..)| name)
    );
    for (name, layers, units) in table {
        let model = built(name, 1);
        let found = model.network.layers().iter();
        let found: Vec<(&str, usize)> = found
            .map(|layer| (layer.name.as_str(), layer.units))
            .collect();
        let expected: Vec<(&str, usize)> =
            layers.iter().copied().zip(units.iter().copied()).collect();
        assert_eq!(found, expected, "{name}");
        assert!(model.parameters.count() > 0);
    }
}

/// Parameter counts of the encoders from papers and model cards, without classifiers, to the
/// nearest 0.1 million.
#[test]
fn encoders_have_the_published_number_of_parameters() {
    // Without the classifiers of 1000 classes: 25.557 M - 2.049 M, 28.681 M - 2.209 M, 115.089 M -
    // 2.049 M.
    for (model, prefix, expected) in [
        ("mff-resnet50", "E.", 23.508),
        ("mff-densenet161", "E.", 26.472),
        ("bts-densenet161-nyu", "encoder.", 26.472),
        ("mff-senet154", "E.", 113.04),
    ] {
        let trainable = built(model, 1).parameters.trainable();
        let encoder = trainable
            .iter()
            .filter(|(name, _)| name.starts_with(prefix));
        let count: usize = encoder.map(|(_, var)| var.elem_count()).sum();
        let millions = count as f64 / 1e6;
        assert!((millions - expected).abs() < 0.05, "{model}: {millions} M");
    }
}

/// Trainable parameters in millions. Those of XXS are also in the published files, which the other
/// two were not compared with.
#[test]
fn meters_keep_their_number_of_parameters() {
    for (model, expected) in [("meter-xxs", 0.71), ("meter-xs", 1.45), ("meter-s", 3.29)] {
        let millions = built(model, 1).parameters.count() as f64 / 1e6;
        assert!((millions - expected).abs() < 0.01, "{model}: {millions} M");
    }
}

#[test]
fn presets_have_the_depth_range_and_normalisation_of_their_data_set() {
    let image = Tensor::full(0.5f32, (1, 3, 2, 2), &candle_core::Device::Cpu).unwrap();
    for preset in Preset::all() {
        let kitti = preset.name.ends_with("-kitti");
        assert_eq!(preset.max_depth, if kitti { 80.0 } else { 10.0 });
        let normalised = preset.normalise(&image).unwrap();
        if preset.name.starts_with("meter") && kitti {
            assert_eq!((preset.mean, preset.std), ([0.0; 3], [1.0; 3]));
            assert_eq!(values(&normalised), values(&image));
        } else {
            assert_eq!(preset.mean, [0.485, 0.456, 0.406], "{}", preset.name);
            assert_eq!(preset.std, [0.229, 0.224, 0.225], "{}", preset.name);
            assert!((values(&normalised)[0] - (0.5 - 0.485) / 0.229).abs() < 1e-6);
        }
        assert!(!preset.summary.is_empty());
    }
}

/// Each preset accepts its evaluation size, including METER's division into patches.
#[test]
fn small_presets_accept_their_evaluation_size() {
    for name in [
        "mff-tiny",
        "bts-tiny-nyu",
        "bts-tiny-kitti",
        "meter-xxs",
        "meter-xxs-kitti",
    ] {
        let (height, width) = Preset::named(name).unwrap().input;
        let image = images(1, height, width);
        built(name, 1).run(&image, Mode::Eval);
    }
}
