//! Parts that were not measured, and the commands that add them.

use mde_results::LayerDissection;
use serde::Serialize;

use super::model::Model;
use crate::format::listed;

/// A part that is not on the page, and the command that adds it.
#[derive(Debug, Serialize)]
pub(crate) struct Missing {
    pub model: String,
    pub what: String,
    /// The commands, joined by ` && `.
    pub command: String,
}

/// What was not measured of a model or of some of its layers, by the command that adds it.
pub(super) fn missing(model: &Model<'_>, layers: &[LayerDissection]) -> Vec<Missing> {
    let run = model.run;
    let part = |what: String, command: String| Missing {
        model: model.label.label.clone(),
        what,
        command,
    };
    let mut missing = Vec::new();
    if run.dissection.is_none() {
        missing.push(part("depth selectivity".to_owned(), run.command("dissect")));
    }
    if let Some((what, lacking)) = parts_of_dissection(layers) {
        missing.push(part(what, run.dissect_commands(lacking).join(" && ")));
    }
    // Ablation and correction run the network, and do not align its predictions.
    let command = run.command("evaluate");
    let is_aligned = ["--align", "--flip-average"]
        .iter()
        .any(|option| command.contains(option));
    if run.evaluation.provenance.is_stored() || is_aligned {
        return missing;
    }
    let lacking = |has: &dyn Fn(&str) -> bool| {
        let names = layers.iter().map(|layer| layer.layer.clone());
        let names: Vec<String> = names.filter(|layer| !has(layer)).collect();
        (!names.is_empty()).then(|| listed(&names))
    };
    if let Some(names) = lacking(&|layer| run.ablated(layer).is_some()) {
        let what = format!("the effect of removing units of {names}");
        missing.push(part(what, run.command("ablate")));
    }
    if let Some(names) = lacking(&|layer| run.corrected(layer).is_some()) {
        let what = format!("the effect of correcting units of {names}");
        missing.push(part(what, run.command("correct")));
    }
    missing
}

/// What the dissection of some layers lacks, and which layers.
fn parts_of_dissection(layers: &[LayerDissection]) -> Option<(String, Vec<&LayerDissection>)> {
    type Lacks = fn(&LayerDissection) -> bool;
    let parts: [(&str, Lacks); 3] = [
        ("the chance level", |layer| layer.null.is_none()),
        ("other bins", |layer| layer.discretisations.is_empty()),
        ("the images with the strongest response", |layer| {
            // Stored features come without pictures.
            layer.top_images.is_none() && layer.features.is_none()
        }),
    ];
    let lacking = layers
        .iter()
        .filter(|layer| parts.iter().any(|(_, lacks)| lacks(layer)));
    let lacking: Vec<&LayerDissection> = lacking.collect();
    let names = parts.iter().filter(|(_, lacks)| layers.iter().any(lacks));
    let names: Vec<String> = names.map(|(name, _)| (*name).to_owned()).collect();
    (!lacking.is_empty()).then(|| (listed(&names), lacking))
}
