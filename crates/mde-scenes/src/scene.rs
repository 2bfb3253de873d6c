//! A furnished, lit room or street, ready to be looked at.

use glam::{Mat3, Vec3};

use crate::bvh::Bvh;
use crate::sky::Sky;
use crate::solid::Solid;

/// A rectangular lamp or window, or a bulb that shines every way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Light {
    pub(crate) centre: Vec3,
    /// From the centre to the middles of two neighbouring sides.
    pub(crate) across: Vec3,
    pub(crate) up: Vec3,
    /// Unit vector in which it shines most; zero for a bulb.
    pub(crate) facing: Vec3,
    /// Radiant intensity in `facing`'s direction, per colour channel. The exposure makes the unit arbitrary.
    pub(crate) intensity: Vec3,
}

impl Light {
    pub(crate) fn bulb(centre: Vec3, radius: f32, intensity: Vec3) -> Self {
        Self {
            centre,
            across: Vec3::X * radius,
            up: Vec3::Y * radius,
            facing: Vec3::ZERO,
            intensity,
        }
    }

    pub(crate) fn placed(&self, position: Vec3, turn: Mat3) -> Self {
        Self {
            centre: position + turn * self.centre,
            across: turn * self.across,
            up: turn * self.up,
            facing: turn * self.facing,
            ..*self
        }
    }

    /// The point of the light at `s`, `t` in [-1, 1].
    pub(crate) fn point(&self, s: f32, t: f32) -> Vec3 {
        self.centre + self.across * s + self.up * t
    }

    /// Irradiance on a surface from one point of the light, shadows left out.
    ///
    /// Falls off with the square of the distance; the small constant stands for the lamp's size.
    pub(crate) fn irradiance(&self, from: Vec3, surface: Vec3, normal: Vec3) -> Vec3 {
        let way = from - surface;
        let square = way.length_squared().max(1e-6);
        let direction = way / square.sqrt();
        let leaving = if self.facing == Vec3::ZERO {
            1.0
        } else {
            (-direction).dot(self.facing).max(0.0)
        };
        self.intensity * (normal.dot(direction).max(0.0) * leaving / (square + 0.08))
    }

    /// Power in all directions, in the units of `intensity`.
    fn power(&self) -> Vec3 {
        let solid_angle = if self.facing == Vec3::ZERO { 4.0 } else { 1.0 };
        self.intensity * (solid_angle * std::f32::consts::PI)
    }
}

/// Everything that rays can meet and be lit by.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) bvh: Bvh,
    pub(crate) lights: Vec<Light>,
    /// Irradiance after many bounces, the same everywhere.
    pub(crate) ambient: Vec3,
    /// What rays meet that meet nothing else; None indoors.
    pub(crate) sky: Option<Sky>,
}

impl Scene {
    /// `area` is the room's surface in square metres and `albedo` its mean: they set the ambient light.
    pub(crate) fn new(solids: Vec<Solid>, lights: Vec<Light>, area: f32, albedo: Vec3) -> Self {
        let power: Vec3 = lights.iter().map(Light::power).sum();
        // Light that has left the first surface: power * albedo / area, over 1 - albedo for all further bounces.
        // The first bounce is traced explicitly, so one more factor of the albedo.
        let bounces = albedo * albedo / (Vec3::ONE - albedo.min(Vec3::splat(0.8)));
        Self {
            bvh: Bvh::new(solids),
            lights,
            ambient: power / area * bounces + 0.01,
            sky: None,
        }
    }

    /// A scene under the open sky.
    pub(crate) fn outdoors(solids: Vec<Solid>, sky: Sky) -> Self {
        Self {
            bvh: Bvh::new(solids),
            lights: Vec::new(),
            // What reaches a surface that is itself lit only through others: most of it sees no sky.
            ambient: sky.skylight() * 0.3,
            sky: Some(sky),
        }
    }

    /// Irradiance without shadows, for surfaces seen only indirectly.
    pub(crate) fn rough_irradiance(&self, point: Vec3, normal: Vec3) -> Vec3 {
        let lamps: Vec3 = self
            .lights
            .iter()
            .map(|light| light.irradiance(light.centre, point, normal))
            .sum();
        self.sky.map_or(lamps, |sky| lamps + sky.sunlight(normal))
    }
}
