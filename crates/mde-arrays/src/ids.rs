//! Which map is meant by an id, and which prediction belongs to which ground truth.

use std::collections::{BTreeSet, HashMap};

use crate::ArrayError;
use crate::error::{first_of, shown};

/// Ids that are looked for by what they have in common with another.
#[derive(Debug)]
pub(crate) struct IdIndex<'a> {
    ids: &'a [String],
    by_last_part: HashMap<&'a str, Vec<usize>>,
}

impl<'a> IdIndex<'a> {
    /// Of those ids whose indices `among` gives.
    pub(crate) fn new(ids: &'a [String], among: impl IntoIterator<Item = usize>) -> Self {
        let mut by_last_part: HashMap<&str, Vec<usize>> = HashMap::new();
        for index in among {
            let last = last_part(&ids[index]);
            by_last_part.entry(last).or_default().push(index);
        }
        Self { ids, by_last_part }
    }

    /// The one id that ends in the same part as `id` and has most of the other parts in common with it.
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
        let names = candidates.iter().map(|index| shown(&self.ids[*index]));
        Err(ArrayError::AmbiguousId {
            id: shown(id),
            candidates: first_of(names),
        })
    }
}

fn last_part(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// How many parts of one id are parts of the other, wherever they stand: KITTI's predictions lie in
/// `DRIVE/image_02/data`, its ground truth in `DRIVE/proj_depth/groundtruth/image_02`.
fn common_parts(one: &str, other: &str) -> usize {
    let in_other = |part: &&str| other.split('/').any(|other| other == *part);
    one.split('/').filter(in_other).count()
}

/// Predictions and the ground truths they belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// Indices of a prediction and its ground truth, in the ground truth's order: one pair for each ground truth.
    pub pairs: Vec<(usize, usize)>,
    /// Indices of the predictions without ground truth.
    pub without_ground_truth: Vec<usize>,
}

/// Finds the prediction of each ground truth, by ids as [`MapSet::ids`](crate::MapSet::ids) gives them.
///
/// A prediction belongs to the ground truth of the same id. The other ground truths look among the predictions that are left
/// for one that ends in the same part, and if several do, for the one with most other parts in common:
/// `00045`, or `kitchen/00045`, is that of `test/kitchen/00045`.
///
/// ```
/// let ids = |ids: &[&str]| ids.iter().map(|id| id.to_string()).collect::<Vec<_>>();
/// let pairing = mde_arrays::pair(&ids(&["00046", "00045", "00047"]), &ids(&["test/kitchen/00045", "test/bath/00046"]))?;
/// assert_eq!(pairing.pairs, [(1, 0), (0, 1)]);
/// assert_eq!(pairing.without_ground_truth, [2]);
/// # Ok::<(), mde_arrays::ArrayError>(())
/// ```
///
/// # Errors
/// [`ArrayError::MissingPredictions`] unless every ground truth has one, [`ArrayError::AmbiguousId`] and
/// [`ArrayError::SharedPrediction`] where the ids do not decide.
pub fn pair(predictions: &[String], ground_truths: &[String]) -> Result<Pairing, ArrayError> {
    let by_id: HashMap<&String, usize> = predictions.iter().zip(0..).collect();
    let same = |id| by_id.get(id).copied();
    let mut left: BTreeSet<usize> = (0..predictions.len()).collect();
    for prediction in ground_truths.iter().filter_map(same) {
        left.remove(&prediction);
    }
    let similar = IdIndex::new(predictions, left.iter().copied());

    let mut owners = HashMap::new();
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
        if let Some(other) = owners.insert(prediction, id) {
            return Err(ArrayError::SharedPrediction {
                prediction: shown(&predictions[prediction]),
                first: shown(other),
                second: shown(id),
            });
        }
        pairs.push((prediction, ground_truth));
        left.remove(&prediction);
    }
    if !missing.is_empty() {
        return Err(ArrayError::MissingPredictions {
            count: missing.len(),
            ground_truths: ground_truths.len(),
            first: first_of(missing.into_iter().map(|id| shown(id))),
            predictions: first_of(predictions.iter().map(|id| shown(id))),
        });
    }
    Ok(Pairing {
        pairs,
        without_ground_truth: left.into_iter().collect(),
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
            message.starts_with("1 of 3 ground truths have no prediction: c/1;"),
            "{message}"
        );
    }

    #[test]
    fn missing_predictions_are_counted_and_named() {
        let ground_truths: Vec<String> = (0..30).map(|n| format!("test/{n:05}")).collect();
        let message = pair(&ids(&["00003", "pred_00004"]), &ground_truths)
            .unwrap_err()
            .to_string();
        let named = "29 of 30 ground truths have no prediction: test/00000, test/00001";
        assert!(message.starts_with(named), "{message}");
        assert!(
            message.contains("test/00010; predictions are called 00003, pred_00004"),
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
        // The same ground truth listed twice, too.
        let error = pair(&ids(&["1"]), &ids(&["1", "1"])).unwrap_err();
        assert!(
            matches!(error, ArrayError::SharedPrediction { .. }),
            "{error}"
        );
        // The whole id goes before the last part.
        let pairing = pair(&ids(&["a/1", "b/1"]), &ids(&["b/1", "a/1"])).unwrap();
        assert_eq!(pairing.pairs, [(1, 0), (0, 1)]);
    }
}
