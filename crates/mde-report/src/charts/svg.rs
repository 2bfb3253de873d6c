//! What all charts are made of: scales, ticks, paths and a drawing.

use std::fmt::{Display, Write as _};

use crate::format::fixed;

/// A linear map from data to the view box.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// Maps `from..to` onto `start..end`. An empty range is widened by 1, to avoid a division by 0.
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

/// About `count` round numbers within `from..=to`.
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

/// The label of a tick, with as many decimals as the spacing `step` needs.
pub(crate) fn tick_label(value: f64, step: f64) -> String {
    let digits = if step >= 1.0 {
        0
    } else {
        (-step.log10()).ceil().max(0.0) as usize
    };
    fixed(value, digits)
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

pub(super) const WIDTH: f64 = 460.0;
pub(super) const HEIGHT: f64 = 250.0;
pub(super) const LEFT: f64 = 48.0;
pub(super) const RIGHT: f64 = WIDTH - 10.0;
pub(super) const TOP: f64 = 24.0;
pub(super) const BOTTOM: f64 = HEIGHT - 40.0;

/// The texts of a chart.
pub(crate) struct Labels<'a> {
    /// Describes the chart to readers who cannot see it.
    pub alt: &'a str,
    pub x: &'a str,
    pub y: &'a str,
}

/// An SVG element in the making. All text in it is escaped.
pub(crate) struct Drawing(String);

impl Drawing {
    /// A chart of `width` x `height`.
    pub(crate) fn chart(alt: &str, width: f64, height: f64) -> Self {
        Self::new("chart", alt, width, height)
    }

    pub(crate) fn new(class: &str, alt: &str, width: f64, height: f64) -> Self {
        let alt = escape(alt);
        Self(format!(
            r#"<svg class="{class}" viewBox="0 0 {width} {height}" role="img" aria-label="{alt}">"#
        ))
    }

    /// Adds an element as it is.
    pub(crate) fn add(&mut self, element: impl Display) {
        let _ = write!(self.0, "{element}");
    }

    pub(crate) fn path(&mut self, class: &str, d: impl Display) {
        self.add(format_args!(r#"<path class="{class}" d="{d}"/>"#));
    }

    /// Text that is centred at `x`.
    pub(crate) fn centred(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.text(class, x, y, " text-anchor=\"middle\"", text);
    }

    /// Text that ends at `x`.
    pub(crate) fn ending(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.text(class, x, y, " text-anchor=\"end\"", text);
    }

    /// Text that starts at `x`.
    pub(crate) fn starting(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.text(class, x, y, "", text);
    }

    fn text(&mut self, class: &str, x: f64, y: f64, anchor: &str, text: &str) {
        let text = escape(text);
        self.add(format_args!(
            r#"<text class="{class}" x="{x:.1}" y="{y:.1}"{anchor}>{text}</text>"#
        ));
    }

    /// A mark and its label on a horizontal axis at `y`.
    pub(crate) fn x_tick(&mut self, x: f64, y: f64, label: &str) {
        self.path("notch", format_args!("M{x:.1} {y}v4"));
        self.centred("tick", x, y + 16.0, label);
    }

    /// Marks at round numbers within `from..=to`.
    pub(super) fn x_ticks(&mut self, (from, to): (f64, f64), x: Scale) {
        let marks = ticks(from, to, 6);
        for &mark in &marks {
            self.x_tick(x.at(mark), BOTTOM, &tick_label(mark, spacing(&marks)));
        }
    }

    /// Horizontal lines at round values of `y`, the base line and the names of both axes.
    pub(super) fn frame(&mut self, labels: &Labels<'_>, (from, to): (f64, f64), y: Scale) {
        let marks = ticks(from, to, 5);
        for &mark in &marks {
            let at = y.at(mark);
            self.path("grid", format_args!("M{LEFT} {at:.1}H{RIGHT}"));
            let label = tick_label(mark, spacing(&marks));
            self.ending("tick", LEFT - 6.0, at + 4.0, &label);
        }
        self.path("base", format_args!("M{LEFT} {BOTTOM}H{RIGHT}"));
        self.centred("axis", (LEFT + RIGHT) / 2.0, HEIGHT - 6.0, labels.x);
        self.starting("axis", 4.0, 12.0, labels.y);
    }

    /// Vertical lines from `top` to `bottom` at about `count` round values, and the axis's name.
    pub(super) fn columns(
        &mut self,
        name: &str,
        (x, from, to): (Scale, f64, f64),
        count: usize,
        (top, bottom): (f64, f64),
    ) {
        let marks = ticks(from, to, count);
        for &mark in &marks {
            let at = x.at(mark);
            self.path("grid", format_args!("M{at:.1} {top}V{bottom:.1}"));
            let label = tick_label(mark, spacing(&marks));
            self.centred("tick", at, bottom + 14.0, &label);
        }
        let middle = (x.at(from) + x.at(to)) / 2.0;
        self.centred("axis", middle, bottom + 30.0, name);
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push_str("</svg>");
        self.0
    }
}

/// An SVG path through the points, with `digits` decimals. `None` interrupts the line.
pub(crate) fn polyline(
    points: impl IntoIterator<Item = Option<(f64, f64)>>,
    digits: usize,
) -> String {
    let mut path = String::new();
    let mut drawing = false;
    for point in points {
        match point {
            // "h0" makes a single point visible: round line caps turn it into a dot.
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

/// The outline of a band between two values at every point. `None` interrupts the band.
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

pub(super) fn spacing(ticks: &[f64]) -> f64 {
    match ticks {
        [first, second, ..] => second - first,
        _ => 1.0,
    }
}

/// Smallest and largest finite value; 0 and 1 if there is none.
pub(super) fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values
        .filter(|value| value.is_finite())
        .fold(None, |range: Option<(f64, f64)>, value| {
            Some(range.map_or((value, value), |(low, high)| {
                (low.min(value), high.max(value))
            }))
        })
        .unwrap_or((0.0, 1.0))
}

/// `to` with 5 % of space above it.
pub(super) fn padded(from: f64, to: f64) -> f64 {
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
    fn a_gap_interrupts_the_line() {
        let path = polyline(
            [Some((0.0, 1.0)), Some((1.0, 2.0)), None, Some((3.0, 4.0))],
            0,
        );
        assert_eq!(path, "M0 1h0L1 2M3 4h0");
    }

    #[test]
    fn a_gap_interrupts_the_band() {
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
