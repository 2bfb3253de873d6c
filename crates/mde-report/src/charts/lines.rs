//! Charts of curves: through points, and as steps over ranges.

use std::fmt::Write as _;

use super::{
    BOTTOM, LEFT, Labels, RIGHT, Scale, TOP, band, extent, frame, open, padded, polyline, spacing,
    tick_label, ticks, x_tick,
};

/// One curve of a chart.
pub(crate) struct Series {
    /// CSS classes, which carry colour and stroke: "plain", "assigned", "random", "dash-1" …
    pub class: String,
    /// Points in the chart's units, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A shaded area between two values: x, lower, upper.
pub(crate) struct Band {
    /// CSS classes.
    pub class: String,
    pub points: Vec<(f64, f64, f64)>,
}

/// How the horizontal axis runs.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum XAxis {
    /// From 0, in equal steps.
    FromZero,
    /// 0 to 1, labelled in per cent.
    Share,
    /// Every doubling equally wide, a mark at every point.
    Doubling,
}

/// What a line chart shows.
pub(crate) struct LineChart {
    pub x: XAxis,
    /// The vertical axis covers the data, and zero if this is true.
    pub from_zero: bool,
    /// A value to compare with, as a thin line.
    pub level: Option<f64>,
    pub bands: Vec<Band>,
    pub series: Vec<Series>,
}

