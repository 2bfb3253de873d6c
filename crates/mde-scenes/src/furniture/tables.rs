//! Tables and desks, with what lies on them.

use glam::{Vec3, vec3};

use super::{Style, add_clutter, monitor, table_lamp};
use crate::material;
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{block, cylinder};
use crate::texture::Texture;

fn table(dice: &mut Dice, style: &Style, size: Vec3) -> Piece {
    let mut piece = Piece::new(size.x, size.y, size.z);
    let [thick, leg] = dice.ranges([(0.025, 0.05), (0.045, 0.08)]);
    let under = size.y - thick;
    piece.add(block(style.wood, [size.x, thick, size.z]).at([0.0, under, 0.0]));
    let legs = dice.either(0.3, style.metal, style.wood.shade(0.85));
    let corners = [size.x - 0.06, under, size.z - 0.06];
    piece.add_legs(corners, leg, style.round_legs, legs);
    for z in [-1.0, 1.0] {
        let apron = block(
            style.wood.shade(0.8),
            [size.x - 0.06 - 2.0 * leg, 0.07, 0.02],
        );
        piece.add(apron.at([0.0, under - 0.07, z * (size.z / 2.0 - 0.05)]));
    }
    piece
}

pub(crate) fn dining_table(dice: &mut Dice, style: &Style) -> Piece {
    let height = dice.range(0.71, 0.77);
    let mut piece = if dice.chance(0.25) {
        let radius = dice.range(0.4, 0.65);
        let (leg, foot) = (style.wood.shade(0.8), style.wood.shade(0.7));
        let mut round = Piece::new(2.0 * radius, height, 2.0 * radius);
        round.add(cylinder(style.wood, radius, 0.03, 1.0).at([0.0, height - 0.03, 0.0]));
        round.add(cylinder(leg, 0.05, height - 0.06, 1.0).at([0.0, 0.03, 0.0]));
        round.add(cylinder(foot, radius * 0.55, 0.03, 0.8));
        round
    } else {
        let [width, depth] = dice.ranges([(1.0, 2.2), (0.75, 1.05)]);
        table(dice, style, vec3(width, height, depth))
    };
    let spread = [piece.size.x * 0.65, piece.size.z * 0.65];
    add_clutter(dice, &mut piece, height, spread, 4);
    piece.with_full_height()
}

pub(crate) fn coffee_table(dice: &mut Dice, style: &Style) -> Piece {
    let size = dice.vector([(0.7, 1.2), (0.36, 0.46), (0.45, 0.7)]);
    let mut piece = table(dice, style, size);
    if dice.chance(0.5) {
        let shelf = block(style.wood.shade(0.8), [size.x - 0.12, 0.02, size.z - 0.12]);
        piece.add(shelf.at([0.0, 0.14, 0.0]));
    }
    add_clutter(dice, &mut piece, size.y, [size.x * 0.7, size.z * 0.6], 3);
    piece.with_full_height()
}

pub(crate) fn desk(dice: &mut Dice, style: &Style) -> Piece {
    let size = dice.vector([(1.1, 1.7), (0.71, 0.76), (0.6, 0.8)]);
    let mut piece = table(dice, style, size);
    let side = dice.either(0.5, 1.0, -1.0);
    let drawers = style.body(dice).textured(Texture::Panels(1, 3));
    let drawers = block(drawers, [0.42, 0.6, size.z - 0.12]);
    piece.add(drawers.at([side * (size.x / 2.0 - 0.3), 0.0, 0.0]));
    let screen = monitor(dice);
    let (x, turn) = (-side * size.x * 0.12, dice.range(-0.2, 0.2));
    piece.attach(&screen, [x, size.y, -size.z * 0.2], turn);
    let grey = dice.pick(&[0.03, 0.4]);
    let keys = material::plain(dice, Vec3::splat(grey));
    piece.add(block(keys, [0.43, 0.02, 0.14]).at([x, size.y, size.z * 0.15]));
    if dice.chance(0.5) {
        let at = [side * size.x * 0.38, size.y, -size.z * 0.25];
        piece.attach(&table_lamp(dice), at, 0.0);
    }
    add_clutter(dice, &mut piece, size.y, [size.x * 0.8, size.z * 0.3], 3);
    piece.with_full_height()
}
