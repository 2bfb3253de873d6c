//! Probes observe, change and stop a forward pass.

use candle_core::{Result, Tensor, bail};
use mde_models::{Capture, DepthInput, LayerInfo, Mode, NoProbe, PrefixCache, Probe};

use crate::common::{Built, bits, built, images, input, tiny};

const ALL: [&str; 8] = [
    "block1", "block2", "block3", "block4", "D", "MFF", "Rconv0", "Rconv1",
];

/// Applies a function to one layer's activation.
struct At<'a, F>(&'a str, F, Vec<String>);

impl<'a, F: Fn(Tensor) -> Result<Tensor>> At<'a, F> {
    fn new(layer: &'a str, change: F) -> Self {
        Self(layer, change, Vec::new())
    }
}

impl<F: Fn(Tensor) -> Result<Tensor>> Probe for At<'_, F> {
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> Result<Tensor> {
        self.2.push(layer.name.clone());
        if layer.name == self.0 {
            self.1(activation)
        } else {
            Ok(activation)
        }
    }
}

fn probed(model: &Built, probe: &mut dyn Probe, mode: Mode) -> Result<Tensor> {
    let input = input(images(2, 33, 51));
    model.network.forward(&input, mode, probe)
}

/// Other networks and an input size for each.
const OTHERS: [(&str, usize, usize); 3] = [
    ("bts-tiny-nyu", 33, 51),
    ("bts-tiny-kitti", 33, 51),
    ("meter-xxs", 61, 125),
];

#[test]
fn other_networks_continue_with_the_probes_output() {
    for (name, height, width) in OTHERS {
        let model = built(name, 1);
        let input = input(images(1, height, width));
        let run = |probe: &mut dyn Probe| model.network.forward(&input, Mode::Eval, probe).unwrap();
        let layers = model.network.layers();
        let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
        let mut capture = Capture::new(&names);
        let plain = run(&mut capture);
        assert_eq!(
            bits(&plain),
            bits(&model.run(&input.image, Mode::Eval)),
            "{name}"
        );
        for layer in &names {
            let mut ablation = At::new(layer, |x: Tensor| x.zeros_like());
            let changed = run(&mut ablation);
            assert_eq!(changed.dims(), plain.dims());
            assert_ne!(bits(&plain), bits(&changed), "{name} {layer}");
            assert_eq!(ablation.2, names);
            assert!(!capture.get(layer).unwrap().track_op(), "{name} {layer}");
        }
        assert!(!plain.track_op(), "{name}");
    }
}

#[test]
fn looking_changes_nothing() {
    for mode in [Mode::Eval, Mode::Train] {
        let plain = tiny().run(&images(2, 33, 51), mode);
        let mut capture = Capture::new(ALL);
        let tapped = probed(&tiny(), &mut capture, mode).unwrap();
        assert_eq!(bits(&plain), bits(&tapped), "{mode:?}");
        assert!(ALL.iter().all(|layer| capture.get(layer).is_some()));
    }
}

#[test]
fn a_capture_holds_the_requested_layers() {
    let mut capture = Capture::new(["MFF", "block2", "nothing"]);
    probed(&tiny(), &mut capture, Mode::Eval).unwrap();
    assert_eq!(capture.get("MFF").unwrap().dims(), [2, 32, 17, 26]);
    assert_eq!(capture.get("block2").unwrap().dims(), [2, 32, 5, 7]);
    assert!(capture.get("nothing").is_none());
    assert!(capture.get("D").is_none());
}

#[test]
fn the_network_continues_with_the_probes_output() {
    let model = tiny();
    let plain = model.run(&images(2, 33, 51), Mode::Eval);
    for layer in ALL {
        let mut identity = At::new(layer, |x: Tensor| x.copy());
        let same = probed(&model, &mut identity, Mode::Eval).unwrap();
        assert_eq!(bits(&plain), bits(&same), "{layer}");
        let mut ablation = At::new(layer, |x: Tensor| x.zeros_like());
        let changed = probed(&model, &mut ablation, Mode::Eval).unwrap();
        assert_eq!(changed.dims(), plain.dims());
        assert_ne!(bits(&plain), bits(&changed), "{layer}");
        assert_eq!(ablation.2, ALL);
    }
}

#[test]
fn an_intervention_on_one_image_does_not_affect_others() {
    let model = tiny();
    let plain = model.run(&images(2, 33, 51), Mode::Eval);
    let mut probe = At::new("D", |x: Tensor| {
        let first = x.narrow(0, 0, 1)?;
        Tensor::cat(&[&first, &x.narrow(0, 1, 1)?.zeros_like()?], 0)
    });
    let changed = probed(&model, &mut probe, Mode::Eval).unwrap();
    let image = |depth: &Tensor, index| bits(&depth.narrow(0, index, 1).unwrap());
    assert_eq!(image(&plain, 0), image(&changed, 0));
    assert_ne!(image(&plain, 1), image(&changed, 1));
}

