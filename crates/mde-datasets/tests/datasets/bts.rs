//! BTS's transforms: windows, crops, rotation, flips, colours and sparse targets.

use image::{Rgb, RgbImage};
use mde_datasets::{
    BtsGeometry, BtsView, DataKind, DataSpec, DatasetError, DepthMap, Example, IMAGENET_MEAN,
    IMAGENET_STD, MeterInput, MffGeometry, Preprocessing, Sample, Split, sample_rng,
};

use crate::common::real_data;

/// A frame whose depth at row y, column x is `metres(y, x)`. Its red channel encodes the column,
/// its green channel the row.
fn frame(height: usize, width: usize, metres: impl Fn(usize, usize) -> f32) -> Sample {
    let rgb = RgbImage::from_fn(width as u32, height as u32, |x, y| {
        Rgb([(x / 5) as u8, (y / 2) as u8, 77])
    });
    Sample {
        id: "frame".to_owned(),
        rgb,
        depth: DepthMap {
            height,
            width,
            metres: (0..height * width)
                .map(|i| metres(i / width, i % width))
                .collect(),
        },
        focal: Some(721.5377),
    }
}

fn train(sample: Sample, geometry: BtsGeometry, seed: u64) -> Example {
    let transform = Preprocessing::Bts(geometry).training();
    let example = transform
        .apply(sample, &mut sample_rng(seed, 0, 0))
        .unwrap();
    assert_eq!(example.image_size, transform.input_size());
    assert_eq!(example.depth.size(), transform.target_size());
    assert_eq!(example.image.len(), 3 * geometry.crop.0 * geometry.crop.1);
    example
}

fn eval(sample: Sample, geometry: BtsGeometry) -> Result<Example, DatasetError> {
    let transform = Preprocessing::Bts(geometry).evaluation();
    transform.apply(sample, &mut sample_rng(0, 0, 0))
}

#[test]
fn the_papers_sizes() {
    let (nyu, kitti) = (BtsGeometry::nyu(), BtsGeometry::kitti());
    assert_eq!(
        (nyu.input, nyu.crop, nyu.gt()),
        ((480, 640), (416, 544), (480, 640))
    );
    assert_eq!(
        (kitti.input, kitti.crop, kitti.gt()),
        ((352, 1216), (352, 704), (352, 1216))
    );
}

#[test]
fn the_benchmark_crop_is_the_bottom_middle_of_every_drive() {
    // Top and left margins by hand: height - 352, (width - 1216) div 2.
    for ((height, width), (top, left)) in [
        ((375, 1242), (23, 13)),
        ((370, 1224), (18, 4)),
        ((370, 1226), (18, 5)),
        ((374, 1238), (22, 11)),
        ((376, 1241), (24, 12)),
        ((352, 1216), (0, 0)),
    ] {
        let sample = frame(height, width, |y, x| (y * 2000 + x) as f32);
        let example = eval(sample, BtsGeometry::kitti()).unwrap();
        assert_eq!(
            (example.image_size, example.depth.size()),
            ((352, 1216), (352, 1216))
        );
        let picture = example.rgb.unwrap();
        for (y, x) in [(0, 0), (3, 1215), (351, 0), (351, 1215)] {
            let (row, column) = (y + top, x + left);
            let at = y * 1216 + x;
            assert_eq!(example.depth.metres[at], (row * 2000 + column) as f32);
            let colour = [(column / 5) as u8, (row / 2) as u8, 77];
            assert_eq!(picture[3 * at..][..3], colour);
            for channel in 0..3 {
                let value = f32::from(colour[channel]) / 255.0;
                let expected = (value - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel];
                assert_eq!(example.image[channel * 352 * 1216 + at], expected);
            }
        }
        assert_eq!(example.focal, Some(721.5377));
    }
}

