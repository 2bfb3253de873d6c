//! Small things: clutter, plants, boxes, bins, monitors, pictures.

use glam::{Mat3, Vec3, vec3};

use super::Piece;
use crate::material;
use crate::random::Dice;
use crate::texture::Texture;

/// One small object no higher than `high`, standing at `at` on whatever is there.
pub(crate) fn clutter(dice: &mut Dice, piece: &mut Piece, at: Vec3, high: f32) {
    let stuff = material::trinket(dice);
    match dice.int(0, 5) {
        0 => {
            let height = high * dice.range(0.5, 0.95);
            piece.cylinder(at, dice.range(0.025, 0.05), height * 0.7, 1.0, stuff);
            piece.cylinder(at + Vec3::Y * height * 0.7, 0.022, height * 0.3, 0.6, stuff);
        }
        1 => piece.cylinder(at, 0.04, 0.09f32.min(high), 1.05, stuff),
        2 => piece.cylinder(at, 0.05, 0.07, 2.0, stuff),
        3 => {
            let size = dice.range(0.08, 0.16).min(high);
            piece.ball(
                at + Vec3::Y * size / 2.0,
                Vec3::splat(size),
                Mat3::IDENTITY,
                stuff,
            );
        }
        4 => {
            let mut y = at.y;
            for _ in 0..dice.int(1, 4) {
                let book = material::trinket(dice);
                let thick = dice.range(0.015, 0.04);
                let turn = Mat3::from_rotation_y(dice.range(-0.5, 0.5));
                piece.turned(
                    vec3(at.x, y + thick / 2.0, at.z),
                    vec3(0.22, thick, 0.16),
                    turn,
                    book,
                );
                y += thick;
            }
        }
        _ => {
            let size = vec3(
                dice.range(0.06, 0.16),
                high * dice.range(0.4, 0.95),
                dice.range(0.05, 0.12),
            );
            let turn = Mat3::from_rotation_y(dice.range(-0.6, 0.6));
            piece.turned(at + Vec3::Y * size.y / 2.0, size, turn, stuff);
        }
    }
}

/// Up to `most` small objects spread over a table top.
pub(crate) fn tabletop_things(
    dice: &mut Dice,
    piece: &mut Piece,
    height: f32,
    spread: Vec3,
    most: usize,
) {
    for _ in 0..dice.int(0, most) {
        let (x, z) = (
            dice.range(-0.5, 0.5) * spread.x,
            dice.range(-0.5, 0.5) * spread.z,
        );
        clutter(dice, piece, vec3(x, height, z), 0.24);
    }
}

pub(crate) fn monitor(dice: &mut Dice) -> Piece {
    let wide = dice.range(0.45, 0.65);
    let high = wide * 0.6;
    let casing = material::plain(dice, Vec3::splat(0.03));
    let mut piece = Piece::new(wide, high + 0.12, 0.2);
    piece.block(Vec3::ZERO, vec3(0.24, 0.015, 0.18), casing);
    piece.block(vec3(0.0, 0.015, -0.04), vec3(0.05, 0.18, 0.02), casing);
    piece.block(vec3(0.0, 0.1, -0.02), vec3(wide, high, 0.03), casing);
    let mut glass = material::screen(dice);
    if dice.chance(0.5) {
        glass.texture = Texture::Desktop;
        glass.base = material::hue(dice.range(0.5, 0.7), 0.3, 0.9);
        glass.accent = glass.base * 0.15;
        glass.emission = 0.7;
    }
    piece.block(
        vec3(0.0, 0.115, -0.004),
        vec3(wide - 0.03, high - 0.03, 0.006),
        glass,
    );
    piece
}

