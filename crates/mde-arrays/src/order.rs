//! The order of names, for maps that belong to names by their position alone.

use std::cmp::Ordering;

use crate::ArrayError;
use crate::error::first_names;
use crate::ids::select;

/// The ids of a set of maps, and what their order means.
#[derive(Debug, Clone, Copy)]
pub struct Ids<'a> {
    /// One id per map.
    pub ids: &'a [String],
    /// What their order means.
    pub meaning: OrderMeaning,
}

impl Ids<'_> {
    /// Whether the names differ in one number only, which counts from 0 or 1.
    pub fn is_numbered(self) -> bool {
        numbered(self.ids).is_some()
    }
}

/// What the order of a set's ids means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderMeaning {
    /// Nothing: files of a folder.
    Nothing,
    /// Perhaps nothing: arrays of a file, in the order in which they are stored.
    Stored,
    /// The order of a list that somebody wrote.
    Listed,
    /// Everything: the maps of a stack, whose ids are positions.
    Stack,
    /// Nothing: the only map of a file, whose id is the name of the file.
    Single,
}

/// The order in which named maps correspond to the positions of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameOrder {
    /// Numbers in names by value: `2` before `10`.
    Number,
    /// Names character by character: `10` before `2`.
    Text,
    /// The order of the list, or of the arrays in their file.
    Stored,
    /// These ids in this order.
    Ids(Vec<String>),
}

/// Names in the order of positions.
pub(crate) struct Positions {
    /// The index of the name at each position.
    pub(crate) indices: Vec<usize>,
    /// Where the order comes from, such as "by number".
    pub(crate) how: &'static str,
}

/// The name at each position of a stack.
///
/// Without a chosen order, names whose only difference is a number and whose numbers are 0 to N - 1
/// or 1 to N are ordered by it. All other names need an order in which number and text agree, or
/// number and storage, or the order of a list.
pub(crate) fn positions(
    names: Ids<'_>,
    chosen: Option<&NameOrder>,
) -> Result<Positions, ArrayError> {
    let ids = names.ids;
    let stored: Vec<usize> = (0..ids.len()).collect();
    let sorted = |order: &dyn Fn(&str, &str) -> Ordering| {
        let mut sorted = stored.clone();
        sorted.sort_by(|&a, &b| order(&ids[a], &ids[b]));
        sorted
    };
    let by_number = || sorted(&natural_order);
    let by_text = || sorted(&|a, b| a.cmp(b));
    let placed = |indices, how| Ok(Positions { indices, how });
    match chosen {
        Some(NameOrder::Number) => return placed(by_number(), "in number order"),
        Some(NameOrder::Text) => return placed(by_text(), "in text order"),
        Some(NameOrder::Stored) => {
            return match names.meaning {
                OrderMeaning::Stored | OrderMeaning::Listed => placed(stored, "in stored order"),
                _ => Err(ArrayError::NoStoredOrder),
            };
        }
        Some(NameOrder::Ids(wanted)) => return placed(select(ids, wanted)?, "in the given order"),
        None => {}
    }
    let mut orders = vec![("by number", by_number()), ("by text", by_text())];
    match names.meaning {
        OrderMeaning::Listed => orders.insert(0, ("in the list", stored.clone())),
        OrderMeaning::Stored => orders.insert(0, ("as stored", stored.clone())),
        _ => {}
    }
    if numbered(ids).is_some() {
        let by_value = by_number();
        if names.meaning != OrderMeaning::Listed || orders[0].1 == by_value {
            return placed(by_value, "by number");
        }
    } else if names.meaning == OrderMeaning::Listed {
        // A list in text order was probably sorted by a program, and the stack perhaps was not.
        let is_sorted_text = orders[0].1 == orders[2].1 && orders[1].1 != orders[2].1;
        if !is_sorted_text {
            return placed(orders.swap_remove(0).1, "in the order of the list");
        }
    } else if names.meaning == OrderMeaning::Stored && orders[0].1 == orders[1].1 {
        // Writers sort names as text, so this order was chosen.
        return placed(orders.swap_remove(0).1, "in stored order");
    } else if orders.windows(2).all(|pair| pair[0].1 == pair[1].1) {
        return placed(orders.swap_remove(0).1, "in the order of the names");
    }
    Err(uncertain(ids, orders))
}

fn uncertain(ids: &[String], mut orders: Vec<(&'static str, Vec<usize>)>) -> ArrayError {
    let differ = |at: &usize| {
        orders
            .iter()
            .any(|(_, order)| order[*at] != orders[0].1[*at])
    };
    let from = (0..ids.len()).find(differ).unwrap_or(0);
    orders.dedup_by(|one, other| one.1 == other.1);
    let shown = orders.into_iter().map(|(how, order)| {
        let names = order[from..].iter().map(|&index| &ids[index]);
        (how, first_names(names))
    });
    ArrayError::UncertainOrder {
        maps: ids.len(),
        from,
        orders: shown.collect(),
    }
}

/// The first number of names that differ in one number only, if their numbers are 0 to N - 1 or
/// 1 to N.
pub(crate) fn numbered(ids: &[String]) -> Option<u64> {
    let all: Vec<Vec<&str>> = ids.iter().map(|id| runs(id)).collect();
    let first = all.first()?;
    let is_varied = |column: usize| {
        all.iter().any(|runs| {
            let same = |run: &&str| value(run) == value(first[column]);
            !runs.get(column).is_some_and(same)
        })
    };
    if all.iter().any(|runs| runs.len() != first.len()) {
        return None;
    }
    let mut varied = (0..first.len()).filter(|&column| is_varied(column));
    let column = match varied.next() {
        Some(column) => column,
        // A single name, or names that differ in padding alone.
        None => (0..first.len()).rfind(|&column| is_number(first[column]))?,
    };
    if varied.next().is_some() {
        return None;
    }
    let mut numbers = all
        .iter()
        .map(|runs| runs[column].parse().ok())
        .collect::<Option<Vec<u64>>>()?;
    numbers.sort_unstable();
    let base = numbers[0];
    let is_counted = numbers.iter().zip(base..).all(|(&number, at)| number == at);
    (base <= 1 && is_counted).then_some(base)
}

/// The name with all numbers written without leading zeros.
pub(crate) fn without_padding(name: &str) -> String {
    runs(name).into_iter().map(value).collect()
}

/// A run of digits without leading zeros; any other run unchanged.
fn value(run: &str) -> &str {
    if !is_number(run) {
        return run;
    }
    let value = run.trim_start_matches('0');
    if value.is_empty() { "0" } else { value }
}

fn is_number(run: &str) -> bool {
    run.starts_with(|first: char| first.is_ascii_digit())
}

/// The runs of digits and of other characters that a text consists of.
fn runs(text: &str) -> Vec<&str> {
    let mut runs = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let kind = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != kind);
        let (run, after) = rest.split_at(end.unwrap_or(rest.len()));
        runs.push(run);
        rest = after;
    }
    runs
}

