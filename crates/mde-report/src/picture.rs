//! A map of numbers as a picture with a colour bar.

use std::convert::Infallible;
use std::ops::Range;

use colorous::Gradient;
use embedded_graphics::Pixel;
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_6X10;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{DrawTarget, Drawable, OriginDimensions, Point, RgbColor, Size};
use embedded_graphics::text::{Baseline, Text};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};

use crate::charts::{Scale, tick_label, ticks};
use crate::error::ReportError;
use crate::maps::{DEPTH, HOLE};

/// The content of a picture, which decides its colours. Both are perceptually uniform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureOf {
    /// Depth in metres: viridis, near is dark.
    Depth,
    /// A unit's activation: inferno, low is black.
    Activation,
}

impl PictureOf {
    fn gradient(self) -> Gradient {
        match self {
            Self::Depth => DEPTH,
            Self::Activation => colorous::INFERNO,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Depth => " m",
            Self::Activation => "",
        }
    }
}

/// Width of the strip with the colour bar, pixels. Below a map of twice the width it is doubled.
const STRIP_WIDTH: usize = 640;
/// Width of two labels.
const LEAST_WIDTH: usize = 96;
const STRIP_HEIGHT: usize = 36;
const MARGIN: usize = 12;
const BAR: Range<u32> = 6..18;
const NOTCH: Range<u32> = 18..21;
const LABELS: i32 = 23;
/// Width of a character, and of the space between two labels.
const LETTER: usize = 6;
const GAP: usize = 6;

const WHITE: Rgb<u8> = Rgb([255; 3]);
const BLACK: Rgb<u8> = Rgb([0; 3]);

/// A PNG of the row-major `values` `[height, width]`, coloured over their own range, with a colour
/// bar below. Values that are not finite are grey. A map narrower than the bar is centred above it.
///
/// # Errors
/// If the picture exceeds the size limit of PNG.
///
/// # Panics
/// If there are not `height * width` values.
pub fn coloured_picture(
    values: &[f32],
    (height, width): (usize, usize),
    of: PictureOf,
) -> Result<Vec<u8>, ReportError> {
    assert_eq!(values.len(), height * width, "{height}x{width} values");
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let range = if low <= high {
        (f64::from(low), f64::from(high))
    } else {
        (0.0, 1.0)
    };
    let scale = (width / STRIP_WIDTH).max(1);
    let strip = strip(range, (width / scale).max(LEAST_WIDTH), of);
    let whole_width = width.max(LEAST_WIDTH);
    let whole_height = height + STRIP_HEIGHT * scale;

    let mut picture = RgbImage::from_pixel(whole_width as u32, whole_height as u32, WHITE);
    let shade = Scale::new(range.0, range.1, 0.0, 1.0);
    let left = (whole_width - width) / 2;
    for (row, values) in values.chunks_exact(width.max(1)).enumerate() {
        for (column, &value) in values.iter().enumerate() {
            let colour = if value.is_finite() {
                let at = shade.at(f64::from(value)).clamp(0.0, 1.0);
                of.gradient().eval_continuous(at).as_array()
            } else {
                HOLE
            };
            picture.put_pixel((left + column) as u32, row as u32, Rgb(colour));
        }
    }
    let strip_left = (whole_width - strip.width() as usize * scale) / 2;
    for (x, y, &colour) in strip.enumerate_pixels() {
        for offset in 0..scale * scale {
            let column = strip_left + x as usize * scale + offset % scale;
            let row = height + y as usize * scale + offset / scale;
            picture.put_pixel(column as u32, row as u32, colour);
        }
    }
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(
            picture.as_raw(),
            whole_width as u32,
            whole_height as u32,
            ExtendedColorType::Rgb8,
        )
        .map_err(|error| ReportError::picture("PNG", (whole_height, whole_width), &error))?;
    Ok(png)
}

/// The colour bar with its labels.
fn strip(range: (f64, f64), width: usize, of: PictureOf) -> RgbImage {
    let mut strip = Strip(RgbImage::from_pixel(
        width as u32,
        STRIP_HEIGHT as u32,
        WHITE,
    ));
    let bar = MARGIN..width - MARGIN;
    let shade = Scale::new(bar.start as f64, bar.end as f64 - 1.0, 0.0, 1.0);
    for column in bar.clone() {
        let colour = of.gradient().eval_continuous(shade.at(column as f64));
        strip.fill(column, BAR, Rgb(colour.as_array()));
    }
    let column = Scale::new(range.0, range.1, bar.start as f64, bar.end as f64 - 1.0);
    let mut free = 0;
    for (value, label) in labels(range, bar.len() / 64, of.unit()) {
        let at = column.at(value).round() as usize;
        let half = label.len() * LETTER / 2;
        let left = at.saturating_sub(half).min(width.saturating_sub(2 * half));
        if left < free {
            continue;
        }
        free = left + 2 * half + GAP;
        strip.fill(at, NOTCH, BLACK);
        let style = MonoTextStyle::new(&FONT_6X10, Rgb888::BLACK);
        let place = Point::new(left as i32, LABELS);
        match Text::with_baseline(&label, place, style, Baseline::Top).draw(&mut strip) {
            Ok(_) => {}
            Err(never) => match never {},
        }
    }
    strip.0
}

