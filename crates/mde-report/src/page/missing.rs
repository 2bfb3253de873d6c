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
    let stages = [
        (
            "dissect",
            vec![
                ("depth selectivity", run.dissection.is_none()),
                ("the chance level", any(&|layer| layer.null.is_none())),
                ("other bins", any(&|layer| layer.discretisations.is_empty())),
                (
                    "the images with the strongest response",
                    any(&|layer| layer.top_images.is_none()),
                ),
            ],
        ),
        (
            "ablate",
            vec![(
                "the effect of removing units",
                any(&|layer| run.ablated(&layer.layer).is_none()),
            )],
        ),
        (
            "correct",
            vec![(
                "the effect of correcting units",
                any(&|layer| run.corrected(&layer.layer).is_none()),
            )],
        ),
    ];
    let missing = stages.into_iter().filter_map(|(stage, parts)| {
        let parts = parts.into_iter().filter(|(_, missing)| *missing);
        let parts: Vec<String> = parts.map(|(part, _)| part.to_owned()).collect();
        (!parts.is_empty()).then(|| Missing {
            model: model.label.label.clone(),
            what: listed(&parts),
            command: run.command(stage),
        })
    });
    missing.collect()
}
