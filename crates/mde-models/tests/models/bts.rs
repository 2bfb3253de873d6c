//! BTS: focal length, range, sizes.

use candle_core::{DType, Device, Tensor};
use mde_models::{DepthInput, Mode, NoProbe};

use crate::common::{Built, bits, built, images, input, values};

fn depth(model: &Built, input: &DepthInput) -> candle_core::Result<Tensor> {
    model.network.forward(input, Mode::Eval, &mut NoProbe)
}

fn focal(lengths: &[f32]) -> Tensor {
    Tensor::new(lengths, &Device::Cpu).unwrap()
}

#[test]
fn depth_on_kitti_is_proportional_to_the_focal_length_of_each_image() {
    let model = built("bts-tiny-kitti", 1);
    let image = images(2, 33, 51);
    let with = |lengths: &[f32]| {
        values(
            &depth(
                &model,
                &DepthInput::new(image.clone()).with_focal(focal(lengths)),
            )
            .unwrap(),
        )
    };
    let (reference, found) = (
        with(&[715.0873, 715.0873]),
        with(&[2.0 * 715.0873, 0.5 * 715.0873]),
    );
    let pixels = 33 * 51;
    for (index, (reference, found)) in reference.iter().zip(&found).enumerate() {
        let factor = if index < pixels { 2.0 } else { 0.5 };
        assert!(
            (found - factor * reference).abs() < 1e-4 * reference.abs(),
            "{index}"
        );
    }
    // At that focal length the range is KITTI's.
    assert!(reference.iter().all(|depth| (0.0..=80.0).contains(depth)));
    assert!(reference.iter().any(|depth| *depth > 10.0));
    // In any type.
    let doubles = focal(&[715.0873, 715.0873]).to_dtype(DType::F64).unwrap();
    let from_doubles = depth(&model, &DepthInput::new(image.clone()).with_focal(doubles)).unwrap();
    for (a, b) in values(&from_doubles).iter().zip(&reference) {
        assert!((a - b).abs() < 1e-4 * b.abs());
    }
}

#[test]
fn depth_on_nyu_has_its_range_whatever_the_focal_length() {
    let model = built("bts-tiny-nyu", 1);
    let image = images(2, 33, 51);
    let plain = depth(&model, &DepthInput::new(image.clone())).unwrap();
    assert!(
        values(&plain)
            .iter()
            .all(|depth| (0.0..=10.0).contains(depth))
    );
    let with = depth(&model, &input(image)).unwrap();
    assert_eq!(bits(&plain), bits(&with));
}

#[test]
fn a_wrong_focal_length_is_an_error() {
    let model = built("bts-tiny-kitti", 1);
    let image = images(2, 33, 51);
    let missing = depth(&model, &DepthInput::new(image.clone())).unwrap_err();
    assert!(missing.to_string().contains("focal length"), "{missing}");
    let two = focal(&[700.0, 700.0]);
    for (wrong, part) in [
        (focal(&[700.0]), "[1] for 2 images"),
        (two.reshape((2, 1)).unwrap(), "[2, 1] for 2 images"),
        (focal(&[700.0, 0.0]), "length 0 px"),
        (focal(&[-3.5, 700.0]), "length -3.5 px"),
        (focal(&[700.0, f32::NAN]), "length NaN px"),
        (focal(&[f32::INFINITY, 700.0]), "length inf px"),
    ] {
        let error = depth(&model, &DepthInput::new(image.clone()).with_focal(wrong)).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn images_of_a_batch_are_independent() {
    let model = built("bts-tiny-kitti", 1);
    let both = input(images(2, 33, 51));
    let together = depth(&model, &both).unwrap();
    for index in 0..2 {
        let alone = input(both.image.narrow(0, index, 1).unwrap());
        let alone = depth(&model, &alone).unwrap();
        assert_eq!(
            bits(&alone),
            bits(&together.narrow(0, index, 1).unwrap()),
            "image {index}"
        );
    }
}

#[test]
fn an_encoder_that_rounds_down_asks_for_multiples_of_32() {
    let model = built("bts-densenet161-nyu", 1);
    for (height, width) in [(48, 64), (64, 72), (67, 99)] {
        let error = depth(&model, &input(images(1, height, width))).unwrap_err();
        assert!(
            error.to_string().contains("multiples of 32"),
            "{height}x{width}: {error}"
        );
    }
}

#[test]
fn the_smallest_images_work() {
    let model = built("bts-tiny-nyu", 1);
    for (height, width) in [(1, 1), (1, 5), (32, 33), (31, 8)] {
        let depth = depth(&model, &input(images(1, height, width))).unwrap();
        assert_eq!(depth.dims(), [1, 1, height, width]);
    }
}
