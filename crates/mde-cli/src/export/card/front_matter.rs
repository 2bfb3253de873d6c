//! The front matter of a model card: what the Hugging Face hub's pages and searches read.

use std::fmt::Write as _;

use mde_models::Architecture;
use mde_results::{Evaluation, Provenance};

use crate::export::exported::Exported;
use crate::export::licence::Licence;

/// YAML between two lines of dashes.
pub(super) fn front_matter(exported: &Exported<'_>) -> String {
    let mut lines = "---\n".to_owned();
    lines += &exported
        .licence
        .map(Licence::front_matter)
        .unwrap_or_default();
    lines += "library_name: mde\npipeline_tag: depth-estimation\ntags:\n- depth-estimation\n\
              - monocular-depth-estimation\n- interpretability\n";
    let family = match exported.preset.architecture() {
        Architecture::Mff => "mff",
        Architecture::Bts => "bts",
        Architecture::Meter => "meter",
    };
    let _ = writeln!(lines, "- {family}");
    if let Some(training) = &exported.config.training {
        let _ = write!(lines, "datasets:\n- {}\n", hub_name(&training.data.name));
    }
    if let Some(evaluation) = &exported.measured.evaluation {
        lines += &model_index(&exported.config.model, evaluation);
    }
    lines + "---\n"
}

/// The results as the hub's pages and searches read them.
fn model_index(model: &str, evaluation: &Evaluation) -> String {
    let Provenance { data, split, .. } = &evaluation.provenance;
    let mean = &evaluation.summary.mean;
    let mut lines = format!(
        "model-index:\n- name: {model}\n  results:\n  - task:\n      type: depth-estimation\n    \
         dataset:\n      name: {}\n      type: {}\n      split: {split}\n    metrics:\n",
        quoted(data),
        hub_name(data)
    );
    for (kind, name, value) in [
        ("abs_rel", "AbsRel", mean.abs_rel),
        ("rmse", "RMSE, metres", mean.rmse),
        ("delta_1", "δ<1.25", mean.delta_1),
    ] {
        let _ = writeln!(
            lines,
            "    - type: {kind}\n      name: {}\n      value: {value:.6}",
            quoted(&format!("{name} ({})", evaluation.protocol.name))
        );
    }
    lines
}

/// A YAML string; JSON's are a subset.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A data set's name in the characters that the hub allows.
fn hub_name(name: &str) -> String {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let name: String = name
        .chars()
        .map(|letter| if allowed(letter) { letter } else { '-' })
        .collect();
    quoted(&name)
}
