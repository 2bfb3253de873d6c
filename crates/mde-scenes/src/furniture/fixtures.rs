//! Kitchen and bathroom fixtures, radiators.

use super::{Style, clutter};
use crate::colour::srgb;
use crate::material;
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{block, cuboid, cylinder};
use crate::texture::Texture;

/// Base cabinets with a worktop, a sink or a hob, and objects on the worktop.
pub(crate) fn kitchen_counter(dice: &mut Dice, style: &Style, width: f32) -> Piece {
    let (height, depth) = (0.9, 0.62);
    let mut piece = Piece::new(width, height, depth);
    let doors = (width / 0.5).round().max(1.0) as u8;
    let front = style.second.textured(Texture::Panels(doors, 1));
    let top = if dice.chance(0.5) {
        let stone = material::plain(dice, srgb(0x464442));
        stone.textured(Texture::Marble).glossy(0.06)
    } else {
        style.wood
    };
    piece.add(block(style.second.shade(0.3), [width, 0.1, depth - 0.1]));
    piece.add(block(front, [width, height - 0.14, depth - 0.05]).at([0.0, 0.1, -0.015]));
    piece.add(block(top, [width, 0.04, depth]).at([0.0, height - 0.04, 0.0]));
    for k in 0..doors {
        let x = -width / 2.0 + (f32::from(k) + 0.5) * width / f32::from(doors);
        let handle = cuboid(style.metal, [0.14, 0.015, 0.03]);
        piece.add(handle.at([x, 0.78, depth / 2.0 - 0.03]));
    }
    let steel = material::metal(dice);
    let x = dice.range(-width / 2.0 + 0.35, width / 2.0 - 0.35);
    if dice.chance(0.5) {
        piece.add(block(steel.shade(0.35), [0.5, 0.004, 0.4]).at([x, height, 0.02]));
        piece.add(block(steel, [0.03, 0.25, 0.03]).at([x, height, -0.22]));
        piece.add(block(steel, [0.025, 0.025, 0.18]).at([x, height + 0.23, -0.13]));
    } else {
        let glass = material::screen(dice);
        piece.add(block(glass, [0.56, 0.006, 0.48]).at([x, height, 0.0]));
        if dice.chance(0.6) {
            let pot = cylinder(steel, 0.11, 0.14, 1.0);
            piece.add(pot.at([x - 0.12, height + 0.006, -0.1]));
        }
    }
    for _ in 0..dice.int(2, 5) {
        let x = dice.range(-width / 2.0 + 0.1, width / 2.0 - 0.1);
        let z = -0.12 + dice.range(-0.08, 0.1);
        clutter(dice, &mut piece, [x, height, z], 0.3);
    }
    piece.with_full_height()
}

/// Upper cabinets, from their underside upwards.
pub(crate) fn upper_cabinets(style: &Style, width: f32) -> Piece {
    let mut piece = Piece::new(width, 0.7, 0.35);
    let doors = (width / 0.45).round().max(1.0) as u8;
    let front = style.second.textured(Texture::Panels(doors, 1));
    piece.add(block(front, [width, 0.7, 0.35]));
    piece
}

pub(crate) fn fridge(dice: &mut Dice) -> Piece {
    let height = dice.range(1.5, 2.0);
    let steel = dice.either_made(
        0.5,
        |dice| material::metal(dice).shade(0.8),
        material::ceramic,
    );
    let body = steel.glossy(0.12);
    let mut piece = Piece::new(0.65, height, 0.66);
    let split = height * 0.36;
    piece.add(block(body.shade(0.9), [0.65, height, 0.58]).at([0.0, 0.0, -0.02]));
    piece.add(block(body, [0.64, split, 0.05]).at([0.0, 0.03, 0.295]));
    piece.add(block(body, [0.64, height - split - 0.05, 0.05]).at([0.0, split + 0.04, 0.295]));
    for y in [split - 0.3, split + 0.1] {
        piece.add(block(body.shade(0.5), [0.025, 0.25, 0.03]).at([-0.26, y, 0.335]));
    }
    piece
}

