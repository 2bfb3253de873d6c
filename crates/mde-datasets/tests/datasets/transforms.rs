//! The MFF transforms: sizes, missing depth, randomness, and the part of the frame that is used.

use image::{Rgb, RgbImage};
use mde_datasets::{
    DatasetError, DepthMap, Example, IMAGENET_MEAN, IMAGENET_STD, MffEval, MffGeometry, MffTrain,
    Sample, Transform, sample_rng,
};

const GEOMETRIES: [MffGeometry; 3] = [
    MffGeometry::full(),
    MffGeometry::half(),
    MffGeometry::quarter(),
];

/// A 480x640 frame: colours grow with the position, depth is 1 + column / 100 with missing pixels.
fn frame() -> Sample {
    let (height, width) = (480, 640);
    let rgb = RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x / 3) as u8, (y / 2) as u8, 128])
    });
    let metres = (0..height * width)
        .map(|i| {
            if (i / width) % 7 == 0 {
                0.0
            } else {
                1.0 + (i % width) as f32 / 100.0
            }
        })
        .collect();
    let depth = DepthMap {
        height: height as usize,
        width: width as usize,
        metres,
    };
    Sample {
        id: "frame".to_owned(),
        rgb,
        depth,
        focal: Some(518.86),
    }
}

fn train(sample: Sample, geometry: MffGeometry, seed: u64) -> Example {
    MffTrain { geometry }
        .apply(sample, &mut sample_rng(seed, 0, 0))
        .unwrap()
}

fn eval(sample: Sample, input: MffGeometry) -> Example {
    let transform = MffEval {
        input,
        gt: MffGeometry::full(),
    };
    transform.apply(sample, &mut sample_rng(0, 0, 0)).unwrap()
}

#[test]
fn the_paper_s_sizes() {
    let full = MffGeometry::full();
    assert_eq!(
        (full.shorter_side, full.crop, full.target),
        (240, (228, 304), (114, 152))
    );
    for geometry in GEOMETRIES {
        let transform = MffTrain { geometry };
        let example = train(frame(), geometry, 1);
        assert_eq!(
            (transform.input_size(), transform.target_size()),
            (geometry.crop, geometry.target)
        );
        assert_eq!(example.image_size, geometry.crop);
        assert_eq!(example.image.len(), 3 * geometry.crop.0 * geometry.crop.1);
        assert_eq!(example.depth.size(), geometry.target);
        assert_eq!(
            example.depth.metres.len(),
            geometry.target.0 * geometry.target.1
        );
        assert_eq!(
            (example.id.as_str(), example.focal, example.rgb),
            ("frame", Some(518.86), None)
        );
    }
}

#[test]
fn frames_of_any_shape_that_hold_the_crop_are_accepted() {
    for (height, width) in [(240, 320), (241, 323), (375, 1242), (50, 67)] {
        let sample = Sample {
            id: "odd".to_owned(),
            rgb: RgbImage::new(width as u32, height as u32),
            depth: DepthMap {
                height,
                width,
                metres: vec![2.0; height * width],
            },
            focal: None,
        };
        let example = train(sample, MffGeometry::half(), 3);
        assert_eq!(example.depth.size(), (57, 76));
    }
}

#[test]
fn a_frame_too_narrow_for_the_crop_is_an_error() {
    let sample = || Sample {
        id: "tall".to_owned(),
        rgb: RgbImage::new(300, 400),
        depth: DepthMap {
            height: 400,
            width: 300,
            metres: vec![1.0; 400 * 300],
        },
        focal: None,
    };
    let geometry = MffGeometry::full();
    let rng = &mut sample_rng(0, 0, 0);
    for error in [
        MffTrain { geometry }.apply(sample(), rng).unwrap_err(),
        MffEval {
            input: geometry,
            gt: geometry,
        }
        .apply(sample(), rng)
        .unwrap_err(),
    ] {
        assert!(matches!(error, DatasetError::CropDoesNotFit { .. }));
        let message = error.to_string();
        assert!(
            message.contains("tall: a crop of 228x304") && message.contains("320x240"),
            "{message}"
        );
    }
    let empty = MffGeometry {
        target: (0, 10),
        ..geometry
    };
    let error = MffTrain { geometry: empty }
        .apply(sample(), rng)
        .unwrap_err();
    assert!(matches!(error, DatasetError::BadGeometry { .. }));
}

