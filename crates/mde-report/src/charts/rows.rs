//! Charts with a row per name: every unit's value as a mark, and bars with intervals.

use std::fmt::Write as _;

use mde_metrics::statistics::Interval;

use super::{Labels, Scale, WIDTH, escape, extent, open_sized, spacing, tick_label, ticks};
use crate::format::fixed;

/// One row of a strip chart: a value per unit and their mean.
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

/// One row per strip: a tick for every unit's value between 0 and 1, a heavy mark and a number for the mean.
pub(crate) fn strip_chart(labels: &Labels<'_>, strips: &[Strip<'_>]) -> String {
    const ROW: f64 = 34.0;
    let names = names_width(strips.iter().map(|strip| strip.label.as_str()));
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
                fixed(mean, 3)
            );
        } else {
            svg.push_str("</g>");
        }
    }
    svg.push_str("</svg>");
    svg
}

/// A bar per row from zero, with its interval as a thin line and its value as a number.
pub(crate) fn bar_chart(labels: &Labels<'_>, bars: &[Bar], digits: usize) -> String {
    const ROW: f64 = 22.0;
    let names = names_width(bars.iter().map(|bar| bar.label.as_str()));
    let bottom = 6.0 + ROW * bars.len() as f64;
    let ends = bars.iter().flat_map(|bar| {
        [
            Some(bar.value),
            bar.interval.map(|i| i.low),
            bar.interval.map(|i| i.high),
        ]
    });
    let (from, to) = extent(ends.flatten().chain([0.0]));
    let x = Scale::new(from, to, names, WIDTH - 64.0);
    let mut svg = open_sized(labels.alt, WIDTH, bottom + 36.0);
    let marks = ticks(from, to, 4);
    for mark in &marks {
        let at = x.at(*mark);
        let _ = write!(
            svg,
            r#"<path class="grid" d="M{at:.1} 4V{bottom:.1}"/><text class="tick" x="{at:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            bottom + 14.0,
            tick_label(*mark, spacing(&marks))
        );
    }
    let _ = write!(
        svg,
        r#"<text class="axis" x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
        (names + WIDTH - 64.0) / 2.0,
        bottom + 30.0,
        escape(labels.x)
    );
    for (index, bar) in bars.iter().enumerate() {
        let top = 6.0 + ROW * index as f64;
        let middle = top + ROW / 2.0;
        let (left, right) = (x.at(bar.value.min(0.0)), x.at(bar.value.max(0.0)));
        let _ = write!(
            svg,
            r#"<text class="name" x="{:.1}" y="{:.1}" text-anchor="end">{}</text><rect class="bar {}" x="{left:.1}" y="{:.1}" width="{:.1}" height="{}"/>"#,
            names - 10.0,
            middle + 4.0,
            escape(&bar.label),
            bar.class,
            top + 4.0,
            right - left,
            ROW - 8.0
        );
        if let Some(interval) = bar.interval {
            let _ = write!(
                svg,
                r#"<path class="whisker" d="M{:.1} {middle:.1}H{:.1}"/>"#,
                x.at(interval.low),
                x.at(interval.high)
            );
        }
        let _ = write!(
            svg,
            r#"<text class="value" x="{:.1}" y="{:.1}">{}</text>"#,
            WIDTH - 56.0,
            middle + 4.0,
            fixed(bar.value, digits)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Room for the longest label, in the larger type of small screens; of very long ones the beginning is cut off.
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
