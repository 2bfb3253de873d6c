//! Checks of data sets and weights.

use std::path::Path;

use serde_json::Value;

use super::finding::{Area, Examination, Severity};
use super::inspected::{DoctorOptions, Inspect, InspectError, Inspected};
use crate::data::is_complete;
use crate::entry_file::{EntryFile, State};
use crate::front::Commands;
use crate::home::Home;
use crate::manifest::{ManifestEntry, Source};
use crate::partial;
use crate::text::counted;

/// Examines data sets and weights.
pub(super) struct Examiner<'a> {
    pub(super) examination: &'a mut Examination,
    pub(super) home: &'a Home,
    pub(super) commands: Commands,
    /// `None` once the program is known to be missing.
    pub(super) inspect: Option<&'a Inspect<'a>>,
}

impl Examiner<'_> {
    pub(super) fn examine(mut self, options: &DoctorOptions) {
        self.examine_data(&options.data, options.decode);
        self.examine_weights();
    }

    /// Examines the data sets in their default folders and those given.
    fn examine_data(&mut self, given: &[String], decode: bool) {
        let mut specs = Vec::new();
        for kind in ["nyu", "kitti"] {
            let folder = self.home.data(kind);
            if is_complete(kind, &folder) {
                specs.push(format!("{kind}:{}", folder.display()));
            } else {
                let what = format!(
                    "{kind} is not in {}; `{} {kind}` downloads it",
                    folder.display(),
                    self.commands.data
                );
                self.examination.fact(Area::Data, what);
            }
        }
        specs.extend_from_slice(given);
        for spec in &specs {
            let inspected = Inspected::Data { spec, decode };
            if let Some(document) = self.inspect(Area::Data, spec, inspected) {
                let splits = splits(&document);
                if !splits.is_empty() {
                    let what = format!("{spec}: {splits}");
                    self.examination.fact(Area::Data, what);
                }
                self.examination.data.push(document);
            }
        }
    }

    /// Compares stored weights with the manifest and with their network.
    fn examine_weights(&mut self) {
        let manifest = match self.home.manifest(None) {
            Ok(manifest) => manifest,
            Err(error) => {
                let place = self.home.folder().join("manifest.toml");
                let place = place.display().to_string();
                let advice = "repair it, or remove it to use the built-in manifest";
                return self.examination.find(
                    Area::Weights,
                    Severity::Error,
                    ["manifest", &place, &error.to_string(), advice],
                );
            }
        };
        let (mut absent, mut by_hand) = (Vec::new(), Vec::new());
        let folder = self.home.weights();
        for (name, entry) in &manifest.weights {
            let file = EntryFile::new(name, entry, &folder, self.commands);
            match file.state() {
                State::Absent if matches!(entry.source, Source::Manual(_)) => {
                    by_hand.push(name.as_str());
                }
                State::Absent => absent.push(name.as_str()),
                State::Partial(bytes) => {
                    let what = format!(
                        "{}: an interrupted download, {bytes} bytes so far",
                        file.name
                    );
                    let command = self.commands.weights;
                    let advice = format!("run `{command} {}` to resume it", file.name);
                    self.examination.find(
                        Area::Weights,
                        Severity::Note,
                        ["partial", &path_of(&file.target), &what, &advice],
                    );
                }
                State::Present => self.examine_file(&file),
            }
        }
        for (names, how) in [
            (absent, "fetched when needed"),
            (by_hand, "to be downloaded by hand"),
        ] {
            if !names.is_empty() {
                let what = format!("not downloaded yet, {how}: {}", names.join(", "));
                self.examination.fact(Area::Weights, what);
            }
        }
    }

    fn examine_file(&mut self, weights: &EntryFile) {
        let EntryFile {
            name,
            entry,
            target,
            ..
        } = weights;
        let file = path_of(target);
        if let Err(error) = partial::check(target, &weights.expected()) {
            let what = format!("{name}: {error}");
            let advice = format!("remove it and run `{} {name}`", self.commands.weights);
            return self.examination.find(
                Area::Weights,
                Severity::Error,
                ["weights-file", &file, &what, &advice],
            );
        }
        let against = match (entry.size, &entry.sha256) {
            (_, Some(_)) => "its SHA-256 is correct",
            (Some(_), None) => "its size is correct, its SHA-256 is unknown",
            (None, None) => "its size and its SHA-256 are unknown",
        };
        let what = format!("{name}: {against}");
        self.examination.fact(Area::Weights, what);
        if let Some(model) = entry.models.first().filter(|_| !is_archive(entry)) {
            let file = target;
            self.inspect(
                Area::Weights,
                &path_of(file),
                Inspected::Weights { file, model },
            );
        }
    }

    /// Adds the findings of an inspection and returns its document; `None`, with a finding, if
    /// it failed.
    fn inspect(&mut self, area: Area, place: &str, inspected: Inspected<'_>) -> Option<Value> {
        let what = match self.inspect?(inspected) {
            Ok(document) if self.examination.adopt(area, &document) => return Some(document),
            Ok(_) => "`mde inspect` returned an unexpected document".to_owned(),
            Err(InspectError::Failed(error)) => error,
            Err(InspectError::NoProgram(error)) => {
                self.inspect = None;
                let what = format!("{error}; data sets and weights are not inspected");
                let advice = "run `cargo build --release -p mde-cli` and correct what it reports";
                let finding = ["mde-build", "mde", &what, advice];
                self.examination
                    .find(Area::Program, Severity::Error, finding);
                return None;
            }
        };
        let advice = "follow the message, and use programs of one version";
        let finding = ["inspect", place, &what, advice];
        self.examination.find(area, Severity::Error, finding);
        None
    }
}

/// The splits of a data set and their sizes.
fn splits(document: &Value) -> String {
    let splits = document.get("splits").and_then(Value::as_array);
    let said = splits.into_iter().flatten().map(|split| {
        let name = split.get("split").and_then(Value::as_str);
        let pairs = split.get("pairs").and_then(Value::as_u64);
        let pairs = counted(pairs.unwrap_or(0) as usize, "pair");
        format!("{} {pairs}", name.unwrap_or("?"))
    });
    said.collect::<Vec<_>>().join(", ")
}

/// Whether an archive must be unpacked by hand before its weights can be loaded.
fn is_archive(entry: &ManifestEntry) -> bool {
    let manual = matches!(entry.source, Source::Manual(_));
    let ending = Path::new(&entry.file).extension();
    ending.is_some_and(|ending| ending == "zip") && !manual
}

fn path_of(target: &Path) -> String {
    target.display().to_string()
}
