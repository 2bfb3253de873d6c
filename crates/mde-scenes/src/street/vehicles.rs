//! Cars, vans, lorries and buses at life size: each faces +z, its wheels on the ground.

use glam::{Mat3, Vec3, vec3};

use super::palette;
use crate::material::{Material, plain, srgb};
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{Shape, Solid};

/// Any vehicle: mostly cars.
pub(crate) fn vehicle(dice: &mut Dice) -> Piece {
    match dice.int(0, 19) {
        0..=15 => car(dice),
        16 | 17 => van(dice),
        18 => lorry(dice),
        _ => bus(dice),
    }
}

/// Lengths along z from the rear bumper to the front one, as shares of the car.
struct Body {
    length: f32,
    width: f32,
    height: f32,
    /// Where the windows' lower edge begins and ends.
    cabin: (f32, f32),
    /// Share of that length that the roof has.
    roof: f32,
    /// Height of the bonnet over that of the car.
    waist: f32,
}

pub(crate) fn car(dice: &mut Dice) -> Piece {
    let shapes = [
        // Hatchback, saloon, estate, off-roader.
        Body {
            length: 4.0,
            width: 1.74,
            height: 1.48,
            cabin: (0.02, 0.72),
            roof: 0.66,
            waist: 0.62,
        },
        Body {
            length: 4.65,
            width: 1.8,
            height: 1.44,
            cabin: (0.16, 0.72),
            roof: 0.52,
            waist: 0.62,
        },
        Body {
            length: 4.6,
            width: 1.8,
            height: 1.5,
            cabin: (0.02, 0.7),
            roof: 0.74,
            waist: 0.6,
        },
        Body {
            length: 4.5,
            width: 1.88,
            height: 1.72,
            cabin: (0.03, 0.7),
            roof: 0.76,
            waist: 0.6,
        },
    ];
    let kind = dice.int(0, shapes.len() - 1);
    let scale = dice.range(0.93, 1.05);
    let Body {
        length,
        width,
        height,
        cabin,
        roof,
        waist,
    } = shapes[kind];
    let (length, width, height) = (
        length * scale,
        width * scale,
        height * dice.range(0.96, 1.05),
    );
    let paint = palette::paintwork(dice);
    let glass = palette::glass(dice);
    let trim = plain(dice, Vec3::splat(0.03)).infrared(0.6);
    let mut piece = Piece::new(width, height, length);

    let floor = 0.19;
    let belt = height * waist;
    let at = |share: f32, y: f32| vec3(0.0, y, (share - 0.5) * length);
    // Sills and bumpers, then the flanks up to the windows, leaning in a little.
    piece.tapered(
        at(0.5, floor),
        vec3(width * 0.97, 0.26, length * 0.98),
        (1.0, 1.0),
        trim,
    );
    let flank = vec3(width, belt - floor - 0.14, length);
    piece.tapered(at(0.5, floor + 0.12), flank, (0.93, 0.93), paint);
    let middle = (cabin.0 + cabin.1) / 2.0;
    let cabin_length = (cabin.1 - cabin.0) * length;
    let upper = height - belt;
    piece.tapered(
        at(middle, belt - 0.04),
        vec3(width * 0.93, upper + 0.01, cabin_length),
        (0.84, roof),
        glass,
    );
    // The roof over the windows, and the pillars between them.
    let top = vec3(width * 0.93 * 0.86, 0.07, cabin_length * (roof + 0.02));
    piece.tapered(at(middle, height - 0.07), top, (0.9, 0.92), paint);
    for share in [0.5, 0.82] {
        let z = cabin.0 + (cabin.1 - cabin.0) * share * 0.98 - 0.02;
        let pillar = vec3(width * 0.94, upper, 0.09);
        piece.tapered(at(z, belt - 0.04), pillar, (0.84, 1.0), paint);
    }
    // A bonnet, and for a saloon a boot, that slope.
    let bonnet = (1.0 - cabin.1) * length * 0.96;
    let lift = vec3(width * 0.86, 0.1, bonnet);
    piece.tapered(
        at((cabin.1 + 1.0) / 2.0 - 0.02, belt - 0.05),
        lift,
        (0.9, 0.7),
        paint,
    );

    let wheel = height * 0.215;
    for (side, share) in [(-1.0, 0.19), (1.0, 0.19), (-1.0, 0.81), (1.0, 0.81)] {
        let hub = vec3(side * (width / 2.0 - 0.09), wheel, (share - 0.5) * length);
        add_wheel(dice, &mut piece, hub, wheel, side);
    }
    lights(dice, &mut piece, length, width, belt - 0.17);
    for side in [-1.0, 1.0] {
        let mirror = vec3(
            side * (width / 2.0 + 0.07),
            belt + 0.02,
            (cabin.1 - 0.62) * length,
        );
        piece.block(mirror, vec3(0.16, 0.12, 0.09), paint);
    }
    piece
}