#[test]
fn training_invents_no_depth_and_keeps_invalid_pixels() {
    let sample = frame();
    let mut known: Vec<f32> = sample.depth.metres.clone();
    known.sort_unstable_by(f32::total_cmp);
    for seed in 0..8 {
        let example = train(sample.clone(), MffGeometry::half(), seed);
        assert!(
            example
                .depth
                .metres
                .iter()
                .all(|d| known.binary_search_by(|k| k.total_cmp(d)).is_ok())
        );
        let holes = example.depth.metres.iter().filter(|&&d| d == 0.0).count();
        let share = holes as f64 / example.depth.metres.len() as f64;
        assert!(
            (0.08..0.25).contains(&share),
            "a seventh of the frame is invalid, found {share}"
        );
    }
    let mut empty = sample;
    empty.depth.metres.fill(0.0);
    assert!(
        train(empty, MffGeometry::half(), 0)
            .depth
            .metres
            .iter()
            .all(|&d| d == 0.0)
    );
}

#[test]
fn training_depends_only_on_its_generator() {
    let a = train(frame(), MffGeometry::quarter(), 5);
    assert_eq!(a, train(frame(), MffGeometry::quarter(), 5));
    assert_ne!(a.image, train(frame(), MffGeometry::quarter(), 6).image);
}

#[test]
fn about_half_of_the_frames_are_flipped() {
    let mut flipped = 0;
    for seed in 0..200 {
        let mut sample = frame();
        sample.depth.metres.iter_mut().for_each(|d| *d = d.max(1.0));
        let example = train(sample, MffGeometry::quarter(), seed);
        let row = &example.depth.metres[14 * 38..15 * 38];
        flipped += usize::from(row[5] > row[32]);
    }
    assert!((70..=130).contains(&flipped), "{flipped} of 200");
}

#[test]
fn augmentation_changes_colours_little() {
    // Jitter is at most (1 ± 0.4)² of brightness and contrast; lighting shifts by a few percent.
    for seed in 0..20 {
        let example = train(frame(), MffGeometry::quarter(), seed);
        assert!(
            example
                .image
                .iter()
                .all(|v| v.is_finite() && v.abs() < 12.0)
        );
    }
}

#[test]
fn evaluation_normalises_the_view_and_nothing_else() {
    let example = eval(frame(), MffGeometry::full());
    let (height, width) = (228, 304);
    assert_eq!(
        (example.image_size, example.depth.size()),
        ((height, width), (height, width))
    );
    let rgb = example.rgb.unwrap();
    assert_eq!(rgb.len(), height * width * 3);
    for (i, &value) in rgb.iter().enumerate() {
        let (pixel, channel) = (i / 3, i % 3);
        let expected = (f32::from(value) / 255.0 - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel];
        assert!((example.image[channel * height * width + pixel] - expected).abs() < 1e-5);
    }
    // Row 6, column 8 of the 240x320 frame, whose pixel i shows pixel 2i + 1 of the file.
    let (row, column) = (100, 60);
    let expected = 1.0 + (2 * (column + 8) + 1) as f32 / 100.0;
    assert_ne!((2 * (row + 6) + 1) % 7, 0, "not a hole");
    assert_eq!(example.depth.metres[row * width + column], expected);
}

#[test]
fn ground_truth_is_the_same_for_every_input_resolution() {
    let full = eval(frame(), MffGeometry::full());
    for input in [MffGeometry::half(), MffGeometry::quarter()] {
        let small = eval(frame(), input);
        assert_eq!(small.image_size, input.crop);
        assert_eq!((&small.depth, &small.rgb), (&full.depth, &full.rgb));
        // The input shows the same field of view: its mean colour is that of the picture, up to
        // 2 grey levels of this ramp for the half pixel that centring the smallest crop rounds
        // away, and half a level for rounding to u8: 2.5 / 255 / 0.224 = 0.044.
        for channel in 0..3 {
            let mean = |image: &[f32]| {
                let pixels = image.len() / 3;
                image[channel * pixels..][..pixels].iter().sum::<f32>() / pixels as f32
            };
            let (small, full) = (mean(&small.image), mean(&full.image));
            assert!(
                (small - full).abs() < 0.045,
                "{input:?}, channel {channel}: {small}, {full}"
            );
        }
    }
}
