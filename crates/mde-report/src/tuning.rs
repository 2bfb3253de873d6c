//! Tuning curves: the mean response of each unit by depth, as small multiples and as one map per
//! layer.
//!
//! The horizontal axis gives every depth bin the same width and is labelled in metres.
//! Spacing-increasing bins are narrow near the camera and would vanish on a linear axis.

use mde_metrics::{DepthBins, UnitAssignment};
use mde_results::LayerDissection;

use crate::charts::{Drawing, Scale, band, polyline, tick_label};
use crate::error::ReportError;
use crate::format::{fixed, metres};
use crate::maps::{Canvas, DEPTH};

/// Units by preferred bin (valid-bins estimator), then by number. Units without one come last.
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

/// The bin assigned to each unit, if the layer was trained with an assignment.
pub(crate) fn assigned_bins(layer: &LayerDissection) -> Option<UnitAssignment> {
    layer
        .valid_bins
        .assigned
        .as_ref()
        .and_then(|_| UnitAssignment::new(layer.units, layer.bins.len()).ok())
}

/// The tuning curve of one unit: response against depth, with the preferred bin marked and the
/// assigned bin shaded.
pub(crate) fn tuning_curve(
    layer: &LayerDissection,
    unit: usize,
    assigned: Option<usize>,
) -> String {
    const WIDTH: f64 = 120.0;
    const HEIGHT: f64 = 46.0;
    let responses = &layer.mean_response[unit];
    let intervals = &layer.response_intervals[unit];
    let x = Scale::new(0.0, responses.len() as f64, 2.0, WIDTH - 2.0);
    let values = || {
        let ends = intervals.iter().flatten();
        let ends = ends.flat_map(|interval| [interval.low, interval.high]);
        responses.iter().flatten().copied().chain(ends)
    };
    let (low, high) = (values().fold(0.0, f64::min), values().fold(0.0, f64::max));
    let y = Scale::new(low, high, HEIGHT - 4.0, 4.0);
    let centre = |bin: usize| x.at(bin as f64 + 0.5);

    let description = describe(layer, unit, assigned);
    let mut drawing = Drawing::new("tuning", &description, WIDTH, HEIGHT);
    if let Some(bin) = assigned {
        let (left, right) = (x.at(bin as f64), x.at(bin as f64 + 1.0));
        let shade = format_args!("M{left:.1} 0H{right:.1}V{HEIGHT}H{left:.1}z");
        drawing.path("assigned-bin", shade);
    }
    drawing.path("base", format_args!("M0 {:.1}H{WIDTH}", y.at(0.0)));
    let outline = intervals.iter().enumerate().map(|(bin, interval)| {
        interval.map(|interval| (centre(bin), y.at(interval.low), y.at(interval.high)))
    });
    let outline = band(outline, 1);
    if !outline.is_empty() {
        drawing.path("band", outline);
    }
    let points = responses
        .iter()
        .enumerate()
        .map(|(bin, response)| response.map(|response| (centre(bin), y.at(response))));
    drawing.path("curve", polyline(points, 1));
    let preferred = layer.valid_bins.units[unit].preferred_bin;
    if let Some((bin, response)) = preferred.and_then(|bin| Some((bin, responses[bin]?))) {
        let (cx, cy) = (centre(bin), y.at(response));
        drawing.add(format_args!(
            r#"<circle class="peak" cx="{cx:.1}" cy="{cy:.1}" r="3"/>"#
        ));
    }
    drawing.finish()
}

fn describe(layer: &LayerDissection, unit: usize, assigned: Option<usize>) -> String {
    let range = |bin: usize| {
        let (from, to) = layer.bins.range(bin);
        format!("{} to {} m", metres(from), metres(to))
    };
    let scored = &layer.valid_bins.units[unit];
    let preferred = match scored.preferred_bin {
        Some(bin) => {
            let score = fixed(scored.selectivity, 2);
            format!("prefers {}, selectivity {score}", range(bin))
        }
        None => "no preferred depth".to_owned(),
    };
    let assigned = assigned.map(|bin| format!("; assigned to {}", range(bin)));
    format!("Unit {unit}: {preferred}{}", assigned.unwrap_or_default())
}

/// All units of a layer at once: a row per unit, a column per bin, coloured by |response| relative
/// to the unit's largest.
///
/// Rows are sorted by assigned bin in a layer trained with an assignment, else by preferred depth.
/// Sorting by preference gives a diagonal in every layer. Sorting by assignment gives one only if
/// the units follow their assignment.
pub(crate) fn response_map(layer: &LayerDissection, alt: &str) -> Result<String, ReportError> {
    const WIDTH: f64 = 460.0;
    const HEIGHT: f64 = 300.0;
    const LEFT: f64 = 22.0;
    const TOP: f64 = 4.0;
    let (right, bottom) = (WIDTH - 10.0, HEIGHT - 40.0);
    let bins = layer.bins.len();
    let mut values = Vec::with_capacity(layer.units * bins);
    let (order, sorting) = match assigned_bins(layer) {
        Some(_) => ((0..layer.units).collect(), "assigned"),
        None => (by_preferred_depth(layer), "preferred"),
    };
    for unit in order {
        let responses = &layer.mean_response[unit];
        let sizes = responses.iter().flatten().map(|response| response.abs());
        let largest = sizes.fold(0.0, f64::max);
        let relative = |response: f64| match largest > 0.0 {
            true => response.abs() / largest,
            false => 0.0,
        };
        values.extend(responses.iter().map(|response| response.map(relative)));
    }
    let canvas = Canvas {
        size: (layer.units, bins),
        widest: bins,
    };
    let picture = canvas.map(&values, DEPTH, (0.0, 1.0))?;

    let mut drawing = Drawing::chart(alt, WIDTH, HEIGHT);
    drawing.add(format_args!(
        r#"<image class="pixels" href="{picture}" x="{LEFT}" y="{TOP}" width="{}" height="{}" preserveAspectRatio="none"/>"#,
        right - LEFT,
        bottom - TOP
    ));
    let x = Scale::new(0.0, bins as f64, LEFT, right);
    for (position, depth) in depth_ticks(&layer.bins) {
        drawing.x_tick(x.at(position), bottom, &depth);
    }
    let axis = "true depth, metres (all bins equally wide)";
    drawing.centred("axis", (LEFT + right) / 2.0, HEIGHT - 6.0, axis);
    drawing.add(format_args!(
        r#"<text class="axis" transform="translate(14 {:.1}) rotate(-90)" text-anchor="middle">units by {sorting} depth</text>"#,
        (TOP + bottom) / 2.0,
    ));
    Ok(drawing.finish())
}

/// Round depths with their position in bins, far enough apart for labels.
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

/// Position of a depth in bins: the bin's number plus the fraction of the bin below the depth.
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
