//! Charts with a row per name: the value of every unit as a mark, and bars with intervals.

use mde_metrics::statistics::Interval;

use super::svg::{Drawing, Labels, Scale, WIDTH, extent};
use crate::format::fixed;

/// One row of a strip chart: the value of every unit, and the mean.
pub(crate) struct Strip<'a> {
    pub class: &'a str,
    pub label: String,
    pub values: Vec<f64>,
    pub mean: Option<f64>,
}

/// One bar, from 0 to a value.
pub(crate) struct Bar {
    pub class: &'static str,
    pub label: String,
    pub value: f64,
    pub interval: Option<Interval>,
}

/// A row per strip: a tick for every value between 0 and 1, a heavy mark and a number for the mean.
pub(crate) fn strip_chart(labels: &Labels<'_>, strips: &[Strip<'_>]) -> String {
    const ROW: f64 = 34.0;
    let names = names_width(strips.iter().map(|strip| strip.label.as_str()));
    let bottom = 10.0 + ROW * strips.len() as f64;
    let x = Scale::new(0.0, 1.0, names, WIDTH - 46.0);
    let mut drawing = Drawing::chart(labels.alt, WIDTH, bottom + 36.0);
    drawing.columns(labels.x, (x, 0.0, 1.0), 5, (6.0, bottom));
    for (index, strip) in strips.iter().enumerate() {
        let middle = 10.0 + ROW * index as f64 + ROW / 2.0 - 4.0;
        drawing.ending("name", names - 10.0, middle + 4.0, &strip.label);
        drawing.add(format_args!(r#"<g class="strip {}">"#, strip.class));
        for value in &strip.values {
            let (at, top) = (x.at(*value), middle - 7.0);
            drawing.add(format_args!(r#"<path d="M{at:.1} {top:.1}v14"/>"#));
        }
        if let Some(mean) = strip.mean {
            let (at, top) = (x.at(mean), middle - 12.0);
            drawing.path("mean", format_args!("M{at:.1} {top:.1}v24"));
        }
        drawing.add("</g>");
        if let Some(mean) = strip.mean {
            drawing.starting("value", WIDTH - 40.0, middle + 4.0, &fixed(mean, 3));
        }
    }
    drawing.finish()
}

/// A bar per row from zero, with its interval as a thin line and its value as a number.
pub(crate) fn bar_chart(labels: &Labels<'_>, bars: &[Bar], digits: usize) -> String {
    const ROW: f64 = 22.0;
    let names = names_width(bars.iter().map(|bar| bar.label.as_str()));
    let bottom = 6.0 + ROW * bars.len() as f64;
    let ends = bars.iter().flat_map(|bar| {
        let interval = bar.interval.map(|interval| [interval.low, interval.high]);
        [bar.value]
            .into_iter()
            .chain(interval.into_iter().flatten())
    });
    let (from, to) = extent(ends.chain([0.0]));
    let x = Scale::new(from, to, names, WIDTH - 64.0);
    let mut drawing = Drawing::chart(labels.alt, WIDTH, bottom + 36.0);
    drawing.columns(labels.x, (x, from, to), 4, (4.0, bottom));
    for (index, bar) in bars.iter().enumerate() {
        let top = 6.0 + ROW * index as f64 + 4.0;
        let (height, middle) = (ROW - 8.0, top + ROW / 2.0 - 4.0);
        let (left, right) = (x.at(bar.value.min(0.0)), x.at(bar.value.max(0.0)));
        drawing.ending("name", names - 10.0, middle + 4.0, &bar.label);
        drawing.add(format_args!(
            r#"<rect class="bar {}" x="{left:.1}" y="{top:.1}" width="{:.1}" height="{height}"/>"#,
            bar.class,
            right - left,
        ));
        if let Some(Interval { low, high }) = bar.interval {
            let (low, high) = (x.at(low), x.at(high));
            drawing.path("whisker", format_args!("M{low:.1} {middle:.1}H{high:.1}"));
        }
        drawing.starting(
            "value",
            WIDTH - 56.0,
            middle + 4.0,
            &fixed(bar.value, digits),
        );
    }
    drawing.finish()
}

/// Width of the longest label in the larger type of small screens. The start of very long labels is
/// cut off.
fn names_width<'a>(labels: impl Iterator<Item = &'a str>) -> f64 {
    const CHARACTER: f64 = 7.6;
    let longest = labels.map(|label| label.chars().count()).max();
    (CHARACTER * longest.unwrap_or(0) as f64 + 14.0).clamp(96.0, WIDTH / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_room() {
        let short = names_width(["D, plain"].into_iter());
        let long = names_width(["D, plain", "ups_block_1, assigned"].into_iter());
        assert_eq!(short, 96.0);
        assert!(long > 150.0 && long < WIDTH / 2.0);
        assert!(names_width(["x".repeat(200).as_str()].into_iter()) <= WIDTH / 2.0);
    }

    #[test]
    fn bars_of_nothing_and_of_zero_are_finite() {
        let labels = Labels {
            alt: "",
            x: "",
            y: "",
        };
        let zero = Bar {
            class: "plain",
            label: "unit 3".to_owned(),
            value: 0.0,
            interval: None,
        };
        for bars in [vec![], vec![zero]] {
            let svg = bar_chart(&labels, &bars, 3);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
