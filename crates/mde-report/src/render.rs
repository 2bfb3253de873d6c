//! Fills the templates and puts the files in place, whole or not at all.

use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};

use crate::page::Page;
use crate::{ReportError, ReportPaths};

/// (name, source): the names' endings decide on escaping, ".html" escapes.
const TEMPLATES: [(&str, &str); 8] = [
    ("report.html", include_str!("../templates/report.html")),
    ("figures.html", include_str!("../templates/figures.html")),
    ("macros.html", include_str!("../templates/macros.html")),
    ("style.css", include_str!("../templates/style.css")),
    ("report.md", include_str!("../templates/report.md")),
    ("sweep.html", include_str!("../templates/sweep.html")),
    ("sweep.md", include_str!("../templates/sweep.md")),
    ("macros.md", include_str!("../templates/macros.md")),
];

/// Renders everything in memory, then writes the tables, report.md and, last, report.html into `out`.
pub(crate) fn write(page: &Page, out: &Path) -> Result<ReportPaths, ReportError> {
    let environment = environment()?;
    let context = Value::from(Serde(page));
    let html = environment
        .get_template("report.html")?
        .render(context.clone())?;
    let markdown = environment.get_template("report.md")?.render(context)?;

    let folder = out.join("tables");
    let tables: Vec<(PathBuf, Vec<u8>)> = page
        .tables()
        .map(|table| {
            let path = folder.join(format!("{}.csv", table.name));
            table.csv(&path).map(|csv| (path, csv))
        })
        .collect::<Result<_, _>>()?;

    std::fs::create_dir_all(&folder).map_err(|source| ReportError::write(&folder, source))?;
    for (path, csv) in &tables {
        put(path, csv)?;
    }
    let paths = ReportPaths {
        html: out.join("report.html"),
        markdown: out.join("report.md"),
        tables: tables.into_iter().map(|(path, _)| path).collect(),
    };
    put(&paths.markdown, markdown.as_bytes())?;
    put(&paths.html, html.as_bytes())?;
    Ok(paths)
}

/// The templates, with what they use.
pub(crate) fn environment() -> Result<Environment<'static>, ReportError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).build()?);
    environment.add_filter("md", escape_markdown);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
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
