//! Lists of pairs: one `rgb,depth` or `rgb,depth,focal` per line, paths relative to the data
//! folder.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::error::{ConvertError, Result};
use crate::folder::Folder;

/// Writes a list and returns its path.
pub(crate) fn write(folder: &Folder, name: &str, lines: &[String]) -> Result<PathBuf> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    folder.write(name, text.as_bytes())?;
    Ok(folder.path(name))
}

/// Adds lines to a list that may exist.
///
/// The result is sorted without duplicates, so that it does not depend on the order of conversions.
pub(crate) fn merge(folder: &Folder, name: &str, lines: BTreeSet<String>) -> Result<PathBuf> {
    let mut all = lines;
    if let Some(text) = folder.read_text(name)? {
        all.extend(
            text.lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned),
        );
    }
    write(folder, name, &all.into_iter().collect::<Vec<_>>())
}

/// The two paths of each line, with `/` between names.
pub(crate) fn parse(list: &Path, text: &str) -> Result<Vec<[String; 2]>> {
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| {
            pair(line).map_err(|reason| ConvertError::ListLine {
                list: list.to_owned(),
                line: index + 1,
                reason,
            })
        })
        .collect()
}

fn pair(line: &str) -> std::result::Result<[String; 2], String> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let (&[rgb, depth] | &[rgb, depth, _]) = fields.as_slice() else {
        return Err(format!("found {} fields", fields.len()));
    };
    let [rgb, depth] = [rgb, depth].map(|path| {
        let path = path.replace('\\', "/");
        path.trim_start_matches('/').to_owned()
    });
    for path in [&rgb, &depth] {
        let mut parts = Path::new(path).components();
        if path.is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
            return Err(format!("`{}` is not a relative path", path.escape_debug()));
        }
    }
    Ok([rgb, depth])
}
