//! Charts as plain SVG: small functions from numbers to a string.
//!
//! Colours and strokes come from the page's style sheet through classes ("plain", "assigned"), so one chart serves the
//! light page, the dark page and paper. Lengths are in the view box's units; the page scales the whole.

mod lines;
mod rows;
mod scatter;
mod trails;

pub(crate) use lines::{Band, LineChart, Series, XAxis, line_chart, step_chart};
pub(crate) use rows::{Bar, Strip, bar_chart, strip_chart};
pub(crate) use scatter::{Dot, scatter};
pub(crate) use trails::{Stop, Trail, trails};

use std::fmt::Write as _;

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

/// The outline of a band between two values at every point; `None` ends it, and the next point begins another.
pub(crate) fn band(
    points: impl IntoIterator<Item = Option<(f64, f64, f64)>>,
    digits: usize,
) -> String {
    let mut path = String::new();
    let mut run: Vec<(f64, f64, f64)> = Vec::new();
    let close = |run: &mut Vec<(f64, f64, f64)>, path: &mut String| {
        let there = run.iter().map(|&(x, low, _)| (x, low));
        let back = run.iter().rev().map(|&(x, _, high)| (x, high));
        for (index, (x, y)) in there.chain(back).enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{x:.digits$} {y:.digits$}");
        }
        if !run.is_empty() {
            path.push('z');
        }
        run.clear();
    };
    for point in points {
        match point {
            Some(point) => run.push(point),
            None => close(&mut run, &mut path),
        }
    }
    close(&mut run, &mut path);
    path
}

pub(crate) fn open_sized(alt: &str, width: f64, height: f64) -> String {
    let alt = escape(alt);
    format!(r#"<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{alt}">"#)
}

fn open(labels: &Labels<'_>) -> String {
    open_sized(labels.alt, WIDTH, HEIGHT)
}

/// Horizontal lines at round values, the base line and the names of both axes.
fn frame(svg: &mut String, labels: &Labels<'_>, (y_from, y_to, y): (f64, f64, Scale)) {
    let marks = ticks(y_from, y_to, 5);
    for value in &marks {
        let at = y.at(*value);
        let _ = write!(
            svg,
            r#"<path class="grid" d="M{LEFT} {at:.1}H{RIGHT}"/><text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            LEFT - 6.0,
            at + 4.0,
            tick_label(*value, spacing(&marks))
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

/// A mark on the horizontal axis.
fn x_tick(svg: &mut String, at: f64, label: &str) {
    let _ = write!(
        svg,
        r#"<path class="notch" d="M{at:.1} {BOTTOM}v4"/><text class="tick" x="{at:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
        BOTTOM + 16.0
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
    fn a_band_goes_there_and_back_and_ends_at_a_gap() {
        let points = [
            Some((0.0, 1.0, 2.0)),
            Some((1.0, 1.0, 3.0)),
            None,
            Some((2.0, 0.0, 1.0)),
        ];
        assert_eq!(band(points, 0), "M0 1L1 1L1 3L0 2zM2 0L2 1z");
        assert_eq!(band([None], 0), "");
    }
}
