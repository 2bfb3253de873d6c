//! The model card of an exported network: Markdown with the front matter of the Hugging Face hub
//! (<https://huggingface.co/docs/hub/model-cards>).

use std::fmt::Write as _;

use mde_metrics::Alignment;
use mde_metrics::statistics::Estimate;
use mde_models::Architecture;
use mde_results::{
    Ablation, Correction, Dissection, EstimatedSelectivity, Evaluation, InitialPart,
    LayerDissection, Provenance, RemovalOrder, names,
};
use mde_train::{DepthLoss, RunConfig};

use super::config::{ExportedNetwork, Layer};
use super::licence::Licence;
use super::measured::Measured;
use super::{ExportFormat, Exported};
use crate::output::{count, estimate, shell_word};

/// The card.
pub(super) fn card(exported: &Exported<'_>) -> String {
    let Exported { config, preset, .. } = exported;
    let trained = match &config.training {
        Some(training) => format!(" trained on {}", training.data.name),
        None => String::new(),
    };
    let mut card = front_matter(exported);
    let _ = write!(
        card,
        "\n# {}{trained}\n\n{}. It predicts depth in metres from one RGB image. Exported by mde {}.\n",
        config.model,
        preset.summary,
        env!("CARGO_PKG_VERSION")
    );
    card += &usage(exported);
    card += &training(exported);
    let Measured {
        evaluation,
        dissection,
        ablation,
        correction,
    } = exported.measured;
    card += &evaluation.as_ref().map(accuracy).unwrap_or_default();
    card += &dissection.as_ref().map(selectivity).unwrap_or_default();
    card += &ablation.as_ref().map(removal).unwrap_or_default();
    card += &correction.as_ref().map(corrected).unwrap_or_default();
    card + &limits(exported)
}

fn front_matter(exported: &Exported<'_>) -> String {
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

fn usage(exported: &Exported<'_>) -> String {
    let ExportedNetwork {
        model,
        input,
        output,
        weights,
        ..
    } = exported.config;
    let folder = exported.folder.file_name().unwrap_or_default();
    let folder = shell_word(&folder.to_string_lossy());
    let python = match exported.format {
        ExportFormat::Safetensors => format!(
            "from safetensors.torch import load_file\nstate = load_file(\"{}\")",
            weights.file
        ),
        ExportFormat::PthNames => format!(
            "import torch\nstate = torch.load(\"{}\", weights_only=True)\n\
             # net: the reference implementation of the network\nnet.load_state_dict(state, strict=True)",
            weights.file
        ),
    };
    format!(
        "\n## Use\n\n```sh\nmde predict PICTURE.jpg --weights {folder} --out depth\n\
         mde evaluate --weights {folder} --data DATA\nmde dissect --weights {folder} --data DATA\n```\n\n\
         In place of the folder, `--weights hf:ORG/REPO` names a repository of the Hugging Face hub. \
         In Python:\n\n```python\n{python}\n```\n\n\
         | | |\n|---|---|\n| network | `{model}`, {} |\n\
         | input | {}x{} {} values in [0, 1], minus {:?}, divided by {:?} |\n\
         | output | depth in metres, up to {} m |\n| weights | `{}`, BLAKE3 `{}` |\n",
        count(weights.parameters, "parameter"),
        input.height,
        input.width,
        input.channels,
        input.mean,
        input.std,
        output.max_depth,
        weights.file,
        weights.blake3,
    )
}

fn training(exported: &Exported<'_>) -> String {
    let (Some(training), Some(step)) = (&exported.config.training, exported.config.step) else {
        return format!(
            "\n## Training\n\nNot recorded: the weights come from the file {} (BLAKE3 `{}`).\n",
            exported.origin, exported.config.weights.exported_from
        );
    };
    let data = &training.data;
    let mut rows = vec![
        (
            "data",
            format!(
                "{}, {}, BLAKE3 `{}`",
                data.name,
                count(data.images, "image"),
                data.fingerprint
            ),
        ),
        (
            "mean depth of the data",
            format!("{:.4} m", data.mean_depth),
        ),
        ("steps", steps(step, training)),
        ("batch size", training.batch_size.to_string()),
        ("learning rate", training.learning_rate.to_string()),
        ("loss", loss(training.loss).to_owned()),
        ("seed", training.seed.to_string()),
        ("α, weight of the assigned selectivity", alpha(training)),
        ("initial weights", initial(training)),
        ("version", format!("mde {}", training.version)),
    ];
    if !data.earlier.is_empty() {
        let earlier = count(data.earlier.len(), "earlier state");
        rows.push(("changes of the data", format!("{earlier} during training")));
    }
    let mut section = "\n## Training\n\n| | |\n|---|---|\n".to_owned();
    for (name, value) in rows {
        let _ = writeln!(section, "| {name} | {value} |");
    }
    section += "\n`config.json` has all settings";
    let assigned: Vec<&Layer> = (exported.config.layers.iter())
        .filter(|layer| layer.assigned_ranges.is_some())
        .collect();
    section += match assigned.is_empty() {
        true => ".\n",
        false => ", and the depth range of each unit.\n",
    };
    section
}

fn steps(step: u64, training: &RunConfig) -> String {
    match step < training.steps {
        true => format!("{step} of {}: training was not finished", training.steps),
        false => step.to_string(),
    }
}

fn loss(loss: DepthLoss) -> &'static str {
    match loss {
        DepthLoss::Mff => "MFF's: logarithmic errors of depth and gradients, errors of normals",
        DepthLoss::L1 => "mean absolute error",
        DepthLoss::Log => "mean of ln(error + 0.5)",
        DepthLoss::Silog { .. } => "scale-invariant logarithmic error",
    }
}