#[test]
fn evaluation_on_nyu_uses_the_whole_frame() {
    let sample = frame(480, 640, |y, x| (y * 700 + x) as f32);
    let depth = sample.depth.clone();
    let example = eval(sample, BtsGeometry::nyu()).unwrap();
    assert_eq!((example.image_size, example.depth), ((480, 640), depth));
    // A network of half the input size is evaluated on the same ground truth.
    let half = BtsGeometry {
        input: (240, 320),
        crop: (208, 272),
        ..BtsGeometry::nyu()
    };
    let example = eval(frame(480, 640, |_, x| x as f32), half).unwrap();
    assert_eq!(
        (example.image_size, example.depth.size()),
        ((240, 320), (480, 640))
    );
    // Files of half the size have their depth repeated.
    let example = eval(frame(240, 320, |_, x| x as f32), half).unwrap();
    assert_eq!(example.depth.metres[..4], [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(example.rgb.unwrap().len(), 480 * 640 * 3);
}

#[test]
fn training_on_nyu_never_uses_the_frames_border() {
    let inside = |y, x| (45..472).contains(&y) && (43..608).contains(&x);
    let mut corners = [false; 4];
    for seed in 0..40 {
        let sample = frame(480, 640, |y, x| {
            if inside(y, x) {
                (y * 700 + x) as f32
            } else {
                -1.0
            }
        });
        let example = train(sample, BtsGeometry::nyu(), seed);
        assert!(
            example.depth.metres.iter().all(|&d| d >= 0.0),
            "seed {seed}"
        );
        // Crops of 416x544 reach all four corners of the 427x565 pixels eventually.
        let rows: Vec<usize> = example
            .depth
            .metres
            .iter()
            .map(|&d| d as usize / 700)
            .collect();
        let rows = rows.into_iter().filter(|&row| row > 0);
        corners[0] |= rows.clone().min() == Some(45);
        corners[1] |= rows.max() == Some(471);
        let columns = example
            .depth
            .metres
            .iter()
            .filter(|&&d| d > 0.0)
            .map(|&d| d as usize % 700);
        corners[2] |= columns.clone().min() == Some(43);
        corners[3] |= columns.max() == Some(607);
    }
    assert_eq!(corners, [true; 4]);
    // In proportion at half the size: rows 22..236, columns 21..304.
    let half = BtsGeometry {
        input: (240, 320),
        crop: (208, 272),
        ..BtsGeometry::nyu()
    };
    let inside = |y, x| (22..236).contains(&y) && (21..304).contains(&x);
    for seed in 0..10 {
        let sample = frame(240, 320, |y, x| if inside(y, x) { 2.0 } else { -1.0 });
        assert!(
            train(sample, half, seed)
                .depth
                .metres
                .iter()
                .all(|&d| d >= 0.0)
        );
    }
}

/// Leftmost column of the frame in the middle row, whether flipped, and the slant: columns per row.
fn placed(example: &Example) -> (f32, bool, f32) {
    let (height, width) = example.depth.size();
    let row = |y: usize| &example.depth.metres[y * width..][..width];
    let middle = row(height / 2);
    let flip = middle[100] > middle[200];
    let first = middle[if flip { width - 1 } else { 0 }];
    let at = width / 2;
    (
        first,
        flip,
        (row(height - 51)[at] - row(50)[at]) / (height - 101) as f32,
    )
}

#[test]
fn crops_rotations_and_flips_on_kitti_cover_their_ranges() {
    let (mut lefts, mut slants, mut flips) = (Vec::new(), Vec::new(), 0);
    for seed in 0..120 {
        let example = train(
            frame(375, 1242, |_, x| 1.0 + x as f32),
            BtsGeometry::kitti(),
            seed,
        );
        let (first, flip, slant) = placed(&example);
        // Some crops begin in a corner that the rotation uncovers; their middle row does not.
        lefts.push(first - 1.0 - 13.0);
        slants.push(slant.atan().to_degrees());
        flips += usize::from(flip);
    }
    let range = |values: &[f32]| {
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        (
            low,
            values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        )
    };
    let (low, high) = range(&lefts);
    assert!(
        (-1.0..40.0).contains(&low) && (470.0..=513.0).contains(&high),
        "{low} to {high}"
    );
    let (low, high) = range(&slants);
    // Half a pixel either way over 250 rows is 0.2 degrees.
    assert!(
        (-1.25..-0.7).contains(&low) && (0.7..1.25).contains(&high),
        "{low} to {high} degrees"
    );
    assert!((40..=80).contains(&flips), "{flips} of 120");
}

#[test]
fn depth_and_colours_stay_aligned_through_every_step() {
    for geometry in [
        BtsGeometry::nyu(),
        BtsGeometry::kitti(),
        BtsGeometry::kitti_quarter(),
    ] {
        let (height, width) = if geometry == BtsGeometry::nyu() {
            (480, 640)
        } else {
            (375, 1242)
        };
        let right = |x: usize| x > width * 2 / 5;
        for seed in 0..12 {
            let mut sample = frame(height, width, |_, x| if right(x) { 60.0 } else { 8.0 });
            for (x, _, pixel) in sample.rgb.enumerate_pixels_mut() {
                *pixel = Rgb([if right(x as usize) { 255 } else { 0 }; 3]);
            }
            let example = train(sample, geometry, seed);
            let white = (0.35 - IMAGENET_MEAN[0]) / IMAGENET_STD[0];
            let wrong = example
                .depth
                .metres
                .iter()
                .zip(&example.image)
                .filter(|&(&metres, &red)| (metres == 60.0) != (red > white));
            // Colours are mixed at the edge; one or two pixels per row may be on the other side.
            let allowed = 2 * geometry.crop.0;
            assert!(wrong.count() <= allowed, "{geometry:?}, seed {seed}");
            assert!(
                example
                    .depth
                    .metres
                    .iter()
                    .all(|d| [0.0, 8.0, 60.0].contains(d))
            );
        }
    }
}

#[test]
fn half_of_the_samples_keep_their_colours_and_the_others_change_little() {
    for (geometry, size, brightness) in [
        (BtsGeometry::nyu(), (480, 640), 0.25f32),
        (BtsGeometry::kitti_quarter(), (375, 1242), 0.1),
    ] {
        let (mut plain, mut values) = (0, Vec::new());
        let unchanged = (0.4 - IMAGENET_MEAN[2]) / IMAGENET_STD[2];
        for seed in 0..60 {
            let mut sample = frame(size.0, size.1, |_, _| 1.0);
            sample
                .rgb
                .pixels_mut()
                .for_each(|pixel| *pixel = Rgb([102; 3]));
            let example = train(sample, geometry, seed);
            let pixels = geometry.crop.0 * geometry.crop.1;
            let blue = example.image[2 * pixels + pixels / 2 + geometry.crop.1 / 2];
            if (blue - unchanged).abs() < 1e-5 {
                plain += 1;
            } else {
                values.push(blue * IMAGENET_STD[2] + IMAGENET_MEAN[2]);
            }
        }
        assert!((18..=42).contains(&plain), "{plain} of 60");
        let low = 0.4f32.powf(1.1) * (1.0 - brightness) * 0.9;
        let high = 0.4f32.powf(0.9) * (1.0 + brightness) * 1.1;
        assert!(
            values.iter().all(|v| (low..=high).contains(v)),
            "{values:?}"
        );
        let spread =
            values.iter().copied().fold(0.0, f32::max) - values.iter().copied().fold(1.0, f32::min);
        assert!(spread > brightness * 0.4, "{spread}");
    }
}

#[test]
fn a_sparse_map_at_a_quarter_keeps_a_measurement_per_covered_pixel() {
    let geometry = BtsGeometry::kitti_quarter();
    // One of 16 pixels is measured, never the one that nearest neighbour takes.
    let sparse = |y: usize, x: usize| {
        if (y + 1).is_multiple_of(4) && (x + 3).is_multiple_of(4) {
            5.0 + x as f32 / 100.0
        } else {
            0.0
        }
    };
    let example = train(frame(375, 1242, sparse), geometry, 1);
    let measured = example.depth.metres.iter().filter(|&&d| d > 0.0).count();
    assert!(measured as f64 > 0.95 * (88.0 * 176.0), "{measured}");
    assert!(
        example
            .depth
            .metres
            .iter()
            .all(|&d| d == 0.0 || (5.0..17.5).contains(&d))
    );
}

#[test]
fn half_size_files_have_the_full_frames_focal_length_and_their_own_ground_truth() {
    let geometry = BtsGeometry::kitti_quarter().for_frames((188, 621));
    let kitti = BtsGeometry::kitti_quarter();
    // Drives differ by a few pixels; the whole crop fits into all of them.
    for frame in [(375, 1242), (370, 1224), (376, 1241)] {
        assert_eq!(geometry.for_frames(frame), kitti);
        assert_eq!(
            Preprocessing::Bts(kitti).for_frames(frame).protocol(),
            "kitti-bts"
        );
    }
    assert_eq!(geometry.view, BtsView::Kitti { window: (176, 608) });
    assert_eq!(Preprocessing::Bts(geometry).protocol(), "kitti-garg");
    let mut sample = frame(188, 621, |y, x| (y * 700 + x) as f32);
    sample.focal = Some(721.5377 / 2.0);
    let example = train(sample.clone(), geometry, 4);
    assert_eq!(
        (example.image_size, example.focal),
        ((88, 176), Some(721.5377))
    );
    let example = eval(sample, geometry).unwrap();
    assert_eq!(
        (example.image_size, example.depth.size()),
        ((88, 304), (176, 608))
    );
    assert_eq!(example.depth.metres[0], (12 * 700 + 6) as f32);
    assert_eq!(example.focal, Some(721.5377));
}

#[test]
fn samples_and_sizes_that_do_not_fit_are_refused() {
    let error = eval(frame(188, 621, |_, _| 1.0), BtsGeometry::kitti()).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, DatasetError::CropDoesNotFit { .. }));
    assert!(
        message.contains("a crop of 352x1216") && message.contains("188x621"),
        "{message}"
    );

    let error = eval(frame(375, 1242, |_, _| 1.0), BtsGeometry::nyu()).unwrap_err();
    assert!(matches!(error, DatasetError::NotAnNyuFrame { .. }));
    let message = error.to_string();
    assert!(
        message.contains("375x1242") && message.contains("NYU"),
        "{message}"
    );

    for (wrong, says) in [
        (
            BtsGeometry {
                crop: (352, 1217),
                ..BtsGeometry::kitti()
            },
            "must fit",
        ),
        // Inside the frame, but not inside its border.
        (
            BtsGeometry {
                crop: (428, 544),
                ..BtsGeometry::nyu()
            },
            "must fit",
        ),
        (
            BtsGeometry {
                input: (0, 304),
                ..BtsGeometry::kitti()
            },
            "at least 1",
        ),
        (
            BtsGeometry {
                view: BtsView::Kitti { window: (9, 0) },
                ..BtsGeometry::kitti()
            },
            "at least 1",
        ),
    ] {
        let message = eval(frame(480, 640, |_, _| 1.0), wrong)
            .unwrap_err()
            .to_string();
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn a_recipe_round_trips_through_json() {
    for (recipe, json) in [
        (
            Preprocessing::Mff(MffGeometry::half()),
            r#"{"mff":{"shorter_side":120,"crop":[114,152],"target":[57,76]}}"#,
        ),
        (
            Preprocessing::Bts(BtsGeometry::nyu()),
            r#"{"bts":{"view":"nyu","input":[480,640],"crop":[416,544]}}"#,
        ),
        (
            Preprocessing::Bts(BtsGeometry::kitti_quarter()),
            r#"{"bts":{"view":{"kitti":{"window":[352,1216]}},"input":[88,304],"crop":[88,176]}}"#,
        ),
        (
            Preprocessing::Meter(MeterInput::nyu()),
            r#"{"meter":{"size":[192,256],"normalisation":"imagenet"}}"#,
        ),
        (
            Preprocessing::Meter(MeterInput::kitti()),
            r#"{"meter":{"size":[192,636],"normalisation":"unit_range"}}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&recipe).unwrap(), json);
        assert_eq!(serde_json::from_str::<Preprocessing>(json).unwrap(), recipe);
    }
}

#[test]
fn real_frames_pass() {
    let Some(root) = real_data("nyu-labeled") else {
        return;
    };
    let spec = DataSpec {
        kind: Some(DataKind::Nyu),
        root,
    };
    let half = BtsGeometry {
        input: (240, 320),
        crop: (208, 272),
        ..BtsGeometry::nyu()
    };
    for (split, index, geometry) in [
        (Split::Train, 5, half),
        (Split::Train, 790, half),
        (Split::Test, 11, BtsGeometry::nyu()),
        (Split::Test, 600, half),
    ] {
        let sample = spec.open(split, None).unwrap().load(index).unwrap();
        let example = train(sample.clone(), geometry, 3);
        assert!(
            example
                .depth
                .metres
                .iter()
                .all(|&d| (0.0..=10.0).contains(&d))
        );
        let blank = example.depth.metres.iter().filter(|&&d| d == 0.0).count();
        assert!(
            blank < example.depth.metres.len() / 20,
            "only corners are blank"
        );
        assert!(example.image.iter().all(|v| v.abs() < 3.0));
        let example = eval(sample, geometry).unwrap();
        assert_eq!(
            (example.image_size, example.depth.size()),
            (geometry.input, (480, 640))
        );
    }
}
