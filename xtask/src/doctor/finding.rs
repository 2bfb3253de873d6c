//! What the doctor says: facts, and findings with what to do about each.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a fact or finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Area {
    Toolchain,
    Processor,
    Gpu,
    Memory,
    Disk,
    Browser,
    Program,
    Data,
    Weights,
}

impl Area {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Toolchain => "toolchain",
            Self::Processor => "processor",
            Self::Gpu => "GPU",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Browser => "browser",
            Self::Program => "program mde",
            Self::Data => "data sets",
            Self::Weights => "weights",
        }
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// Broken.
    Error,
    /// Works, but not as it could.
    Warning,
    /// Good to know.
    Note,
}

/// Something that is as it is.
#[derive(Debug, Serialize)]
pub(super) struct Fact {
    pub(super) area: Area,
    pub(super) what: String,
}

/// Something to do something about.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) area: Area,
    #[serde(flatten)]
    pub(super) detail: Detail,
}

/// A finding as `mde inspect` gives it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Detail {
    pub(super) severity: Severity,
    /// The check's name.
    pub(super) check: String,
    /// The file, the line.
    #[serde(rename = "where")]
    pub(super) place: String,
    pub(super) what: String,
    pub(super) advice: String,
}

/// Everything that was looked at.
#[derive(Debug, Default, Serialize)]
pub(super) struct Examination {
    pub(super) facts: Vec<Fact>,
    pub(super) findings: Vec<Finding>,
    /// What `mde inspect` says of each data set.
    pub(super) data: Vec<Value>,
}

impl Examination {
    pub(super) fn fact(&mut self, area: Area, what: impl Into<String>) {
        let what = what.into();
        self.facts.push(Fact { area, what });
    }

    /// Adds a finding.
    pub(super) fn find(
        &mut self,
        area: Area,
        severity: Severity,
        [check, place, what, advice]: [&str; 4],
    ) {
        let detail = Detail {
            severity,
            check: check.to_owned(),
            place: place.to_owned(),
            what: what.to_owned(),
            advice: advice.to_owned(),
        };
        self.findings.push(Finding { area, detail });
    }

    /// Adds the findings of a document of `mde inspect`; false if it has none in the form that is expected.
    pub(super) fn adopt(&mut self, area: Area, document: &Value) -> bool {
        let details = document.get("findings").cloned().unwrap_or_default();
        match serde_json::from_value::<Vec<Detail>>(details) {
            Ok(details) => {
                let findings = details.into_iter().map(|detail| Finding { area, detail });
                self.findings.extend(findings);
                true
            }
            Err(_) => false,
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    pub(super) fn count(&self, severity: Severity) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.detail.severity == severity)
            .count()
    }
}
