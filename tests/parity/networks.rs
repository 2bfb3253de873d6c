//! Depth and features of networks in evaluation mode with the weights of the goldens' formula: code
//! for all networks, and MFF.

use candle_core::{Device, Tensor};
use mde_models::{Capture, DepthInput, DepthNet, Mode, NoProbe, Parameters, build};
use mde_tests::{Golden, assert_close, every};

/// Tolerance as a fraction of a tensor's largest magnitude.
pub(crate) const TOLERANCE: f64 = 1e-3;

/// A preset's network and its parameters.
pub(crate) fn built(model: &str) -> (Box<dyn DepthNet>, Parameters) {
    let parameters = Parameters::new(0, &Device::Cpu);
    (build(model, &parameters).unwrap(), parameters)
}

/// The depth and the captured features. Asserts that the forward passes with and without a probe
/// agree to the bit.
pub(crate) fn tapped(network: &dyn DepthNet, input: &DepthInput) -> (Tensor, Capture) {
    let layers = network.layers().iter().map(|layer| &layer.name);
    let mut capture = Capture::new(layers);
    let depth = network.forward(input, Mode::Eval, &mut capture).unwrap();
    let untapped = network.forward(input, Mode::Eval, &mut NoProbe).unwrap();
    let bits = |tensor: &Tensor| {
        let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    assert_eq!(bits(&depth), bits(&untapped), "tapped and untapped forward");
    (depth, capture)
}

/// Compares depth and features with all golden tensors `depth[_subS]` and `LAYER_subS`.
pub(crate) fn check_golden(golden: &Golden, depth: &Tensor, capture: &Capture) {
    for name in golden.names() {
        let (layer, step) = match name.split_once("_sub") {
            Some((layer, step)) => (layer, step.parse().unwrap()),
            None => (name, 1),
        };
        let found = if layer == "depth" {
            depth
        } else {
            capture.get(layer).unwrap()
        };
        assert_close(name, &every(found, step), golden.tensor(name), TOLERANCE);
    }
}

fn check_mff(model: &str, golden: &str) {
    let golden = Golden::open(golden);
    let (network, parameters) = built(model);
    golden.fill(&parameters);
    let image = golden.input("mff/x", &[1, 3, 228, 304], -2.0, 2.5);
    let (depth, capture) = tapped(network.as_ref(), &DepthInput::new(image));
    check_golden(&golden, &depth, &capture);
}

#[test]
fn parity_mff_resnet50() {
    check_mff("mff-resnet50", "mff_resnet");
}

#[test]
fn parity_mff_senet154() {
    check_mff("mff-senet154", "mff_senet");
}
