//! Small things: clutter, plants, boxes, bins, monitors, pictures.

use glam::{Mat3, Vec3, vec3};

use crate::colour::{hue, srgb};
use crate::material;
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{ball, block, cuboid, cylinder};
use crate::texture::Texture;

/// Adds one small object, or a pile of books, that is at most `high` metres high and stands at
/// `at`.
pub(crate) fn clutter(dice: &mut Dice, piece: &mut Piece, at: impl Into<Vec3>, high: f32) {
    let at = at.into();
    let stuff = material::trinket(dice);
    match dice.int(0, 5) {
        0 => {
            let height = high * dice.range(0.5, 0.95);
            let radius = dice.range(0.025, 0.05);
            piece.add(cylinder(stuff, radius, height * 0.7, 1.0).at(at));
            let neck = cylinder(stuff, 0.022, height * 0.3, 0.6);
            piece.add(neck.at(at + Vec3::Y * height * 0.7));
        }
        1 => piece.add(cylinder(stuff, 0.04, 0.09f32.min(high), 1.05).at(at)),
        2 => piece.add(cylinder(stuff, 0.05, 0.07, 2.0).at(at)),
        3 => {
            let size = dice.range(0.08, 0.16).min(high);
            piece.add(ball(stuff, Vec3::splat(size)).at(at + Vec3::Y * size / 2.0));
        }
        4 => {
            let mut y = at.y;
            for _ in 0..dice.int(1, 4) {
                let book = material::trinket(dice);
                let thick = dice.range(0.015, 0.04);
                let turn = Mat3::from_rotation_y(dice.range(-0.5, 0.5));
                let book = cuboid(book, [0.22, thick, 0.16]).turned(turn);
                piece.add(book.at([at.x, y + thick / 2.0, at.z]));
                y += thick;
            }
        }
        _ => {
            let [width, share, depth] = dice.ranges([(0.06, 0.16), (0.4, 0.95), (0.05, 0.12)]);
            let turn = Mat3::from_rotation_y(dice.range(-0.6, 0.6));
            let size = vec3(width, high * share, depth);
            piece.add(
                cuboid(stuff, size)
                    .turned(turn)
                    .at(at + Vec3::Y * size.y / 2.0),
            );
        }
    }
}

/// Spreads up to `most` small objects over a table top, `spread` metres along x and z.
pub(crate) fn add_clutter(
    dice: &mut Dice,
    piece: &mut Piece,
    height: f32,
    spread: [f32; 2],
    most: usize,
) {
    for _ in 0..dice.int(0, most) {
        let [x, z] = dice.ranges([(-0.5, 0.5); 2]);
        clutter(dice, piece, [x * spread[0], height, z * spread[1]], 0.24);
    }
}

pub(crate) fn monitor(dice: &mut Dice) -> Piece {
    let wide = dice.range(0.45, 0.65);
    let high = wide * 0.6;
    let casing = material::plain(dice, Vec3::splat(0.03));
    let mut piece = Piece::new(wide, high + 0.12, 0.2);
    piece.add(block(casing, [0.24, 0.015, 0.18]));
    piece.add(block(casing, [0.05, 0.18, 0.02]).at([0.0, 0.015, -0.04]));
    piece.add(block(casing, [wide, high, 0.03]).at([0.0, 0.1, -0.02]));
    let mut glass = material::screen(dice);
    if dice.chance(0.5) {
        glass.texture = Texture::Desktop;
        glass.base = hue(dice.range(0.5, 0.7), 0.3, 0.9);
        glass.accent = glass.base * 0.15;
        glass.emission = 0.7;
    }
    piece.add(block(glass, [wide - 0.03, high - 0.03, 0.006]).at([0.0, 0.115, -0.004]));
    piece
}

