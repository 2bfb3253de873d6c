//! How the names in a file are read: in which dictionary, and what is taken off them.
//!
//! Programs wrap networks: `DataParallel` adds `module.` to all names, `torch.compile` adds
//! `_orig_mod.`, Lightning the attribute that holds the network, such as `model.`. A prefix is
//! taken off if the names then are those of the network's parameters.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::naming::Naming;
use super::weight_file::WeightFile;
use crate::load_report::{LoadReport, ShapeMismatch};

/// Parts of names that only say how a network was wrapped, wherever they are.
const WRAPPERS: [&str; 4] = [
    "module",
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
];
/// Maximum number of parts in a prefix.
const MAX_PARTS: usize = 8;
/// Parts of names of weights that training keeps beside those that it changes.
const SECONDARY: [&str; 14] = [
    "ema", "avg", "average", "averaged", "swa", "teacher", "shadow", "momentum", "target", "best",
    "old", "prev", "last", "initial",
];

/// The parameters that a file should have, by key: name and shape.
pub(super) struct Wanted<'a>(BTreeMap<String, (&'a str, &'a [usize])>);

impl<'a> Wanted<'a> {
    pub(super) fn new(
        parameters: impl Iterator<Item = (&'a str, &'a [usize])>,
        naming: &Naming,
    ) -> Self {
        let keyed = parameters.filter_map(|(name, dims)| {
            let key = (naming.parameter)(name)?;
            Some((key, (name, dims)))
        });
        Self(keyed.collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// One way to read a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) dictionary: usize,
    /// What all names begin with that are read.
    pub(super) prefix: String,
    /// Whether the wrappers are taken off inside names, too.
    unwrapped: bool,
}

/// The number of parameters that a reading finds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// With their shape.
    pub(super) fitting: usize,
    pub(super) named: usize,
}

/// A reading, compared with the network.
pub(super) struct Compared {
    pub(super) reading: Reading,
    /// Names of parameters and of their tensors in the file.
    pub(super) pairs: Vec<(String, String)>,
    pub(super) report: LoadReport,
    /// The parameter of which the file has an object in place of a tensor.
    pub(super) unbuilt: Option<String>,
}

impl Compared {
    pub(super) fn is_complete(&self) -> bool {
        self.report.is_match()
    }
}

/// All readings that find a parameter.
pub(super) fn readings(
    wanted: &Wanted,
    file: &WeightFile,
    naming: &Naming,
) -> Vec<(Reading, Found)> {
    let mut readings = Vec::new();
    for dictionary in 0..file.dictionaries() {
        for unwrapped in [false, true] {
            if unwrapped && !file.shapes(dictionary).any(|(name, _)| is_wrapped(name)) {
                continue;
            }
            let mut found: HashMap<String, Found> = HashMap::new();
            for (name, dims) in file.shapes(dictionary) {
                let name = unwrap(name, unwrapped);
                for prefix in prefixes(&name) {
                    let key = (naming.tensor)(&name[prefix..]);
                    if let Some((_, expected)) = wanted.0.get(&key) {
                        let found = found.entry(name[..prefix].to_owned()).or_default();
                        found.named += 1;
                        found.fitting += usize::from(dims == Some(*expected));
                    }
                }
            }
            readings.extend(found.into_iter().map(|(prefix, found)| {
                let reading = Reading {
                    dictionary,
                    prefix,
                    unwrapped,
                };
                (reading, found)
            }));
        }
    }
    // Simple readings first, since a hash map has no order.
    readings.sort_by(|(a, _), (b, _)| a.order().cmp(&b.order()));
    readings
}

impl Reading {
    /// The names of a dictionary as they are.
    pub(super) fn of(dictionary: usize) -> Self {
        Self {
            dictionary,
            prefix: String::new(),
            unwrapped: false,
        }
    }

    fn order(&self) -> (usize, bool, usize, &str) {
        let Reading {
            dictionary,
            prefix,
            unwrapped,
        } = self;
        (*dictionary, *unwrapped, prefix.len(), prefix)
    }

    /// True if the names say that these are not the weights that training changes.
    pub(super) fn is_secondary(&self, place: &str) -> bool {
        let names = format!("{place}.{}", self.prefix).to_lowercase();
        names
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|part| SECONDARY.contains(&part))
    }
}

