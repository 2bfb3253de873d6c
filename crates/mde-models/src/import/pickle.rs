//! Reads the pickle of a PyTorch checkpoint without running code.
//!
//! A pickle is a program for a stack machine, and Python's reader lets it call any function by
//! name. This reader knows the few names that tensors need and stops at the first other name.
//!
//! candle's reader runs no code either, but a hostile file can make it panic (short argument
//! lists), allocate whatever a length field claims, or copy values repeatedly. Here each value is
//! stored once in `values` and referenced by index. Memory is bounded by a fixed multiple of the
//! pickle's length, and nothing recurses.

use std::collections::HashMap;

use candle_core::DType;

use super::tensor_entry::{Element, Storage, TensorEntry, ValueId};

/// A value of a pickle.
#[derive(Debug)]
pub(super) enum Value {
    Int(i64),
    Text(String),
    Tuple(Vec<ValueId>),
    List,
    Dict(Vec<(ValueId, ValueId)>),
    Name(Name),
    Storage(Storage),
    Tensor(Box<TensorEntry>),
    /// A value that no tensor needs: numbers, booleans, devices, optimiser state.
    Other,
}

/// A name that a pickle may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    RebuildFromType,
    Storage(Element),
    /// Types that describe a tensor, such as `torch.Size`.
    Plain,
}

/// Why a pickle was rejected.
#[derive(Debug)]
pub(super) enum PickleError {
    /// It names something that is not part of a tensor.
    Unsafe(String),
    /// It is cut short, or PyTorch did not write it.
    Broken(String),
}

type Result<T> = std::result::Result<T, PickleError>;

fn broken<T>(reason: impl Into<String>) -> Result<T> {
    Err(PickleError::Broken(reason.into()))
}

/// All values of a pickle.
pub(super) struct Values {
    values: Vec<Value>,
    root: ValueId,
}

impl Values {
    /// Reads a pickle of protocol 2 or 3; PyTorch writes 2.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let mut machine = Machine {
            rest: bytes,
            values: Vec::new(),
            stack: Vec::new(),
            memo: HashMap::new(),
        };
        while machine.step()? {}
        let root = machine.pop()?;
        Ok(Self {
            values: machine.values,
            root,
        })
    }

    pub(super) fn root(&self) -> ValueId {
        self.root
    }

    pub(super) fn get(&self, id: ValueId) -> &Value {
        &self.values[id]
    }

    pub(super) fn text(&self, id: ValueId) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

struct Machine<'a> {
    rest: &'a [u8],
    values: Vec<Value>,
    /// `None` is a mark.
    stack: Vec<Option<ValueId>>,
    memo: HashMap<u32, ValueId>,
}

/// Maximum number of dimensions. Networks need fewer; the limit stops hostile shapes from being
/// copied.
const MAX_RANK: usize = 8;

