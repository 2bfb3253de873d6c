//! Findings of an inspection.

use std::borrow::Cow;
use std::path::Path;

use serde::Serialize;

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The data cannot be used, or are not what they are declared to be.
    Error,
    /// The data can be used, but are probably wrong.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its severity.
    pub severity: Severity,
    /// Name of the check, such as `missing-file`.
    pub check: &'static str,
    /// The file, or the list and its line.
    #[serde(rename = "where")]
    pub place: String,
    /// What was found.
    pub what: String,
    /// What to do; empty if nothing has to be done.
    pub advice: Cow<'static, str>,
}

impl Finding {
    pub(super) fn error(
        check: &'static str,
        place: impl Into<String>,
        what: impl Into<String>,
        advice: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            check,
            place: place.into(),
            what: what.into(),
            advice: advice.into(),
        }
    }

    pub(super) fn warning(
        check: &'static str,
        place: impl Into<String>,
        what: impl Into<String>,
        advice: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(check, place, what, advice)
        }
    }

    pub(super) fn note(
        check: &'static str,
        place: impl Into<String>,
        what: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(check, place, what, "")
        }
    }
}

/// The message of an error without the path in front: a finding names it separately.
pub(super) fn without_path(error: &impl std::error::Error, path: &Path) -> String {
    let message = error.to_string();
    let place = path.display().to_string();
    // `PATH: what` or `PATH, line 5: what`.
    let rest = message.strip_prefix(&place);
    let rest = rest.and_then(|rest| rest.strip_prefix(": ").or_else(|| rest.strip_prefix(", ")));
    rest.unwrap_or(&message).to_owned()
}

/// A path relative to a folder, with `/` between names as in lists.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let names: Vec<_> = below
        .components()
        .map(|name| name.as_os_str().to_string_lossy())
        .collect();
    names.join("/")
}
