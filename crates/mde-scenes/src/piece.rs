//! A piece: a thing that stands in a room or on a street, put together from solids.

use glam::{Mat3, Vec3, vec3};

use crate::material::Material;
use crate::scene::Light;
use crate::solid::{Shape, Solid};

/// Solids and lights in their own frame: origin on the floor below its middle.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) solids: Vec<Solid>,
    pub(crate) lights: Vec<Light>,
    /// Width, height, depth of the room that it takes.
    pub(crate) size: Vec3,
}

impl Piece {
    pub(crate) fn new(width: f32, height: f32, depth: f32) -> Self {
        Self {
            solids: Vec::new(),
            lights: Vec::new(),
            size: vec3(width, height, depth),
        }
    }

    /// A block given by the middle of its underside and its size.
    pub(crate) fn block(&mut self, at: Vec3, size: Vec3, material: Material) {
        let centre = at + Vec3::Y * (size.y / 2.0);
        self.turned(centre, size, Mat3::IDENTITY, material);
    }

    /// A block given by its centre, turned.
    pub(crate) fn turned(&mut self, centre: Vec3, size: Vec3, axes: Mat3, material: Material) {
        self.solids
            .push(Solid::new(Shape::Block, centre, size / 2.0, axes, material));
    }

    /// An upright cylinder (or cone: `top` is the ratio of the radii) by the middle of its underside.
    pub(crate) fn cylinder(
        &mut self,
        at: Vec3,
        radius: f32,
        height: f32,
        top: f32,
        material: Material,
    ) {
        let half = vec3(radius, height / 2.0, radius);
        let centre = at + Vec3::Y * (height / 2.0);
        self.solids.push(Solid::new(
            Shape::Cylinder { top },
            centre,
            half,
            Mat3::IDENTITY,
            material,
        ));
    }

    /// An ellipsoid by its centre and its size.
    pub(crate) fn ball(&mut self, centre: Vec3, size: Vec3, axes: Mat3, material: Material) {
        self.solids
            .push(Solid::new(Shape::Ball, centre, size / 2.0, axes, material));
    }

    /// A block that narrows to shares `x` and `z` of itself at its top, by the middle of its underside.
    pub(crate) fn tapered(&mut self, at: Vec3, size: Vec3, (x, z): (f32, f32), material: Material) {
        let centre = at + Vec3::Y * (size.y / 2.0);
        let shape = Shape::Tapered { x, z };
        self.solids.push(Solid::new(
            shape,
            centre,
            size / 2.0,
            Mat3::IDENTITY,
            material,
        ));
    }

    /// A cylinder between two points.
    pub(crate) fn rod(&mut self, from: Vec3, to: Vec3, radius: f32, material: Material) {
        let along = to - from;
        let up = along.normalize_or(Vec3::Y);
        let (across, depth) = up.any_orthonormal_pair();
        let half = vec3(radius, along.length() / 2.0, radius);
        let shape = Shape::Cylinder { top: 1.0 };
        let axes = Mat3::from_cols(across, up, depth);
        self.solids
            .push(Solid::new(shape, (from + to) / 2.0, half, axes, material));
    }

    /// Four legs at the corners of a `width` x `depth` rectangle.
    pub(crate) fn legs(
        &mut self,
        width: f32,
        depth: f32,
        height: f32,
        thickness: f32,
        round: bool,
        material: Material,
    ) {
        for (x, z) in [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)] {
            let at = vec3(
                x * (width - thickness) / 2.0,
                0.0,
                z * (depth - thickness) / 2.0,
            );
            if round {
                self.cylinder(at, thickness / 2.0, height, 1.25, material);
            } else {
                self.block(at, vec3(thickness, height, thickness), material);
            }
        }
    }

    /// Puts another piece onto this one (or beside it), in this one's frame.
    pub(crate) fn add(&mut self, other: &Self, at: Vec3, yaw: f32) {
        let turn = Mat3::from_rotation_y(yaw);
        self.solids
            .extend(other.solids.iter().map(|solid| solid.placed(at, turn)));
        self.lights
            .extend(other.lights.iter().map(|light| light.placed(at, turn)));
    }
}
