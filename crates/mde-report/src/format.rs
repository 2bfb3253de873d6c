//! Numbers, intervals and lists as text: typographic minus, no "-0.000", a dash for "not defined".

use mde_metrics::statistics::Interval;

/// Shown where a value is not defined.
pub(crate) const UNDEFINED: &str = "–";

/// `value` with `digits` decimals; [`UNDEFINED`] for `None` and non-finite values.
pub(crate) fn fixed(value: impl Into<Option<f64>>, digits: usize) -> String {
    match value.into().filter(|value| value.is_finite()) {
        Some(value) => typographic(value, digits, ""),
        None => UNDEFINED.to_owned(),
    }
}

/// Like [`fixed`], with a plus sign before positive values.
pub(crate) fn signed(value: impl Into<Option<f64>>, digits: usize) -> String {
    match value.into().filter(|value| value.is_finite()) {
        Some(value) => typographic(value, digits, "+"),
        None => UNDEFINED.to_owned(),
    }
}

fn typographic(value: f64, digits: usize, plus: &str) -> String {
    let magnitude = format!("{:.digits$}", value.abs());
    let zero = !magnitude.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    match (zero, value < 0.0) {
        (true, _) => magnitude,
        (false, true) => format!("\u{2212}{magnitude}"),
        (false, false) => format!("{plus}{magnitude}"),
    }
}

/// Whether `value` shows as zero at this many decimals.
pub(crate) fn shows_as_zero(value: f64, digits: usize) -> bool {
    !typographic(value, digits, "")
        .bytes()
        .any(|byte| (b'1'..=b'9').contains(&byte))
}

/// An integer with thin spaces between groups of three digits.
pub(crate) fn grouped(value: impl ToString) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// "1 image", "1 200 images".
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// A depth in metres, short: "0.75", "3.2", "10".
pub(crate) fn metres(depth: f64) -> String {
    let text = format!("{depth:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// "0.75 – 1.2 m".
pub(crate) fn depth_range((from, to): (f64, f64)) -> String {
    format!("{} – {} m", metres(from), metres(to))
}

/// "0.118 to 0.129".
pub(crate) fn between(interval: Interval, digits: usize) -> String {
    format!(
        "{} to {}",
        fixed(interval.low, digits),
        fixed(interval.high, digits)
    )
}

/// "0.123 (0.118 to 0.129)"; the value alone without an interval.
pub(crate) fn with_interval(
    value: impl Into<Option<f64>>,
    interval: Option<Interval>,
    digits: usize,
) -> String {
    let value = fixed(value, digits);
    match interval {
        Some(interval) => format!("{value} ({})", between(interval, digits)),
        None => value,
    }
}

/// "95 % interval 0.118 to 0.129".
pub(crate) fn interval_words(interval: Interval, level: f64, digits: usize) -> String {
    let level = percent(level, 0);
    format!("{level} interval {}", between(interval, digits))
}

/// Whether the interval contains zero.
pub(crate) fn contains_zero(interval: Interval) -> bool {
    interval.low <= 0.0 && interval.high >= 0.0
}

/// The interval of the negated value.
pub(crate) fn negated(interval: Interval) -> Interval {
    Interval {
        low: -interval.high,
        high: -interval.low,
    }
}

/// A fraction in per cent: "95 %".
pub(crate) fn percent(share: f64, digits: usize) -> String {
    format!("{}\u{a0}%", fixed(100.0 * share, digits))
}

/// "a", "a and b", "a, b and c".
pub(crate) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// The first 12 characters of a hash, enough to compare by eye.
pub(crate) fn short_hash(hash: &str) -> String {
    hash.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(fixed(0.12345, 3), "0.123");
        assert_eq!(fixed(-0.12345, 3), "\u{2212}0.123");
        assert_eq!(fixed(-0.0001, 3), "0.000");
        assert_eq!(fixed(f64::NAN, 3), UNDEFINED);
        assert_eq!(fixed(None, 3), UNDEFINED);
        assert_eq!(signed(0.5, 1), "+0.5");
        assert_eq!(signed(-0.5, 1), "\u{2212}0.5");
        assert_eq!(signed(0.01, 1), "0.0");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(grouped(999), "999");
        assert_eq!(counted(1, "image"), "1 image");
        assert_eq!(counted(1200, "image"), "1\u{202f}200 images");
        assert_eq!(metres(10.0), "10");
        assert_eq!(metres(0.75), "0.75");
        assert!(shows_as_zero(-0.0004, 3) && !shows_as_zero(0.0006, 3));
    }

    #[test]
    fn lists_read_well() {
        let names = |count: usize| {
            ["D", "MFF", "R"][..count]
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(listed(&names(1)), "D");
        assert_eq!(listed(&names(2)), "D and MFF");
        assert_eq!(listed(&names(3)), "D, MFF and R");
    }
}
