//! Comparison of a weight file with a network's parameters.

use std::collections::BTreeMap;
use std::fmt;

/// Which tensors of a weight file fit the parameters of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Number of parameters found with their shape.
    pub matched: usize,
    /// Parameters that the file lacks.
    pub missing: Vec<String>,
    /// Tensors of the file that the network does not use.
    pub unexpected: Vec<String>,
    /// Parameters whose tensor has a different shape.
    pub mismatched: Vec<ShapeMismatch>,
    /// Tensors of the file that are ignored on purpose: the classifier of a backbone, and those
    /// without the prefix.
    pub ignored: Vec<String>,
    /// Number of parameters converted to float32, by their type in the file.
    pub converted: BTreeMap<String, usize>,
    /// The keys of a checkpoint below which the weights are, such as `model`; empty at the top.
    pub place: String,
    /// What was taken off the start of all names, such as `module._orig_mod.`.
    pub prefix: String,
    /// Parts that were taken off inside of names, such as `_orig_mod`.
    pub wrappers: Vec<String>,
    /// Other weights of the file that fit as well and were not read, such as `model_ema`.
    pub alternatives: Vec<String>,
    /// Names of the code that other objects of the checkpoint need. They were skipped, none was
    /// run.
    pub skipped: Vec<String>,
    /// Networks that the file fits better, where it does not fit this one.
    pub closest: Option<Closest>,
    /// True if the file does not fit this network, but its encoder alone.
    pub fits_encoder: bool,
}

/// The networks that a file fits best.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closest {
    /// Names of the presets.
    pub models: Vec<String>,
    /// Number of their parameters that the file has with their shape.
    pub matched: usize,
    /// Number of their parameters.
    pub parameters: usize,
}

/// A parameter whose tensor in a file has a different shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeMismatch {
    /// Name of the parameter.
    pub name: String,
    /// Shape in the network.
    pub expected: Vec<usize>,
    /// Shape in the file.
    pub found: Vec<usize>,
}

impl LoadReport {
    /// True if every parameter was found with its shape and the file has no unexpected tensors.
    pub fn is_match(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.mismatched.is_empty()
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} matched, {} missing, {} unexpected, {} with a different shape",
            self.matched,
            self.missing.len(),
            self.unexpected.len(),
            self.mismatched.len()
        )?;
        if !self.place.is_empty() {
            write!(f, "; read from {}", self.place)?;
        }
        if !self.prefix.is_empty() {
            write!(f, "; prefix {} removed", printable(&self.prefix))?;
        }
        if !self.wrappers.is_empty() {
            write!(f, "; {} removed inside names", self.wrappers.join(", "))?;
        }
        for (dtype, count) in &self.converted {
            write!(f, "; {count} converted from {dtype} to float32")?;
        }
        if !self.ignored.is_empty() {
            write!(f, "; ignored on purpose: {}", few(&self.ignored))?;
        }
        if !self.alternatives.is_empty() {
            write!(f, "; also fits, not read: {}", few(&self.alternatives))?;
        }
        if !self.skipped.is_empty() {
            write!(f, "; skipped, not run: {}", few(&self.skipped))?;
        }
        self.differences(f)?;
        if self.fits_encoder {
            write!(
                f,
                "\n  they fit its encoder alone: `mde train --backbone` starts from them"
            )?;
        }
        match &self.closest {
            Some(Closest {
                models,
                matched,
                parameters,
            }) => write!(
                f,
                "\n  closest: {}, with {matched} of {parameters} parameters",
                models.join(", ")
            ),
            None => Ok(()),
        }
    }
}

impl LoadReport {
    /// The first differences, one a line, of each kind.
    fn differences(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        let mismatched = self.mismatched.iter().map(|shapes| {
            let ShapeMismatch {
                name,
                expected,
                found,
            } = shapes;
            format!("{name} is {found:?}, the model has {expected:?}")
        });
        let missing = self.missing.iter().map(|name| format!("missing {name}"));
        let unexpected = self
            .unexpected
            .iter()
            .map(|name| format!("unexpected {}", printable(name)));
        let counts = [
            self.mismatched.len(),
            self.missing.len(),
            self.unexpected.len(),
        ];
        let shown = shares(counts, SHOWN);
        let lines = mismatched
            .take(shown[0])
            .chain(missing.take(shown[1]))
            .chain(unexpected.take(shown[2]));
        for line in lines {
            write!(f, "\n  {line}")?;
        }
        match counts.iter().sum::<usize>().saturating_sub(SHOWN) {
            0 => Ok(()),
            rest => write!(f, "\n  and {rest} more"),
        }
    }
}

/// Divides `shown` lines among kinds with these counts, as evenly as the counts allow.
fn shares(counts: [usize; 3], shown: usize) -> [usize; 3] {
    let mut shares = [0; 3];
    for round in 0.. {
        if shares.iter().sum::<usize>() >= shown || counts.iter().all(|&count| count <= round) {
            break;
        }
        for (share, &count) in shares.iter_mut().zip(&counts) {
            *share += usize::from(count > round);
        }
    }
    // The last round may give too many.
    let mut over = shares.iter().sum::<usize>().saturating_sub(shown);
    for share in &mut shares {
        let less = over.min(1).min(*share);
        *share -= less;
        over -= less;
    }
    shares
}

/// The first few names.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<_> = names
        .iter()
        .take(SHOWN)
        .map(|name| printable(name))
        .collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        rest => format!("{} and {rest} more", shown.join(", ")),
    }
}

/// A name from a file, without control characters.
fn printable(name: &str) -> String {
    name.escape_debug().to_string()
}
