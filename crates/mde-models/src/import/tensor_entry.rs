//! Description of a tensor in a checkpoint: which elements of which storage, in which order.

use candle_core::DType;

/// Index of a value in a pickle.
pub(super) type ValueId = usize;

/// Element type of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Float(DType),
    /// Integers and booleans, which no network here uses.
    Integer,
}

/// File of the archive with the elements of one or more tensors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storage {
    /// The text value with the file's name.
    pub(super) key: ValueId,
    pub(super) element: Element,
    /// Number of elements.
    pub(super) len: usize,
}

/// Location of a tensor's elements. All of them lie inside the storage.
#[derive(Debug)]
pub(super) struct TensorEntry {
    pub(super) storage: Storage,
    pub(super) offset: usize,
    pub(super) dims: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

impl TensorEntry {
    /// Number of elements; `None` on overflow.
    pub(super) fn elements(&self) -> Option<usize> {
        self.dims
            .iter()
            .try_fold(1usize, |product, &dim| product.checked_mul(dim))
    }

    /// True if the elements are contiguous in row-major order.
    pub(super) fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for (&dim, &stride) in self.dims.iter().zip(&self.strides).rev() {
            // The stride of an axis with one element is arbitrary.
            if dim != 1 && stride != expected {
                return false;
            }
            expected *= dim;
        }
        true
    }

    /// True if all elements lie inside the storage. Tensors that repeat elements, so that they have
    /// more than their storage, are rejected: PyTorch supports them, but weight files do not
    /// contain them.
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
