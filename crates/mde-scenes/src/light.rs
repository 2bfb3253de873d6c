//! Lights: lamps, bulbs and windows.

use glam::{Mat3, Vec3};

/// A rectangular lamp or window, or a bulb that shines in all directions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Light {
    pub(crate) centre: Vec3,
    /// From the centre to the middles of two neighbouring sides.
    pub(crate) across: Vec3,
    pub(crate) up: Vec3,
    /// Unit vector of the direction of most light; zero for a bulb.
    pub(crate) facing: Vec3,
    /// Radiant intensity in the direction of `facing` per colour channel, in arbitrary units.
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

    /// Irradiance on a surface from one point of the light, without shadows.
    ///
    /// It falls off with the square of the distance. A small constant accounts for the lamp's size.
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
    pub(crate) fn power(&self) -> Vec3 {
        let solid_angle = if self.facing == Vec3::ZERO { 4.0 } else { 1.0 };
        self.intensity * (solid_angle * std::f32::consts::PI)
    }
}
