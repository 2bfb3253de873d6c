//! Which network an experiment trains unless one is named, and about how long that takes.

/// A network, and how it came to be chosen.
pub(super) struct Choice {
    pub(super) model: String,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// The user has named it.
    Named,
    /// There is a GPU that `mde` can be built for.
    Gpu,
    /// There is none.
    NoGpu,
    /// Rendered scenes are for tiny networks everywhere.
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

    /// True if runs of this network get a folder with its name: they would not go on in one of the
    /// network for CPUs.
    pub(super) fn is_named(&self) -> bool {
        matches!(self.reason, Reason::Named | Reason::Gpu)
    }

    /// Says on stderr what is trained, why, and about how long it takes.
    pub(super) fn announce(&self, kind: &str, quick: bool) {
        let why = match self.reason {
            Reason::Named => "as asked for",
            Reason::Gpu => {
                "by the paper's recipe, since there are an NVIDIA GPU and CUDA's compiler here"
            }
            Reason::NoGpu => {
                "small enough for a CPU, since there is no NVIDIA GPU with CUDA's compiler here"
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

/// What was measured of such an experiment, or made of what was: README.md and docs/performance.md
/// have the numbers.
fn expected_time(kind: &str, model: &str, reason: Reason, quick: bool) -> &'static str {
    match (kind, model, quick) {
        _ if reason == Reason::Gpu => "not known: this experiment was not timed on a GPU yet",
        ("rooms", "mff-tiny", true) => "about 2 minutes on 2 cores (measured)",
        ("rooms", "mff-tiny", false) => "about 20 minutes on 2 cores (measured)",
        ("nyu", "mff-tiny", true) => "about 3 minutes on 2 cores (estimate), downloads aside",
        ("nyu", "mff-tiny", false) => {
            "about 40 minutes on 2 cores (estimate, from 1.5 minutes for 400 of 4,000 steps), downloads aside"
        }
        ("streets" | "kitti", "bts-tiny-kitti", false) => {
            "about 30 minutes on 2 cores (estimate, from 20 minutes on streets without ablation), downloads aside"
        }
        (_, model, false) if model.starts_with("meter-") => {
            "about 30 minutes on 2 cores (estimate, from 8 minutes of training a network), downloads aside"
        }
        ("nyu", "mff-resnet50", false) => {
            "about 14 hours on 2 cores for the 795 labelled pairs (estimate, from 3 s for a step of 2), downloads aside; a GPU \
             is what it is meant for"
        }
        _ => "not known: this experiment was not timed yet",
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