fn alpha(training: &RunConfig) -> String {
    match &training.assignment {
        Some(assignment) => format!(
            "{}, on {}, at most {} bins",
            assignment.alpha,
            assignment.layers.join(", "),
            assignment.max_bins
        ),
        None => "0: no unit has an assigned depth range".to_owned(),
    }
}

fn initial(training: &RunConfig) -> String {
    let Some(init) = &training.init else {
        return "random".to_owned();
    };
    let part = match init.part {
        InitialPart::Network => "whole network",
        InitialPart::Encoder => "encoder",
    };
    let name = init.file.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "`{name}`, {part}, BLAKE3 `{}`; their licence applies too",
        init.hash
    )
}

/// `name test, 120 images, BLAKE3 …; file, mde 0.1`
fn source(file: &str, provenance: &Provenance, images: impl std::fmt::Display) -> String {
    format!(
        "Data: {} {}, {}, BLAKE3 `{}`. Source: `{file}` of the run, mde {}.",
        provenance.data,
        provenance.split,
        count(images, "image"),
        provenance.data_hash,
        provenance.version
    )
}

fn accuracy(evaluation: &Evaluation) -> String {
    let (protocol, mean) = (&evaluation.protocol, &evaluation.summary.mean);
    let alignment = match protocol.alignment {
        Alignment::None => "predictions are not aligned".to_owned(),
        other => format!("each prediction aligned with its ground truth ({other})"),
    };
    let mut section = format!(
        "\n## Accuracy\n\n{}\nProtocol: `{}`, depths between {} and {} m, {alignment}.\n\n\
         | | AbsRel | RMSE, m | δ<1.25 |\n|---|---:|---:|---:|\n\
         | this network | {:.4} | {:.4} | {:.4} |\n",
        source(
            names::EVALUATION,
            &evaluation.provenance,
            evaluation.summary.images
        ),
        protocol.name,
        protocol.min_depth,
        protocol.max_depth,
        mean.abs_rel,
        mean.rmse,
        mean.delta_1
    );
    if let Some(constant) = &evaluation.constant_baseline {
        let errors = &constant.summary.mean;
        let _ = writeln!(
            section,
            "| constant {:.2} m, {} | {:.4} | {:.4} | {:.4} |",
            constant.depth,
            constant.source.describe(),
            errors.abs_rel,
            errors.rmse,
            errors.delta_1
        );
    }
    section += "\nMeans over images, each with the same weight.\n";
    if !evaluation.images_without_valid_depth.is_empty() {
        let left_out = evaluation.images_without_valid_depth.len();
        let _ = writeln!(
            section,
            "{} without valid depth left out.",
            count(left_out, "image")
        );
    }
    if let Some(warning) = &evaluation.unit_warning {
        let _ = writeln!(
            section,
            "**Warning:** the median ratio of prediction to ground truth is {:.3}: {}.",
            warning.median_ratio, warning.likely
        );
    }
    section
}

