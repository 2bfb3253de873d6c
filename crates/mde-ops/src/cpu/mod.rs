//! What the CPU kernels share: access to a tensor's values, and the matrix product.

mod gemm;
pub(crate) mod im2col;
pub(crate) mod lerp;
mod panel;

pub(crate) use gemm::{Matrix, MatrixMut, Threads, for_each_tile, gemm};
pub(crate) use panel::{Finish, PANEL, Rows, multiply};

use std::cell::Cell;

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

/// The sum of vectors of one length, in their order.
pub(crate) fn sum(parts: &[Vec<f32>]) -> Vec<f32> {
    let Some((first, rest)) = parts.split_first() else {
        return Vec::new();
    };
    let mut sum = first.clone();
    for part in rest {
        for (sum, value) in sum.iter_mut().zip(part) {
            *sum += value;
        }
    }
    sum
}

thread_local! {
    static SPARE: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Gives `f` buffers of these sizes with any content, out of memory that this thread keeps for it: fresh memory for every
/// call would be cleared every time.
pub(crate) fn with_scratch<const N: usize, R>(
    sizes: [usize; N],
    f: impl FnOnce([&mut [f32]; N]) -> R,
) -> R {
    /// Larger buffers are rare, and would be kept by every thread.
    const KEPT: usize = 8 * 1024 * 1024;
    // Taken, not borrowed: while `f` waits for others, this thread may run another task that wants scratch too.
    let mut buffer = SPARE.take();
    let total = sizes.iter().sum();
    if buffer.len() < total {
        buffer.resize(total, 0.0);
    }
    let mut rest = buffer.as_mut_slice();
    let parts = sizes.map(|size| {
        let (part, left) = std::mem::take(&mut rest).split_at_mut(size);
        rest = left;
        part
    });
    let result = f(parts);
    if buffer.len() <= KEPT {
        SPARE.set(buffer);
    }
    result
}

/// A loop over slices with its arguments, to be run by [`vectorised`].
pub(crate) trait Kernel {
    /// Does the work. Must be `#[inline(always)]`, and so must all that it calls: what is not inlined is compiled for
    /// any processor. (A closure would be neater, but cannot be marked.)
    fn run<S: pulp::Simd>(self, simd: S);
}

/// Runs the kernel compiled for the vector instructions that this processor has: a release build for any x86-64 is then
/// as fast as one for the machine at hand.
pub(crate) fn vectorised(kernel: impl Kernel) {
    struct Dispatched<K>(K);

    impl<K: Kernel> pulp::WithSimd for Dispatched<K> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, simd: S) {
            self.0.run(simd);
        }
    }

    pulp::Arch::new().dispatch(Dispatched(kernel));
}

/// `[columns, rows]` from `[rows, columns]`, both row-major.
#[inline(always)]
pub(crate) fn transpose(values: &[f32], rows: usize, out: &mut [f32]) {
    // Blocks of a cache line a side: neither side is read or written in long strides only.
    const BLOCK: usize = 16;
    let columns = values.len() / rows.max(1);
    for first_row in (0..rows).step_by(BLOCK) {
        for first_column in (0..columns).step_by(BLOCK) {
            for row in first_row..rows.min(first_row + BLOCK) {
                for column in first_column..columns.min(first_column + BLOCK) {
                    out[column * rows + row] = values[row * columns + column];
                }
            }
        }
    }
}
