//! The rows of a list under each separator that lists have.

/// What separates the fields of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Separator {
    Comma,
    /// Any number of blanks and tabs.
    Blanks,
    Semicolon,
    /// Exactly one tab: names may have blanks.
    Tab,
}

impl Separator {
    pub(crate) const ALL: [Self; 4] = [Self::Comma, Self::Blanks, Self::Semicolon, Self::Tab];

    /// As messages name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Comma => "commas",
            Self::Blanks => "blanks",
            Self::Semicolon => "semicolons",
            Self::Tab => "tabs",
        }
    }

    /// The options of `awk` that read and write fields so separated.
    pub(crate) fn awk(self) -> &'static str {
        match self {
            Self::Comma => "awk -F, -v OFS=,",
            Self::Blanks => "awk",
            Self::Semicolon => "awk -F';' -v OFS=';'",
            Self::Tab => "awk -F'\\t' -v OFS='\\t'",
        }
    }
}

/// The fields of a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// Line number, from 1.
    pub(crate) number: u64,
    /// At least 1.
    pub(crate) fields: Vec<String>,
}

/// All lines except empty ones and comments, which begin with `#`.
pub(crate) fn rows(text: &str, separator: Separator) -> Vec<Row> {
    match separator {
        Separator::Blanks => separated_by_blanks(text),
        Separator::Comma => delimited(text, b','),
        Separator::Semicolon => delimited(text, b';'),
        Separator::Tab => delimited(text, b'\t'),
    }
}

fn separated_by_blanks(text: &str) -> Vec<Row> {
    let numbered = (1..).zip(text.split('\n'));
    let rows = numbered.filter_map(|(number, line)| {
        let fields: Vec<String> = line.split_whitespace().map(unquoted).collect();
        let first = fields.first()?;
        (!first.starts_with('#')).then_some(Row { number, fields })
    });
    rows.collect()
}

/// A field without the quotation marks around it.
fn unquoted(field: &str) -> String {
    let inner = field
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(field).to_owned()
}

fn delimited(text: &str, delimiter: u8) -> Vec<Row> {
    let reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .comment(Some(b'#'))
        .delimiter(delimiter)
        .flexible(true) // wrong numbers of fields are reported with what was expected
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    // The text is UTF-8 and in memory, so every record is read.
    let records = reader.into_records().filter_map(Result::ok);
    let rows = records.filter_map(|record| {
        let mut fields: Vec<String> = record.iter().map(str::to_owned).collect();
        // Spreadsheets write a separator for every column of their sheet.
        while fields.len() > 2 && fields.last().is_some_and(String::is_empty) {
            fields.pop();
        }
        if fields.iter().all(String::is_empty) || fields[0].starts_with('#') {
            return None;
        }
        let number = record.position().map_or(0, |at| line_number(text, at));
        Some(Row { number, fields })
    });
    rows.collect()
}

/// Line number of a record. The reader's position is that before skipped empty lines and comments.
fn line_number(text: &str, at: &csv::Position) -> u64 {
    let mut rest = text.get(at.byte() as usize..).unwrap_or_default();
    let mut number = at.line();
    loop {
        let line = rest.split('\n').next().unwrap_or_default();
        let skipped = line.is_empty() || line.starts_with('#');
        if !skipped || line.len() == rest.len() {
            return number;
        }
        rest = &rest[line.len() + 1..];
        number += 1;
    }
}
