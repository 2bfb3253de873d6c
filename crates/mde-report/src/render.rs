//! Fills the templates and puts the files in place, whole or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};

use crate::charts::escape;
use crate::page::{BrowserData, Page};
use crate::table::Table;
use crate::{ReportError, WrittenReport};

/// (name, source): the names' endings decide on escaping, ".html" escapes.
const TEMPLATES: [(&str, &str); 14] = [
    ("report.html", include_str!("../templates/report.html")),
    ("units.html", include_str!("../templates/units.html")),
    ("ablation.html", include_str!("../templates/ablation.html")),
    (
        "correction.html",
        include_str!("../templates/correction.html"),
    ),
    ("macros.html", include_str!("../templates/macros.html")),
    ("page.css", include_str!("../templates/page.css")),
    ("figures.css", include_str!("../templates/figures.css")),
    ("units.css", include_str!("../templates/units.css")),
    ("page.js", include_str!("../templates/page.js")),
    ("units.js", include_str!("../templates/units.js")),
    ("report.md", include_str!("../templates/report.md")),
    ("sweep.html", include_str!("../templates/sweep.html")),
    ("sweep.md", include_str!("../templates/sweep.md")),
    ("macros.md", include_str!("../templates/macros.md")),
];

/// A longer table is not carried inside the page; it lies beside it like all others.
const LARGEST_EMBEDDED: usize = 4_000_000;

/// Renders everything in memory, then writes the tables, report.md and, last, report.html into `out`.
pub(crate) fn write(page: &Page, out: &Path) -> Result<WrittenReport, ReportError> {
    let environment = environment()?;
    let folder = out.join("tables");
    let tables: Vec<(&str, PathBuf, String)> = page
        .tables()
        .map(|table| {
            let path = folder.join(format!("{}.csv", table.name));
            let csv = table.csv(&path)?;
            Ok((table.name, path, csv))
        })
        .collect::<Result<_, ReportError>>()?;
    let data = script_data(&Data {
        browser: &page.browser,
        tables: tables
            .iter()
            .filter(|(.., csv)| csv.len() <= LARGEST_EMBEDDED)
            .map(|(name, _, csv)| (*name, csv.as_str()))
            .collect(),
    })?;

    let names: Vec<Named> = page.tables().map(Named::of).collect();
    let context = Value::from(Serde(page));
    let markdown = environment
        .get_template("report.md")?
        .render(context.clone())?;
    let html = environment
        .get_template("report.html")?
        .render(context! { data, all_tables => Value::from(Serde(&names)), ..context })?;

    std::fs::create_dir_all(&folder).map_err(|source| ReportError::write(&folder, source))?;
    for (_, path, csv) in &tables {
        put(path, csv.as_bytes())?;
    }
    let report = WrittenReport {
        answers: page
            .answers
            .iter()
            .map(|answer| answer.text.clone())
            .collect(),
        html: out.join("report.html"),
        markdown: out.join("report.md"),
        tables: tables.into_iter().map(|(_, path, _)| path).collect(),
    };
    put(&report.markdown, markdown.as_bytes())?;
    put(&report.html, html.as_bytes())?;
    Ok(report)
}

/// The templates, with what they use.
pub(crate) fn environment() -> Result<Environment<'static>, ReportError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).build()?);
    environment.add_filter("md", escape_markdown);
    environment.add_filter("code", code);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

/// What the page's script reads.
#[derive(serde::Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    browser: &'a BrowserData,
    /// CSV by name.
    tables: BTreeMap<&'a str, &'a str>,
}

/// A table in the page's list of all.
#[derive(serde::Serialize)]
struct Named {
    name: &'static str,
    caption: String,
}

impl Named {
    fn of(table: &Table) -> Self {
        Self {
            name: table.name,
            caption: table.caption.clone(),
        }
    }
}

/// JSON that can stand inside a script element: no text in it ends the element or opens a comment.
fn script_data(data: &Data<'_>) -> Result<String, ReportError> {
    // "<" occurs inside strings only, where its escape means the same.
    let json = serde_json::to_string(data).map_err(ReportError::Data)?;
    Ok(json.replace('<', "\\u003c"))
}

/// Writes aside and renames, so that a reader never meets half a file.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".incomplete");
    let aside = PathBuf::from(aside);
    std::fs::write(&aside, bytes)
        .and_then(|()| std::fs::rename(&aside, path))
        .map_err(|source| {
            // Best effort: the error that matters is the first one.
            let _ = std::fs::remove_file(&aside);
            ReportError::write(path, source)
        })
}

/// Text with commands between backticks, as HTML.
fn code(text: &str) -> Value {
    let parts = text.split('`').enumerate().map(|(index, part)| {
        let part = escape(part);
        match index % 2 {
            0 => part,
            _ => format!("<code>{part}</code>"),
        }
    });
    Value::from_safe_string(parts.collect())
}

/// Keeps outside text from being read as Markdown or HTML, in prose and in table cells.
fn escape_markdown(text: String) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            // A "<" before a blank opens no tag: "δ < 1.25" stays readable as it is.
            '<' if rest.peek() != Some(&' ') => escaped.push_str("&lt;"),
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' => escaped.extend(['\\', character]),
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
