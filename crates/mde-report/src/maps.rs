//! Depth and error maps as PNGs of 256 colours and photographs as JPEGs, in data URIs. Colour bars
//! as SVG.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colorous::Gradient;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use crate::charts::{Drawing, Scale, tick_label, ticks};
use crate::error::ReportError;

/// Colour of pixels without a value.
pub(crate) const HOLE: [u8; 3] = [150, 150, 150];

/// Depth maps: viridis, perceptually uniform, near is dark.
pub(crate) const DEPTH: Gradient = colorous::VIRIDIS;
/// Error maps: magma, perceptually uniform, no error is black.
pub(crate) const ERROR: Gradient = colorous::MAGMA;
/// Maps of the gain of a correction: cividis, perceptually uniform, no gain is dark blue. Looks
/// different from an error map.
pub(crate) const GAIN: Gradient = colorous::CIVIDIS;

/// Shades of a gradient; the last entry of a palette is [`HOLE`].
const SHADES: usize = 255;

/// Turns row-major images of `height` x `width` into data URIs.
#[derive(Clone, Copy)]
pub(crate) struct Canvas {
    /// Height and width of the images.
    pub size: (usize, usize),
    /// Wider images are reduced to every n-th pixel.
    pub widest: usize,
}

impl Canvas {
    /// A PNG of the values, coloured over `from..=to`. Values outside take the colour of the end.
    pub(crate) fn map(
        self,
        values: &[Option<f64>],
        gradient: Gradient,
        (from, to): (f64, f64),
    ) -> Result<String, ReportError> {
        let last = SHADES as f64 - 1.0;
        let shade = Scale::new(from, to, 0.0, last);
        let indices: Vec<u8> = values
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
        self.indexed(&indices, &palette)
    }

    /// A PNG whose pixels are indices into a palette of at most 256 colours.
    pub(crate) fn indexed(
        self,
        indices: &[u8],
        palette: &[[u8; 3]],
    ) -> Result<String, ReportError> {
        let (pixels, size) = self.thinned(indices);
        png(&pixels, size, Some(palette.as_flattened()))
    }

    /// A JPEG of a photograph `[height, width, 3]`: a quarter of a PNG's size.
    pub(crate) fn photograph(self, rgb: &[u8]) -> Result<String, ReportError> {
        const QUALITY: u8 = 85;
        let (pixels, (height, width)) = self.thinned(rgb.as_chunks::<3>().0);
        let (pixels, colour) = (pixels.as_flattened(), ExtendedColorType::Rgb8);
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, QUALITY)
            .write_image(pixels, width as u32, height as u32, colour)
            .map_err(|error| ReportError::picture("JPEG", (height, width), &error))?;
        Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(bytes)))
    }

    /// Every n-th pixel of every n-th row, with at most `widest` pixels in a row, and their size.
    fn thinned<T: Copy>(self, pixels: &[T]) -> (Vec<T>, (usize, usize)) {
        let (height, width) = self.size;
        let step = width.div_ceil(self.widest).max(1);
        let rows = (0..height).step_by(step);
        let kept = rows.flat_map(|y| (0..width).step_by(step).map(move |x| pixels[y * width + x]));
        (
            kept.collect(),
            (height.div_ceil(step), width.div_ceil(step)),
        )
    }
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
        // Similar shades have similar indices, so filters help as much as on grey pictures.
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
    encoded.map_err(|error| ReportError::picture("PNG", (height, width), &error))?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(bytes)))
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
    let shades: Vec<Option<f64>> = (0..SHADES).map(|shade| Some(shade as f64)).collect();
    let canvas = Canvas {
        size: (1, SHADES),
        widest: SHADES,
    };
    let band = canvas.map(&shades, gradient, (0.0, SHADES as f64 - 1.0))?;
    let mut drawing = Drawing::chart(&alt, WIDTH, 40.0);
    drawing.add(format_args!(
        r#"<image href="{band}" x="8" y="0" width="{}" height="10" preserveAspectRatio="none"/>"#,
        WIDTH - 16.0
    ));
    for value in marks {
        drawing.x_tick(x.at(value), 10.0, &tick_label(value, step));
    }
    drawing.centred("axis", WIDTH / 2.0, 38.0, &format!("{what}, {unit}"));
    Ok(drawing.finish())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn canvas(height: usize, width: usize, widest: usize) -> Canvas {
        Canvas {
            size: (height, width),
            widest,
        }
    }

    fn decode(uri: &str) -> image::RgbImage {
        let bytes = STANDARD.decode(uri.split_once(',').unwrap().1).unwrap();
        image::load_from_memory(&bytes).unwrap().to_rgb8()
    }

    #[test]
    fn missing_values_are_grey_and_extremes_get_the_end_colours() {
        let values = [
            Some(1.0),
            None,
            Some(f64::NAN),
            Some(5.0),
            Some(99.0),
            Some(-3.0),
        ];
        let picture = decode(&canvas(2, 3, 3).map(&values, DEPTH, (1.0, 5.0)).unwrap());
        assert_eq!(picture.dimensions(), (3, 2));
        let pixel = |x, y| picture.get_pixel(x, y).0;
        let [near, far] = [0.0, 1.0].map(|t| DEPTH.eval_continuous(t).as_array());
        assert_eq!([pixel(0, 0), pixel(1, 0), pixel(2, 0)], [near, HOLE, HOLE]);
        assert_eq!([pixel(0, 1), pixel(1, 1), pixel(2, 1)], [far, far, near]);
    }

    #[test]
    fn wide_pictures_are_thinned() {
        let picture = decode(
            &canvas(5, 1242, 640)
                .photograph(&vec![90; 3 * 1242 * 5])
                .unwrap(),
        );
        assert_eq!(picture.dimensions(), (621, 3));
    }

    #[test]
    fn a_flat_range_paints_and_labels() {
        let values = [Some(2.0); 4];
        assert!(canvas(2, 2, 2).map(&values, ERROR, (2.0, 2.0)).is_ok());
        let bar = colour_bar(ERROR, (2.0, 2.0), "error", "m").unwrap();
        assert!(!bar.contains("NaN") && !bar.contains("inf"), "{bar}");
    }
}
