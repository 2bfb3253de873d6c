//! Tuning curves: the mean response of each unit by depth, as small multiples and as one map per layer.
//!
//! The horizontal axis gives every depth bin the same width and is labelled in metres. Spacing-increasing bins are far
//! narrower near than far; on an axis linear in metres the near ones, and the ranges assigned there, would vanish.

use std::fmt::Write as _;

use mde_metrics::results::LayerDissection;
use mde_metrics::{DepthBins, UnitAssignment};

use crate::ReportError;
use crate::charts::{Scale, band, open_sized, polyline, tick_label};
use crate::format::{fixed, metres};
use crate::maps::{DEPTH, Map};

/// Units by preferred depth (valid-bins), then by number; units without a preferred bin last.
pub(crate) fn by_preferred_depth(layer: &LayerDissection) -> Vec<usize> {
    let mut order: Vec<usize> = (0..layer.units).collect();
    order.sort_by_key(|unit| {
        (
            layer.valid_bins.units[*unit]
                .preferred_bin
                .unwrap_or(usize::MAX),
            *unit,
        )
    });
    order
}

/// The bin that each unit of the layer owns, if the layer was trained with an assignment over these bins.
pub(crate) fn owned_bins(layer: &LayerDissection) -> Option<UnitAssignment> {
    layer
        .valid_bins
        .assigned
        .as_ref()
        .and_then(|_| UnitAssignment::new(layer.units, layer.bins.len()).ok())
}

