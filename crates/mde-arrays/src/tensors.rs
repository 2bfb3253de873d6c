//! Safetensors: named tensors, little-endian and row-major:
//! <https://huggingface.co/docs/safetensors>.

use std::io::Read;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::ArrayError;
use crate::member::{Member, Storage};
use crate::npy::{NotNumbers, Remedy};
use crate::numbers::{Layout, Number};
use crate::source::Source;

/// Bytes before the header; they hold its length.
const PREFIX_LENGTH: u64 = 8;

/// The tensors of a file, in the file's order.
pub(crate) fn open(source: &mut Source) -> Result<Vec<Member>, ArrayError> {
    let mut length = [0; PREFIX_LENGTH as usize];
    source
        .reader
        .read_exact(&mut length)
        .map_err(|error| source.error(error))?;
    let length = u64::from_le_bytes(length);
    if length > source.length.saturating_sub(PREFIX_LENGTH) {
        let reason = format!("its header claims {length} bytes, more than the file");
        return Err(source.damaged(reason));
    }
    let mut header = Vec::new();
    let mut reader = (&mut source.reader).take(length);
    reader
        .read_to_end(&mut header)
        .map_err(|error| source.error(error))?;
    // Rejects tensors that overlap, leave gaps, or whose shape and length disagree.
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| {
        source.damaged(format!("its header is not a safetensors header: {error}"))
    })?;
    let (values_at, held) = (PREFIX_LENGTH + length, metadata.data_len() as u64);
    let follow = source.length - values_at;
    if held != follow {
        let reason = format!("its tensors take {held} bytes, but {follow} follow the header");
        return Err(source.damaged(reason));
    }
    let names = metadata.offset_keys();
    let tensors = names.into_iter().filter_map(|name| {
        let info = metadata.info(&name)?;
        Some(member(info, values_at, name))
    });
    Ok(tensors.collect())
}

fn member(info: &TensorInfo, values_at: u64, name: String) -> Member {
    let storage = match number_of(info.dtype) {
        Some(number) => Storage::Plain {
            layout: Layout::plain(number),
            at: values_at + info.data_offsets.0 as u64,
        },
        None => Storage::Refused(NotNumbers {
            found: format!("numbers of type {}", info.dtype),
            remedy: match info.dtype {
                Dtype::F8_E4M3 | Dtype::F8_E5M2 | Dtype::C64 => Remedy::Tensors,
                _ => Remedy::Words("save them as float32 in the program that wrote them"),
            },
        }),
    };
    Member {
        name,
        shape: info.shape.clone(),
        storage,
    }
}

fn number_of(dtype: Dtype) -> Option<Number> {
    Some(match dtype {
        Dtype::BOOL => Number::Bool,
        Dtype::U8 => Number::U8,
        Dtype::U16 => Number::U16,
        Dtype::U32 => Number::U32,
        Dtype::U64 => Number::U64,
        Dtype::I8 => Number::I8,
        Dtype::I16 => Number::I16,
        Dtype::I32 => Number::I32,
        Dtype::I64 => Number::I64,
        Dtype::F16 => Number::F16,
        Dtype::BF16 => Number::Bf16,
        Dtype::F32 => Number::F32,
        Dtype::F64 => Number::F64,
        _ => return None,
    })
}
