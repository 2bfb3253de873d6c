//! A file of weights: whether the network takes it, and whether its numbers are numbers.

use std::path::Path;

use candle_core::{DType, Device};
use mde_models::{KeyReport, ModelError, Parameters, Preset};
use serde_json::{Value, json};

use crate::output::{Output, shown};
use crate::subject::keys_document;

/// What the file is to the network.
enum Role {
    /// All its parameters.
    Network,
    /// The encoder's, as an ImageNet classifier has them.
    Encoder,
}

impl Role {
    fn name(&self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Encoder => "encoder",
        }
    }
}

/// Looks at the file; what is wrong with it is a finding, not a failure.
pub(super) fn run(file: &Path, model: &str) -> anyhow::Result<Output> {
    let preset = Preset::named(model)?;
    // Every value that is looked at is replaced: the seed does not matter.
    let parameters = Parameters::new(0, &Device::Cpu);
    preset.build(&parameters)?;
    let mut document = json!({ "weights": shown(file), "model": preset.name, "findings": [] });
    let words = match load(&parameters, file) {
        Ok((role, keys)) => {
            document["role"] = role.name().into();
            document["keys"] = keys_document(&keys);
            let broken = not_finite(&parameters)?;
            if !broken.is_empty() {
                document["findings"] = json!([finding(
                    file,
                    "weights-not-finite",
                    &format!(
                        "{} parameters hold NaN or infinity: {}",
                        broken.len(),
                        broken[..broken.len().min(NAMED)].join(", ")
                    ),
                    "the training that made it has diverged, or the file is damaged: take another checkpoint",
                )]);
            }
            format!("{}: {} for {model}'s {}", file.display(), keys, role.name())
        }
        Err(error) => {
            let finding = finding(
                file,
                "weights",
                &error.to_string(),
                "name the network that the file is for with --model (`mde models` lists them), or fetch the file again",
            );
            document["findings"] = json!([finding]);
            format!("{}: not weights of {model}", file.display())
        }
    };
    let findings: Vec<&Value> = document["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let said = findings.iter().map(|finding| {
        let part = |key: &str| finding[key].as_str().unwrap_or_default();
        format!(
            "\n{}: {}\n    {}\n    to do: {}",
            part("severity"),
            part("check"),
            part("what"),
            part("advice")
        )
    });
    let words = words + &said.collect::<String>();
    Output::new(words, document)
}

/// How many parameters a finding names.
const NAMED: usize = 5;

fn finding(file: &Path, check: &str, what: &str, advice: &str) -> Value {
    json!({
        "severity": "error", "check": check, "where": shown(file), "what": what, "advice": advice,
    })
}

/// As the whole network's, else as its encoder's. The error is that of the whole network where both fail.
fn load(parameters: &Parameters, file: &Path) -> Result<(Role, KeyReport), ModelError> {
    match parameters.load(file) {
        Ok(keys) => Ok((Role::Network, keys)),
        Err(error) => match parameters.load_backbone(file) {
            Ok(keys) => Ok((Role::Encoder, keys)),
            Err(_) => Err(error),
        },
    }
}

/// The parameters that hold NaN or infinity.
fn not_finite(parameters: &Parameters) -> candle_core::Result<Vec<String>> {
    let mut broken = Vec::new();
    for (name, values) in parameters.all() {
        // The sum of magnitudes is finite only if each is; in f64 it cannot overflow.
        let sum = values.to_dtype(DType::F64)?.abs()?.sum_all()?;
        if !sum.to_scalar::<f64>()?.is_finite() {
            broken.push(name);
        }
    }
    Ok(broken)
}