/// The tuning curve of one unit: response against depth, the preferred bin marked, the owned range shaded.
pub(crate) fn tuning_curve(layer: &LayerDissection, unit: usize, owned: Option<usize>) -> String {
    const WIDTH: f64 = 120.0;
    const HEIGHT: f64 = 46.0;
    let responses = &layer.mean_response[unit];
    let bins = responses.len() as f64;
    let x = Scale::new(0.0, bins, 2.0, WIDTH - 2.0);
    let defined = || responses.iter().flatten().copied();
    let intervals = &layer.response_intervals[unit];
    let ends = || {
        let ends = intervals.iter().flatten();
        defined().chain(ends.flat_map(|interval| [interval.low, interval.high]))
    };
    let (low, high) = (ends().fold(0.0, f64::min), ends().fold(0.0, f64::max));
    let y = Scale::new(low, high, HEIGHT - 4.0, 4.0);

    let mut svg = format!(
        r#"<svg class="tuning" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#,
        describe(layer, unit, owned)
    );
    if let Some(bin) = owned {
        let (left, right) = (x.at(bin as f64), x.at(bin as f64 + 1.0));
        let _ = write!(
            svg,
            r#"<path class="own" d="M{left:.1} 0H{right:.1}V{HEIGHT}H{left:.1}z"/>"#
        );
    }
    let _ = write!(
        svg,
        r#"<path class="base" d="M0 {:.1}H{WIDTH}"/>"#,
        y.at(0.0)
    );
    let centre = |bin: usize| x.at(bin as f64 + 0.5);
    let outline = intervals.iter().enumerate().map(|(bin, interval)| {
        interval.map(|interval| (centre(bin), y.at(interval.low), y.at(interval.high)))
    });
    let outline = band(outline, 1);
    if !outline.is_empty() {
        let _ = write!(svg, r#"<path class="band" d="{outline}"/>"#);
    }
    let points = responses
        .iter()
        .enumerate()
        .map(|(bin, response)| response.map(|response| (centre(bin), y.at(response))));
    let _ = write!(svg, r#"<path class="curve" d="{}"/>"#, polyline(points, 1));
    let preferred = layer.valid_bins.units[unit].preferred_bin;
    if let Some((bin, response)) = preferred.and_then(|bin| Some((bin, responses[bin]?))) {
        let _ = write!(
            svg,
            r#"<circle class="peak" cx="{:.1}" cy="{:.1}" r="3"/>"#,
            centre(bin),
            y.at(response)
        );
    }
    svg.push_str("</svg>");
    svg
}

fn describe(layer: &LayerDissection, unit: usize, owned: Option<usize>) -> String {
    let range = |bin: usize| {
        let (from, to) = layer.bins.range(bin);
        format!("{} to {} m", metres(from), metres(to))
    };
    let scored = &layer.valid_bins.units[unit];
    let mut text = format!("Unit {unit}: ");
    match scored.preferred_bin {
        Some(bin) => {
            let _ = write!(
                text,
                "prefers {}, selectivity {}",
                range(bin),
                fixed(scored.selectivity, 2)
            );
        }
        None => text.push_str("no preferred depth"),
    }
    if let Some(bin) = owned {
        let _ = write!(text, "; owns {}", range(bin));
    }
    text
}

/// All units of a layer at once: one row a unit, one column a bin, colour |response| over the unit's largest.
///
/// Rows are sorted by preferred depth, or by assigned depth (the units' own order) in a layer that was trained with an
/// assignment: sorting by preference puts every layer on the diagonal, sorting by assignment only one that obeys it.
pub(crate) fn response_map(layer: &LayerDissection, alt: &str) -> Result<String, ReportError> {
    const WIDTH: f64 = 460.0;
    const HEIGHT: f64 = 300.0;
    const LEFT: f64 = 22.0;
    const TOP: f64 = 4.0;
    let (right, bottom) = (WIDTH - 10.0, HEIGHT - 40.0);
    let bins = layer.bins.len();
    let mut values = Vec::with_capacity(layer.units * bins);
    let assigned = owned_bins(layer).is_some();
    let order = if assigned {
        (0..layer.units).collect()
    } else {
        by_preferred_depth(layer)
    };
    for unit in order {
        let responses = &layer.mean_response[unit];
        let largest = responses
            .iter()
            .flatten()
            .fold(0.0, |largest: f64, response| largest.max(response.abs()));
        let share = |response: f64| {
            if largest > 0.0 {
                response.abs() / largest
            } else {
                0.0
            }
        };
        values.extend(responses.iter().map(|response| response.map(share)));
    }
    let picture = Map {
        values: &values,
        height: layer.units,
        width: bins,
        widest: bins,
    }
    .paint(DEPTH, (0.0, 1.0))?;

    let mut svg = open_sized(alt, WIDTH, HEIGHT);
    let _ = write!(
        svg,
        r#"<image class="pixels" href="{picture}" x="{LEFT}" y="{TOP}" width="{}" height="{}" preserveAspectRatio="none"/>"#,
        right - LEFT,
        bottom - TOP
    );
    let x = Scale::new(0.0, bins as f64, LEFT, right);
    for (position, depth) in depth_ticks(&layer.bins) {
        let at = x.at(position);
        let _ = write!(
            svg,
            r#"<path class="notch" d="M{at:.1} {bottom}v4"/><text class="tick" x="{at:.1}" y="{:.1}" text-anchor="middle">{depth}</text>"#,
            bottom + 16.0
        );
    }
    let _ = write!(
        svg,
        r#"<text class="axis" x="{:.1}" y="{:.1}" text-anchor="middle">true depth, metres (every bin equally wide)</text><text class="axis" transform="translate(14 {:.1}) rotate(-90)" text-anchor="middle">units by {} depth</text></svg>"#,
        (LEFT + right) / 2.0,
        HEIGHT - 6.0,
        (TOP + bottom) / 2.0,
        if assigned { "assigned" } else { "preferred" }
    );
    Ok(svg)
}

/// Round depths with their position along the bins (in bins), far enough apart to be labelled.
pub(crate) fn depth_ticks(bins: &DepthBins) -> Vec<(f64, String)> {
    const APART: f64 = 0.055;
    let edges = bins.edges();
    let [first, .., last] = edges else {
        return Vec::new();
    };
    let round = [
        0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0,
        60.0, 80.0,
    ];
    let depths = [*first]
        .into_iter()
        .chain(
            round
                .into_iter()
                .filter(|depth| depth > first && depth < last),
        )
        .chain([*last]);
    let mut marks: Vec<(f64, String)> = Vec::new();
    for depth in depths {
        let position = position_of(edges, depth);
        let room = marks
            .last()
            .is_none_or(|(before, _)| position - before >= APART * bins.len() as f64);
        if !room && depth == *last {
            marks.pop();
        }
        if room || depth == *last {
            let label = if depth < 1.0 {
                metres(depth)
            } else {
                tick_label(depth, if depth.fract() == 0.0 { 1.0 } else { 0.1 })
            };
            marks.push((position, label));
        }
    }
    marks
}

/// Position of a depth along the bins: the bin's number plus how far into the bin the depth lies.
fn position_of(edges: &[f64], depth: f64) -> f64 {
    let bin = edges
        .partition_point(|edge| *edge < depth)
        .clamp(1, edges.len() - 1)
        - 1;
    bin as f64 + (depth - edges[bin]) / (edges[bin + 1] - edges[bin])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn depth_ticks_lie_on_the_bins_and_apart() {
        for bins in [
            DepthBins::nyu(64),
            DepthBins::kitti(64),
            DepthBins::nyu(8),
            DepthBins::uniform(0.0, 10.0, 5),
        ] {
            let bins = bins.unwrap();
            let marks = depth_ticks(&bins);
            assert!(marks.len() >= 3, "{marks:?}");
            assert_eq!(marks.last().unwrap().0, bins.len() as f64);
            assert!(
                marks.windows(2).all(|pair| pair[0].0 < pair[1].0),
                "{marks:?}"
            );
        }
    }

    #[test]
    fn an_edge_lies_between_its_bins() {
        let edges = [0.0, 1.0, 3.0, 10.0];
        let positions = [0.0, 0.5, 1.0, 2.0, 10.0].map(|depth| position_of(&edges, depth));
        assert_eq!(positions, [0.0, 0.5, 1.0, 1.5, 3.0]);
    }
}
