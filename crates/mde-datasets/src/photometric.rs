//! Normalisation and colour augmentation.
//!
//! Values are planar `[3, H, W]`, in [0, 1] before normalisation. Per-channel operations
//! ([`Levels`]) are computed for the 256 levels of a channel and looked up. MFF's lighting and
//! jitter use whole pixels or images and work on planes. They may leave [0, 1] and are not clamped,
//! as in MFF's own transform; the paper's code uses torchvision's `ColorJitter`, which clamps.

use image::RgbImage;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Mean of ImageNet's RGB values in [0, 1].
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Standard deviation of ImageNet's RGB values in [0, 1].
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// Normalisation of a network's colour input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// (x - mean) / std with [`IMAGENET_MEAN`] and [`IMAGENET_STD`], x in [0, 1].
    #[serde(rename = "imagenet")]
    ImageNet,
    /// x in [0, 1], unchanged.
    UnitRange,
}

impl Normalisation {
    fn apply(self, channel: usize, value: f32) -> f32 {
        match self {
            Self::ImageNet => (value - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel],
            Self::UnitRange => value,
        }
    }
}

/// The network's input value for each 8-bit level of each channel.
pub(crate) struct Levels([[f32; 256]; 3]);

impl Levels {
    /// Normalisation only.
    pub(crate) fn new(normalisation: Normalisation) -> Self {
        Self::mapped(normalisation, |_, value| value)
    }

    /// BTS's augmentation, then normalisation: x^gamma times a brightness times a factor per
    /// channel, clamped to [0, 1]. Gamma and the channel factors are uniform in [0.9, 1.1], the
    /// brightness in 1 ± `brightness`.
    pub(crate) fn augmented(
        normalisation: Normalisation,
        brightness: f32,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let gamma = rng.random_range(0.9f32..=1.1);
        let brightness = rng.random_range(1.0 - brightness..=1.0 + brightness);
        let colours: [f32; 3] = std::array::from_fn(|_| rng.random_range(0.9..=1.1));
        Self::mapped(normalisation, |channel, value| {
            (value.powf(gamma) * brightness * colours[channel]).clamp(0.0, 1.0)
        })
    }

    /// `change` maps a channel and a value in [0, 1] to the value to normalise.
    fn mapped(normalisation: Normalisation, change: impl Fn(usize, f32) -> f32) -> Self {
        Self(std::array::from_fn(|channel| {
            std::array::from_fn(|level| {
                normalisation.apply(channel, change(channel, level as f32 / 255.0))
            })
        }))
    }

    /// `[H, W, 3]` u8 to planar `[3, H, W]`, mirrored left to right if `flip`.
    pub(crate) fn planes(&self, rgb: &RgbImage, flip: bool) -> Vec<f32> {
        let (width, height) = (rgb.width() as usize, rgb.height() as usize);
        let mut planes = vec![0.0; 3 * height * width];
        if planes.is_empty() {
            return planes;
        }
        for (channel, plane) in planes.chunks_exact_mut(height * width).enumerate() {
            let levels = &self.0[channel];
            let rows = plane.chunks_exact_mut(width);
            for (to, from) in rows.zip(rgb.as_raw().chunks_exact(3 * width)) {
                let values = from
                    .chunks_exact(3)
                    .map(|pixel| levels[pixel[channel] as usize]);
                if flip {
                    to.iter_mut()
                        .rev()
                        .zip(values)
                        .for_each(|(to, value)| *to = value);
                } else {
                    to.iter_mut()
                        .zip(values)
                        .for_each(|(to, value)| *to = value);
                }
            }
        }
        planes
    }
}

/// Principal components of ImageNet's RGB values: eigenvalues of the covariance, and eigenvectors
/// as columns (Krizhevsky et al., 2012, section 4.1).
const EIGENVALUES: [f32; 3] = [0.2175, 0.0188, 0.0045];
const EIGENVECTORS: [[f32; 3]; 3] = [
    [-0.5675, 0.7192, 0.4009],
    [-0.5808, -0.0045, -0.8140],
    [-0.5836, -0.6948, 0.4203],
];

