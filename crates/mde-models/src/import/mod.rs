//! Loads weight files into [`Parameters`].
//!
//! There are two formats, distinguished by their first bytes and never by the file name:
//! safetensors and the zip archives that `torch.save` has written since PyTorch 1.6. Names and
//! shapes are compared before any value is read, and all values are read before any parameter is
//! changed. An error changes nothing.

mod backbone;
mod format;
mod pickle;
mod problem;
mod tensor_entry;
mod torch;
mod weight_file;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Tensor, Var};

use self::weight_file::WeightFile;
use crate::error::ModelError;
use crate::load_report::{LoadReport, ShapeMismatch};
use crate::parameters::Parameters;

impl Parameters {
    /// Loads a weight file and returns a report of the names and shapes that matched.
    ///
    /// Accepts safetensors and PyTorch's zip format (`.pth`, `.pt`, any name). The state dict may
    /// be nested under `model`, `state_dict` or `model_state_dict`. A `module.` prefix on all
    /// names, batch counters (`num_batches_tracked`) and the unused classifier of an encoder are
    /// ignored. float16, bfloat16 and float64 are converted to float32 and counted in the report.
    /// No code in the file is run.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, has another format, names code
    /// ([`ModelError::UnsafePickle`]), or its names and shapes differ from the network's
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
        let (pairs, mut report) = compare(&vars, &file, naming);
        if !report.is_match() {
            return Err(ModelError::Mismatch {
                path: path.to_owned(),
                report: Box::new(report),
            });
        }
        let mut values = Vec::with_capacity(pairs.len());
        for (var, name) in pairs {
            let (tensor, dtype) = file.read(&name).map_err(|problem| problem.at(path))?;
            if dtype != DType::F32 {
                *report
                    .converted
                    .entry(dtype.as_str().to_owned())
                    .or_default() += 1;
            }
            values.push((var, tensor));
        }
        for (var, tensor) in values {
            var.set(&tensor.to_device(var.device())?.to_dtype(var.dtype())?)?;
        }
        Ok(report)
    }
}

/// How names of parameters and of a file's tensors are matched: by equal keys.
struct Naming {
    /// The key of a parameter; `None` if it is not loaded.
    parameter: fn(&str) -> Option<String>,
    /// The key of a tensor in the file.
    tensor: fn(&str) -> String,
    /// True for tensors that are ignored on purpose if no parameter has their key.
    ignored: fn(&str) -> bool,
}

const SAME_NAMES: Naming = Naming {
    parameter: |name| Some(name.to_owned()),
    tensor: str::to_owned,
    ignored: backbone::is_unused_classifier,
};

const BACKBONE_NAMES: Naming = Naming {
    parameter: backbone::parameter_key,
    tensor: backbone::tensor_key,
    ignored: backbone::is_classifier,
};

/// Matches the tensors of a file to parameters and compares their shapes.
fn compare<'a>(
    vars: &'a BTreeMap<String, Var>,
    file: &WeightFile,
    naming: &Naming,
) -> (Vec<(&'a Var, String)>, LoadReport) {
    let mut report = LoadReport::default();
    let mut pairs = Vec::with_capacity(vars.len());
    let mut by_key: BTreeMap<String, (&str, &[usize])> = BTreeMap::new();
    for (name, dims) in file.shapes() {
        // PyTorch counts the batches of each batch norm, which nothing here uses.
        if name.ends_with("num_batches_tracked") {
            continue;
        }
        // Two spellings of one tensor are ambiguous.
        if by_key.insert((naming.tensor)(name), (name, dims)).is_some() {
            report.unexpected.push(name.to_owned());
        }
    }
    for (name, var) in vars {
        let Some(key) = (naming.parameter)(name) else {
            continue;
        };
        match by_key.remove(&key) {
            None => report.missing.push(name.clone()),
            Some((theirs, dims)) if dims == var.dims() => {
                report.matched += 1;
                pairs.push((var, theirs.to_owned()));
            }
            Some((_, dims)) => {
                report.mismatched.push(ShapeMismatch {
                    name: name.clone(),
                    expected: var.dims().to_vec(),
                    found: dims.to_vec(),
                });
            }
        }
    }
    for (name, _) in by_key.into_values() {
        let list = if (naming.ignored)(name) {
            &mut report.ignored
        } else {
            &mut report.unexpected
        };
        list.push(name.to_owned());
    }
    report.unexpected.sort();
    (pairs, report)
}
