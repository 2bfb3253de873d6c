//! Chairs, sofas and beds.

use std::f32::consts::FRAC_PI_2;

use glam::{Mat3, Vec3, vec3};

use super::Style;
use crate::material;
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{ball, block, cuboid, cylinder, disc};
use crate::texture::Texture;

pub(crate) fn chair(dice: &mut Dice, style: &Style) -> Piece {
    let ranges = [(0.4, 0.48), (0.42, 0.5), (0.43, 0.47), (0.8, 1.0)];
    let [width, depth, seat, back] = dice.ranges(ranges);
    let mut piece = Piece::new(width, back, depth);
    let frame = style.wood;
    let legs = frame.shade(0.9);
    piece.add_legs([width, seat - 0.03, depth], 0.038, style.round_legs, legs);
    let pad = dice.either(0.5, style.fabric, frame);
    piece.add(block(pad, [width, 0.045, depth]).at([0.0, seat - 0.03, 0.0]));
    let rear = -depth / 2.0 + 0.02;
    let post = block(frame, [0.035, back - seat, 0.035]);
    piece.add_pair(post.at([width / 2.0 - 0.02, seat, rear]));
    if dice.chance(0.5) {
        for k in 0..3 {
            let y = seat + (back - seat) * (0.35 + 0.27 * k as f32) - 0.03;
            piece.add(block(frame, [width - 0.05, 0.06, 0.02]).at([0.0, y, rear]));
        }
    } else {
        piece.add(block(pad, [width - 0.06, back - seat - 0.1, 0.03]).at([0.0, seat + 0.1, rear]));
    }
    piece
}

pub(crate) fn office_chair(dice: &mut Dice) -> Piece {
    let [seat, back] = dice.ranges([(0.44, 0.5), (0.9, 1.15)]);
    let mut piece = Piece::new(0.6, back, 0.6);
    let black = |dice: &mut Dice| material::plain(dice, Vec3::splat(0.03));
    let cloth = dice.either_made(0.6, black, material::fabric);
    let dark = material::plain(dice, Vec3::splat(0.025));
    for k in 0..5 {
        let turn = Mat3::from_rotation_y(k as f32 * 1.2566);
        let foot = cuboid(dark, [0.3, 0.03, 0.045]).turned(turn);
        piece.add(foot.at(turn * vec3(0.15, 0.09, 0.0)));
        piece.add(ball(dark, Vec3::splat(0.06)).at(turn * vec3(0.27, 0.03, 0.0)));
    }
    let steel = material::metal(dice);
    piece.add(cylinder(steel, 0.03, seat - 0.12, 1.0).at([0.0, 0.08, 0.0]));
    piece.add(block(cloth, [0.5, 0.08, 0.48]).at([0.0, seat - 0.05, 0.0]));
    piece.add(block(dark, [0.06, 0.3, 0.03]).at([0.0, seat - 0.02, -0.24]));
    let height = back - seat - 0.12;
    let rest = cuboid(cloth, [0.45, height, 0.06]).turned(Mat3::from_rotation_x(-0.12));
    piece.add(rest.at([0.0, seat + 0.12 + height / 2.0, -0.25]));
    if dice.chance(0.6) {
        for x in [-0.27, 0.27] {
            piece.add(block(dark, [0.03, 0.22, 0.04]).at([x, seat - 0.03, -0.02]));
            piece.add(block(dark, [0.06, 0.03, 0.28]).at([x, seat + 0.18, 0.0]));
        }
    }
    piece
}

