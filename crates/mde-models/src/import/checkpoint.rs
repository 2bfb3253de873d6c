//! A PyTorch checkpoint: the dictionaries of tensors in its pickle, and their numbers.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use candle_core::{Device, Tensor};

use super::advice::{listed, literal, loaded, python};
use super::archive::Archive;
use super::legacy::Legacy;
use super::pickle::{Object, Value, Values};
use super::problem::Problem;
use super::tensor_entry::{Element, Storage, TensorEntry, ValueId};

/// Maximum depth of nesting that is searched for tensors.
const MAX_DEPTH: usize = 8;
/// Maximum length of a tensor's name in bytes. Longer ones are keys of something else, and slow to
/// compare.
const MAX_NAME: usize = 512;

/// An open checkpoint.
pub(super) struct Checkpoint {
    storages: Storages,
    values: Values,
    nodes: Vec<Node>,
    dictionaries: Vec<Dictionary>,
    /// The storage that was read last, since tensors may share one.
    last: Option<(Storage, Vec<u8>)>,
}

enum Storages {
    Archive(Archive),
    Legacy(Legacy),
}

/// A dictionary of named tensors.
struct Dictionary {
    node: usize,
    /// Text keys and their values, ordered by the text.
    tensors: Vec<(ValueId, ValueId)>,
}

impl Checkpoint {
    pub(super) fn open_archive(path: &Path) -> Result<Self, Problem> {
        let (archive, values) = Archive::open(path)?;
        Self::new(Storages::Archive(archive), values)
    }

    pub(super) fn open_legacy(path: &Path) -> Result<Self, Problem> {
        let (legacy, values) = Legacy::open(path)?;
        Self::new(Storages::Legacy(legacy), values)
    }

    fn new(storages: Storages, values: Values) -> Result<Self, Problem> {
        let nodes = nodes(&values);
        let dictionaries = dictionaries(&values, &nodes);
        let checkpoint = Self {
            storages,
            values,
            nodes,
            dictionaries,
            last: None,
        };
        match checkpoint.dictionaries.is_empty() && checkpoint.code().is_empty() {
            true => Err(without_tensors(&checkpoint.values)),
            false => Ok(checkpoint),
        }
    }

    /// Number of dictionaries with tensors.
    pub(super) fn dictionaries(&self) -> usize {
        self.dictionaries.len()
    }

    /// The keys that lead to a dictionary, such as `model`; empty at the top level.
    pub(super) fn place(&self, index: usize) -> String {
        let steps = steps(&self.nodes, self.dictionaries[index].node);
        let keys = steps.iter().filter_map(|node| match node.step {
            Step::Key(key) => Some(self.values.text(key).map_or("?".to_owned(), shown)),
            Step::Index(at) => Some(format!("[{at}]")),
            _ => None,
        });
        keys.collect::<Vec<_>>().join(".")
    }

    /// The Python expression of a dictionary.
    pub(super) fn expression(&self, index: usize, path: &Path) -> String {
        let steps = steps(&self.nodes, self.dictionaries[index].node);
        let below = subscripts(&self.values, &steps).unwrap_or_default();
        format!("{}{below}", loaded(path))
    }

    /// Names and shapes of one of the dictionaries. An entry without a shape could not be read.
    pub(super) fn shapes(&self, index: usize) -> impl Iterator<Item = (&str, Option<&[usize]>)> {
        let tensors = self.dictionaries[index].tensors.iter();
        tensors.filter_map(|&(key, id)| {
            let name = self.values.text(key)?;
            Some(match self.values.get(id) {
                Value::Tensor(entry) => (name, Some(entry.dims.as_slice())),
                _ => (name, None),
            })
        })
    }

    /// The first tensor of a dictionary that is damaged.
    pub(super) fn damaged(&self, index: usize) -> Option<Problem> {
        let mut tensors = self.dictionaries[index].tensors.iter();
        tensors.find_map(|&(key, id)| match self.values.get(id) {
            Value::Tensor(entry) if !entry.lies_in_storage() => {
                Some(beyond_storage(self.values.text(key)?, entry))
            }
            _ => None,
        })
    }

