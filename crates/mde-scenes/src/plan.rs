//! The floor plan: which parts of floor and walls are taken, and finding room for one more piece.

use glam::{Mat3, Vec3, vec3};

use crate::furniture::Piece;
use crate::random::Dice;
use crate::scene::Light;
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

/// A rectangular room with corners at the origin and at `size`, being furnished.
///
/// Walls are numbered 0: z = 0, 1: x = width, 2: z = depth, 3: x = 0; "along" a wall runs from its left end to its
/// right one as seen from inside.
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

    /// Turn that makes a piece's back face the wall.
    pub(crate) fn wall_turn(wall: usize) -> Mat3 {
        Mat3::from_rotation_y(-(wall as f32) * std::f32::consts::FRAC_PI_2)
    }

    /// The point `along` metres along a wall, `off` metres in front of it, on the floor.
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

    fn take(&mut self, piece: &Piece, at: Vec3, turn: Mat3) {
        self.solids
            .extend(piece.solids.iter().map(|solid| solid.placed(at, turn)));
        self.lights
            .extend(piece.lights.iter().map(|light| light.placed(at, turn)));
    }

    /// Puts a piece down without asking for room: things on, under or above others.
    pub(crate) fn put(&mut self, piece: &Piece, at: Vec3, yaw: f32) {
        self.take(piece, at, Mat3::from_rotation_y(yaw));
    }

    /// Keeps a part of the floor and of the wall free: a door, a window, an opening.
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

    /// A free place for something `width` wide on a wall, if a few tries find one.
    pub(crate) fn find_on_wall(
        &self,
        dice: &mut Dice,
        width: f32,
        up: (f32, f32),
    ) -> Option<(usize, f32)> {
        (0..24).find_map(|_| {
            let wall = dice.int(0, 3);
            let along = dice.range(0.0, self.wall_length(wall));
            self.wall_is_free(wall, along, width, up)
                .then_some((wall, along))
        })
    }

    /// Stands a piece with its back to some wall. Answers where, or `None` when no place was found.
    pub(crate) fn against_wall(&mut self, dice: &mut Dice, piece: &Piece) -> Option<(usize, f32)> {
        let wall = dice.int(0, 3);
        (0..4).find_map(|k| {
            let wall = (wall + k) % 4;
            self.against(dice, piece, wall).map(|along| (wall, along))
        })
    }

    /// Stands a piece with its back to this wall. Answers how far along, or `None` when no place was found.
    pub(crate) fn against(&mut self, dice: &mut Dice, piece: &Piece, wall: usize) -> Option<f32> {
        let gap = dice.range(0.01, 0.04);
        for attempt in 0..14 {
            let room = self.wall_length(wall) - piece.size.x - 0.06;
            if room < 0.0 {
                return None;
            }
            // Corners fill up first: the early tries push the piece to one end or the other.
            let share = match attempt {
                0 => dice.pick(&[0.0, 1.0]),
                1 => 0.5,
                _ => dice.range(0.0, 1.0),
            };
            let along = piece.size.x / 2.0 + 0.03 + room * share;
            if self.stand(piece, wall, along, gap) {
                return Some(along);
            }
        }
        None
    }

    /// Stands a piece at one place of a wall if that is free.
    pub(crate) fn stand(&mut self, piece: &Piece, wall: usize, along: f32, gap: f32) -> bool {
        let turn = Self::wall_turn(wall);
        let at = self.wall_point(wall, along, piece.size.z / 2.0 + gap);
        let rect = Self::footprint(piece.size, at, turn, 0.0);
        let up = (0.0, piece.size.y);
        let free = self.fits(rect) && self.wall_is_free(wall, along, piece.size.x - 0.1, up);
        if free {
            self.floor.push(rect);
            self.reserve(wall, along, piece.size.x, up, 0.0);
            self.take(piece, at, turn);
        }
        free
    }

    /// Stands a piece at one place of the floor if `margin` metres around it are free too; about half of them stay so.
    pub(crate) fn stand_free(&mut self, piece: &Piece, at: Vec3, yaw: f32, margin: f32) -> bool {
        let turn = Mat3::from_rotation_y(yaw);
        let free = self.fits(Self::footprint(piece.size, at, turn, margin));
        if free {
            self.floor
                .push(Self::footprint(piece.size, at, turn, margin * 0.6));
            self.take(piece, at, turn);
        }
        free
    }

    /// Stands a piece somewhere on the free floor, away from the walls.
    pub(crate) fn somewhere(
        &mut self,
        dice: &mut Dice,
        piece: &Piece,
        margin: f32,
    ) -> Option<(Vec3, f32)> {
        (0..16).find_map(|_| {
            let at = vec3(
                dice.range(0.0, self.size.x),
                0.0,
                dice.range(0.0, self.size.z),
            );
            let square = dice.int(0, 3) as f32 * std::f32::consts::FRAC_PI_2;
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
            .filter(|_| plan.against_wall(&mut dice, &crate_like(0.7)).is_some())
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
