//! Which prediction belongs to which ground truth, and which images are scored.

use std::path::Path;

use anyhow::{Context, anyhow};
use mde_arrays::{ArrayError, Ids, MapSet, NameOrder, OrderMeaning, Pairing, pair_found, select};

use super::args::{GivenArgs, InOrder, Only, read_ids};
use crate::output::count;
use crate::progress::remark;

/// Number of names that a remark shows.
const NAMED: usize = 3;

/// The scored images: indices of predictions and ground truths, in the order of the ground truth.
pub(super) struct Matched {
    pub(super) pairs: Vec<(usize, usize)>,
}

/// Finds the prediction of every image to score, and says on stderr what belongs together.
pub(super) fn match_maps(
    predictions: &MapSet,
    truths: Ids<'_>,
    args: &GivenArgs,
) -> anyhow::Result<Matched> {
    let order = args.in_order.as_ref().map(InOrder::read).transpose()?;
    let wanted = match &args.only {
        Some(Only::Listed(path)) => {
            let ids = read_ids(path, "predicted").context("--only")?;
            Some(select(truths.ids, &ids).with_context(|| format!("--only {}", path.display()))?)
        }
        _ => None,
    };
    let found = find(
        predictions.ordered_ids(),
        truths,
        wanted.as_deref(),
        order.as_ref(),
    );
    let mut pairing = found.map_err(|error| with_remedy(error, predictions, truths))?;
    if let Some(wanted) = &wanted {
        let is_wanted = |&(_, truth): &(usize, usize)| wanted.contains(&truth);
        pairing.pairs.retain(is_wanted);
        pairing
            .without_prediction
            .retain(|truth| wanted.contains(truth));
    }
    if !matches!(args.only, Some(Only::Predicted)) {
        check_complete(&pairing, predictions, truths)?;
    }
    say(&pairing, predictions, truths, args);
    Ok(Matched {
        pairs: pairing.pairs,
    })
}

/// Matches all maps, or the wanted ones where only they can be meant.
fn find(
    predictions: Ids<'_>,
    truths: Ids<'_>,
    wanted: Option<&[usize]>,
    order: Option<&NameOrder>,
) -> Result<Pairing, ArrayError> {
    let Some(wanted) = wanted else {
        return pair_found(predictions, truths, order);
    };
    let is_stack = |ids: Ids<'_>| ids.meaning == OrderMeaning::Stack;
    let counts_all = predictions.ids.len() == truths.ids.len();
    if is_stack(truths) || (is_stack(predictions) && counts_all) {
        return pair_found(predictions, truths, order);
    }
    // The order of the list is an order of its ids, as that of arrays in a file.
    let ids: Vec<String> = (wanted.iter())
        .map(|&index| truths.ids[index].clone())
        .collect();
    let chosen = Ids {
        ids: &ids,
        meaning: OrderMeaning::Stored,
    };
    let mut pairing = pair_found(predictions, chosen, order)?;
    let back = |(prediction, index): (usize, usize)| (prediction, wanted[index]);
    pairing.pairs = pairing.pairs.into_iter().map(back).collect();
    pairing.pairs.sort_by_key(|&(_, truth)| truth);
    pairing.ends = pairing.ends.map(back);
    let missing = pairing.without_prediction.iter();
    pairing.without_prediction = missing.map(|&index| wanted[index]).collect();
    Ok(pairing)
}

/// Every ground truth needs a prediction, unless the user asks for those that have one.
fn check_complete(pairing: &Pairing, predictions: &MapSet, truths: Ids<'_>) -> anyhow::Result<()> {
    let missing = &pairing.without_prediction;
    if missing.is_empty() {
        return Ok(());
    }
    let error = ArrayError::MissingPredictions {
        count: missing.len(),
        ground_truths: missing.len() + pairing.pairs.len(),
        first: first(missing.iter().map(|&index| &truths.ids[index])),
        predictions: first(predictions.ids()),
    };
    Err(match pairing.pairs.len() {
        0 => error.into(),
        found => anyhow!(
            "{error}; --only predicted scores the {} with a prediction, --only FILE the ids in a text file, \
             one per line",
            count(found, "image")
        ),
    })
}

