//! Downscaling of maps and images.

/// The size with a longer side of at most `longest` pixels and, up to rounding, the same aspect
/// ratio.
pub(crate) fn at_most((height, width): (usize, usize), longest: usize) -> (usize, usize) {
    let longer = height.max(width);
    if longer <= longest {
        return (height, width);
    }
    let scaled = |side: usize| ((2 * side * longest + longer) / (2 * longer)).max(1);
    (scaled(height), scaled(width))
}

/// The map `[from]` resized to `[to]`: each pixel is the mean of the area that it covers, with
/// partly covered pixels weighted by their covered fraction.
pub(crate) fn area_mean(
    value: impl Fn(usize) -> f32,
    from: (usize, usize),
    to: (usize, usize),
) -> Vec<f32> {
    let (rows, columns) = (covered(from.0, to.0), covered(from.1, to.1));
    let mut means = Vec::with_capacity(to.0 * to.1);
    for rows in &rows {
        for columns in &columns {
            let mut sum = 0.0;
            for &(row, down) in rows {
                for &(column, along) in columns {
                    sum += down * along * f64::from(value(row * from.1 + column));
                }
            }
            means.push(sum as f32);
        }
    }
    means
}

/// For each of `to` equal parts of a line of `from` pixels, the pixels in it, each with the
/// fraction of the part that it fills.
fn covered(from: usize, to: usize) -> Vec<Vec<(usize, f64)>> {
    // In units of 1 / `to` of a pixel, in which all borders are whole numbers.
    let part = |index: usize| {
        let (start, end) = (index * from, (index + 1) * from);
        let pixels = start / to..end.div_ceil(to);
        let share = |pixel: usize| {
            let inside = end.min((pixel + 1) * to) - start.max(pixel * to);
            (pixel, inside as f64 / from as f64)
        };
        pixels.map(share).collect()
    };
    (0..to).map(part).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_longer_side_is_bounded_and_the_shape_kept() {
        assert_eq!(at_most((228, 304), 192), (144, 192));
        assert_eq!(at_most((375, 1242), 192), (58, 192));
        assert_eq!(at_most((97, 96), 48), (48, 48));
        assert_eq!(at_most((300, 1), 48), (48, 1));
        assert_eq!(at_most((48, 17), 48), (48, 17));
    }

    /// Every pixel is cut into as many parts as make all borders meet.
    #[test]
    fn means_are_those_of_a_finer_raster() {
        for (from, to) in [
            ((5, 7), (3, 4)),
            ((4, 6), (2, 3)),
            ((3, 2), (3, 2)),
            ((2, 3), (5, 4)),
        ] {
            let map: Vec<f32> = (0..from.0 * from.1).map(|i| (i * i % 11) as f32).collect();
            let found = area_mean(|at| map[at], from, to);
            for row in 0..to.0 {
                for column in 0..to.1 {
                    let mut sum = 0.0;
                    for y in row * from.0..(row + 1) * from.0 {
                        for x in column * from.1..(column + 1) * from.1 {
                            sum += f64::from(map[y / to.0 * from.1 + x / to.1]);
                        }
                    }
                    let expected = sum / (from.0 * from.1) as f64;
                    let found = f64::from(found[row * to.1 + column]);
                    assert!((found - expected).abs() < 1e-5, "{found} {expected}");
                }
            }
        }
    }
}
