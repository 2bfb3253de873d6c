//! Weights from files into [`Parameters`].
//!
//! Two formats, told apart by the first bytes and never by the file's name: safetensors, and the zip archives that
//! `torch.save` has written since PyTorch 1.6. Names and shapes are compared before a value is read, and all values
//! are read before a parameter is changed: an error leaves the network as it was.

mod backbone;
mod format;
mod pickle;
mod tensor_entry;
mod torch;
mod weight_file;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Tensor, Var};

use self::weight_file::WeightFile;
use crate::{KeyReport, ModelError, Parameters};

impl Parameters {
    /// Reads a file of weights into the parameters, and says how the two met.
    ///
    /// Takes safetensors and PyTorch's zip format (`.pth`, `.pt`, any name). A state dict may lie below `model`,
    /// `state_dict` or `model_state_dict`; a `module.` before every name is passed over, and so are batch counters
    /// (`num_batches_tracked`) and the unused classifier of an encoder. float16, bfloat16 and float64 become
    /// float32, which the report counts. No code in the file is run.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged or of another format, holds names of code
    /// ([`ModelError::UnsafePickle`]), or its names and shapes are not exactly those of the network
    /// ([`ModelError::Mismatch`]). Nothing is changed then.
    pub fn load(&self, path: &Path) -> Result<KeyReport, ModelError> {
        let file = WeightFile::open(path)?;
        self.fill(file, path, &SAME_NAMES)
    }

    /// As [`Parameters::load`], from tensors that `origin` names.
    ///
    /// # Errors
    /// See [`Parameters::load`].
    pub fn assign(
        &self,
        tensors: &HashMap<String, Tensor>,
        origin: &Path,
    ) -> Result<KeyReport, ModelError> {
        let file = WeightFile::of_tensors(tensors);
        self.fill(file, origin, &SAME_NAMES)
    }

    /// Reads an ImageNet classifier's weights into the network's encoder; the rest of the network stays as it is.
    ///
    /// The file is one that [`Parameters::load`] would take, with the names of torchvision or timm: ResNets,
    /// DenseNets (also with torchvision's old `norm.1`), SENet-154 (timm's `legacy_senet154`). The classifier is
    /// left out, and the report names it. The report counts the encoder's parameters alone.
    ///
    /// # Errors
    /// [`ModelError::NoBackbone`] if the network has no encoder under a known name; else as [`Parameters::load`].
    pub fn load_backbone(&self, path: &Path) -> Result<KeyReport, ModelError> {
        if !self
            .all()
            .keys()
            .any(|name| backbone::of_parameter(name).is_some())
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
    ) -> Result<KeyReport, ModelError> {
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

/// How the names of parameters and of a file's tensors meet: those with one key belong together.
struct Naming {
    /// The key of a parameter; none if it is not to be filled.
    parameter: fn(&str) -> Option<String>,
    /// The key of a tensor in the file.
    tensor: fn(&str) -> String,
    /// True for tensors that are left out on purpose where no parameter has their key.
    dropped: fn(&str) -> bool,
}

const SAME_NAMES: Naming = Naming {
    parameter: |name| Some(name.to_owned()),
    tensor: str::to_owned,
    dropped: backbone::is_unused_classifier,
};

const BACKBONE_NAMES: Naming = Naming {
    parameter: backbone::of_parameter,
    tensor: backbone::of_file,
    dropped: backbone::is_classifier,
};

/// Which tensor of the file goes into which parameter, and how the names and shapes meet.
fn compare<'a>(
    vars: &'a BTreeMap<String, Var>,
    file: &WeightFile,
    naming: &Naming,
) -> (Vec<(&'a Var, String)>, KeyReport) {
    let mut report = KeyReport::default();
    let mut pairs = Vec::with_capacity(vars.len());
    let mut by_key: BTreeMap<String, (&str, &[usize])> = BTreeMap::new();
    for (name, dims) in file.shapes() {
        // PyTorch counts the batches of each batch norm; nothing here uses that.
        if name.ends_with("num_batches_tracked") {
            continue;
        }
        // Two spellings of one tensor: which one is meant, the file does not say.
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
                let shapes = (name.clone(), var.dims().to_vec(), dims.to_vec());
                report.shape_mismatch.push(shapes);
            }
        }
    }
    for (name, _) in by_key.into_values() {
        let list = if (naming.dropped)(name) {
            &mut report.dropped
        } else {
            &mut report.unexpected
        };
        list.push(name.to_owned());
    }
    report.unexpected.sort();
    (pairs, report)
}
