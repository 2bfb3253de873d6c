//! What the CPU kernels share: access to a tensor's values, and the matrix product.

mod gemm;
pub(crate) mod im2col;
pub(crate) mod lerp;

pub(crate) use gemm::{Matrix, MatrixMut, Threads, for_each_tile, gemm};

use candle_core::{CpuStorage, Device, Layout, Result, Shape, Storage, Tensor};

/// The values of a contiguous `f32` operand of a custom operation.
pub(crate) fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!(
            "expected a contiguous tensor, found strides {:?}",
            layout.stride()
        );
    };
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// Runs `f` on the values of CPU tensors, copying those that are not contiguous.
pub(crate) fn with_values<const N: usize, T>(
    tensors: [&Tensor; N],
    f: impl FnOnce([&[f32]; N]) -> Result<T>,
) -> Result<T> {
    let contiguous = tensors
        .iter()
        .map(|tensor| tensor.contiguous())
        .collect::<Result<Vec<_>>>()?;
    let guards: Vec<_> = contiguous.iter().map(Tensor::storage_and_layout).collect();
    let mut slices: [&[f32]; N] = [&[]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&guards) {
        *slice = match &**storage {
            Storage::Cpu(storage) => values(storage, layout)?,
            _ => candle_core::bail!("expected a tensor on the CPU"),
        };
    }
    f(slices)
}

/// A tensor of these values on the CPU.
pub(crate) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}
