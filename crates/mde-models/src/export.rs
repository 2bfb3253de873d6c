//! Writes [`Parameters`] as a PyTorch checkpoint: the zip format of `torch.save`, with a pickle
//! that creates an `OrderedDict` of tensors.

use std::collections::BTreeMap;
use std::io::{self, Seek, Write};

use candle_core::{Device, Tensor};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::parameters::Parameters;

/// Folder of all entries in the archive, as `torch.save` names it.
const FOLDER: &str = "archive";
/// Version of the archive's layout, which PyTorch requires.
const VERSION: &[u8] = b"3\n";
/// PyTorch aligns the values of tensors, so that they can be mapped into memory.
const ALIGNMENT: u16 = 64;
/// Classes of ImageNet, the outputs of an encoder's unused classifier.
const CLASSES: usize = 1000;

/// An entry of the state dict.
enum Entry {
    /// float32.
    Values(Tensor),
    /// Number of training batches of a batch norm: an int64 scalar.
    Batches(i64),
}

impl Parameters {
    /// Writes the state dict of the reference's implementation of the network, for
    /// `net.load_state_dict(torch.load(file))`, which is strict about names and shapes.
    ///
    /// Beyond the parameters it has `num_batches_tracked` of every batch norm, the number of
    /// training steps that it has seen, and for BTS on ResNet-50 the encoder's classifier, which
    /// the network does not use: zeros. Equal values give equal bytes.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_torch(&self, file: impl Write + Seek, batches: i64) -> io::Result<()> {
        let entries = self.reference_entries(batches).map_err(io::Error::other)?;
        let mut zip = ZipWriter::new(file);
        let stored = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .with_alignment(ALIGNMENT);
        zip.start_file(format!("{FOLDER}/data.pkl"), stored)?;
        zip.write_all(&pickle(&entries))?;
        zip.start_file(format!("{FOLDER}/byteorder"), stored)?;
        zip.write_all(b"little")?;
        for (key, entry) in entries.values().enumerate() {
            zip.start_file(format!("{FOLDER}/data/{key}"), stored)?;
            zip.write_all(&entry.bytes()?)?;
        }
        zip.start_file(format!("{FOLDER}/version"), stored)?;
        zip.write_all(VERSION)?;
        zip.finish()?.flush()
    }

    fn reference_entries(&self, batches: i64) -> candle_core::Result<BTreeMap<String, Entry>> {
        let mut entries = BTreeMap::new();
        for (name, var) in self.all() {
            if let Some(norm) = name.strip_suffix(".running_mean") {
                let name = format!("{norm}.num_batches_tracked");
                entries.insert(name, Entry::Batches(batches));
            }
            // The last norm of torchvision's ResNet-50, which only BTS keeps under this name.
            if name == "encoder.base_model.layer4.2.bn3.bias" {
                let zeros = |shape: &[usize]| Tensor::zeros(shape, var.dtype(), &Device::Cpu);
                let channels = var.elem_count();
                for (name, shape) in [("weight", &[CLASSES, channels][..]), ("bias", &[CLASSES])] {
                    let name = format!("encoder.base_model.fc.{name}");
                    entries.insert(name, Entry::Values(zeros(shape)?));
                }
            }
            entries.insert(name, Entry::Values(var.as_detached_tensor()));
        }
        Ok(entries)
    }
}

impl Entry {
    fn dims(&self) -> &[usize] {
        match self {
            Self::Values(tensor) => tensor.dims(),
            Self::Batches(_) => &[],
        }
    }

    fn storage(&self) -> &'static str {
        match self {
            Self::Values(_) => "FloatStorage",
            Self::Batches(_) => "LongStorage",
        }
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Values(tensor) => {
                let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
                let values = values.map_err(io::Error::other)?;
                Ok(values.into_iter().flat_map(f32::to_le_bytes).collect())
            }
            Self::Batches(count) => Ok(count.to_le_bytes().to_vec()),
        }
    }
}

/// The pickle, protocol 2. Its instructions are in CPython's `Lib/pickletools.py`. Each tensor is
/// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)`, and a
/// storage the persistent id `("storage", type, key, device, elements)`; see `torch/_utils.py` and
/// `torch/serialization.py`.
fn pickle(entries: &BTreeMap<String, Entry>) -> Vec<u8> {
    const EMPTY_ORDERED_DICT: &[u8] = b"ccollections\nOrderedDict\n)R";
    let mut out = b"\x80\x02".to_vec();
    out.extend(EMPTY_ORDERED_DICT);
    // A mark, then keys and values, then SETITEMS.
    out.push(b'(');
    for (key, (name, entry)) in entries.iter().enumerate() {
        let dims = entry.dims();
        text(&mut out, name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend(format!("ctorch\n{}\n", entry.storage()).bytes());
        text(&mut out, &key.to_string());
        text(&mut out, "cpu");
        integer(&mut out, dims.iter().product());
        // The storage's tuple, its persistent id, offset 0.
        out.extend(b"tQ");
        integer(&mut out, 0);
        sizes(&mut out, dims);
        sizes(&mut out, &strides(dims));
        // requires_grad is false; no hooks.
        out.push(0x89);
        out.extend(EMPTY_ORDERED_DICT);
        out.extend(b"tR");
    }
    out.extend(b"u.");
    out
}

/// A string: BINUNICODE.
fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.bytes());
}

/// An integer: BININT, or LONG1 beyond 31 bits.
fn integer(out: &mut Vec<u8>, value: usize) {
    match i32::try_from(value) {
        Ok(value) => {
            out.push(b'J');
            out.extend(value.to_le_bytes());
        }
        Err(_) => {
            out.extend([0x8a, 9]);
            // One byte more, so that the sign bit is 0.
            out.extend((value as u64).to_le_bytes());
            out.push(0);
        }
    }
}

/// A tuple of integers.
fn sizes(out: &mut Vec<u8>, sizes: &[usize]) {
    out.push(b'(');
    for &size in sizes {
        integer(out, size);
    }
    out.push(b't');
}

/// Row-major strides.
fn strides(dims: &[usize]) -> Vec<usize> {
    (1..=dims.len())
        .map(|axis| dims[axis..].iter().product())
        .collect()
}
