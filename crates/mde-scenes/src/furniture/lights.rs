//! Lamps: pieces that are seen and give light.

use glam::{Vec3, vec3};

use crate::light::Light;
use crate::material;
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{ball, block, cylinder};

pub(crate) fn floor_lamp(dice: &mut Dice) -> Piece {
    let height = dice.range(1.4, 1.75);
    let metal = material::metal(dice);
    let shade = material::lamp_shade(dice);
    let radius = dice.range(0.15, 0.24);
    let mut piece = Piece::new(2.0 * radius, height, 2.0 * radius);
    piece.add(cylinder(metal, 0.14, 0.025, 0.9));
    piece.add(cylinder(metal, 0.013, height - 0.3, 1.0).at([0.0, 0.025, 0.0]));
    let top = dice.range(0.55, 1.0);
    piece.add(cylinder(shade, radius, 0.28, top).at([0.0, height - 0.28, 0.0]));
    let intensity = shade.base * dice.range(0.7, 1.6);
    let bulb = vec3(0.0, height - 0.14, 0.0);
    piece.lights.push(Light::bulb(bulb, radius, intensity));
    piece
}

pub(crate) fn table_lamp(dice: &mut Dice) -> Piece {
    let height = dice.range(0.36, 0.52);
    let foot = material::trinket(dice);
    let shade = material::lamp_shade(dice);
    let radius = dice.range(0.1, 0.15);
    let mut piece = Piece::new(2.0 * radius, height, 2.0 * radius);
    piece.add(cylinder(foot, 0.07, 0.02, 1.0));
    piece.add(ball(foot, [0.13, height * 0.5, 0.13]).at([0.0, height * 0.28, 0.0]));
    piece.add(cylinder(foot, 0.01, height * 0.1, 1.0).at([0.0, height * 0.5, 0.0]));
    let top = dice.range(0.5, 0.9);
    piece.add(cylinder(shade, radius, height * 0.42, top).at([0.0, height * 0.58, 0.0]));
    let intensity = shade.base * dice.range(0.25, 0.7);
    let bulb = vec3(0.0, height * 0.8, 0.0);
    piece.lights.push(Light::bulb(bulb, radius, intensity));
    piece
}

/// A lamp that hangs `drop` metres below the ceiling; its frame's origin is on the ceiling.
pub(crate) fn pendant(dice: &mut Dice, drop: f32) -> Piece {
    let cord = material::plain(dice, Vec3::splat(0.05));
    let shade = material::lamp_shade(dice);
    let radius = dice.range(0.13, 0.26);
    let mut piece = Piece::new(2.0 * radius, drop, 2.0 * radius);
    let centre = vec3(0.0, -drop, 0.0);
    piece.add(cylinder(cord, 0.006, drop, 1.0).at(centre));
    if dice.chance(0.5) {
        piece.add(ball(shade, Vec3::splat(2.0 * radius)).at(centre));
    } else {
        let top = dice.range(0.3, 0.8);
        piece.add(cylinder(shade, radius, 0.24, top).at(centre - Vec3::Y * 0.12));
    }
    let intensity = shade.base * dice.range(2.0, 4.5);
    piece.lights.push(Light::bulb(centre, radius, intensity));
    piece
}

/// A luminous panel or disc on the ceiling that shines downwards.
pub(crate) fn ceiling_panel(dice: &mut Dice) -> Piece {
    let (width, depth) = dice.pick(&[(0.6, 0.6), (1.2, 0.3), (0.35, 0.35), (1.2, 0.6)]);
    let cool = dice.range(0.0, 1.0);
    let colour = vec3(1.0, 0.86 + 0.1 * cool, 0.66 + 0.3 * cool);
    let glow = material::plain(dice, colour * 0.9).glowing(3.0);
    let rim = material::ceramic(dice);
    let mut piece = Piece::new(width, 0.06, depth);
    if width == 0.35 {
        piece.add(cylinder(glow, 0.15, 0.07, 1.3).at([0.0, -0.07, 0.0]));
    } else {
        piece.add(block(rim, [width + 0.04, 0.03, depth + 0.04]).at([0.0, -0.03, 0.0]));
        piece.add(block(glow, [width, 0.01, depth]).at([0.0, -0.035, 0.0]));
    }
    piece.lights.push(Light {
        centre: vec3(0.0, -0.08, 0.0),
        across: Vec3::X * width / 2.0,
        up: Vec3::Z * depth / 2.0,
        facing: Vec3::NEG_Y,
        intensity: colour * dice.range(2.5, 5.5),
    });
    piece
}
