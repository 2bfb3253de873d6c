//! The list of weights: all of the manifest, and which are stored.

use std::fmt;

use serde::Serialize;

use crate::entry_file::EntryFile;
use crate::manifest::ManifestEntry;
use crate::text::bytes;

/// The weights of the manifest. Displayed as a table.
#[derive(Debug, Clone, Serialize)]
pub struct WeightList {
    pub(crate) weights: Vec<WeightRow>,
}

/// One file of weights.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct WeightRow {
    name: String,
    size: String,
    /// "present", "partial, SIZE", "absent" or "absent, by hand".
    state: String,
    licence: String,
    models: Vec<String>,
}

impl WeightRow {
    pub(crate) fn new(file: &EntryFile) -> Self {
        Self {
            name: file.name.clone(),
            size: size(&file.entry),
            state: file.described_state(),
            licence: file.entry.licence.clone(),
            models: file.entry.models.clone(),
        }
    }
}

fn size(entry: &ManifestEntry) -> String {
    match (entry.size, entry.about) {
        (Some(size), _) => bytes(size),
        (None, Some(about)) => format!("about {}", bytes(about)),
        (None, None) => "unknown".to_owned(),
    }
}

impl fmt::Display for WeightList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![["name", "size", "state", "licence", "for"].map(str::to_owned)];
        rows.extend(self.weights.iter().map(|row| {
            let models = row.models.join(", ");
            [&row.name, &row.size, &row.state, &row.licence, &models].map(String::clone)
        }));
        let mut widths = [0; 5];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let lines = rows.iter().map(|row| {
            let cells = row.iter().zip(widths);
            let line: Vec<String> = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            line.join("  ").trim_end().to_owned()
        });
        formatter.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}
