//! The line that a street follows: straight, then perhaps an arc.

use glam::{Mat3, Vec3, vec3};

/// The street's middle line, from behind the camera forwards. "Along" it is metres of way, "right" of it metres to the
/// right as the camera's car drives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// Where the arc begins.
    pub(crate) bend: f32,
    /// Turn to the right in radians per metre.
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

    /// Turns +z into the direction of travel there, and +x to its left.
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
        // To the right is where x falls.
        let right = Course {
            bend: 0.0,
            curvature: 0.02,
        };
        assert!(right.at(50.0, 0.0).x < -10.0);
    }
}
