//! Loads weight files into [`Parameters`].
//!
//! There are three formats, distinguished by their first bytes and never by the file name:
//! safetensors, the zip archives that `torch.save` has written since PyTorch 1.6, and its legacy
//! format before. Names and shapes are compared before any value is read, and all values are read
//! before any parameter is changed. An error changes nothing.
//!
//! - `format` tells the formats apart, `weight_file` has what they share.
//! - `archive` and `legacy` read PyTorch's files, `pickle` the description of the tensors in them,
//!   and `checkpoint` finds the dictionaries of tensors in that.
//! - `reading` decides which dictionary holds the weights and which prefix is taken off the names.
//! - `naming` and `backbone` translate names of ImageNet classifiers.

mod advice;
mod archive;
mod backbone;
mod checkpoint;
mod format;
mod legacy;
mod naming;
mod pickle;
mod problem;
mod reading;
mod tensor_entry;
mod weight_file;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Tensor, Var};

use self::naming::{BACKBONE_NAMES, Naming, SAME_NAMES};
use self::reading::{Compared, Found, Reading, Wanted, complete, readings};
use self::weight_file::WeightFile;
use crate::error::ModelError;
use crate::load_report::{Closest, LoadReport};
use crate::parameters::Parameters;
use crate::presets::Preset;

impl Parameters {
    /// Loads a weight file and returns a report of the names and shapes that matched.
    ///
    /// Accepts safetensors and both formats of `torch.save` (`.pth`, `.pt`, any name). The weights
    /// are the dictionary in the file that fits, at the top or below any keys. A prefix that makes
    /// the names fit is taken off (`module.`, `_orig_mod.`, `model.`, `net.`); tensors without it
    /// are ignored, and so are batch counters (`num_batches_tracked`) and the unused classifier of
    /// an encoder. float16, bfloat16 and float64 are converted to float32. The report says all of
    /// this. No code in the file is run: objects that only code could build are skipped.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, has another format, needs code for its weights
    /// ([`ModelError::UnsafePickle`]), holds several sets of weights that fit
    /// ([`ModelError::Ambiguous`]), or its names and shapes differ from the network's
    /// ([`ModelError::Mismatch`]). No parameter is changed.
    pub fn load(&self, path: &Path) -> Result<LoadReport, ModelError> {
        let file = WeightFile::open(path)?;
        self.fill(file, path, &SAME_NAMES)
    }

    /// Like [`Parameters::load`], from tensors in memory. `origin` names them in errors.
    ///
    /// # Errors
    /// See [`Parameters::load`].
    pub fn load_tensors(
        &self,
        tensors: &HashMap<String, Tensor>,
        origin: &Path,
    ) -> Result<LoadReport, ModelError> {
        let file = WeightFile::from_tensors(tensors);
        self.fill(file, origin, &SAME_NAMES)
    }

    /// Loads the weights of an ImageNet classifier into the encoder. Other parameters do not
    /// change.
    ///
    /// Accepts the formats of [`Parameters::load`] with torchvision's or timm's names: ResNets,
    /// DenseNets (also with torchvision's old `norm.1`), SENet-154 (timm's `legacy_senet154`). The
    /// classifier is ignored and listed in the report, which counts only the encoder's parameters.
    ///
    /// # Errors
    /// [`ModelError::NoBackbone`] if the network has no encoder under a known name; otherwise as
    /// for [`Parameters::load`].
    pub fn load_backbone(&self, path: &Path) -> Result<LoadReport, ModelError> {
        if !self
            .all()
            .keys()
            .any(|name| backbone::parameter_key(name).is_some())
        {
            return Err(ModelError::NoBackbone {
                path: path.to_owned(),
                known: backbone::ENCODERS
                    .iter()
                    .map(|&name| name.to_owned())
                    .collect(),
            });
        }
        let file = WeightFile::open(path)?;
        self.fill(file, path, &BACKBONE_NAMES)
    }

    fn fill(
        &self,
        mut file: WeightFile,
        path: &Path,
        naming: &Naming,
    ) -> Result<LoadReport, ModelError> {
        let vars = self.all();
        let parameters = vars.iter().map(|(name, var)| (name.as_str(), var.dims()));
        let wanted = Wanted::new(parameters, naming);
        let readings = readings(&wanted, &file, naming);
        let complete = complete(&readings, &wanted, &file, naming);
        let Compared {
            reading,
            pairs,
            mut report,
            ..
        } = match choose(complete, &file, path)? {
            Some(compared) => compared,
            None => {
                let mut error = mismatch(&readings, &wanted, &mut file, path, naming);
                if let ModelError::Mismatch { report, .. } = &mut error {
                    report.fits_encoder = fits_encoder(&vars, &file);
                }
                return Err(error);
            }
        };
        file.describe(reading.dictionary, &mut report);
        let mut values = Vec::with_capacity(pairs.len());
        for (parameter, name) in pairs {
            let read = file.read(reading.dictionary, &name, path);
            let (tensor, dtype) = read.map_err(|problem| problem.at(path))?;
            if dtype != DType::F32 {
                *report
                    .converted
                    .entry(dtype.as_str().to_owned())
                    .or_default() += 1;
            }
            values.push((&vars[&parameter], tensor));
        }
        for (var, tensor) in values {
            var.set(&tensor.to_device(var.device())?.to_dtype(var.dtype())?)?;
        }
        Ok(report)
    }
}

