//! What one sits or lies on.

use glam::{Mat3, Vec3, vec3};

use super::{Piece, Style, storage::tallest};
use crate::material;
use crate::random::Dice;

pub(crate) fn chair(dice: &mut Dice, style: &Style) -> Piece {
    let (width, depth) = (dice.range(0.4, 0.48), dice.range(0.42, 0.5));
    let (seat, back) = (dice.range(0.43, 0.47), dice.range(0.8, 1.0));
    let mut piece = Piece::new(width, back, depth);
    let frame = style.wood;
    piece.legs(
        width,
        depth,
        seat - 0.03,
        0.038,
        style.round_legs,
        frame.shade(0.9),
    );
    let pad = if dice.chance(0.5) {
        style.fabric
    } else {
        frame
    };
    piece.block(vec3(0.0, seat - 0.03, 0.0), vec3(width, 0.045, depth), pad);
    let rear = -depth / 2.0 + 0.02;
    for x in [-1.0, 1.0] {
        let post = vec3(x * (width / 2.0 - 0.02), seat, rear);
        piece.block(post, vec3(0.035, back - seat, 0.035), frame);
    }
    if dice.chance(0.5) {
        for k in 0..3 {
            let y = seat + (back - seat) * (0.35 + 0.27 * k as f32) - 0.03;
            piece.block(vec3(0.0, y, rear), vec3(width - 0.05, 0.06, 0.02), frame);
        }
    } else {
        piece.block(
            vec3(0.0, seat + 0.1, rear),
            vec3(width - 0.06, back - seat - 0.1, 0.03),
            pad,
        );
    }
    piece
}

pub(crate) fn office_chair(dice: &mut Dice) -> Piece {
    let (seat, back) = (dice.range(0.44, 0.5), dice.range(0.9, 1.15));
    let mut piece = Piece::new(0.6, back, 0.6);
    let cloth = if dice.chance(0.6) {
        material::plain(dice, Vec3::splat(0.03))
    } else {
        material::fabric(dice)
    };
    let dark = material::plain(dice, Vec3::splat(0.025));
    for k in 0..5 {
        let turn = Mat3::from_rotation_y(k as f32 * 1.2566);
        piece.turned(
            turn * vec3(0.15, 0.09, 0.0),
            vec3(0.3, 0.03, 0.045),
            turn,
            dark,
        );
        piece.ball(
            turn * vec3(0.27, 0.03, 0.0),
            Vec3::splat(0.06),
            Mat3::IDENTITY,
            dark,
        );
    }
    piece.cylinder(
        vec3(0.0, 0.08, 0.0),
        0.03,
        seat - 0.12,
        1.0,
        material::metal(dice),
    );
    piece.block(vec3(0.0, seat - 0.05, 0.0), vec3(0.5, 0.08, 0.48), cloth);
    piece.block(vec3(0.0, seat - 0.02, -0.24), vec3(0.06, 0.3, 0.03), dark);
    let lean = Mat3::from_rotation_x(-0.12);
    let height = back - seat - 0.12;
    piece.turned(
        vec3(0.0, seat + 0.12 + height / 2.0, -0.25),
        vec3(0.45, height, 0.06),
        lean,
        cloth,
    );
    if dice.chance(0.6) {
        for x in [-0.27, 0.27] {
            piece.block(vec3(x, seat - 0.03, -0.02), vec3(0.03, 0.22, 0.04), dark);
            piece.block(vec3(x, seat + 0.18, 0.0), vec3(0.06, 0.03, 0.28), dark);
        }
    }
    piece
}

