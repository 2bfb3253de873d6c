//! Matches named predictions to named ground truth.

use std::collections::{BTreeSet, HashMap};

use crate::ArrayError;
use crate::error::printable;
use crate::ids::{IdIndex, last_part, one_of};
use crate::order::without_padding;

/// Number of ground truths whose names are searched for in the predictions' names.
const SEARCHED: usize = 20;

/// Characters that separate the words of a name.
const SEPARATORS: [char; 3] = ['_', '-', '.'];

/// Words that say what a map is rather than which image it belongs to, as in NYU's `rgb_00045` and
/// `sync_depth_00045`.
const KINDS: [&str; 12] = [
    "color", "colors", "depth", "depths", "disp", "gt", "image", "img", "pred", "raw", "rgb",
    "sync",
];

/// Which predictions belong to which ground truths.
#[derive(Debug)]
pub(crate) struct Match {
    /// One (prediction index, ground-truth index) per ground truth that has a prediction.
    pub(crate) pairs: Vec<(usize, usize)>,
    /// What was compared, such as "by name".
    pub(crate) how: String,
}

/// Ids of maps, and what is compared of them.
#[derive(Clone, Copy)]
struct Names<'a> {
    keys: &'a [String],
    ids: &'a [String],
}

/// Pairs of a prediction's and a ground truth's index.
type Matcher = fn(Names<'_>, Names<'_>) -> Result<Vec<(usize, usize)>, ArrayError>;

/// Matches by the names themselves; if that finds nothing, by names that other programs derive
/// from the names of images.
pub(crate) fn match_names(
    predictions: &[String],
    ground_truths: &[String],
) -> Result<Match, ArrayError> {
    let pairs_by = |matcher: Matcher, [predicted, truths]: [&[String]; 2]| {
        let named = |keys, ids| Names { keys, ids };
        matcher(named(predicted, predictions), named(truths, ground_truths))
    };
    let found = |pairs: Vec<(usize, usize)>, how: &str| Match {
        pairs,
        how: how.to_owned(),
    };
    let pairs = pairs_by(by_name, [predictions, ground_truths])?;
    if !pairs.is_empty() {
        return Ok(found(pairs, "by name"));
    }
    let [short, short_truths] = [predictions, ground_truths]
        .map(|ids| ids.iter().map(|id| without_padding(id)).collect::<Vec<_>>());
    let pairs = pairs_by(by_joined_name, [&short, &short_truths])?;
    if !pairs.is_empty() {
        return Ok(found(pairs, "by name, folders joined with `_`"));
    }
    if let Some(affixes) = common_affixes(&short, &short_truths, predictions)? {
        let stripped = short.iter().map(|id| affixes.strip(id).unwrap_or_default());
        let stripped: Vec<String> = stripped.collect();
        let pairs = pairs_by(by_name, [&stripped, &short_truths])?;
        if !pairs.is_empty() {
            return Ok(found(pairs, &format!("by name without {affixes}")));
        }
    }
    let [short, short_truths] =
        [short, short_truths].map(|ids| ids.iter().map(|id| without_kind(id)).collect::<Vec<_>>());
    let mut pairs = pairs_by(by_name, [&short, &short_truths])?;
    if pairs.is_empty() {
        pairs = pairs_by(by_joined_name, [&short, &short_truths])?;
    }
    Ok(found(
        pairs,
        "by name without words such as `rgb` and `depth`",
    ))
}

