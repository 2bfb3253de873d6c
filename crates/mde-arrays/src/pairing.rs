//! Which prediction belongs to which ground truth.

use std::collections::BTreeSet;

use crate::ArrayError;
use crate::error::first_names;
use crate::names::match_names;
use crate::order::{Ids, NameOrder, OrderMeaning, numbered, positions};

/// Predictions matched to ground truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// One (prediction index, ground-truth index) per ground-truth map that has a prediction, in
    /// the order of the ground truth.
    pub pairs: Vec<(usize, usize)>,
    /// The first and the last pair: by position in a stack, otherwise by name.
    pub ends: [(usize, usize); 2],
    /// How they were matched, such as "by name" or "by number".
    pub how: String,
    /// Indices of predictions without ground truth.
    pub without_ground_truth: Vec<usize>,
    /// Indices of ground truths without a prediction.
    pub without_prediction: Vec<usize>,
}

/// Finds the prediction of each ground-truth map by the ids of [`MapSet`](crate::MapSet).
///
/// **Names** match if they are equal. Otherwise, among the remaining predictions, the one with the
/// same last part matches; if there are several, the one with most other parts in common: `00045`
/// or `kitchen/00045` matches `test/kitchen/00045`. Leading zeros of numbers do not matter. Where
/// no name matches, names that programs derive from those of images are tried: folders joined by
/// `_`, and words added to every name.
///
/// **A stack** is matched by position. Names in which one number counts from 0 or 1 are ordered by
/// its value. Other names need an order on which numbers and text (or storage) agree, the order of
/// a list, or `order`. With `order`, predictions or ground truths that are numbered like this are
/// matched by position too.
///
/// ```
/// use mde_arrays::{Ids, OrderMeaning, pair};
/// let ids = |ids: &[&str]| ids.iter().map(|id| id.to_string()).collect::<Vec<_>>();
/// let predictions = ids(&["00046", "00045", "00047"]);
/// let ground_truths = ids(&["test/kitchen/00045", "test/bath/00046"]);
/// let named = |ids| Ids { ids, meaning: OrderMeaning::Nothing };
/// let pairing = pair(named(&predictions), named(&ground_truths), None)?;
/// assert_eq!(pairing.pairs, [(1, 0), (0, 1)]);
/// assert_eq!(pairing.without_ground_truth, [2]);
/// # Ok::<(), mde_arrays::ArrayError>(())
/// ```
///
/// # Errors
/// [`ArrayError::MissingPredictions`] if a ground-truth map has no prediction, and those of
/// [`pair_found`].
pub fn pair(
    predictions: Ids<'_>,
    ground_truths: Ids<'_>,
    order: Option<&NameOrder>,
) -> Result<Pairing, ArrayError> {
    let pairing = pair_found(predictions, ground_truths, order)?;
    if pairing.without_prediction.is_empty() {
        return Ok(pairing);
    }
    let missing = pairing.without_prediction.iter();
    Err(ArrayError::MissingPredictions {
        count: pairing.without_prediction.len(),
        ground_truths: ground_truths.ids.len(),
        first: first_names(missing.map(|&index| &ground_truths.ids[index])),
        predictions: first_names(predictions.ids),
    })
}

/// The same, where ground truths may lack a prediction.
///
/// # Errors
/// [`ArrayError::MissingPredictions`] if all lack one; [`ArrayError::AmbiguousId`],
/// [`ArrayError::SharedPrediction`] and [`ArrayError::SeveralKinds`] if names match more than once;
/// [`ArrayError::StackLength`], [`ArrayError::UncertainOrder`] and [`ArrayError::OtherNumbers`] if
/// positions do not decide; those of a chosen order that does not fit.
pub fn pair_found(
    predictions: Ids<'_>,
    ground_truths: Ids<'_>,
    order: Option<&NameOrder>,
) -> Result<Pairing, ArrayError> {
    let Some((mut by_position, how)) = by_position(predictions, ground_truths, order)? else {
        return by_name(predictions, ground_truths);
    };
    let ends = match by_position[..] {
        [first, .., last] => [first, last],
        [only] => [only; 2],
        [] => return Err(none_found(predictions, ground_truths)),
    };
    by_position.sort_by_key(|&(_, ground_truth)| ground_truth);
    Ok(complete(predictions, ground_truths, by_position, ends, how))
}

/// Pairs in the order of positions, and how they were matched; `None` if names decide.
type ByPosition = Option<(Vec<(usize, usize)>, String)>;

