//! Checks of a document's lengths: readers index it by unit, bin and range.

use crate::documents::{
    Ablation, Corrected, Correction, Dissection, LayerAblation, LayerCorrection, LayerDissection,
};

type Lengths<'a> = Vec<(&'a str, usize, usize)>;

/// Each (field, expected, found).
fn same(layer: &str, lengths: Lengths<'_>) -> Result<(), String> {
    match lengths
        .into_iter()
        .find(|(_, expected, found)| expected != found)
    {
        None => Ok(()),
        Some((field, expected, found)) => Err(format!(
            "layer {layer}: {field} has {found} entries where {expected} are expected"
        )),
    }
}

fn units_of<'a>(
    dissection: &'a Dissection,
    layer: &str,
    units: usize,
) -> Result<&'a LayerDissection, String> {
    let found = dissection.layers.iter().find(|found| found.layer == layer);
    match found {
        Some(found) if found.units == units => Ok(found),
        Some(found) => Err(format!(
            "layer {layer} has {units} units here and {} in dissect.json",
            found.units
        )),
        None => Err(format!("layer {layer} is not in dissect.json")),
    }
}

pub(crate) fn dissection(dissection: &Dissection) -> Result<(), String> {
    dissection.layers.iter().try_for_each(dissected)
}

fn dissected(layer: &LayerDissection) -> Result<(), String> {
    let name = &layer.layer;
    let (units, bins) = (layer.units, layer.bins.len());
    let mut lengths = vec![
        ("mean_response", units, layer.mean_response.len()),
        ("response_intervals", units, layer.response_intervals.len()),
        ("pixels", bins, layer.pixels.len()),
    ];
    if let Some(null) = &layer.null {
        lengths.push(("null.units", units, null.units.len()));
    }
    for (part, estimated) in [
        ("reference", &layer.reference),
        ("valid_bins", &layer.valid_bins),
    ] {
        let mut scores = vec![
            ("units", units, estimated.units.len()),
            ("unit_intervals", units, estimated.unit_intervals.len()),
            ("held_out.units", units, estimated.held_out.units.len()),
        ];
        if let Some(assigned) = &estimated.assigned {
            scores.push(("assigned", units, assigned.len()));
        }
        same(&format!("{name}, {part}"), scores)?;
    }
    same(name, lengths)?;
    let rows = |field: &str, rows: &mut dyn Iterator<Item = usize>| match rows
        .enumerate()
        .find(|(_, found)| *found != bins)
    {
        None => Ok(()),
        Some((unit, found)) => Err(format!(
            "layer {name}: {field} of unit {unit} has {found} bins where {bins} are expected"
        )),
    };
    rows(
        "mean_response",
        &mut layer.mean_response.iter().map(Vec::len),
    )?;
    rows(
        "response_intervals",
        &mut layer.response_intervals.iter().map(Vec::len),
    )?;
    let preferred = layer
        .reference
        .units
        .iter()
        .chain(&layer.valid_bins.units)
        .filter_map(|unit| unit.preferred_bin);
    match preferred.max() {
        Some(bin) if bin >= bins => {
            Err(format!("layer {name}: preferred bin {bin} of {bins} bins"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn ablation(ablation: &Ablation, dissection: &Dissection) -> Result<(), String> {
    let ranges = ablation.ranges.len();
    ablation.layers.iter().try_for_each(|layer| {
        units_of(dissection, &layer.layer, layer.units)?;
        ablated(layer, ranges)
    })
}

fn ablated(layer: &LayerAblation, ranges: usize) -> Result<(), String> {
    let name = &layer.layer;
    let mut lengths = vec![("order", layer.units, layer.order.len())];
    for single in &layer.single_removals {
        lengths.push(("single_removals.units", layer.units, single.units.len()));
    }
    let points = layer.curves.iter().flat_map(|curve| &curve.points);
    lengths.extend(
        points
            .clone()
            .map(|point| ("by_range", ranges, point.by_range.len())),
    );
    same(name, lengths)?;
    match points.map(|point| point.removed).max() {
        Some(removed) if removed > layer.units => Err(format!(
            "layer {name}: {removed} of {} units removed",
            layer.units
        )),
        _ => Ok(()),
    }
}

pub(crate) fn correction(correction: &Correction, dissection: &Dissection) -> Result<(), String> {
    correction.layers.iter().try_for_each(|layer| {
        units_of(dissection, &layer.layer, layer.units)?;
        corrected(layer)
    })
}

fn corrected(layer: &LayerCorrection) -> Result<(), String> {
    let (units, bins) = (layer.units, layer.bins.len());
    let mut lengths = vec![
        ("pixels", bins, layer.pixels.len()),
        ("before_by_bin", bins, layer.before_by_bin.len()),
        ("single_units", units, layer.single_units.len()),
        ("ranking", units, layer.ranking.len()),
        ("groups", bins, layer.groups.len()),
        ("indicator.units", units, layer.indicator.units.len()),
    ];
    let groups = layer
        .groups
        .iter()
        .filter_map(|group| group.corrected.as_ref());
    let all: Vec<&Corrected> = layer
        .single_units
        .iter()
        .chain([&layer.all_units])
        .chain(groups)
        .collect();
    lengths.extend(
        all.iter()
            .map(|corrected| ("by_bin", bins, corrected.by_bin.len())),
    );
    same(&layer.layer, lengths)?;
    let listed = layer.per_image.iter().flat_map(|image| &image.units);
    let of_groups = layer.groups.iter().flat_map(|group| &group.units);
    let named = layer
        .ranking
        .iter()
        .chain(of_groups)
        .copied()
        .chain(listed.map(|share| share.unit));
    match named.max() {
        Some(unit) if unit >= units => Err(format!(
            "layer {}: unit {unit} of {units} units",
            layer.layer
        )),
        _ => Ok(()),
    }
}