    /// The names of code that objects in the file need, in order, without the objects inside of
    /// others. None of it was run.
    pub(super) fn code(&self) -> BTreeSet<String> {
        let in_object = in_object(&self.values, &self.nodes);
        let outermost = self.nodes.iter().filter(|node| {
            let is_inside = node.parent.is_some_and(|parent| in_object[parent]);
            let value = self.values.get(node.id);
            !is_inside && matches!(value, Value::Object(_) | Value::Global(_))
        });
        let names = outermost.filter_map(|node| self.values.code(node.id));
        names.collect()
    }

    /// The error if only code can build the object that holds the weights.
    pub(super) fn hidden_weights(&self, path: &Path) -> Option<Problem> {
        let (values, nodes) = (&self.values, &self.nodes);
        let is_tensor = |id: ValueId| matches!(values.get(id), Value::Tensor(_));
        let held = (0..nodes.len()).find_map(|at| {
            let steps = steps(nodes, at);
            let is_object = |node: &&Node| matches!(values.get(node.id), Value::Object(_));
            let object = steps.iter().position(is_object)?;
            let mut children = children(values, nodes[at].id).into_iter();
            children
                .any(|(_, child)| is_tensor(child))
                .then_some((steps, object))
        });
        let Some((steps, at)) = held else {
            return match values.get(values.root()) {
                Value::Object(_) | Value::Global(_) => Some(Problem::Code {
                    callable: values.code(values.root())?,
                    advice: String::new(),
                }),
                _ => None,
            };
        };
        let Value::Object(object) = values.get(steps[at].id) else {
            return None;
        };
        Some(Problem::Code {
            callable: values.code(steps[at].id)?,
            advice: held_by(values, object, &steps, at, path),
        })
    }

    /// A tensor in its stored type; `None` without one of this name.
    pub(super) fn read(
        &mut self,
        index: usize,
        name: &str,
        path: &Path,
    ) -> Result<Option<Tensor>, Problem> {
        let tensors = &self.dictionaries[index].tensors;
        let found = tensors.binary_search_by(|(key, _)| {
            let key = self.values.raw(*key);
            key.cmp(&Some(name.as_bytes()))
        });
        let Ok(found) = found else {
            return Ok(None);
        };
        let id = tensors[found].1;
        let entry = match self.values.get(id) {
            Value::Tensor(entry) => entry,
            Value::Invalid(reason) => return Err(Problem::new(format!("{name}: {reason}"))),
            _ => return Err(self.special_tensor(id, index, name, path)),
        };
        if !entry.lies_in_storage() {
            return Err(beyond_storage(name, entry));
        }
        let Element::Float(dtype) = entry.storage.element else {
            let what = match entry.storage.element {
                Element::Integer(_) => "integers",
                _ => "complex or quantised numbers",
            };
            return Err(Problem::new(format!(
                "{name} contains {what}; parameters are floating-point numbers"
            )));
        };
        let storage = entry.storage;
        if self.last.as_ref().is_none_or(|(last, _)| *last != storage) {
            // Two storages at a time would double the memory.
            self.last = None;
            let key = self.values.text(storage.key).unwrap_or_default();
            let bytes = self.storages.read(key, storage);
            let bytes = bytes.map_err(|problem| problem.of(name))?;
            self.last = Some((storage, bytes));
        }
        let Some((_, bytes)) = &self.last else {
            return Ok(None);
        };
        let bytes = entry.gather(bytes);
        let tensor = Tensor::from_raw_buffer(&bytes, dtype, &entry.dims, &Device::Cpu)?;
        Ok(Some(tensor))
    }

    /// The error for a parameter that only code could build.
    fn special_tensor(&self, id: ValueId, index: usize, name: &str, path: &Path) -> Problem {
        let Some(callable) = self.values.code(id) else {
            return Problem::new(format!("{name} in its pickle is not a tensor"));
        };
        let convert = match callable.as_str() {
            name if name.starts_with("numpy.") => "torch.as_tensor(v)",
            "torch._utils._rebuild_sparse_tensor" => "v.to_dense()",
            "torch._utils._rebuild_qtensor" => "v.dequantize()",
            "torch._utils._rebuild_tensor_v3" => "v.float()",
            _ => "",
        };
        let advice = match convert {
            "" => String::new(),
            convert => format!(
                "; {} is such an object. If you trust the file, save its values as plain tensors: {}",
                shown(name),
                python(
                    path,
                    &format!(
                        "{{k: {convert} for k, v in {}.items()}}",
                        self.expression(index, path)
                    )
                )
            ),
        };
        Problem::Code { callable, advice }
    }
}

