//! Writes checkpoints as PyTorch does: a pickle and the storages, in a zip archive without
//! compression or in the legacy format.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Writes a pickle, instruction by instruction, of protocol 2 or of the newer one given.
#[derive(Default, Clone)]
pub(crate) struct Pickle(pub(crate) Vec<u8>, pub(crate) u8);

impl Pickle {
    /// Of protocol 4 or 5, which have other instructions for texts and classes.
    fn is_modern(&self) -> bool {
        self.1 >= 4
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn global(self, module: &str, name: &str) -> Self {
        if self.is_modern() {
            return self.text(module).text(name).raw(b"\x93\x94");
        }
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }

    pub(crate) fn text(self, text: &str) -> Self {
        if self.is_modern() && text.len() < 256 {
            let length = [text.len() as u8];
            return self
                .raw(b"\x8c")
                .raw(&length)
                .raw(text.as_bytes())
                .raw(b"\x94");
        }
        let length = u32::try_from(text.len()).unwrap().to_le_bytes();
        self.raw(b"X").raw(&length).raw(text.as_bytes())
    }

    pub(crate) fn int(self, value: usize) -> Self {
        let bytes = i64::try_from(value).unwrap().to_le_bytes();
        self.raw(&[0x8a, 8]).raw(&bytes)
    }

    pub(crate) fn ints(self, values: &[usize]) -> Self {
        let open = self.raw(b"(");
        values
            .iter()
            .fold(open, |pickle, &value| pickle.int(value))
            .raw(b"t")
    }

    pub(crate) fn ordered_dict(self) -> Self {
        self.global("collections", "OrderedDict").raw(b")R")
    }

    /// The reference to a storage, such as `torch.FloatStorage`.
    pub(crate) fn storage(self, kind: &str, key: &str, len: usize) -> Self {
        let open = self.raw(b"(").text("storage").global("torch", kind);
        open.text(key).text("cpu").int(len).raw(b"tQ")
    }

    /// A call of `_rebuild_tensor_v2`.
    pub(crate) fn tensor(self, tensor: &Entry) -> Self {
        self.global("torch._utils", "_rebuild_tensor_v2")
            .tensor_arguments(tensor)
            .raw(b"R")
    }

    pub(crate) fn tensor_arguments(self, tensor: &Entry) -> Self {
        self.raw(b"(")
            .storage(tensor.kind, &tensor.key, tensor.len)
            .int(tensor.offset)
            .ints(&tensor.dims)
            .ints(&tensor.strides)
            .raw(b"\x89")
            .ordered_dict()
            .raw(b"t")
    }

    /// The complete pickle, from the protocol to the end.
    pub(crate) fn program(self) -> Vec<u8> {
        let Pickle(body, protocol) = self;
        let mut program = vec![0x80, protocol.max(2)];
        if protocol >= 4 {
            program.push(0x95);
            program.extend((body.len() as u64 + 1).to_le_bytes());
        }
        [&program[..], &body, b"."].concat()
    }
}

/// A tensor's description in the pickle and its numbers.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) key: String,
    pub(crate) len: usize,
    pub(crate) offset: usize,
    pub(crate) dims: Vec<usize>,
    pub(crate) strides: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

/// A contiguous tensor with its own storage.
pub(crate) fn entry(name: &str, kind: &'static str, dims: &[usize], bytes: Vec<u8>) -> Entry {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    Entry {
        name: name.to_owned(),
        kind,
        key: format!("of.{name}"),
        len: dims.iter().product(),
        offset: 0,
        dims: dims.to_vec(),
        strides,
        bytes,
    }
}

pub(crate) fn floats(name: &str, dims: &[usize], values: &[f32]) -> Entry {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    entry(name, "FloatStorage", dims, bytes.collect())
}

/// A state dict as PyTorch pickles it: an ordered dictionary with an attribute `_metadata`.
pub(crate) fn state_dict(entries: &[Entry]) -> Pickle {
    state_dict_in(2, entries)
}

/// The same in another protocol.
pub(crate) fn state_dict_in(protocol: u8, entries: &[Entry]) -> Pickle {
    let open = Pickle(Vec::new(), protocol).ordered_dict().raw(b"q\x01(");
    entries
        .iter()
        .fold(open, |pickle, entry| pickle.text(&entry.name).tensor(entry))
        .raw(b"u}")
        .text("_metadata")
        .ordered_dict()
        .raw(b"(")
        .text("")
        .raw(b"}")
        .text("version")
        .raw(b"K\x01susb")
}

/// `{KEY: value, …}`.
pub(crate) fn dictionary(entries: &[(&str, Pickle)]) -> Pickle {
    let protocol = entries.iter().map(|(_, value)| value.1).max();
    let open = Pickle(Vec::new(), protocol.unwrap_or_default()).raw(b"}(");
    entries
        .iter()
        .fold(open, |pickle, (key, value)| pickle.text(key).raw(&value.0))
        .raw(b"u")
}

/// `{"epoch": 7, KEY: value, "optimizer": {"state": []}}`.
pub(crate) fn below(key: &str, value: Pickle) -> Pickle {
    Pickle(Vec::new(), value.1)
        .raw(b"}(")
        .text("epoch")
        .raw(b"K\x07")
        .text(key)
        .raw(&value.0)
        .text("optimizer")
        .raw(b"}")
        .text("state")
        .raw(b"]su")
}

/// An archive of these files, in this order.
pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A checkpoint of this pickle with the storages of these tensors.
pub(crate) fn checkpoint_of(pickle: Pickle, entries: &[Entry]) -> Vec<u8> {
    let program = pickle.program();
    let storages: Vec<(String, &[u8])> = entries
        .iter()
        .map(|entry| {
            (
                format!("archive/data/{}", entry.key),
                entry.bytes.as_slice(),
            )
        })
        .collect();
    let mut files = vec![("archive/data.pkl", program.as_slice())];
    files.extend(storages.iter().map(|(name, bytes)| (name.as_str(), *bytes)));
    files.push(("archive/version", b"3\n"));
    archive(&files)
}

pub(crate) fn checkpoint(entries: &[Entry]) -> Vec<u8> {
    checkpoint_of(state_dict(entries), entries)
}

/// A checkpoint of PyTorch's legacy format, from before 1.6. Tensors must have keys of their own.
pub(crate) fn legacy_of(pickle: Pickle, entries: &[Entry]) -> Vec<u8> {
    let protocol = pickle.1;
    let part = |body: Pickle| Pickle(body.0, protocol).program();
    let magic = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    let system = Pickle::default()
        .raw(b"}(")
        .text("protocol_version")
        .raw(b"M\xe9\x03")
        .text("little_endian")
        .raw(b"\x88u");
    let keys = entries
        .iter()
        .fold(Pickle(Vec::new(), protocol).raw(b"]("), |list, entry| {
            list.text(&entry.key)
        });
    let mut file = [
        part(Pickle::default().raw(magic)),
        part(Pickle::default().raw(b"M\xe9\x03")),
        part(system),
        pickle.program(),
        part(keys.raw(b"e")),
    ]
    .concat();
    for entry in entries {
        file.extend((entry.len as u64).to_le_bytes());
        file.extend(&entry.bytes);
    }
    file
}

pub(crate) fn legacy(entries: &[Entry]) -> Vec<u8> {
    legacy_of(state_dict(entries), entries)
}
