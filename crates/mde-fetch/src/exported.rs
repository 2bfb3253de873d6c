//! Networks that `mde export` wrote: a folder, or a repository of the Hugging Face hub, with
//! `config.json` and one file of weights. This module recognises them; the program reads them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use mde_files::shell_word;
use serde_json::Value;

use crate::error::{FetchError, Result, io};

/// The file that describes an exported network.
pub const EXPORT_CONFIG: &str = "config.json";
/// The value of `format` in [`EXPORT_CONFIG`].
pub const EXPORT_FORMAT: &str = "mde-export";
/// The value of `format_version`: raised when an older reader would misread a newer file.
pub const EXPORT_VERSION: u64 = 1;
/// Names of the file of weights: safetensors, and PyTorch's format.
pub const EXPORT_WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.pth"];

/// Number of files that an error names.
const NAMED: usize = 3;

/// `config.json` of an exported network, and the name of its file of weights.
///
/// # Errors
/// If the file is missing or damaged, belongs to another program or to a run, or was written by a
/// newer version. The error says what it is instead.
pub fn read_export(folder: &Path) -> Result<(Value, &'static str)> {
    let path = folder.join(EXPORT_CONFIG);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(no_config(folder)),
        Err(error) => return Err(io("read", &path)(error)),
    };
    let refused = |reason: String| FetchError::contents(path.display(), reason);
    let config: Value = serde_json::from_slice(&bytes).map_err(|error| {
        refused(format!(
            "not JSON, so the file is damaged or cut short ({error}); copy or download it again"
        ))
    })?;
    if config.get("format").and_then(Value::as_str) != Some(EXPORT_FORMAT) {
        return Err(refused(foreign(&config, folder)));
    }
    match config.get("format_version").and_then(Value::as_u64) {
        Some(EXPORT_VERSION) => {}
        version => {
            let version = version.map_or("missing".to_owned(), |version| version.to_string());
            return Err(refused(format!(
                "format_version is {version}, but this version of mde reads {EXPORT_VERSION}; \
                 install the version that wrote it"
            )));
        }
    }
    let file = config.pointer("/weights/file").and_then(Value::as_str);
    let known = EXPORT_WEIGHTS.into_iter().find(|name| file == Some(name));
    match known {
        Some(name) => Ok((config, name)),
        None => Err(refused(format!(
            "weights.file is {}, expected {}; copy or download the file again",
            file.map_or("missing".to_owned(), |file| format!("{file:?}")),
            EXPORT_WEIGHTS.join(" or ")
        ))),
    }
}

/// A folder without `config.json`.
fn no_config(folder: &Path) -> FetchError {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<String> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            let is_known = ["safetensors", "pth", "pt", "bin", "ckpt", "tar"]
                .contains(&extension.unwrap_or(""));
            // A checkpoint of a run also has the optimiser's state.
            is_known && !path.ends_with("optimiser.safetensors")
        })
        .map(|path| shell_word(&path.display().to_string()))
        .collect();
    files.sort();
    files.truncate(NAMED);
    let advice = match files.is_empty() {
        true => "give a file of weights, or a folder that `mde export` wrote".to_owned(),
        false => format!(
            "to use a file in it, give the file and its network: --model NAME --weights {}",
            files.join(" or ")
        ),
    };
    FetchError::contents(
        folder.display(),
        format!("a folder without {EXPORT_CONFIG}, so `mde export` did not write it; {advice}"),
    )
}

/// What a `config.json` of another kind is.
fn foreign(config: &Value, folder: &Path) -> String {
    let has = |keys: &[&str]| keys.iter().any(|key| config.get(key).is_some());
    let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or("unknown");
    let library = if has(&["model_type", "architectures", "transformers_version"]) {
        format!(
            "the transformers library (model_type {})",
            text("model_type")
        )
    } else if has(&["_class_name", "_diffusers_version"]) {
        format!("the diffusers library ({})", text("_class_name"))
    } else if has(&["pretrained_cfg", "num_classes"]) {
        format!("the timm library (architecture {})", text("architecture"))
    } else if has(&["steps", "learning_rate"]) && has(&["adam", "schedule"]) {
        let run = shell_word(&folder.display().to_string());
        return format!(
            "it describes a training run, not an exported network; measure the run with --run \
             {run}, or export it with `mde export {run} -o DIR` and give DIR"
        );
    } else {
        return "not written by `mde export`; give a folder that it wrote, or a file of weights \
                with --model NAME"
            .to_owned();
    };
    format!(
        "it describes a network of {library}, not one that `mde export` wrote; mde runs the \
         networks that `mde models` lists; to measure this one, store its predictions for `mde \
         evaluate --pred` or its activations for `mde dissect --features`"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn other_configurations_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |config: &str| {
            fs::write(folder.path().join(EXPORT_CONFIG), config).unwrap();
            read_export(folder.path()).unwrap_err().to_string()
        };
        for (config, part) in [
            ("", "damaged or cut short"),
            ("{\"format\": \"mde-exp", "damaged or cut short"),
            ("[]", "not written by `mde export`"),
            ("{}", "not written by `mde export`"),
            (
                r#"{"model_type": "depth_anything", "architectures": ["X"]}"#,
                "transformers library (model_type depth_anything)",
            ),
            (
                r#"{"architectures": ["DPTForDepthEstimation"]}"#,
                "transformers library",
            ),
            (
                r#"{"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.1"}"#,
                "diffusers library (UNet2DConditionModel)",
            ),
            (
                r#"{"architecture": "resnet50", "num_classes": 1000}"#,
                "timm library (architecture resnet50)",
            ),
            (
                r#"{"format": 1, "steps": 3, "learning_rate": 0.1, "adam": {}}"#,
                "--run ",
            ),
            (r#"{"format": "mde-export"}"#, "format_version is missing"),
            (
                r#"{"format": "mde-export", "format_version": 2}"#,
                "format_version is 2, but this version of mde reads 1",
            ),
            (
                r#"{"format": "mde-export", "format_version": 1}"#,
                "weights.file is missing",
            ),
            (
                r#"{"format": "mde-export", "format_version": 1, "weights": {"file": "../x"}}"#,
                "weights.file is \"../x\"",
            ),
        ] {
            let said = refusal(config);
            assert!(said.contains(part), "{config}: {said}");
            assert!(said.contains(EXPORT_CONFIG), "{said}");
        }
        fs::remove_file(folder.path().join(EXPORT_CONFIG)).unwrap();
        let said = read_export(folder.path()).unwrap_err().to_string();
        assert!(said.contains("a folder without config.json"), "{said}");
        fs::write(folder.path().join("weights.safetensors"), "").unwrap();
        let said = read_export(folder.path()).unwrap_err().to_string();
        assert!(said.contains("weights.safetensors"), "{said}");
    }

    #[test]
    fn both_files_of_weights_are_known() {
        let folder = tempfile::tempdir().unwrap();
        for name in EXPORT_WEIGHTS {
            let config = serde_json::json!({
                "format": EXPORT_FORMAT, "format_version": EXPORT_VERSION,
                "weights": { "file": name },
            });
            fs::write(folder.path().join(EXPORT_CONFIG), config.to_string()).unwrap();
            assert_eq!(read_export(folder.path()).unwrap(), (config, name));
        }
    }
}