fn first<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    names.into_iter().take(10).cloned().collect()
}

/// The error with the option that decides.
fn with_remedy(error: ArrayError, predictions: &MapSet, truths: Ids<'_>) -> anyhow::Error {
    let counts_all = predictions.len() == truths.ids.len();
    let listed = "--in-order FILE: a text file with one id per line";
    let orders = match truths.meaning {
        OrderMeaning::Listed => "--in-order stored (as listed), --in-order number, --in-order text",
        _ => "--in-order number, --in-order text",
    };
    let remedy = match &error {
        ArrayError::UncertainOrder { orders, .. } => {
            let is_stored = orders
                .iter()
                .any(|(how, _)| ["as stored", "in the list"].contains(how));
            let stored = if is_stored { "--in-order stored, " } else { "" };
            format!("{stored}--in-order number, --in-order text, or {listed}")
        }
        ArrayError::OtherNumbers { .. } => {
            format!("--in-order number, if the first belongs to the first, or {listed}")
        }
        ArrayError::NoStoredOrder => format!("--in-order number, --in-order text, or {listed}"),
        ArrayError::MissingPredictions { .. }
            if counts_all && predictions.ordered_ids().is_numbered() =>
        {
            format!(
                "the predictions are numbered, and nothing says which image each number is; to match them by \
                 position, choose the order of the ground truth: {orders}, or {listed}"
            )
        }
        _ => return error.into(),
    };
    anyhow!("{error}; {remedy}")
}

/// Says what belongs together, and what is left out.
fn say(pairing: &Pairing, predictions: &MapSet, truths: Ids<'_>, args: &GivenArgs) {
    let path = args.pred.as_deref().unwrap_or(Path::new("")).display();
    let unused = &pairing.without_ground_truth;
    if !unused.is_empty() {
        let names = unused.iter().map(|&index| &predictions.ids()[index]);
        remark(&format!(
            "{path}: {} of {} predictions have no ground truth and are left out: {}",
            unused.len(),
            predictions.len(),
            few(names.map(String::as_str), unused.len())
        ));
    }
    let is_word = |word: &str| ["disp", "disparity"].contains(&&word.to_ascii_lowercase()[..]);
    let mut names = predictions.ids().iter();
    if !args.disparity && names.any(|id| id.split(|c: char| !c.is_alphanumeric()).any(is_word)) {
        remark(&format!(
            "warning: {path}: names say disparity, but the predictions are read as depth; --disparity reads disparities"
        ));
    }
    if args.only.is_some() {
        let all = truths.ids.len();
        remark(&format!(
            "--only: {} of {} scored",
            pairing.pairs.len(),
            count(all, "image")
        ));
    }
    let label = |ids: Ids<'_>, index: usize| match ids.meaning {
        OrderMeaning::Stack => format!("slice {index}"),
        _ => ids.ids[index].clone(),
    };
    let [first, last] = pairing.ends.map(|(prediction, truth)| {
        let (prediction, truth) = (
            label(predictions.ordered_ids(), prediction),
            label(truths, truth),
        );
        // The slice first, whichever side the stack is on.
        match (predictions.is_stack(), truths.meaning) {
            (false, OrderMeaning::Stack) => format!("{truth} is {prediction}"),
            _ => format!("{prediction} is {truth}"),
        }
    });
    let ends = match first == last {
        true => first,
        false => format!("{first}, {last}"),
    };
    let pairs = count(pairing.pairs.len(), "prediction");
    remark(&format!("paired {pairs} {}: {ends}", pairing.how));
}

/// The first names, and the number of the others.
pub(super) fn few<'a>(names: impl Iterator<Item = &'a str>, all: usize) -> String {
    let mut text = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if all > NAMED {
        text += &format!(" and {} more", all - NAMED);
    }
    text
}
