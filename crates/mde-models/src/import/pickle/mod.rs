//! Reads the pickle of a PyTorch checkpoint without running code.
//!
//! A pickle is a program for a stack machine, and Python's reader lets it call any function by
//! name. This reader knows the few names that tensors need. It keeps every other call as an
//! [`Object`]: what is called, with which arguments, never its result. Checkpoints hold many of
//! them beside their weights: NumPy arrays, settings, the state of optimisers.
//!
//! candle's reader runs no code either, but a hostile file can make it panic (short argument
//! lists), allocate whatever a length field claims, or copy values repeatedly. Here each value is
//! stored once and referenced by index, and texts stay where they are in the pickle. Memory is
//! bounded by a fixed multiple of the pickle's length, and nothing recurses.

mod calls;
mod machine;
mod value;

use self::machine::Machine;
use self::value::{Global, text};
pub(super) use self::value::{Object, Value};
use super::problem::Problem;
use super::tensor_entry::ValueId;

/// Maximum length of a pickle. A tensor takes about 200 bytes.
pub(super) const MAX_PICKLE: u64 = 16 << 20;

/// All values of a pickle.
pub(super) struct Values {
    pickle: Vec<u8>,
    values: Vec<Value>,
    root: ValueId,
}

impl Values {
    /// Reads the pickle at the start of `bytes`, of any protocol (0 to 5). Also returns its length.
    ///
    /// # Errors
    /// If it is cut short, or has an instruction that no pickle in a file has.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, usize), Problem> {
        let mut machine = Machine::new(bytes);
        while machine.step()? {}
        let root = machine.pop()?;
        let (values, length) = machine.finish();
        let pickle = bytes[..length].to_vec();
        let read = Self {
            pickle,
            values,
            root,
        };
        Ok((read, length))
    }

    pub(super) fn root(&self) -> ValueId {
        self.root
    }

    pub(super) fn get(&self, id: ValueId) -> &Value {
        &self.values[id]
    }

    pub(super) fn all(&self) -> &[Value] {
        &self.values
    }

    pub(super) fn text(&self, id: ValueId) -> Option<&str> {
        text(&self.pickle, &self.values, id)
    }

    /// The bytes of a text, if it is one.
    pub(super) fn raw(&self, id: ValueId) -> Option<&[u8]> {
        match self.get(id) {
            Value::Text(range) => self.pickle.get(range.clone()),
            _ => None,
        }
    }

    /// The name of the code that a value needs, such as `numpy.core.multiarray.scalar`. `None` for
    /// values that need none.
    pub(super) fn code(&self, id: ValueId) -> Option<String> {
        match self.get(id) {
            Value::Global(Global { module, name }) => Some(format!(
                "{}.{}",
                printable(self.text(*module)?),
                printable(self.text(*name)?)
            )),
            Value::Object(object) => match self.get(object.callable) {
                Value::Global(_) => self.code(object.callable),
                _ => Some("the result of another call".to_owned()),
            },
            _ => None,
        }
    }
}

/// A name for a message: shortened and without control characters.
fn printable(name: &str) -> String {
    const SHOWN: usize = 60;
    name.chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
