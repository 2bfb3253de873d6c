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
    /// Tensors of the file that are ignored on purpose: the classifier of a backbone.
    pub ignored: Vec<String>,
    /// Number of parameters converted to float32, by their type in the file.
    pub converted: BTreeMap<String, usize>,
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
        const SHOWN: usize = 10;
        write!(
            f,
            "{} matched, {} missing, {} unexpected, {} with a different shape",
            self.matched,
            self.missing.len(),
            self.unexpected.len(),
            self.mismatched.len()
        )?;
        for (dtype, count) in &self.converted {
            write!(f, "; {count} converted from {dtype} to float32")?;
        }
        if !self.ignored.is_empty() {
            write!(f, "; ignored on purpose: {}", self.ignored.join(", "))?;
        }
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
            .map(|name| format!("unexpected {name}"));
        let lines: Vec<_> = mismatched.chain(missing).chain(unexpected).collect();
        for line in lines.iter().take(SHOWN) {
            write!(f, "\n  {line}")?;
        }
        match lines.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            rest => write!(f, "\n  and {rest} more"),
        }
    }
}
