//! Finds ids by the parts that they share.

use std::collections::{HashMap, HashSet};

use crate::ArrayError;
use crate::error::{first_names, printable};
use crate::format::EXTENSIONS;

/// Ids that can be found by the parts they share with another id.
#[derive(Debug)]
pub(crate) struct IdIndex<'a> {
    ids: &'a [String],
    by_last_part: HashMap<&'a str, Vec<usize>>,
}

impl<'a> IdIndex<'a> {
    /// An index of the ids at the positions `among`.
    pub(crate) fn new(ids: &'a [String], among: impl IntoIterator<Item = usize>) -> Self {
        let mut by_last_part: HashMap<&str, Vec<usize>> = HashMap::new();
        for index in among {
            let last = last_part(&ids[index]);
            by_last_part.entry(last).or_default().push(index);
        }
        Self { ids, by_last_part }
    }

    /// The ids with the same last part as `id` and most other parts in common with it.
    pub(crate) fn best(&self, id: &str) -> Vec<usize> {
        let Some(candidates) = self.by_last_part.get(last_part(id)) else {
            return Vec::new();
        };
        let common = |index: &usize| common_parts(&self.ids[*index], id);
        let most = candidates.iter().map(common).max();
        let best = candidates
            .iter()
            .filter(|&index| Some(common(index)) == most);
        best.copied().collect()
    }

    /// The id with the same last part as `id` and most other parts in common with it.
    pub(crate) fn find(&self, id: &str) -> Result<Option<usize>, ArrayError> {
        one_of(&self.best(id), id, self.ids)
    }
}

/// The only candidate for `id`, if there is one. `shown` are the names for the error.
pub(crate) fn one_of(
    candidates: &[usize],
    id: &str,
    shown: &[String],
) -> Result<Option<usize>, ArrayError> {
    match candidates {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        several => Err(ArrayError::AmbiguousId {
            id: printable(id),
            candidates: first_names(several.iter().map(|&index| &shown[index])),
        }),
    }
}

pub(crate) fn last_part(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// Number of parts of one id that also occur in the other, at any position.
///
/// Positions can differ: KITTI's predictions are in `DRIVE/image_02/data`, its ground truth in
/// `DRIVE/proj_depth/groundtruth/image_02`.
fn common_parts(one: &str, other: &str) -> usize {
    let in_other = |part: &&str| other.split('/').any(|other| other == *part);
    one.split('/').filter(in_other).count()
}

/// The positions of the wanted ids, each once, in the order of `wanted`.
///
/// A wanted id can be given as a path with an extension, or by its last part if that is unique.
///
/// # Errors
/// [`ArrayError::UnknownIds`] if some exist nowhere, [`ArrayError::AmbiguousId`].
pub fn select(ids: &[String], wanted: &[String]) -> Result<Vec<usize>, ArrayError> {
    let by_id: HashMap<&str, usize> = ids.iter().map(String::as_str).zip(0..).collect();
    let similar = IdIndex::new(ids, 0..ids.len());
    let (mut selected, mut unknown) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for id in wanted {
        let name = id.strip_prefix("./").unwrap_or(id);
        let stem = without_extension(name);
        let same = by_id.get(name).or_else(|| by_id.get(stem)).copied();
        let found = match same {
            Some(index) => Some(index),
            None => match similar.find(name)? {
                Some(index) => Some(index),
                None => similar.find(stem)?,
            },
        };
        match found {
            Some(index) if seen.insert(index) => selected.push(index),
            Some(_) => {}
            None => unknown.push(id),
        }
    }
    if unknown.is_empty() {
        return Ok(selected);
    }
    Err(ArrayError::UnknownIds {
        count: unknown.len(),
        wanted: wanted.len(),
        first: first_names(unknown),
        known: first_names(ids),
    })
}

/// The path without the extension of a map or a picture.
fn without_extension(path: &str) -> &str {
    let (stem, extension) = path.rsplit_once('.').unwrap_or((path, ""));
    let is_known = (EXTENSIONS.iter().chain(&["jpg", "jpeg"]))
        .any(|known| known.eq_ignore_ascii_case(extension));
    if is_known { stem } else { path }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn the_parts_in_common_decide() {
        let known = ids(&["a/x", "b/x", "c/y", "deep/c/z"]);
        let index = IdIndex::new(&known, 0..known.len());
        let find = |id| index.find(id).ok().flatten();
        assert_eq!(find("a/x"), Some(0));
        assert_eq!(find("root/b/more/x"), Some(1));
        assert_eq!(find("other/y"), Some(2));
        assert_eq!(find("z"), Some(3));
        assert_eq!(find("xx"), None);
        for id in ["x", "c/x"] {
            let message = index.find(id).unwrap_err().to_string();
            assert!(message.contains("a/x, b/x"), "{message}");
        }
    }

    #[test]
    fn ids_are_selected_by_name_path_or_last_part() {
        let known = ids(&["a/x", "b/x", "c/y.z"]);
        let chosen = |wanted: &[&str]| select(&known, &ids(wanted)).map_err(|e| e.to_string());
        assert_eq!(chosen(&["c/y.z", "./b/x.png", "b/x"]), Ok(vec![2, 1]));
        assert_eq!(chosen(&["root/a/x.JPG", "y.z"]), Ok(vec![0, 2]));
        let message = chosen(&["q", "a/x", "r"]).unwrap_err();
        assert!(
            message.contains("2 of 3") && message.contains("q, r"),
            "{message}"
        );
        assert!(chosen(&["x"]).unwrap_err().contains("equally well"));
    }
}
