//! Depth of a spinning laser scanner, sampled like KITTI's annotated depth.
//!
//! KITTI's ground truth accumulates eleven scans of a Velodyne HDL-64E from a moving car and keeps
//! the points that stereo confirms (Uhrig et al. 2017). Here, a pixel is hit from one of eleven
//! positions if one of the scanner's beams and one of its shots fall into it. Most points are then
//! dropped, in runs along a beam, because the return is weak, stereo disagrees or a depth edge is
//! near.

use glam::Vec3;
use image::{ImageBuffer, Luma};

use crate::camera::{Camera, KITTI_SIZE};
use crate::random::{Dice, noise, normal, unit};
use crate::view::{Fragment, on_edge};

/// Largest stored depth of streets in metres, as in KITTI.
pub const LIDAR_MAX_DEPTH: f32 = 80.0;
/// Steps of stored depth per metre, as in KITTI.
pub const LIDAR_STEPS_PER_METRE: f32 = 256.0;

/// Number of accumulated scans.
const SCANS: usize = 11;
/// Elevation of the beams in degrees: 32 from +2 downwards every 1/3, then 32 from -8.83 every 1/2.
const UPPER: (f32, f32) = (2.0, 1.0 / 3.0);
const LOWER: (f32, f32) = (-8.83, 0.5);
const LOWEST: f32 = -24.33;
/// Angle between two shots of a beam, in degrees.
const TURN_STEP: f32 = 0.13;
/// Position of the scanner relative to the camera: metres behind and above.
const BEHIND: f32 = 0.27;
const ABOVE: f32 = 0.08;

/// Measured depth in 1/256 m; 0 is invalid.
///
/// The spacing of beams and shots in pixels is KITTI's at every width, so that small images are as
/// sparse as KITTI's. The noise has a standard deviation of 1.5 cm.
pub(crate) fn scan(
    dice: &mut Dice,
    fragments: &[Fragment],
    camera: &Camera,
) -> ImageBuffer<Luma<u16>, Vec<u16>> {
    let (columns, rows) = (camera.lens.width as usize, camera.lens.height as usize);
    let scanner = Scanner::new(dice, camera);
    let seed = dice.bits();
    let mut image = ImageBuffer::new(camera.lens.width, camera.lens.height);
    for (i, pixel) in image.pixels_mut().enumerate() {
        let f = &fragments[i];
        // The margin allows for noise.
        if !f.z.is_finite() || f.z > LIDAR_MAX_DEPTH + 0.5 {
            continue;
        }
        let (x, y) = (i % columns, i / columns);
        let chance = unit(x as i32, y as i32, seed);
        let across = (x as f32 + 0.5) / columns as f32;
        let down = (y as f32 + 0.5) / rows as f32;
        let kept = border(across, down) * returned(f, chance);
        if kept <= 0.0 || on_edge(fragments, columns, i) && chance < 0.7 {
            continue;
        }
        if scanner.hits(f.point, kept) {
            let z = f.z + 0.015 * normal(x as i32, y as i32, seed ^ 2);
            if z <= LIDAR_MAX_DEPTH {
                let stored: Luma<u16> = Luma([(z * LIDAR_STEPS_PER_METRE).round() as u16]);
                *pixel = stored;
            }
        }
    }
    image
}

/// Fraction of the scans that reach a place of the image: few near its sides and its bottom.
fn border(across: f32, down: f32) -> f32 {
    let side = (across.min(1.0 - across) / 0.17).min(1.0);
    let bottom = ((1.0 - down) / 0.1).clamp(0.2, 1.0);
    (0.12 + 0.88 * side) * bottom
}

/// Fraction of the shots that return from a surface and are not rejected as errors.
fn returned(f: &Fragment, chance: f32) -> f32 {
    let back = f.infrared * f.facing.max(0.0).powf(0.35) * (1.0 - f.gloss);
    // Glass transmits the light; black paint absorbs or deflects it.
    if back < 0.011 + 0.025 * chance * chance {
        return 0.0;
    }
    (back * 16.0).min(1.0)
}

/// The scanner at its positions along the street.
struct Scanner {
    places: [Vec3; SCANS],
    forwards: Vec3,
    right: Vec3,
    /// Scale of the beams' spacing; angle between shots and width of a pixel in degrees.
    spacing: f32,
    step: f32,
    pixel: f32,
    seed: u32,
}

impl Scanner {
    fn new(dice: &mut Dice, camera: &Camera) -> Self {
        let ahead = camera.axes.z_axis;
        let forwards = Vec3::new(ahead.x, 0.0, ahead.z).normalize_or(Vec3::Z);
        let speed = dice.range(0.4, 1.2);
        let places = std::array::from_fn(|k| {
            let on = (k as f32 - (SCANS / 2) as f32) * speed - BEHIND;
            camera.position + forwards * on + Vec3::Y * ABOVE
        });
        let scale = KITTI_SIZE.0 as f32 / camera.lens.width as f32;
        Self {
            places,
            forwards,
            right: forwards.cross(Vec3::Y),
            spacing: scale,
            step: TURN_STEP * scale,
            pixel: (1.0 / camera.lens.focal).to_degrees(),
            seed: dice.bits(),
        }
    }

