//! The values of a pickle.

use std::ops::Range;

use crate::import::tensor_entry::{Storage, TensorEntry, ValueId};

/// A value of a pickle.
#[derive(Debug)]
pub(crate) enum Value {
    Int(i64),
    /// The text's bytes in the pickle.
    Text(Range<usize>),
    Tuple(Vec<ValueId>),
    List(Vec<ValueId>),
    Dict(Vec<(ValueId, ValueId)>),
    Global(Global),
    Storage(Storage),
    Tensor(Box<TensorEntry>),
    Object(Box<Object>),
    /// A tensor or another known value whose description is wrong, and what is wrong.
    Invalid(&'static str),
    /// A value that no tensor needs: None, fractions, booleans, bytes, sets.
    Other,
}

/// A class or function by its name; both parts are texts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Global {
    pub(super) module: ValueId,
    pub(super) name: ValueId,
}

/// An object that only code could build, so it was not built.
#[derive(Debug)]
pub(crate) struct Object {
    /// The class or function whose code it needs.
    pub(crate) callable: ValueId,
    /// What it would be called with, a tuple.
    pub(crate) arguments: ValueId,
    /// Its attributes, if the pickle sets them.
    pub(crate) state: Option<ValueId>,
    /// Its keys and values, if it acts as a dictionary.
    pub(crate) items: Vec<(ValueId, ValueId)>,
}

/// A text value, if it is one.
pub(super) fn text<'a>(pickle: &'a [u8], values: &[Value], id: ValueId) -> Option<&'a str> {
    match &values[id] {
        // Checked when the value was made.
        Value::Text(range) => std::str::from_utf8(&pickle[range.clone()]).ok(),
        _ => None,
    }
}
