//! Cars, vans, lorries and buses at life size. Each faces +z and stands on its wheels.

use std::f32::consts::FRAC_PI_2;

use glam::{Mat3, Vec3, vec3};

use super::palette;
use crate::colour::srgb;
use crate::material::{Material, plain};
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{block, disc, tapered};

/// Any vehicle: mostly cars.
pub(crate) fn vehicle(dice: &mut Dice) -> Piece {
    match dice.int(0, 19) {
        0..=15 => car(dice),
        16 | 17 => van(dice),
        18 => lorry(dice),
        _ => bus(dice),
    }
}

/// Hatchback, saloon, estate and off-roader. Each row: length, width and height in metres; where
/// the windows' lower edge begins and ends, from the rear, as shares of the length; length of the
/// roof as a share of that edge; height of the bonnet as a share of the car's.
const CARS: [[f32; 7]; 4] = [
    [4.0, 1.74, 1.48, 0.02, 0.72, 0.66, 0.62],
    [4.65, 1.8, 1.44, 0.16, 0.72, 0.52, 0.62],
    [4.6, 1.8, 1.5, 0.02, 0.7, 0.74, 0.6],
    [4.5, 1.88, 1.72, 0.03, 0.7, 0.76, 0.6],
];

pub(crate) fn car(dice: &mut Dice) -> Piece {
    let [length, width, height, rear, front, roof, waist] = dice.pick(&CARS);
    let [scale, stretch] = dice.ranges([(0.93, 1.05), (0.96, 1.05)]);
    let (length, width, height) = (length * scale, width * scale, height * stretch);
    let paint = palette::paintwork(dice);
    let glass = palette::glass(dice);
    let trim = plain(dice, Vec3::splat(0.03)).infrared(0.6);
    let mut piece = Piece::new(width, height, length);

    let floor = 0.19;
    let belt = height * waist;
    let at = |share: f32, y: f32| vec3(0.0, y, (share - 0.5) * length);
    // Sills and bumpers, then the flanks up to the windows, leaning in a little.
    let sills = tapered(trim, [width * 0.97, 0.26, length * 0.98], (1.0, 1.0));
    piece.add(sills.at(at(0.5, floor)));
    let flank = [width, belt - floor - 0.14, length];
    piece.add(tapered(paint, flank, (0.93, 0.93)).at(at(0.5, floor + 0.12)));
    let middle = (rear + front) / 2.0;
    let cabin = (front - rear) * length;
    let upper = height - belt;
    let windows = [width * 0.93, upper + 0.01, cabin];
    piece.add(tapered(glass, windows, (0.84, roof)).at(at(middle, belt - 0.04)));
    // The roof over the windows, and the pillars between them.
    let top = [width * 0.93 * 0.86, 0.07, cabin * (roof + 0.02)];
    piece.add(tapered(paint, top, (0.9, 0.92)).at(at(middle, height - 0.07)));
    for share in [0.5, 0.82] {
        let z = rear + (front - rear) * share * 0.98 - 0.02;
        let pillar = tapered(paint, [width * 0.94, upper, 0.09], (0.84, 1.0));
        piece.add(pillar.at(at(z, belt - 0.04)));
    }
    // A sloping bonnet.
    let bonnet = [width * 0.86, 0.1, (1.0 - front) * length * 0.96];
    let bonnet = tapered(paint, bonnet, (0.9, 0.7));
    piece.add(bonnet.at(at((front + 1.0) / 2.0 - 0.02, belt - 0.05)));

    add_wheels(dice, &mut piece, &[0.19, 0.81], height * 0.215, 0.09);
    add_lights(dice, &mut piece, belt - 0.17);
    let mirror = block(paint, [0.16, 0.12, 0.09]);
    piece.add_pair(mirror.at([width / 2.0 + 0.07, belt + 0.02, (front - 0.62) * length]));
    piece
}

/// Adds a pair of wheels at each share of the vehicle's length, `inset` metres inside its flanks.
fn add_wheels(dice: &mut Dice, piece: &mut Piece, axles: &[f32], radius: f32, inset: f32) {
    let size = piece.size;
    for share in axles {
        for side in [-1.0, 1.0] {
            let hub = vec3(
                side * (size.x / 2.0 - inset),
                radius,
                (share - 0.5) * size.z,
            );
            add_wheel(dice, piece, hub, radius, side);
        }
    }
}

/// Adds a wheel in a dark wheel case, with its rim on the outer side.
fn add_wheel(dice: &mut Dice, piece: &mut Piece, hub: Vec3, radius: f32, side: f32) {
    let case = Material {
        base: Vec3::splat(0.006),
        ..Material::default()
    };
    let rubber = palette::rubber(dice);
    let rim = plain(dice, srgb(0x96989c)).glossy(0.1).infrared(0.6);
    let axes = Mat3::from_rotation_z(-side * FRAC_PI_2);
    for (material, share, out, up) in [
        (case, 1.12, 0.0, 0.12 * radius),
        (rubber, 1.0, 0.012, 0.0),
        (rim, 0.62, 0.02, 0.0),
    ] {
        let wheel = disc(material, radius * share, 0.1).turned(axes);
        piece.add(wheel.at(hub + vec3(out * side, up, 0.0)));
    }
}

