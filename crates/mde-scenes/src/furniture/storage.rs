//! Bookcases, dressers, wardrobes and the television's stand.

use glam::{Mat3, Vec3, vec3};

use super::{Piece, Style, clutter, table_lamp, tabletop_things};
use crate::material::{self, Material};
use crate::random::Dice;
use crate::texture::Texture;

pub(crate) fn bookcase(dice: &mut Dice, style: &Style) -> Piece {
    let size = vec3(
        dice.range(0.6, 1.25),
        dice.range(0.8, 2.2),
        dice.range(0.26, 0.36),
    );
    let body = style.body(dice);
    let board = 0.022;
    let mut piece = Piece::new(size.x, size.y, size.z);
    for x in [-1.0, 1.0] {
        piece.block(
            vec3(x * (size.x - board) / 2.0, 0.0, 0.0),
            vec3(board, size.y, size.z),
            body,
        );
    }
    piece.block(
        vec3(0.0, 0.0, -size.z / 2.0 + 0.005),
        vec3(size.x - board, size.y, 0.01),
        body.shade(0.7),
    );
    let shelves = (size.y / 0.34).round().max(2.0) as usize;
    let pitch = (size.y - 0.06 - board) / shelves as f32;
    for k in 0..=shelves {
        let y = 0.06 + k as f32 * pitch;
        piece.block(
            vec3(0.0, y, 0.005),
            vec3(size.x - 2.0 * board, board, size.z - 0.01),
            body,
        );
        if k < shelves {
            let room = vec3(
                size.x - 2.0 * board - 0.01,
                pitch - board - 0.02,
                size.z - 0.06,
            );
            fill_shelf(dice, &mut piece, y + board, room);
        }
    }
    piece.block(
        Vec3::ZERO,
        vec3(size.x - 2.0 * board, 0.06, size.z - 0.04),
        body.shade(0.8),
    );
    piece
}

fn fill_shelf(dice: &mut Dice, piece: &mut Piece, y: f32, room: Vec3) {
    let mut left = -room.x / 2.0;
    while left < room.x / 2.0 - 0.1 {
        let span = dice.range(0.12, 0.6).min(room.x / 2.0 - left);
        let middle = left + span / 2.0;
        match dice.int(0, 5) {
            0 => {}
            1 => clutter(dice, piece, vec3(middle, y, 0.02), room.y.min(0.24)),
            2 => {
                let carton = material::plain(dice, dice_colour(y)).textured(Texture::Fabric);
                let high = room.y.min(0.24) * 0.9;
                piece.block(
                    vec3(middle, y, 0.0),
                    vec3(span * 0.85, high, room.z * 0.9),
                    carton,
                );
            }
            _ => {
                let books = material::plain(dice, Vec3::splat(0.5)).textured(Texture::Books);
                let high = room.y.min(dice.range(0.2, 0.29));
                piece.block(
                    vec3(middle, y, 0.0),
                    vec3(span * 0.96, high, room.z * dice.range(0.7, 0.95)),
                    books,
                );
            }
        }
        left += span;
    }
}

/// Storage boxes go through natural tones from shelf to shelf.
fn dice_colour(y: f32) -> Vec3 {
    material::hue(0.08 + 0.4 * (y * 1.7).fract(), 0.3, 0.6)
}

/// A body on a plinth with a grid of doors or drawers and their handles.
fn cupboard(piece: &mut Piece, size: Vec3, across: u8, up: u8, body: Material, handle: Material) {
    let front = body.textured(Texture::Panels { across, up });
    piece.block(
        Vec3::ZERO,
        vec3(size.x - 0.04, 0.07, size.z - 0.06),
        body.shade(0.5),
    );
    piece.block(
        vec3(0.0, 0.07, 0.0),
        vec3(size.x, size.y - 0.07, size.z - 0.02),
        body,
    );
    piece.block(
        vec3(0.0, 0.08, size.z / 2.0 - 0.01),
        vec3(size.x - 0.01, size.y - 0.1, 0.02),
        front,
    );
    let cell = vec3(
        size.x / f32::from(across),
        (size.y - 0.1) / f32::from(up),
        0.0,
    );
    for i in 0..across {
        for j in 0..up {
            let x = -size.x / 2.0 + (f32::from(i) + 0.5) * cell.x;
            let y = 0.08 + (f32::from(j) + 0.5) * cell.y;
            let z = size.z / 2.0 + 0.012;
            if cell.y > cell.x {
                let side = if i % 2 == 0 { 0.4 } else { -0.4 };
                piece.turned(
                    vec3(x + side * cell.x, y, z),
                    vec3(0.014, 0.14, 0.025),
                    Mat3::IDENTITY,
                    handle,
                );
            } else {
                piece.turned(
                    vec3(x, y, z),
                    vec3(0.12, 0.014, 0.025),
                    Mat3::IDENTITY,
                    handle,
                );
            }
        }
    }
}

