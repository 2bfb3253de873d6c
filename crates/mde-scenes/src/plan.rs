//! The floor plan: which parts of floor and walls are taken, and a search for free places.

use std::f32::consts::FRAC_PI_2;

use glam::{Mat3, Vec3, vec3};

use crate::light::Light;
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::Solid;

/// A rectangle on the floor, from its lowest to its highest corner.
#[derive(Clone, Copy, Debug)]
struct Rect {
    x: (f32, f32),
    z: (f32, f32),
}

/// A rectangle on a wall: along it, and in height.
#[derive(Clone, Copy, Debug)]
struct Span {
    wall: usize,
    along: (f32, f32),
    up: (f32, f32),
}

fn overlap(a: (f32, f32), b: (f32, f32)) -> bool {
    a.0 < b.1 && b.0 < a.1
}

/// A rectangular room with corners at the origin and at `size`, in the course of furnishing.
///
/// Walls are numbered: 0 at z = 0, 1 at x = width, 2 at z = depth, 3 at x = 0. `along` a wall runs
/// from its left end to its right one, seen from inside.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Width, height and depth in metres.
    pub(crate) size: Vec3,
    pub(crate) solids: Vec<Solid>,
    pub(crate) lights: Vec<Light>,
    floor: Vec<Rect>,
    walls: Vec<Span>,
}

impl Plan {
    pub(crate) fn new(size: Vec3) -> Self {
        Self {
            size,
            solids: Vec::new(),
            lights: Vec::new(),
            floor: Vec::new(),
            walls: Vec::new(),
        }
    }

    pub(crate) fn wall_length(&self, wall: usize) -> f32 {
        if wall.is_multiple_of(2) {
            self.size.x
        } else {
            self.size.z
        }
    }

    /// Yaw in radians that turns a piece's back to the wall.
    pub(crate) fn wall_yaw(wall: usize) -> f32 {
        -(wall as f32) * FRAC_PI_2
    }

    fn wall_turn(wall: usize) -> Mat3 {
        Mat3::from_rotation_y(Self::wall_yaw(wall))
    }

    /// The point on the floor, `along` metres along a wall and `off` metres in front of it.
    pub(crate) fn wall_point(&self, wall: usize, along: f32, off: f32) -> Vec3 {
        match wall {
            0 => vec3(along, 0.0, off),
            1 => vec3(self.size.x - off, 0.0, along),
            2 => vec3(self.size.x - along, 0.0, self.size.z - off),
            _ => vec3(off, 0.0, self.size.z - along),
        }
    }

    /// Whether a disc on the floor is free of furniture and inside the room.
    pub(crate) fn is_free(&self, point: Vec3, radius: f32) -> bool {
        self.fits(Rect {
            x: (point.x - radius, point.x + radius),
            z: (point.z - radius, point.z + radius),
        })
    }

    fn fits(&self, rect: Rect) -> bool {
        let inside = rect.x.0 >= 0.0
            && rect.z.0 >= 0.0
            && rect.x.1 <= self.size.x
            && rect.z.1 <= self.size.z;
        inside
            && !self
                .floor
                .iter()
                .any(|taken| overlap(rect.x, taken.x) && overlap(rect.z, taken.z))
    }

    fn footprint(size: Vec3, at: Vec3, turn: Mat3, margin: f32) -> Rect {
        let half = turn.x_axis.abs() * (size.x / 2.0) + turn.z_axis.abs() * (size.z / 2.0) + margin;
        Rect {
            x: (at.x - half.x, at.x + half.x),
            z: (at.z - half.z, at.z + half.z),
        }
    }

    fn add(&mut self, piece: &Piece, at: Vec3, turn: Mat3) {
        self.solids.extend(piece.solids_at(at, turn));
        self.lights.extend(piece.lights_at(at, turn));
    }

    /// Reserves a part of the wall and `clearance` metres of floor before it: a door, a window.
    pub(crate) fn reserve(
        &mut self,
        wall: usize,
        along: f32,
        width: f32,
        up: (f32, f32),
        clearance: f32,
    ) {
        self.walls.push(Span {
            wall,
            along: (along - width / 2.0, along + width / 2.0),
            up,
        });
        if clearance > 0.0 {
            let at = self.wall_point(wall, along, clearance / 2.0);
            let turn = Self::wall_turn(wall);
            self.floor
                .push(Self::footprint(vec3(width, 0.0, clearance), at, turn, 0.0));
        }
    }

    /// Whether a part of a wall is free.
    pub(crate) fn wall_is_free(&self, wall: usize, along: f32, width: f32, up: (f32, f32)) -> bool {
        let along = (along - width / 2.0, along + width / 2.0);
        let inside = along.0 >= 0.05 && along.1 <= self.wall_length(wall) - 0.05;
        inside
            && !self
                .walls
                .iter()
                .any(|s| s.wall == wall && overlap(s.along, along) && overlap(s.up, up))
    }

    /// A free place for something `width` wide on a wall, found by trial: wall and place along it.
    pub(crate) fn find_on_wall(
        &self,
        dice: &mut Dice,
        width: f32,
        up: (f32, f32),
    ) -> Option<(usize, f32)> {
        (0..24).find_map(|_| {
            let wall = dice.int(0, 3);
            let along = dice.range(0.0, self.wall_length(wall));
            let free = self.wall_is_free(wall, along, width, up);
            free.then_some((wall, along))
        })
    }

    /// Puts a piece down without testing for free space: objects on, under or above others.
    pub(crate) fn put(&mut self, piece: &Piece, at: Vec3, yaw: f32) {
        self.add(piece, at, Mat3::from_rotation_y(yaw));
    }

