//! Writes a safetensors file with sorted names and metadata, so that equal values give equal bytes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use candle_core::Var;
use serde_json::{Map, Value, json};

/// Writes float32 tensors and string metadata. The layout: the header's length as a little-endian
/// u64, the header as JSON, padded with blanks to a multiple of 8 bytes, and the values.
///
/// # Errors
/// If the file cannot be written, or a tensor is not float32.
pub(super) fn write(
    mut file: impl Write,
    tensors: &BTreeMap<String, Var>,
    metadata: &BTreeMap<&str, String>,
) -> io::Result<()> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!(metadata));
    let mut begin = 0;
    for (name, tensor) in tensors {
        let end = begin + 4 * tensor.elem_count();
        let entry = json!({
            "dtype": "F32", "shape": tensor.dims(), "data_offsets": [begin, end],
        });
        header.insert(name.clone(), entry);
        begin = end;
    }
    let mut header = serde_json::to_vec(&Value::Object(header))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    for tensor in tensors.values() {
        let flat = tensor.as_detached_tensor().flatten_all();
        let values = flat.and_then(|flat| flat.to_vec1::<f32>());
        let values = values.map_err(io::Error::other)?;
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        file.write_all(&bytes)?;
    }
    file.flush()
}