/// Curves through points over their bands.
pub(crate) fn line_chart(labels: &Labels<'_>, chart: &LineChart) -> String {
    let points = || chart.series.iter().flat_map(|series| &series.points);
    let place = |x: f64| match chart.x {
        XAxis::Doubling => x.max(f64::MIN_POSITIVE).log2(),
        _ => x,
    };
    let (x_from, x_to) = match chart.x {
        XAxis::FromZero => extent(points().map(|point| point.0).chain([0.0])),
        XAxis::Share => (0.0, 1.0),
        XAxis::Doubling => extent(points().map(|point| place(point.0))),
    };
    let edges = chart.bands.iter().flat_map(|band| &band.points);
    let (y_from, y_to) = extent(
        points()
            .map(|point| point.1)
            .chain(edges.flat_map(|edge| [edge.1, edge.2]))
            .chain(chart.level)
            .chain(chart.from_zero.then_some(0.0)),
    );
    let y_to = padded(y_from, y_to);
    let (x, y) = (
        Scale::new(x_from, x_to, LEFT, RIGHT),
        Scale::new(y_from, y_to, BOTTOM, TOP),
    );
    let mut svg = open(labels);
    frame(&mut svg, labels, (y_from, y_to, y));
    match chart.x {
        XAxis::Doubling => {
            let mut marks: Vec<f64> = points().map(|point| point.0).collect();
            marks.sort_by(f64::total_cmp);
            marks.dedup();
            for mark in marks {
                x_tick(&mut svg, x.at(place(mark)), &tick_label(mark, 1.0));
            }
        }
        XAxis::Share => {
            for mark in ticks(0.0, 1.0, 5) {
                let label = format!("{}\u{a0}%", tick_label(100.0 * mark, 1.0));
                x_tick(&mut svg, x.at(mark), &label);
            }
        }
        XAxis::FromZero => {
            let marks = ticks(x_from, x_to, 6);
            for mark in &marks {
                x_tick(&mut svg, x.at(*mark), &tick_label(*mark, spacing(&marks)));
            }
        }
    }
    for Band { class, points } in &chart.bands {
        let outline = points
            .iter()
            .map(|&(px, low, high)| Some((x.at(place(px)), y.at(low), y.at(high))));
        let _ = write!(
            svg,
            r#"<path class="band {class}" d="{}"/>"#,
            band(outline, 1)
        );
    }
    if let Some(level) = chart.level {
        let _ = write!(
            svg,
            r#"<path class="level" d="M{LEFT} {:.1}H{RIGHT}"/>"#,
            y.at(level)
        );
    }
    for Series { class, points } in &chart.series {
        let path = polyline(
            points
                .iter()
                .map(|&(px, py)| Some((x.at(place(px)), y.at(py)))),
            1,
        );
        let _ = write!(svg, r#"<path class="curve {class}" d="{path}"/>"#);
    }
    svg.push_str("</svg>");
    svg
}

/// Values per range as steps, over grey bars that show how much of the data lies in each range.
///
/// `shares[i]` (0 to 1) belongs to `ranges[i]`; a value of `None` leaves a gap in its curve.
pub(crate) fn step_chart(
    labels: &Labels<'_>,
    ranges: &[(f64, f64)],
    shares: &[f64],
    series: &[(String, Vec<Option<f64>>)],
) -> String {
    let (x_from, x_to) = extent(ranges.iter().flat_map(|range| [range.0, range.1]));
    let (_, y_to) = extent(
        series
            .iter()
            .flat_map(|(_, values)| values.iter().flatten().copied())
            .chain([0.0]),
    );
    let y_to = padded(0.0, y_to);
    let (x, y) = (
        Scale::new(x_from, x_to, LEFT, RIGHT),
        Scale::new(0.0, y_to, BOTTOM, TOP),
    );
    // Bars show the share per metre, so that a wide range does not look fuller than it is.
    let density =
        |range: &(f64, f64), share: f64| share / (range.1 - range.0).max(f64::MIN_POSITIVE);
    let densest = ranges
        .iter()
        .zip(shares)
        .map(|(range, share)| density(range, *share))
        .fold(0.0, f64::max);
    let bars = Scale::new(0.0, densest, BOTTOM, BOTTOM - 0.45 * (BOTTOM - TOP));

    let mut svg = open(labels);
    for (range, share) in ranges.iter().zip(shares).filter(|(_, share)| **share > 0.0) {
        let (left, right, top) = (
            x.at(range.0),
            x.at(range.1),
            bars.at(density(range, *share)),
        );
        let _ = write!(
            svg,
            r#"<rect class="share" x="{left:.1}" y="{top:.1}" width="{:.1}" height="{:.1}"/>"#,
            right - left,
            BOTTOM - top
        );
    }
    frame(&mut svg, labels, (0.0, y_to, y));
    let marks = ticks(x_from, x_to, 6);
    for mark in &marks {
        x_tick(&mut svg, x.at(*mark), &tick_label(*mark, spacing(&marks)));
    }
    for (class, values) in series {
        let corners = ranges
            .iter()
            .zip(values)
            .flat_map(|(range, value)| match value {
                Some(value) => [
                    Some((x.at(range.0), y.at(*value))),
                    Some((x.at(range.1), y.at(*value))),
                ],
                None => [None, None],
            });
        let _ = write!(
            svg,
            r#"<path class="curve {class}" d="{}"/>"#,
            polyline(corners, 1)
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_empty_and_single_data_give_finite_charts() {
        let labels = Labels {
            alt: "a <b> & \"c\"",
            x: "x",
            y: "y",
        };
        let series = |points: &[(f64, f64)]| Series {
            class: "plain".to_owned(),
            points: points.to_vec(),
        };
        for x in [XAxis::FromZero, XAxis::Share, XAxis::Doubling] {
            for series in [
                vec![series(&[(1.0, 2.0), (2.0, 2.0)])],
                vec![series(&[(1.0, 0.0)])],
                vec![],
            ] {
                let chart = LineChart {
                    x,
                    from_zero: false,
                    level: None,
                    bands: Vec::new(),
                    series,
                };
                let svg = line_chart(&labels, &chart);
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
                assert!(svg.contains("a &lt;b&gt; &amp; &quot;c&quot;"));
            }
        }
        let svg = step_chart(
            &labels,
            &[(0.0, 1.0), (1.0, 3.0)],
            &[0.0, 0.0],
            &[("plain".to_owned(), vec![None, Some(0.0)])],
        );
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
