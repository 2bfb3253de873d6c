//! The camera: Kinect's or KITTI's intrinsics, and the choice of a pose in a room.

use glam::{Mat3, Vec2, Vec3, vec2, vec3};

use crate::plan::Plan;
use crate::random::Dice;
use crate::scene::Scene;
use crate::solid::Ray;

/// Focal length in pixels of NYU Depth V2's colour camera, a Kinect, at an image width of 640.
pub const KINECT_FOCAL: f32 = 518.86;

/// Focal length in pixels of KITTI's left colour camera at [`KITTI_SIZE`]. Source: `P_rect_02` of
/// the calibration of 2011-09-26.
pub const KITTI_FOCAL: f32 = 721.5377;
/// Width and height of the images that belong to [`KITTI_FOCAL`].
pub const KITTI_SIZE: (u32, u32) = (1242, 375);
/// Principal point of the same camera. In these coordinates, a pixel's middle is at whole numbers.
const KITTI_CENTRE: Vec2 = vec2(609.5593, 172.854);

/// Intrinsics of a camera.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lens {
    /// In pixels, the same along both axes.
    pub(crate) focal: f32,
    /// Principal point in pixels. The middle of a pixel is at + 0.5.
    pub(crate) centre: Vec2,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Lens {
    /// NYU Depth V2's colour camera, scaled with the width; principal point in the middle.
    pub(crate) fn kinect(width: u32, height: u32) -> Self {
        Self {
            focal: KINECT_FOCAL * width as f32 / 640.0,
            centre: vec2(width as f32, height as f32) / 2.0,
            width,
            height,
        }
    }

    /// KITTI's left colour camera. The focal length is scaled with the width and the principal
    /// point with each side, so that the horizon keeps its share of the height at other aspect
    /// ratios.
    pub(crate) fn kitti(width: u32, height: u32) -> Self {
        let size = vec2(width as f32, height as f32);
        let scale = size / vec2(KITTI_SIZE.0 as f32, KITTI_SIZE.1 as f32);
        Self {
            focal: KITTI_FOCAL * scale.x,
            centre: (KITTI_CENTRE + 0.5) * scale,
            width,
            height,
        }
    }
}

/// A pinhole camera without skew.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Camera {
    pub(crate) position: Vec3,
    /// Columns: right, up, forwards, in the world.
    pub(crate) axes: Mat3,
    pub(crate) lens: Lens,
}

impl Camera {
    /// A camera with this yaw (0 is +z, growing to the right), pitch (growing upwards) and roll in
    /// radians.
    pub(crate) fn new(position: Vec3, [yaw, pitch, roll]: [f32; 3], lens: Lens) -> Self {
        let forwards = vec3(
            -yaw.sin() * pitch.cos(),
            pitch.sin(),
            yaw.cos() * pitch.cos(),
        );
        let level = forwards.cross(Vec3::Y).normalize();
        let upright = level.cross(forwards);
        let right = level * roll.cos() + upright * roll.sin();
        let up = upright * roll.cos() - level * roll.sin();
        Self {
            position,
            axes: Mat3::from_cols(right, up, forwards),
            lens,
        }
    }

    /// The ray through image position (`x`, `y`) in pixels. The middle of a pixel is at + 0.5.
    ///
    /// Its direction has length 1 along the optical axis, so that distances along it are z-depths.
    pub(crate) fn ray(&self, x: f32, y: f32) -> Ray {
        let right = (x - self.lens.centre.x) / self.lens.focal;
        let down = (y - self.lens.centre.y) / self.lens.focal;
        Ray {
            origin: self.position,
            direction: self.axes * vec3(right, -down, 1.0),
        }
    }

    /// Statistics of the view, from a coarse grid over the image.
    fn glance(&self, scene: &Scene) -> Glance {
        let (columns, rows) = (12, 9);
        let mut depths = Vec::with_capacity(columns * rows);
        let mut solids = Vec::new();
        let (mut floor, mut glowing) = (0, 0);
        for j in 0..rows {
            for i in 0..columns {
                let x = (i as f32 + 0.5) / columns as f32 * self.lens.width as f32;
                let y = (j as f32 + 0.5) / rows as f32 * self.lens.height as f32;
                let ray = self.ray(x, y);
                if let Some((z, solid)) = scene.bvh.closest(&ray, f32::INFINITY) {
                    depths.push(z);
                    floor += usize::from(ray.at(z).y < 0.02);
                    glowing += usize::from(scene.bvh.solid(solid).material.emission > 0.0);
                    solids.push(solid);
                }
            }
        }
        solids.sort_unstable();
        solids.dedup();
        let seen = depths.len().max(1) as f32;
        Glance {
            mean: depths.iter().sum::<f32>() / seen,
            nearest: depths.iter().copied().fold(f32::INFINITY, f32::min),
            solids: solids.len(),
            floor: floor as f32 / seen,
            glowing: glowing as f32 / seen,
        }
    }
}

