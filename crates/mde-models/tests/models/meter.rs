//! METER: units and sizes.

use mde_models::{DepthInput, Mode, NoProbe};

use crate::common::{built, images, input, values};

#[test]
fn centimetres_and_decimetres_become_metres() {
    let image = images(1, 64, 128);
    let (nyu, kitti) = (built("meter-xxs", 3), built("meter-xxs-kitti", 3));
    let (nyu, kitti) = (nyu.run(&image, Mode::Eval), kitti.run(&image, Mode::Eval));
    for (nyu, kitti) in values(&nyu).iter().zip(values(&kitti)) {
        assert!(
            (10.0 * nyu - kitti).abs() <= 1e-6 * kitti.abs(),
            "{nyu} and {kitti}"
        );
    }
}

/// A quarter of the image has an odd side, so the last block's skip connection lacks a column or a
/// row.
#[test]
fn a_skip_connection_may_be_a_pixel_short() {
    let model = built("meter-xxs", 1);
    for ((height, width), expected) in [
        ((64, 60), [16, 16]),
        ((60, 64), [16, 16]),
        ((124, 60), [32, 16]),
    ] {
        let depth = model.run(&images(1, height, width), Mode::Eval);
        assert_eq!(
            depth.dims(),
            [1, 1, expected[0], expected[1]],
            "{height}x{width}"
        );
    }
}

#[test]
fn the_error_of_an_indivisible_size_names_a_valid_one() {
    let model = built("meter-xxs", 1);
    for (height, width) in [(96, 64), (64, 40), (64, 32), (228, 304)] {
        let input: DepthInput = input(images(1, height, width));
        let error = model
            .network
            .forward(&input, Mode::Eval, &mut NoProbe)
            .unwrap_err();
        assert!(
            error.to_string().contains("multiples of 64"),
            "{height}x{width}: {error}"
        );
    }
}
