//! Roadside objects: lamps, signs, traffic lights, fences, walls, bins.

use std::f32::consts::{FRAC_PI_2, FRAC_PI_4};

use glam::{Mat3, Vec3, vec3};

use super::palette;
use crate::colour::srgb;
use crate::material::{one_of, plain};
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{ball, block, cuboid, cylinder, disc, rod, tapered};
use crate::texture::Texture;

/// A lamp post whose arm reaches out to -x.
pub(crate) fn lamp_post(dice: &mut Dice) -> Piece {
    let height = dice.range(5.0, 9.5);
    let steel = palette::steel(dice);
    let mut piece = Piece::new(0.3, height, 0.3);
    piece.add(cylinder(steel, dice.range(0.07, 0.11), height, 0.6));
    piece.add(cylinder(steel, 0.13, 0.9, 0.9));
    let lamp = plain(dice, srgb(0xdcded6)).glossy(0.1);
    let arm = dice.range(0.4, 2.2);
    let end = vec3(-arm, height + 0.25, 0.0);
    piece.add(rod(steel, 0.04, [0.0, height - 0.05, 0.0], end));
    piece.add(ball(lamp, [0.75, 0.16, 0.3]).at(end));
    piece
}

/// A mast for wires, with a crossbar.
pub(crate) fn mast(dice: &mut Dice) -> Piece {
    let height = dice.range(6.5, 9.0);
    let timber = palette::timber(dice).shade(0.7);
    let mut piece = Piece::new(0.3, height, 0.3);
    piece.add(cylinder(timber, 0.14, height, 0.7));
    piece.add(block(timber, [1.6, 0.1, 0.1]).at([0.0, height - 0.7, 0.0]));
    piece
}

/// A traffic sign on a post; its face looks to -z.
pub(crate) fn sign(dice: &mut Dice) -> Piece {
    let height = dice.range(2.1, 2.8);
    let steel = palette::steel(dice);
    let kind = dice.int(0, 4) as u8;
    let mut piece = Piece::new(0.6, height, 0.2);
    piece.add(cylinder(steel, 0.035, height, 1.0));
    let face = plain(dice, Vec3::splat(0.5)).textured(Texture::Sign(kind));
    let face = face.infrared(3.0);
    let radius = dice.range(0.28, 0.36);
    let plate = if kind == 3 {
        let side = 2.0 * radius * 0.8;
        cuboid(face, [side, side, 0.024]).turned(Mat3::from_rotation_z(FRAC_PI_4))
    } else {
        disc(face, radius, 0.012).turned(Mat3::from_rotation_x(-FRAC_PI_2))
    };
    piece.add(plate.at([0.0, height - 0.3, -0.06]));
    piece
}

/// Traffic lights on a post, looking to -z; one of the three is lit.
pub(crate) fn traffic_light(dice: &mut Dice) -> Piece {
    let steel = palette::steel(dice);
    let housing = plain(dice, Vec3::splat(0.02));
    let mut piece = Piece::new(0.4, 3.6, 0.4);
    piece.add(cylinder(steel, 0.06, 3.4, 1.0));
    piece.add(block(housing, [0.32, 0.95, 0.25]).at([0.0, 2.6, -0.02]));
    let lit = dice.int(0, 2);
    for (k, colour) in [0xdc1e14, 0xe6a014, 0x1ec86e].into_iter().enumerate() {
        let lamp = if k == lit {
            plain(dice, srgb(colour)).glowing(3.0)
        } else {
            plain(dice, srgb(colour) * 0.08)
        };
        piece.add(ball(lamp, [0.2, 0.2, 0.1]).at([0.0, 3.38 - 0.3 * k as f32, -0.13]));
    }
    piece
}

pub(crate) fn bollard(dice: &mut Dice) -> Piece {
    let steel = palette::steel(dice);
    let mut piece = Piece::new(0.2, 0.95, 0.2);
    piece.add(cylinder(steel, 0.06, 0.9, 1.0));
    piece.add(ball(steel, [0.13, 0.1, 0.13]).at([0.0, 0.9, 0.0]));
    piece
}

/// A wheeled bin.
pub(crate) fn bin(dice: &mut Dice) -> Piece {
    let plastic = one_of(dice, &[0x282c2e, 0x1e3c6e, 0x3c5028, 0xbea01e]);
    let mut piece = Piece::new(0.6, 1.05, 0.7);
    piece.add(tapered(plastic, [0.5, 0.95, 0.6], (1.0, 1.0)));
    piece.add(block(plastic.shade(0.8), [0.58, 0.1, 0.7]).at([0.0, 0.95, 0.0]));
    piece
}

/// A pillar for posters.
pub(crate) fn advertising_column(dice: &mut Dice) -> Piece {
    let poster = plain(dice, Vec3::splat(0.5)).textured(Texture::Abstract);
    let stone = palette::stone(dice);
    let mut piece = Piece::new(1.3, 3.3, 1.3);
    piece.add(cylinder(stone, 0.66, 0.3, 1.0));
    piece.add(cylinder(poster, 0.6, 2.6, 1.0).at([0.0, 0.3, 0.0]));
    piece.add(cylinder(stone, 0.68, 0.35, 0.5).at([0.0, 2.9, 0.0]));
    piece
}

/// A fence along z: posts with rails, or pickets.
pub(crate) fn fence(dice: &mut Dice, length: f32) -> Piece {
    let height = dice.range(0.8, 1.3);
    let timber = dice.either_made(0.6, palette::timber, palette::steel);
    let mut piece = Piece::new(0.1, height, length);
    for share in [0.3, 0.85] {
        piece.add(block(timber, [0.05, 0.08, length]).at([0.0, height * share, 0.0]));
    }
    let pitch = dice.pick(&[0.16, 0.3, 1.6]);
    let count = (length / pitch).max(1.0) as usize;
    for k in 0..=count {
        let z = (k as f32 / count as f32 - 0.5) * length;
        let post = block(timber, [0.06, height, 0.07f32.min(pitch * 0.5)]);
        piece.add(post.at([0.0, 0.0, z]));
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
    piece.add(block(body, [0.3, height, length]));
    piece.add(block(coping, [0.4, 0.08, length]).at([0.0, height, 0.0]));
    piece
}

/// A guard rail along z.
pub(crate) fn guard_rail(dice: &mut Dice, length: f32) -> Piece {
    let steel = palette::steel(dice);
    let mut piece = Piece::new(0.2, 0.75, length);
    piece.add(block(steel, [0.06, 0.3, length]).at([0.0, 0.45, 0.0]));
    for k in 0..(length / 2.0) as usize {
        let z = k as f32 * 2.0 + 1.0 - length / 2.0;
        piece.add(block(steel, [0.1, 0.7, 0.1]).at([0.08, 0.0, z]));
    }
    piece
}
