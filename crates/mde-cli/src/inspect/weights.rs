//! Checks of a file of weights: whether it fits the network, and whether all values are finite.

use std::path::Path;

use candle_core::{DType, Device};
use mde_datasets::{Finding, Severity};
use mde_models::{LoadReport, ModelError, Parameters, Preset};
use serde_json::json;

use crate::output::{Output, count, shown};
use crate::subject::load_report_json;

/// The part of the network that a file is for.
enum Role {
    /// All parameters.
    Network,
    /// The encoder's parameters, as of an ImageNet classifier.
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

/// Checks the file.
pub(super) fn run(file: &Path, model: &str) -> anyhow::Result<Output> {
    let preset = Preset::named(model)?;
    // The seed does not matter, since every value is replaced.
    let parameters = Parameters::new(0, &Device::Cpu);
    preset.build(&parameters)?;
    let mut document = json!({ "weights": shown(file), "model": preset.name, "findings": [] });
    let mut findings = Vec::new();
    let mut words = match load(&parameters, file) {
        Ok((role, keys)) => {
            document["role"] = role.name().into();
            document["load_report"] = load_report_json(&keys);
            let broken = not_finite(&parameters)?;
            if !broken.is_empty() {
                findings.push(finding(
                    file,
                    "weights-not-finite",
                    format!(
                        "NaN or infinity in {}: {}",
                        count(broken.len(), "parameter"),
                        broken[..broken.len().min(NAMED)].join(", ")
                    ),
                    "the training has diverged or the file is damaged: use another checkpoint",
                ));
            }
            format!(
                "{}: weights of {model}'s {}: {keys}",
                file.display(),
                role.name()
            )
        }
        Err(error) => {
            let advice = advice(&error);
            let what = match error {
                ModelError::Unreadable { source, .. } => source.to_string(),
                error => error.to_string(),
            };
            findings.push(finding(file, "weights", what, advice));
            format!("{}: not weights of {model}", file.display())
        }
    };
    for finding in &findings {
        let (check, what, advice) = (finding.check, &finding.what, &finding.advice);
        words += &format!("\nerror: {check}\n    {what}\n    repair: {advice}");
    }
    document["findings"] = json!(findings);
    Ok(Output::new(words, document)?.with_errors(&file.display().to_string(), findings.len()))
}

/// What to do about a file that is not weights of the network.
fn advice(error: &ModelError) -> &'static str {
    let message = error.to_string();
    let has_command = ["python3 -c ", "unzip ", "tar xf "]
        .iter()
        .any(|command| message.contains(command));
    match error {
        _ if has_command => "run the command above and use the file that it writes",
        ModelError::Unreadable { .. } => {
            "correct the path or the file, or copy or download it again"
        }
        ModelError::Mismatch { report, .. } if report.closest.is_some() => {
            "give the closest network with --model"
        }
        ModelError::Mismatch { report, .. } if 2 * report.matched > parameters(report) => {
            "most of the parameters fit, so the file is of a changed network: use the file of the \
             network itself, or save this one without the unexpected tensors if the network does \
             not need them"
        }
        ModelError::Mismatch { .. } => {
            "no network of `mde models` has these tensors: measure the network by what it predicts, \
             with `mde evaluate --pred`, and by its activations, with `mde dissect --features`"
        }
        _ => "use a file that holds the weights alone, as a state dict",
    }
}

/// Number of the network's parameters.
fn parameters(report: &LoadReport) -> usize {
    report.matched + report.missing.len() + report.mismatched.len()
}

/// Number of parameters that a finding names.
const NAMED: usize = 5;

fn finding(file: &Path, check: &'static str, what: String, advice: &'static str) -> Finding {
    Finding {
        severity: Severity::Error,
        check,
        place: shown(file),
        what,
        advice: advice.into(),
    }
}

/// Loads the file for the whole network, else for its encoder. If both fail, returns the error of
/// the one that fits better.
fn load(parameters: &Parameters, file: &Path) -> Result<(Role, LoadReport), ModelError> {
    match parameters.load(file) {
        Ok(keys) => Ok((Role::Network, keys)),
        Err(error) => match parameters.load_backbone(file) {
            Ok(keys) => Ok((Role::Encoder, keys)),
            Err(encoder) => match matched(&encoder) > matched(&error) {
                true => Err(encoder),
                false => Err(error),
            },
        },
    }
}

/// Number of parameters that fit.
fn matched(error: &ModelError) -> usize {
    match error {
        ModelError::Mismatch { report, .. } => report.matched,
        _ => 0,
    }
}

/// The parameters that hold NaN or infinity.
fn not_finite(parameters: &Parameters) -> candle_core::Result<Vec<String>> {
    let mut broken = Vec::new();
    for (name, values) in parameters.all() {
        // The sum of magnitudes is finite only if each value is; in f64 it cannot overflow.
        let sum = values.to_dtype(DType::F64)?.abs()?.sum_all()?;
        if !sum.to_scalar::<f64>()?.is_finite() {
            broken.push(name);
        }
    }
    Ok(broken)
}
