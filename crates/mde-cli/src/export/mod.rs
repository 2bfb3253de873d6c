//! `mde export`: a trained network as a folder for others.

mod card;
mod config;
mod exported;
mod licence;
mod measured;
mod safetensors;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use candle_core::{DType, Device};
use mde_fetch::EXPORT_CONFIG;
use mde_files::{AtomicFolder, hash_file, write_advice};
use mde_models::Parameters;
use mde_results::{RunFolder, to_json};
use serde_json::json;

pub(crate) use self::config::ExportedNetwork;
use self::config::Weights;
use self::exported::{ExportFormat, Exported};
use self::licence::Licence;
use self::measured::Measured;
use crate::output::{Output, count, shown};
use crate::progress::remark;
use crate::subject::{NetworkArgs, Subject};

/// The model card's file, which the hub shows.
const CARD: &str = "README.md";

/// What to export, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Run folder, the same as --run.
    #[arg(value_name = "RUN", group = "network", conflicts_with = "model")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
    /// Output folder, new or empty, for the weights, config.json and README.md.
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Format of the weights.
    #[arg(long, value_enum, default_value_t = ExportFormat::Safetensors)]
    format: ExportFormat,
    /// Licence of the weights for the model card, an SPDX identifier such as apache-2.0
    /// [default: none is named].
    #[arg(long, value_name = "SPDX", alias = "licence")]
    license: Option<Licence>,
}

/// Writes the folder, whole or not at all.
pub(crate) fn run(args: ExportArgs) -> anyhow::Result<Output> {
    let network = match args.folder {
        Some(run) => NetworkArgs::from_run(run),
        None => args.network,
    };
    let out = checked_target(&args.out, network.run())?;
    let (format, licence) = (args.format, args.license.as_ref());
    let subject = network.load(&Device::Cpu)?;
    check_values(&subject)?;
    let measured = match network.run() {
        Some(run) => Measured::read(&RunFolder::new(run), subject.weights())?,
        None => Measured::default(),
    };
    let file_error = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| {
            let advice = write_advice(&error);
            anyhow::Error::from(error).context(format!("cannot write {path}; {advice}"))
        }
    };
    let unfinished = AtomicFolder::create(&out).map_err(file_error(&out))?;
    let weights = unfinished.path().join(format.file());
    write_weights(&subject, format, &weights).map_err(file_error(&out))?;
    let config = ExportedNetwork::new(
        &subject.preset,
        subject.network.as_ref(),
        subject.preprocessing,
        Weights {
            file: format.file().to_owned(),
            blake3: hash_file(&weights).map_err(file_error(&out))?,
            exported_from: subject.weights().to_owned(),
            parameters: subject.parameters.count(),
        },
        subject.config.clone(),
        subject.step,
    )?;
    let exported = Exported {
        config: &config,
        preset: &subject.preset,
        measured: &measured,
        licence,
        format,
        origin: &subject.origin,
        folder: &out,
    };
    let card = card::card(&exported);
    for (name, content) in [
        (EXPORT_CONFIG, to_json(&config)?),
        (CARD, card.into_bytes()),
    ] {
        fs::write(unfinished.path().join(name), content).map_err(file_error(&out))?;
    }
    unfinished.commit().map_err(file_error(&out))?;
    described(&exported, &args.out)
}

