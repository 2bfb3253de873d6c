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
    pub command: String,
}

/// What was not measured of a model or of some of its layers, by the command that adds it.
pub(super) fn missing(model: &Model<'_>, layers: &[LayerDissection]) -> Vec<Missing> {
    let run = model.run;
    let any = |lacks: &dyn Fn(&LayerDissection) -> bool| layers.iter().any(lacks);
    let some = |part: &str, lacks: &dyn Fn(&LayerDissection) -> bool| {
        let names = layers.iter().filter(|layer| lacks(layer));
        let names: Vec<String> = names.map(|layer| layer.layer.clone()).collect();
        (format!("{part} of {}", listed(&names)), !names.is_empty())
    };
    let stages = [
        (
            "dissect",
            vec![
                ("depth selectivity".to_owned(), run.dissection.is_none()),
                (
                    "the chance level".to_owned(),
                    any(&|layer| layer.null.is_none()),
                ),
                (
                    "other bins".to_owned(),
                    any(&|layer| layer.discretisations.is_empty()),
                ),
                (
                    "the images with the strongest response".to_owned(),
                    any(&|layer| layer.top_images.is_none()),
                ),
            ],
        ),
        (
            "ablate",
            vec![some("the effect of removing units", &|layer| {
                run.ablated(&layer.layer).is_none()
            })],
        ),
        (
            "correct",
            vec![some("the effect of correcting units", &|layer| {
                run.corrected(&layer.layer).is_none()
            })],
        ),
    ];
    let missing = stages.into_iter().filter_map(|(stage, parts)| {
        let parts = parts.into_iter().filter(|(_, missing)| *missing);
        let parts: Vec<String> = parts.map(|(part, _)| part).collect();
        (!parts.is_empty()).then(|| Missing {
            model: model.label.label.clone(),
            what: listed(&parts),
            command: run.command(stage),
        })
    });
    missing.collect()
}