impl Storages {
    /// The bytes of a storage, little-endian.
    fn read(&mut self, key: &str, storage: Storage) -> Result<Vec<u8>, Problem> {
        let width = storage.element.width();
        let size = (storage.len as u64).saturating_mul(width as u64);
        match self {
            Storages::Legacy(legacy) => legacy.storage(key, size),
            Storages::Archive(archive) => {
                let mut bytes = archive.storage(key, size)?;
                if archive.is_big_endian {
                    bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
                }
                Ok(bytes)
            }
        }
    }
}

/// A value that holds others, and how it is reached.
struct Node {
    id: ValueId,
    parent: Option<usize>,
    step: Step,
    depth: usize,
}

/// How a value is reached from the one that holds it.
enum Step {
    Root,
    Key(ValueId),
    Index(usize),
    /// An attribute of an object that was not built.
    Attribute(ValueId),
    /// A key of such an object.
    Item(ValueId),
    /// Held by such an object in another way.
    Inside,
}

/// All values that hold others, level by level, each once.
fn nodes(values: &Values) -> Vec<Node> {
    let mut nodes = vec![Node {
        id: values.root(),
        parent: None,
        step: Step::Root,
        depth: 0,
    }];
    let mut seen = HashSet::from([values.root()]);
    let mut at = 0;
    while at < nodes.len() {
        let (id, depth) = (nodes[at].id, nodes[at].depth);
        if depth < MAX_DEPTH {
            for (step, child) in children(values, id) {
                let holds = matches!(
                    values.get(child),
                    Value::Dict(_) | Value::List(_) | Value::Tuple(_) | Value::Object(_)
                );
                if holds && seen.insert(child) {
                    nodes.push(Node {
                        id: child,
                        parent: Some(at),
                        step,
                        depth: depth + 1,
                    });
                }
            }
        }
        at += 1;
    }
    nodes
}

fn children(values: &Values, id: ValueId) -> Vec<(Step, ValueId)> {
    let numbered = |items: &[ValueId]| {
        let items = items.iter().enumerate();
        items.map(|(at, &id)| (Step::Index(at), id)).collect()
    };
    match values.get(id) {
        Value::Dict(entries) => entries
            .iter()
            .map(|&(key, value)| (Step::Key(key), value))
            .collect(),
        Value::List(items) | Value::Tuple(items) => numbered(items),
        Value::Object(object) => {
            let items = object.items.iter();
            let mut children: Vec<_> = items
                .map(|&(key, value)| (Step::Item(key), value))
                .collect();
            match object.state.map(|state| (state, values.get(state))) {
                Some((_, Value::Dict(attributes))) => children.extend(
                    attributes
                        .iter()
                        .map(|&(key, value)| (Step::Attribute(key), value)),
                ),
                Some((state, _)) => children.push((Step::Inside, state)),
                None => {}
            }
            children.push((Step::Inside, object.arguments));
            children
        }
        _ => Vec::new(),
    }
}

/// The steps from the top to a node.
fn steps(nodes: &[Node], at: usize) -> Vec<&Node> {
    let mut steps = Vec::new();
    let mut at = Some(at);
    while let Some(index) = at {
        steps.push(&nodes[index]);
        at = nodes[index].parent;
    }
    steps.reverse();
    steps
}

/// For each node, whether it is an object or inside one.
fn in_object(values: &Values, nodes: &[Node]) -> Vec<bool> {
    let mut in_object = vec![false; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        in_object[at] = matches!(values.get(node.id), Value::Object(_))
            || node.parent.is_some_and(|parent| in_object[parent]);
    }
    in_object
}

fn beyond_storage(name: &str, entry: &TensorEntry) -> Problem {
    // What `expand` makes: an axis along which the elements are the same.
    let is_repeated = entry.strides.contains(&0);
    let reason = match is_repeated {
        true => "it repeats them, as after expand(); save tensor.contiguous() in its place",
        false => "its pickle is damaged",
    };
    Problem::new(format!(
        "{name} has the shape {:?}, which does not fit into its storage of {} elements: {reason}",
        entry.dims, entry.storage.view.1
    ))
}

