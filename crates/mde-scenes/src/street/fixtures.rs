//! What stands beside roads: lamps, signs, traffic lights, fences, walls, bins.

use glam::{Mat3, Vec3, vec3};

use super::palette;
use crate::material::{plain, srgb};
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{Shape, Solid};
use crate::texture::Texture;

/// A lamp post whose arm reaches out to -x.
pub(crate) fn lamp_post(dice: &mut Dice) -> Piece {
    let height = dice.range(5.0, 9.5);
    let steel = palette::steel(dice);
    let mut piece = Piece::new(0.3, height, 0.3);
    piece.cylinder(Vec3::ZERO, dice.range(0.07, 0.11), height, 0.6, steel);
    piece.cylinder(Vec3::ZERO, 0.13, 0.9, 0.9, steel);
    let lamp = plain(dice, srgb(220, 222, 214)).glossy(0.1);
    let arm = dice.range(0.4, 2.2);
    let end = vec3(-arm, height + 0.25, 0.0);
    piece.rod(vec3(0.0, height - 0.05, 0.0), end, 0.04, steel);
    piece.ball(end, vec3(0.75, 0.16, 0.3), Mat3::IDENTITY, lamp);
    piece
}

/// A mast for wires, with a crossbar.
pub(crate) fn mast(dice: &mut Dice) -> Piece {
    let height = dice.range(6.5, 9.0);
    let timber = palette::timber(dice).shade(0.7);
    let mut piece = Piece::new(0.3, height, 0.3);
    piece.cylinder(Vec3::ZERO, 0.14, height, 0.7, timber);
    piece.block(vec3(0.0, height - 0.7, 0.0), vec3(1.6, 0.1, 0.1), timber);
    piece
}

/// A traffic sign on a post; its face looks to -z.
pub(crate) fn sign(dice: &mut Dice) -> Piece {
    let height = dice.range(2.1, 2.8);
    let steel = palette::steel(dice);
    let kind = dice.int(0, 4) as u8;
    let mut piece = Piece::new(0.6, height, 0.2);
    piece.cylinder(Vec3::ZERO, 0.035, height, 1.0, steel);
    let face = plain(dice, Vec3::splat(0.5))
        .textured(Texture::Sign { kind })
        .infrared(3.0);
    let radius = dice.range(0.28, 0.36);
    let axes = Mat3::from_rotation_x(-std::f32::consts::FRAC_PI_2);
    let at = vec3(0.0, height - 0.3, -0.06);
    if kind == 3 {
        let half = vec3(radius * 0.8, radius * 0.8, 0.012);
        let turned = Mat3::from_rotation_z(std::f32::consts::FRAC_PI_4);
        piece
            .solids
            .push(Solid::new(Shape::Block, at, half, turned, face));
    } else {
        let half = vec3(radius, 0.012, radius);
        let shape = Shape::Cylinder { top: 1.0 };
        piece.solids.push(Solid::new(shape, at, half, axes, face));
    }
    piece
}

/// Traffic lights on a post, looking to -z; one of the three is lit.
pub(crate) fn traffic_light(dice: &mut Dice) -> Piece {
    let steel = palette::steel(dice);
    let housing = plain(dice, Vec3::splat(0.02));
    let mut piece = Piece::new(0.4, 3.6, 0.4);
    piece.cylinder(Vec3::ZERO, 0.06, 3.4, 1.0, steel);
    piece.block(vec3(0.0, 2.6, -0.02), vec3(0.32, 0.95, 0.25), housing);
    let lit = dice.int(0, 2);
    for (k, colour) in [srgb(220, 30, 20), srgb(230, 160, 20), srgb(30, 200, 110)]
        .into_iter()
        .enumerate()
    {
        let lamp = plain(dice, if k == lit { colour } else { colour * 0.08 });
        let lamp = if k == lit { lamp.glowing(3.0) } else { lamp };
        let at = vec3(0.0, 3.38 - 0.3 * k as f32, -0.13);
        piece.ball(at, vec3(0.2, 0.2, 0.1), Mat3::IDENTITY, lamp);
    }
    piece
}

