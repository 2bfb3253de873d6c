//! One model's values against another's.

use std::fmt::Write as _;

use super::{Labels, Scale, escape, open_sized, tick_label, ticks};

/// A point with a name and the place on the page that it leads to.
pub(crate) struct Dot {
    pub class: &'static str,
    pub x: f64,
    pub y: f64,
    pub name: String,
    pub href: String,
}

const SIZE: f64 = 460.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = SIZE - 10.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = SIZE - 44.0;

/// Points of which both values lie between 0 and 1, with the diagonal on which they are equal.
pub(crate) fn scatter(labels: &Labels<'_>, dots: &[Dot]) -> String {
    let (x, y) = (
        Scale::new(0.0, 1.0, LEFT, RIGHT),
        Scale::new(0.0, 1.0, BOTTOM, TOP),
    );
    let mut svg = open_sized(labels.alt, SIZE, SIZE);
    for mark in ticks(0.0, 1.0, 5) {
        let (column, row, label) = (x.at(mark), y.at(mark), tick_label(mark, 0.2));
        let _ = write!(
            svg,
            r#"<path class="grid" d="M{LEFT} {row:.1}H{RIGHT}M{column:.1} {TOP}V{BOTTOM}"/><text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{label}</text><text class="tick" x="{column:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
            LEFT - 6.0,
            row + 4.0,
            BOTTOM + 16.0
        );
    }
    let _ = write!(
        svg,
        r#"<path class="level" d="M{LEFT} {BOTTOM}L{RIGHT} {TOP}"/><text class="axis" x="{:.1}" y="{:.1}" text-anchor="middle">{}</text><text class="axis" x="4" y="12">{}</text>"#,
        (LEFT + RIGHT) / 2.0,
        SIZE - 14.0,
        escape(labels.x),
        escape(labels.y)
    );
    for dot in dots {
        // Every dot is also a row of the table and a curve of the browser: it need not be a stop of its own.
        let _ = write!(
            svg,
            r#"<a href="{}" tabindex="-1"><circle class="dot {}" cx="{:.1}" cy="{:.1}" r="4.5"><title>{}</title></circle></a>"#,
            escape(&dot.href),
            dot.class,
            x.at(dot.x),
            y.at(dot.y),
            escape(&dot.name)
        );
    }
    svg.push_str("</svg>");
    svg
}
