//! People on foot and on bicycles, facing +z.

use glam::{Mat3, Vec3, vec3};

use super::palette;
use crate::material::{Material, plain, srgb};
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{Shape, Solid};

fn skin(dice: &mut Dice) -> Material {
    let tone = dice.pick(&[srgb(224, 182, 154), srgb(196, 148, 116), srgb(122, 84, 62)]);
    plain(dice, tone)
}

fn head(dice: &mut Dice, piece: &mut Piece, neck: Vec3) {
    let skin = skin(dice);
    let hair = dice.pick(&[
        srgb(40, 30, 24),
        srgb(120, 86, 50),
        srgb(20, 20, 22),
        srgb(150, 150, 150),
    ]);
    let hair = plain(dice, hair);
    piece.ball(
        neck + Vec3::Y * 0.12,
        vec3(0.17, 0.24, 0.2),
        Mat3::IDENTITY,
        skin,
    );
    let crown = neck + vec3(0.0, 0.155, -0.015);
    piece.ball(crown, vec3(0.19, 0.2, 0.21), Mat3::IDENTITY, hair);
}

/// Somebody who walks, with a stride.
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
        piece.rod(foot, vec3(side * 0.085, hip, 0.0), 0.075, trousers);
        piece.block(foot + vec3(0.0, -0.06, 0.05), vec3(0.09, 0.08, 0.25), shoes);
        let hand = vec3(side * 0.26, hip * 1.02, -side * stride * 0.7);
        piece.rod(hand, vec3(side * 0.2, shoulder - 0.04, 0.0), 0.05, top);
    }
    let torso = vec3(0.0, (hip + shoulder) / 2.0, 0.0);
    piece.ball(
        torso,
        vec3(0.42, shoulder - hip + 0.22, 0.27),
        Mat3::IDENTITY,
        top,
    );
    head(dice, &mut piece, vec3(0.0, height - 0.24, 0.02));
    piece
}

/// Somebody on a bicycle.
pub(crate) fn cyclist(dice: &mut Dice) -> Piece {
    let mut piece = bicycle(dice);
    piece.size = vec3(0.55, 1.75, 1.75);
    let (top, trousers) = (palette::cloth(dice), palette::cloth(dice).shade(0.5));
    let (hip, shoulder) = (vec3(0.0, 0.98, -0.2), vec3(0.0, 1.42, 0.08));
    for side in [-1.0, 1.0] {
        let knee = vec3(side * 0.1, 0.72 + side * 0.08, 0.16);
        piece.rod(hip + Vec3::X * (side * 0.08), knee, 0.08, trousers);
        piece.rod(
            knee,
            vec3(side * 0.11, 0.3 + side * 0.1, 0.02),
            0.06,
            trousers,
        );
        piece.rod(
            shoulder + Vec3::X * (side * 0.17),
            vec3(side * 0.22, 1.04, 0.42),
            0.05,
            top,
        );
    }
    let lean = Mat3::from_rotation_x(0.55);
    piece.ball((hip + shoulder) / 2.0, vec3(0.4, 0.68, 0.28), lean, top);
    head(dice, &mut piece, shoulder + vec3(0.0, 0.06, 0.08));
    piece
}

/// A bicycle that stands alone.
pub(crate) fn bicycle(dice: &mut Dice) -> Piece {
    let (frame, tyre) = (palette::painted(dice), palette::rubber(dice));
    let mut piece = Piece::new(0.5, 1.05, 1.75);
    for z in [-0.52, 0.52] {
        // A disc of spokes would hide what is behind it: a ring of short rods shows it.
        let hub = vec3(0.0, 0.34, z);
        let rim = |k: usize| {
            let angle = k as f32 * std::f32::consts::TAU / 10.0;
            hub + vec3(0.0, angle.sin(), angle.cos()) * 0.33
        };
        for k in 0..10 {
            piece.rod(rim(k), rim(k + 1), 0.022, tyre);
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
        piece.rod(from, to, 0.022, frame);
    }
    piece.rod(
        vec3(-0.25, 1.03, 0.36),
        vec3(0.25, 1.03, 0.36),
        0.018,
        frame,
    );
    piece.solids.push(Solid::new(
        Shape::Ball,
        seat,
        vec3(0.07, 0.04, 0.13),
        Mat3::IDENTITY,
        tyre,
    ));
    piece
}