/// A sofa of the given width; at 0.9 m it is an armchair.
pub(crate) fn sofa(dice: &mut Dice, style: &Style, width: f32) -> Piece {
    let depth = dice.range(0.8, 0.98);
    let (seat, back, arm) = (
        dice.range(0.38, 0.45),
        dice.range(0.72, 0.95),
        dice.range(0.55, 0.66),
    );
    let arm_width = dice.range(0.12, 0.22);
    let cloth = style.fabric;
    let mut piece = Piece::new(width, back, depth);
    let foot = dice.range(0.04, 0.14);
    piece.legs(
        width - 0.1,
        depth - 0.1,
        foot,
        0.05,
        true,
        style.wood.shade(0.7),
    );
    piece.block(
        vec3(0.0, foot, 0.0),
        vec3(width, seat - 0.15 - foot, depth),
        cloth,
    );
    piece.block(
        vec3(0.0, foot, -depth / 2.0 + 0.1),
        vec3(width - 0.02, back - foot, 0.2),
        cloth,
    );
    for x in [-1.0, 1.0] {
        let at = vec3(x * (width - arm_width) / 2.0, foot, 0.01);
        piece.block(
            at,
            vec3(arm_width, arm - foot - arm_width / 2.0, depth - 0.02),
            cloth,
        );
        // A rolled arm: a lying cylinder on top of the block.
        let lying = Mat3::from_rotation_x(std::f32::consts::FRAC_PI_2);
        let roll = crate::solid::Solid::new(
            crate::solid::Shape::Cylinder { top: 1.0 },
            vec3(at.x, arm - arm_width / 2.0, 0.01),
            vec3(arm_width / 2.0, depth / 2.0 - 0.01, arm_width / 2.0),
            lying,
            cloth,
        );
        piece.solids.push(roll);
    }
    let inner = width - 2.0 * arm_width;
    let places = (inner / 0.62).round().max(1.0) as usize;
    let each = inner / places as f32;
    for k in 0..places {
        let x = -inner / 2.0 + (k as f32 + 0.5) * each;
        piece.block(
            vec3(x, seat - 0.15, 0.1),
            vec3(each - 0.012, 0.15, depth - 0.2),
            cloth.shade(1.06),
        );
        let tilt = Mat3::from_rotation_x(-0.18);
        let high = back - seat - 0.02;
        let centre = vec3(x, seat + high / 2.0, -depth / 2.0 + 0.26);
        piece.turned(
            centre,
            vec3(each - 0.02, high, 0.15),
            tilt,
            cloth.shade(1.03),
        );
    }
    for _ in 0..dice.int(0, places) {
        let x = dice.range(
            -inner / 2.0 + 0.2,
            (inner / 2.0 - 0.2).max(-inner / 2.0 + 0.21),
        );
        let tilt = Mat3::from_rotation_x(-0.4) * Mat3::from_rotation_z(dice.range(-0.3, 0.3));
        let pillow = if dice.chance(0.5) {
            style.cover
        } else {
            material::fabric(dice)
        };
        piece.ball(
            vec3(x, seat + 0.19, -depth / 2.0 + 0.42),
            vec3(0.44, 0.42, 0.19),
            tilt,
            pillow,
        );
    }
    piece.size.y = tallest(&piece);
    piece
}

pub(crate) fn bed(dice: &mut Dice, style: &Style) -> Piece {
    let width = dice.pick(&[0.95, 1.25, 1.45, 1.65, 1.85]);
    let (length, height) = (2.08, dice.range(0.45, 0.6));
    let head = dice.range(0.8, 1.2);
    let mut piece = Piece::new(width, head, length);
    let rear = -length / 2.0;
    let headboard = if dice.chance(0.4) {
        style.fabric
    } else {
        style.wood
    };
    piece.block(
        vec3(0.0, 0.0, rear + 0.03),
        vec3(width, head, 0.06),
        headboard,
    );
    piece.legs(
        width - 0.04,
        length - 0.1,
        0.14,
        0.07,
        false,
        style.wood.shade(0.7),
    );
    piece.block(
        vec3(0.0, 0.14, 0.03),
        vec3(width, 0.16, length - 0.06),
        style.wood,
    );
    let linen = material::plain(dice, Vec3::splat(0.72)).textured(crate::texture::Texture::Fabric);
    piece.block(
        vec3(0.0, 0.3, 0.03),
        vec3(width - 0.06, height - 0.3, length - 0.1),
        linen,
    );
    let cover = length * dice.range(0.55, 0.75);
    let front = length / 2.0 - cover / 2.0 - 0.01;
    piece.block(
        vec3(0.0, height - 0.16, front),
        vec3(width + 0.02, 0.2, cover),
        style.cover,
    );
    if dice.chance(0.4) {
        let throw = material::fabric(dice);
        piece.block(
            vec3(0.0, height - 0.2, length / 2.0 - 0.35),
            vec3(width + 0.04, 0.255, 0.5),
            throw,
        );
    }
    let pillows = if width > 1.3 { 2 } else { 1 };
    for k in 0..pillows {
        let x = (k as f32 - (pillows - 1) as f32 / 2.0) * width * 0.46;
        let tilt = Mat3::from_rotation_x(dice.range(0.15, 0.5))
            * Mat3::from_rotation_z(dice.range(-0.08, 0.08));
        piece.ball(
            vec3(x, height + 0.09, rear + 0.32),
            vec3(0.66, 0.19, 0.44),
            tilt,
            linen,
        );
        if dice.chance(0.4) {
            let tilt = Mat3::from_rotation_x(-0.5);
            piece.ball(
                vec3(x, height + 0.17, rear + 0.5),
                vec3(0.42, 0.38, 0.16),
                tilt,
                style.fabric,
            );
        }
    }
    piece.size.y = tallest(&piece);
    piece
}

pub(crate) fn stool(dice: &mut Dice, style: &Style) -> Piece {
    let (height, radius) = (dice.pick(&[0.45, 0.45, 0.65, 0.75]), dice.range(0.15, 0.2));
    let mut piece = Piece::new(2.0 * radius, height, 2.0 * radius);
    piece.legs(
        1.5 * radius,
        1.5 * radius,
        height - 0.03,
        0.035,
        true,
        style.metal,
    );
    piece.cylinder(vec3(0.0, height - 0.04, 0.0), radius, 0.04, 1.0, style.wood);
    piece
}