/// The dictionaries with tensors that no object holds.
fn dictionaries(values: &Values, nodes: &[Node]) -> Vec<Dictionary> {
    let mut found = Vec::new();
    let in_object = in_object(values, nodes);
    for (at, node) in nodes.iter().enumerate() {
        let Value::Dict(entries) = values.get(node.id) else {
            continue;
        };
        if in_object[at] {
            continue;
        }
        let mut tensors: Vec<_> = entries
            .iter()
            .filter(|(key, value)| {
                let value = values.get(*value);
                // Those that could not be built may stand where a tensor should.
                let may_be_tensor = matches!(
                    value,
                    Value::Tensor(_) | Value::Object(_) | Value::Invalid(_) | Value::Global(_)
                );
                may_be_tensor && values.raw(*key).is_some_and(|name| name.len() <= MAX_NAME)
            })
            .copied()
            .collect();
        // The last of equal keys counts, as in Python.
        tensors.reverse();
        tensors.sort_by(|(a, _), (b, _)| values.raw(*a).cmp(&values.raw(*b)));
        tensors.dedup_by(|(a, _), (b, _)| values.raw(*a) == values.raw(*b));
        if !tensors.is_empty() {
            found.push(Dictionary { node: at, tensors });
        }
    }
    found
}

/// A key for a message: shortened and without control characters.
fn shown(key: &str) -> String {
    key.escape_debug().take(60).collect()
}

/// Python's subscripts and attributes for these steps; `None` if there are none.
fn subscripts(values: &Values, steps: &[&Node]) -> Option<String> {
    let mut text = String::new();
    for node in steps {
        match node.step {
            Step::Root => {}
            Step::Key(key) | Step::Item(key) => match values.get(key) {
                Value::Int(key) => text += &format!("[{key}]"),
                _ => text += &format!("[{}]", literal(values.text(key)?)),
            },
            Step::Index(at) => text += &format!("[{at}]"),
            Step::Attribute(key) => text += &format!(".{}", identifier(values.text(key)?)?),
            Step::Inside => return None,
        }
    }
    Some(text)
}

/// The name if Python accepts it after a dot.
fn identifier(name: &str) -> Option<&str> {
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let starts = !name.starts_with(|c: char| c.is_ascii_digit());
    (is_plain && starts && !name.is_empty()).then_some(name)
}

/// What a checkpoint is that has neither tensors nor objects.
fn without_tensors(values: &Values) -> Problem {
    match values.get(values.root()) {
        Value::Dict(entries) => Problem::new(format!(
            "it contains no named tensors: the keys of its pickle are {}; a state dict is expected \
             there or below, for example under model or state_dict",
            listed(entries.iter().filter_map(|&(key, _)| values.text(key)))
        )),
        Value::Invalid(reason) => Problem::new(*reason),
        Value::Tensor(_) => Problem::new(
            "its pickle contains a single tensor without a name, and no state dict is there",
        ),
        _ => Problem::new("its pickle contains no state dict; save model.state_dict()"),
    }
}

/// How to save the weights that an object holds.
fn held_by(values: &Values, object: &Object, steps: &[&Node], at: usize, path: &Path) -> String {
    let attribute = |wanted: &str| match object.state.map(|state| values.get(state)) {
        Some(Value::Dict(attributes)) => attributes
            .iter()
            .any(|&(key, _)| values.text(key) == Some(wanted)),
        _ => false,
    };
    let loaded = loaded(path);
    let above = subscripts(values, &steps[..=at]).unwrap_or_default();
    if attribute("_parameters") && attribute("_modules") {
        let line = python(path, &format!("{loaded}{above}.state_dict()"));
        return format!(
            "; it is a whole network, saved with torch.save(model), not a state dict. If you trust \
             it, save its weights alone, where Python can import the code of the network: {line}"
        );
    }
    match subscripts(values, steps) {
        Some(below) => {
            let line = python(path, &format!("dict({loaded}{below})"));
            format!(
                "; its weights are inside an object of this class. If you trust the file, save them \
                 alone, where Python can import the class: {line}"
            )
        }
        None => String::new(),
    }
}