/// The prediction with the same id; else the one with the same last part and most other parts in
/// common; else the same without leading zeros of numbers.
fn by_name(
    predictions: Names<'_>,
    ground_truths: Names<'_>,
) -> Result<Vec<(usize, usize)>, ArrayError> {
    let mut by_id: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, key) in predictions.keys.iter().enumerate() {
        by_id.entry(key).or_default().push(index);
    }
    // An empty key stands for no name.
    by_id.remove("");
    let same = |id: &String| by_id.get(&id[..]).map_or(&[][..], Vec::as_slice);
    let mut remaining: BTreeSet<usize> = by_id.values().flatten().copied().collect();
    for prediction in ground_truths.keys.iter().flat_map(same) {
        remaining.remove(prediction);
    }
    let unpadded: Vec<String> = (predictions.keys.iter())
        .map(|key| without_padding(key))
        .collect();
    let similar = IdIndex::new(predictions.keys, remaining.iter().copied());
    let similar_unpadded = IdIndex::new(&unpadded, remaining.iter().copied());
    let mut taken = Taken::default();
    let mut pairs = Vec::new();
    for (ground_truth, key) in ground_truths.keys.iter().enumerate() {
        let mut candidates = same(key).to_vec();
        if candidates.is_empty() {
            candidates = similar.best(key);
        }
        if candidates.is_empty() {
            candidates = similar_unpadded.best(&without_padding(key));
        }
        let id = &ground_truths.ids[ground_truth];
        if let Some(prediction) = one_of(&candidates, id, predictions.ids)? {
            taken.take(prediction, id, predictions.ids)?;
            pairs.push((prediction, ground_truth));
        }
    }
    Ok(pairs)
}

/// The ground truth of each prediction that is taken.
#[derive(Default)]
struct Taken<'a>(HashMap<usize, &'a str>);

impl<'a> Taken<'a> {
    fn take(
        &mut self,
        prediction: usize,
        ground_truth: &'a str,
        predictions: &[String],
    ) -> Result<(), ArrayError> {
        match self.0.insert(prediction, ground_truth) {
            None => Ok(()),
            Some(other) => Err(ArrayError::SharedPrediction {
                prediction: printable(&predictions[prediction]),
                first: printable(other),
                second: printable(ground_truth),
            }),
        }
    }
}

/// `DRIVE_FRAME` belongs to `DRIVE/image_02/FRAME`: some of the parts joined by `_`, the last part
/// among them. Either side can be the joined one.
fn by_joined_name(
    predictions: Names<'_>,
    ground_truths: Names<'_>,
) -> Result<Vec<(usize, usize)>, ArrayError> {
    let pairs = joined(predictions, ground_truths)?;
    if !pairs.is_empty() {
        return Ok(pairs);
    }
    let swapped = joined(ground_truths, predictions)?;
    let mut pairs: Vec<(usize, usize)> = swapped.into_iter().map(|(a, b)| (b, a)).collect();
    pairs.sort_by_key(|&(_, ground_truth)| ground_truth);
    Ok(pairs)
}

/// Pairs of a joined name and a path, at most one per path.
fn joined(names: Names<'_>, paths: Names<'_>) -> Result<Vec<(usize, usize)>, ArrayError> {
    let mut by_end: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, name) in names.keys.iter().enumerate() {
        let name = last_part(name);
        for (at, _) in name.match_indices('_') {
            by_end.entry(&name[at + 1..]).or_default().push(index);
        }
    }
    let mut taken = Taken::default();
    let mut pairs = Vec::new();
    for (at, path) in paths.keys.iter().enumerate() {
        let parts: Vec<&str> = path.split('/').collect();
        let Some((last, folders)) = parts.split_last() else {
            continue;
        };
        let fits = |index: &usize| {
            let rest = last_part(&names.keys[*index]).strip_suffix(last);
            rest.and_then(|rest| rest.strip_suffix('_'))
                .is_some_and(|rest| is_join(rest, folders))
        };
        let ending = by_end.get(last).into_iter().flatten().copied();
        let candidates: Vec<usize> = ending.filter(fits).collect();
        if let Some(name) = one_of(&candidates, &paths.ids[at], names.ids)? {
            taken.take(name, &paths.ids[at], names.ids)?;
            pairs.push((name, at));
        }
    }
    Ok(pairs)
}

