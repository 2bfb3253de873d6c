//! The commands that write the files of a run folder, for messages and reports.

use mde_files::shell_word;
use mde_metrics::{EvalProtocol, Quantity};

use crate::documents::Provenance;
use crate::folder::RunFolder;

/// The commands that write a folder's files.
pub(crate) struct Commands {
    pub(crate) train: String,
    /// The options of the other commands that name the folder and the data.
    subject: String,
    /// Whether the measured predictions or activations were stored by another program.
    stored: bool,
    /// The options that give the evaluation's protocol.
    protocol: Option<String>,
    /// The same for analyses, which take fewer.
    analysis: Option<String>,
}

impl Commands {
    /// Capitals stand for values that `measured` does not hold.
    pub(crate) fn new(folder: &RunFolder, trained: bool, measured: Option<&Provenance>) -> Self {
        let shown = shell_word(&folder.path().display().to_string());
        let model = measured.map_or("NAME".to_owned(), |measured| shell_word(&measured.model));
        let data = match measured.map(|measured| measured.data.as_str()) {
            None => "KIND:DIR".to_owned(),
            Some(kind @ ("nyu" | "rooms" | "kitti" | "streets")) => format!("{kind}:DIR"),
            // A folder with a dataset.toml is named without a kind.
            Some(_) => "DIR".to_owned(),
        };
        let stored = measured.is_some_and(Provenance::is_stored);
        Self {
            stored,
            protocol: None,
            analysis: None,
            train: format!("mde train --data DATA --out {shown}"),
            subject: if trained {
                format!("--run {shown} --data {data}")
            } else if stored {
                format!("--name {model} --out {shown}")
            } else {
                format!("--model {model} --weights FILE --out {shown} --data {data}")
            },
        }
    }

    /// The commands, for results under this protocol.
    pub(crate) fn with_protocol(self, protocol: &EvalProtocol) -> Self {
        Self {
            protocol: options(protocol),
            analysis: plain_options(protocol).map(|(options, _)| options),
            ..self
        }
    }

    /// The commands, with the evaluation under a protocol that analyses can have too: its own
    /// without another alignment and without the average with the mirrored image.
    pub(crate) fn for_analyses(self) -> Self {
        Self {
            protocol: self.analysis.clone(),
            ..self
        }
    }

    pub(crate) fn stage(&self, stage: &str) -> String {
        let protocol = self.protocol.as_deref();
        let files = match stage {
            "evaluate" if self.stored => {
                let protocol = protocol.unwrap_or("--protocol NAME");
                format!("--pred PATH --gt PATH {protocol} ")
            }
            "dissect" if self.stored => "--features FILE --dataset NAME ".to_owned(),
            _ => String::new(),
        };
        let protocol = match stage {
            "evaluate" if !self.stored => protocol,
            "ablate" | "correct" => self.analysis.as_deref(),
            _ => None,
        };
        let protocol = protocol.map_or(String::new(), |options| format!(" {options}"));
        format!("mde {stage} {files}{}{protocol}", self.subject)
    }
}

/// The options that give a protocol; `None` if it is not made from a preset.
fn options(protocol: &EvalProtocol) -> Option<String> {
    let (mut options, preset) = plain_options(protocol)?;
    if protocol.alignment != preset.alignment {
        options += &format!(" --align {}", protocol.alignment);
    }
    if protocol.prediction == Quantity::Disparity {
        options += " --disparity";
    }
    if protocol.name.ends_with("flip average") {
        options += " --flip-average";
    }
    Some(options)
}

/// The options that analyses have too, and the preset.
fn plain_options(protocol: &EvalProtocol) -> Option<(String, EvalProtocol)> {
    let name = protocol.name.split(", ").next()?;
    let preset = EvalProtocol::preset(name).ok()?;
    let mut options = format!("--protocol {name}");
    if protocol.min_depth != preset.min_depth {
        options += &format!(" --min-depth {}", protocol.min_depth);
    }
    if protocol.max_depth != preset.max_depth {
        options += &format!(" --max-depth {}", protocol.max_depth);
    }
    Some((options, preset))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mde_metrics::Alignment;

    use super::*;

    #[test]
    fn options_give_the_protocol() {
        let preset = EvalProtocol::preset("kitti-garg").unwrap();
        assert_eq!(options(&preset).unwrap(), "--protocol kitti-garg");
        let near = preset.clone().with_depth_range(None, Some(50.0)).unwrap();
        let found = options(&near.with_alignment(Alignment::Median)).unwrap();
        let expected = "--protocol kitti-garg --max-depth 50 --align median";
        assert_eq!(found, expected);
        let flipped = EvalProtocol {
            name: "kitti-garg, flip average".to_owned(),
            ..preset.clone()
        };
        assert_eq!(
            options(&flipped).unwrap(),
            "--protocol kitti-garg --flip-average"
        );
        // `mde ablate` and `mde correct` have neither option.
        let aligned = flipped.with_alignment(Alignment::Median);
        let found = plain_options(&aligned).unwrap().0;
        assert_eq!(found, "--protocol kitti-garg");
        let own = EvalProtocol {
            name: "own".to_owned(),
            ..preset
        };
        assert_eq!(options(&own), None);
    }
}
