//! Matches ids, and predictions to ground truth.

use std::collections::{BTreeSet, HashMap};

use crate::ArrayError;
use crate::error::{first_names, printable};

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

    /// The id with the same last part as `id` and most other parts in common with it.
    pub(crate) fn find(&self, id: &str) -> Result<Option<usize>, ArrayError> {
        let Some(candidates) = self.by_last_part.get(last_part(id)) else {
            return Ok(None);
        };
        let common = |index: &usize| common_parts(&self.ids[*index], id);
        let most = candidates.iter().map(common).max();
        let mut best = candidates
            .iter()
            .filter(|index| Some(common(index)) == most);
        let first = best.next().copied();
        if best.next().is_none() {
            return Ok(first);
        }
        Err(ArrayError::AmbiguousId {
            id: printable(id),
            candidates: first_names(candidates.iter().map(|index| &self.ids[*index])),
        })
    }
}

fn last_part(id: &str) -> &str {
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

/// Predictions matched to ground truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// One (prediction index, ground-truth index) per ground-truth map, in the order of the ground
    /// truth.
    pub pairs: Vec<(usize, usize)>,
    /// Indices of predictions without ground truth.
    pub without_ground_truth: Vec<usize>,
}

/// Finds the prediction of each ground-truth map by the ids of [`MapSet::ids`](crate::MapSet::ids).
///
/// A prediction with the same id comes first. Otherwise, among the remaining predictions, the one
/// with the same last part matches; if there are several, the one with most other parts in common:
/// `00045` or `kitchen/00045` matches `test/kitchen/00045`.
///
/// ```
/// let ids = |ids: &[&str]| ids.iter().map(|id| id.to_string()).collect::<Vec<_>>();
/// let predictions = ids(&["00046", "00045", "00047"]);
/// let ground_truths = ids(&["test/kitchen/00045", "test/bath/00046"]);
/// let pairing = mde_arrays::pair(&predictions, &ground_truths)?;
/// assert_eq!(pairing.pairs, [(1, 0), (0, 1)]);
/// assert_eq!(pairing.without_ground_truth, [2]);
/// # Ok::<(), mde_arrays::ArrayError>(())
/// ```
///
/// # Errors
/// [`ArrayError::MissingPredictions`] if a ground-truth map has no prediction;
/// [`ArrayError::AmbiguousId`] and [`ArrayError::SharedPrediction`] if the match is not unique.
pub fn pair(predictions: &[String], ground_truths: &[String]) -> Result<Pairing, ArrayError> {
    let by_id: HashMap<&String, usize> = predictions.iter().zip(0..).collect();
    let same = |id| by_id.get(id).copied();
    let mut remaining: BTreeSet<usize> = (0..predictions.len()).collect();
    for prediction in ground_truths.iter().filter_map(same) {
        remaining.remove(&prediction);
    }
    let similar = IdIndex::new(predictions, remaining.iter().copied());

    let mut taken = HashMap::new();
    let (mut pairs, mut missing) = (Vec::new(), Vec::new());
    for (ground_truth, id) in ground_truths.iter().enumerate() {
        let found = match same(id) {
            Some(prediction) => Some(prediction),
            None => similar.find(id)?,
        };
        let Some(prediction) = found else {
            missing.push(id);
            continue;
        };
        if let Some(other) = taken.insert(prediction, id) {
            return Err(ArrayError::SharedPrediction {
                prediction: printable(&predictions[prediction]),
                first: printable(other),
                second: printable(id),
            });
        }
        pairs.push((prediction, ground_truth));
        remaining.remove(&prediction);
    }
    if !missing.is_empty() {
        return Err(ArrayError::MissingPredictions {
            count: missing.len(),
            ground_truths: ground_truths.len(),
            first: first_names(missing),
            predictions: first_names(predictions),
        });
    }
    Ok(Pairing {
        pairs,
        without_ground_truth: remaining.into_iter().collect(),
    })
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
    fn kittis_two_layouts_meet() {
        let frame = |drive: &str, number: u32| {
            let prediction = format!("{drive}/image_02/data/{number:010}");
            let ground_truth = format!("{drive}/proj_depth/groundtruth/image_02/{number:010}");
            (prediction, ground_truth)
        };
        let frames = [("drive_0002", 69), ("drive_0002", 7), ("drive_0009", 69)];
        let (predictions, mut ground_truths): (Vec<_>, Vec<_>) = frames
            .iter()
            .map(|(drive, number)| frame(drive, *number))
            .unzip();
        ground_truths.reverse();
        let pairing = pair(&predictions, &ground_truths).unwrap();
        assert_eq!(pairing.pairs, [(2, 0), (1, 1), (0, 2)]);
    }

    #[test]
    fn a_missing_prediction_is_not_taken_from_another_folder() {
        let error = pair(&ids(&["a/1", "b/1"]), &ids(&["c/1", "b/1", "a/1"])).unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("1 of 3 ground-truth maps have no prediction: c/1;"),
            "{message}"
        );
    }

    #[test]
    fn missing_predictions_are_counted_and_named() {
        let ground_truths: Vec<String> = (0..30).map(|n| format!("test/{n:05}")).collect();
        let message = pair(&ids(&["00003", "pred_00004"]), &ground_truths)
            .unwrap_err()
            .to_string();
        let named = "29 of 30 ground-truth maps have no prediction: test/00000, test/00001";
        assert!(message.starts_with(named), "{message}");
        assert!(
            message.contains("test/00010; predictions are named 00003, pred_00004"),
            "{message}"
        );
    }

    #[test]
    fn one_prediction_for_two_ground_truths_is_refused() {
        let error = pair(&ids(&["1"]), &ids(&["a/1", "b/1"])).unwrap_err();
        assert!(
            matches!(error, ArrayError::SharedPrediction { .. }),
            "{error}"
        );
        // The same holds for a ground truth listed twice.
        let error = pair(&ids(&["1"]), &ids(&["1", "1"])).unwrap_err();
        assert!(
            matches!(error, ArrayError::SharedPrediction { .. }),
            "{error}"
        );
        // An equal id takes precedence over an equal last part.
        let pairing = pair(&ids(&["a/1", "b/1"]), &ids(&["b/1", "a/1"])).unwrap();
        assert_eq!(pairing.pairs, [(1, 0), (0, 1)]);
    }
}
