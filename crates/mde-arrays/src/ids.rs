//! Which map is meant by an id, and which prediction belongs to which ground truth.

use std::collections::HashMap;

use crate::ArrayError;
use crate::error::{first_of, shown};

/// Ids that are looked for by their last parts.
#[derive(Debug)]
pub(crate) struct IdIndex<'a> {
    ids: &'a [String],
    by_last_part: HashMap<&'a str, Vec<usize>>,
}

impl<'a> IdIndex<'a> {
    pub(crate) fn new(ids: &'a [String]) -> Self {
        let mut by_last_part: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, id) in ids.iter().enumerate() {
            by_last_part.entry(last_part(id)).or_default().push(index);
        }
        Self { ids, by_last_part }
    }

    /// The id that shares most parts with `id`, counted from the end: itself if it is there. At least the last must be the same.
    pub(crate) fn find(&self, id: &str) -> Result<Option<usize>, ArrayError> {
        let Some(candidates) = self.by_last_part.get(last_part(id)) else {
            return Ok(None);
        };
        if let Some(same) = candidates.iter().find(|index| self.ids[**index] == id) {
            return Ok(Some(*same));
        }
        let shared = |index: &usize| shared_parts(&self.ids[*index], id);
        let most = candidates.iter().map(shared).max();
        let mut best = candidates
            .iter()
            .filter(|index| Some(shared(index)) == most);
        let first = best.next().copied();
        if best.next().is_none() {
            return Ok(first);
        }
        Err(ArrayError::AmbiguousId {
            id: shown(id),
            candidates: first_of(candidates.iter().map(|index| shown(&self.ids[*index]))),
        })
    }
}

fn last_part(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// How many parts two ids have in common at their ends.
fn shared_parts(one: &str, other: &str) -> usize {
    let parts = one.rsplit('/').zip(other.rsplit('/'));
    parts.take_while(|(one, other)| one == other).count()
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
/// A prediction belongs to the ground truth of the same id; else to the one with which it shares most parts at the end, the
/// last at least: `00045` to `test/kitchen/00045`, unless there is a `kitchen/00045` as well.
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
    let index = IdIndex::new(predictions);
    let mut owner = vec![None; predictions.len()];
    let (mut pairs, mut missing) = (Vec::new(), Vec::new());
    for (ground_truth, id) in ground_truths.iter().enumerate() {
        let Some(prediction) = index.find(id)? else {
            missing.push(id);
            continue;
        };
        if let Some(other) = owner[prediction].replace(ground_truth) {
            return Err(ArrayError::SharedPrediction {
                prediction: shown(&predictions[prediction]),
                first: shown(&ground_truths[other]),
                second: shown(id),
            });
        }
        pairs.push((prediction, ground_truth));
    }
    if !missing.is_empty() {
        return Err(ArrayError::MissingPredictions {
            count: missing.len(),
            ground_truths: ground_truths.len(),
            first: first_of(missing.into_iter().map(|id| shown(id))),
            predictions: first_of(predictions.iter().map(|id| shown(id))),
        });
    }
    let unowned = |index: &usize| owner[*index].is_none();
    Ok(Pairing {
        pairs,
        without_ground_truth: (0..predictions.len()).filter(unowned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn the_most_similar_end_decides() {
        let known = ids(&["a/x", "b/x", "x", "c/y", "deep/c/z"]);
        let index = IdIndex::new(&known);
        let find = |id| index.find(id).ok().flatten();
        assert_eq!(find("a/x"), Some(0));
        assert_eq!(find("root/b/x"), Some(1));
        assert_eq!(find("x"), Some(2), "itself, though all share their end");
        assert_eq!(find("other/y"), Some(3));
        assert_eq!(find("z"), Some(4));
        assert_eq!(find("xx"), None);
        let message = index.find("c/x").unwrap_err().to_string();
        assert!(message.contains("a/x, b/x, x"), "{message}");
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