/// Weights of red, green and blue in luma (ITU-R BT.601).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// `[H, W, 3]` u8 to planar `[3, H, W]` in [0, 1].
pub(crate) fn to_planes(rgb: &RgbImage) -> Vec<f32> {
    let pixels = rgb.as_raw();
    let mut planes = Vec::with_capacity(pixels.len());
    for channel in 0..3 {
        planes.extend(
            pixels
                .iter()
                .skip(channel)
                .step_by(3)
                .map(|&v| f32::from(v) / 255.0),
        );
    }
    planes
}

/// Applies the ImageNet normalisation.
pub(crate) fn normalise(planes: &mut [f32]) {
    for (channel, plane) in channels(planes).enumerate() {
        plane
            .iter_mut()
            .for_each(|v| *v = Normalisation::ImageNet.apply(channel, *v));
    }
}

/// PCA lighting: with a draw a_j ~ N(0, std) per principal component j, channel c gains
/// sum_j v_cj a_j λ_j.
pub(crate) fn add_lighting(planes: &mut [f32], std: f32, rng: &mut ChaCha8Rng) {
    let strengths: [f32; 3] = std::array::from_fn(|j| std * normal(rng) * EIGENVALUES[j]);
    for (plane, row) in channels(planes).zip(EIGENVECTORS) {
        let shift: f32 = row.iter().zip(strengths).map(|(v, s)| v * s).sum();
        plane.iter_mut().for_each(|v| *v += shift);
    }
}

/// Brightness, contrast and saturation jitter in random order: (1 - t) x + t g, with t uniform in
/// ± `strength` and g black, the mean grey or the image in grey. A negative t moves away from g.
pub(crate) fn jitter(planes: &mut [f32], strength: f32, rng: &mut ChaCha8Rng) {
    let mut order = [Jitter::Brightness, Jitter::Contrast, Jitter::Saturation];
    order.shuffle(rng);
    for jitter in order {
        let t = rng.random_range(-strength..=strength);
        jitter.apply(planes, t);
    }
}

#[derive(Debug, Clone, Copy)]
enum Jitter {
    Brightness,
    Contrast,
    Saturation,
}

impl Jitter {
    fn apply(self, planes: &mut [f32], t: f32) {
        match self {
            Self::Brightness => planes.iter_mut().for_each(|v| *v *= 1.0 - t),
            Self::Contrast => {
                let grey = mean_luma(planes);
                planes.iter_mut().for_each(|v| *v += t * (grey - *v));
            }
            Self::Saturation => {
                let pixels = planes.len() / 3;
                let (red, rest) = planes.split_at_mut(pixels);
                let (green, blue) = rest.split_at_mut(pixels);
                for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
                    let grey = LUMA[0] * *r + LUMA[1] * *g + LUMA[2] * *b;
                    for v in [r, g, b] {
                        *v += t * (grey - *v);
                    }
                }
            }
        }
    }
}

/// Mean luma of all pixels, summed in f64.
fn mean_luma(planes: &mut [f32]) -> f32 {
    let pixels = planes.len() / 3;
    let sum: f64 = channels(planes)
        .zip(LUMA)
        .map(|(plane, weight)| f64::from(weight) * plane.iter().map(|&v| f64::from(v)).sum::<f64>())
        .sum();
    (sum / pixels as f64) as f32
}

fn channels(planes: &mut [f32]) -> impl Iterator<Item = &mut [f32]> {
    let pixels = (planes.len() / 3).max(1);
    planes.chunks_exact_mut(pixels)
}