/// The output folder as an absolute path.
///
/// # Errors
/// If it is not new or empty, or lies inside the run folder.
fn checked_target(out: &Path, run: Option<&Path>) -> anyhow::Result<PathBuf> {
    let shown = out.display();
    let absolute = absolute(out).with_context(|| format!("cannot use the folder {shown}"))?;
    match fs::read_dir(&absolute) {
        Ok(mut entries) => ensure!(
            entries.next().is_none(),
            "{shown}: this folder is not empty; choose a new one"
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            bail!("{shown}: this is a file, or lies below one; choose a new folder")
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read the folder {shown}")),
    }
    if let Ok(current) = std::env::current_dir() {
        ensure!(
            absolute != current,
            "{shown}: this is the current folder, which cannot be replaced; name a new one in it"
        );
    }
    if let Some(run) = run
        && let Ok(run) = run.canonicalize()
    {
        ensure!(
            !absolute.starts_with(&run),
            "{shown}: this lies inside the run folder {}, which mde manages; choose a folder \
             outside of it",
            run.display()
        );
    }
    Ok(absolute)
}

/// The path without links and `..`, of which only the last parts may not exist yet.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut existing = path.as_path();
    let mut rest = Vec::new();
    loop {
        match existing.canonicalize() {
            Ok(found) => {
                return Ok(rest
                    .into_iter()
                    .rev()
                    .fold(found, |path, name| path.join(name)));
            }
            Err(error) => match (existing.file_name(), existing.parent()) {
                (Some(name), Some(parent)) => {
                    rest.push(name);
                    existing = parent;
                }
                _ => return Err(error),
            },
        }
    }
}

/// # Errors
/// If a value is not a finite number: nobody could use such a network.
fn check_values(subject: &Subject) -> anyhow::Result<()> {
    for (name, values) in subject.parameters.all() {
        // The sum of magnitudes is finite only if each value is; in f64 it cannot overflow.
        let sum = values.to_dtype(DType::F64)?.abs()?.sum_all()?;
        ensure!(
            sum.to_scalar::<f64>()?.is_finite(),
            "{}: {name} holds NaN or infinity: the training has diverged or the file is damaged; \
             export another checkpoint",
            subject.origin
        );
    }
    Ok(())
}

fn write_weights(subject: &Subject, format: ExportFormat, path: &Path) -> io::Result<()> {
    let parameters: &Parameters = &subject.parameters;
    let file = BufWriter::new(File::create_new(path)?);
    match format {
        ExportFormat::Safetensors => {
            safetensors::write(file, &parameters.all(), &metadata(subject))
        }
        ExportFormat::PthNames => parameters.write_torch(
            file,
            subject.step.unwrap_or(0).try_into().unwrap_or(i64::MAX),
        ),
    }
}

/// What the file of weights says of itself, apart from `config.json`.
fn metadata(subject: &Subject) -> BTreeMap<&'static str, String> {
    let mut metadata = BTreeMap::from([
        // The tensors are those of a PyTorch program; libraries expect the key.
        ("format", "pt".to_owned()),
        ("model", subject.preset.name.to_owned()),
        ("exported_by", format!("mde {}", env!("CARGO_PKG_VERSION"))),
        ("exported_from", subject.weights().to_owned()),
    ]);
    if let Some(training) = &subject.config {
        metadata.extend([
            ("trained_by", format!("mde {}", training.version)),
            ("seed", training.seed.to_string()),
            ("data", training.data.name.clone()),
            ("data_hash", training.data.fingerprint.clone()),
        ]);
    }
    if let Some(step) = subject.step {
        metadata.insert("step", step.to_string());
    }
    metadata
}

fn described(exported: &Exported<'_>, folder: &Path) -> anyhow::Result<Output> {
    let Exported {
        config,
        measured,
        licence,
        ..
    } = exported;
    if licence.is_none() {
        remark(&format!(
            "{}: no --license is given, so {CARD} names none, and others may not reuse the weights; \
             to name one, add a line such as `license: apache-2.0` after its first line",
            folder.display()
        ));
    }
    let (files, missing) = (measured.files(), measured.missing());
    let list = |names: &[&str]| match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    };
    let words = format!(
        "{}: {}, {}, in {}; results in {CARD}: {}; not in it: {}",
        folder.display(),
        config.model,
        count(config.weights.parameters, "parameter"),
        config.weights.file,
        list(&files),
        list(&missing)
    );
    let document = json!({
        "folder": shown(folder), "files": [&config.weights.file, EXPORT_CONFIG, CARD],
        "model": config.model, "weights": config.weights, "step": config.step,
        "results": files, "missing_results": missing, "license": licence.map(Licence::name),
    });
    Output::new(words, document)
}