/// Whether `text` consists of some of the folders in their order, joined by `_`.
fn is_join(text: &str, folders: &[&str]) -> bool {
    let Some((last, before)) = folders.split_last() else {
        return false;
    };
    text == *last
        || (text
            .strip_suffix(last)
            .and_then(|rest| rest.strip_suffix('_')))
        .is_some_and(|rest| is_join(rest, before))
        || is_join(text, before)
}

/// What the names of predictions have around the names of ground truths.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Affixes {
    before: String,
    after: String,
}

impl Affixes {
    /// The id whose last part has neither, if it has both.
    fn strip(&self, id: &str) -> Option<String> {
        let last = last_part(id);
        let folders = &id[..id.len() - last.len()];
        let inner = last.strip_prefix(&self.before[..])?;
        Some(folders.to_owned() + inner.strip_suffix(&self.after[..])?)
    }
}

impl std::fmt::Display for Affixes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let named = |what: &str, text: &str| match text {
            "" => String::new(),
            text => format!("`{}` {what}", printable(text)),
        };
        let (before, after) = (
            named("before it", &self.before),
            named("after it", &self.after),
        );
        let and = if before.is_empty() || after.is_empty() {
            ""
        } else {
            " and "
        };
        write!(f, "{before}{and}{after}")
    }
}

/// The text around a ground truth's name that most predictions have in common: `_depth` for
/// `00045_depth`. It is separated from the name, so that `5` is not found in `15`. Nothing comes
/// before a name in a folder: `bath_00045` is of another folder than `kitchen/00045`.
fn common_affixes(
    predictions: &[String],
    ground_truths: &[String],
    shown: &[String],
) -> Result<Option<Affixes>, ArrayError> {
    let mut candidates = BTreeSet::new();
    let have_folders = ground_truths.iter().any(|id| id.contains('/'));
    let step = ground_truths.len().div_ceil(SEARCHED).max(1);
    for ground_truth in ground_truths.iter().step_by(step) {
        let wanted = last_part(ground_truth);
        for prediction in predictions {
            let name = last_part(prediction);
            for (at, _) in name.match_indices(wanted) {
                let (before, after) = (&name[..at], &name[at + wanted.len()..]);
                let is_apart = (before.is_empty() || before.ends_with(SEPARATORS))
                    && (after.is_empty() || after.starts_with(SEPARATORS));
                if is_apart && (before.is_empty() || !have_folders) {
                    let (before, after) = (before.to_owned(), after.to_owned());
                    candidates.insert(Affixes { before, after });
                }
            }
        }
    }
    let names: BTreeSet<&str> = ground_truths.iter().map(|id| last_part(id)).collect();
    let found = |affixes: &Affixes| {
        let ids = predictions.iter().filter_map(|id| affixes.strip(id));
        ids.filter(|id| names.contains(last_part(id))).count()
    };
    let counted = candidates.into_iter().map(|one| (found(&one), one));
    let mut counted: Vec<(usize, Affixes)> = counted.collect();
    counted.sort_by(|one, other| other.cmp(one));
    let mut counted = counted.into_iter();
    let Some((most, affixes)) = counted.next() else {
        return Ok(None);
    };
    match counted.next() {
        // Each image has files of two kinds.
        Some((count, other)) if count == most => {
            let example = |affixes: &Affixes| {
                let index = predictions
                    .iter()
                    .position(|id| affixes.strip(id).is_some());
                printable(index.map_or("", |index| &shown[index]))
            };
            let mut kinds = [example(&affixes), example(&other)];
            kinds.sort();
            let [first, second] = kinds;
            Err(ArrayError::SeveralKinds { first, second })
        }
        _ => Ok(Some(affixes)),
    }
}

