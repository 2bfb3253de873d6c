//! The model card of an exported network: Markdown with the front matter of the Hugging Face hub
//! (<https://huggingface.co/docs/hub/model-cards>).

mod front_matter;
mod results;
mod table;

use std::fmt::Write as _;

use mde_datasets::Scene;
use mde_models::{Architecture, Preset};
use mde_results::InitialPart;
use mde_train::{DepthLoss, RunConfig};

use self::table::cell;
use super::config::{ExportedNetwork, Layer};
use super::exported::{ExportFormat, Exported};
use super::measured::Measured;
use crate::output::{count, shell_word};

/// The card.
pub(super) fn card(exported: &Exported<'_>) -> String {
    let Exported { config, preset, .. } = exported;
    let trained = match &config.training {
        Some(training) => format!(" trained on {}", cell(&training.data.name)),
        None => String::new(),
    };
    let mut card = front_matter::front_matter(exported);
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
    card += &evaluation
        .as_ref()
        .map(results::accuracy)
        .unwrap_or_default();
    card += &dissection
        .as_ref()
        .map(results::selectivity)
        .unwrap_or_default();
    card += &ablation.as_ref().map(results::removal).unwrap_or_default();
    card += &correction
        .as_ref()
        .map(results::corrected)
        .unwrap_or_default();
    card + &limits(exported)
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
    let focal = match exported.config.preprocessing.uses_focal() {
        true => ", and the focal length of the camera in pixels",
        false => "",
    };
    format!(
        "\n## Use\n\n```sh\nmde predict PICTURE.jpg --weights {folder} --out depth\n\
         mde evaluate --weights {folder} --data DATA\nmde dissect --weights {folder} --data DATA\n```\n\n\
         In place of the folder, `--weights hf:ORG/REPO` names a repository of the Hugging Face hub.\n\
         {}\n| | |\n|---|---|\n| network | `{model}`, {} |\n\
         | input | {}x{} {} values in [0, 1], minus {:?}, divided by {:?}{focal} |\n\
         | output | depth in metres, up to {} m |\n| weights | `{}`, BLAKE3 `{}` |\n",
        python(exported),
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

/// How Python reads the file of weights.
fn python(exported: &Exported<'_>) -> String {
    let file = &exported.config.weights.file;
    match exported.format {
        ExportFormat::Safetensors => format!(
            "In Python:\n\n```python\nfrom safetensors.torch import load_file\n\
             state = load_file(\"{file}\")\n```\n\n\
             The names are those of the reference implementation, without `num_batches_tracked`.\n"
        ),
        ExportFormat::PthNames => format!(
            "In Python, with `net` from the reference implementation of the network:\n\n\
             ```python\nimport torch\nstate = torch.load(\"{file}\", weights_only=True)\n\
             net.load_state_dict(state, strict=True)\n```\n{}",
            reference_unit(exported.preset)
        ),
    }
}

/// The unit of the reference implementation's output, where it differs from that of `mde`.
fn reference_unit(preset: &Preset) -> String {
    let unit = match (
        preset.architecture(),
        Scene::for_max_depth(preset.max_depth),
    ) {
        (Architecture::Meter, Scene::Indoor) => "centimetres",
        (Architecture::Meter, Scene::Street) => "decimetres",
        (Architecture::Mff | Architecture::Bts, _) => return String::new(),
    };
    format!("\n`net` then predicts depth in {unit}.\n")
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
                cell(&data.name),
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
