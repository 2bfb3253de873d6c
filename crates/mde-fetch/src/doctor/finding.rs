//! The result of an examination: facts, and findings with advice.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::text::counted;

/// The subject of a fact or finding.
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
    fn title(self) -> &'static str {
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

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// Broken.
    Error,
    /// Works, but not as well as it could.
    Warning,
    /// Worth knowing.
    Note,
}

/// A fact without a problem.
#[derive(Debug, Clone, Serialize)]
struct Fact {
    area: Area,
    what: String,
}

/// A problem or a remark.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    area: Area,
    #[serde(flatten)]
    detail: Detail,
}

/// A finding in the form of `mde inspect`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Detail {
    severity: Severity,
    check: String,
    #[serde(rename = "where")]
    place: String,
    what: String,
    /// May be empty.
    advice: String,
}

/// The result of an examination. Displayed as a list, area by area.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Examination {
    facts: Vec<Fact>,
    findings: Vec<Finding>,
    /// The document of `mde inspect` for each data set.
    pub(super) data: Vec<Value>,
}

impl Examination {
    pub(super) fn fact(&mut self, area: Area, what: impl Into<String>) {
        let what = what.into();
        self.facts.push(Fact { area, what });
    }

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

    /// Adds the findings of a document of `mde inspect`; false if it does not have the expected
    /// form.
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

    /// True if nothing is broken.
    pub fn is_ok(&self) -> bool {
        self.broken() == 0
    }

    /// Number of findings that are errors.
    pub fn broken(&self) -> usize {
        self.count(Severity::Error)
    }

    fn count(&self, severity: Severity) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.detail.severity == severity)
            .count()
    }

    /// The examination as a JSON document. `ok` is true if nothing is broken.
    pub fn document(&self) -> Value {
        let mut document = serde_json::json!({ "ok": self.is_ok() });
        document["facts"] = serde_json::json!(self.facts);
        document["findings"] = serde_json::json!(self.findings);
        document["data"] = serde_json::json!(self.data);
        document
    }
}

impl fmt::Display for Examination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut areas: Vec<_> = self.facts.iter().map(|fact| fact.area).collect();
        areas.extend(self.findings.iter().map(|finding| finding.area));
        areas.sort_unstable();
        areas.dedup();
        for area in areas {
            writeln!(formatter, "{}", area.title())?;
            for fact in self.facts.iter().filter(|fact| fact.area == area) {
                writeln!(formatter, "  ok       {}", fact.what)?;
            }
            let findings = self.findings.iter();
            for finding in findings.filter(|finding| finding.area == area) {
                let detail = &finding.detail;
                let severity = match detail.severity {
                    Severity::Error => "broken ",
                    Severity::Warning => "warning",
                    Severity::Note => "note   ",
                };
                let (place, what) = (&detail.place, &detail.what);
                writeln!(formatter, "  {severity}  {place}: {what}")?;
                if !detail.advice.is_empty() {
                    writeln!(formatter, "           -> {}", detail.advice)?;
                }
            }
        }
        write!(
            formatter,
            "{} broken, {}, {}",
            self.broken(),
            counted(self.count(Severity::Warning), "warning"),
            counted(self.count(Severity::Note), "note")
        )
    }
}