/// Compares runs of digits by value and everything else byte by byte: `2` before `10`.
pub fn natural_order(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one.as_bytes(), other.as_bytes());
    while let (Some(&a), Some(&b)) = (left.first(), right.first()) {
        let order = if a.is_ascii_digit() && b.is_ascii_digit() {
            let (a, b) = (take_number(&mut left), take_number(&mut right));
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        } else {
            (left, right) = (&left[1..], &right[1..]);
            a.cmp(&b)
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

/// Removes the digits at the front; returns them without leading zeros.
fn take_number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    let (mut digits, rest) = text.split_at(end.unwrap_or(text.len()));
    *text = rest;
    while let [b'0', after @ ..] = digits {
        digits = after;
    }
    digits
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn order(names: &[&str], meaning: OrderMeaning) -> Result<Vec<String>, String> {
        let ids = ids(names);
        let names = Ids { ids: &ids, meaning };
        let placed = positions(names, None).map_err(|error| error.to_string())?;
        Ok(placed.indices.iter().map(|&at| ids[at].clone()).collect())
    }

    #[test]
    fn numbers_from_0_or_1_are_ordered_by_value() {
        use OrderMeaning::{Nothing, Stored};
        for pattern in ["{}", "frame_{}", "a/{}", "v2/{}_depth", "0{}", "000{}"] {
            for base in [0, 1] {
                let name = |number: usize| pattern.replace("{}", &number.to_string());
                let mut names: Vec<String> = (base..base + 12).map(name).collect();
                let expected = names.clone();
                names.sort();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                for meaning in [Nothing, Stored] {
                    assert_eq!(order(&names, meaning), Ok(expected.clone()), "{pattern}");
                }
            }
        }
    }

    #[test]
    fn other_names_need_one_order() {
        use OrderMeaning::{Listed, Nothing, Stored};
        let agreed = ["bath_0003", "bath_0017", "kitchen_0004"];
        for meaning in [Nothing, Stored, Listed] {
            assert_eq!(order(&agreed, meaning), Ok(ids(&agreed)));
        }
        for names in [
            &["8", "9", "10", "11"][..],
            &["a/0", "a/1", "a/10", "a/2"],
            &["a_1/0", "a_1/1", "a_2/0", "a_10/0"],
        ] {
            let refusal = order(names, Nothing).unwrap_err();
            assert!(refusal.contains("by number"), "{refusal}");
            assert!(refusal.contains("by text"), "{refusal}");
        }
        let by_number = ["frame_8", "frame_10", "frame_11"];
        assert_eq!(order(&by_number, Stored), Ok(ids(&by_number)));
        // The order of arrays in a file counts, but does not decide.
        let stored = ["kitchen", "bath"];
        assert_eq!(order(&stored, Nothing), Ok(ids(&["bath", "kitchen"])));
        let refusal = order(&stored, Stored).unwrap_err();
        assert!(refusal.contains("as stored kitchen, bath"), "{refusal}");
        assert!(refusal.contains("by number bath, kitchen"), "{refusal}");
    }

    #[test]
    fn a_list_has_an_order_unless_it_was_sorted_as_text() {
        use OrderMeaning::Listed;
        let written = ["kitchen/10", "bath/2", "kitchen/9"];
        assert_eq!(order(&written, Listed), Ok(ids(&written)));
        for sorted in [&["a/10", "a/11", "a/8", "a/9"][..], &["2", "0", "1"]] {
            let refusal = order(sorted, Listed).unwrap_err();
            assert!(refusal.contains("in the list"), "{refusal}");
        }
    }

    #[test]
    fn natural_order_of_punctuation_is_that_of_text() {
        let mut names = ["a1", "a-1", "a/1", "a", "a10", "a2", "a02", "b"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["a", "a-1", "a/1", "a1", "a02", "a2", "a10", "b"]);
        assert_eq!(without_padding("a00/b000_x7"), "a0/b0_x7");
    }

    #[test]
    fn names_that_count_something_else() {
        for names in [
            &["0", "2", "3"][..],
            &["2", "3"],
            &["a0", "b1"],
            &["0_0", "1_1"],
            &["0", "00"],
            &["x", "y"],
            &[],
        ] {
            assert_eq!(numbered(&ids(names)), None, "{names:?}");
        }
        assert_eq!(numbered(&ids(&["007"])), None);
        assert_eq!(numbered(&ids(&["frame_2_1.5", "frame_1_1.5"])), Some(1));
    }
}
