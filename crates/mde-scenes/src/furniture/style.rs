//! The materials that the furniture of one room shares.

use crate::material::{self, Material};
use crate::random::Dice;

/// The materials that a room's furniture shares, so that the pieces match.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) wood: Material,
    pub(crate) second: Material,
    pub(crate) fabric: Material,
    pub(crate) cover: Material,
    pub(crate) metal: Material,
    pub(crate) round_legs: bool,
}

impl Style {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let second = dice.either_made(0.5, material::lacquer, material::wood);
        let fabric = dice.either_made(0.2, material::leather, material::fabric);
        Self {
            wood: material::wood(dice),
            second,
            fabric,
            cover: material::fabric(dice),
            metal: material::metal(dice),
            round_legs: dice.chance(0.4),
        }
    }

    /// The body of a cabinet: one of the room's two main materials.
    pub(crate) fn body(&self, dice: &mut Dice) -> Material {
        dice.either(0.6, self.wood, self.second)
    }
}
