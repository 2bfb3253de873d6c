//! Kitchen and bathroom fixtures, radiators.

use glam::{Mat3, Vec3, vec3};

use super::{Piece, Style, clutter, storage::tallest};
use crate::material;
use crate::random::Dice;
use crate::texture::Texture;

/// Base cabinets with a worktop, a sink or a hob and what stands about.
pub(crate) fn kitchen_counter(dice: &mut Dice, style: &Style, width: f32) -> Piece {
    let (height, depth) = (0.9, 0.62);
    let mut piece = Piece::new(width, height, depth);
    let doors = (width / 0.5).round().max(1.0) as u8;
    let front = style.second.textured(Texture::Panels {
        across: doors,
        up: 1,
    });
    let top = if dice.chance(0.5) {
        let stone = material::srgb(70, 68, 66);
        material::plain(dice, stone)
            .textured(Texture::Marble)
            .glossy(0.06)
    } else {
        style.wood
    };
    piece.block(
        Vec3::ZERO,
        vec3(width, 0.1, depth - 0.1),
        style.second.shade(0.3),
    );
    piece.block(
        vec3(0.0, 0.1, -0.015),
        vec3(width, height - 0.14, depth - 0.05),
        front,
    );
    piece.block(vec3(0.0, height - 0.04, 0.0), vec3(width, 0.04, depth), top);
    for k in 0..doors {
        let x = -width / 2.0 + (f32::from(k) + 0.5) * width / f32::from(doors);
        piece.turned(
            vec3(x, 0.78, depth / 2.0 - 0.03),
            vec3(0.14, 0.015, 0.03),
            Mat3::IDENTITY,
            style.metal,
        );
    }
    let steel = material::metal(dice);
    let x = dice.range(-width / 2.0 + 0.35, width / 2.0 - 0.35);
    if dice.chance(0.5) {
        piece.block(
            vec3(x, height, 0.02),
            vec3(0.5, 0.004, 0.4),
            steel.shade(0.35),
        );
        piece.block(vec3(x, height, -0.22), vec3(0.03, 0.25, 0.03), steel);
        piece.block(
            vec3(x, height + 0.23, -0.13),
            vec3(0.025, 0.025, 0.18),
            steel,
        );
    } else {
        let glass = material::screen(dice);
        piece.block(vec3(x, height, 0.0), vec3(0.56, 0.006, 0.48), glass);
        if dice.chance(0.6) {
            piece.cylinder(vec3(x - 0.12, height + 0.006, -0.1), 0.11, 0.14, 1.0, steel);
        }
    }
    for _ in 0..dice.int(2, 5) {
        let at = vec3(
            dice.range(-width / 2.0 + 0.1, width / 2.0 - 0.1),
            height,
            -0.12 + dice.range(-0.08, 0.1),
        );
        clutter(dice, &mut piece, at, 0.3);
    }
    piece.size.y = tallest(&piece);
    piece
}

/// Upper cabinets: hung by the layout, so their frame starts at their underside.
pub(crate) fn upper_cabinets(style: &Style, width: f32) -> Piece {
    let mut piece = Piece::new(width, 0.7, 0.35);
    let doors = (width / 0.45).round().max(1.0) as u8;
    piece.block(
        Vec3::ZERO,
        vec3(width, 0.7, 0.35),
        style.second.textured(Texture::Panels {
            across: doors,
            up: 1,
        }),
    );
    piece
}

pub(crate) fn fridge(dice: &mut Dice) -> Piece {
    let height = dice.range(1.5, 2.0);
    let steel = if dice.chance(0.5) {
        material::metal(dice).shade(0.8)
    } else {
        material::ceramic(dice)
    };
    let body = steel.glossy(0.12);
    let mut piece = Piece::new(0.65, height, 0.66);
    let split = height * 0.36;
    piece.block(
        vec3(0.0, 0.0, -0.02),
        vec3(0.65, height, 0.58),
        body.shade(0.9),
    );
    piece.block(vec3(0.0, 0.03, 0.295), vec3(0.64, split, 0.05), body);
    piece.block(
        vec3(0.0, split + 0.04, 0.295),
        vec3(0.64, height - split - 0.05, 0.05),
        body,
    );
    for y in [split - 0.3, split + 0.1] {
        piece.block(
            vec3(-0.26, y, 0.335),
            vec3(0.025, 0.25, 0.03),
            body.shade(0.5),
        );
    }
    piece
}

