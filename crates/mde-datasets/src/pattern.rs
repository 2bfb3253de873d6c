//! Paths with `*`, such as `scans/*/color/*.jpg`: the files they match and the text of each `*`.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use mde_arrays::natural_order;

use crate::DatasetError;
use crate::paths::{check_inside, find_in_any_case, same_extension};

/// A path in the data folder in which each `*` matches one or more characters of one name.
///
/// The extension at its end matches in any case, and `jpg` also matches `jpeg`.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
    /// Per folder level, the literals between its stars.
    levels: Vec<Vec<String>>,
}

/// A file that a pattern matches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Match {
    /// Relative to the data folder, `/` between folders.
    pub(crate) path: String,
    /// The text of each star, with the first as short as possible.
    pub(crate) stars: Vec<String>,
    /// The same with the first as long as possible: equal to `stars` if the match is unambiguous.
    pub(crate) other_stars: Vec<String>,
}

impl Pattern {
    /// Parses a pattern; the error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.replace('\\', "/");
        check_inside(&text)?;
        let names = text.split('/').filter(|name| !matches!(*name, "" | "."));
        let levels: Vec<Vec<String>> = names
            .map(|name| name.split('*').map(str::to_owned).collect())
            .collect();
        let adjacent = |level: &Vec<String>| {
            let inner = level.get(1..level.len().saturating_sub(1));
            inner.is_some_and(|inner| inner.iter().any(String::is_empty))
        };
        if levels.iter().any(adjacent) {
            return Err(format!(
                "`{text}` has two * side by side; one * matches any text within one name"
            ));
        }
        let pattern = Self { text, levels };
        if pattern.stars() == 0 {
            let text = pattern.text();
            return Err(format!("`{text}` has no *, so it matches at most one file"));
        }
        Ok(pattern)
    }

    /// The pattern as it is spelled.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Number of stars; at least 1.
    pub(crate) fn stars(&self) -> usize {
        self.levels.iter().map(|level| level.len() - 1).sum()
    }

    /// The path with these texts in place of the stars.
    pub(crate) fn fill(&self, stars: &[String]) -> String {
        let mut stars = stars.iter();
        let mut path = String::new();
        for level in &self.levels {
            if !path.is_empty() {
                path.push('/');
            }
            for (at, literal) in level.iter().enumerate() {
                if at > 0 {
                    path.extend(stars.next().map(String::as_str));
                }
                path.push_str(literal);
            }
        }
        path
    }

    /// All files that match, in natural order: numbers are compared by value, so 2 comes before 10.
    ///
    /// A `*` at the beginning does not match hidden names, which begin with a dot.
    pub(crate) fn files(&self, root: &Path) -> Result<Vec<Match>, DatasetError> {
        let mut found = Vec::new();
        let start = Match {
            path: String::new(),
            stars: Vec::new(),
            other_stars: Vec::new(),
        };
        descend(root, &self.levels, start, &mut found)?;
        found.sort_by(|a, b| natural_order(&a.path, &b.path));
        Ok(found)
    }
}

fn descend(
    root: &Path,
    levels: &[Vec<String>],
    at: Match,
    found: &mut Vec<Match>,
) -> Result<(), DatasetError> {
    let Some((level, below)) = levels.split_first() else {
        let is_file = |path: &str| root.join(path).is_file().then(|| path.to_owned());
        let file = find_in_any_case(&at.path, is_file);
        found.extend(file.map(|path| Match { path, ..at }));
        return Ok(());
    };
    if let [name] = level.as_slice() {
        return descend(root, below, at.child(name, &[], &[]), found);
    }
    let folder = root.join(&at.path);
    if !folder.is_dir() {
        return Ok(());
    }
    let failed = |source| DatasetError::Read {
        path: folder.clone(),
        source,
    };
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.starts_with('.') && !level[0].starts_with('.') {
            continue;
        }
        let spelled = match below.is_empty() {
            true => with_extension_of(level, name),
            false => Cow::Borrowed(name),
        };
        if let (Some(first), Some(other)) = (
            shortest_first(level, &spelled),
            longest_first(level, &spelled),
        ) {
            descend(root, below, at.child(name, &first, &other), found)?;
        }
    }
    Ok(())
}

/// A name with the extension as the pattern spells it, if it is the same in another case.
fn with_extension_of<'n>(literals: &[String], name: &'n str) -> Cow<'n, str> {
    let wanted = literals.last().and_then(|last| last.rsplit_once('.'));
    match (wanted, name.rsplit_once('.')) {
        (Some((_, wanted)), Some((stem, found)))
            if found != wanted && same_extension(found, wanted) =>
        {
            Cow::Owned(format!("{stem}.{wanted}"))
        }
        _ => Cow::Borrowed(name),
    }
}

impl Match {
    fn child(&self, name: &str, stars: &[&str], other: &[&str]) -> Self {
        let path = match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}/{name}"),
        };
        let and = |before: &[String], more: &[&str]| {
            let more = more.iter().map(|&star| star.to_owned());
            before.iter().cloned().chain(more).collect()
        };
        Self {
            path,
            stars: and(&self.stars, stars),
            other_stars: and(&self.other_stars, other),
        }
    }
}

