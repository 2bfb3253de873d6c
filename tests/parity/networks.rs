//! Networks in eval mode, with the formula's weights, against their depth and features.

use candle_core::Device;
use mde_models::{Capture, DepthInput, Mode, NoProbe, Parameters, build};
use mde_tests::{Golden, assert_close, every};

/// Of a tensor's largest magnitude.
const TOLERANCE: f64 = 1e-3;

#[test]
fn parity_mff_resnet50() {
    let golden = Golden::open("mff_resnet");
    let parameters = Parameters::new(0, &Device::Cpu);
    let network = build("mff-resnet50", &parameters).unwrap();
    golden.fill(&parameters);
    let input = DepthInput {
        image: golden.input("mff/x", &[1, 3, 228, 304], -2.0, 2.5),
    };
    let mut capture = Capture::of(["D", "MFF", "Rconv0", "Rconv1"]);
    let depth = network.forward(&input, Mode::Eval, &mut capture).unwrap();
    assert_close("depth", &depth, golden.tensor("depth"), TOLERANCE);
    for name in golden.names().into_iter().filter(|name| *name != "depth") {
        let (layer, step) = name.split_once("_sub").unwrap();
        let features = every(capture.get(layer).unwrap(), step.parse().unwrap());
        assert_close(layer, &features, golden.tensor(name), TOLERANCE);
    }
    let untapped = network.forward(&input, Mode::Eval, &mut NoProbe).unwrap();
    let vector =
        |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(
        vector(&depth),
        vector(&untapped),
        "tapped and untapped forward"
    );
}

/// The names and shapes of the reference's state dict, `num_batches_tracked` aside.
#[test]
fn parity_state_dict_mff_resnet50() {
    let list = include_str!("../goldens/state_dicts/mff_resnet50.txt");
    let mut expected: Vec<(String, Vec<usize>)> = list
        .lines()
        .filter(|line| !line.contains("num_batches_tracked"))
        .map(|line| {
            let mut fields = line.split_whitespace();
            let (name, shape) = (fields.next().unwrap(), fields.next().unwrap());
            (
                name.to_owned(),
                shape.split('x').map(|size| size.parse().unwrap()).collect(),
            )
        })
        .collect();
    expected.sort();
    let parameters = Parameters::new(0, &Device::Cpu);
    build("mff-resnet50", &parameters).unwrap();
    let found: Vec<_> = parameters
        .all()
        .into_iter()
        .map(|(name, var)| (name, var.dims().to_vec()))
        .collect();
    assert_eq!(found, expected);
}