pub(crate) fn bathtub(dice: &mut Dice) -> Piece {
    let (length, width, height) = (
        dice.range(1.5, 1.75),
        dice.range(0.7, 0.8),
        dice.range(0.5, 0.6),
    );
    let white = material::ceramic(dice);
    let mut piece = Piece::new(length, height, width);
    let rim = 0.07;
    for z in [-1.0, 1.0] {
        piece.block(
            vec3(0.0, 0.0, z * (width - rim) / 2.0),
            vec3(length, height, rim),
            white,
        );
    }
    for x in [-1.0, 1.0] {
        piece.block(
            vec3(x * (length - rim) / 2.0, 0.0, 0.0),
            vec3(rim, height, width - 2.0 * rim),
            white,
        );
    }
    piece.block(
        vec3(0.0, 0.0, 0.0),
        vec3(length - 2.0 * rim, 0.14, width - 2.0 * rim),
        white.shade(0.95),
    );
    let steel = material::metal(dice);
    piece.block(
        vec3(-length / 2.0 + 0.04, height, 0.0),
        vec3(0.04, 0.1, 0.04),
        steel,
    );
    piece.block(
        vec3(-length / 2.0 + 0.1, height + 0.08, 0.0),
        vec3(0.16, 0.03, 0.03),
        steel,
    );
    piece
}

pub(crate) fn toilet(dice: &mut Dice) -> Piece {
    let white = material::ceramic(dice);
    let mut piece = Piece::new(0.4, 0.82, 0.68);
    piece.block(vec3(0.0, 0.36, -0.25), vec3(0.38, 0.42, 0.18), white);
    piece.block(
        vec3(0.0, 0.78, -0.25),
        vec3(0.4, 0.03, 0.2),
        white.shade(0.95),
    );
    piece.cylinder(vec3(0.0, 0.0, 0.05), 0.12, 0.2, 1.1, white);
    piece.cylinder(vec3(0.0, 0.18, 0.1), 0.14, 0.2, 1.35, white);
    piece.block(vec3(0.0, 0.0, -0.12), vec3(0.2, 0.37, 0.3), white);
    piece.cylinder(vec3(0.0, 0.38, 0.1), 0.2, 0.035, 0.97, white.shade(0.92));
    piece.block(
        vec3(0.0, 0.38, -0.06),
        vec3(0.36, 0.035, 0.2),
        white.shade(0.92),
    );
    piece
}

pub(crate) fn basin(dice: &mut Dice, style: &Style) -> Piece {
    let (width, height) = (dice.range(0.55, 1.1), 0.85);
    let white = material::ceramic(dice);
    let steel = material::metal(dice);
    let mut piece = Piece::new(width, height, 0.5);
    if dice.chance(0.6) {
        let doors = (width / 0.4).round() as u8;
        let front = style.second.textured(Texture::Panels {
            across: doors,
            up: 1,
        });
        piece.block(Vec3::ZERO, vec3(width, height - 0.06, 0.46), front);
        piece.block(
            vec3(0.0, height - 0.06, 0.0),
            vec3(width + 0.02, 0.05, 0.5),
            white,
        );
        piece.cylinder(
            vec3(0.0, height - 0.01, 0.03),
            0.17,
            0.09,
            1.2,
            white.shade(0.97),
        );
    } else {
        piece.cylinder(Vec3::ZERO, 0.12, height - 0.15, 0.7, white);
        piece.block(
            vec3(0.0, height - 0.15, 0.0),
            vec3(width.min(0.65), 0.15, 0.46),
            white,
        );
        piece.block(
            vec3(0.0, height, 0.02),
            vec3(width.min(0.65) - 0.12, 0.003, 0.3),
            white.shade(0.7),
        );
    }
    piece.block(vec3(0.0, height, -0.19), vec3(0.035, 0.2, 0.035), steel);
    piece.block(
        vec3(0.0, height + 0.17, -0.12),
        vec3(0.03, 0.03, 0.16),
        steel,
    );
    piece.size.y = tallest(&piece);
    piece
}

pub(crate) fn radiator(dice: &mut Dice) -> Piece {
    let (width, height) = (dice.range(0.6, 1.4), dice.range(0.5, 0.65));
    let white = material::ceramic(dice);
    let mut piece = Piece::new(width, height + 0.1, 0.12);
    for x in [-1.0, 1.0] {
        piece.block(
            vec3(x * (width / 2.0 - 0.05), 0.0, 0.0),
            vec3(0.03, 0.12, 0.03),
            white.shade(0.8),
        );
    }
    let ribs = (width / 0.07) as usize;
    for k in 0..ribs {
        let x = (k as f32 + 0.5) * width / ribs as f32 - width / 2.0;
        piece.block(vec3(x, 0.1, 0.0), vec3(0.052, height, 0.1), white);
    }
    piece
}
