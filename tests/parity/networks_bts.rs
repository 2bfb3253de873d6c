//! BTS on DenseNet-161, indoor and street presets.

use candle_core::{Device, Tensor};
use mde_models::{DepthInput, Mode, NoProbe};
use mde_tests::{Golden, assert_close};

use crate::networks::{TOLERANCE, built, check_golden, tapped};

#[test]
fn parity_bts_nyu() {
    let golden = Golden::open("bts_nyu");
    let (network, parameters) = built("bts-densenet161-nyu");
    golden.fill(&parameters);
    let image = golden.input("bts/x/nyuv2", &[1, 3, 480, 640], -2.0, 2.5);
    let (depth, capture) = tapped(network.as_ref(), &DepthInput::new(image));
    check_golden(&golden, &depth, &capture);
}

#[test]
fn parity_bts_kitti() {
    let golden = Golden::open("bts_kitti");
    let (network, parameters) = built("bts-densenet161-kitti");
    golden.fill(&parameters);
    let image = golden.input("bts/x/kitti", &[1, 3, 352, 704], -2.0, 2.5);
    let focal = |length: f32| Tensor::new(&[length], &Device::Cpu).unwrap();
    let input = DepthInput::new(image.clone()).with_focal(focal(721.5377));
    let (depth, capture) = tapped(network.as_ref(), &input);
    check_golden(&golden, &depth, &capture);

    // Depth is proportional to the focal length.
    let input = DepthInput::new(image).with_focal(focal(2.0 * 721.5377));
    let doubled = network.forward(&input, Mode::Eval, &mut NoProbe).unwrap();
    assert_close(
        "focal",
        &doubled,
        &(depth * 2.0).unwrap(),
        TOLERANCE / 100.0,
    );
}
