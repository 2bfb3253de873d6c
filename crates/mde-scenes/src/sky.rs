//! The open sky: sun, gradient, clouds, and the haze that grows with distance.

use glam::{Vec3, vec3};

use crate::colour::{mix, srgb};
use crate::random::{Dice, fbm};

/// Half the angle of the sun with its bright surroundings in radians. It softens shadows.
const SUN_RADIUS: f32 = 0.008;

/// The light outdoors. Colours are radiances in arbitrary units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sky {
    /// Unit vector towards the sun.
    sun: Vec3,
    /// Irradiance on a surface that faces the sun.
    sunlight: Vec3,
    zenith: Vec3,
    horizon: Vec3,
    /// Fraction of the sky that clouds cover.
    clouds: f32,
    /// Fraction of light that haze absorbs per metre.
    haze: f32,
    seed: u32,
}

impl Sky {
    /// A random time of day and weather.
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let overcast = dice.chance(0.28);
        let height = dice.range(0.14, 1.05);
        let turn = dice.range(-std::f32::consts::PI, std::f32::consts::PI);
        let sun = vec3(
            turn.sin() * height.cos(),
            height.sin(),
            turn.cos() * height.cos(),
        );
        // A low sun is red and weak, because its light passes through more air.
        let low = (1.0 - height / 0.7).clamp(0.0, 1.0);
        let warm = mix(vec3(1.0, 0.95, 0.88), vec3(1.0, 0.68, 0.4), low * low);
        let strength = if overcast {
            dice.range(0.0, 0.5)
        } else {
            dice.range(5.0, 9.0)
        };
        let blue = mix(srgb(0x608ecc), srgb(0x788cb4), low);
        let grey = Vec3::splat(dice.range(0.5, 0.9));
        let pale = mix(srgb(0xe2eaf4), srgb(0xfae0be), low * dice.range(0.3, 1.0));
        let (zenith, horizon) = if overcast {
            (grey, grey * vec3(1.1, 1.12, 1.16))
        } else {
            (blue * dice.range(0.8, 1.3), pale * dice.range(0.9, 1.3))
        };
        Self {
            sun,
            sunlight: warm * strength * (1.0 - 0.5 * low),
            zenith,
            horizon,
            clouds: if overcast { 0.9 } else { dice.range(0.0, 0.65) },
            haze: if dice.chance(0.25) {
                1.0 / dice.range(110.0, 260.0)
            } else {
                1.0 / dice.range(350.0, 1200.0)
            },
            seed: dice.bits(),
        }
    }

    /// Radiance from a direction of any length.
    pub(crate) fn radiance(&self, direction: Vec3) -> Vec3 {
        let direction = direction.normalize_or(Vec3::Y);
        let up = direction.y.max(0.0);
        let clear = mix(self.horizon, self.zenith, up.powf(0.45));
        // Clouds lie on a plane, which makes them denser towards the horizon.
        let flat = vec3(direction.x, 0.0, direction.z) / (up + 0.12);
        let cover = fbm(flat.x * 1.7, flat.z * 1.7, self.seed) + self.clouds - 1.0;
        let cloud = (cover * 3.5).clamp(0.0, 1.0);
        let lit = self.horizon * (0.75 + 0.5 * fbm(flat.x * 4.0, flat.z * 4.0, self.seed ^ 7));
        let near_sun = direction.dot(self.sun).max(0.0);
        let glow = self.sunlight * (0.03 * near_sun.powi(12) + 0.25 * near_sun.powi(400));
        mix(clear, lit, cloud) + glow
    }

    /// Radiance that is left after `distance` metres of haze.
    pub(crate) fn through_haze(&self, radiance: Vec3, distance: f32) -> Vec3 {
        mix(self.horizon, radiance, (-self.haze * distance).exp())
    }

    /// Direction of the point of the sun's disc at `s`, `t` in [-1, 1].
    pub(crate) fn sun(&self, s: f32, t: f32) -> Vec3 {
        let (across, up) = self.sun.any_orthonormal_pair();
        self.sun + (across * s + up * t) * SUN_RADIUS
    }

    /// Irradiance of a surface by the sun, without shadows.
    pub(crate) fn sunlight(&self, normal: Vec3) -> Vec3 {
        self.sunlight * normal.dot(self.sun).max(0.0)
    }

    /// Irradiance of a level surface by the sky without its sun.
    pub(crate) fn skylight(&self) -> Vec3 {
        mix(self.horizon, self.zenith, 0.6) * std::f32::consts::PI
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn haze_grows_with_distance_towards_the_horizons_colour() {
        let sky = Sky::new(&mut Dice::new(4, 4));
        let black = |distance| sky.through_haze(Vec3::ZERO, distance).y;
        assert_eq!(black(0.0), 0.0);
        assert!(black(20.0) < black(80.0) && black(80.0) < sky.horizon.y);
        assert!((black(1e5) - sky.horizon.y).abs() < 1e-3);
    }

    #[test]
    fn the_sky_is_brightest_around_the_sun_and_never_dark() {
        for index in 0..40 {
            let sky = Sky::new(&mut Dice::new(5, index));
            assert!((sky.sun.length() - 1.0).abs() < 1e-5 && sky.sun.y > 0.1);
            for turn in 0..24 {
                let angle = turn as f32 * 0.26;
                let direction = vec3(angle.sin(), 0.02 * turn as f32, angle.cos());
                assert!(sky.radiance(direction).min_element() > 0.03);
            }
            assert!(
                sky.radiance(sky.sun).y >= sky.radiance(sky.sun * vec3(-1.0, 1.0, -1.0)).y - 0.5
            );
        }
    }
}
