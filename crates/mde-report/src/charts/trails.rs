//! Points joined in order, such as networks by the weight of their assignment, with intervals.

use mde_metrics::statistics::Interval;

use super::svg::{
    BOTTOM, Drawing, HEIGHT, LEFT, Labels, RIGHT, Scale, TOP, WIDTH, escape, extent, polyline,
};

/// Points that are joined.
pub(crate) struct Trail {
    pub class: String,
    pub stops: Vec<Stop>,
}

/// One point.
pub(crate) struct Stop {
    pub x: f64,
    pub y: f64,
    /// The interval of `y`.
    pub interval: Option<Interval>,
    /// Shown beside the point.
    pub label: String,
    /// Shown while the pointer is over the point.
    pub name: String,
}

/// Trails over axes that cover all points and intervals, with some space on every side.
pub(crate) fn trails(labels: &Labels<'_>, trails: &[Trail]) -> String {
    let stops = || trails.iter().flat_map(|trail| &trail.stops);
    let ends = |stop: &Stop| {
        let range = stop.interval.map(|range| [range.low, range.high]);
        [stop.y].into_iter().chain(range.into_iter().flatten())
    };
    let widened = |(from, to): (f64, f64)| {
        let space = if to > from { 0.08 * (to - from) } else { 0.05 };
        (from - space, to + space)
    };
    let x_range = widened(extent(stops().map(|stop| stop.x)));
    let y_range = widened(extent(stops().flat_map(ends)));
    let x = Scale::new(x_range.0, x_range.1, LEFT, RIGHT);
    let y = Scale::new(y_range.0, y_range.1, BOTTOM, TOP);
    let mut drawing = Drawing::chart(labels.alt, WIDTH, HEIGHT);
    drawing.frame(labels, y_range, y);
    drawing.x_ticks(x_range, x);
    for Trail { class, stops } in trails {
        drawing.add(format_args!(r#"<g class="set {class}">"#));
        let points = stops.iter().map(|stop| Some((x.at(stop.x), y.at(stop.y))));
        drawing.path("curve", polyline(points, 1));
        for stop in stops {
            let (cx, cy) = (x.at(stop.x), y.at(stop.y));
            if let Some(Interval { low, high }) = stop.interval {
                let (low, high) = (y.at(low), y.at(high));
                drawing.path("bar", format_args!("M{cx:.1} {low:.1}V{high:.1}"));
            }
            let name = escape(&stop.name);
            drawing.add(format_args!(
                r#"<circle cx="{cx:.1}" cy="{cy:.1}" r="4"><title>{name}</title></circle>"#
            ));
            drawing.starting("value", cx + 7.0, cy - 6.0, &stop.label);
        }
        drawing.add("</g>");
    }
    drawing.finish()
}
