//! exp(x) - 1 from basic arithmetic, so that loops vectorise and all machines give the same bits.

/// exp(x) - 1 for x <= 0, with a relative error of at most 2e-7. A NaN stays NaN.
///
/// With x = k ln 2 + r and |r| <= ln 2 / 2, the result is 2^k (e^r - 1) + (2^k - 1). The Taylor
/// series of e^r - 1 loses no digit near 0, where k = 0.
#[inline(always)]
pub(crate) fn exp_m1(x: f32) -> f32 {
    // Below this, the result is -1 in f32. The limit keeps 2^k a normal number.
    const LOWEST: f32 = -80.0;
    // Adding and subtracting 1.5 2^23 rounds to the nearest integer.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts. The first has few digits, so that k times it is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = if x < LOWEST { LOWEST } else { x };
    let k = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let series = [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        1.0 / 2.0,
        1.0,
    ]
    .iter()
    .fold(1.0 / 5040.0, |sum, factor| sum * r + factor);
    let power = f32::from_bits(((k as i32 + 127) << 23) as u32);
    power * (r * series) + (power - 1.0)
}

#[cfg(test)]
mod tests {
    use super::exp_m1;

    #[test]
    fn agrees_with_double_precision() {
        let near_zero = (0..40).map(|power| -(0.5f32.powi(power)));
        let steps = (0..=90_000).map(|step| -1e-3 * step as f32);
        for x in near_zero.chain(steps) {
            let exact = f64::from(x).exp_m1();
            let error = (f64::from(exp_m1(x)) - exact).abs();
            assert!(
                error <= 2e-7 * exact.abs(),
                "exp_m1({x}) is off by {error:e}"
            );
        }
    }

    #[test]
    fn limits() {
        assert_eq!(exp_m1(0.0), 0.0);
        assert_eq!(exp_m1(f32::NEG_INFINITY), -1.0);
        assert_eq!(exp_m1(-1e30), -1.0);
        assert!(exp_m1(f32::NAN).is_nan());
    }
}
