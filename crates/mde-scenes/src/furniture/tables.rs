//! Tables and desks, with what lies on them.

use glam::{Vec3, vec3};

use super::{Piece, Style, monitor, storage::tallest, table_lamp, tabletop_things};
use crate::material;
use crate::random::Dice;

fn table(dice: &mut Dice, style: &Style, size: Vec3) -> Piece {
    let mut piece = Piece::new(size.x, size.y, size.z);
    let thick = dice.range(0.025, 0.05);
    let leg = dice.range(0.045, 0.08);
    let under = size.y - thick;
    piece.block(
        vec3(0.0, under, 0.0),
        vec3(size.x, thick, size.z),
        style.wood,
    );
    let legs = if dice.chance(0.3) {
        style.metal
    } else {
        style.wood.shade(0.85)
    };
    piece.legs(
        size.x - 0.06,
        size.z - 0.06,
        under,
        leg,
        style.round_legs,
        legs,
    );
    let apron = vec3(size.x - 0.06 - 2.0 * leg, 0.07, 0.02);
    for z in [-1.0, 1.0] {
        piece.block(
            vec3(0.0, under - 0.07, z * (size.z / 2.0 - 0.05)),
            apron,
            style.wood.shade(0.8),
        );
    }
    piece
}

pub(crate) fn dining_table(dice: &mut Dice, style: &Style) -> Piece {
    let height = dice.range(0.71, 0.77);
    let mut piece = if dice.chance(0.25) {
        let radius = dice.range(0.4, 0.65);
        let mut round = Piece::new(2.0 * radius, height, 2.0 * radius);
        round.cylinder(vec3(0.0, height - 0.03, 0.0), radius, 0.03, 1.0, style.wood);
        round.cylinder(
            vec3(0.0, 0.03, 0.0),
            0.05,
            height - 0.06,
            1.0,
            style.wood.shade(0.8),
        );
        round.cylinder(Vec3::ZERO, radius * 0.55, 0.03, 0.8, style.wood.shade(0.7));
        round
    } else {
        let size = vec3(dice.range(1.0, 2.2), height, dice.range(0.75, 1.05));
        table(dice, style, size)
    };
    let spread = vec3(piece.size.x * 0.65, 0.0, piece.size.z * 0.65);
    tabletop_things(dice, &mut piece, height, spread, 4);
    piece.size.y = tallest(&piece);
    piece
}

pub(crate) fn coffee_table(dice: &mut Dice, style: &Style) -> Piece {
    let size = vec3(
        dice.range(0.7, 1.2),
        dice.range(0.36, 0.46),
        dice.range(0.45, 0.7),
    );
    let mut piece = table(dice, style, size);
    if dice.chance(0.5) {
        piece.block(
            vec3(0.0, 0.14, 0.0),
            vec3(size.x - 0.12, 0.02, size.z - 0.12),
            style.wood.shade(0.8),
        );
    }
    tabletop_things(
        dice,
        &mut piece,
        size.y,
        vec3(size.x * 0.7, 0.0, size.z * 0.6),
        3,
    );
    piece.size.y = tallest(&piece);
    piece
}

pub(crate) fn desk(dice: &mut Dice, style: &Style) -> Piece {
    let size = vec3(
        dice.range(1.1, 1.7),
        dice.range(0.71, 0.76),
        dice.range(0.6, 0.8),
    );
    let mut piece = table(dice, style, size);
    let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
    let drawers = style
        .body(dice)
        .textured(crate::texture::Texture::Panels { across: 1, up: 3 });
    let box_x = side * (size.x / 2.0 - 0.3);
    piece.block(
        vec3(box_x, 0.0, 0.0),
        vec3(0.42, 0.6, size.z - 0.12),
        drawers,
    );
    piece.add(
        &monitor(dice),
        vec3(-side * size.x * 0.12, size.y, -size.z * 0.2),
        dice.range(-0.2, 0.2),
    );
    let grey = dice.pick(&[0.03, 0.4]);
    let keys = material::plain(dice, Vec3::splat(grey));
    piece.block(
        vec3(-side * size.x * 0.12, size.y, size.z * 0.15),
        vec3(0.43, 0.02, 0.14),
        keys,
    );
    if dice.chance(0.5) {
        piece.add(
            &table_lamp(dice),
            vec3(side * size.x * 0.38, size.y, -size.z * 0.25),
            0.0,
        );
    }
    tabletop_things(
        dice,
        &mut piece,
        size.y,
        vec3(size.x * 0.8, 0.0, size.z * 0.3),
        3,
    );
    piece.size.y = tallest(&piece);
    piece
}
