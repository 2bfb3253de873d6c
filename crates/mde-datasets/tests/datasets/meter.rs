//! METER's transforms: pixels of the targets, flips, colours, odd sizes.

use image::{Rgb, RgbImage};
use mde_datasets::{
    DataKind, DataSpec, DatasetError, DepthMap, Example, ExampleBatch, IMAGENET_MEAN, IMAGENET_STD,
    MeterInput, Normalisation, Preprocessing, Sample, Split, sample_rng,
};

use crate::common::real_data;

/// A frame whose depths identify their pixels, exactly in f32.
fn frame(height: usize, width: usize) -> Sample {
    let rgb = RgbImage::from_fn(width as u32, height as u32, |x, y| {
        Rgb([(x / 3) as u8, (y / 2) as u8, 128])
    });
    Sample {
        id: "frame".to_owned(),
        rgb,
        depth: DepthMap {
            height,
            width,
            metres: (1..=height * width).map(|i| i as f32).collect(),
        },
        focal: Some(500.0),
    }
}

fn train(sample: Sample, input: MeterInput, seed: u64) -> Example {
    let transform = Preprocessing::Meter(input).training();
    let example = transform
        .apply(sample, &mut sample_rng(seed, 0, 0))
        .unwrap();
    assert_eq!(example.image_size, transform.input_size());
    assert_eq!(example.depth.size(), transform.target_size());
    example
}

fn eval(sample: Sample, input: MeterInput) -> Example {
    let transform = Preprocessing::Meter(input).evaluation();
    transform.apply(sample, &mut sample_rng(0, 0, 0)).unwrap()
}

#[test]
fn ground_truth_is_the_nearest_pixel_at_the_inputs_size() {
    let example = eval(frame(480, 640), MeterInput::nyu());
    assert_eq!(
        (example.image_size, example.depth.size()),
        ((192, 256), (192, 256))
    );
    assert_eq!(example.image.len(), 3 * 192 * 256);
    for (y, x, row, column) in [
        (0, 0, 1, 1),
        (1, 1, 3, 3),
        (2, 3, 6, 8),
        (191, 255, 478, 638),
    ] {
        assert_eq!(
            example.depth.metres[y * 256 + x],
            (row * 640 + column + 1) as f32
        );
    }
    assert_eq!(example.focal, Some(500.0));
}

#[test]
fn the_target_is_every_second_pixel_of_the_ground_truth_flipped_or_not() {
    for (input, from) in [
        (MeterInput::nyu(), (480, 640)),
        (
            MeterInput {
                size: (37, 53),
                normalisation: Normalisation::ImageNet,
            },
            (101, 203),
        ),
    ] {
        let (height, width) = input.size;
        let gt = eval(frame(from.0, from.1), input);
        let mut flips = 0;
        for seed in 0..60 {
            let example = train(frame(from.0, from.1), input, seed);
            assert_eq!(
                example.depth.size(),
                (height.div_ceil(2), width.div_ceil(2))
            );
            let flip = example.depth.metres[0] != gt.depth.metres[0];
            flips += usize::from(flip);
            let column = |x: usize| if flip { width - 1 - x } else { x };
            for (i, row) in example.depth.metres.chunks(width.div_ceil(2)).enumerate() {
                for (j, &metres) in row.iter().enumerate() {
                    assert_eq!(metres, gt.depth.metres[2 * i * width + column(2 * j)]);
                }
            }
            for (to, from) in example.image.chunks(width).zip(gt.image.chunks(width)) {
                assert!((0..width).all(|x| to[x] == from[column(x)]));
            }
        }
        assert!((15..=45).contains(&flips), "{flips} of 60");
    }
}

#[test]
fn dissection_uses_every_second_pixel_of_the_evaluations_ground_truth() {
    let recipe = Preprocessing::Meter(MeterInput::nyu());
    let transform = recipe.dissection();
    let rng = &mut sample_rng(0, 0, 0);
    let example = transform.apply(frame(480, 640), rng).unwrap();
    assert_eq!(transform.target_size(), (96, 128));
    let gt = eval(frame(480, 640), MeterInput::nyu());
    assert_eq!(example.depth, gt.depth.every_second());
    assert_eq!(example.image, gt.image);
    // The picture is larger than the depth.
    assert_eq!(example.rgb.as_ref().unwrap().len(), 192 * 256 * 3);
    let batch = ExampleBatch::collate(vec![example]).unwrap();
    assert_eq!(batch.picture(0).unwrap().0, (192, 256));
    assert_eq!(batch.picture(1), None);
    assert_eq!(gt.rgb.unwrap().len(), 192 * 256 * 3);
}

#[test]
fn colours_are_normalised_as_the_input_states() {
    let rgb = RgbImage::from_pixel(20, 10, Rgb([0, 51, 255]));
    let sample = Sample {
        rgb,
        ..frame(10, 20)
    };
    let expected = [0.0, 0.2, 1.0];
    for normalisation in [Normalisation::UnitRange, Normalisation::ImageNet] {
        let size = (5, 9);
        let example = eval(
            sample.clone(),
            MeterInput {
                size,
                normalisation,
            },
        );
        for channel in 0..3 {
            let value = match normalisation {
                Normalisation::UnitRange => expected[channel],
                Normalisation::ImageNet => {
                    (expected[channel] - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel]
                }
            };
            let plane = &example.image[channel * 45..][..45];
            assert!(
                plane.iter().all(|v| (v - value).abs() < 1e-6),
                "{plane:?} for {value}"
            );
        }
    }
    assert_eq!(MeterInput::kitti().normalisation, Normalisation::UnitRange);
    assert_eq!(MeterInput::nyu().normalisation, Normalisation::ImageNet);
}

#[test]
fn an_empty_size_is_refused() {
    let input = MeterInput {
        size: (0, 9),
        ..MeterInput::nyu()
    };
    let rng = &mut sample_rng(0, 0, 0);
    for transform in [
        Preprocessing::Meter(input).training(),
        Preprocessing::Meter(input).evaluation(),
    ] {
        let error = transform.apply(frame(4, 5), rng).unwrap_err();
        assert!(matches!(error, DatasetError::BadGeometry { .. }));
    }
}

#[test]
fn real_frames_of_both_sizes_pass() {
    let Some(root) = real_data("nyu-labeled") else {
        return;
    };
    let spec = DataSpec {
        kind: Some(DataKind::Nyu),
        root,
    };
    for (split, index) in [(Split::Train, 3), (Split::Train, 700), (Split::Test, 9)] {
        let sample = spec.open(split, None).unwrap().load(index).unwrap();
        let known = sample.depth.metres.clone();
        let gt = eval(sample.clone(), MeterInput::nyu());
        let example = train(sample, MeterInput::nyu(), 1);
        for depth in [&gt.depth, &example.depth] {
            assert!(
                depth
                    .metres
                    .iter()
                    .all(|d| *d > 0.5 && *d <= 10.0 && known.contains(d))
            );
        }
        assert!(example.image.iter().all(|v| v.abs() < 3.0));
    }
}
