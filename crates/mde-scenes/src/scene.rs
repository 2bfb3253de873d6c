//! A finished scene: solids, lights and sky.

use glam::Vec3;

use crate::bvh::Bvh;
use crate::light::Light;
use crate::sky::Sky;
use crate::solid::Solid;

/// Everything that rays can hit, and everything that gives light.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) bvh: Bvh,
    pub(crate) lights: Vec<Light>,
    /// Irradiance after many bounces, the same everywhere.
    pub(crate) ambient: Vec3,
    /// What rays reach that hit no solid; `None` indoors.
    pub(crate) sky: Option<Sky>,
}

impl Scene {
    /// A room. Its surface in square metres (`area`) and its mean albedo set the ambient light.
    pub(crate) fn new(solids: Vec<Solid>, lights: Vec<Light>, area: f32, albedo: Vec3) -> Self {
        let power: Vec3 = lights.iter().map(Light::power).sum();
        // Light after the first bounce is power * albedo / area. All further bounces divide it by
        // 1 - albedo. The first bounce is traced explicitly, hence one more factor of the albedo.
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
            // For surfaces that are lit only by others and see little of the sky.
            ambient: sky.skylight() * 0.3,
            sky: Some(sky),
        }
    }

    /// Irradiance without shadows, for surfaces that are only seen indirectly.
    pub(crate) fn rough_irradiance(&self, point: Vec3, normal: Vec3) -> Vec3 {
        let lamps: Vec3 = self
            .lights
            .iter()
            .map(|light| light.irradiance(light.centre, point, normal))
            .sum();
        self.sky.map_or(lamps, |sky| lamps + sky.sunlight(normal))
    }
}
