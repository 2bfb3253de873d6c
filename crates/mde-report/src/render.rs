//! Fills the templates and writes the files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mde_files::write_atomic;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use crate::charts::escape;
use crate::error::ReportError;
use crate::page::{BrowserData, Page};

/// A template and its name, whose ending decides on escaping: ".html" escapes.
macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../templates/", $name)))),*]
    };
}

const TEMPLATES: [(&str, &str); 14] = templates![
    "report.html",
    "units.html",
    "ablation.html",
    "correction.html",
    "macros.html",
    "page.css",
    "figures.css",
    "units.css",
    "page.js",
    "units.js",
    "report.md",
    "sweep.html",
    "sweep.md",
    "macros.md",
];

/// Maximum size of a table that the page embeds. All tables are also written as files.
const LARGEST_EMBEDDED: usize = 4_000_000;

/// The main results of a report, and its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenReport {
    /// The main results as text: accuracy, selectivity and the effect of the units, if measured.
    pub answers: Vec<String>,
    /// The self-contained page.
    pub html: PathBuf,
    /// The main results and the tables as Markdown.
    pub markdown: PathBuf,
    /// CSV tables in full precision.
    pub tables: Vec<PathBuf>,
}

/// Renders everything in memory, then writes the tables, report.md and, last, report.html.
pub(crate) fn write(page: &Page, out: &Path) -> Result<WrittenReport, ReportError> {
    let environment = environment()?;
    let folder = out.join("tables");
    let tables = page.tables().map(|table| {
        let path = folder.join(format!("{}.csv", table.name));
        let csv = table.csv(&path)?;
        Ok((table, path, csv))
    });
    let tables: Vec<_> = tables.collect::<Result<_, ReportError>>()?;
    let embedded = tables
        .iter()
        .filter(|(.., csv)| csv.len() <= LARGEST_EMBEDDED);
    let data = script_data(&Data {
        browser: &page.browser,
        tables: embedded
            .map(|(table, _, csv)| (table.name, csv.as_str()))
            .collect(),
    })?;

    let named = tables.iter().map(|(table, ..)| {
        context! { name => table.name, caption => &table.caption }
    });
    let all_tables: Vec<Value> = named.collect();
    let context = Value::from(Serde(page));
    let markdown = environment
        .get_template("report.md")?
        .render(context.clone())?;
    let html = environment
        .get_template("report.html")?
        .render(context! { data, all_tables, ..context })?;

    let report = WrittenReport {
        answers: page
            .answers
            .iter()
            .map(|answer| answer.text.clone())
            .collect(),
        html: out.join("report.html"),
        markdown: out.join("report.md"),
        tables: tables.iter().map(|(_, path, _)| path.clone()).collect(),
    };
    for (_, path, csv) in &tables {
        put(path, csv)?;
    }
    put(&report.markdown, &markdown)?;
    put(&report.html, &html)?;
    Ok(report)
}

/// The templates and their filters.
pub(crate) fn environment() -> Result<Environment<'static>, ReportError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).build()?);
    environment.add_filter("md", escape_markdown);
    environment.add_filter("code", code);
    environment.add_filter("md_code", markdown_code);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

/// The data of the page's script.
#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    browser: &'a BrowserData,
    /// CSV by name.
    tables: BTreeMap<&'a str, &'a str>,
}

/// JSON that can stand inside a script element: no text in it ends the element or opens a comment.
fn script_data(data: &Data<'_>) -> Result<String, ReportError> {
    // "<" occurs inside strings only, where the escape means the same.
    let json = serde_json::to_string(data).map_err(ReportError::Data)?;
    Ok(json.replace('<', "\\u003c"))
}

/// Writes a file of the report, so that a reader never sees half of it.
pub(crate) fn put(path: &Path, text: &str) -> Result<(), ReportError> {
    write_atomic(path, text.as_bytes()).map_err(|source| ReportError::write(path, source))
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

/// A command as inline code of Markdown, in more backticks than it holds in a row.
fn markdown_code(command: &str) -> String {
    let longest = command
        .split(|character| character != '`')
        .map(str::len)
        .max();
    let fence = "`".repeat(longest.unwrap_or(0) + 1);
    let blank = if command.contains('`') { " " } else { "" };
    let command = command.replace(['\n', '\r'], " ");
    format!("{fence}{blank}{command}{blank}{fence}")
}

/// Keeps outside text from being read as Markdown or HTML, in prose and in table cells.
fn escape_markdown(text: String) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            // A "<" before a space opens no tag: "δ < 1.25" stays readable.
            '<' if rest.peek() != Some(&' ') => escaped.push_str("&lt;"),
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' => escaped.extend(['\\', character]),
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
