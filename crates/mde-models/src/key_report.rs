//! How a file's tensors meet a network's parameters.

use std::collections::BTreeMap;
use std::fmt;

/// How a file's tensors meet a network's parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyReport {
    /// Parameters that the file has in their shape.
    pub matched: usize,
    /// Parameters that the file lacks.
    pub missing: Vec<String>,
    /// Tensors that the network has no use for.
    pub unexpected: Vec<String>,
    /// Name, the network's shape, the file's shape.
    pub shape_mismatch: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// Tensors left out on purpose: the classifier of a backbone.
    pub dropped: Vec<String>,
    /// Parameters whose values were converted to float32, by the type in the file.
    pub converted: BTreeMap<String, usize>,
}

impl KeyReport {
    /// True if every parameter was found in its shape and nothing unknown was left over.
    pub fn is_match(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.shape_mismatch.is_empty()
    }
}

impl fmt::Display for KeyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        write!(
            f,
            "{} matched, {} missing, {} unexpected, {} of another shape",
            self.matched,
            self.missing.len(),
            self.unexpected.len(),
            self.shape_mismatch.len()
        )?;
        for (dtype, count) in &self.converted {
            write!(f, "; {count} converted from {dtype} to float32")?;
        }
        if !self.dropped.is_empty() {
            write!(f, "; left out on purpose: {}", self.dropped.join(", "))?;
        }
        let missing = self.missing.iter().map(|name| format!("missing {name}"));
        let unexpected = self
            .unexpected
            .iter()
            .map(|name| format!("unexpected {name}"));
        let shapes = self
            .shape_mismatch
            .iter()
            .map(|(name, ours, theirs)| format!("{name} is {theirs:?}, the model has {ours:?}"));
        for line in shapes.chain(missing).chain(unexpected).take(SHOWN) {
            write!(f, "\n  {line}")?;
        }
        let rest = (self.missing.len() + self.unexpected.len() + self.shape_mismatch.len())
            .saturating_sub(SHOWN);
        if rest > 0 {
            write!(f, "\n  and {rest} more")?;
        }
        Ok(())
    }
}
