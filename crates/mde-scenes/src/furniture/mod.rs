//! Furniture at life size: each piece stands on the floor of its own frame, its back to -z, facing +z.

mod fixtures;
mod lights;
mod seats;
mod small;
mod storage;
mod tables;

pub(crate) use fixtures::*;
pub(crate) use lights::*;
pub(crate) use seats::*;
pub(crate) use small::*;
pub(crate) use storage::*;
pub(crate) use tables::*;

use crate::material::{self, Material};
pub(crate) use crate::piece::Piece;
use crate::random::Dice;

/// The materials that a room's furniture shares, so that it looks bought together.
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
        let second = if dice.chance(0.5) {
            material::lacquer(dice)
        } else {
            material::wood(dice)
        };
        let fabric = if dice.chance(0.2) {
            material::leather(dice)
        } else {
            material::fabric(dice)
        };
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
        if dice.chance(0.6) {
            self.wood
        } else {
            self.second
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind of piece, many times over.
    fn pieces(dice: &mut Dice) -> Vec<(&'static str, Piece)> {
        let style = Style::new(dice);
        vec![
            ("table", dining_table(dice, &style)),
            ("coffee table", coffee_table(dice, &style)),
            ("desk", desk(dice, &style)),
            ("chair", chair(dice, &style)),
            ("office chair", office_chair(dice)),
            ("sofa", sofa(dice, &style, 2.0)),
            ("bed", bed(dice, &style)),
            ("stool", stool(dice, &style)),
            ("bookcase", bookcase(dice, &style)),
            ("dresser", dresser(dice, &style)),
            ("wardrobe", wardrobe(dice, &style)),
            ("nightstand", nightstand(dice, &style)),
            ("television", television(dice, &style)),
            ("counter", kitchen_counter(dice, &style, 2.4)),
            ("fridge", fridge(dice)),
            ("bath", bathtub(dice)),
            ("toilet", toilet(dice)),
            ("basin", basin(dice, &style)),
            ("radiator", radiator(dice)),
            ("floor lamp", floor_lamp(dice)),
            ("plant", plant(dice)),
            ("boxes", boxes(dice)),
            ("bin", waste_bin(dice)),
        ]
    }

    #[test]
    fn everything_stands_on_the_floor_within_its_footprint() {
        let mut dice = Dice::new(5, 0);
        for _ in 0..60 {
            for (name, piece) in pieces(&mut dice) {
                let low = piece
                    .solids
                    .iter()
                    .map(|s| s.centre.y - s.reach().y)
                    .fold(f32::INFINITY, f32::min);
                assert!(low.abs() < 0.011, "{name} starts {low} m above the floor");
                let top = piece
                    .solids
                    .iter()
                    .map(|s| s.centre.y + s.reach().y)
                    .fold(0.0, f32::max);
                assert!(
                    top < piece.size.y + 0.12 && top > 0.8 * piece.size.y,
                    "{name}: {top} of {}",
                    piece.size.y
                );
                for solid in &piece.solids {
                    let out = solid.centre.abs() + solid.reach() - piece.size / 2.0;
                    assert!(out.x < 0.12 && out.z < 0.12, "{name} sticks out by {out}");
                }
            }
        }
    }
}
