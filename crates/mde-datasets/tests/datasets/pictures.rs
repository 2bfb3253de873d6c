//! Whole pictures for networks, and depth maps as files: sizes, focal lengths, refusals. The file
//! formats of pictures are tested through `mde predict`.

use image::{DynamicImage, Rgb, RgbImage};
use mde_datasets::{
    BtsGeometry, DatasetError, DepthEncoding, DepthMap, MeterInput, MffGeometry, Preprocessing,
    Sample, WholeImage, sample_rng,
};

fn picture(height: u32, width: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([(3 * x) as u8, (2 * y) as u8, (x + y) as u8])
    })
}

fn whole(recipe: Preprocessing, height: u32, width: u32, focal: Option<f32>) -> WholeImage {
    let whole = recipe.whole_image(&picture(height, width), focal).unwrap();
    assert_eq!(whole.image.len(), 3 * whole.size.0 * whole.size.1);
    whole
}

#[test]
fn a_whole_picture_is_resized_in_proportion() {
    let (mff, meter) = (Preprocessing::Mff, Preprocessing::Meter);
    let bts = Preprocessing::Bts;
    for (recipe, (height, width), size) in [
        // The shorter side as in evaluation.
        (mff(MffGeometry::full()), (480, 640), (240, 320)),
        (mff(MffGeometry::full()), (101, 33), (735, 240)),
        (mff(MffGeometry::quarter()), (47, 61), (60, 78)),
        // A frame of the data set as in evaluation; otherwise multiples of 32.
        (bts(BtsGeometry::nyu()), (480, 640), (480, 640)),
        (bts(BtsGeometry::nyu()), (240, 320), (480, 640)),
        (bts(BtsGeometry::nyu()), (640, 480), (640, 480)),
        (bts(BtsGeometry::nyu_quarter()), (480, 640), (120, 160)),
        (bts(BtsGeometry::nyu_quarter()), (333, 500), (128, 192)),
        (bts(BtsGeometry::kitti()), (375, 1242), (384, 1248)),
        (bts(BtsGeometry::kitti()), (188, 621), (384, 1248)),
        (bts(BtsGeometry::kitti_quarter()), (375, 1242), (96, 320)),
        (
            bts(BtsGeometry::kitti_quarter().for_frames((94, 310))),
            (94, 310),
            (96, 320),
        ),
        // The input size for any aspect ratio.
        (meter(MeterInput::nyu()), (480, 640), (192, 256)),
        (meter(MeterInput::nyu()), (7, 3), (192, 256)),
        (meter(MeterInput::kitti()), (1000, 2), (192, 636)),
    ] {
        let found = whole(recipe, height, width, None).size;
        assert_eq!(found, size, "{height}x{width} by {recipe:?}");
    }
}

#[test]
fn a_frame_is_resized_as_in_evaluation() {
    let (rgb, (height, width)) = (picture(240, 320), (240, 320));
    for recipe in [
        Preprocessing::Bts(BtsGeometry::nyu_quarter()),
        Preprocessing::Meter(MeterInput::nyu()),
        Preprocessing::Meter(MeterInput::kitti()),
    ] {
        let sample = Sample {
            id: "frame".to_owned(),
            rgb: rgb.clone(),
            depth: DepthMap {
                height,
                width,
                metres: vec![1.0; height * width],
            },
            focal: None,
        };
        let rng = &mut sample_rng(0, 0, 0);
        let example = recipe.evaluation().apply(sample, rng).unwrap();
        let whole = recipe.whole_image(&rgb, None).unwrap();
        assert_eq!((whole.size, whole.focal), (example.image_size, None));
        assert!(whole.image == example.image, "{recipe:?}");
    }
}

