//! Numbers and lists as a reader wants them: typographic minus, no "-0.000", a dash for "not defined".

use mde_metrics::statistics::Interval;

/// What stands where a value is not defined.
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
pub(crate) fn grouped(value: u64) -> String {
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

/// A depth in metres, short: "0.75", "3.2", "10".
pub(crate) fn metres(depth: f64) -> String {
    let text = format!("{depth:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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

/// A share of 1 in per cent: "95 %".
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

/// The first characters of a hash, enough to compare by eye.
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
