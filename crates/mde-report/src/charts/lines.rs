//! Charts of curves: through points, and as steps over ranges.

use super::svg::{
    BOTTOM, Drawing, HEIGHT, LEFT, Labels, RIGHT, Scale, TOP, WIDTH, band, extent, padded,
    polyline, tick_label, ticks,
};

/// One curve of a chart.
pub(crate) struct Series {
    /// CSS classes, which carry colour and stroke: "plain", "assigned", "random", "dash-1" …
    pub class: String,
    /// Points from left to right, in data units.
    pub points: Vec<(f64, f64)>,
}

/// A shaded area between two values.
pub(crate) struct Band {
    /// CSS classes.
    pub class: String,
    /// x, lower and upper value.
    pub points: Vec<(f64, f64, f64)>,
}

/// The kind of horizontal axis.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum XAxis {
    /// Linear, from 0.
    FromZero,
    /// 0 to 1, labelled in per cent.
    Share,
    /// Logarithmic to base 2, with a mark at every point.
    Doubling,
}

/// The content of a line chart.
pub(crate) struct LineChart {
    pub x: XAxis,
    /// Whether the vertical axis covers zero besides the data.
    pub from_zero: bool,
    /// A value to compare with, drawn as a thin line.
    pub level: Option<f64>,
    pub bands: Vec<Band>,
    pub series: Vec<Series>,
}

/// Curves through points, on top of the bands.
pub(crate) fn line_chart(labels: &Labels<'_>, chart: &LineChart) -> String {
    let points = || chart.series.iter().flat_map(|series| &series.points);
    let place = |x: f64| match chart.x {
        XAxis::Doubling => x.max(f64::MIN_POSITIVE).log2(),
        _ => x,
    };
    let x_range = match chart.x {
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
    let scale = Scale::new(x_range.0, x_range.1, LEFT, RIGHT);
    let (x, y) = (
        |value: f64| scale.at(place(value)),
        Scale::new(y_from, y_to, BOTTOM, TOP),
    );
    let mut drawing = Drawing::chart(labels.alt, WIDTH, HEIGHT);
    drawing.frame(labels, (y_from, y_to), y);
    match chart.x {
        XAxis::Doubling => {
            let mut marks: Vec<f64> = points().map(|point| point.0).collect();
            marks.sort_by(f64::total_cmp);
            marks.dedup();
            for mark in marks {
                drawing.x_tick(x(mark), BOTTOM, &tick_label(mark, 1.0));
            }
        }
        XAxis::Share => {
            for mark in ticks(0.0, 1.0, 5) {
                let label = format!("{}\u{a0}%", tick_label(100.0 * mark, 1.0));
                drawing.x_tick(x(mark), BOTTOM, &label);
            }
        }
        XAxis::FromZero => drawing.x_ticks(x_range, scale),
    }
    for Band { class, points } in &chart.bands {
        let outline = points
            .iter()
            .map(|&(px, low, high)| Some((x(px), y.at(low), y.at(high))));
        drawing.path(&format!("band {class}"), band(outline, 1));
    }
    if let Some(level) = chart.level {
        let level = y.at(level);
        drawing.path("level", format_args!("M{LEFT} {level:.1}H{RIGHT}"));
    }
    for Series { class, points } in &chart.series {
        let points = points.iter().map(|&(px, py)| Some((x(px), y.at(py))));
        drawing.path(&format!("curve {class}"), polyline(points, 1));
    }
    drawing.finish()
}

/// Values by range as steps, over grey bars of the data's density.
///
/// `pixels[i]` lie in `ranges[i]`. A value of `None` leaves a gap in its curve.
pub(crate) fn step_chart(
    labels: &Labels<'_>,
    ranges: &[(f64, f64)],
    pixels: &[u64],
    series: &[(String, Vec<Option<f64>>)],
) -> String {
    let x_range = extent(ranges.iter().flat_map(|range| [range.0, range.1]));
    let values = series.iter().flat_map(|(_, values)| values);
    let (_, y_to) = extent(values.flatten().copied().chain([0.0]));
    let y_to = padded(0.0, y_to);
    let x = Scale::new(x_range.0, x_range.1, LEFT, RIGHT);
    let y = Scale::new(0.0, y_to, BOTTOM, TOP);
    // Per metre, so that a wide range does not look fuller than it is.
    let total = pixels.iter().sum::<u64>().max(1) as f64;
    let densities = ranges
        .iter()
        .zip(pixels)
        .map(|(range, pixels)| *pixels as f64 / total / (range.1 - range.0).max(f64::MIN_POSITIVE));
    let densest = densities.clone().fold(0.0, f64::max);
    let bars = Scale::new(0.0, densest, BOTTOM, BOTTOM - 0.45 * (BOTTOM - TOP));

    let mut drawing = Drawing::chart(labels.alt, WIDTH, HEIGHT);
    for (range, density) in ranges.iter().zip(densities) {
        if density > 0.0 {
            let (left, top) = (x.at(range.0), bars.at(density));
            let (width, height) = (x.at(range.1) - left, BOTTOM - top);
            drawing.add(format_args!(
                r#"<rect class="share" x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}"/>"#
            ));
        }
    }
    drawing.frame(labels, (0.0, y_to), y);
    drawing.x_ticks(x_range, x);
    for (class, values) in series {
        let corners = ranges.iter().zip(values).flat_map(|(range, value)| {
            [range.0, range.1].map(|edge| value.map(|value| (x.at(edge), y.at(value))))
        });
        drawing.path(&format!("curve {class}"), polyline(corners, 1));
    }
    drawing.finish()
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
            &[0, 0],
            &[("plain".to_owned(), vec![None, Some(0.0)])],
        );
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
