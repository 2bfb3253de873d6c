//! The default network of an experiment, and its expected time.

/// A network, and the reason for its choice.
pub(super) struct Choice {
    pub(super) model: String,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// The user has named it.
    Named,
    /// A GPU is available, and `mde` can be built for it.
    Gpu,
    /// No such GPU is available.
    NoGpu,
    /// Rendered scenes always use tiny networks.
    Rendered,
}

impl Choice {
    pub(super) fn new(kind: &str, named: Option<&str>, gpu: bool) -> Self {
        let reason = match (named, kind) {
            (Some(_), _) => Reason::Named,
            (None, "rooms" | "streets") => Reason::Rendered,
            (None, _) if gpu => Reason::Gpu,
            (None, _) => Reason::NoGpu,
        };
        let default = match (kind, reason) {
            ("nyu", Reason::Gpu) => "mff-resnet50",
            ("kitti", Reason::Gpu) => "bts-resnet50-kitti",
            ("rooms" | "nyu", _) => "mff-tiny",
            _ => "bts-tiny-kitti",
        };
        Self {
            model: named.unwrap_or(default).to_owned(),
            reason,
        }
    }

    /// True if runs of this network get a folder with its name, since they cannot resume those of
    /// the network for CPUs.
    pub(super) fn is_named(&self) -> bool {
        matches!(self.reason, Reason::Named | Reason::Gpu)
    }

    /// Prints the network, the reason and the expected time on stderr.
    pub(super) fn announce(&self, kind: &str, quick: bool) {
        let why = match self.reason {
            Reason::Named => "as requested",
            Reason::Gpu => {
                "by the paper's recipe, since an NVIDIA GPU and CUDA's compiler were found"
            }
            Reason::NoGpu => {
                "small enough for a CPU, since no NVIDIA GPU with CUDA's compiler was found"
            }
            Reason::Rendered => "small enough for a CPU",
        };
        eprintln!("network: {} ({why})", self.model);
        eprintln!(
            "time: {}",
            expected_time(kind, &self.model, self.reason, quick)
        );
    }
}

/// The measured time of such an experiment, or an estimate: README.md and docs/performance.md have
/// the numbers.
fn expected_time(kind: &str, model: &str, reason: Reason, quick: bool) -> &'static str {
    match (kind, model, quick) {
        _ if reason == Reason::Gpu => "unknown: this experiment has not been timed on a GPU",
        ("rooms", "mff-tiny", true) => "about 2 minutes on 2 cores (measured)",
        ("rooms", "mff-tiny", false) => "about 20 minutes on 2 cores (measured)",
        ("nyu", "mff-tiny", true) => "about 3 minutes on 2 cores (estimate), without downloads",
        ("nyu", "mff-tiny", false) => {
            "about 40 minutes on 2 cores (estimate, from 1.5 minutes for 400 of 4,000 steps), without downloads"
        }
        ("streets" | "kitti", "bts-tiny-kitti", false) => {
            "about 30 minutes on 2 cores (estimate, from 20 minutes on streets without ablation), without downloads"
        }
        (_, model, false) if model.starts_with("meter-") => {
            "about 30 minutes on 2 cores (estimate, from 8 minutes of training a network), without downloads"
        }
        ("nyu", "mff-resnet50", false) => {
            "about 14 hours on 2 cores for the 795 labelled pairs (estimate, from 3 s per step of 2 images), without downloads; \
             a GPU is recommended"
        }
        _ => "unknown: this experiment has not been timed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_gets_the_papers_networks_on_real_data_alone() {
        for (kind, gpu, expected) in [
            ("nyu", true, "mff-resnet50"),
            ("nyu", false, "mff-tiny"),
            ("kitti", true, "bts-resnet50-kitti"),
            ("kitti", false, "bts-tiny-kitti"),
            ("rooms", true, "mff-tiny"),
            ("streets", true, "bts-tiny-kitti"),
        ] {
            let choice = Choice::new(kind, None, gpu);
            assert_eq!(choice.model, expected);
            assert_eq!(choice.is_named(), expected.contains("resnet50"));
            assert_eq!(Choice::new(kind, Some("meter-xxs"), gpu).model, "meter-xxs");
        }
    }
}
