//! The line that a street follows: straight, then possibly an arc.

use glam::{Mat3, Vec3, vec3};

/// The street's middle line, in the direction of the camera's car. `along` counts metres along it
/// from the camera, `right` metres to its right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// Start of the arc in metres along the street.
    pub(crate) bend: f32,
    /// Radians of turn to the right per metre of the arc.
    pub(crate) curvature: f32,
}

impl Course {
    fn turned(&self, along: f32) -> f32 {
        self.curvature * (along - self.bend).max(0.0)
    }

    /// The point on the ground.
    pub(crate) fn at(&self, along: f32, right: f32) -> Vec3 {
        let angle = self.turned(along);
        let straight = along.min(self.bend);
        let middle = if angle.abs() < 1e-4 {
            vec3(0.0, 0.0, along)
        } else {
            let radius = 1.0 / self.curvature;
            vec3(
                -radius * (1.0 - angle.cos()),
                0.0,
                straight + radius * angle.sin(),
            )
        };
        middle - vec3(angle.cos(), 0.0, angle.sin()) * right
    }

    /// The rotation that turns +z to the direction of travel there and +x to its left.
    pub(crate) fn turn(&self, along: f32) -> Mat3 {
        Mat3::from_rotation_y(-self.turned(along))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_along_the_course_have_their_length_and_direction() {
        for curvature in [0.0, 0.012, -0.02] {
            let course = Course {
                bend: 20.0,
                curvature,
            };
            for metre in 0..90 {
                let along = metre as f32;
                let step = course.at(along + 1.0, 0.0) - course.at(along, 0.0);
                assert!((step.length() - 1.0).abs() < 1e-3, "{step}");
                let forwards = course.turn(along + 0.5) * Vec3::Z;
                assert!((step - forwards).length() < 0.02, "{step} for {forwards}");
                let right = course.at(along, 1.0) - course.at(along, 0.0);
                assert!((right - course.turn(along) * Vec3::NEG_X).length() < 1e-4);
            }
        }
        // x falls to the right.
        let right = Course {
            bend: 0.0,
            curvature: 0.02,
        };
        assert!(right.at(50.0, 0.0).x < -10.0);
    }
}
