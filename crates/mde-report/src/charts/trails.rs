//! Points in an order, such as networks by the weight of their assignment: a line through them, and a bar for each interval.

use std::fmt::Write as _;

use mde_metrics::statistics::Interval;

use super::{
    BOTTOM, LEFT, Labels, RIGHT, Scale, TOP, escape, extent, frame, open, polyline, spacing,
    tick_label, ticks, x_tick,
};

/// Points that belong together.
pub(crate) struct Trail {
    pub class: String,
    pub stops: Vec<Stop>,
}

/// One point.
pub(crate) struct Stop {
    pub x: f64,
    pub y: f64,
    /// Of `y`.
    pub interval: Option<Interval>,
    /// Beside the point.
    pub label: String,
    /// What a pointer over it is told.
    pub name: String,
}

/// Trails over axes that cover their points and intervals, with some air on all sides.
pub(crate) fn trails(labels: &Labels<'_>, trails: &[Trail]) -> String {
    let stops = || trails.iter().flat_map(|trail| &trail.stops);
    let ends = |stop: &Stop| {
        let [low, high] = stop
            .interval
            .map_or([stop.y; 2], |range| [range.low, range.high]);
        [low, stop.y, high]
    };
    let airy = |(from, to): (f64, f64)| {
        let air = if to > from { 0.08 * (to - from) } else { 0.05 };
        (from - air, to + air)
    };
    let (x_from, x_to) = airy(extent(stops().map(|stop| stop.x)));
    let (y_from, y_to) = airy(extent(stops().flat_map(ends)));
    let (x, y) = (
        Scale::new(x_from, x_to, LEFT, RIGHT),
        Scale::new(y_from, y_to, BOTTOM, TOP),
    );
    let mut svg = open(labels);
    frame(&mut svg, labels, (y_from, y_to, y));
    let marks = ticks(x_from, x_to, 6);
    for &mark in &marks {
        x_tick(&mut svg, x.at(mark), &tick_label(mark, spacing(&marks)));
    }
    for trail in trails {
        let at = |stop: &Stop| (x.at(stop.x), y.at(stop.y));
        let line = polyline(trail.stops.iter().map(|stop| Some(at(stop))), 1);
        let class = &trail.class;
        let _ = write!(
            svg,
            r#"<g class="set {class}"><path class="curve" d="{line}"/>"#
        );
        for stop in &trail.stops {
            let (cx, cy) = at(stop);
            if let Some(range) = stop.interval {
                let (low, high) = (y.at(range.low), y.at(range.high));
                let _ = write!(
                    svg,
                    r#"<path class="bar" d="M{cx:.1} {low:.1}V{high:.1}"/>"#
                );
            }
            let _ = write!(
                svg,
                r#"<circle cx="{cx:.1}" cy="{cy:.1}" r="4"><title>{}</title></circle><text class="value" x="{:.1}" y="{:.1}">{}</text>"#,
                escape(&stop.name),
                cx + 7.0,
                cy - 6.0,
                escape(&stop.label),
            );
        }
        svg.push_str("</g>");
    }
    svg.push_str("</svg>");
    svg
}