pub(crate) fn dresser(dice: &mut Dice, style: &Style) -> Piece {
    let size = vec3(
        dice.range(0.8, 1.7),
        dice.range(0.72, 1.1),
        dice.range(0.4, 0.52),
    );
    let mut piece = Piece::new(size.x, size.y, size.z);
    let across = (size.x / 0.55).round() as u8;
    let up = if dice.chance(0.3) {
        1
    } else {
        dice.int(3, 4) as u8
    };
    cupboard(&mut piece, size, across, up, style.body(dice), style.metal);
    tabletop_things(
        dice,
        &mut piece,
        size.y,
        vec3(size.x * 0.8, 0.0, size.z * 0.5),
        4,
    );
    if dice.chance(0.3) {
        piece.add(&table_lamp(dice), vec3(size.x * 0.35, size.y, 0.0), 0.0);
    }
    piece.size.y = tallest(&piece);
    piece
}

pub(crate) fn wardrobe(dice: &mut Dice, style: &Style) -> Piece {
    let size = vec3(
        dice.range(0.8, 2.2),
        dice.range(1.8, 2.2),
        dice.range(0.55, 0.65),
    );
    let mut piece = Piece::new(size.x, size.y, size.z);
    let across = (size.x / 0.5).round() as u8;
    cupboard(&mut piece, size, across, 1, style.body(dice), style.metal);
    piece
}

pub(crate) fn nightstand(dice: &mut Dice, style: &Style) -> Piece {
    let size = vec3(dice.range(0.38, 0.5), dice.range(0.45, 0.6), 0.4);
    let mut piece = Piece::new(size.x, size.y, size.z);
    cupboard(&mut piece, size, 1, 2, style.wood, style.metal);
    if dice.chance(0.75) {
        piece.add(&table_lamp(dice), vec3(0.0, size.y, -0.05), 0.0);
    } else {
        clutter(dice, &mut piece, vec3(0.0, size.y, 0.0), 0.2);
    }
    piece.size.y = tallest(&piece);
    piece
}

pub(crate) fn television(dice: &mut Dice, style: &Style) -> Piece {
    let size = vec3(dice.range(1.2, 1.9), dice.range(0.4, 0.58), 0.42);
    let mut piece = Piece::new(size.x, size.y, size.z);
    cupboard(&mut piece, size, 3, 1, style.body(dice), style.metal);
    let wide = dice.range(0.85, (size.x - 0.05).min(1.35));
    let dark = material::screen(dice);
    let casing = material::plain(dice, Vec3::splat(0.02));
    piece.block(vec3(0.0, size.y, -0.05), vec3(0.4, 0.02, 0.2), casing);
    piece.block(
        vec3(0.0, size.y + 0.02, -0.06),
        vec3(0.1, 0.06, 0.04),
        casing,
    );
    piece.block(
        vec3(0.0, size.y + 0.06, -0.05),
        vec3(wide, wide * 0.58, 0.04),
        casing,
    );
    piece.block(
        vec3(0.0, size.y + 0.075, -0.03),
        vec3(wide - 0.03, wide * 0.58 - 0.03, 0.006),
        dark,
    );
    piece.size.y = tallest(&piece);
    piece
}

/// Height of the highest point of a piece.
pub(super) fn tallest(piece: &Piece) -> f32 {
    piece
        .solids
        .iter()
        .map(|solid| solid.centre.y + solid.reach().y)
        .fold(0.0, f32::max)
}