/// About `count` round numbers in the range with their text; the ends of the range if there are
/// fewer than two.
fn labels((from, to): (f64, f64), count: usize, unit: &str) -> Vec<(f64, String)> {
    const LONGEST: usize = 7;
    let mut marks = ticks(from, to, count.clamp(2, 8));
    let step = match marks[..] {
        [first, second, ..] => second - first,
        _ if to > from => {
            marks = vec![from, to];
            (to - from) / 10.0
        }
        _ => 0.01,
    };
    let text = |value: f64| {
        let plain = tick_label(value, step);
        let number = if plain.len() > LONGEST {
            format!("{value:.1e}")
        } else {
            plain
        };
        (value, number + unit)
    };
    marks.into_iter().map(text).collect()
}

/// An image that text can be drawn on.
struct Strip(RgbImage);

impl Strip {
    fn fill(&mut self, column: usize, rows: Range<u32>, colour: Rgb<u8>) {
        for row in rows {
            self.0.put_pixel(column as u32, row, colour);
        }
    }
}

impl OriginDimensions for Strip {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Strip {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        for Pixel(at, colour) in pixels {
            let pixel = (u32::try_from(at.x).ok().zip(u32::try_from(at.y).ok()))
                .and_then(|(x, y)| self.0.get_pixel_mut_checked(x, y));
            if let Some(pixel) = pixel {
                *pixel = Rgb([colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn picture(values: &[f32], size: (usize, usize), of: PictureOf) -> RgbImage {
        let png = coloured_picture(values, size, of).unwrap();
        image::load_from_memory(&png).unwrap().to_rgb8()
    }

    fn ends(of: PictureOf) -> [Rgb<u8>; 2] {
        [0.0, 1.0].map(|at| Rgb(of.gradient().eval_continuous(at).as_array()))
    }

    fn texts(range: (f64, f64), count: usize) -> Vec<String> {
        let labels = labels(range, count, " m");
        labels.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn a_picture_is_the_map_and_a_colour_bar() {
        let (height, width) = (7, 131);
        let mut values: Vec<f32> = (0..height * width).map(|i| 1.0 + i as f32).collect();
        values[width + 2] = f32::NAN;
        for of in [PictureOf::Depth, PictureOf::Activation] {
            let found = picture(&values, (height, width), of);
            assert_eq!(found.dimensions(), (131, 7 + 36));
            let [low, high] = ends(of);
            assert_eq!(*found.get_pixel(0, 0), low);
            assert_eq!(*found.get_pixel(130, 6), high);
            assert_eq!(*found.get_pixel(2, 1), Rgb(HOLE));
            let bar = [11, 12, 118, 119].map(|x| *found.get_pixel(x, 7 + BAR.start));
            assert_eq!(bar, [WHITE, low, high, WHITE]);
            assert!(
                found
                    .rows()
                    .skip(7 + 23)
                    .flatten()
                    .any(|pixel| *pixel == BLACK)
            );
        }
    }

    #[test]
    fn the_labels_tell_the_range() {
        // The same colours, of other metres.
        let of = |most: f32| {
            let values: Vec<f32> = (0..300).map(|i| most * i as f32 / 299.0).collect();
            picture(&values, (1, 300), PictureOf::Depth)
        };
        // Twice the range: the shares of it are the same to the bit.
        let (near, far) = (of(4.0), of(8.0));
        assert!(near.rows().next().unwrap().eq(far.rows().next().unwrap()));
        assert_ne!(near, far);
        assert_eq!(texts((0.0, 4.0), 4), ["0 m", "1 m", "2 m", "3 m", "4 m"]);
        assert_eq!(texts((1.3, 2.7), 3), ["1.5 m", "2.0 m", "2.5 m"]);
    }

    #[test]
    fn labels_are_short_whatever_the_range() {
        // No two round numbers in it, a single value, steps of too many digits.
        assert_eq!(texts((0.61, 0.79), 1), ["0.61 m", "0.79 m"]);
        assert_eq!(texts((2.371, 2.371), 4), ["2.37 m"]);
        assert_eq!(texts((0.0, 2e-9), 2), ["0.0e0 m", "1.0e-9 m", "2.0e-9 m"]);
        for range in [(0.0, 1e-30), (-1e30, 1e30), (1e8, 1e8 + 1.0), (-0.7, 0.1)] {
            for text in texts(range, 8) {
                assert!(text.len() <= 11, "{text}");
            }
        }
    }

    #[test]
    fn narrow_wide_and_undefined_maps() {
        // A picture narrower than its bar is centred above it.
        let found = picture(&[1.0, 2.0], (2, 1), PictureOf::Depth);
        assert_eq!(found.dimensions(), (96, 2 + 36));
        assert_eq!(*found.get_pixel(47, 0), ends(PictureOf::Depth)[0]);
        assert_eq!(*found.get_pixel(46, 0), WHITE);
        // Below twice the width everything is twice as large.
        let found = picture(&vec![1.0; 1281], (1, 1281), PictureOf::Activation);
        assert_eq!(found.dimensions(), (1281, 1 + 72));
        let column = |x| (1..73).map(|y| *found.get_pixel(x, y)).collect::<Vec<_>>();
        assert_eq!(column(100), column(101));
        // Nothing to colour.
        let found = picture(&[f32::NAN, f32::INFINITY], (1, 2), PictureOf::Depth);
        assert_eq!(*found.get_pixel(47, 0), Rgb(HOLE));
    }
}