/// The texts of the stars between the literals, the first as short as possible, then the second.
/// None if the name does not match.
fn shortest_first<'n>(literals: &[String], name: &'n str) -> Option<Vec<&'n str>> {
    let ([first, middle @ ..], last) = (&literals[..literals.len() - 1], literals.last()?) else {
        return None;
    };
    let mut rest = name.strip_prefix(first.as_str())?;
    let mut stars = Vec::new();
    for literal in middle {
        let least = rest.chars().next()?.len_utf8();
        let at = least + rest[least..].find(literal.as_str())?;
        stars.push(&rest[..at]);
        rest = &rest[at + literal.len()..];
    }
    let star = rest.strip_suffix(last.as_str())?;
    stars.push(star);
    (!star.is_empty()).then_some(stars)
}

/// The same with the last star as short as possible, then the one before it.
fn longest_first<'n>(literals: &[String], name: &'n str) -> Option<Vec<&'n str>> {
    let ([first, middle @ ..], last) = (&literals[..literals.len() - 1], literals.last()?) else {
        return None;
    };
    let mut rest = name.strip_suffix(last.as_str())?;
    let mut stars = Vec::new();
    for literal in middle.iter().rev() {
        let most = rest.len() - rest.chars().next_back()?.len_utf8();
        let at = rest[..most].rfind(literal.as_str())?;
        stars.push(&rest[at + literal.len()..]);
        rest = &rest[..at];
    }
    let star = rest.strip_prefix(first.as_str())?;
    stars.push(star);
    stars.reverse();
    (!star.is_empty()).then_some(stars)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]
    use super::*;
    use proptest::prelude::*;

    fn level(text: &str) -> Vec<String> {
        text.split('*').map(str::to_owned).collect()
    }

    #[test]
    fn stars_match_at_least_one_character() {
        for (pattern, name, stars) in [
            ("*.png", "7.png", Some(vec!["7"])),
            ("*.png", ".png", None),
            ("rgb_*.png", "rgb_00.jpg", None),
            ("a*a", "aa", None),
            ("a*a", "aaa", Some(vec!["a"])),
            ("*_*_é*", "1_2_é3", Some(vec!["1", "2", "3"])),
            ("*-*", "--", None),
        ] {
            assert_eq!(
                shortest_first(&level(pattern), name),
                stars,
                "{pattern} {name}"
            );
            assert_eq!(
                longest_first(&level(pattern), name),
                stars,
                "{pattern} {name}"
            );
        }
        let two = level("*_*.png");
        assert_eq!(shortest_first(&two, "a_b_c.png").unwrap(), ["a", "b_c"]);
        assert_eq!(longest_first(&two, "a_b_c.png").unwrap(), ["a_b", "c"]);
    }

    #[test]
    fn extensions_match_in_any_case() {
        for (pattern, name, same) in [
            ("*.jpg", "a.JPG", "a.jpg"),
            ("*.jpg", "a.jpeg", "a.jpg"),
            ("*.JPEG", "a.Jpg", "a.JPEG"),
            ("*.png", "a.PNG", "a.png"),
            ("*.png", "a.jpg", "a.jpg"),
            ("*_depth.png", "a_DEPTH.PNG", "a_DEPTH.png"),
            ("*", "a.PNG", "a.PNG"),
        ] {
            assert_eq!(with_extension_of(&level(pattern), name), same, "{pattern}");
        }
    }

    #[test]
    fn numbers_are_ordered_by_value() {
        let mut names = ["b", "10", "a2b", "9", "a10b", "a2a", "009", "", "a02a"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(
            names,
            ["", "009", "9", "10", "a02a", "a2a", "a2b", "a10b", "b"]
        );
    }

    #[test]
    fn bad_patterns_are_refused() {
        for (text, reason) in [
            ("rgb/**/x.png", "side by side"),
            ("../*.png", "out of the data folder"),
            ("/data/*.png", "out of the data folder"),
            ("rgb/1.png", "no *"),
            ("", "empty"),
        ] {
            let error = Pattern::parse(text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    proptest! {
        #[test]
        fn filled_patterns_match_again(
            stars in prop::collection::vec("[a-c_.]{1,4}", 2),
            between in "[a-c_.-]{1,3}",
        ) {
            let pattern = Pattern::parse(&format!("x*{between}*.png")).unwrap();
            let name = pattern.fill(&stars);
            for split in [shortest_first, longest_first] {
                let found: Vec<String> = split(&pattern.levels[0], &name).unwrap().into_iter().map(str::to_owned).collect();
                prop_assert_eq!(pattern.fill(&found), name.clone());
            }
        }

        #[test]
        fn the_order_is_an_order(a in "[a01.]{0,5}", b in "[a01.]{0,5}", c in "[a01.]{0,5}") {
            prop_assert_eq!(natural_order(&a, &b), natural_order(&b, &a).reverse());
            prop_assert_eq!(natural_order(&a, &b).is_eq(), a == b);
            if natural_order(&a, &b).is_le() && natural_order(&b, &c).is_le() {
                prop_assert!(natural_order(&a, &c).is_le());
            }
        }
    }
}
