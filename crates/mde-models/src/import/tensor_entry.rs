//! A tensor as a checkpoint describes it: which numbers of which storage, in which order.

use candle_core::DType;

use super::pickle::Id;

/// The type of a storage's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Float(DType),
    /// Integers and flags: no network here is made of them.
    Integer,
}

/// One file of the archive that holds the numbers of one or more tensors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storage {
    /// Its name, a text.
    pub(super) key: Id,
    pub(super) element: Element,
    /// Number of elements.
    pub(super) len: usize,
}

/// Where a tensor's numbers lie. All of them lie inside the storage.
#[derive(Debug)]
pub(super) struct TensorEntry {
    pub(super) storage: Storage,
    pub(super) offset: usize,
    pub(super) dims: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

impl TensorEntry {
    /// Number of elements; none if it does not fit.
    pub(super) fn elements(&self) -> Option<usize> {
        self.dims
            .iter()
            .try_fold(1usize, |product, &dim| product.checked_mul(dim))
    }

    /// True if the elements lie one behind the other in row-major order.
    pub(super) fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for (&dim, &stride) in self.dims.iter().zip(&self.strides).rev() {
            // The stride of an axis of one element says nothing.
            if dim != 1 && stride != expected {
                return false;
            }
            expected *= dim;
        }
        true
    }

    /// A tensor may share a storage, but has no more elements than it: PyTorch can repeat elements, files of weights do not.
    pub(super) fn lies_in_storage(&self) -> bool {
        if self.dims.len() != self.strides.len() {
            return false;
        }
        let Some(elements) = self.elements() else {
            return false;
        };
        if elements == 0 {
            return true;
        }
        let last = self
            .dims
            .iter()
            .zip(&self.strides)
            .try_fold(self.offset, |last, (&dim, &stride)| {
                (dim - 1).checked_mul(stride)?.checked_add(last)
            });
        elements <= self.storage.len && last.is_some_and(|last| last < self.storage.len)
    }
}
