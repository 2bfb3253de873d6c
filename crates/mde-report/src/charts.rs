//! Line, step and strip charts as plain SVG: small functions from numbers to a string.
//!
//! Colours and strokes come from the page's style sheet through classes ("plain", "assigned"), so one chart serves the
//! light page, the dark page and paper. Lengths are in the view box's units; the page scales the whole.

use std::fmt::Write as _;

/// One curve of a chart.
pub(crate) struct Series<'a> {
    /// CSS class, which carries the colour: "plain" or "assigned".
    pub class: &'a str,
    /// Points in the chart's units, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// One row of a strip chart: a value per unit and their mean.
pub(crate) struct Strip<'a> {
    pub class: &'a str,
    pub label: String,
    pub values: Vec<f64>,
    pub mean: Option<f64>,
}

/// A linear map from data to the view box.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// Maps `from..to` onto `start..end`; an empty or non-finite range is widened so that nothing divides by zero.
    pub(crate) fn new(from: f64, to: f64, start: f64, end: f64) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        Self {
            from,
            to,
            start,
            end,
        }
    }

    pub(crate) fn at(&self, value: f64) -> f64 {
        self.start + (value - self.from) / (self.to - self.from) * (self.end - self.start)
    }
}

/// About `count` round numbers that cover `from..to` from the inside.
pub(crate) fn ticks(from: f64, to: f64, count: usize) -> Vec<f64> {
    let span = to - from;
    if !(span.is_finite() && span > 0.0) || count == 0 {
        return vec![from];
    }
    let rough = span / count as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(rough);
    let (first, last) = (
        (from / step).ceil() as i64,
        (to / step * (1.0 + 1e-9)).floor() as i64,
    );
    (first..=last).map(|index| index as f64 * step).collect()
}

/// A tick's number with as many decimals as its neighbours need.
pub(crate) fn tick_label(value: f64, step: f64) -> String {
    let digits = if step >= 1.0 {
        0
    } else {
        (-step.log10()).ceil().max(0.0) as usize
    };
    crate::format::fixed(value, digits)
}

/// Text for use inside SVG and HTML attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = WIDTH - 10.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = HEIGHT - 40.0;

/// What a chart says about itself.
pub(crate) struct Labels<'a> {
    /// What a reader who cannot see the chart is told.
    pub alt: &'a str,
    pub x: &'a str,
    pub y: &'a str,
}