#[test]
fn only_bts_for_kitti_gets_a_focal_length_at_the_scale_of_its_frames() {
    let kitti = Preprocessing::Bts(BtsGeometry::kitti_quarter());
    assert!(kitti.uses_focal());
    let focal = |height, width, focal| whole(kitti, height, width, focal).focal.unwrap();
    assert_eq!(focal(375, 1242, None), 721.5377);
    assert_eq!(focal(90, 60, None), 721.5377);
    assert_eq!(focal(375, 1242, Some(700.0)), 700.0);
    // Half the pixels with half the focal length show the same; the shorter side counts.
    assert_eq!(focal(750, 2484, Some(1400.0)), 700.0);
    assert_eq!(focal(500, 150, Some(280.0)), 700.0);
    for recipe in [
        Preprocessing::Bts(BtsGeometry::nyu()),
        Preprocessing::Mff(MffGeometry::half()),
        Preprocessing::Meter(MeterInput::kitti()),
    ] {
        assert!(!recipe.uses_focal());
        assert_eq!(whole(recipe, 60, 80, Some(500.0)).focal, None);
    }
}

#[test]
fn narrow_strips_and_empty_sizes_are_refused() {
    let mff = Preprocessing::Mff(MffGeometry::quarter());
    assert_eq!(whole(mff, 8, 64, None).size, (60, 480));
    for (height, width) in [(8, 65), (65, 8), (0, 5), (5, 0)] {
        let error = mff.whole_image(&picture(height, width), None).unwrap_err();
        assert!(
            matches!(error, DatasetError::ExtremeAspectRatio { .. }),
            "{error}"
        );
        let message = error.to_string();
        assert!(message.contains(&format!("{height}x{width}")), "{message}");
    }
    let nothing = MeterInput {
        size: (0, 256),
        ..MeterInput::nyu()
    };
    let error = Preprocessing::Meter(nothing).whole_image(&picture(3, 4), None);
    assert!(matches!(error, Err(DatasetError::BadGeometry { .. })));
}

#[test]
fn a_depth_map_is_written_as_it_is_read() {
    let map = DepthMap {
        height: 3,
        width: 5,
        metres: vec![
            0.0,
            -1.0,
            f32::NAN,
            f32::INFINITY,
            1e-6,
            0.5,
            1.2345,
            9.9,
            64.0,
            65.4,
            300.0,
            0.001,
            0.0039,
            7.0,
            10.0,
        ],
    };
    for encoding in [
        DepthEncoding::U8_OVER_25_5,
        DepthEncoding::U16_MM,
        DepthEncoding::U16_OVER_256,
        "u16/6553.5".parse().unwrap(),
        DepthEncoding::SunRgbd,
    ] {
        let png = map.to_png(encoding).unwrap();
        let stored: Vec<u16> = match image::load_from_memory(&png).unwrap() {
            DynamicImage::ImageLuma8(grey) if encoding.bits() == Some(8) => {
                grey.into_raw().into_iter().map(u16::from).collect()
            }
            DynamicImage::ImageLuma16(grey) if encoding.bits() == Some(16) => grey.into_raw(),
            other => panic!("{:?} for {encoding}", other.color()),
        };
        let step = encoding.metres(encoding.stored(f32::MIN_POSITIVE));
        let most = match encoding.bits() {
            Some(8) => encoding.metres(255),
            _ => encoding.metres(u16::MAX),
        };
        assert_eq!(stored.len(), 15);
        assert_eq!(stored[..4], [0; 4], "{encoding}: invalid depth");
        for (&stored, &metres) in stored.iter().zip(&map.metres).skip(4) {
            let nearest = metres.clamp(step, most);
            let off = (encoding.metres(stored) - nearest).abs();
            assert!(off <= 0.5001 * step, "{encoding}: {stored} for {metres} m");
        }
    }
    for encoding in [
        DepthEncoding::U8_OVER_25_5,
        DepthEncoding::U16_MM,
        DepthEncoding::U16_OVER_256,
        "u16/6553.5".parse().unwrap(),
        DepthEncoding::SunRgbd,
    ] {
        let most = if encoding.bits() == Some(8) {
            255
        } else {
            u16::MAX
        };
        for stored in [0, 1, 2, 17, 254, most] {
            assert_eq!(encoding.stored(encoding.metres(stored)), stored);
        }
    }
    let nothing = DepthMap {
        height: 0,
        width: 5,
        metres: Vec::new(),
    };
    let error = nothing.to_png(DepthEncoding::U16_MM);
    assert!(matches!(error, Err(DatasetError::Encode { .. })));
}