/// A pot plant; foliage is a cloud of leaves, each a flat ellipsoid.
pub(crate) fn plant(dice: &mut Dice) -> Piece {
    let height = dice.range(0.6, 1.7);
    let spread = height * dice.range(0.3, 0.42);
    let pot = height * dice.range(0.2, 0.28);
    let radius = pot * 0.42;
    let clay = material::srgb(176, 104, 74);
    let pottery = if dice.chance(0.5) {
        material::ceramic(dice)
    } else {
        material::plain(dice, clay)
    };
    let soil = material::srgb(60, 44, 34);
    let bark = material::srgb(96, 76, 54);
    let bark = material::plain(dice, bark);
    let leaf = material::leaf(dice);
    let mut piece = Piece::new(2.0 * spread * 0.85, height, 2.0 * spread * 0.85);
    piece.cylinder(Vec3::ZERO, radius, pot, 1.3, pottery);
    piece.cylinder(
        vec3(0.0, pot, 0.0),
        radius * 1.15,
        0.006,
        1.0,
        material::plain(dice, soil),
    );
    piece.cylinder(vec3(0.0, pot, 0.0), 0.02, (height - pot) * 0.75, 0.6, bark);
    let leaves = dice.int(22, 38);
    let length = spread * dice.range(0.55, 0.8);
    for k in 0..leaves {
        let up = (k as f32 + 0.5) / leaves as f32;
        let turn = Mat3::from_rotation_y(2.4 * k as f32 + dice.range(-0.3, 0.3));
        let pitch = Mat3::from_rotation_z(0.9 * up + dice.range(-0.5, 0.3));
        let reach = 0.5 * length + 0.25 * spread * (1.0 - up);
        let stem = vec3(
            0.0,
            pot + (height * 0.92 - pot) * (0.25 + 0.7 * up) - 0.1 * height,
            0.0,
        );
        let centre = stem + turn * (pitch * vec3(reach * 0.8, 0.0, 0.0));
        let size = vec3(length, 0.012, length * 0.36);
        piece.ball(
            centre,
            size,
            turn * pitch,
            leaf.shade(dice.range(0.7, 1.25)),
        );
    }
    // The topmost leaves stand up to the stated height.
    piece.ball(
        vec3(0.0, height * 0.9, 0.0),
        vec3(0.03, height * 0.2, 0.08),
        Mat3::IDENTITY,
        leaf,
    );
    piece
}

/// A pile of cardboard boxes.
pub(crate) fn boxes(dice: &mut Dice) -> Piece {
    let size = vec3(
        dice.range(0.3, 0.6),
        dice.range(0.25, 0.5),
        dice.range(0.3, 0.5),
    );
    let board = material::srgb(186, 146, 100);
    let mut piece = Piece::new(size.x, size.y, size.z);
    let mut y = 0.0;
    let mut size = size;
    for _ in 0..dice.int(1, 3) {
        let shade = dice.vary(board, 0.15);
        let carton = material::plain(dice, shade).textured(Texture::Cardboard);
        let turn = Mat3::from_rotation_y(dice.range(-0.15, 0.15));
        piece.turned(vec3(0.0, y + size.y / 2.0, 0.0), size, turn, carton);
        y += size.y;
        size *= vec3(
            dice.range(0.7, 0.95),
            dice.range(0.6, 1.0),
            dice.range(0.7, 0.95),
        );
    }
    piece.size.y = y;
    piece
}

pub(crate) fn waste_bin(dice: &mut Dice) -> Piece {
    let (radius, height) = (dice.range(0.11, 0.15), dice.range(0.28, 0.4));
    let body = if dice.chance(0.5) {
        material::metal(dice)
    } else {
        material::trinket(dice)
    };
    let mut piece = Piece::new(2.4 * radius, height, 2.4 * radius);
    piece.cylinder(Vec3::ZERO, radius, height, 1.2, body);
    piece.cylinder(
        vec3(0.0, height, 0.0),
        radius * 1.12,
        0.003,
        1.0,
        material::plain(dice, Vec3::splat(0.02)),
    );
    piece
}

/// A framed picture (or mirror) of the given size; its frame's origin is the middle of its underside, on the wall.
pub(crate) fn picture(dice: &mut Dice, width: f32, height: f32, mirrored: bool) -> Piece {
    let mut piece = Piece::new(width, height, 0.04);
    let frame = if dice.chance(0.5) {
        material::wood(dice)
    } else {
        material::lacquer(dice)
    };
    let canvas = if mirrored {
        material::mirror(dice)
    } else {
        material::painting(dice)
    };
    piece.block(Vec3::ZERO, vec3(width, height, 0.03), frame);
    let rim = dice.range(0.015, 0.035);
    piece.block(
        vec3(0.0, rim, 0.008),
        vec3(width - 2.0 * rim, height - 2.0 * rim, 0.02),
        canvas,
    );
    piece
}
