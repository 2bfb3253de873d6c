//! Reads `examples.safetensors`: image, ground truth and prediction of a few test images.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use crate::ReportError;
use crate::run::read_bytes;

/// One test image with its depth maps, all of the same size, row-major.
#[derive(Debug, Clone)]
pub struct Example {
    /// Identifier of the image in its list.
    pub id: String,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `[height, width, 3]`, 8-bit RGB.
    pub rgb: Vec<u8>,
    /// `[height, width]` metres, 0 where nothing was measured.
    pub gt: Vec<f32>,
    /// `[height, width]` metres.
    pub pred: Vec<f32>,
}

pub(crate) fn read_examples(path: &Path, command: &str) -> Result<Vec<Example>, ReportError> {
    let bytes = read_bytes(path, command)?;
    parse(&bytes).map_err(|problem| ReportError::malformed(path, command, problem))
}

fn parse(bytes: &[u8]) -> Result<Vec<Example>, String> {
    let broken = |error| format!("not a whole safetensors file ({error})");
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
    let ids = metadata
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get("ids"));
    let ids = ids.ok_or("the metadata has no \"ids\"")?;
    let ids: Vec<String> = serde_json::from_str(ids)
        .map_err(|error| format!("the metadata's \"ids\" is no JSON array ({error})"))?;
    ids.into_iter()
        .enumerate()
        .map(|(index, id)| example(&tensors, index, id))
        .collect()
}

fn example(tensors: &SafeTensors<'_>, index: usize, id: String) -> Result<Example, String> {
    let (rgb, shape) = tensor(tensors, &format!("{index}/rgb"), Dtype::U8)?;
    let [height, width, 3] = shape[..] else {
        return Err(format!(
            "{index}/rgb has shape {shape:?} where [height, width, 3] is expected"
        ));
    };
    if height == 0 || width == 0 {
        return Err(format!("{index}/rgb is an empty image, shape {shape:?}"));
    }
    let map = |name: &str| -> Result<Vec<f32>, String> {
        let (data, shape) = tensor(tensors, &format!("{index}/{name}"), Dtype::F32)?;
        if shape != [height, width] {
            return Err(format!(
                "{index}/{name} has shape {shape:?} where [{height}, {width}] is expected"
            ));
        }
        Ok(data
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect())
    };
    Ok(Example {
        gt: map("gt")?,
        pred: map("pred")?,
        id,
        height,
        width,
        rgb: rgb.to_vec(),
    })
}

/// Bytes and shape of a tensor of the expected element type.
fn tensor<'file>(
    tensors: &SafeTensors<'file>,
    name: &str,
    dtype: Dtype,
) -> Result<(&'file [u8], Vec<usize>), String> {
    let view = tensors
        .tensor(name)
        .map_err(|_| format!("tensor {name} is missing"))?;
    if view.dtype() != dtype {
        return Err(format!(
            "tensor {name} is {:?} where {dtype:?} is expected",
            view.dtype()
        ));
    }
    Ok((view.data(), view.shape().to_vec()))
}