fn selectivity(dissection: &Dissection) -> String {
    let mut section = format!(
        "\n## Depth selectivity\n\n{}\n\n\
         | layer | units | bins | valid-bins estimator | held out | chance level | units above chance \
         | at the assigned bin | reference estimator | flat floor |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        source(names::DISSECTION, &dissection.provenance, dissection.images)
    );
    for layer in &dissection.layers {
        section += &selectivity_row(layer);
    }
    section
        + "\nMean over the units of a layer: 0 = responds equally at all depths, 1 = responds in one \
           bin only. Brackets are 95 % bootstrap intervals over images. The valid-bins estimator uses \
           only bins with enough pixels; the reference estimator computes selectivity as the paper's \
           code does, and gives a unit without selectivity the flat floor. Held out, the preferred bin \
           is chosen on other images. The chance level is the valid-bins selectivity after the depth \
           maps were permuted among the images.\n"
}

fn selectivity_row(layer: &LayerDissection) -> String {
    let number = |value: Option<f64>| value.map_or("undefined".to_owned(), |x| format!("{x:.4}"));
    let mean = |estimated: &EstimatedSelectivity| {
        estimated.mean.map_or("undefined".to_owned(), |value| {
            estimate(&Estimate {
                value,
                interval: estimated.interval,
            })
        })
    };
    let not_measured = || "not measured".to_owned();
    let (valid_bins, null) = (&layer.valid_bins, layer.null.as_ref());
    let assigned = valid_bins.assigned.as_ref().map(|units| {
        let defined: Vec<f64> = units.iter().flatten().copied().collect();
        let sum: f64 = defined.iter().sum();
        number((!defined.is_empty()).then(|| sum / defined.len() as f64))
    });
    format!(
        "| {} | {} | {} of {} | {} | {} | {} | {} | {} | {} | {} |\n",
        layer.layer,
        layer.units,
        valid_bins.bins_used,
        layer.bins.len(),
        mean(valid_bins),
        match valid_bins.held_out.splits {
            0 => not_measured(),
            _ => number(valid_bins.held_out.mean),
        },
        null.map_or_else(not_measured, |null| number(null.mean)),
        null.map_or_else(not_measured, |null| format!(
            "{} of {}",
            null.above, null.tested
        )),
        assigned.unwrap_or("none assigned".to_owned()),
        mean(&layer.reference),
        number(layer.flat_floor),
    )
}

fn removal(ablation: &Ablation) -> String {
    let mut section = format!(
        "\n## Removal of units\n\n{} Protocol: `{}`.\n\n\
         | layer | order of removal | filled with | AbsRel minus AbsRel at random removal |\n\
         |---|---|---|---:|\n",
        source(names::ABLATION, &ablation.provenance, ablation.images),
        ablation.protocol.name
    );
    for layer in &ablation.layers {
        for area in &layer.areas {
            let order = match area.order {
                RemovalOrder::LeastSelectiveFirst => "least selective first",
                _ => "most selective first",
            };
            let fill = serde_json::to_value(area.fill).unwrap_or_default();
            let _ = writeln!(
                section,
                "| {} | {order} | {} | {} |",
                layer.layer,
                fill.as_str().unwrap_or_default(),
                estimate(&area.abs_rel)
            );
        }
    }
    section + "\nAveraged over the fraction of units removed.\n"
}

fn corrected(correction: &Correction) -> String {
    let mut section = format!(
        "\n## Correction of responses\n\n{} Protocol: `{}`.\n\n\
         | layer | AbsRel | AbsRel with all responses corrected | reduction |\n|---|---:|---:|---:|\n",
        source(names::CORRECTION, &correction.provenance, correction.images),
        correction.protocol.name
    );
    for layer in &correction.layers {
        let _ = writeln!(
            section,
            "| {} | {:.4} | {:.4} | {} |",
            layer.layer,
            layer.before.abs_rel,
            layer.all_units.errors.abs_rel,
            estimate(&layer.all_units.abs_rel_reduction)
        );
    }
    let _ = writeln!(section, "\nThis is an {}.", correction.note);
    section
}

fn limits(exported: &Exported<'_>) -> String {
    let mut section = "\n## Not in this card\n\n".to_owned();
    for missing in exported.measured.missing() {
        let _ = writeln!(section, "- {missing}");
    }
    section += "- images unlike those of the data above: other cameras, other scenes\n";
    if exported.config.training.is_some() {
        section += "- the variation between training runs: this is one run with one seed\n";
    }
    if exported.licence.is_none() {
        section += "\nThe exporter named no licence.\n";
    }
    section
}
