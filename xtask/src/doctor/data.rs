//! Data sets and weights: `mde` looks at them, as a child.

use std::cell::OnceCell;
use std::path::Path;

use serde_json::Value;

use super::finding::{Area, Examination, Severity};
use crate::fetch::manifest::{Entry, Manifest, Source};
use crate::fetch::{Place, State, partial, place, weights_folder};
use crate::mde::{DeviceChoice, Mde, manifest_file};
use crate::reproduce::{default_data, is_here};

/// The program, built when it is needed first; none if that failed, which is a finding.
#[derive(Default)]
pub(super) struct Program(OnceCell<Option<Mde>>);

impl Program {
    fn get(&self, examination: &mut Examination) -> Option<&Mde> {
        let built = || {
            Mde::build(DeviceChoice::Auto)
                .map_err(|error| {
                    let what = format!("{error:#}; data sets and weights are not looked into");
                    let advice = "run `cargo build --release -p mde-cli` and see what it says";
                    examination.find(
                        Area::Program,
                        Severity::Error,
                        ["mde-build", "mde", &what, advice],
                    );
                })
                .ok()
        };
        self.0.get_or_init(built).as_ref()
    }

    /// The document of `mde inspect` with these arguments, its findings taken over.
    fn inspect(
        &self,
        examination: &mut Examination,
        area: Area,
        place: &str,
        arguments: &[&str],
    ) -> Option<Value> {
        let mde = self.get(examination)?;
        let document = mde.json([&["inspect"], arguments].concat());
        let what = match document {
            Ok(document) if examination.adopt(area, &document) => return Some(document),
            Ok(_) => "`mde inspect` answers in a form that is not known here".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        let advice = "see what the message says, and that program and xtask are of one version";
        examination.find(area, Severity::Error, ["inspect", place, &what, advice]);
        None
    }
}

/// Looks at the data sets at their default places and at those given.
pub(super) fn examine(
    examination: &mut Examination,
    program: &Program,
    given: &[String],
    decode: bool,
) {
    let mut specs = Vec::new();
    for kind in ["nyu", "kitti"] {
        let folder = default_data(kind);
        if is_here(kind, &folder) {
            specs.push(format!("{kind}:{}", folder.display()));
        } else {
            let what = format!(
                "{kind} is not in {}; `cargo xtask fetch-data {kind}` brings it",
                folder.display()
            );
            examination.fact(Area::Data, what);
        }
    }
    specs.extend_from_slice(given);
    for spec in &specs {
        let mut arguments = vec!["--data", spec];
        arguments.extend(decode.then_some("--decode"));
        if let Some(document) = program.inspect(examination, Area::Data, spec, &arguments) {
            examination.fact(Area::Data, format!("{spec}: {}", splits(&document)));
            examination.data.push(document);
        }
    }
}

/// The splits of a data set and their sizes.
fn splits(document: &Value) -> String {
    let splits = document.get("splits").and_then(Value::as_array);
    let said = splits.into_iter().flatten().map(|split| {
        let name = split.get("split").and_then(Value::as_str);
        let pairs = split.get("pairs").and_then(Value::as_u64);
        format!("{} {} pairs", name.unwrap_or("?"), pairs.unwrap_or(0))
    });
    said.collect::<Vec<_>>().join(", ")
}

/// Looks at the weights that are here: against the manifest, and against the network that they are for.
pub(super) fn examine_weights(examination: &mut Examination, program: &Program) {
    let path = manifest_file();
    let manifest = match Manifest::read(&path) {
        Ok(manifest) => manifest,
        Err(error) => {
            let advice = "restore data/manifest.toml from the repository";
            let place = path.display().to_string();
            return examination.find(
                Area::Weights,
                Severity::Error,
                ["manifest", &place, &format!("{error:#}"), advice],
            );
        }
    };
    let mut absent = Vec::new();
    for (name, entry) in &manifest.weights {
        let place = place(&weights_folder(), name, entry);
        match State::of(&place.target) {
            State::Absent => absent.push(name.as_str()),
            State::Partial(bytes) => {
                let what = format!("{name}: an interrupted download, {bytes} bytes so far");
                let advice = format!("run `cargo xtask fetch-weights {name}` to go on with it");
                examination.find(
                    Area::Weights,
                    Severity::Note,
                    ["partial", &path_of(&place.target), &what, &advice],
                );
            }
            State::Present => examine_file(examination, program, &place),
        }
    }
    if !absent.is_empty() {
        let what = format!("not here, and fetched when needed: {}", absent.join(", "));
        examination.fact(Area::Weights, what);
    }
}

fn examine_file(examination: &mut Examination, program: &Program, weights: &Place<'_>) {
    let Place {
        name,
        entry,
        target,
        ..
    } = weights;
    let file = path_of(target);
    if let Err(error) = partial::check(target, &weights.expected()) {
        let what = format!("{name}: {error}");
        let advice = format!("remove it and run `cargo xtask fetch-weights {name}`");
        return examination.find(
            Area::Weights,
            Severity::Error,
            ["weights-file", &file, &what, &advice],
        );
    }
    let against = match (entry.size, &entry.sha256) {
        (_, Some(_)) => "its SHA-256 is right",
        (Some(_), None) => "its size is right, its SHA-256 is not known",
        (None, None) => "neither its size nor its SHA-256 is known",
    };
    examination.fact(Area::Weights, format!("{name}: {against}"));
    if is_archive(entry) {
        return;
    }
    let Some(model) = entry.models.first() else {
        return;
    };
    let arguments = ["--weights", file.as_str(), "--model", model.as_str()];
    program.inspect(examination, Area::Weights, &file, &arguments);
}

/// An archive has to be unpacked by hand before a network can be filled from it.
fn is_archive(entry: &Entry) -> bool {
    let manual = matches!(entry.source, Source::Manual(_));
    Path::new(&entry.file)
        .extension()
        .is_some_and(|ending| ending == "zip")
        && !manual
}

fn path_of(target: &Path) -> String {
    target.display().to_string()
}
