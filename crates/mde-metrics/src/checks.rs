//! Checks of sizes and lengths.

use crate::{ImageSize, MetricsError};

/// Checks that a buffer named `what` holds `maps` maps of this size, at least one pixel each.
pub(crate) fn check_length(
    what: &'static str,
    maps: usize,
    size: ImageSize,
    found: usize,
) -> Result<(), MetricsError> {
    if size.pixels() == 0 || size.pixels().checked_mul(maps) != Some(found) {
        return Err(MetricsError::Length {
            what,
            maps,
            size,
            found,
        });
    }
    Ok(())
}

/// Checks that two related quantities are equal.
pub(crate) fn check_equal(
    what: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), MetricsError> {
    if expected == found {
        return Ok(());
    }
    Err(MetricsError::Mismatch {
        what,
        expected,
        found,
    })
}

/// Checks that all sums of a tally `[.., units, slots]` are finite.
pub(crate) fn check_sums(sums: &[f64], units: usize, slots: usize) -> Result<(), MetricsError> {
    match sums.iter().position(|sum| !sum.is_finite()) {
        Some(at) => Err(MetricsError::NonFiniteSum {
            unit: at / slots % units,
            slot: at % slots,
            value: sums[at],
        }),
        None => Ok(()),
    }
}

/// Checks that feature maps and ground truth can show the same view; see [`BinWeights::new`].
///
/// [`BinWeights::new`]: crate::BinWeights::new
pub(crate) fn check_aspect_ratio(features: ImageSize, gt: ImageSize) -> Result<(), MetricsError> {
    if features.has_aspect_of(gt) {
        return Ok(());
    }
    Err(MetricsError::AspectRatio { features, gt })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_networks_pass_and_other_views_do_not() {
        let check = |features: [usize; 2], gt: [usize; 2]| {
            let [features, gt] = [features, gt].map(|size| ImageSize::new(size[0], size[1]));
            check_aspect_ratio(features, gt)
        };
        for (features, gt) in [
            ([240, 320], [240, 320]),
            // MFF, METER, BTS and Depth Anything: strides round up or down.
            ([8, 10], [228, 304]),
            ([15, 19], [114, 152]),
            ([48, 64], [192, 256]),
            ([192, 256], [480, 640]),
            ([192, 636], [375, 1242]),
            ([6, 20], [96, 318]),
            ([11, 38], [352, 1216]),
            ([37, 49], [480, 640]),
            // Ground truth can be the rounded one.
            ([57, 76], [29, 41]),
            ([1, 1], [480, 640]),
        ] {
            assert_eq!(check(features, gt), Ok(()), "{features:?} {gt:?}");
        }
        for (features, gt) in [
            ([64, 1200], [240, 320]),
            ([1200, 64], [240, 320]),
            ([320, 240], [240, 320]),
            ([10, 8], [228, 304]),
            ([12, 12], [480, 640]),
            ([352, 1216], [375, 1242]),
        ] {
            assert!(check(features, gt).is_err(), "{features:?} {gt:?}");
        }
    }
}
