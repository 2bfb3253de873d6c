//! A piece: one object that stands in a room or on a street, built from solids.

use glam::{Mat3, Vec3, vec3};

use crate::light::Light;
use crate::material::Material;
use crate::solid::{Solid, block, cylinder};

/// Solids and lights in a frame of their own. Its origin is on the floor below the piece's middle.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) solids: Vec<Solid>,
    pub(crate) lights: Vec<Light>,
    /// Width, height and depth of the space that the piece takes.
    pub(crate) size: Vec3,
}

impl Piece {
    /// A piece without solids.
    pub(crate) fn new(width: f32, height: f32, depth: f32) -> Self {
        Self {
            solids: Vec::new(),
            lights: Vec::new(),
            size: vec3(width, height, depth),
        }
    }

    pub(crate) fn add(&mut self, solid: Solid) {
        self.solids.push(solid);
    }

    /// Adds a solid twice: its mirror image in x first, then the solid itself.
    pub(crate) fn add_pair(&mut self, solid: Solid) {
        self.add(solid.mirrored());
        self.add(solid);
    }

    /// Adds four legs at the corners of a rectangle; `size` is their outer width, height and depth.
    pub(crate) fn add_legs(
        &mut self,
        size: impl Into<Vec3>,
        thickness: f32,
        round: bool,
        material: Material,
    ) {
        let size = size.into();
        let leg = if round {
            cylinder(material, thickness / 2.0, size.y, 1.25)
        } else {
            block(material, [thickness, size.y, thickness])
        };
        for z in [-1.0, 1.0] {
            let x = (size.x - thickness) / 2.0;
            self.add_pair(leg.at([x, 0.0, z * (size.z - thickness) / 2.0]));
        }
    }

    /// Puts another piece on or beside this one, in this one's frame.
    pub(crate) fn attach(&mut self, other: &Self, at: impl Into<Vec3>, yaw: f32) {
        let (at, turn) = (at.into(), Mat3::from_rotation_y(yaw));
        self.solids.extend(other.solids_at(at, turn));
        self.lights.extend(other.lights_at(at, turn));
    }

    /// The solids after a turn about the vertical and a move.
    pub(crate) fn solids_at(&self, at: Vec3, turn: Mat3) -> impl Iterator<Item = Solid> {
        self.solids.iter().map(move |solid| solid.placed(at, turn))
    }

    /// The lights after a turn about the vertical and a move.
    pub(crate) fn lights_at(&self, at: Vec3, turn: Mat3) -> impl Iterator<Item = Light> {
        self.lights.iter().map(move |light| light.placed(at, turn))
    }

    /// Height of the lowest and of the highest point.
    pub(crate) fn extent(&self) -> (f32, f32) {
        let ends = self.solids.iter().map(|solid| {
            let reach = solid.reach().y;
            (solid.centre.y - reach, solid.centre.y + reach)
        });
        ends.fold((f32::INFINITY, 0.0), |all, one| {
            (all.0.min(one.0), all.1.max(one.1))
        })
    }

    /// The piece with its height corrected to what stands on it.
    pub(crate) fn with_full_height(mut self) -> Self {
        self.size.y = self.extent().1;
        self
    }
}