impl<'a> Machine<'a> {
    /// Executes one instruction; false after the last.
    fn step(&mut self) -> Result<bool> {
        let opcode = self.take(1)?[0];
        match opcode {
            0x80 => {
                let version = self.take(1)?[0];
                if version > 3 {
                    return broken(format!(
                        "the pickle has protocol {version}; PyTorch writes protocol 2"
                    ));
                }
            }
            b'.' => return Ok(false),
            b'(' => self.stack.push(None),
            b'0' => {
                self.stack.pop();
            }
            b'N' | 0x88 | 0x89 => self.push(Value::Other),
            b'K' => {
                let value = self.take(1)?[0];
                self.push(Value::Int(value.into()));
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(value.into()));
            }
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(value.into()));
            }
            0x8a => self.long()?,
            b'G' => {
                self.take(8)?;
                self.push(Value::Other);
            }
            b'X' => {
                let length = u32::from_le_bytes(self.array()?);
                let bytes = self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
                match std::str::from_utf8(bytes) {
                    Ok(text) => self.push(Value::Text(text.to_owned())),
                    Err(_) => return broken("a string in the pickle is not UTF-8"),
                }
            }
            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                let name = known_name(module, name)?;
                self.push(Value::Name(name));
            }
            b'q' => {
                let slot = self.take(1)?[0];
                self.remember(slot.into())?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.remember(slot)?;
            }
            b'h' => {
                let slot = self.take(1)?[0];
                self.recall(slot.into())?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.recall(slot)?;
            }
            b')' => self.push(Value::Tuple(Vec::new())),
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items));
            }
            b']' => self.push(Value::List),
            b'a' => {
                self.pop()?;
                self.top()?;
            }
            b'e' => {
                self.pop_to_mark()?;
                self.top()?;
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)?;
            }
            b'Q' => self.persistent()?,
            // Object state, such as the module versions of a state dict, which no tensor needs.
            b'b' => {
                self.pop()?;
                self.top()?;
            }
            b'R' | 0x81 => {
                let arguments = self.pop()?;
                let callable = self.pop()?;
                let value = self.call(callable, arguments)?;
                self.push(value);
            }
            other => {
                return broken(format!(
                    "the pickle has the instruction {other:#04x}, which PyTorch does not write"
                ));
            }
        }
        Ok(true)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => broken("the pickle is cut short"),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn line(&mut self) -> Result<&'a [u8]> {
        let Some(length) = self.rest.iter().position(|&byte| byte == b'\n') else {
            return broken("the pickle is cut short");
        };
        let line = self.take(length)?;
        self.take(1)?;
        Ok(line)
    }

    /// A little-endian integer of any length. Above 64 bits it cannot be a size.
    fn long(&mut self) -> Result<()> {
        let length = self.take(1)?[0];
        let bytes = self.take(length.into())?;
        let mut wide = match bytes.last() {
            Some(last) if last & 0x80 != 0 => [0xff; 8],
            _ => [0; 8],
        };
        let value = match wide.get_mut(..bytes.len()) {
            Some(low) => {
                low.copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(wide))
            }
            None => Value::Other,
        };
        self.push(value);
        Ok(())
    }

    fn push(&mut self, value: Value) {
        self.stack.push(Some(self.values.len()));
        self.values.push(value);
    }

    fn top(&self) -> Result<ValueId> {
        match self.stack.last() {
            Some(Some(id)) => Ok(*id),
            _ => broken("the pickle pops a value from an empty stack"),
        }
    }

    fn pop(&mut self) -> Result<ValueId> {
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

    fn tuple(&mut self, length: usize) -> Result<()> {
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Value::Tuple(items));
        Ok(())
    }

    fn remember(&mut self, slot: u32) -> Result<()> {
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<()> {
        match self.memo.get(&slot) {
            Some(id) => {
                self.stack.push(Some(*id));
                Ok(())
            }
            None => broken(format!("the pickle uses value {slot} before it is defined")),
        }
    }

    /// Adds alternating keys and values to the dictionary on top of the stack.
    fn set_items(&mut self, items: &[ValueId]) -> Result<()> {
        let top = self.top()?;
        let (pairs, []) = items.as_chunks::<2>() else {
            return broken("the pickle has a key without a value");
        };
        match &mut self.values[top] {
            Value::Dict(entries) => {
                entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
                Ok(())
            }
            Value::Other => Ok(()),
            _ => broken("the pickle adds keys to a value that is not a dictionary"),
        }
    }

    /// The storage described by a tuple `("storage", type, key, device, length)`.
    fn persistent(&mut self) -> Result<()> {
        let id = self.pop()?;
        let Value::Tuple(parts) = &self.values[id] else {
            return broken("the pickle has a storage reference with missing parts");
        };
        let &[_, kind, key, _, len] = parts.as_slice() else {
            return broken("the pickle has a storage reference with missing parts");
        };
        let storage = match (&self.values[kind], &self.values[key], &self.values[len]) {
            (Value::Name(Name::Storage(element)), Value::Text(_), Value::Int(len)) => {
                let len = usize::try_from(*len);
                len.ok().map(|len| Storage {
                    key,
                    element: *element,
                    len,
                })
            }
            _ => None,
        };
        match storage {
            Some(storage) => {
                self.push(Value::Storage(storage));
                Ok(())
            }
            None => broken("the pickle has a storage reference of unknown type"),
        }
    }

    fn call(&self, callable: ValueId, arguments: ValueId) -> Result<Value> {
        let (Value::Name(name), Value::Tuple(arguments)) =
            (&self.values[callable], &self.values[arguments])
        else {
            return broken("the pickle calls a value that is not callable");
        };
        match (name, arguments.as_slice()) {
            (Name::OrderedDict, []) => Ok(Value::Dict(Vec::new())),
            (Name::RebuildTensor, arguments) => self.tensor(arguments),
            (Name::RebuildParameter, [data, ..]) => match &self.values[*data] {
                Value::Tensor(entry) => Ok(Value::Tensor(Box::new(TensorEntry {
                    dims: entry.dims.clone(),
                    strides: entry.strides.clone(),
                    ..**entry
                }))),
                _ => broken("the pickle creates a parameter from a value that is not a tensor"),
            },
            (Name::RebuildFromType, [function, _, arguments, ..]) => {
                match (&self.values[*function], &self.values[*arguments]) {
                    (Value::Name(Name::RebuildTensor), Value::Tuple(arguments)) => {
                        self.tensor(arguments)
                    }
                    _ => broken("the pickle creates a tensor with an unknown function"),
                }
            }
            (Name::Plain, _) => Ok(Value::Other),
            _ => broken("the pickle calls a function with unexpected arguments"),
        }
    }

    /// `_rebuild_tensor_v2(storage, offset, size, stride, …)`.
    fn tensor(&self, arguments: &[ValueId]) -> Result<Value> {
        let [storage, offset, dims, strides, ..] = arguments else {
            return broken("the pickle creates a tensor from too few arguments");
        };
        let (Value::Storage(storage), Value::Int(offset)) =
            (&self.values[*storage], &self.values[*offset])
        else {
            return broken("the pickle creates a tensor from unexpected arguments");
        };
        let (dims, strides) = (self.sizes(*dims)?, self.sizes(*strides)?);
        let entry = TensorEntry {
            storage: *storage,
            offset: usize::try_from(*offset).unwrap_or(usize::MAX),
            dims,
            strides,
        };
        if !entry.lies_in_storage() {
            return broken(format!(
                "a tensor of shape {:?} does not fit into its storage of {} elements",
                entry.dims, storage.len
            ));
        }
        Ok(Value::Tensor(Box::new(entry)))
    }

    fn sizes(&self, id: ValueId) -> Result<Vec<usize>> {
        let Value::Tuple(items) = &self.values[id] else {
            return broken("a tensor shape in the pickle is not a tuple");
        };
        if items.len() > MAX_RANK {
            return broken(format!(
                "a tensor in the pickle has {} dimensions",
                items.len()
            ));
        }
        let size = |id: &ValueId| match &self.values[*id] {
            Value::Int(size) => usize::try_from(*size).ok(),
            _ => None,
        };
        match items.iter().map(size).collect() {
            Some(sizes) => Ok(sizes),
            None => broken("a tensor shape in the pickle does not consist of sizes"),
        }
    }
}