/// The readings that find every parameter and nothing else.
pub(super) fn complete(
    readings: &[(Reading, Found)],
    wanted: &Wanted,
    file: &WeightFile,
    naming: &Naming,
) -> Vec<Compared> {
    let mut complete: Vec<Compared> = Vec::new();
    // Long prefixes first: `model.` is complete beside a complete `model.ema.`.
    for (reading, found) in readings.iter().rev() {
        if found.fitting < wanted.len() || wanted.len() == 0 {
            continue;
        }
        let alone = compare(reading, &[], wanted, file, naming);
        let same_names = |other: &Reading| {
            other.dictionary == reading.dictionary && other.unwrapped == reading.unwrapped
        };
        if alone.is_complete() {
            // A translation of names may take the same prefix off, and wrappers inside names are
            // only taken off if that is needed.
            complete.retain(|other| {
                let Reading {
                    dictionary,
                    prefix,
                    unwrapped,
                } = &other.reading;
                let is_same = same_names(&other.reading) && prefix.starts_with(&reading.prefix);
                let is_needless =
                    *dictionary == reading.dictionary && *unwrapped && !reading.unwrapped;
                !is_same && !is_needless
            });
            complete.push(alone);
            continue;
        }
        let others: Vec<&str> = complete
            .iter()
            .filter(|other| same_names(&other.reading))
            .map(|other| other.reading.prefix.as_str())
            .filter(|prefix| prefix.starts_with(&reading.prefix))
            .collect();
        let beside = compare(reading, &others, wanted, file, naming);
        if !others.is_empty() && beside.is_complete() {
            complete.push(beside);
        }
    }
    complete.reverse();
    complete
}

/// Compares the tensors that a reading finds with the parameters. Tensors that begin with one of
/// `others` are ignored.
pub(super) fn compare(
    reading: &Reading,
    others: &[&str],
    wanted: &Wanted,
    file: &WeightFile,
    naming: &Naming,
) -> Compared {
    let mut report = LoadReport::default();
    let (mut pairs, mut unbuilt) = (Vec::with_capacity(wanted.len()), None);
    let mut by_key: BTreeMap<String, (&str, Option<&[usize]>)> = BTreeMap::new();
    for (name, dims) in file.shapes(reading.dictionary) {
        // PyTorch counts the batches of each batch norm, which nothing here uses.
        if name.ends_with("num_batches_tracked") {
            continue;
        }
        let unwrapped = unwrap(name, reading.unwrapped);
        let rest = unwrapped.strip_prefix(&reading.prefix);
        let key = rest.map(naming.tensor);
        if dims.is_none() && key.as_ref().is_none_or(|key| !wanted.0.contains_key(key)) {
            continue;
        }
        match key {
            Some(_) if others.iter().any(|other| unwrapped.starts_with(other)) => {
                report.ignored.push(name.to_owned());
            }
            Some(key) => {
                // Two spellings of one tensor are ambiguous.
                if by_key.insert(key, (name, dims)).is_some() {
                    report.unexpected.push(name.to_owned());
                }
            }
            None if naming.is_part || (naming.ignored)(name) => {
                report.ignored.push(name.to_owned());
            }
            None => report.unexpected.push(name.to_owned()),
        }
    }
    for (key, (name, expected)) in &wanted.0 {
        match by_key.remove(key) {
            None => report.missing.push((*name).to_owned()),
            Some((theirs, Some(dims))) if dims == *expected => {
                report.matched += 1;
                pairs.push(((*name).to_owned(), theirs.to_owned()));
            }
            Some((_, Some(dims))) => report.mismatched.push(ShapeMismatch {
                name: (*name).to_owned(),
                expected: expected.to_vec(),
                found: dims.to_vec(),
            }),
            Some((theirs, None)) => {
                report.missing.push((*name).to_owned());
                unbuilt.get_or_insert_with(|| theirs.to_owned());
            }
        }
    }
    for (name, _) in by_key.into_values() {
        let rest = name.strip_prefix(&reading.prefix).unwrap_or(name);
        let list = match (naming.ignored)(rest) {
            true => &mut report.ignored,
            false => &mut report.unexpected,
        };
        list.push(name.to_owned());
    }
    report.missing.sort();
    report.unexpected.sort();
    report.ignored.sort();
    report.prefix = reading.prefix.clone();
    if reading.unwrapped {
        report.wrappers = wrappers(file, reading);
    }
    Compared {
        reading: reading.clone(),
        pairs,
        report,
        unbuilt,
    }
}

/// The wrappers in the names that are read.
fn wrappers(file: &WeightFile, reading: &Reading) -> Vec<String> {
    let is_in_a_name = |wrapper: &&str| {
        let mut names = file.shapes(reading.dictionary);
        names.any(|(name, _)| name.split('.').any(|part| part == *wrapper))
    };
    let wrappers = WRAPPERS.iter().filter(|wrapper| is_in_a_name(wrapper));
    wrappers.map(|&wrapper| wrapper.to_owned()).collect()
}

fn is_wrapped(name: &str) -> bool {
    name.split('.').any(|part| WRAPPERS.contains(&part))
}

/// The name, without wrappers if they are taken off.
fn unwrap(name: &str, unwrapped: bool) -> Cow<'_, str> {
    if !unwrapped || !is_wrapped(name) {
        return name.into();
    }
    let parts = name.split('.').filter(|part| !WRAPPERS.contains(part));
    parts.collect::<Vec<_>>().join(".").into()
}

/// The lengths of all prefixes of whole parts, from none on.
fn prefixes(name: &str) -> impl Iterator<Item = usize> + '_ {
    let ends = name.match_indices('.').map(|(at, _)| at + 1);
    std::iter::once(0).chain(ends.take(MAX_PARTS))
}