/// Curves through points; the horizontal axis starts at zero, the vertical one covers the data, and zero if `from_zero`.
pub(crate) fn line_chart(labels: &Labels<'_>, series: &[Series<'_>], from_zero: bool) -> String {
    let points = || series.iter().flat_map(|series| &series.points);
    let (x_from, x_to) = extent(points().map(|point| point.0).chain([0.0]));
    let (y_from, y_to) = extent(
        points()
            .map(|point| point.1)
            .chain(from_zero.then_some(0.0)),
    );
    let (x, y) = (
        Scale::new(x_from, x_to, LEFT, RIGHT),
        Scale::new(y_from, padded(y_from, y_to), BOTTOM, TOP),
    );
    let mut svg = open(labels);
    axes(
        &mut svg,
        labels,
        (x_from, x_to, x),
        (y_from, padded(y_from, y_to), y),
    );
    for series in series {
        let path = polyline(
            series
                .points
                .iter()
                .map(|&(px, py)| Some((x.at(px), y.at(py)))),
            1,
        );
        let _ = write!(svg, r#"<path class="curve {}" d="{path}"/>"#, series.class);
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
    series: &[(&str, Vec<Option<f64>>)],
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
    axes(&mut svg, labels, (x_from, x_to, x), (0.0, y_to, y));
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

/// One row per strip: a tick for every unit's value between 0 and 1, a heavy mark and a number for the mean.
pub(crate) fn strip_chart(labels: &Labels<'_>, strips: &[Strip<'_>]) -> String {
    const ROW: f64 = 34.0;
    let names = names_width(strips);
    let bottom = 10.0 + ROW * strips.len() as f64;
    let x = Scale::new(0.0, 1.0, names, WIDTH - 46.0);
    let mut svg = open_sized(labels.alt, WIDTH, bottom + 36.0);
    for value in ticks(0.0, 1.0, 5) {
        let at = x.at(value);
        let _ = write!(
            svg,
            r#"<path class="grid" d="M{at:.1} 6V{bottom:.1}"/><text class="tick" x="{at:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            bottom + 14.0,
            tick_label(value, 0.2)
        );
    }
    let _ = write!(
        svg,
        r#"<text class="axis" x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
        (x.at(0.0) + x.at(1.0)) / 2.0,
        bottom + 30.0,
        escape(labels.x)
    );
    for (index, strip) in strips.iter().enumerate() {
        let top = 10.0 + ROW * index as f64;
        let middle = top + ROW / 2.0 - 4.0;
        let _ = write!(
            svg,
            r#"<text class="name" x="{:.1}" y="{:.1}" text-anchor="end">{}</text><g class="strip {}">"#,
            names - 10.0,
            middle + 4.0,
            escape(&strip.label),
            strip.class
        );
        for value in &strip.values {
            let _ = write!(
                svg,
                r#"<path d="M{:.1} {:.1}v14"/>"#,
                x.at(*value),
                middle - 7.0
            );
        }
        if let Some(mean) = strip.mean {
            let at = x.at(mean);
            let _ = write!(
                svg,
                r#"<path class="mean" d="M{at:.1} {:.1}v24"/></g><text class="value" x="{:.1}" y="{:.1}">{}</text>"#,
                middle - 12.0,
                WIDTH - 40.0,
                middle + 4.0,
                crate::format::fixed(mean, 3)
            );
        } else {
            svg.push_str("</g>");
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Room for the longest label, in the larger type of small screens; of very long ones the beginning is cut off.
fn names_width(strips: &[Strip<'_>]) -> f64 {
    const CHARACTER: f64 = 7.6;
    let longest = strips.iter().map(|strip| strip.label.chars().count()).max();
    (CHARACTER * longest.unwrap_or(0) as f64 + 14.0).clamp(118.0, WIDTH / 2.0)
}

/// An SVG path through the points that are there; `None` lifts the pen. `digits` decimals.
pub(crate) fn polyline(
    points: impl IntoIterator<Item = Option<(f64, f64)>>,
    digits: usize,
) -> String {
    let mut path = String::new();
    let mut drawing = false;
    for point in points {
        match point {
            // "h0" makes a lone point visible: round line caps turn it into a dot.
            Some((x, y)) if !drawing => {
                let _ = write!(path, "M{x:.digits$} {y:.digits$}h0");
            }
            Some((x, y)) => {
                let _ = write!(path, "L{x:.digits$} {y:.digits$}");
            }
            None => {}
        }
        drawing = point.is_some();
    }
    path
}

pub(crate) fn open_sized(alt: &str, width: f64, height: f64) -> String {
    let alt = escape(alt);
    format!(r#"<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{alt}">"#)
}

fn open(labels: &Labels<'_>) -> String {
    open_sized(labels.alt, WIDTH, HEIGHT)
}

type AxisRange = (f64, f64, Scale);

fn axes(
    svg: &mut String,
    labels: &Labels<'_>,
    (x_from, x_to, x): AxisRange,
    (y_from, y_to, y): AxisRange,
) {
    let y_ticks = ticks(y_from, y_to, 5);
    for value in &y_ticks {
        let at = y.at(*value);
        let _ = write!(
            svg,
            r#"<path class="grid" d="M{LEFT} {at:.1}H{RIGHT}"/><text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            LEFT - 6.0,
            at + 4.0,
            tick_label(*value, spacing(&y_ticks))
        );
    }
    let x_ticks = ticks(x_from, x_to, 6);
    for value in &x_ticks {
        let at = x.at(*value);
        let _ = write!(
            svg,
            r#"<path class="notch" d="M{at:.1} {BOTTOM}v4"/><text class="tick" x="{at:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            BOTTOM + 16.0,
            tick_label(*value, spacing(&x_ticks))
        );
    }
    let _ = write!(
        svg,
        r#"<path class="base" d="M{LEFT} {BOTTOM}H{RIGHT}"/><text class="axis" x="{:.1}" y="{:.1}" text-anchor="middle">{}</text><text class="axis" x="4" y="12">{}</text>"#,
        (LEFT + RIGHT) / 2.0,
        HEIGHT - 6.0,
        escape(labels.x),
        escape(labels.y)
    );
}

fn spacing(ticks: &[f64]) -> f64 {
    match ticks {
        [first, second, ..] => second - first,
        _ => 1.0,
    }
}

/// Smallest and largest finite value; 0 and 1 when there is none.
fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values
        .filter(|value| value.is_finite())
        .fold(None, |range: Option<(f64, f64)>, value| {
            Some(range.map_or((value, value), |(low, high)| {
                (low.min(value), high.max(value))
            }))
        })
        .unwrap_or((0.0, 1.0))
}

/// A little air above the highest value.
fn padded(from: f64, to: f64) -> f64 {
    if to > from {
        to + 0.05 * (to - from)
    } else {
        from + 1.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        let fine = ticks(0.13, 0.31, 5);
        assert!(
            fine.len() >= 3 && fine.iter().all(|value| (0.13..=0.31).contains(value)),
            "{fine:?}"
        );
        assert_eq!(ticks(1.0, 1.0, 5), [1.0]);
        assert_eq!(tick_label(0.05, 0.05), "0.05");
        assert_eq!(tick_label(200.0, 100.0), "200");
    }

    #[test]
    fn a_gap_lifts_the_pen() {
        let path = polyline(
            [Some((0.0, 1.0)), Some((1.0, 2.0)), None, Some((3.0, 4.0))],
            0,
        );
        assert_eq!(path, "M0 1h0L1 2M3 4h0");
    }

    #[test]
    fn labels_of_strips_have_room() {
        let strip = |label: &str| Strip {
            class: "plain",
            label: label.to_owned(),
            values: vec![0.5],
            mean: Some(0.5),
        };
        let short = names_width(&[strip("D, plain")]);
        let long = names_width(&[strip("D, plain"), strip("ups_block_1, assigned")]);
        assert_eq!(short, 118.0);
        assert!(long > 150.0 && long < WIDTH / 2.0);
        assert!(names_width(&[strip(&"x".repeat(200))]) <= WIDTH / 2.0);
    }

    #[test]
    fn flat_empty_and_single_data_give_finite_charts() {
        let labels = Labels {
            alt: "a <b> & \"c\"",
            x: "x",
            y: "y",
        };
        let flat = Series {
            class: "plain",
            points: vec![(1.0, 2.0), (2.0, 2.0)],
        };
        let single = Series {
            class: "plain",
            points: vec![(1.0, 0.0)],
        };
        for series in [vec![flat], vec![single], vec![]] {
            let svg = line_chart(&labels, &series, false);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(svg.contains("a &lt;b&gt; &amp; &quot;c&quot;"));
        }
        let svg = step_chart(
            &labels,
            &[(0.0, 1.0), (1.0, 3.0)],
            &[0.0, 0.0],
            &[("plain", vec![None, Some(0.0)])],
        );
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
