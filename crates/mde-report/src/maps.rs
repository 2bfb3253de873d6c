//! Depth and error maps as PNGs of 256 colours, photographs as JPEGs, all as data URIs; colour bars as SVG.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colorous::Gradient;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use crate::ReportError;
use crate::charts::{Scale, open_sized, tick_label, ticks};

/// Colour of pixels without a value.
pub(crate) const HOLE: [u8; 3] = [150, 150, 150];

/// Depth maps: viridis, near is dark and far is bright. Perceptually uniform.
pub(crate) const DEPTH: Gradient = colorous::VIRIDIS;
/// Error maps: magma, no error is black. Perceptually uniform.
pub(crate) const ERROR: Gradient = colorous::MAGMA;
/// Maps of how much nearer a correction comes: no gain is dark blue. Perceptually uniform, and not taken for an error.
pub(crate) const GAIN: Gradient = colorous::CIVIDIS;

/// Shades of a gradient; the last entry of a palette is [`HOLE`].
const SHADES: usize = 255;

/// A row-major picture of `height` x `width` values.
pub(crate) struct Map<'a> {
    pub values: &'a [Option<f64>],
    pub height: usize,
    pub width: usize,
    /// Wider pictures are thinned (every n-th pixel): the report is for looking, not for measuring.
    pub widest: usize,
}

impl Map<'_> {
    /// Colours the map over `from..to` (values outside take the end colours) and returns it as a PNG data URI.
    pub(crate) fn paint(
        &self,
        gradient: Gradient,
        (from, to): (f64, f64),
    ) -> Result<String, ReportError> {
        let last = SHADES as f64 - 1.0;
        let shade = Scale::new(from, to, 0.0, last);
        let indices: Vec<u8> = self
            .values
            .iter()
            .map(|value| match value.filter(|value| value.is_finite()) {
                Some(value) => shade.at(value).clamp(0.0, last).round() as u8,
                None => SHADES as u8,
            })
            .collect();
        let mut palette: Vec<[u8; 3]> = (0..SHADES)
            .map(|shade| gradient.eval_continuous(shade as f64 / last).as_array())
            .collect();
        palette.push(HOLE);
        indexed(&indices, (self.height, self.width), self.widest, &palette)
    }
}

/// A picture whose pixels are indices into at most 256 colours, as a PNG data URI.
pub(crate) fn indexed(
    indices: &[u8],
    size: (usize, usize),
    widest: usize,
    palette: &[[u8; 3]],
) -> Result<String, ReportError> {
    let (pixels, height, width) = thinned(indices, size, widest);
    png(&pixels, (height, width), Some(palette.as_flattened()))
}

/// A grey picture as a PNG data URI.
pub(crate) fn grey(values: &[u8], size: (usize, usize)) -> Result<String, ReportError> {
    png(values, size, None)
}

fn png(
    pixels: &[u8],
    (height, width): (usize, usize),
    palette: Option<&[u8]>,
) -> Result<String, ReportError> {
    let mut bytes = Vec::new();
    let encoded = || -> Result<(), png::EncodingError> {
        let mut encoder = Encoder::new(&mut bytes, width as u32, height as u32);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(Compression::High);
        // Neighbouring shades are neighbours in the palette, so that what filters gain on grey pictures they gain here.
        encoder.set_filter(Filter::Adaptive);
        match palette {
            Some(palette) => {
                encoder.set_color(ColorType::Indexed);
                encoder.set_palette(palette);
            }
            None => encoder.set_color(ColorType::Grayscale),
        }
        let mut writer = encoder.write_header()?;
        writer.write_image_data(pixels)?;
        writer.finish()
    }();
    encoded.map_err(|error| ReportError::Picture {
        kind: "PNG",
        height,
        width,
        reason: error.to_string(),
    })?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(bytes)))
}

/// A photograph `[height, width, 3]` as a JPEG data URI: a quarter of a PNG's size.
pub(crate) fn photograph(
    rgb: &[u8],
    size: (usize, usize),
    widest: usize,
) -> Result<String, ReportError> {
    const QUALITY: u8 = 85;
    let (pixels, height, width) = thinned(rgb.as_chunks::<3>().0, size, widest);
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .write_image(
            pixels.as_flattened(),
            width as u32,
            height as u32,
            ExtendedColorType::Rgb8,
        )
        .map_err(|error| ReportError::Picture {
            kind: "JPEG",
            height,
            width,
            reason: error.to_string(),
        })?;
    Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(bytes)))
}

