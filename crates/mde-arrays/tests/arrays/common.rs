//! The fixtures and their values.

use std::path::{Path, PathBuf};

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The 3x5 map of most fixtures: `10 row + column + 0.5`, special values in the last row.
pub(crate) fn depth() -> Vec<f32> {
    let finite =
        (0..2u8).flat_map(|row| (0..5u8).map(move |column| f32::from(10 * row + column) + 0.5));
    let specials = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 3e-39];
    finite.chain(specials).collect()
}

/// `10 row + column` of 3x5, transformed by `made`.
pub(crate) fn whole(made: impl Fn(f64) -> f64) -> Vec<f32> {
    let values = (0..3u8).flat_map(|row| (0..5u8).map(move |column| f64::from(10 * row + column)));
    values.map(|value| made(value) as f32).collect()
}

/// Asserts that values agree to the bit: NaN equals NaN and -0 differs from 0.
#[track_caller]
pub(crate) fn assert_same(found: &[f32], expected: &[f32], what: &str) {
    let bits = |values: &[f32]| {
        values
            .iter()
            .map(|value| value.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        bits(found),
        bits(expected),
        "{what}: {found:?}, expected {expected:?}"
    );
}

#[track_caller]
pub(crate) fn assert_says(error: &impl ToString, parts: &[&str]) {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}
