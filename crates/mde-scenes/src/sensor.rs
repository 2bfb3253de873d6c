//! The sensors: a colour camera with noise, and a Kinect with noise and holes.

use glam::{Vec3, vec3};
use image::{ImageBuffer, Luma, RgbImage};

use crate::camera::Camera;
use crate::random::{Dice, noise, normal, unit};
use crate::view::{Fragment, on_edge};

/// Distance between the Kinect's projector and its infrared camera in metres.
const BASELINE: f32 = 0.075;
/// Largest depth that the Kinect measures, in metres; also the end of NYU Depth V2's range.
pub const KINECT_MAX_DEPTH: f32 = 10.0;
/// Smallest depth that the Kinect measures, in metres.
pub const KINECT_MIN_DEPTH: f32 = 0.5;

/// Exposure: the mean of the darkest `share` of a photograph's pixels gets the brightness `grey`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metering {
    pub(crate) share: f32,
    pub(crate) grey: f32,
}

impl Metering {
    /// Lamps and windows may be overexposed.
    pub(crate) const INDOORS: Self = Self {
        share: 0.9,
        grey: 0.24,
    };
    /// The sky may be overexposed.
    pub(crate) const OUTDOORS: Self = Self {
        share: 0.65,
        grey: 0.15,
    };
}

/// An 8-bit photograph of linear radiance, with random exposure, white balance, vignette, blur and
/// noise.
pub(crate) fn photograph(
    dice: &mut Dice,
    radiance: &[Vec3],
    camera: &Camera,
    metering: Metering,
) -> RgbImage {
    let (width, height) = (camera.lens.width as usize, camera.lens.height as usize);
    let exposure = exposure(radiance, metering) * dice.range(0.75, 1.3);
    let white = vec3(dice.range(0.93, 1.07), 1.0, dice.range(0.93, 1.07));
    let vignette = dice.range(0.05, 0.3);
    let (shot, read) = (dice.range(0.0006, 0.003), dice.range(0.002, 0.008));
    let seed = dice.bits();
    let sharp = dice.range(0.6, 0.9);
    let blurred = blur(radiance, width, height, sharp);
    let mut image = RgbImage::new(camera.lens.width, camera.lens.height);
    for (i, pixel) in image.pixels_mut().enumerate() {
        let (x, y) = (i % width, i / width);
        let (u, v) = (
            x as f32 / width as f32 - 0.5,
            y as f32 / height as f32 - 0.5,
        );
        let falloff = 1.0 - vignette * 2.0 * (u * u + v * v);
        let light = blurred[i] * white * (exposure * falloff);
        for channel in 0..3 {
            let value = light[channel];
            let sigma = (shot * value + read * read).sqrt();
            let grain = normal(i as i32, channel as i32, seed);
            pixel[channel] = develop(value + sigma * grain);
        }
    }
    image
}

/// The factor on the radiance.
fn exposure(radiance: &[Vec3], metering: Metering) -> f32 {
    let mut brightness: Vec<f32> = radiance
        .iter()
        .map(|c| c.dot(vec3(0.25, 0.6, 0.15)))
        .collect();
    let most = (brightness.len() as f32 * metering.share) as usize;
    if most == 0 {
        return 1.0;
    }
    brightness.select_nth_unstable_by(most, f32::total_cmp);
    let mean = brightness[..most]
        .iter()
        .map(|&b| f64::from(b))
        .sum::<f64>()
        / most as f64;
    metering.grey / (mean as f32).max(1e-4)
}

/// The tone curve: compressed highlights, then a gamma of 2.2.
fn develop(value: f32) -> u8 {
    let value = value.max(0.0);
    let toned = if value < 0.6 {
        value
    } else {
        0.6 + 0.4 * (1.0 - (-(value - 0.6) / 0.4).exp())
    };
    (255.0 * toned.powf(1.0 / 2.2)).round() as u8
}

/// Blurs slightly: each pixel keeps the fraction `sharp` of its light along each axis.
fn blur(radiance: &[Vec3], width: usize, height: usize, sharp: f32) -> Vec<Vec3> {
    let side = (1.0 - sharp) / 2.0;
    let pass =
        |source: &[Vec3], step: usize, place: &dyn Fn(usize) -> (usize, usize)| -> Vec<Vec3> {
            (0..source.len())
                .map(|i| {
                    let (at, end) = place(i);
                    let before = if at > 0 { source[i - step] } else { source[i] };
                    let after = if at + 1 < end {
                        source[i + step]
                    } else {
                        source[i]
                    };
                    source[i] * sharp + (before + after) * side
                })
                .collect()
        };
    let rows = pass(radiance, 1, &|i| (i % width, width));
    pass(&rows, width, &|i| (i / width, height))
}

