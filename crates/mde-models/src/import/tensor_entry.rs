//! Where the numbers of a tensor are: in which storage, in which order.

use candle_core::DType;

/// Index of a value in a pickle.
pub(super) type ValueId = usize;

/// Element type of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Float(DType),
    /// Integers and booleans of this many bytes, which no network here uses.
    Integer(usize),
    /// Complex and quantised numbers, or bytes of unknown meaning.
    Special(usize),
}

impl Element {
    /// Bytes per element.
    pub(super) fn width(self) -> usize {
        match self {
            Element::Float(dtype) => dtype.size_in_bytes(),
            Element::Integer(width) | Element::Special(width) => width,
        }
    }
}

/// Elements of one or more tensors, which the checkpoint stores together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Storage {
    /// The text value with the storage's key.
    pub(super) key: ValueId,
    pub(super) element: Element,
    /// Number of elements.
    pub(super) len: usize,
    /// The part that the reference names: the first element and their number. Only the legacy
    /// format has parts.
    pub(super) view: (usize, usize),
}

/// Location of a tensor's elements.
#[derive(Debug, Clone)]
pub(super) struct TensorEntry {
    pub(super) storage: Storage,
    /// First element, counted from the start of the whole storage.
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
        let Storage { len, view, .. } = self.storage;
        let Some(end) = view.0.checked_add(view.1).filter(|end| *end <= len) else {
            return false;
        };
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
        elements <= view.1 && last.is_some_and(|last| last < end)
    }

    /// The tensor's elements in row-major order, from the bytes of the whole storage.
    pub(super) fn gather(&self, storage: &[u8]) -> Vec<u8> {
        let width = self.storage.element.width();
        let elements = self.elements().unwrap_or(0);
        if elements == 0 {
            return Vec::new();
        }
        if self.is_contiguous() {
            return storage[self.offset * width..][..elements * width].to_vec();
        }
        let mut bytes = Vec::with_capacity(elements * width);
        let mut index = vec![0; self.dims.len()];
        for _ in 0..elements {
            let offset: usize = index.iter().zip(&self.strides).map(|(i, s)| i * s).sum();
            bytes.extend_from_slice(&storage[(self.offset + offset) * width..][..width]);
            for (index, dim) in index.iter_mut().zip(&self.dims).rev() {
                *index += 1;
                if *index < *dim {
                    break;
                }
                *index = 0;
            }
        }
        bytes
    }
}
