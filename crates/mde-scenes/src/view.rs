//! First hits: the first surface along each pixel's ray, and its properties apart from light.

use glam::{Vec3, vec3};

use crate::camera::Camera;
use crate::scene::Scene;

/// The first surface along a pixel's ray.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment {
    /// Metres along the optical axis; infinite if the ray hits nothing.
    pub(crate) z: f32,
    pub(crate) solid: usize,
    pub(crate) point: Vec3,
    pub(crate) normal: Vec3,
    pub(crate) albedo: Vec3,
    /// Cosine of the angle between the normal and the direction to the camera.
    pub(crate) facing: f32,
    pub(crate) gloss: f32,
    pub(crate) emission: f32,
    /// Fraction of the depth sensor's infrared that the surface returns.
    pub(crate) infrared: f32,
}

impl Fragment {
    const NOTHING: Self = Self {
        z: f32::INFINITY,
        solid: usize::MAX,
        point: Vec3::ZERO,
        normal: Vec3::Y,
        albedo: Vec3::ZERO,
        facing: 0.0,
        gloss: 0.0,
        emission: 0.0,
        infrared: 0.0,
    };

    /// Whether two pixels see the same smooth surface and can share their light.
    pub(crate) fn continues(&self, other: &Self) -> bool {
        let step = (other.point - self.point).dot(self.normal).abs();
        self.normal.dot(other.normal) > 0.9 && step < 0.004 + 0.01 * self.z
    }

    /// Fraction of mirrored light: Schlick's approximation, weakened at grazing angles as on rough
    /// surfaces.
    pub(crate) fn mirror_share(&self) -> f32 {
        let grazing = (1.0 - self.facing.clamp(0.0, 1.0)).powi(5);
        (self.gloss + (1.0 - self.gloss) * grazing * 0.5).min(1.0)
    }
}

/// First hits of all pixels, row by row.
pub(crate) fn fragments(scene: &Scene, camera: &Camera) -> Vec<Fragment> {
    let (width, height) = (camera.lens.width, camera.lens.height);
    let mut out = Vec::with_capacity(width as usize * height as usize);
    for y in 0..height {
        for x in 0..width {
            out.push(fragment(scene, camera, x as f32 + 0.5, y as f32 + 0.5));
        }
    }
    out
}

pub(crate) fn fragment(scene: &Scene, camera: &Camera, x: f32, y: f32) -> Fragment {
    let ray = camera.ray(x, y);
    let Some((z, index)) = scene.bvh.closest(&ray, f32::INFINITY) else {
        return Fragment::NOTHING;
    };
    let solid = scene.bvh.solid(index);
    let point = ray.at(z);
    let surface = solid.surface(point);
    let facing = -surface.normal.dot(ray.direction.normalize());
    // Size of the pixel on the surface: between the short and the long side on a slanted one.
    let px = z / camera.lens.focal / facing.clamp(0.08, 1.0).sqrt();
    let material = &solid.material;
    let albedo = material.albedo(surface.uv, surface.size, px);
    let brightness = albedo.dot(vec3(0.3, 0.5, 0.2));
    Fragment {
        z,
        solid: index,
        point,
        normal: surface.normal,
        albedo,
        facing,
        gloss: material.gloss,
        emission: material.emission,
        infrared: (material.infrared * (0.12 + 0.88 * brightness)).min(1.0),
    }
}

/// Whether a neighbour's depth differs by more than 5 %.
pub(crate) fn on_edge(fragments: &[Fragment], width: usize, i: usize) -> bool {
    let z = fragments[i].z;
    let x = i % width;
    let neighbours = [
        (x > 0).then(|| i - 1),
        (x + 1 < width).then_some(i + 1),
        i.checked_sub(width),
        (i + width < fragments.len()).then_some(i + width),
    ];
    neighbours
        .into_iter()
        .flatten()
        .any(|j| (fragments[j].z - z).abs() > 0.05 * z)
}