/// Statistics of a view.
struct Glance {
    /// Mean z-depth in metres.
    mean: f32,
    nearest: f32,
    /// Number of different solids in view.
    solids: usize,
    /// Fraction of the image that shows the floor.
    floor: f32,
    /// Fraction of the image that shows windows and lamps.
    glowing: f32,
}

/// The best of 60 random poses in the room's free parts.
///
/// A pose is good if its mean depth matches a random one, so that near and far views occur, and if
/// many solids are in view. Anything nearer than 0.6 m counts heavily against it.
pub(crate) fn choose(dice: &mut Dice, scene: &Scene, plan: &Plan, lens: Lens) -> Camera {
    let longest = plan.size.x.hypot(plan.size.z).clamp(1.8, 12.0);
    let wanted = (1.4f32.ln() + (0.85 * longest / 1.4).ln() * dice.range(0.0, 1.0)).exp();
    let mut best = None;
    let mut best_score = f32::INFINITY;
    for attempt in 0..60 {
        let position = vec3(
            dice.range(0.25, plan.size.x - 0.25),
            dice.range(1.0, 1.8),
            dice.range(0.25, plan.size.z - 0.25),
        );
        let yaw = dice.range(-std::f32::consts::PI, std::f32::consts::PI);
        let pitch = -0.19 + 0.28 * (dice.range(-1.0, 1.0) + dice.range(-1.0, 1.0)) / 2.0;
        let roll = 0.035 * (dice.range(-1.0, 1.0) + dice.range(-1.0, 1.0));
        let camera = Camera::new(position, [yaw, pitch.max(-0.55), roll], lens);
        if !plan.is_free(position, 0.22) && attempt < 45 {
            continue;
        }
        let view = camera.glance(scene);
        let too_near = (0.6 - view.nearest).max(0.0) * 20.0;
        let bare = (18.0 - view.solids as f32).max(0.0) * 0.06;
        let floorless = (0.12 - view.floor).max(0.0) * 4.0;
        let dazzled = (view.glowing - 0.08).max(0.0) * 4.0;
        let score = 2.0 * (view.mean / wanted).ln().abs() + too_near + bare + floorless + dazzled;
        if score < best_score || best.is_none() {
            best_score = score;
            best = Some(camera);
        }
    }
    best.unwrap_or_else(|| {
        let middle = vec3(plan.size.x / 2.0, 1.4, plan.size.z / 2.0);
        Camera::new(middle, [0.0; 3], lens)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_a_right_handed_view() {
        let camera = Camera::new(Vec3::Y, [0.0; 3], Lens::kinect(320, 240));
        let middle = camera.ray(160.0, 120.0).direction;
        assert!((middle - Vec3::Z).length() < 1e-6);
        let (right, up) = (
            camera.ray(161.0, 120.0).direction - middle,
            camera.ray(160.0, 119.0).direction - middle,
        );
        // With z forwards and y up, x grows to the left.
        assert!(right.x < 0.0 && up.y > 0.0);
        assert!((right.length() * camera.lens.focal - 1.0).abs() < 1e-4);
        assert!((camera.lens.focal - 259.43).abs() < 1e-3);
    }

    #[test]
    fn positive_pitch_looks_up_and_yaw_turns_right() {
        let lens = Lens::kinect(64, 48);
        let up = Camera::new(Vec3::Y, [0.0, 0.3, 0.0], lens);
        assert!(up.axes.z_axis.y > 0.29);
        let right = Camera::new(Vec3::Y, [0.2, 0.0, 0.0], lens);
        let straight = Camera::new(Vec3::Y, [0.0; 3], lens);
        assert!(right.axes.z_axis.dot(straight.axes.x_axis) > 0.19);
    }

    #[test]
    fn kittis_principal_point_looks_straight_ahead_at_every_size() {
        // Pixel (609.5593, 172.854) in coordinates with pixel middles at whole numbers.
        let full = Camera::new(Vec3::Y, [0.0; 3], Lens::kitti(1242, 375));
        assert!((full.ray(610.0593, 173.354).direction - Vec3::Z).length() < 1e-6);
        assert_eq!(full.lens.focal, KITTI_FOCAL);
        let half = Camera::new(Vec3::Y, [0.0; 3], Lens::kitti(621, 188));
        assert!((half.lens.focal * 2.0 - KITTI_FOCAL).abs() < 1e-3);
        let ahead = half.ray(610.0593 / 2.0, 173.354 * 188.0 / 375.0).direction;
        assert!((ahead - Vec3::Z).length() < 1e-6);
    }
}
