//! A street under construction: its cross-section, its crossing, and where pieces go.

use glam::{Mat3, Vec3};

use super::course::Course;
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::Solid;

/// The kind of front along one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// Terraced houses.
    Row,
    /// Detached houses in gardens.
    Villas,
    /// Large buildings with lawns between them.
    Blocks,
    /// A long wall or fence with trees behind it.
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
    /// Distance of the houses behind that.
    pub(crate) setback: f32,
    pub(crate) front: Front,
}

impl Side {
    fn new(dice: &mut Dice, front: Front, busy: bool) -> Self {
        let city = matches!(front, Front::Row | Front::Blocks);
        let country = front == Front::Field;
        let parking = !country && dice.chance(if city { 0.7 } else { 0.35 });
        Self {
            parking: if parking { 2.1 } else { 0.0 },
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

    /// Distance from the edge of the road to the line of the fences.
    pub(crate) fn depth(&self) -> f32 {
        self.parking + self.pavement + self.verge
    }
}

/// The cross-section of a street.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    pub(crate) lanes: u8,
    pub(crate) lane: f32,
    /// Whether lanes are separated by lines, and whether lines mark the sides.
    pub(crate) lines: bool,
    pub(crate) edges: bool,
    /// The left and the right side.
    pub(crate) sides: [Side; 2],
    /// Probability of a parked car per place, and of a moving one per gap in a lane.
    pub(crate) parked: f32,
    pub(crate) moving: f32,
    /// Probability of a tree per place along the pavements.
    pub(crate) trees: f32,
}

impl Profile {
    /// A random street in roughly KITTI's mix: residential streets, towns, main roads, the country.
    pub(crate) fn new(dice: &mut Dice) -> Self {
        use Front::{Blocks, Field, Park, Row, Villas, Wall};
        let (lanes, lane, fronts): (u8, (f32, f32), &[Front]) = match dice.int(0, 9) {
            0..=3 => (2, (2.3, 3.1), &[Villas, Villas, Villas, Wall, Park]),
            4..=6 => (2, (2.8, 3.5), &[Row, Row, Row, Blocks, Villas]),
            7 | 8 => (4, (3.0, 3.5), &[Blocks, Blocks, Wall, Park, Row]),
            _ => (2, (3.0, 3.6), &[Field, Field, Field, Park, Villas]),
        };
        let left = dice.pick(fronts);
        let right = dice.either_made(0.6, |_| left, |dice| dice.pick(fronts));
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

    /// Metres right of the middle at which the camera drives: in the outer lane on the right.
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
    /// Whether a stretch of the street overlaps the crossing or the `margin` around it.
    pub(crate) fn meets(&self, from: f32, to: f32, margin: f32) -> bool {
        from < self.along + self.half + margin && to > self.along - self.half - margin
    }
}

/// Ends of the street in metres along it; the camera is at 0.
pub(crate) const BEHIND: f32 = -14.0;
pub(crate) const AHEAD: f32 = 150.0;
/// Beyond this, houses have no details.
pub(crate) const NEAR: f32 = 75.0;
/// Height of pavements over the road.
pub(crate) const KERB: f32 = 0.12;

/// Left and right.
pub(crate) const SIDES: [usize; 2] = [0, 1];

/// The street's parts and the solids so far.
pub(crate) struct Site {
    pub(crate) course: Course,
    pub(crate) profile: Profile,
    pub(crate) crossing: Option<Crossing>,
    /// Whether cars are parked on the road itself, left and right. Then nobody drives there.
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

    /// Puts a piece `along` metres along the street and `right` metres right of its middle, turned
    /// by `turn` radians about the vertical from facing along the street towards its left.
    pub(crate) fn put(&mut self, piece: &Piece, along: f32, right: f32, height: f32, turn: f32) {
        let at = self.course.at(along, right) + Vec3::Y * height;
        let turn = self.course.turn(along) * Mat3::from_rotation_y(turn);
        self.solids.extend(piece.solids_at(at, turn));
    }

    /// Whether a stretch is clear of the crossing.
    pub(crate) fn is_clear(&self, from: f32, to: f32, margin: f32) -> bool {
        !self
            .crossing
            .is_some_and(|crossing| crossing.meets(from, to, margin))
    }

    /// Starts of the stretches of this length that are clear of the crossing.
    pub(crate) fn clear_stretches(&self, length: f32, margin: f32) -> Vec<f32> {
        std::iter::successors(Some(BEHIND), |along| Some(along + length))
            .take_while(|&along| along < AHEAD)
            .filter(|&along| self.is_clear(along, along + length, margin))
            .collect()
    }

    /// -1 for the left side (0), 1 for the right one (1).
    pub(crate) fn sign(side: usize) -> f32 {
        if side == 0 { -1.0 } else { 1.0 }
    }

    /// The turn that makes a piece on that side face the road.
    pub(crate) fn towards_road(side: usize) -> f32 {
        Self::sign(side) * std::f32::consts::FRAC_PI_2
    }
}