/// The reading to use, of all that fit; `None` if there is none.
///
/// # Errors
/// If several fit and their names do not say which one training changes.
fn choose(
    mut complete: Vec<Compared>,
    file: &WeightFile,
    path: &Path,
) -> Result<Option<Compared>, ModelError> {
    let label =
        |Compared { reading, .. }: &Compared| file.label(reading.dictionary, &reading.prefix);
    let is_main = |compared: &Compared| {
        let place = file.place(compared.reading.dictionary);
        !compared.reading.is_secondary(&place)
    };
    let main: Vec<usize> = (0..complete.len())
        .filter(|&at| is_main(&complete[at]))
        .collect();
    let at = match (complete.len(), main.as_slice()) {
        (0, _) => return Ok(None),
        (1, _) => 0,
        (_, [at]) => *at,
        _ => {
            let first = &complete[0].reading;
            return Err(ModelError::Ambiguous {
                path: path.to_owned(),
                found: complete.iter().map(label).collect(),
                advice: file.extraction(first.dictionary, &first.prefix, path),
            });
        }
    };
    let mut chosen = complete.swap_remove(at);
    chosen.report.alternatives = complete.iter().map(label).collect();
    Ok(Some(chosen))
}

/// The error of a file that no reading fits.
fn mismatch(
    readings: &[(Reading, Found)],
    wanted: &Wanted,
    file: &mut WeightFile,
    path: &Path,
    naming: &Naming,
) -> ModelError {
    let best = readings.iter().rev().max_by_key(|(_, found)| *found);
    if best.is_none()
        && let Some(problem) = file.unreadable(path)
    {
        return problem.at(path);
    }
    let largest = || {
        let dictionaries = (0..file.dictionaries()).rev();
        let largest = dictionaries.max_by_key(|&at| file.shapes(at).count());
        Reading::of(largest.unwrap_or_default())
    };
    let reading = best.map_or_else(largest, |(reading, _)| reading.clone());
    let compared = reading::compare(&reading, &[], wanted, file, naming);
    let unbuilt = compared.unbuilt.as_deref();
    if let Some(problem) = file.unreadable_tensor(reading.dictionary, unbuilt, path) {
        return problem.at(path);
    }
    let mut report = compared.report;
    file.describe(reading.dictionary, &mut report);
    report.closest = closest(file, report.matched);
    ModelError::Mismatch {
        path: path.to_owned(),
        report: Box::new(report),
    }
}

/// True if the file has the weights of the network's encoder, under the names of a classifier.
fn fits_encoder(vars: &BTreeMap<String, Var>, file: &WeightFile) -> bool {
    let parameters = vars.iter().map(|(name, var)| (name.as_str(), var.dims()));
    let wanted = Wanted::new(parameters, &BACKBONE_NAMES);
    let readings = readings(&wanted, file, &BACKBONE_NAMES);
    wanted.len() > 0 && !complete(&readings, &wanted, file, &BACKBONE_NAMES).is_empty()
}

/// The networks of which the file has most parameters, if those are more than `matched` and more
/// than half of the network's.
fn closest(file: &WeightFile, matched: usize) -> Option<Closest> {
    /// Half of the smallest network is more than this.
    const MIN_TENSORS: usize = 50;
    if !(0..file.dictionaries()).any(|at| file.shapes(at).count() > MIN_TENSORS) {
        return None;
    }
    let mut closest: Option<Closest> = None;
    for preset in Preset::all() {
        let Ok(shapes) = preset.parameter_shapes() else {
            continue;
        };
        let parameters = shapes.iter();
        let parameters = parameters.map(|(name, dims)| (name.as_str(), dims.as_slice()));
        let wanted = Wanted::new(parameters, &SAME_NAMES);
        let found = readings(&wanted, file, &SAME_NAMES);
        let found = found.iter().map(|(_, found)| found.fitting).max();
        let found = found.unwrap_or_default();
        if found <= matched || 2 * found <= wanted.len() {
            continue;
        }
        let share = |closest: &Closest| closest.matched * wanted.len();
        let this = found * closest.as_ref().map_or(1, |closest| closest.parameters);
        match &mut closest {
            Some(closest) if this < share(closest) => {}
            Some(closest) if this == share(closest) => closest.models.push(preset.name.to_owned()),
            _ => {
                closest = Some(Closest {
                    models: vec![preset.name.to_owned()],
                    matched: found,
                    parameters: wanted.len(),
                });
            }
        }
    }
    closest
}