pub(crate) fn bathtub(dice: &mut Dice) -> Piece {
    let [length, width, height] = dice.ranges([(1.5, 1.75), (0.7, 0.8), (0.5, 0.6)]);
    let white = material::ceramic(dice);
    let mut piece = Piece::new(length, height, width);
    let rim = 0.07;
    let inside = [length - 2.0 * rim, 0.14, width - 2.0 * rim];
    for z in [-1.0, 1.0] {
        let wall = block(white, [length, height, rim]);
        piece.add(wall.at([0.0, 0.0, z * (width - rim) / 2.0]));
    }
    piece.add_pair(block(white, [rim, height, inside[2]]).at([(length - rim) / 2.0, 0.0, 0.0]));
    piece.add(block(white.shade(0.95), inside));
    let steel = material::metal(dice);
    piece.add(block(steel, [0.04, 0.1, 0.04]).at([-length / 2.0 + 0.04, height, 0.0]));
    piece.add(block(steel, [0.16, 0.03, 0.03]).at([-length / 2.0 + 0.1, height + 0.08, 0.0]));
    piece
}

pub(crate) fn toilet(dice: &mut Dice) -> Piece {
    let white = material::ceramic(dice);
    let lid = white.shade(0.92);
    let mut piece = Piece::new(0.4, 0.82, 0.68);
    piece.add(block(white, [0.38, 0.42, 0.18]).at([0.0, 0.36, -0.25]));
    piece.add(block(white.shade(0.95), [0.4, 0.03, 0.2]).at([0.0, 0.78, -0.25]));
    piece.add(cylinder(white, 0.12, 0.2, 1.1).at([0.0, 0.0, 0.05]));
    piece.add(cylinder(white, 0.14, 0.2, 1.35).at([0.0, 0.18, 0.1]));
    piece.add(block(white, [0.2, 0.37, 0.3]).at([0.0, 0.0, -0.12]));
    piece.add(cylinder(lid, 0.2, 0.035, 0.97).at([0.0, 0.38, 0.1]));
    piece.add(block(lid, [0.36, 0.035, 0.2]).at([0.0, 0.38, -0.06]));
    piece
}

pub(crate) fn basin(dice: &mut Dice, style: &Style) -> Piece {
    let (width, height) = (dice.range(0.55, 1.1), 0.85);
    let white = material::ceramic(dice);
    let steel = material::metal(dice);
    let mut piece = Piece::new(width, height, 0.5);
    if dice.chance(0.6) {
        let doors = (width / 0.4).round() as u8;
        let front = style.second.textured(Texture::Panels(doors, 1));
        piece.add(block(front, [width, height - 0.06, 0.46]));
        piece.add(block(white, [width + 0.02, 0.05, 0.5]).at([0.0, height - 0.06, 0.0]));
        let bowl = cylinder(white.shade(0.97), 0.17, 0.09, 1.2);
        piece.add(bowl.at([0.0, height - 0.01, 0.03]));
    } else {
        let wide = width.min(0.65);
        piece.add(cylinder(white, 0.12, height - 0.15, 0.7));
        piece.add(block(white, [wide, 0.15, 0.46]).at([0.0, height - 0.15, 0.0]));
        piece.add(block(white.shade(0.7), [wide - 0.12, 0.003, 0.3]).at([0.0, height, 0.02]));
    }
    piece.add(block(steel, [0.035, 0.2, 0.035]).at([0.0, height, -0.19]));
    piece.add(block(steel, [0.03, 0.03, 0.16]).at([0.0, height + 0.17, -0.12]));
    piece.with_full_height()
}

pub(crate) fn radiator(dice: &mut Dice) -> Piece {
    let [width, height] = dice.ranges([(0.6, 1.4), (0.5, 0.65)]);
    let white = material::ceramic(dice);
    let mut piece = Piece::new(width, height + 0.1, 0.12);
    let foot = block(white.shade(0.8), [0.03, 0.12, 0.03]);
    piece.add_pair(foot.at([width / 2.0 - 0.05, 0.0, 0.0]));
    let ribs = (width / 0.07) as usize;
    for k in 0..ribs {
        let x = (k as f32 + 0.5) * width / ribs as f32 - width / 2.0;
        piece.add(block(white, [0.052, height, 0.1]).at([x, 0.1, 0.0]));
    }
    piece
}