/// Adds head and tail lamps and number plates.
fn add_lights(dice: &mut Dice, piece: &mut Piece, height: f32) {
    let front = plain(dice, srgb(0xe6eaee)).glossy(0.2).infrared(0.3);
    let rear = plain(dice, srgb(0xaa0e10)).glossy(0.1);
    let plate = plain(dice, srgb(0xe6e6de)).infrared(3.0);
    let (width, end) = (piece.size.x, piece.size.z / 2.0);
    for side in [-1.0, 1.0] {
        let lamp = block(front, [width * 0.2, 0.14, 0.14]);
        piece.add(lamp.at([side * width * 0.37, height - 0.05, end - 0.08]));
        let lamp = block(rear, [width * 0.14, 0.18, 0.12]);
        piece.add(lamp.at([side * width * 0.4, height - 0.03, -end + 0.06]));
    }
    for side in [-1.0, 1.0] {
        piece.add(block(plate, [0.5, 0.11, 0.04]).at([0.0, 0.42, side * (end - 0.005)]));
    }
}

/// A panel van or minibus.
fn van(dice: &mut Dice) -> Piece {
    let [length, width, height] = dice.ranges([(4.7, 5.9), (1.9, 2.05), (1.95, 2.6)]);
    let paint = palette::paintwork(dice);
    let glass = palette::glass(dice);
    let trim = plain(dice, Vec3::splat(0.04));
    let mut piece = Piece::new(width, height, length);
    let (nose, end) = (length * 0.26, length / 2.0);
    let rear = length - nose;
    piece.add(block(trim, [width * 0.97, 0.25, length * 0.98]).at([0.0, 0.22, 0.0]));
    let load = tapered(paint, [width, height - 0.3, rear], (0.9, 0.985));
    piece.add(load.at([0.0, 0.3, (rear - length) / 2.0]));
    // The cab leans back from a short bonnet.
    let bonnet = tapered(paint, [width * 0.97, 0.85, nose * 1.1], (0.95, 0.85));
    piece.add(bonnet.at([0.0, 0.3, end - nose * 0.55]));
    let screen = tapered(
        glass,
        [width * 0.93, height - 1.2, nose * 1.1],
        (0.86, 0.45),
    );
    piece.add(screen.at([0.0, 1.1, end - nose * 0.9]));
    let windows = dice.either(0.4, 3, 1);
    for k in 0..windows {
        let z = end - nose - 0.55 - 1.15 * k as f32;
        piece.add(block(glass, [width * 0.965, height * 0.22, 0.95]).at([0.0, 1.2, z]));
    }
    let pane = block(glass, [width * 0.36, height * 0.25, 0.05]);
    piece.add_pair(pane.at([0.3 * width, 1.25, -end + 0.012]));
    add_wheels(dice, &mut piece, &[0.2, 0.8], 0.34, 0.1);
    add_lights(dice, &mut piece, 0.85);
    piece
}

fn lorry(dice: &mut Dice) -> Piece {
    let [length, height] = dice.ranges([(7.0, 10.0), (3.0, 3.8)]);
    let width = 2.5;
    let cab_paint = palette::paintwork(dice);
    let tarpaulin = palette::painted(dice);
    let glass = palette::glass(dice);
    let dark = plain(dice, Vec3::splat(0.03));
    let mut piece = Piece::new(width, height, length);
    piece.add(block(dark, [width * 0.8, 0.4, length * 0.98]).at([0.0, 0.55, 0.0]));
    let load = length - 2.1;
    let tarpaulin = block(tarpaulin, [width, height - 0.95, load]);
    piece.add(tarpaulin.at([0.0, 0.95, (load - length) / 2.0]));
    let cab = vec3(0.0, 0.5, length / 2.0 - 1.0);
    piece.add(tapered(cab_paint, [width * 0.96, 2.25, 1.95], (0.96, 0.92)).at(cab));
    piece.add(block(glass, [width * 0.88, 0.75, 1.9]).at(cab + vec3(0.0, 1.05, 0.07)));
    add_wheels(dice, &mut piece, &[0.12, 0.26, 0.86], 0.48, 0.13);
    add_lights(dice, &mut piece, 0.9);
    piece
}

fn bus(dice: &mut Dice) -> Piece {
    let (length, width, height) = (dice.range(10.5, 12.0), 2.52, 3.05);
    let paint = palette::paintwork(dice);
    let glass = palette::glass(dice);
    let dark = plain(dice, Vec3::splat(0.03));
    let mut piece = Piece::new(width, height, length);
    piece.add(block(dark, [width * 0.98, 0.3, length * 0.99]).at([0.0, 0.3, 0.0]));
    let body = tapered(paint, [width, height - 0.42, length], (0.97, 0.985));
    piece.add(body.at([0.0, 0.42, 0.0]));
    let panes = (length / 1.5).floor();
    for k in 0..panes as usize {
        let z = (k as f32 + 0.5) / panes * length - length / 2.0;
        piece.add(block(glass, [width * 1.004, 1.05, 1.32]).at([0.0, 1.25, z]));
    }
    for end in [-1.0, 1.0] {
        let screen = block(glass, [width * 0.86, 1.4, 0.12]);
        piece.add(screen.at([0.0, 1.1, end * (length / 2.0 - 0.03)]));
    }
    add_wheels(dice, &mut piece, &[0.26, 0.76], 0.48, 0.12);
    add_lights(dice, &mut piece, 0.85);
    piece
}
