//! The names that tensors need, and what a call of them makes.

use candle_core::DType;

use super::machine::Machine;
use super::value::{Global, Value};
use crate::import::tensor_entry::{Element, Storage, TensorEntry, ValueId};

/// A known name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    /// A dictionary that is built empty, or from a list of pairs.
    OrderedDict,
    /// A dictionary that is built with the function that makes its missing values.
    DefaultDict,
    RebuildTensor,
    RebuildParameter,
    RebuildFromType,
    Storage(Element),
    /// Types that describe a tensor, such as `torch.Size`.
    Plain,
}

fn known_name(module: &str, name: &str) -> Option<Name> {
    use Element::{Float, Integer, Special};
    let element = match (module, name) {
        ("collections", "OrderedDict") => return Some(Name::OrderedDict),
        ("collections", "defaultdict") => return Some(Name::DefaultDict),
        // The first has no hooks; PyTorch wrote it before 0.4.
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => {
            return Some(Name::RebuildTensor);
        }
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            return Some(Name::RebuildParameter);
        }
        ("torch._tensor", "_rebuild_from_type_v2") => return Some(Name::RebuildFromType),
        ("torch", "Size" | "device" | "Tensor")
        | ("torch.nn.parameter", "Parameter" | "Buffer") => {
            return Some(Name::Plain);
        }
        ("torch", "FloatStorage") => Float(DType::F32),
        ("torch", "DoubleStorage") => Float(DType::F64),
        ("torch", "HalfStorage") => Float(DType::F16),
        ("torch", "BFloat16Storage") => Float(DType::BF16),
        ("torch", "LongStorage") => Integer(8),
        ("torch", "IntStorage") => Integer(4),
        ("torch", "ShortStorage") => Integer(2),
        ("torch", "CharStorage" | "ByteStorage" | "BoolStorage") => Integer(1),
        ("torch", "ComplexDoubleStorage") => Special(16),
        ("torch", "ComplexFloatStorage") => Special(8),
        ("torch", "QInt32Storage") => Special(4),
        (
            "torch",
            "QInt8Storage" | "QUInt8Storage" | "QUInt4x2Storage" | "QUInt2x4Storage"
            | "UntypedStorage",
        )
        | ("torch.storage", "UntypedStorage" | "_UntypedStorage") => Special(1),
        _ => return None,
    };
    Some(Name::Storage(element))
}

/// Maximum number of dimensions. Networks need fewer; the limit stops hostile shapes from being
/// copied.
const MAX_RANK: usize = 8;