/// The id without words of [`KINDS`] in its last part; the id itself if nothing would be left.
fn without_kind(id: &str) -> String {
    let last = last_part(id);
    let is_kind = |word: &&str| KINDS.contains(&&word.to_ascii_lowercase()[..]);
    let words: Vec<&str> = last.split('_').filter(|word| !is_kind(word)).collect();
    if words.is_empty() {
        return id.to_owned();
    }
    id[..id.len() - last.len()].to_owned() + &words.join("_")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn matched(predictions: &[&str], ground_truths: &[&str]) -> (Vec<(usize, usize)>, String) {
        let found = match_names(&ids(predictions), &ids(ground_truths)).unwrap();
        (found.pairs, found.how)
    }

    #[test]
    fn padding_does_not_matter() {
        let (pairs, how) = matched(&["a/9", "a/10", "11"], &["a/0010", "a/0009", "b/0011"]);
        assert_eq!((pairs, &how[..]), (vec![(1, 0), (0, 1), (2, 2)], "by name"));
        // An equal name precedes an equal number.
        assert_eq!(matched(&["01", "1"], &["1"]).0, [(1, 0)]);
        let both = match_names(&ids(&["01", "001"]), &ids(&["1"])).unwrap_err();
        assert!(matches!(both, ArrayError::AmbiguousId { .. }), "{both}");
    }

    #[test]
    fn joined_names_belong_to_paths() {
        let truths = [
            "drive_0002_sync/proj_depth/groundtruth/image_02/0000000069",
            "drive_0009_sync/proj_depth/groundtruth/image_02/0000000069",
        ];
        let names = ["drive_0009_sync_0000000069", "drive_0002_sync_0000000069"];
        assert_eq!(matched(&names, &truths).0, [(1, 0), (0, 1)]);
        assert_eq!(matched(&truths, &names).0, [(1, 0), (0, 1)]);
        let (pairs, how) = matched(&["bath_rgb_00045"], &["test/bath/rgb_00045"]);
        assert_eq!((pairs.len(), how.contains("joined")), (1, true));
        // NYU's depth maps have another name than its images.
        let truths = ["bath/sync_depth_00045", "den_2/sync_depth_00045"];
        let names = ["den_2_rgb_00045", "bath_rgb_00045"];
        assert_eq!(matched(&names, &truths).0, [(1, 0), (0, 1)]);
        assert_eq!(matched(&["other_00045"], &["bath/00045"]).0, []);
        let error = match_names(&ids(&["bath_1"]), &ids(&["bath/a/1", "bath/b/1"])).unwrap_err();
        assert!(
            matches!(error, ArrayError::SharedPrediction { .. }),
            "{error}"
        );
    }

    #[test]
    fn words_around_a_name_are_ignored_where_all_have_them() {
        for (before, after) in [
            ("", "_raw_depth_meter"),
            ("", "-dpt_beit_large_512"),
            ("pred_", ""),
            ("x_", ".out"),
        ] {
            let named = |name: &str| format!("{before}{name}{after}");
            let names = [named("kitchen_2"), named("kitchen_1")];
            let names = names.each_ref().map(String::as_str);
            let (pairs, how) = matched(&names, &["kitchen_1", "kitchen_2"]);
            assert_eq!(pairs, [(1, 0), (0, 1)]);
            assert!(how.contains(before) && how.contains(after), "{how}");
        }
        assert_eq!(matched(&["1_depth"], &["a/1"]).0, [(0, 0)]);
        let kinds = ids(&["a_disp", "a_depth", "b_disp", "b_depth"]);
        let error = match_names(&kinds, &ids(&["a", "b"])).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("`a_depth` and `a_disp`"), "{message}");
    }

    #[test]
    fn other_names_do_not_match() {
        for (predictions, ground_truths) in [
            (&["15", "16"][..], &["5", "6"][..]),
            (&["bath_1", "bath_2"], &["kitchen_1", "kitchen_2"]),
            (&["depth"], &["rgb"]),
        ] {
            assert_eq!(matched(predictions, ground_truths).0, [], "{predictions:?}");
        }
    }
}
