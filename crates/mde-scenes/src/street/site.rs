//! A street being built: its cross-section, its crossing, and where things go.

use glam::{Mat3, Vec3};

use super::course::Course;
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::Solid;

/// What stands along one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// Houses wall to wall.
    Row,
    /// Houses in gardens.
    Villas,
    /// Large buildings with lawns between them.
    Blocks,
    /// A long wall or fence, trees behind it.
    Wall,
    Park,
    Field,
}

/// One side of the cross-section, from the road outwards; widths in metres.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    /// Width of a strip for parked cars; 0 for none.
    pub(crate) parking: f32,
    pub(crate) pavement: f32,
    /// Width of a strip of grass with trees between pavement and front.
    pub(crate) verge: f32,
    /// How far houses stand back behind that.
    pub(crate) setback: f32,
    pub(crate) front: Front,
}

impl Side {
    fn new(dice: &mut Dice, front: Front, busy: bool) -> Self {
        let city = matches!(front, Front::Row | Front::Blocks);
        let country = front == Front::Field;
        Self {
            parking: if !country && dice.chance(if city { 0.7 } else { 0.35 }) {
                2.1
            } else {
                0.0
            },
            pavement: match front {
                Front::Field => 0.0,
                Front::Row => dice.range(1.8, 4.0),
                _ => dice.range(1.2, 2.6),
            },
            verge: match front {
                Front::Row => 0.0,
                Front::Field => dice.range(1.5, 4.0),
                _ if busy => dice.range(0.0, 4.0),
                _ => dice.pick(&[0.0, 0.0, 1.5, 2.5]),
            },
            setback: match front {
                Front::Villas => dice.range(2.5, 7.0),
                Front::Blocks => dice.range(2.0, 14.0),
                _ => 0.0,
            },
            front,
        }
    }

    /// From the edge of the road to the line on which fences stand.
    pub(crate) fn depth(&self) -> f32 {
        self.parking + self.pavement + self.verge
    }
}

/// The cross-section of a street.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    pub(crate) lanes: u8,
    pub(crate) lane: f32,
    /// Whether lines are painted, and whether at the sides too.
    pub(crate) lines: bool,
    pub(crate) edges: bool,
    /// Left and right.
    pub(crate) sides: [Side; 2],
    /// Parked cars for each place, and moving ones for each 30 m of lane, 0 to 1.
    pub(crate) parked: f32,
    pub(crate) moving: f32,
    /// Trees along the pavements for each place, 0 to 1.
    pub(crate) trees: f32,
}

impl Profile {
    /// Roughly KITTI's mix: residential streets first, then towns, main roads and the country.
    pub(crate) fn new(dice: &mut Dice) -> Self {
        use Front::{Blocks, Field, Park, Row, Villas, Wall};
        let (lanes, lane, fronts): (u8, (f32, f32), &[Front]) = match dice.int(0, 9) {
            0..=3 => (2, (2.3, 3.1), &[Villas, Villas, Villas, Wall, Park]),
            4..=6 => (2, (2.8, 3.5), &[Row, Row, Row, Blocks, Villas]),
            7 | 8 => (4, (3.0, 3.5), &[Blocks, Blocks, Wall, Park, Row]),
            _ => (2, (3.0, 3.6), &[Field, Field, Field, Park, Villas]),
        };
        let left = dice.pick(fronts);
        let right = if dice.chance(0.6) {
            left
        } else {
            dice.pick(fronts)
        };
        let country = left == Field || right == Field;
        let busy = lanes > 2;
        Self {
            lanes,
            lane: dice.range(lane.0, lane.1),
            lines: busy || country || dice.chance(0.4),
            edges: country || dice.chance(0.2),
            sides: [left, right].map(|front| Side::new(dice, front, busy)),
            parked: dice.range(0.15, 0.95),
            moving: dice.range(0.05, if busy { 0.8 } else { 0.45 }),
            trees: dice.range(0.0, 1.0) * if dice.chance(0.3) { 0.2 } else { 1.0 },
        }
    }

    /// Half the width of the road.
    pub(crate) fn half(&self) -> f32 {
        f32::from(self.lanes) * self.lane / 2.0
    }

    /// Metres right of the middle at which the camera drives: the outer lane on the right.
    pub(crate) fn own_lane(&self) -> f32 {
        self.half() - self.lane / 2.0
    }
}

/// A road that crosses the street.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crossing {
    pub(crate) along: f32,
    /// Half its width.
    pub(crate) half: f32,
}

impl Crossing {
    /// Whether a stretch of the street lies in the crossing, or within `margin` of it.
    pub(crate) fn meets(&self, from: f32, to: f32, margin: f32) -> bool {
        from < self.along + self.half + margin && to > self.along - self.half - margin
    }
}

/// How far the street is built, behind the camera and ahead of it, in metres.
pub(crate) const BEHIND: f32 = -14.0;
pub(crate) const AHEAD: f32 = 150.0;
/// Beyond this, houses are built without the parts that nobody sees.
pub(crate) const NEAR: f32 = 75.0;
/// Height of pavements over the road.
pub(crate) const KERB: f32 = 0.12;

/// The solids so far and where things go.
pub(crate) struct Site {
    pub(crate) course: Course,
    pub(crate) profile: Profile,
    pub(crate) crossing: Option<Crossing>,
    /// Whether cars are parked on the road itself, on the left and on the right: nobody drives there then.
    pub(crate) parked_on_road: [bool; 2],
    pub(crate) solids: Vec<Solid>,
}

impl Site {
    pub(crate) fn new(dice: &mut Dice, course: Course, profile: Profile) -> Self {
        let crossing = dice.chance(0.5).then(|| Crossing {
            along: dice.range(16.0, 75.0),
            half: dice.range(2.6, 4.2),
        });
        Self {
            course,
            profile,
            crossing,
            parked_on_road: [false; 2],
            solids: Vec::new(),
        }
    }

    /// Puts a piece down at a place of the street; `turn` radians about the vertical, from facing along the street
    /// towards its left.
    pub(crate) fn put(&mut self, piece: &Piece, along: f32, right: f32, height: f32, turn: f32) {
        let at = self.course.at(along, right) + Vec3::Y * height;
        let turn = self.course.turn(along) * Mat3::from_rotation_y(turn);
        self.solids
            .extend(piece.solids.iter().map(|solid| solid.placed(at, turn)));
    }

    /// Whether a stretch is clear of the crossing.
    pub(crate) fn is_clear(&self, from: f32, to: f32, margin: f32) -> bool {
        !self
            .crossing
            .is_some_and(|crossing| crossing.meets(from, to, margin))
    }

    /// -1 for the left side (0), 1 for the right one (1).
    pub(crate) fn sign(side: usize) -> f32 {
        if side == 0 { -1.0 } else { 1.0 }
    }

    /// A turn that makes a piece's front look at the road from that side.
    pub(crate) fn towards_road(side: usize) -> f32 {
        Self::sign(side) * std::f32::consts::FRAC_PI_2
    }
}