/// A sofa of the given width; 0.9 m makes an armchair.
pub(crate) fn sofa(dice: &mut Dice, style: &Style, width: f32) -> Piece {
    let ranges = [
        (0.8, 0.98),
        (0.38, 0.45),
        (0.72, 0.95),
        (0.55, 0.66),
        (0.12, 0.22),
    ];
    let [depth, seat, back, arm, arm_width] = dice.ranges(ranges);
    let cloth = style.fabric;
    let mut piece = Piece::new(width, back, depth);
    let foot = dice.range(0.04, 0.14);
    let legs = style.wood.shade(0.7);
    piece.add_legs([width - 0.1, foot, depth - 0.1], 0.05, true, legs);
    piece.add(block(cloth, [width, seat - 0.15 - foot, depth]).at([0.0, foot, 0.0]));
    let rear = block(cloth, [width - 0.02, back - foot, 0.2]);
    piece.add(rear.at([0.0, foot, -depth / 2.0 + 0.1]));
    for x in [-1.0, 1.0] {
        let x = x * (width - arm_width) / 2.0;
        let high = arm - foot - arm_width / 2.0;
        piece.add(block(cloth, [arm_width, high, depth - 0.02]).at([x, foot, 0.01]));
        // A lying cylinder on the block makes a rolled arm.
        let (y, end) = (arm - arm_width / 2.0, depth / 2.0 - 0.01);
        let roll = disc(cloth, arm_width / 2.0, end).turned(Mat3::from_rotation_x(FRAC_PI_2));
        piece.add(roll.at([x, y, 0.01]));
    }
    let inner = width - 2.0 * arm_width;
    let places = (inner / 0.62).round().max(1.0) as usize;
    let each = inner / places as f32;
    for k in 0..places {
        let x = -inner / 2.0 + (k as f32 + 0.5) * each;
        let cushion = block(cloth.shade(1.06), [each - 0.012, 0.15, depth - 0.2]);
        piece.add(cushion.at([x, seat - 0.15, 0.1]));
        let high = back - seat - 0.02;
        let cushion = cuboid(cloth.shade(1.03), [each - 0.02, high, 0.15]);
        let cushion = cushion.turned(Mat3::from_rotation_x(-0.18));
        piece.add(cushion.at([x, seat + high / 2.0, -depth / 2.0 + 0.26]));
    }
    for _ in 0..dice.int(0, places) {
        let left = -inner / 2.0 + 0.2;
        let x = dice.range(left, (inner / 2.0 - 0.2).max(-inner / 2.0 + 0.21));
        let tilt = Mat3::from_rotation_x(-0.4) * Mat3::from_rotation_z(dice.range(-0.3, 0.3));
        let cloth = dice.either_made(0.5, |_| style.cover, material::fabric);
        let pillow = ball(cloth, [0.44, 0.42, 0.19]).turned(tilt);
        piece.add(pillow.at([x, seat + 0.19, -depth / 2.0 + 0.42]));
    }
    piece.with_full_height()
}

pub(crate) fn bed(dice: &mut Dice, style: &Style) -> Piece {
    let width = dice.pick(&[0.95, 1.25, 1.45, 1.65, 1.85]);
    let (length, height) = (2.08, dice.range(0.45, 0.6));
    let head = dice.range(0.8, 1.2);
    let mut piece = Piece::new(width, head, length);
    let rear = -length / 2.0;
    let headboard = dice.either(0.4, style.fabric, style.wood);
    piece.add(block(headboard, [width, head, 0.06]).at([0.0, 0.0, rear + 0.03]));
    let legs = style.wood.shade(0.7);
    piece.add_legs([width - 0.04, 0.14, length - 0.1], 0.07, false, legs);
    piece.add(block(style.wood, [width, 0.16, length - 0.06]).at([0.0, 0.14, 0.03]));
    let linen = material::plain(dice, Vec3::splat(0.72)).textured(Texture::Fabric);
    piece.add(block(linen, [width - 0.06, height - 0.3, length - 0.1]).at([0.0, 0.3, 0.03]));
    let cover = length * dice.range(0.55, 0.75);
    let front = length / 2.0 - cover / 2.0 - 0.01;
    piece.add(block(style.cover, [width + 0.02, 0.2, cover]).at([0.0, height - 0.16, front]));
    if dice.chance(0.4) {
        let throw = block(material::fabric(dice), [width + 0.04, 0.255, 0.5]);
        piece.add(throw.at([0.0, height - 0.2, length / 2.0 - 0.35]));
    }
    let pillows = if width > 1.3 { 2 } else { 1 };
    for k in 0..pillows {
        let x = (k as f32 - (pillows - 1) as f32 / 2.0) * width * 0.46;
        let [pitch, roll] = dice.ranges([(0.15, 0.5), (-0.08, 0.08)]);
        let tilt = Mat3::from_rotation_x(pitch) * Mat3::from_rotation_z(roll);
        let pillow = ball(linen, [0.66, 0.19, 0.44]).turned(tilt);
        piece.add(pillow.at([x, height + 0.09, rear + 0.32]));
        if dice.chance(0.4) {
            let tilt = Mat3::from_rotation_x(-0.5);
            let pillow = ball(style.fabric, [0.42, 0.38, 0.16]).turned(tilt);
            piece.add(pillow.at([x, height + 0.17, rear + 0.5]));
        }
    }
    piece.with_full_height()
}

pub(crate) fn stool(dice: &mut Dice, style: &Style) -> Piece {
    let (height, radius) = (dice.pick(&[0.45, 0.45, 0.65, 0.75]), dice.range(0.15, 0.2));
    let mut piece = Piece::new(2.0 * radius, height, 2.0 * radius);
    let legs = [1.5 * radius, height - 0.03, 1.5 * radius];
    piece.add_legs(legs, 0.035, true, style.metal);
    piece.add(cylinder(style.wood, radius, 0.04, 1.0).at([0.0, height - 0.04, 0.0]));
    piece
}