impl Machine<'_> {
    fn known(&self, id: ValueId) -> Option<Name> {
        match self.values[id] {
            Value::Global(Global { module, name }) => {
                known_name(self.text(module)?, self.text(name)?)
            }
            _ => None,
        }
    }

    /// The storage described by a tuple `("storage", type, key, device, length)`, in the legacy
    /// format with the view of it: `(key, offset, length)` or None.
    pub(super) fn persistent(&self, id: ValueId) -> Value {
        const MISSING: Value =
            Value::Invalid("the pickle has a storage reference with missing parts");
        let Value::Tuple(parts) = &self.values[id] else {
            return MISSING;
        };
        // The legacy format also refers to a network's class and its source code.
        if let [kind, class, ..] = parts[..]
            && self.text(kind) == Some("module")
            && let Value::Global(class) = self.values[class]
        {
            return Value::Global(class);
        }
        let (&[_, kind, key, _, len], view) = (match parts.as_slice() {
            [parts @ .., view] if parts.len() == 5 => (parts, Some(*view)),
            parts => (parts, None),
        }) else {
            return MISSING;
        };
        let Some(Name::Storage(element)) = self.known(kind) else {
            return match &self.values[kind] {
                Value::Global(_) => self.object(kind, id),
                _ => Value::Invalid("the pickle has a storage reference of unknown type"),
            };
        };
        let size = |id: ValueId| match self.values[id] {
            Value::Int(size) => usize::try_from(size).ok(),
            _ => None,
        };
        let (Some(_), Some(len)) = (self.text(key), size(len)) else {
            return MISSING;
        };
        let view = match view.map(|view| &self.values[view]) {
            Some(Value::Tuple(view)) => match view[..] {
                [_, offset, length] => size(offset).zip(size(length)),
                _ => None,
            },
            _ => Some((0, len)),
        };
        match view {
            Some(view) => Value::Storage(Storage {
                key,
                element,
                len,
                view,
            }),
            None => MISSING,
        }
    }

    /// What a call of a known name makes; an object for every other name.
    pub(super) fn call(&self, callable: ValueId, arguments: ValueId) -> Value {
        if let Value::Invalid(_) | Value::Object(_) = self.values[callable] {
            return self.object(callable, arguments);
        }
        let Value::Global(_) = self.values[callable] else {
            return Value::Invalid("the pickle calls a value that is not callable");
        };
        let Some(name) = self.known(callable) else {
            return self.object(callable, arguments);
        };
        let Value::Tuple(items) = &self.values[arguments] else {
            return Value::Invalid("the pickle calls a function without a list of arguments");
        };
        match (name, items.as_slice()) {
            (Name::OrderedDict, []) | (Name::DefaultDict, [] | [_]) => Value::Dict(Vec::new()),
            (Name::OrderedDict, [pairs]) => self.dictionary(*pairs),
            (Name::RebuildTensor, items) => self.tensor(items),
            (Name::RebuildParameter, [data, ..]) => match &self.values[*data] {
                Value::Tensor(entry) => Value::Tensor(entry.clone()),
                other => self.unbuilt(other).unwrap_or(Value::Invalid(
                    "the pickle creates a parameter from a value that is not a tensor",
                )),
            },
            (Name::RebuildFromType, [function, class, arguments, ..]) => {
                // A subclass may hold its numbers in a way of its own.
                for name in [function, class] {
                    if let Value::Global(_) = self.values[*name]
                        && self.known(*name).is_none()
                    {
                        return self.object(*name, *arguments);
                    }
                }
                match (self.known(*function), &self.values[*arguments]) {
                    (Some(Name::RebuildTensor | Name::RebuildParameter), Value::Tuple(_)) => {
                        self.call(*function, *arguments)
                    }
                    _ => Value::Invalid("the pickle creates a tensor with an unknown function"),
                }
            }
            (Name::Plain, _) => Value::Other,
            _ => Value::Invalid("the pickle calls a function with unexpected arguments"),
        }
    }

    /// A dictionary from a list of pairs, as Python 2 writes an ordered one.
    fn dictionary(&self, pairs: ValueId) -> Value {
        let entries = match &self.values[pairs] {
            Value::List(pairs) => pairs
                .iter()
                .map(|&pair| match &self.values[pair] {
                    Value::List(pair) | Value::Tuple(pair) => match pair[..] {
                        [key, value] => Some((key, value)),
                        _ => None,
                    },
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        entries.map_or(
            Value::Invalid("the pickle creates a dictionary from unexpected arguments"),
            Value::Dict,
        )
    }

    /// A value that could not be built, for what is made from it.
    fn unbuilt(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Invalid(reason) => Some(Value::Invalid(reason)),
            Value::Object(object) => Some(self.object(object.callable, object.arguments)),
            _ => None,
        }
    }

    /// `_rebuild_tensor_v2(storage, offset, size, stride, …)`.
    fn tensor(&self, items: &[ValueId]) -> Value {
        let [storage, offset, dims, strides, ..] = items else {
            return Value::Invalid("the pickle creates a tensor from too few arguments");
        };
        let (storage, offset) = match (&self.values[*storage], &self.values[*offset]) {
            (Value::Storage(storage), Value::Int(offset)) => (*storage, *offset),
            (other, _) => {
                return self.unbuilt(other).unwrap_or(Value::Invalid(
                    "the pickle creates a tensor from unexpected arguments",
                ));
            }
        };
        let (dims, strides) = match (self.sizes(*dims), self.sizes(*strides)) {
            (Ok(dims), Ok(strides)) => (dims, strides),
            (Err(reason), _) | (_, Err(reason)) => return Value::Invalid(reason),
        };
        let offset = usize::try_from(offset).ok();
        Value::Tensor(Box::new(TensorEntry {
            storage,
            offset: offset
                .and_then(|offset| offset.checked_add(storage.view.0))
                .unwrap_or(usize::MAX),
            dims,
            strides,
        }))
    }

    fn sizes(&self, id: ValueId) -> Result<Vec<usize>, &'static str> {
        // `torch.Size` is pickled as a call with a tuple, or as the tuple itself.
        let Value::Tuple(items) = &self.values[id] else {
            return Err("a tensor shape in the pickle is not a tuple");
        };
        if items.len() > MAX_RANK {
            return Err("a tensor in the pickle has more than 8 dimensions");
        }
        let size = |id: &ValueId| match &self.values[*id] {
            Value::Int(size) => usize::try_from(*size).ok(),
            _ => None,
        };
        let sizes: Option<_> = items.iter().map(size).collect();
        sizes.ok_or("a tensor shape in the pickle does not consist of sizes")
    }
}