/// A wheel with its rim on the outer side, in a dark wheel case.
fn add_wheel(dice: &mut Dice, piece: &mut Piece, hub: Vec3, radius: f32, side: f32) {
    let rubber = palette::rubber(dice);
    let rim = plain(dice, srgb(150, 152, 156)).glossy(0.1).infrared(0.6);
    let disc = |half: f32, (out, up): (f32, f32), radius: f32, material: Material| {
        Solid::new(
            Shape::Cylinder { top: 1.0 },
            hub + vec3(out * side, up, 0.0),
            vec3(radius, half, radius),
            Mat3::from_rotation_z(-side * std::f32::consts::FRAC_PI_2),
            material,
        )
    };
    piece
        .solids
        .push(disc(0.1, (0.0, 0.12 * radius), radius * 1.12, plain_dark()));
    piece.solids.push(disc(0.1, (0.012, 0.0), radius, rubber));
    piece
        .solids
        .push(disc(0.1, (0.02, 0.0), radius * 0.62, rim));
}

fn plain_dark() -> Material {
    Material {
        base: Vec3::splat(0.006),
        ..Material::default()
    }
}

/// Head and tail lamps, number plates.
fn lights(dice: &mut Dice, piece: &mut Piece, length: f32, width: f32, height: f32) {
    let front = plain(dice, srgb(230, 234, 238)).glossy(0.2).infrared(0.3);
    let rear = plain(dice, srgb(170, 14, 16)).glossy(0.1);
    let plate = plain(dice, srgb(230, 230, 222)).infrared(3.0);
    for side in [-1.0, 1.0] {
        let lamp = vec3(side * width * 0.37, height - 0.05, length / 2.0 - 0.08);
        piece.block(lamp, vec3(width * 0.2, 0.14, 0.14), front);
        let lamp = vec3(side * width * 0.4, height - 0.03, -length / 2.0 + 0.06);
        piece.block(lamp, vec3(width * 0.14, 0.18, 0.12), rear);
    }
    for end in [-1.0, 1.0] {
        let at = vec3(0.0, 0.42, end * (length / 2.0 - 0.005));
        piece.block(at, vec3(0.5, 0.11, 0.04), plate);
    }
}

