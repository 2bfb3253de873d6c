//! Pedestrians, cyclists and bicycles, all facing +z.

use glam::{Mat3, Vec3, vec3};

use super::palette;
use crate::material::{one_of, plain};
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{ball, block, rod};

fn add_head(dice: &mut Dice, piece: &mut Piece, neck: Vec3) {
    let skin = one_of(dice, &[0xe0b69a, 0xc49474, 0x7a543e]);
    let hair = one_of(dice, &[0x281e18, 0x785632, 0x141416, 0x969696]);
    piece.add(ball(skin, [0.17, 0.24, 0.2]).at(neck + Vec3::Y * 0.12));
    piece.add(ball(hair, [0.19, 0.2, 0.21]).at(neck + vec3(0.0, 0.155, -0.015)));
}

/// A walking person.
pub(crate) fn pedestrian(dice: &mut Dice) -> Piece {
    let height = dice.range(1.5, 1.9);
    let (top, trousers) = (palette::cloth(dice), palette::cloth(dice).shade(0.5));
    let shoes = plain(dice, Vec3::splat(0.03));
    let mut piece = Piece::new(0.5, height, 0.4);
    let hip = height * 0.48;
    let shoulder = height * 0.81;
    let stride = dice.range(0.05, 0.3);
    for side in [-1.0, 1.0] {
        let foot = vec3(side * 0.09, 0.06, side * stride);
        piece.add(rod(trousers, 0.075, foot, [side * 0.085, hip, 0.0]));
        piece.add(block(shoes, [0.09, 0.08, 0.25]).at(foot + vec3(0.0, -0.06, 0.05)));
        let hand = [side * 0.26, hip * 1.02, -side * stride * 0.7];
        piece.add(rod(top, 0.05, hand, [side * 0.2, shoulder - 0.04, 0.0]));
    }
    let torso = ball(top, [0.42, shoulder - hip + 0.22, 0.27]);
    piece.add(torso.at([0.0, (hip + shoulder) / 2.0, 0.0]));
    add_head(dice, &mut piece, vec3(0.0, height - 0.24, 0.02));
    piece
}

/// A person on a bicycle.
pub(crate) fn cyclist(dice: &mut Dice) -> Piece {
    let mut piece = bicycle(dice);
    piece.size = vec3(0.55, 1.75, 1.75);
    let (top, trousers) = (palette::cloth(dice), palette::cloth(dice).shade(0.5));
    let (hip, shoulder) = (vec3(0.0, 0.98, -0.2), vec3(0.0, 1.42, 0.08));
    for side in [-1.0, 1.0] {
        let knee = [side * 0.1, 0.72 + side * 0.08, 0.16];
        piece.add(rod(trousers, 0.08, hip + Vec3::X * (side * 0.08), knee));
        piece.add(rod(
            trousers,
            0.06,
            knee,
            [side * 0.11, 0.3 + side * 0.1, 0.02],
        ));
        let arm = shoulder + Vec3::X * (side * 0.17);
        piece.add(rod(top, 0.05, arm, [side * 0.22, 1.04, 0.42]));
    }
    let torso = ball(top, [0.4, 0.68, 0.28]).turned(Mat3::from_rotation_x(0.55));
    piece.add(torso.at((hip + shoulder) / 2.0));
    add_head(dice, &mut piece, shoulder + vec3(0.0, 0.06, 0.08));
    piece
}

/// A bicycle without a rider.
pub(crate) fn bicycle(dice: &mut Dice) -> Piece {
    let (frame, tyre) = (palette::painted(dice), palette::rubber(dice));
    let mut piece = Piece::new(0.5, 1.05, 1.75);
    for z in [-0.52, 0.52] {
        // A disc would hide what is behind the spokes; a ring of short rods does not.
        let rim = |k: usize| {
            let angle = k as f32 * std::f32::consts::TAU / 10.0;
            vec3(0.0, 0.34, z) + vec3(0.0, angle.sin(), angle.cos()) * 0.33
        };
        for k in 0..10 {
            piece.add(rod(tyre, 0.022, rim(k), rim(k + 1)));
        }
    }
    let (seat, head) = (vec3(0.0, 0.92, -0.2), vec3(0.0, 0.88, 0.4));
    let pedals = vec3(0.0, 0.3, -0.03);
    for (from, to) in [
        (pedals, seat),
        (pedals, head),
        (seat * vec3(1.0, 0.9, 1.0), head),
        (vec3(0.0, 0.34, -0.52), pedals),
        (vec3(0.0, 0.34, 0.52), head + vec3(0.0, 0.15, -0.04)),
    ] {
        piece.add(rod(frame, 0.022, from, to));
    }
    piece.add(rod(frame, 0.018, [-0.25, 1.03, 0.36], [0.25, 1.03, 0.36]));
    piece.add(ball(tyre, [0.14, 0.08, 0.26]).at(seat));
    piece
}
