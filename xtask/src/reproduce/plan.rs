//! Plans of experiments: network, scenes and training options.

/// An experiment's settings. Other settings come from the network's recipe in `mde`.
pub(super) struct Plan {
    /// The network.
    pub(super) model: String,
    /// Its initial parameters.
    pub(super) start: Start,
    /// Scenes to render first.
    pub(super) scenes: Option<Scenes>,
    /// Options of `mde train`.
    pub(super) training: Vec<&'static str>,
    /// Weight of the assignment.
    pub(super) alpha: &'static str,
    /// The layers that are assigned and analysed.
    pub(super) layers: &'static str,
}

/// Initial parameters of a network.
pub(super) enum Start {
    /// Drawn from the seed.
    Random,
    /// Trained weights of the whole network, by manifest name.
    Network { weights: String },
    /// ImageNet weights of the encoder, by manifest name.
    Encoder { weights: String },
}

/// Scenes to render.
#[derive(Clone, Copy)]
pub(super) struct Scenes {
    pub(super) train: usize,
    pub(super) test: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Start {
    /// The manifest name of the weights, if any.
    pub(super) fn weights(&self) -> Option<&str> {
        match self {
            Self::Random => None,
            Self::Network { weights } | Self::Encoder { weights } => Some(weights),
        }
    }

    /// The option of `mde train` for the file.
    pub(super) fn option(&self) -> Option<&'static str> {
        match self {
            Self::Random => None,
            Self::Network { .. } => Some("--init"),
            Self::Encoder { .. } => Some("--backbone"),
        }
    }
}

/// The paper's weight of the assignment.
const PAPER_ALPHA: &str = "0.1";

impl Plan {
    /// The plan of an experiment: its kind of data, the network, and whether it is to be quick.
    pub(super) fn new(kind: &str, model: &str, quick: bool) -> Self {
        let mut plan = if model == "mff-tiny" {
            mff_tiny(kind, quick)
        } else if model.starts_with("bts-tiny-") {
            bts_tiny(quick)
        } else if model.starts_with("meter-") {
            meter(model, quick)
        } else {
            full_size(model, quick)
        };
        model.clone_into(&mut plan.model);
        plan.scenes = scenes(kind, quick);
        plan
    }

    fn at_random(training: Vec<&'static str>, alpha: &'static str, layers: &'static str) -> Self {
        Self {
            model: String::new(),
            start: Start::Random,
            scenes: None,
            training,
            alpha,
            layers,
        }
    }
}

fn scenes(kind: &str, quick: bool) -> Option<Scenes> {
    let (train, test) = match (kind, quick) {
        ("rooms", false) => (1500, 120),
        ("rooms", true) => (320, 40),
        ("streets", false) => (800, 120),
        ("streets", true) => (160, 30),
        _ => return None,
    };
    // Rooms have the size of NYU's labelled frames in the paper's layout, streets half of KITTI's:
    // the networks' inputs are smaller still.
    let (width, height) = if kind == "rooms" {
        (320, 240)
    } else {
        (621, 188)
    };
    Some(Scenes {
        train,
        test,
        width,
        height,
    })
}

/// The tiny network trains for minutes from random weights. It needs a larger rate than MFF's 1e-4
/// from ImageNet weights, and a loss whose gradient does not fade where the error is large. With
/// that loss, alpha must exceed the paper's for the same effect (docs/deviations.md).
fn mff_tiny(kind: &str, quick: bool) -> Plan {
    let steps = match (kind, quick) {
        ("nyu", false) => "4000",
        ("nyu", true) => "400",
        (_, false) => "2800",
        (_, true) => "240",
    };
    let mut training = vec!["--steps", steps, "--batch-size", "8"];
    training.extend(["--loss", "l1", "--learning-rate", "8e-4"]);
    training.extend(["--schedule", "polynomial"]);
    Plan::at_random(training, "0.2", "D,MFF")
}

/// BTS's recipe from random weights, in minutes: a larger rate and batch.
fn bts_tiny(quick: bool) -> Plan {
    let steps = if quick { "100" } else { "800" };
    let mut training = vec!["--steps", steps, "--batch-size", "8"];
    training.extend(["--learning-rate", "1e-3", "--schedule", "polynomial"]);
    Plan::at_random(training, PAPER_ALPHA, "upconv2,iconv1")
}

/// METER is fine-tuned from its published weights by its recipe in `mde`, but for 12 epochs and
/// with a smaller alpha. This costs less accuracy for the same selectivity than 8 epochs at the
/// paper's alpha (README).
fn meter(model: &str, quick: bool) -> Plan {
    // `meter-xxs` is the preset for NYU, `meter-xxs-nyu` are its weights.
    let weights = if model.ends_with("-kitti") {
        model.to_owned()
    } else {
        format!("{model}-nyu")
    };
    let training = vec!["--epochs", if quick { "1" } else { "12" }];
    Plan {
        start: Start::Network { weights },
        ..Plan::at_random(training, "0.07", "ups_block_1,ups_block_2,ups_block_3")
    }
}

/// The paper's networks by the paper's recipes, from ImageNet's weights.
fn full_size(model: &str, quick: bool) -> Plan {
    let start = match model.split('-').find_map(backbone) {
        Some(weights) => Start::Encoder {
            weights: weights.to_owned(),
        },
        None => Start::Random,
    };
    let layers = if model.starts_with("bts-") {
        "upconv3,iconv2,upconv2,upconv1,iconv1"
    } else {
        "D,MFF"
    };
    let training = if quick {
        vec!["--steps", "20", "--batch-size", "2"]
    } else {
        vec![]
    };
    Plan {
        start,
        ..Plan::at_random(training, PAPER_ALPHA, layers)
    }
}

/// The manifest's ImageNet weights for an encoder, if any.
fn backbone(encoder: &str) -> Option<&'static str> {
    match encoder {
        "resnet50" => Some("resnet50-imagenet"),
        "densenet161" => Some("densenet161-imagenet"),
        "senet154" => Some("senet154-imagenet"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn networks_begin_where_their_weights_are() {
        let manifest = mde_fetch::Manifest::built_in().unwrap();
        for (model, expected) in [
            ("mff-tiny", None),
            ("mff-resnet18", None),
            ("bts-tiny-nyu", None),
            ("meter-xxs", Some("meter-xxs-nyu")),
            ("meter-xxs-kitti", Some("meter-xxs-kitti")),
            ("mff-senet154", Some("senet154-imagenet")),
            ("bts-densenet161-kitti", Some("densenet161-imagenet")),
        ] {
            let start = Plan::new("nyu", model, false).start;
            assert_eq!(start.weights(), expected, "{model}");
            if let Some(name) = expected {
                assert!(manifest.weights.contains_key(name), "{name}");
            }
        }
    }

    #[test]
    fn only_procedural_data_is_rendered_and_quick_is_less() {
        for kind in ["rooms", "streets"] {
            let images = |quick| {
                let plan = Plan::new(kind, "mff-tiny", quick);
                plan.scenes.map_or(0, |scenes| scenes.train)
            };
            assert!(0 < images(true) && images(true) < images(false));
        }
        for kind in ["nyu", "kitti"] {
            assert!(Plan::new(kind, "bts-tiny-kitti", false).scenes.is_none());
        }
    }
}