/// Every n-th pixel of every n-th row, so that at most `widest` are left in a row.
fn thinned<T: Copy>(
    pixels: &[T],
    (height, width): (usize, usize),
    widest: usize,
) -> (Vec<T>, usize, usize) {
    let step = width.div_ceil(widest).max(1);
    let rows = (0..height).step_by(step);
    let kept = rows.flat_map(|y| (0..width).step_by(step).map(move |x| pixels[y * width + x]));
    (kept.collect(), height.div_ceil(step), width.div_ceil(step))
}

/// A horizontal colour bar with ticks in `unit`.
pub(crate) fn colour_bar(
    gradient: Gradient,
    (from, to): (f64, f64),
    what: &str,
    unit: &str,
) -> Result<String, ReportError> {
    const WIDTH: f64 = 300.0;
    let x = Scale::new(from, to, 8.0, WIDTH - 8.0);
    let marks = ticks(from, to, 5);
    let step = marks
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .next()
        .unwrap_or(1.0);
    let alt = format!(
        "Colour bar: {what}, {} to {} {unit}",
        tick_label(from, step / 10.0),
        tick_label(to, step / 10.0)
    );
    let mut svg = open_sized(&alt, WIDTH, 40.0);
    let shades: Vec<Option<f64>> = (0..SHADES).map(|shade| Some(shade as f64)).collect();
    let band = Map {
        values: &shades,
        height: 1,
        width: SHADES,
        widest: SHADES,
    }
    .paint(gradient, (0.0, SHADES as f64 - 1.0))?;
    let _ = write!(
        svg,
        r#"<image href="{band}" x="8" y="0" width="{}" height="10" preserveAspectRatio="none"/>"#,
        WIDTH - 16.0
    );
    for value in marks {
        let at = x.at(value);
        let label = tick_label(value, step);
        let _ = write!(
            svg,
            r#"<path class="notch" d="M{at:.1} 10v4"/><text class="tick" x="{at:.1}" y="25" text-anchor="middle">{label}</text>"#
        );
    }
    let _ = write!(
        svg,
        r#"<text class="axis" x="{:.1}" y="38" text-anchor="middle">{what}, {unit}</text></svg>"#,
        WIDTH / 2.0
    );
    Ok(svg)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn decode(uri: &str) -> image::RgbImage {
        let bytes = STANDARD.decode(uri.split_once(',').unwrap().1).unwrap();
        image::load_from_memory(&bytes).unwrap().to_rgb8()
    }

    #[test]
    fn holes_are_grey_and_ends_take_the_ends_of_the_gradient() {
        let values = [
            Some(1.0),
            None,
            Some(f64::NAN),
            Some(5.0),
            Some(99.0),
            Some(-3.0),
        ];
        let picture = decode(
            &Map {
                values: &values,
                height: 2,
                width: 3,
                widest: 3,
            }
            .paint(DEPTH, (1.0, 5.0))
            .unwrap(),
        );
        assert_eq!(picture.dimensions(), (3, 2));
        let pixel = |x, y| picture.get_pixel(x, y).0;
        let [near, far] = [0.0, 1.0].map(|t| DEPTH.eval_continuous(t).as_array());
        assert_eq!([pixel(0, 0), pixel(1, 0), pixel(2, 0)], [near, HOLE, HOLE]);
        assert_eq!([pixel(0, 1), pixel(1, 1), pixel(2, 1)], [far, far, near]);
    }

    #[test]
    fn wide_pictures_are_thinned() {
        let picture = decode(&photograph(&vec![90; 3 * 1242 * 5], (5, 1242), 640).unwrap());
        assert_eq!(picture.dimensions(), (621, 3));
    }

    #[test]
    fn a_flat_range_paints_and_labels() {
        let values = [Some(2.0); 4];
        assert!(
            Map {
                values: &values,
                height: 2,
                width: 2,
                widest: 2,
            }
            .paint(ERROR, (2.0, 2.0))
            .is_ok()
        );
        let bar = colour_bar(ERROR, (2.0, 2.0), "error", "m").unwrap();
        assert!(!bar.contains("NaN") && !bar.contains("inf"), "{bar}");
    }
}