    /// Puts a piece on a wall, its frame's origin at the wall's foot.
    pub(crate) fn put_on_wall(&mut self, piece: &Piece, wall: usize, along: f32) {
        self.put(
            piece,
            self.wall_point(wall, along, 0.0),
            Self::wall_yaw(wall),
        );
    }

    /// Hangs a piece on a wall with its underside at `height`, and reserves its place there.
    pub(crate) fn hang(&mut self, piece: &Piece, wall: usize, along: f32, height: f32) {
        let at = self.wall_point(wall, along, piece.size.z / 2.0) + Vec3::Y * height;
        let up = (height, height + piece.size.y);
        self.reserve(wall, along, piece.size.x, up, 0.0);
        self.put(piece, at, Self::wall_yaw(wall));
    }

    /// Stands a piece with its back to any wall. Returns wall and place, or `None` without space.
    pub(crate) fn stand_by_wall(&mut self, piece: &Piece, dice: &mut Dice) -> Option<(usize, f32)> {
        let wall = dice.int(0, 3);
        (0..4).find_map(|k| {
            let wall = (wall + k) % 4;
            Some((wall, self.stand_by(piece, wall, dice)?))
        })
    }

    /// Stands a piece with its back to this wall. Returns the place, or `None` without space.
    pub(crate) fn stand_by(&mut self, piece: &Piece, wall: usize, dice: &mut Dice) -> Option<f32> {
        let gap = dice.range(0.01, 0.04);
        let room = self.wall_length(wall) - piece.size.x - 0.06;
        if room < 0.0 {
            return None;
        }
        (0..14).find_map(|attempt| {
            // The first tries fill the corners and the middle.
            let share = match attempt {
                0 => dice.pick(&[0.0, 1.0]),
                1 => 0.5,
                _ => dice.range(0.0, 1.0),
            };
            let along = piece.size.x / 2.0 + 0.03 + room * share;
            self.stand_at(piece, wall, along, gap).then_some(along)
        })
    }

    /// Stands a piece at this place of a wall, `gap` metres before it, if the place is free.
    pub(crate) fn stand_at(&mut self, piece: &Piece, wall: usize, along: f32, gap: f32) -> bool {
        let turn = Self::wall_turn(wall);
        let at = self.wall_point(wall, along, piece.size.z / 2.0 + gap);
        let rect = Self::footprint(piece.size, at, turn, 0.0);
        let up = (0.0, piece.size.y);
        let free = self.fits(rect) && self.wall_is_free(wall, along, piece.size.x - 0.1, up);
        if free {
            self.floor.push(rect);
            self.reserve(wall, along, piece.size.x, up, 0.0);
            self.add(piece, at, turn);
        }
        free
    }

    /// Stands a piece on this place of the floor if it and `margin` metres around it are free.
    /// Keeps 60 % of the margin free from then on.
    pub(crate) fn stand_free(&mut self, piece: &Piece, at: Vec3, yaw: f32, margin: f32) -> bool {
        let turn = Mat3::from_rotation_y(yaw);
        let rect = |margin: f32| Self::footprint(piece.size, at, turn, margin);
        let free = self.fits(rect(margin));
        if free {
            self.floor.push(rect(margin * 0.6));
            self.add(piece, at, turn);
        }
        free
    }

    /// Stands a piece on any free place of the floor. Returns place and yaw.
    pub(crate) fn stand_anywhere(
        &mut self,
        piece: &Piece,
        margin: f32,
        dice: &mut Dice,
    ) -> Option<(Vec3, f32)> {
        (0..16).find_map(|_| {
            let [x, z] = dice.ranges([(0.0, self.size.x), (0.0, self.size.z)]);
            let at = vec3(x, 0.0, z);
            let square = dice.int(0, 3) as f32 * FRAC_PI_2;
            let yaw = square + dice.range(-0.12, 0.12);
            self.stand_free(piece, at, yaw, margin).then_some((at, yaw))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walls_agree_with_their_turns() {
        let plan = Plan::new(vec3(4.0, 2.5, 3.0));
        for wall in 0..4 {
            let inwards = Plan::wall_turn(wall) * Vec3::Z;
            let step = plan.wall_point(wall, 1.0, 0.5) - plan.wall_point(wall, 1.0, 0.0);
            assert!((step - inwards * 0.5).length() < 1e-5, "wall {wall}");
            let rightwards = Plan::wall_turn(wall) * Vec3::X;
            let along = plan.wall_point(wall, 1.5, 0.0) - plan.wall_point(wall, 1.0, 0.0);
            assert!((along - rightwards * 0.5).length() < 1e-5, "wall {wall}");
        }
    }

    #[test]
    fn pieces_do_not_overlap_and_stay_inside() {
        let mut dice = Dice::new(8, 1);
        let mut plan = Plan::new(vec3(3.0, 2.5, 4.0));
        let crate_like = |size: f32| Piece::new(size, 1.0, size);
        let placed = (0..40)
            .filter(|_| plan.stand_by_wall(&crate_like(0.7), &mut dice).is_some())
            .count();
        assert!(
            (5..=20).contains(&placed),
            "{placed} pieces of 0.7 m along 14 m of wall"
        );
        let area: f32 = plan
            .floor
            .iter()
            .map(|r| (r.x.1 - r.x.0) * (r.z.1 - r.z.0))
            .sum();
        assert!((area - placed as f32 * 0.49).abs() < 1e-3);
        for (i, a) in plan.floor.iter().enumerate() {
            for b in &plan.floor[i + 1..] {
                assert!(!(overlap(a.x, b.x) && overlap(a.z, b.z)));
            }
        }
    }
}