#[test]
fn an_error_of_the_probe_ends_the_pass() {
    let mut probe = At::new("block3", |_: Tensor| bail!("seen enough"));
    let error = probed(&tiny(), &mut probe, Mode::Eval).unwrap_err();
    assert!(error.to_string().contains("seen enough"), "{error}");
    assert_eq!(probe.2, ["block1", "block2", "block3"]);
}

#[test]
fn an_activation_of_another_shape_is_an_error() {
    for layer in ["D", "MFF", "Rconv1"] {
        let mut probe = At::new(layer, |x: Tensor| x.narrow(1, 0, 3));
        assert!(probed(&tiny(), &mut probe, Mode::Eval).is_err(), "{layer}");
    }
}

#[test]
fn gradients_reach_a_captured_activations_parameters() {
    let model = tiny();
    let mut capture = Capture::new(["D"]);
    probed(&model, &mut capture, Mode::Train).unwrap();
    let gradients = capture
        .get("D")
        .unwrap()
        .sum_all()
        .unwrap()
        .backward()
        .unwrap();
    for (name, var) in model.parameters.trainable() {
        // D depends on the encoder and on its own parameters.
        let upstream = name.starts_with("E.") || name.starts_with("D.");
        assert_eq!(gradients.get(&var).is_some(), upstream, "{name}");
    }
}

/// The networks and sizes of the tests of resumed passes.
fn all() -> impl Iterator<Item = (&'static str, usize, usize)> {
    [("mff-tiny", 33, 51)].into_iter().chain(OTHERS)
}

/// An image of NaN: finite results prove that it was not read.
fn unreadable(input: &DepthInput) -> DepthInput {
    DepthInput {
        image: input.image.affine(0.0, f64::NAN).unwrap(),
        focal: input.focal.clone(),
    }
}

#[test]
fn a_resumed_pass_is_bit_identical_and_does_not_read_the_image() {
    for (name, height, width) in all() {
        let model = built(name, 1);
        let input = input(images(2, height, width));
        let run = |input: &DepthInput, probe: &mut dyn Probe| {
            bits(&model.network.forward(input, Mode::Eval, probe).unwrap())
        };
        let plain = run(&input, &mut NoProbe);
        let blind = unreadable(&input);
        for layer in model.network.layers() {
            let mut prefix = PrefixCache::new(&layer.name);
            assert_eq!(run(&input, &mut prefix.probe(&mut NoProbe)), plain);
            for factor in [0.0, 1.0, 0.5] {
                let change = |x: Tensor| x * factor;
                let whole = run(&input, &mut At::new(&layer.name, change));
                let mut resumed = At::new(&layer.name, change);
                let found = run(&blind, &mut prefix.probe(&mut resumed));
                assert_eq!(found, whole, "{name} {} times {factor}", layer.name);
                assert_eq!(resumed.2.len(), model.network.layers().len());
            }
        }
    }
}

/// Names the parts that a pass runs.
#[derive(Default)]
struct Parts(Vec<String>);

impl Probe for Parts {
    fn visit(&mut self, layer: &LayerInfo, activation: Tensor) -> Result<Tensor> {
        self.0.push(format!("{}!", layer.name));
        Ok(activation)
    }

    fn keep(&mut self, part: &str, _maps: &[Tensor]) {
        self.0.push(part.to_owned());
    }
}

#[test]
fn every_layer_is_a_part_that_runs_before_its_visit() {
    for (name, height, width) in all() {
        let model = built(name, 1);
        let mut parts = Parts::default();
        let input = input(images(1, height, width));
        model
            .network
            .forward(&input, Mode::Eval, &mut parts)
            .unwrap();
        let at = |part: &str| parts.0.iter().position(|run| run == part).unwrap();
        for layer in model.network.layers() {
            let seen = format!("{}!", layer.name);
            assert!(at(&layer.name) < at(&seen), "{name} {}", layer.name);
        }
        let mut once = parts.0.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), parts.0.len(), "{name}: a part is run twice");
    }
    // A change to D does not run the fusion again.
    let mut parts = Parts::default();
    probed(&tiny(), &mut parts, Mode::Eval).unwrap();
    let order: Vec<&str> = parts.0.iter().map(String::as_str).collect();
    assert_eq!(order[9..13], ["D", "MFF", "D!", "MFF!"]);
}

#[test]
fn the_cache_of_another_network_is_an_error() {
    let mut prefix = PrefixCache::new("mvit0");
    let meter = built("meter-xxs", 1);
    let input = input(images(1, 64, 128));
    let run = |model: &Built, prefix: &mut PrefixCache| {
        let mut nothing = NoProbe;
        let mut probe = prefix.probe(&mut nothing);
        model.network.forward(&input, Mode::Eval, &mut probe)
    };
    run(&meter, &mut prefix).unwrap();
    // Both have a stem, with two outputs and with one.
    let error = run(&tiny(), &mut prefix).unwrap_err().to_string();
    assert!(
        error.contains("stem has 1 outputs, but 2 were kept"),
        "{error}"
    );
}
