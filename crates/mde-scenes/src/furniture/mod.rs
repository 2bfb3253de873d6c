//! Furniture at life size. Each piece stands on the floor of its own frame and faces +z.

mod fixtures;
mod lights;
mod seats;
mod small;
mod storage;
mod style;
mod tables;

pub(crate) use fixtures::*;
pub(crate) use lights::*;
pub(crate) use seats::*;
pub(crate) use small::*;
pub(crate) use storage::*;
pub(crate) use tables::*;

pub(crate) use style::Style;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::piece::Piece;
    use crate::random::Dice;

    /// One piece of every kind.
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
                let (low, top) = piece.extent();
                assert!(low.abs() < 0.011, "{name} starts {low} m above the floor");
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
