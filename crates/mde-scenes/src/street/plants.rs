//! Trees, bushes and hedges.

use glam::{Mat3, Vec3, vec3};

use super::palette;
use crate::material::Material;
use crate::piece::Piece;
use crate::random::Dice;

pub(crate) fn tree(dice: &mut Dice, height: f32) -> Piece {
    if dice.chance(0.18) {
        conifer(dice, height)
    } else {
        broadleaf(dice, height)
    }
}

/// A trunk, boughs and a crown of many clumps, most of them near its surface, where they are seen.
fn broadleaf(dice: &mut Dice, height: f32) -> Piece {
    let (bark, leaves) = (palette::bark(dice), palette::leaves(dice));
    let clear = height * dice.range(0.22, 0.38);
    let spread = height * dice.range(0.2, 0.34);
    let girth = height * dice.range(0.014, 0.022);
    let mut piece = Piece::new(2.0 * spread, height, 2.0 * spread);
    piece.cylinder(Vec3::ZERO, girth, clear * 1.15, 0.75, bark);
    let middle = vec3(0.0, (clear + height) / 2.0, 0.0);
    let reach = vec3(spread, (height - clear) / 2.0, spread);
    // A dark core, so that nobody sees through the crown.
    piece.ball(middle, reach * 1.25, Mat3::IDENTITY, leaves.shade(0.35));
    for k in 0..dice.int(50, 80) {
        let direction = direction(dice);
        let at = middle + direction * reach * dice.range(0.5, 0.92);
        let size = spread * dice.range(0.24, 0.52);
        add_clump(dice, &mut piece, at, vec3(size, size * 0.7, size), leaves);
        if k % 12 == 0 {
            let fork = vec3(0.0, clear * dice.range(0.85, 1.1), 0.0);
            piece.rod(fork, at, girth * 0.45, bark);
        }
    }
    piece
}

/// A fir: cones of needles on one another.
fn conifer(dice: &mut Dice, height: f32) -> Piece {
    let bark = palette::bark(dice);
    let needles = palette::leaves(dice).shade(0.55);
    let spread = height * dice.range(0.13, 0.2);
    let mut piece = Piece::new(2.0 * spread, height, 2.0 * spread);
    piece.cylinder(Vec3::ZERO, height * 0.014, height * 0.5, 0.8, bark);
    let layers = dice.int(6, 9);
    for k in 0..layers {
        let share = k as f32 / layers as f32;
        let low = height * (0.1 + 0.85 * share);
        let radius = spread * (1.05 - share) * dice.range(0.9, 1.1);
        let tall = height * 1.5 / layers as f32;
        piece.cylinder(
            vec3(0.0, low, 0.0),
            radius,
            tall.min(height - low),
            0.12,
            needles.shade(dice.range(0.8, 1.2)),
        );
    }
    piece
}

pub(crate) fn bush(dice: &mut Dice, size: f32) -> Piece {
    let leaves = palette::leaves(dice);
    let mut piece = Piece::new(size, size * 0.8, size);
    for _ in 0..dice.int(4, 8) {
        let at = vec3(
            dice.range(-0.3, 0.3) * size,
            dice.range(0.2, 0.5) * size,
            dice.range(-0.3, 0.3) * size,
        );
        let size = size * dice.range(0.35, 0.6);
        add_clump(dice, &mut piece, at, vec3(size, size * 0.8, size), leaves);
    }
    piece
}

/// A clipped hedge along z, not quite even.
pub(crate) fn hedge(dice: &mut Dice, length: f32, height: f32, leaves: Material) -> Piece {
    let thickness = dice.range(0.6, 1.0);
    let mut piece = Piece::new(thickness, height, length);
    piece.tapered(
        Vec3::ZERO,
        vec3(thickness, height * 0.94, length),
        (0.85, 1.0),
        leaves,
    );
    let clumps = (length / 0.9) as usize;
    for k in 0..clumps {
        let z = ((k as f32 + 0.5) / clumps as f32 - 0.5) * length;
        let at = vec3(dice.range(-0.1, 0.1), height * dice.range(0.72, 0.86), z);
        let size = vec3(
            thickness * 1.06,
            height * dice.range(0.22, 0.36),
            dice.range(0.8, 1.4),
        );
        add_clump(dice, &mut piece, at, size, leaves);
    }
    piece
}

fn add_clump(dice: &mut Dice, piece: &mut Piece, at: Vec3, size: Vec3, leaves: Material) {
    let turn =
        Mat3::from_rotation_y(dice.range(0.0, 3.0)) * Mat3::from_rotation_x(dice.range(-0.3, 0.3));
    let material = Material {
        seed: dice.bits(),
        ..leaves.shade(dice.range(0.72, 1.2))
    };
    piece.ball(at, size, turn, material);
}

/// A unit vector in any direction.
fn direction(dice: &mut Dice) -> Vec3 {
    let y = dice.range(-0.8, 1.0);
    let turn = dice.range(0.0, std::f32::consts::TAU);
    let flat = (1.0 - y * y).max(0.0).sqrt();
    vec3(flat * turn.cos(), y, flat * turn.sin())
}
