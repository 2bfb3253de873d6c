//! Checks of the depth values of a split.

use super::depth::{Depths, MapDepths};
use super::finding::{Finding, Severity};
use super::listing::Listing;
use super::pair::InspectedPair;
use crate::Scene;
use crate::plan::Plan;

/// Above 1 in this number of maps, one finding for the split replaces those of single maps.
const MANY: usize = 3;
/// A map is reported if its fraction of missing depth is farther from the median than this...
const MISSING_APART: f64 = 0.3;
/// ...and than this multiple of the median distance.
const TIMES_USUAL: f64 = 6.0;
/// Fewest maps for which a usual fraction is computed.
const MIN_MAPS: usize = 5;

/// Checks the depth values of a split.
pub(super) fn check(
    listing: &Listing,
    pairs: &[InspectedPair],
    depths: &Depths,
    findings: &mut Vec<Finding>,
) {
    let maps: Vec<(&InspectedPair, &MapDepths)> = pairs
        .iter()
        .filter_map(|pair| Some((pair, pair.depth.as_ref()?.depths.as_ref()?)))
        .collect();
    let others = findings.len();
    let all_implausible = implausible(listing, &maps, depths, findings);
    // Depth in a wrong unit is beyond the reach too: the unit is the finding.
    let is_reported = findings.len() > others;
    let faults = depths.faults(&listing.plan).into_iter();
    let faults = faults.filter(|fault| !(is_reported && fault.check == "beyond-reach"));
    findings.extend(faults.map(|fault| Finding {
        severity: fault.severity,
        ..Finding::error(fault.check, listing.name(), fault.what, fault.advice)
    }));
    for (pair, map) in &maps {
        // Depths in a wrong unit are all out of range; the pair itself is not to be removed.
        if map.measured == 0 && map.stored > 0 && (all_implausible || map.implausible.is_some()) {
            continue;
        }
        if map.measured == 0 {
            findings.push(Finding::warning(
                "no-measurement",
                pair.depth_place(),
                "no pixel has a depth",
                "remove the pair: it contributes nothing to training or evaluation",
            ));
        } else if let Some(metres) = map.constant() {
            findings.push(Finding::warning(
                "constant-depth",
                pair.depth_place(),
                format!("all measured pixels have a depth of {metres} m: a frozen sensor?"),
                "look at the map; remove the pair if it is not real",
            ));
        }
    }
    missing_depth(&maps, findings);
}

/// Reports wrong units: one finding for the split if most maps share it, and true then.
fn implausible(
    listing: &Listing,
    maps: &[(&InspectedPair, &MapDepths)],
    depths: &Depths,
    findings: &mut Vec<Finding>,
) -> bool {
    let advice = unit_advice(&listing.plan, depths.farthest());
    let finding = |severity, place, what| Finding {
        severity,
        ..Finding::error("implausible-depth", place, what, advice.clone())
    };
    let whole = depths.implausible(&listing.plan);
    let each: Vec<Finding> = maps
        .iter()
        .filter_map(|(pair, map)| {
            let what = map.implausible.clone()?;
            Some(finding(Severity::Error, pair.depth_place(), what))
        })
        .collect();
    match (whole, each.first()) {
        (Some((Severity::Error, what)), _) => {
            findings.push(finding(Severity::Error, listing.name(), what));
            true
        }
        (_, Some(first)) if each.len() > listing.pairs.len() / MANY => {
            let what = format!(
                "{} of {} depth maps; the first is {}: {}",
                each.len(),
                listing.pairs.len(),
                first.place,
                first.what
            );
            findings.push(finding(Severity::Error, listing.name(), what));
            true
        }
        (whole, _) => {
            let whole = whole.map(|(severity, what)| finding(severity, listing.name(), what));
            findings.extend(whole);
            findings.extend(each);
            false
        }
    }
}

/// What to do about depths that are too large or too small. `farthest` is the largest stored depth
/// beyond the reach, 0 if none is.
fn unit_advice(plan: &Plan, farthest: f32) -> String {
    let mut advice = "check the encoding: the files may be stored in another unit".to_owned();
    let street = Scene::Street.max_depth();
    let (near, far) = (plan.range.map_or(0.1, |(near, _)| near), farthest.ceil());
    if far > 0.0 && far <= street && plan.scene == Scene::Indoor {
        advice += &format!(
            "; if the depths are right, write scene = \"street\" in dataset.toml, whose networks reach {street} m"
        );
    } else if far > 0.0 && plan.range.is_none_or(|(_, end)| end < far) {
        advice += &format!(
            "; if the depths are right, write range = [{near:?}, {far:?}] under [depth] in dataset.toml; networks \
             learn from depths up to {} m",
            plan.limit
        );
    }
    advice
}

/// Reports maps with far more or far less missing depth than the others.
fn missing_depth(maps: &[(&InspectedPair, &MapDepths)], findings: &mut Vec<Finding>) {
    let fractions: Vec<(&InspectedPair, f64)> = maps
        .iter()
        .filter(|(_, map)| map.measured > 0)
        .map(|(pair, map)| (*pair, map.missing_fraction()))
        .collect();
    if fractions.len() < MIN_MAPS {
        return;
    }
    let usual = median(fractions.iter().map(|(_, fraction)| *fraction));
    let apart = median(
        fractions
            .iter()
            .map(|(_, fraction)| (fraction - usual).abs()),
    );
    for (pair, fraction) in fractions {
        if (fraction - usual).abs() > MISSING_APART.max(TIMES_USUAL * apart) {
            findings.push(Finding::warning(
                "missing-depth",
                pair.depth_place(),
                format!(
                    "{:.1} % of the pixels have no depth; the median here is {:.1} %",
                    100.0 * fraction,
                    100.0 * usual
                ),
                "look at the map",
            ));
        }
    }
}

/// The median of at least one value.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