/// A panel van or minibus.
fn van(dice: &mut Dice) -> Piece {
    let (length, width, height) = (
        dice.range(4.7, 5.9),
        dice.range(1.9, 2.05),
        dice.range(1.95, 2.6),
    );
    let paint = palette::paintwork(dice);
    let glass = palette::glass(dice);
    let trim = plain(dice, Vec3::splat(0.04));
    let mut piece = Piece::new(width, height, length);
    let nose = length * 0.26;
    let rear = length - nose;
    let box_at = vec3(0.0, 0.3, (rear - length) / 2.0);
    piece.block(
        vec3(0.0, 0.22, 0.0),
        vec3(width * 0.97, 0.25, length * 0.98),
        trim,
    );
    piece.tapered(box_at, vec3(width, height - 0.3, rear), (0.9, 0.985), paint);
    // The cab leans back from a short bonnet.
    let bonnet = vec3(0.0, 0.3, length / 2.0 - nose * 0.55);
    piece.tapered(
        bonnet,
        vec3(width * 0.97, 0.85, nose * 1.1),
        (0.95, 0.85),
        paint,
    );
    let screen = vec3(0.0, 1.1, length / 2.0 - nose * 0.9);
    piece.tapered(
        screen,
        vec3(width * 0.93, height - 1.2, nose * 1.1),
        (0.86, 0.45),
        glass,
    );
    let windows = if dice.chance(0.4) { 3 } else { 1 };
    for k in 0..windows {
        let z = length / 2.0 - nose - 0.55 - 1.15 * k as f32;
        piece.block(
            vec3(0.0, 1.2, z),
            vec3(width * 0.965, height * 0.22, 0.95),
            glass,
        );
    }
    for side in [-0.3, 0.3] {
        let at = vec3(side * width, 1.25, -length / 2.0 + 0.012);
        piece.block(at, vec3(width * 0.36, height * 0.25, 0.05), glass);
    }
    for (side, share) in [(-1.0, 0.2), (1.0, 0.2), (-1.0, 0.8), (1.0, 0.8)] {
        let hub = vec3(side * (width / 2.0 - 0.1), 0.34, (share - 0.5) * length);
        add_wheel(dice, &mut piece, hub, 0.34, side);
    }
    lights(dice, &mut piece, length, width, 0.85);
    piece
}

fn lorry(dice: &mut Dice) -> Piece {
    let (length, width, height) = (dice.range(7.0, 10.0), 2.5, dice.range(3.0, 3.8));
    let cab_paint = palette::paintwork(dice);
    let tarpaulin = palette::painted(dice);
    let glass = palette::glass(dice);
    let dark = plain(dice, Vec3::splat(0.03));
    let mut piece = Piece::new(width, height, length);
    piece.block(
        vec3(0.0, 0.55, 0.0),
        vec3(width * 0.8, 0.4, length * 0.98),
        dark,
    );
    let box_length = length - 2.1;
    let load = vec3(0.0, 0.95, (box_length - length) / 2.0);
    piece.block(load, vec3(width, height - 0.95, box_length), tarpaulin);
    let cab = vec3(0.0, 0.5, length / 2.0 - 1.0);
    piece.tapered(cab, vec3(width * 0.96, 2.25, 1.95), (0.96, 0.92), cab_paint);
    piece.block(
        cab + vec3(0.0, 1.05, 0.07),
        vec3(width * 0.88, 0.75, 1.9),
        glass,
    );
    for share in [0.12, 0.26, 0.86] {
        for side in [-1.0, 1.0] {
            let hub = vec3(side * (width / 2.0 - 0.13), 0.48, (share - 0.5) * length);
            add_wheel(dice, &mut piece, hub, 0.48, side);
        }
    }
    lights(dice, &mut piece, length, width, 0.9);
    piece
}

fn bus(dice: &mut Dice) -> Piece {
    let (length, width, height) = (dice.range(10.5, 12.0), 2.52, 3.05);
    let paint = palette::paintwork(dice);
    let glass = palette::glass(dice);
    let dark = plain(dice, Vec3::splat(0.03));
    let mut piece = Piece::new(width, height, length);
    piece.block(
        vec3(0.0, 0.3, 0.0),
        vec3(width * 0.98, 0.3, length * 0.99),
        dark,
    );
    piece.tapered(
        vec3(0.0, 0.42, 0.0),
        vec3(width, height - 0.42, length),
        (0.97, 0.985),
        paint,
    );
    let panes = (length / 1.5).floor();
    for k in 0..panes as usize {
        let z = (k as f32 + 0.5) / panes * length - length / 2.0;
        piece.block(vec3(0.0, 1.25, z), vec3(width * 1.004, 1.05, 1.32), glass);
    }
    for end in [-1.0, 1.0] {
        let at = vec3(0.0, 1.1, end * (length / 2.0 - 0.03));
        piece.block(at, vec3(width * 0.86, 1.4, 0.12), glass);
    }
    for share in [0.26, 0.76] {
        for side in [-1.0, 1.0] {
            let hub = vec3(side * (width / 2.0 - 0.12), 0.48, (share - 0.5) * length);
            add_wheel(dice, &mut piece, hub, 0.48, side);
        }
    }
    lights(dice, &mut piece, length, width, 0.85);
    piece
}