fn by_position(
    predictions: Ids<'_>,
    ground_truths: Ids<'_>,
    order: Option<&NameOrder>,
) -> Result<ByPosition, ArrayError> {
    use OrderMeaning::{Single, Stack};
    let lengths = [predictions.ids.len(), ground_truths.ids.len()];
    let different_lengths = || ArrayError::StackLength {
        predictions: lengths[0],
        ground_truths: lengths[1],
        is_ground_truth: predictions.meaning != Stack,
    };
    let is_positional = |ids: Ids<'_>| match ids.meaning {
        Stack => true,
        // Only by choice: as names, numbers are names.
        _ => order.is_some() && numbered(ids.ids).is_some(),
    };
    let both_single = lengths == [1, 1]
        && [predictions.meaning, ground_truths.meaning]
            .iter()
            .any(|meaning| matches!(meaning, Single | Stack));
    if both_single {
        return Ok(Some((vec![(0, 0)], "as the only maps".to_owned())));
    }
    match [predictions, ground_truths].map(is_positional) {
        [true, true] if [predictions.meaning, ground_truths.meaning] == [Stack, Stack] => {
            if lengths[0] != lengths[1] {
                return Err(different_lengths());
            }
            let pairs = (0..lengths[0]).map(|index| (index, index)).collect();
            Ok(Some((pairs, "by position".to_owned())))
        }
        // Numbers name slices where there are other numbers than slices.
        [false, true]
            if order.is_none()
                && lengths[0] != lengths[1]
                && predictions.ids.iter().all(|id| is_number(id)) =>
        {
            Ok(None)
        }
        [is_prediction, is_truth] if is_prediction || is_truth => {
            // The other side has the names. Both can be numbered: then predictions have positions.
            let predictions_are_positions =
                predictions.meaning == Stack || (is_prediction && ground_truths.meaning != Stack);
            let (stack, names) = match predictions_are_positions {
                true => (predictions, ground_truths),
                false => (ground_truths, predictions),
            };
            let chosen_ids = matches!(order, Some(NameOrder::Ids(_)));
            if !chosen_ids && names.ids.len() != stack.ids.len() {
                return Err(different_lengths());
            }
            let placed = positions(names, order)?;
            if placed.indices.len() != stack.ids.len() {
                return Err(different_lengths());
            }
            let slices = match stack.meaning {
                Stack => (0..stack.ids.len()).collect(),
                _ => positions(stack, Some(&NameOrder::Number))?.indices,
            };
            let pairs = slices.into_iter().zip(placed.indices);
            let pairs = match predictions_are_positions {
                true => pairs.collect(),
                false => pairs.map(|(slice, name)| (name, slice)).collect(),
            };
            Ok(Some((pairs, placed.how.to_owned())))
        }
        _ if order.is_some() => Err(ArrayError::NoPositions),
        _ => Ok(None),
    }
}

fn is_number(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
}

fn by_name(predictions: Ids<'_>, ground_truths: Ids<'_>) -> Result<Pairing, ArrayError> {
    let counts = [predictions, ground_truths].map(|ids| numbered(ids.ids));
    if let [Some(first), Some(first_truth)] = counts
        && first != first_truth
        && predictions.ids.len() == ground_truths.ids.len()
        && predictions.ids.len() > 1
    {
        return Err(ArrayError::OtherNumbers {
            maps: predictions.ids.len(),
            predictions: first,
            ground_truths: first_truth,
        });
    }
    let found = match_names(predictions.ids, ground_truths.ids)?;
    let ends = match found.pairs[..] {
        [first, .., last] => [first, last],
        [only] => [only; 2],
        [] => return Err(none_found(predictions, ground_truths)),
    };
    Ok(complete(
        predictions,
        ground_truths,
        found.pairs,
        ends,
        found.how,
    ))
}

fn complete(
    predictions: Ids<'_>,
    ground_truths: Ids<'_>,
    pairs: Vec<(usize, usize)>,
    ends: [(usize, usize); 2],
    how: String,
) -> Pairing {
    let rest = |count: usize, paired: BTreeSet<usize>| {
        let rest = (0..count).filter(|index| !paired.contains(index));
        rest.collect::<Vec<_>>()
    };
    let predicted = pairs.iter().map(|pair| pair.0).collect();
    let measured = pairs.iter().map(|pair| pair.1).collect();
    Pairing {
        without_ground_truth: rest(predictions.ids.len(), predicted),
        without_prediction: rest(ground_truths.ids.len(), measured),
        pairs,
        ends,
        how,
    }
}