pub(crate) fn bollard(dice: &mut Dice) -> Piece {
    let steel = palette::steel(dice);
    let mut piece = Piece::new(0.2, 0.95, 0.2);
    piece.cylinder(Vec3::ZERO, 0.06, 0.9, 1.0, steel);
    piece.ball(
        vec3(0.0, 0.9, 0.0),
        vec3(0.13, 0.1, 0.13),
        Mat3::IDENTITY,
        steel,
    );
    piece
}

/// A wheeled bin.
pub(crate) fn bin(dice: &mut Dice) -> Piece {
    let body = dice.pick(&[
        srgb(40, 44, 46),
        srgb(30, 60, 110),
        srgb(60, 80, 40),
        srgb(190, 160, 30),
    ]);
    let plastic = plain(dice, body);
    let mut piece = Piece::new(0.6, 1.05, 0.7);
    piece.tapered(Vec3::ZERO, vec3(0.5, 0.95, 0.6), (1.0, 1.0), plastic);
    piece.block(
        vec3(0.0, 0.95, 0.0),
        vec3(0.58, 0.1, 0.7),
        plastic.shade(0.8),
    );
    piece
}

/// A pillar for posters.
pub(crate) fn advertising_column(dice: &mut Dice) -> Piece {
    let poster = plain(dice, Vec3::splat(0.5)).textured(Texture::Abstract);
    let stone = palette::stone(dice);
    let mut piece = Piece::new(1.3, 3.3, 1.3);
    piece.cylinder(Vec3::ZERO, 0.66, 0.3, 1.0, stone);
    piece.cylinder(vec3(0.0, 0.3, 0.0), 0.6, 2.6, 1.0, poster);
    piece.cylinder(vec3(0.0, 2.9, 0.0), 0.68, 0.35, 0.5, stone);
    piece
}

/// A fence along z: posts with rails, or pickets.
pub(crate) fn fence(dice: &mut Dice, length: f32) -> Piece {
    let height = dice.range(0.8, 1.3);
    let timber = if dice.chance(0.6) {
        palette::timber(dice)
    } else {
        palette::steel(dice)
    };
    let mut piece = Piece::new(0.1, height, length);
    for share in [0.3, 0.85] {
        piece.block(
            vec3(0.0, height * share, 0.0),
            vec3(0.05, 0.08, length),
            timber,
        );
    }
    let pitch = dice.pick(&[0.16, 0.3, 1.6]);
    let count = (length / pitch).max(1.0) as usize;
    for k in 0..=count {
        let z = (k as f32 / count as f32 - 0.5) * length;
        piece.block(
            vec3(0.0, 0.0, z),
            vec3(0.06, height, 0.07f32.min(pitch * 0.5)),
            timber,
        );
    }
    piece
}

/// A wall along z with a coping.
pub(crate) fn wall(dice: &mut Dice, length: f32, height: f32) -> Piece {
    let body = match dice.int(0, 2) {
        0 => palette::brick(dice),
        1 => palette::stone(dice),
        _ => palette::wall(dice),
    };
    let coping = palette::stone(dice);
    let mut piece = Piece::new(0.4, height, length);
    piece.block(Vec3::ZERO, vec3(0.3, height, length), body);
    piece.block(vec3(0.0, height, 0.0), vec3(0.4, 0.08, length), coping);
    piece
}

/// A guard rail along z.
pub(crate) fn guard_rail(dice: &mut Dice, length: f32) -> Piece {
    let steel = palette::steel(dice);
    let mut piece = Piece::new(0.2, 0.75, length);
    piece.block(vec3(0.0, 0.45, 0.0), vec3(0.06, 0.3, length), steel);
    for k in 0..(length / 2.0) as usize {
        let z = k as f32 * 2.0 + 1.0 - length / 2.0;
        piece.block(vec3(0.08, 0.0, z), vec3(0.1, 0.7, 0.1), steel);
    }
    piece
}