/// Depth as a Kinect measures it, in millimetres; 0 is invalid.
///
/// The noise has sigma = 1.2 mm + 1.9 mm/m^2 (z - 0.4 m)^2 (Nguyen, Izadi, Lovell 2012). Then the
/// disparity is rounded to an eighth of a pixel at a focal length of 580. Depth is invalid out of
/// range, in the projector's shadow, where too little infrared returns (dark, grazing, far, shiny)
/// and at random along depth edges.
pub(crate) fn measure(
    dice: &mut Dice,
    fragments: &[Fragment],
    camera: &Camera,
) -> ImageBuffer<Luma<u16>, Vec<u16>> {
    let width = camera.lens.width as usize;
    let scale = camera.lens.width as f32 / 640.0;
    let seed = dice.bits();
    let weakness = dice.range(0.6, 1.4);
    let shadow = shadowed(fragments, width, camera.lens.focal);
    let mut image = ImageBuffer::<Luma<u16>, Vec<u16>>::new(camera.lens.width, camera.lens.height);
    for (i, pixel) in image.pixels_mut().enumerate() {
        let (x, y) = (i % width, i / width);
        let f = &fragments[i];
        let patch = noise(x as f32 / (14.0 * scale), y as f32 / (14.0 * scale), seed);
        let chance = unit(x as i32, y as i32, seed ^ 1);
        let lost = shadow[i]
            || returned(f) < weakness * (0.003 + 0.03 * patch * patch + 0.003 * chance)
            || f.gloss > 0.5 && patch < 0.85
            || on_edge(fragments, width, i) && chance < 0.35;
        if lost || f.z < KINECT_MIN_DEPTH {
            continue;
        }
        let sigma = 0.0012 + 0.0019 * (f.z - 0.4).powi(2);
        let noisy = f.z + sigma * normal(x as i32, y as i32, seed ^ 2);
        let steps = 8.0 * BASELINE * 580.0 / noisy.max(0.3);
        let z = 8.0 * BASELINE * 580.0 / steps.round().max(1.0);
        if z <= KINECT_MAX_DEPTH {
            pixel[0] = (z * 1000.0).round() as u16;
        }
    }
    image
}

/// Returned infrared relative to a white surface at one metre.
///
/// The exponent is below 2 because the sensor's gain compensates for part of the falloff.
fn returned(f: &Fragment) -> f32 {
    if f.z.is_infinite() {
        return 0.0;
    }
    let diffuse = f.infrared * f.facing.max(0.0) * (1.0 - f.gloss);
    // A polished surface at a right angle dazzles the sensor; a slanted one deflects the dots.
    let dazzled = f.gloss > 0.1 && f.facing > 0.992;
    if dazzled {
        0.0
    } else {
        diffuse / f.z.powf(1.3)
    }
}

/// Pixels in the shadow of the projector, which is `BASELINE` to the right of the camera.
///
/// The projector sees a surface of column x at x - focal * baseline / z. Along a row from right to
/// left, a surface is hidden if an earlier one appeared farther left.
fn shadowed(fragments: &[Fragment], width: usize, focal: f32) -> Vec<bool> {
    let mut out = vec![false; fragments.len()];
    for (row, hidden) in fragments
        .chunks_exact(width.max(1))
        .zip(out.chunks_exact_mut(width.max(1)))
    {
        let mut leftmost = f32::INFINITY;
        for x in (0..width).rev() {
            let seen = x as f32 - focal * BASELINE / row[x].z;
            hidden[x] = seen > leftmost + 0.5;
            leftmost = leftmost.min(seen);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::Lens;
    use crate::material::Material;
    use crate::scene::Scene;
    use crate::solid::Solid;
    use crate::view;

    fn wall_at(z: f32, extra: Option<Solid>, material: Material) -> (Vec<Fragment>, Camera) {
        let wall = Solid::spanning(vec3(-90.0, -90.0, z), vec3(90.0, 90.0, z + 1.0), material);
        let solids = std::iter::once(wall).chain(extra).collect();
        let scene = Scene::new(solids, Vec::new(), 1.0, Vec3::ZERO);
        let camera = Camera::new(Vec3::ZERO, [0.0; 3], Lens::kinect(160, 120));
        (view::fragments(&scene, &camera), camera)
    }

    fn measured(z: f32, material: Material) -> Vec<f64> {
        let (fragments, camera) = wall_at(z, None, material);
        let image = measure(&mut Dice::new(1, 1), &fragments, &camera);
        image
            .as_raw()
            .iter()
            .filter(|&&mm| mm > 0)
            .map(|&mm| f64::from(mm) / 1000.0)
            .collect()
    }

    #[test]
    fn a_plain_wall_is_measured_without_bias_and_with_the_stated_noise() {
        let seen = measured(3.0, Material::default());
        assert!(seen.len() > 160 * 120 * 95 / 100, "{} pixels", seen.len());
        let mean = seen.iter().sum::<f64>() / seen.len() as f64;
        let deviation =
            (seen.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / seen.len() as f64).sqrt();
        assert!((mean - 3.0).abs() < 0.002, "mean {mean}");
        // 14.0 mm of noise, and 7.5 mm from disparity steps of 26 mm, added in squares.
        assert!((deviation - 0.0159).abs() < 0.0015, "deviation {deviation}");
    }

    #[test]
    fn out_of_range_dark_and_mirroring_surfaces_are_invalid() {
        assert!(measured(10.9, Material::default()).is_empty());
        assert!(measured(0.45, Material::default()).is_empty());
        let black = Material {
            base: Vec3::splat(0.01),
            infrared: 0.05,
            ..Material::default()
        };
        assert!(measured(4.0, black).len() < 160 * 120 / 10);
        assert!(measured(2.0, Material::default().glossy(0.92)).len() < 160 * 120 / 4);
    }

    #[test]
    fn a_near_object_casts_the_projectors_shadow_to_its_left() {
        let object = Solid::spanning(
            vec3(-0.2, -90.0, 1.0),
            vec3(0.2, 90.0, 1.1),
            Material::default(),
        );
        let (fragments, camera) = wall_at(3.0, Some(object), Material::default());
        let hidden = shadowed(&fragments, 160, camera.lens.focal);
        let row = 60 * 160;
        let near: Vec<usize> = (0..160).filter(|&x| fragments[row + x].z < 2.0).collect();
        let dark: Vec<usize> = (0..160).filter(|&x| hidden[row + x]).collect();
        // Disparities differ by focal * baseline * (1/1 - 1/3): 6.5 pixels here.
        assert!((5..=8).contains(&dark.len()), "{dark:?}");
        assert_eq!(dark[dark.len() - 1] + 1, near[0]);
    }
}