/// A standard normal draw (Box-Muller).
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt(); // 1 - u is never 0
    let angle = std::f64::consts::TAU * rng.random::<f64>();
    (radius * angle.cos()) as f32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]
    use super::*;
    use crate::sample_rng;

    /// Two pixels, planar: red-ish and blue-ish.
    const PLANES: [f32; 6] = [0.8, 0.1, 0.4, 0.2, 0.2, 0.9];

    fn close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-5, "{found:?} is not {expected:?}");
        }
    }

    fn luma(r: f32, g: f32, b: f32) -> f32 {
        0.299 * r + 0.587 * g + 0.114 * b
    }

    #[test]
    fn planes_are_channel_first() {
        let image = RgbImage::from_raw(2, 1, vec![255, 0, 51, 102, 153, 204]).unwrap();
        close(&to_planes(&image), &[1.0, 0.4, 0.0, 0.6, 0.2, 0.8]);
    }

    #[test]
    fn normalisation_uses_the_moments_of_each_channel() {
        let mut planes = [0.485, 1.0, 0.456, 1.0, 0.406, 1.0];
        normalise(&mut planes);
        close(
            &planes,
            &[0.0, 0.515 / 0.229, 0.0, 0.544 / 0.224, 0.0, 0.594 / 0.225],
        );
    }

    #[test]
    fn levels_normalise_and_flip_the_image() {
        let image = RgbImage::from_fn(5, 3, |x, y| image::Rgb([(50 * x) as u8, (90 * y) as u8, 7]));
        let mut expected = to_planes(&image);
        close(
            &Levels::new(Normalisation::UnitRange).planes(&image, false),
            &expected,
        );
        normalise(&mut expected);
        let levels = Levels::new(Normalisation::ImageNet);
        assert_eq!(levels.planes(&image, false), expected);
        for row in expected.chunks_exact_mut(5) {
            row.reverse();
        }
        assert_eq!(levels.planes(&image, true), expected);
        assert!(levels.planes(&RgbImage::new(0, 4), true).is_empty());
    }

    #[test]
    fn augmented_levels_follow_the_formula() {
        // The same draws in the same order.
        let mut rng = sample_rng(4, 5, 6);
        let gamma = rng.random_range(0.9f32..=1.1);
        let brightness = rng.random_range(0.75f32..=1.25);
        let colours: [f32; 3] = std::array::from_fn(|_| rng.random_range(0.9..=1.1));
        let rng = &mut sample_rng(4, 5, 6);
        let Levels(levels) = Levels::augmented(Normalisation::UnitRange, 0.25, rng);
        for (channel, colour) in colours.into_iter().enumerate() {
            for level in [0, 1, 100, 254, 255] {
                let value = (level as f32 / 255.0).powf(gamma) * brightness * colour;
                close(&levels[channel][level..=level], &[value.min(1.0)]);
            }
        }
    }

    #[test]
    fn jitter_with_t_1_gives_the_image_mixed_in() {
        let greys = [luma(0.8, 0.4, 0.2), luma(0.1, 0.2, 0.9)];
        let mean = (greys[0] + greys[1]) / 2.0;
        let applied = |jitter: Jitter, t| {
            let mut planes = PLANES;
            jitter.apply(&mut planes, t);
            planes
        };
        close(&applied(Jitter::Brightness, 1.0), &[0.0; 6]);
        close(&applied(Jitter::Contrast, 1.0), &[mean; 6]);
        close(
            &applied(Jitter::Saturation, 1.0),
            &[greys, greys, greys].concat(),
        );
        for jitter in [Jitter::Brightness, Jitter::Contrast, Jitter::Saturation] {
            close(&applied(jitter, 0.0), &PLANES);
        }
        close(&applied(Jitter::Brightness, -0.4)[..2], &[1.12, 0.14]);
    }

    #[test]
    fn lighting_shifts_whole_channels() {
        let mut planes = PLANES;
        add_lighting(&mut planes, 0.1, &mut sample_rng(1, 0, 0));
        let shifts: Vec<f32> = planes
            .iter()
            .zip(PLANES)
            .map(|(after, before)| after - before)
            .collect();
        for pair in shifts.chunks(2) {
            assert!((pair[0] - pair[1]).abs() < 1e-6);
            assert!(pair[0] != 0.0 && pair[0].abs() < 0.1);
        }
    }

    #[test]
    fn normal_draws_have_mean_0_and_variance_1() {
        let mut rng = sample_rng(3, 0, 0);
        let draws: Vec<f64> = (0..20_000).map(|_| f64::from(normal(&mut rng))).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
    }
}
