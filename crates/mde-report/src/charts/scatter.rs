//! One model's values against another's.

use super::svg::{Drawing, Labels, Scale, escape, tick_label, ticks};

/// A point with its name and its link.
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

/// Points between 0 and 1 on both axes, with the diagonal where both values are equal.
pub(crate) fn scatter(labels: &Labels<'_>, dots: &[Dot]) -> String {
    let x = Scale::new(0.0, 1.0, LEFT, RIGHT);
    let y = Scale::new(0.0, 1.0, BOTTOM, TOP);
    let mut drawing = Drawing::chart(labels.alt, SIZE, SIZE);
    for mark in ticks(0.0, 1.0, 5) {
        let (column, row, label) = (x.at(mark), y.at(mark), tick_label(mark, 0.2));
        let lines = format_args!("M{LEFT} {row:.1}H{RIGHT}M{column:.1} {TOP}V{BOTTOM}");
        drawing.path("grid", lines);
        drawing.ending("tick", LEFT - 6.0, row + 4.0, &label);
        drawing.centred("tick", column, BOTTOM + 16.0, &label);
    }
    drawing.path("level", format_args!("M{LEFT} {BOTTOM}L{RIGHT} {TOP}"));
    drawing.centred("axis", (LEFT + RIGHT) / 2.0, SIZE - 14.0, labels.x);
    drawing.starting("axis", 4.0, 12.0, labels.y);
    for dot in dots {
        // Not a tab stop: every dot is also a row of the table and a curve of the browser.
        drawing.add(format_args!(
            r#"<a href="{}" tabindex="-1"><circle class="dot {}" cx="{:.1}" cy="{:.1}" r="4.5"><title>{}</title></circle></a>"#,
            escape(&dot.href),
            dot.class,
            x.at(dot.x),
            y.at(dot.y),
            escape(&dot.name)
        ));
    }
    drawing.finish()
}