/// The names that PyTorch's state dicts use. Any other name may be code.
fn known_name(module: &[u8], name: &[u8]) -> Result<Name> {
    use Element::Float;
    let element = |element| Ok(Name::Storage(element));
    match (module, name) {
        (b"collections", b"OrderedDict") => Ok(Name::OrderedDict),
        (b"torch._utils", b"_rebuild_tensor_v2") => Ok(Name::RebuildTensor),
        (b"torch._utils", b"_rebuild_parameter") => Ok(Name::RebuildParameter),
        (b"torch._tensor", b"_rebuild_from_type_v2") => Ok(Name::RebuildFromType),
        (b"torch", b"FloatStorage") => element(Float(DType::F32)),
        (b"torch", b"DoubleStorage") => element(Float(DType::F64)),
        (b"torch", b"HalfStorage") => element(Float(DType::F16)),
        (b"torch", b"BFloat16Storage") => element(Float(DType::BF16)),
        (
            b"torch",
            b"LongStorage" | b"IntStorage" | b"ShortStorage" | b"CharStorage" | b"ByteStorage"
            | b"BoolStorage",
        ) => element(Element::Integer),
        (b"torch", b"Size" | b"device" | b"Tensor") | (b"torch.nn.parameter", b"Parameter") => {
            Ok(Name::Plain)
        }
        _ => Err(PickleError::Unsafe(format!(
            "{}.{}",
            printable(module),
            printable(name)
        ))),
    }
}

/// A name for a message: shortened and without control characters.
fn printable(name: &[u8]) -> String {
    const SHOWN: usize = 60;
    let text = String::from_utf8_lossy(name);
    text.chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