/// A pot plant; its leaves are flat ellipsoids.
pub(crate) fn plant(dice: &mut Dice) -> Piece {
    let height = dice.range(0.6, 1.7);
    let spread = height * dice.range(0.3, 0.42);
    let pot = height * dice.range(0.2, 0.28);
    let radius = pot * 0.42;
    let clay = |dice: &mut Dice| material::plain(dice, srgb(0xb0684a));
    let pottery = dice.either_made(0.5, material::ceramic, clay);
    let bark = material::plain(dice, srgb(0x604c36));
    let leaf = material::leaf(dice);
    let soil = material::plain(dice, srgb(0x3c2c22));
    let mut piece = Piece::new(2.0 * spread * 0.85, height, 2.0 * spread * 0.85);
    piece.add(cylinder(pottery, radius, pot, 1.3));
    piece.add(cylinder(soil, radius * 1.15, 0.006, 1.0).at([0.0, pot, 0.0]));
    piece.add(cylinder(bark, 0.02, (height - pot) * 0.75, 0.6).at([0.0, pot, 0.0]));
    let leaves = dice.int(22, 38);
    let length = spread * dice.range(0.55, 0.8);
    for k in 0..leaves {
        let up = (k as f32 + 0.5) / leaves as f32;
        let turn = Mat3::from_rotation_y(2.4 * k as f32 + dice.range(-0.3, 0.3));
        let pitch = Mat3::from_rotation_z(0.9 * up + dice.range(-0.5, 0.3));
        let reach = 0.5 * length + 0.25 * spread * (1.0 - up);
        let rise = (height * 0.92 - pot) * (0.25 + 0.7 * up);
        let stem = vec3(0.0, pot + rise - 0.1 * height, 0.0);
        let material = leaf.shade(dice.range(0.7, 1.25));
        let blade = ball(material, [length, 0.012, length * 0.36]).turned(turn * pitch);
        piece.add(blade.at(stem + turn * (pitch * vec3(reach * 0.8, 0.0, 0.0))));
    }
    // The topmost leaf reaches the stated height.
    piece.add(ball(leaf, [0.03, height * 0.2, 0.08]).at([0.0, height * 0.9, 0.0]));
    piece
}

/// A pile of cardboard boxes.
pub(crate) fn boxes(dice: &mut Dice) -> Piece {
    let mut size = dice.vector([(0.3, 0.6), (0.25, 0.5), (0.3, 0.5)]);
    let mut piece = Piece::new(size.x, size.y, size.z);
    let mut y = 0.0;
    for _ in 0..dice.int(1, 3) {
        let shade = dice.vary(srgb(0xba9264), 0.15);
        let carton = material::plain(dice, shade).textured(Texture::Cardboard);
        let turn = Mat3::from_rotation_y(dice.range(-0.15, 0.15));
        piece.add(
            cuboid(carton, size)
                .turned(turn)
                .at([0.0, y + size.y / 2.0, 0.0]),
        );
        y += size.y;
        size *= dice.vector([(0.7, 0.95), (0.6, 1.0), (0.7, 0.95)]);
    }
    piece.size.y = y;
    piece
}

pub(crate) fn waste_bin(dice: &mut Dice) -> Piece {
    let [radius, height] = dice.ranges([(0.11, 0.15), (0.28, 0.4)]);
    let body = dice.either_made(0.5, material::metal, material::trinket);
    let dark = material::plain(dice, Vec3::splat(0.02));
    let mut piece = Piece::new(2.4 * radius, height, 2.4 * radius);
    piece.add(cylinder(body, radius, height, 1.2));
    piece.add(cylinder(dark, radius * 1.12, 0.003, 1.0).at([0.0, height, 0.0]));
    piece
}

/// A framed picture or mirror of this size, from its underside upwards.
pub(crate) fn picture(dice: &mut Dice, width: f32, height: f32, mirrored: bool) -> Piece {
    let mut piece = Piece::new(width, height, 0.04);
    let frame = dice.either_made(0.5, material::wood, material::lacquer);
    let canvas = if mirrored {
        material::mirror(dice)
    } else {
        material::painting(dice)
    };
    piece.add(block(frame, [width, height, 0.03]));
    let rim = dice.range(0.015, 0.035);
    let canvas = block(canvas, [width - 2.0 * rim, height - 2.0 * rim, 0.02]);
    piece.add(canvas.at([0.0, rim, 0.008]));
    piece
}
