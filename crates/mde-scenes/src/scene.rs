//! A furnished, lit room or street, ready to be looked at.

use glam::Vec3;

use crate::bvh::Bvh;
use crate::light::Light;
use crate::sky::Sky;
use crate::solid::Solid;

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