    /// Whether a point is measured in any scan; `kept` is the fraction of shots that are kept.
    fn hits(&self, point: Vec3, kept: f32) -> bool {
        (0..SCANS).any(|scan| self.hits_in(scan, point, kept))
    }

    fn hits_in(&self, scan: usize, point: Vec3, kept: f32) -> bool {
        let way = point - self.places[scan];
        let (ahead, right) = (way.dot(self.forwards), way.dot(self.right));
        if ahead < 1.0 {
            return false;
        }
        let elevation = (way.y / ahead.hypot(right)).atan().to_degrees();
        let Some((beam, off)) = self.nearest_beam(elevation) else {
            return false;
        };
        if off > self.pixel / 2.0 {
            return false;
        }
        let azimuth = (right / ahead).atan().to_degrees();
        let seed = self.seed ^ (scan as u32 * 977 + beam as u32 * 31);
        let phase = unit(beam, scan as i32, self.seed);
        let shot = (azimuth / self.step + phase).fract().abs();
        if shot > self.pixel / self.step {
            return false;
        }
        // Dropped shots form runs along the beam.
        let run = noise(azimuth / (8.0 * self.step) + 500.0, 0.5, seed);
        run < 0.1 + 0.4 * kept
    }

    /// The beam nearest to an elevation, and the degrees between them.
    fn nearest_beam(&self, elevation: f32) -> Option<(i32, f32)> {
        let in_upper = elevation > (LOWER.0 + UPPER.0 - 31.0 * UPPER.1) / 2.0;
        let ((top, pitch), first) = if in_upper { (UPPER, 0) } else { (LOWER, 1000) };
        let pitch = pitch * self.spacing;
        let beam = ((top - elevation) / pitch).round();
        let at = top - beam * pitch;
        let exists = beam >= 0.0 && at >= LOWEST - 0.01;
        exists.then_some((first + beam as i32, (elevation - at).abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::Lens;
    use crate::material::Material;
    use crate::scene::Scene;
    use crate::solid::Solid;
    use crate::view;
    use glam::vec3;

    const SIZE: (u32, u32) = (621, 188);

    fn camera() -> Camera {
        Camera::new(vec3(0.0, 1.65, 0.0), [0.0; 3], Lens::kitti(SIZE.0, SIZE.1))
    }

    /// For a wall across the street: the fraction of valid pixels per row of the middle third.
    fn wall(z: f32, material: Material) -> Vec<f64> {
        let solid = Solid::spanning(vec3(-99.0, -99.0, z), vec3(99.0, 99.0, z + 1.0), material);
        let scene = Scene::new(vec![solid], Vec::new(), 1.0, Vec3::ZERO);
        let fragments = view::fragments(&scene, &camera());
        let image = scan(&mut Dice::new(1, 2), &fragments, &camera());
        image
            .rows()
            .map(|row| {
                let measured = row.skip(207).take(207).filter(|pixel| pixel[0] > 0);
                measured.count() as f64 / 207.0
            })
            .collect()
    }

    #[test]
    fn beams_have_the_scanners_elevations() {
        let scanner = Scanner::new(
            &mut Dice::new(0, 0),
            &Camera::new(Vec3::Y, [0.0; 3], Lens::kitti(KITTI_SIZE.0, KITTI_SIZE.1)),
        );
        for (elevation, beam) in [
            (2.0, 0),
            (1.7, 1),
            (-8.33, 31),
            (-8.83, 1000),
            (-24.33, 1031),
        ] {
            let (found, off) = scanner.nearest_beam(elevation).expect("a beam is near");
            assert_eq!(found, beam, "{elevation}");
            assert!(off < 0.04, "{elevation}: {off}");
        }
        assert!(scanner.nearest_beam(2.4).is_none() && scanner.nearest_beam(-25.0).is_none());
    }

    #[test]
    fn a_wall_is_measured_below_two_degrees_and_in_part() {
        let rows = wall(30.0, Material::default());
        // From the position farthest behind, the top beam meets the wall highest: at 2 degrees over
        // at most 36.3 m it is 1.35 m above the horizon, 16.2 pixels of this camera.
        let horizon = camera().lens.centre.y;
        let first = rows
            .iter()
            .position(|&share| share > 0.0)
            .expect("measured somewhere");
        assert!(
            (horizon - 17.5..horizon).contains(&(first as f32)),
            "{first} of {horizon}"
        );
        let below = &rows[100..150];
        let share = below.iter().sum::<f64>() / below.len() as f64;
        assert!((0.25..0.65).contains(&share), "{share}");
    }

    #[test]
    fn glass_black_paint_and_what_is_far_are_not_measured() {
        let total = |rows: Vec<f64>| rows.iter().sum::<f64>();
        let plain = total(wall(20.0, Material::default()));
        let glass = Material {
            base: Vec3::splat(0.03),
            ..Material::default().glossy(0.22).infrared(0.03)
        };
        let black = Material {
            base: Vec3::splat(0.008),
            ..Material::default().infrared(0.15)
        };
        assert_eq!(total(wall(20.0, glass)), 0.0);
        assert!(total(wall(20.0, black)) < 0.7 * plain);
        assert!(total(wall(79.0, Material::default())) > 0.0);
        assert_eq!(total(wall(80.2, Material::default())), 0.0);
    }
}