fn none_found(predictions: Ids<'_>, ground_truths: Ids<'_>) -> ArrayError {
    ArrayError::MissingPredictions {
        count: ground_truths.ids.len(),
        ground_truths: ground_truths.ids.len(),
        first: first_names(ground_truths.ids),
        predictions: first_names(predictions.ids),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn named(ids: &[String]) -> Ids<'_> {
        let meaning = OrderMeaning::Nothing;
        Ids { ids, meaning }
    }

    fn stack(ids: &[String]) -> Ids<'_> {
        let meaning = OrderMeaning::Stack;
        Ids { ids, meaning }
    }

    fn pair_names(predictions: &[String], truths: &[String]) -> Result<Pairing, ArrayError> {
        pair(named(predictions), named(truths), None)
    }

    fn numbers(count: usize) -> Vec<String> {
        (0..count).map(|number| number.to_string()).collect()
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
        let pairing = pair_names(&predictions, &ground_truths).unwrap();
        assert_eq!(pairing.pairs, [(2, 0), (1, 1), (0, 2)]);
    }

    #[test]
    fn a_missing_prediction_is_not_taken_from_another_folder() {
        let error = pair_names(&ids(&["a/1", "b/1"]), &ids(&["c/1", "b/1", "a/1"])).unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("1 of 3 ground-truth maps have no prediction: c/1;"),
            "{message}"
        );
    }

    #[test]
    fn missing_predictions_are_counted_and_named() {
        let ground_truths: Vec<String> = (0..30).map(|n| format!("test/{n:05}")).collect();
        let message = pair_names(&ids(&["00003", "pred_00004"]), &ground_truths)
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
        let error = pair_names(&ids(&["1"]), &ids(&["a/1", "b/1"])).unwrap_err();
        assert!(
            matches!(error, ArrayError::SharedPrediction { .. }),
            "{error}"
        );
        // The same holds for a ground truth listed twice.
        let error = pair_names(&ids(&["1"]), &ids(&["1", "1"])).unwrap_err();
        assert!(
            matches!(error, ArrayError::SharedPrediction { .. }),
            "{error}"
        );
        // An equal id takes precedence over an equal last part.
        let pairing = pair_names(&ids(&["a/1", "b/1"]), &ids(&["b/1", "a/1"])).unwrap();
        assert_eq!(pairing.pairs, [(1, 0), (0, 1)]);
    }

    #[test]
    fn a_stack_is_matched_by_position() {
        let slices = numbers(12);
        let mut files: Vec<String> = (1..13).map(|number| format!("frame_{number}")).collect();
        files.sort();
        let expected: Vec<(usize, usize)> = (files.iter().zip(0..))
            .map(|(name, at)| (name[6..].parse::<usize>().unwrap() - 1, at))
            .collect();
        let pairing = pair(stack(&slices), named(&files), None).unwrap();
        assert_eq!(
            (pairing.pairs, &pairing.how[..]),
            (expected.clone(), "by number")
        );
        assert_eq!(pairing.ends, [(0, 0), (11, 3)]);
        let swapped = pair(named(&files), stack(&slices), None).unwrap();
        let mut expected: Vec<_> = expected.into_iter().map(|(a, b)| (b, a)).collect();
        expected.sort_by_key(|pair| pair.1);
        assert_eq!(swapped.pairs, expected);
        let error = pair(stack(&slices), named(&files[..11]), None).unwrap_err();
        assert!(error.to_string().contains("12"), "{error}");
    }

    #[test]
    fn numbers_name_slices_if_there_are_fewer_or_more() {
        let slices = numbers(3);
        let pairing = pair_found(named(&ids(&["02", "0"])), stack(&slices), None).unwrap();
        assert_eq!(pairing.pairs, [(1, 0), (0, 2)]);
        assert_eq!(pairing.without_prediction, [1]);
        let pairing = pair(named(&numbers(4)), stack(&slices), None).unwrap();
        assert_eq!(pairing.without_ground_truth, [3]);
    }

    #[test]
    fn an_order_makes_numbers_positions() {
        let truths = ids(&["kitchen/2", "bath/10", "bath/9"]);
        let listed = Ids {
            ids: &truths,
            meaning: OrderMeaning::Listed,
        };
        let predictions = numbers(3);
        let pairs = |order: NameOrder| {
            let pairing = pair(named(&predictions), listed, Some(&order)).unwrap();
            pairing.pairs.iter().map(|pair| pair.0).collect::<Vec<_>>()
        };
        assert_eq!(pairs(NameOrder::Stored), [0, 1, 2]);
        assert_eq!(pairs(NameOrder::Number), [2, 1, 0]);
        assert_eq!(pairs(NameOrder::Text), [2, 0, 1]);
        let given = ids(&["bath/9", "kitchen/2", "bath/10"]);
        assert_eq!(pairs(NameOrder::Ids(given.clone())), [1, 2, 0]);
        // Neither side has positions.
        let order = NameOrder::Number;
        let error = pair(named(&given), named(&truths), Some(&order)).unwrap_err();
        assert!(matches!(error, ArrayError::NoPositions), "{error}");
        let order = NameOrder::Ids(ids(&["bath/9"]));
        assert!(pair(named(&predictions), listed, Some(&order)).is_err());
    }

    #[test]
    fn numbers_from_0_and_from_1_are_not_the_same_names() {
        let from_1 = ids(&["1", "2", "3"]);
        let error = pair_names(&from_1, &numbers(3)).unwrap_err();
        assert!(matches!(error, ArrayError::OtherNumbers { .. }), "{error}");
        let order = NameOrder::Number;
        let pairing = pair(named(&from_1), named(&numbers(3)), Some(&order)).unwrap();
        assert_eq!(pairing.pairs, [(0, 0), (1, 1), (2, 2)]);
    }

    #[test]
    fn the_only_maps_of_two_files_belong_together() {
        let single = |ids| Ids {
            ids,
            meaning: OrderMeaning::Single,
        };
        let (prediction, truth) = (ids(&["pred"]), ids(&["gt"]));
        let pairing = pair(single(&prediction), single(&truth), None).unwrap();
        assert_eq!(pairing.pairs, [(0, 0)]);
        assert!(pair_names(&prediction, &truth).is_err());
    }
}
