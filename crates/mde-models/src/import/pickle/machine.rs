//! The instructions of pickles.
//!
//! Source: the documentation of each instruction in Python's `pickletools`.

use std::collections::HashMap;
use std::ops::Range;

use super::value::{Global, Object, Value, text};
use crate::import::problem::Problem;
use crate::import::tensor_entry::ValueId;

/// The state of a pickle that is read.
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    /// Position of the next instruction.
    at: usize,
    pub(super) values: Vec<Value>,
    /// `None` is a mark.
    stack: Vec<Option<ValueId>>,
    memo: HashMap<u32, ValueId>,
}

/// `None`, a number or another value that no tensor needs. One value stands for all of them.
const OTHER: ValueId = 0;
/// Newest version of the instructions.
const MAX_PROTOCOL: u8 = 5;

/// The error says why the pickle was rejected: it is cut short, or not a pickle.
type Result<T> = std::result::Result<T, Problem>;

fn broken<T>(reason: impl Into<String>) -> Result<T> {
    Err(Problem::new(reason))
}

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            values: vec![Value::Other],
            stack: Vec::new(),
            memo: HashMap::new(),
        }
    }

    /// The values and the number of bytes that were read.
    pub(super) fn finish(self) -> (Vec<Value>, usize) {
        (self.values, self.at)
    }

    /// Executes one instruction; false after the last.
    pub(super) fn step(&mut self) -> Result<bool> {
        let opcode = self.take(1)?[0];
        match opcode {
            b'.' => return Ok(false),
            0x80 => self.protocol()?,
            // The length of the following part.
            0x95 => drop(self.take(8)?),
            b'(' => self.stack.push(None),
            b'0' => drop(self.stack.pop()),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(Some(top));
            }
            b'N' | 0x88 | 0x89 => self.stack.push(Some(OTHER)),
            b'K' | b'M' | b'J' | 0x8a | 0x8b | b'I' | b'L' => self.integer(opcode)?,
            b'G' => self.skipped(8)?,
            b'F' => {
                self.line()?;
                self.stack.push(Some(OTHER));
            }
            b'X' | 0x8c | 0x8d | b'U' | b'T' | b'S' | b'V' => self.string(opcode)?,
            b'C' | b'B' | 0x8e | 0x96 => {
                let width = [1, 4, 8][usize::from(opcode != b'C') + usize::from(opcode >= 0x80)];
                let length = self.length(width)?;
                self.skipped(length)?;
            }
            b'c' | 0x93 => self.global(opcode)?,
            b'q' | b'r' | b'p' | 0x94 => self.remember(opcode)?,
            b'h' | b'j' | b'g' => self.recall(opcode)?,
            b')' | 0x85 | 0x86 | 0x87 | b't' => self.tuple(opcode)?,
            b']' => self.push(Value::List(Vec::new())),
            b'l' => {
                let items = self.pop_to_mark()?;
                self.push(Value::List(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(&items)?;
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b'd' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Dict(Vec::new()));
                self.set_items(&items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)?;
            }
            0x8f => self.stack.push(Some(OTHER)),
            0x90 => {
                self.pop_to_mark()?;
                self.top()?;
            }
            0x91 => {
                self.pop_to_mark()?;
                self.stack.push(Some(OTHER));
            }
            b'Q' => {
                let id = self.pop()?;
                let value = self.persistent(id);
                self.push(value);
            }
            b'b' => self.set_state()?,
            b'R' | 0x81 | 0x92 | b'o' | b'i' => self.call_of(opcode)?,
            0x82..=0x84 => {
                self.take(1 << (opcode - 0x82))?;
                self.push(Value::Invalid(
                    "the pickle names a value of a registry that only its writer has",
                ));
            }
            0x97 => {
                return broken(
                    "the pickle refers to buffers that are not in the file (protocol 5)",
                );
            }
            // Makes a buffer read-only.
            0x98 => drop(self.top()?),
            other => {
                return broken(format!(
                    "the pickle has the unknown instruction {other:#04x}: it is damaged"
                ));
            }
        }
        Ok(true)
    }

    fn protocol(&mut self) -> Result<()> {
        let version = self.take(1)?[0];
        if version > MAX_PROTOCOL {
            return broken(format!(
                "the pickle has protocol {version}; the newest known is {MAX_PROTOCOL}"
            ));
        }
        Ok(())
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None => broken("the pickle is cut short"),
        }
    }

    /// The position of the next line, which is read.
    fn line(&mut self) -> Result<Range<usize>> {
        let rest = &self.bytes[self.at..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            return broken("the pickle is cut short");
        };
        let start = self.at;
        self.at += length + 1;
        Ok(start..start + length)
    }

    /// A little-endian length of `width` bytes.
    fn length(&mut self, width: usize) -> Result<usize> {
        let mut wide = [0; 8];
        wide[..width].copy_from_slice(self.take(width)?);
        // Longer than any pickle: cut short.
        Ok(usize::try_from(u64::from_le_bytes(wide)).unwrap_or(usize::MAX))
    }

    /// A value of this many bytes that no tensor needs.
    fn skipped(&mut self, length: usize) -> Result<()> {
        self.take(length)?;
        self.stack.push(Some(OTHER));
        Ok(())
    }

    fn integer(&mut self, opcode: u8) -> Result<()> {
        let value = match opcode {
            b'I' | b'L' => {
                let line = self.line()?;
                let digits = str::from_utf8(&self.bytes[line]).unwrap_or_default();
                // 00 and 01 are False and True.
                match digits.starts_with('0') && digits.len() > 1 {
                    true => None,
                    false => digits.trim_end_matches('L').parse().ok(),
                }
            }
            // Signed and little-endian; above 64 bits it cannot be a size.
            b'J' | 0x8a | 0x8b => {
                let length = match opcode {
                    b'J' => 4,
                    0x8a => self.length(1)?,
                    _ => self.length(4)?,
                };
                signed(self.take(length)?)
            }
            _ => {
                let length = if opcode == b'K' { 1 } else { 2 };
                i64::try_from(self.length(length)?).ok()
            }
        };
        match value {
            Some(value) => self.push(Value::Int(value)),
            None => self.stack.push(Some(OTHER)),
        }
        Ok(())
    }

    /// Text, or a string of Python 2.
    fn string(&mut self, opcode: u8) -> Result<()> {
        let range = match opcode {
            b'S' | b'V' => {
                let line = self.line()?;
                // `S` is in quotes. Escapes do not occur in names of tensors.
                match opcode == b'S' && line.len() >= 2 {
                    true => line.start + 1..line.end - 1,
                    false => line,
                }
            }
            _ => {
                let width = match opcode {
                    0x8c | b'U' => 1,
                    0x8d => 8,
                    _ => 4,
                };
                let length = self.length(width)?;
                let start = self.at;
                self.take(length)?;
                start..self.at
            }
        };
        match str::from_utf8(&self.bytes[range.clone()]) {
            Ok(_) => self.push(Value::Text(range)),
            // Bytes of Python 2, or a path that is not Unicode.
            Err(_) => self.stack.push(Some(OTHER)),
        }
        Ok(())
    }

    fn global(&mut self, opcode: u8) -> Result<()> {
        let (module, name) = match opcode {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                (self.name(module)?, self.name(name)?)
            }
            _ => {
                let name = self.pop()?;
                (self.pop()?, name)
            }
        };
        let is_text = |id| text(self.bytes, &self.values, id).is_some();
        let value = match is_text(module) && is_text(name) {
            true => Value::Global(Global { module, name }),
            false => Value::Invalid("the pickle names a class by a value that is not text"),
        };
        self.push(value);
        Ok(())
    }

    /// A text value that is not on the stack.
    fn name(&mut self, range: Range<usize>) -> Result<ValueId> {
        if str::from_utf8(&self.bytes[range.clone()]).is_err() {
            return broken("a name in the pickle is not UTF-8");
        }
        self.values.push(Value::Text(range));
        Ok(self.values.len() - 1)
    }

    pub(super) fn push(&mut self, value: Value) {
        self.stack.push(Some(self.values.len()));
        self.values.push(value);
    }

    fn top(&self) -> Result<ValueId> {
        match self.stack.last() {
            Some(Some(id)) => Ok(*id),
            _ => broken("the pickle pops a value from an empty stack"),
        }
    }

    pub(super) fn pop(&mut self) -> Result<ValueId> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<ValueId>> {
        let Some(mark) = self.stack.iter().rposition(Option::is_none) else {
            return broken("the pickle closes a list that was not opened");
        };
        let items = self.stack.split_off(mark);
        Ok(items.into_iter().flatten().collect())
    }

    fn tuple(&mut self, opcode: u8) -> Result<()> {
        let mut items = Vec::new();
        match opcode {
            b')' => {}
            b't' => items = self.pop_to_mark()?,
            _ => {
                for _ in 0..=opcode - 0x85 {
                    items.push(self.pop()?);
                }
                items.reverse();
            }
        }
        self.push(Value::Tuple(items));
        Ok(())
    }

    /// The slot of the memo that the instruction names.
    fn slot(&mut self, opcode: u8) -> Result<u32> {
        let slot = match opcode {
            b'q' | b'h' => self.length(1)?,
            b'r' | b'j' => self.length(4)?,
            0x94 => self.memo.len(),
            _ => {
                let line = self.line()?;
                let digits = str::from_utf8(&self.bytes[line]).unwrap_or_default();
                digits.parse().unwrap_or(usize::MAX)
            }
        };
        match u32::try_from(slot) {
            Ok(slot) => Ok(slot),
            Err(_) => broken("the pickle numbers its values wrongly: it is damaged"),
        }
    }

    fn remember(&mut self, opcode: u8) -> Result<()> {
        let slot = self.slot(opcode)?;
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall(&mut self, opcode: u8) -> Result<()> {
        let slot = self.slot(opcode)?;
        match self.memo.get(&slot) {
            Some(id) => {
                self.stack.push(Some(*id));
                Ok(())
            }
            None => broken(format!("the pickle uses value {slot} before it is defined")),
        }
    }

    /// Adds items to the list on top of the stack.
    fn append(&mut self, items: &[ValueId]) -> Result<()> {
        let top = self.top()?;
        match &mut self.values[top] {
            Value::List(list) => list.extend(items),
            // What an object does with them is up to its code.
            Value::Object(_) | Value::Invalid(_) | Value::Other => {}
            _ => return broken("the pickle adds items to a value that is not a list"),
        }
        Ok(())
    }

    /// Adds alternating keys and values to the dictionary on top of the stack.
    fn set_items(&mut self, items: &[ValueId]) -> Result<()> {
        let top = self.top()?;
        let (pairs, []) = items.as_chunks::<2>() else {
            return broken("the pickle has a key without a value");
        };
        let pairs = pairs.iter().map(|&[key, value]| (key, value));
        match &mut self.values[top] {
            Value::Dict(entries) => entries.extend(pairs),
            Value::Object(object) => object.items.extend(pairs),
            Value::Invalid(_) | Value::Other => {}
            _ => return broken("the pickle adds keys to a value that is not a dictionary"),
        }
        Ok(())
    }

    /// Sets attributes. Only those of objects are kept; those of a state dict, for example, are the
    /// versions of its modules.
    fn set_state(&mut self) -> Result<()> {
        let state = self.pop()?;
        let top = self.top()?;
        if let Value::Object(object) = &mut self.values[top] {
            object.state = Some(state);
        }
        Ok(())
    }

    fn call_of(&mut self, opcode: u8) -> Result<()> {
        let (callable, arguments) = match opcode {
            b'o' | b'i' => {
                let mut items = self.pop_to_mark()?;
                if opcode == b'i' {
                    self.global(b'c')?;
                    let class = self.pop()?;
                    items.insert(0, class);
                }
                if items.is_empty() {
                    return broken("the pickle makes an object without a class");
                }
                let callable = items.remove(0);
                self.values.push(Value::Tuple(items));
                (callable, self.values.len() - 1)
            }
            _ => {
                if opcode == 0x92 {
                    // Arguments by name.
                    self.pop()?;
                }
                let arguments = self.pop()?;
                (self.pop()?, arguments)
            }
        };
        let value = self.call(callable, arguments);
        self.push(value);
        Ok(())
    }

    pub(super) fn text(&self, id: ValueId) -> Option<&'a str> {
        text(self.bytes, &self.values, id)
    }

    pub(super) fn object(&self, callable: ValueId, arguments: ValueId) -> Value {
        Value::Object(Box::new(Object {
            callable,
            arguments,
            state: None,
            items: Vec::new(),
        }))
    }
}

/// A signed little-endian integer of any length; `None` beyond 64 bits.
fn signed(bytes: &[u8]) -> Option<i64> {
    let mut wide = match bytes.last() {
        Some(last) if last & 0x80 != 0 => [0xff; 8],
        _ => [0; 8],
    };
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(wide))
}
