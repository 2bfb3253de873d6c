//! Trees, bushes and hedges.

use glam::{Mat3, Vec3, vec3};

use super::palette;
use crate::material::Material;
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{Solid, ball, cylinder, rod, tapered};

pub(crate) fn tree(dice: &mut Dice, height: f32) -> Piece {
    let conifer = |dice: &mut Dice| conifer(dice, height);
    dice.either_made(0.18, conifer, |dice| broadleaf(dice, height))
}

/// A trunk, boughs and a crown of many clumps, most of them near its visible surface.
fn broadleaf(dice: &mut Dice, height: f32) -> Piece {
    let (bark, leaves) = (palette::bark(dice), palette::leaves(dice));
    let ranges = [(0.22, 0.38), (0.2, 0.34), (0.014, 0.022)];
    let [clear, spread, girth] = dice.ranges(ranges).map(|share| height * share);
    let mut piece = Piece::new(2.0 * spread, height, 2.0 * spread);
    piece.add(cylinder(bark, girth, clear * 1.15, 0.75));
    let middle = vec3(0.0, (clear + height) / 2.0, 0.0);
    let reach = vec3(spread, (height - clear) / 2.0, spread);
    // A dark core makes the crown opaque.
    piece.add(ball(leaves.shade(0.35), reach * 1.25).at(middle));
    for k in 0..dice.int(50, 80) {
        let at = middle + direction(dice) * reach * dice.range(0.5, 0.92);
        let size = spread * dice.range(0.24, 0.52);
        piece.add(clump(dice, [size, size * 0.7, size], leaves).at(at));
        if k % 12 == 0 {
            let fork = [0.0, clear * dice.range(0.85, 1.1), 0.0];
            piece.add(rod(bark, girth * 0.45, fork, at));
        }
    }
    piece
}

/// A fir: a stack of cones.
fn conifer(dice: &mut Dice, height: f32) -> Piece {
    let bark = palette::bark(dice);
    let needles = palette::leaves(dice).shade(0.55);
    let spread = height * dice.range(0.13, 0.2);
    let mut piece = Piece::new(2.0 * spread, height, 2.0 * spread);
    piece.add(cylinder(bark, height * 0.014, height * 0.5, 0.8));
    let layers = dice.int(6, 9);
    for k in 0..layers {
        let share = k as f32 / layers as f32;
        let low = height * (0.1 + 0.85 * share);
        let radius = spread * (1.05 - share) * dice.range(0.9, 1.1);
        let tall = (height * 1.5 / layers as f32).min(height - low);
        let needles = needles.shade(dice.range(0.8, 1.2));
        piece.add(cylinder(needles, radius, tall, 0.12).at([0.0, low, 0.0]));
    }
    piece
}

pub(crate) fn bush(dice: &mut Dice, size: f32) -> Piece {
    let leaves = palette::leaves(dice);
    let mut piece = Piece::new(size, size * 0.8, size);
    for _ in 0..dice.int(4, 8) {
        let at = dice.vector([(-0.3, 0.3), (0.2, 0.5), (-0.3, 0.3)]) * size;
        let size = size * dice.range(0.35, 0.6);
        piece.add(clump(dice, [size, size * 0.8, size], leaves).at(at));
    }
    piece
}

/// A clipped, slightly uneven hedge along z.
pub(crate) fn hedge(dice: &mut Dice, length: f32, height: f32, leaves: Material) -> Piece {
    let thickness = dice.range(0.6, 1.0);
    let mut piece = Piece::new(thickness, height, length);
    let body = [thickness, height * 0.94, length];
    piece.add(tapered(leaves, body, (0.85, 1.0)));
    let clumps = (length / 0.9) as usize;
    for k in 0..clumps {
        let z = ((k as f32 + 0.5) / clumps as f32 - 0.5) * length;
        let ranges = [(-0.1, 0.1), (0.72, 0.86), (0.22, 0.36), (0.8, 1.4)];
        let [x, share, tall, long] = dice.ranges(ranges);
        let size = [thickness * 1.06, height * tall, long];
        piece.add(clump(dice, size, leaves).at([x, height * share, z]));
    }
    piece
}

/// An ellipsoid of leaves, turned and shaded at random.
fn clump(dice: &mut Dice, size: [f32; 3], leaves: Material) -> Solid {
    let [yaw, pitch] = dice.ranges([(0.0, 3.0), (-0.3, 0.3)]);
    let turn = Mat3::from_rotation_y(yaw) * Mat3::from_rotation_x(pitch);
    let seed = dice.bits();
    let leaves = leaves.shade(dice.range(0.72, 1.2));
    ball(Material { seed, ..leaves }, size).turned(turn)
}

/// A unit vector in any direction except steeply downwards.
fn direction(dice: &mut Dice) -> Vec3 {
    let y = dice.range(-0.8, 1.0);
    let turn = dice.range(0.0, std::f32::consts::TAU);
    let flat = (1.0 - y * y).max(0.0).sqrt();
    vec3(flat * turn.cos(), y, flat * turn.sin())
}
