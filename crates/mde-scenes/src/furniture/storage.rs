//! Bookcases, dressers, wardrobes and the television's stand.

use glam::{Vec3, vec3};

use super::{Style, add_clutter, clutter, table_lamp};
use crate::colour::hue;
use crate::material::{self, Material};
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{block, cuboid};
use crate::texture::Texture;

pub(crate) fn bookcase(dice: &mut Dice, style: &Style) -> Piece {
    let size = dice.vector([(0.6, 1.25), (0.8, 2.2), (0.26, 0.36)]);
    let body = style.body(dice);
    let board = 0.022;
    let inner = size.x - 2.0 * board;
    let mut piece = Piece::new(size.x, size.y, size.z);
    let side = block(body, [board, size.y, size.z]);
    piece.add_pair(side.at([(size.x - board) / 2.0, 0.0, 0.0]));
    let rear = block(body.shade(0.7), [size.x - board, size.y, 0.01]);
    piece.add(rear.at([0.0, 0.0, -size.z / 2.0 + 0.005]));
    let shelves = (size.y / 0.34).round().max(2.0) as usize;
    let pitch = (size.y - 0.06 - board) / shelves as f32;
    for k in 0..=shelves {
        let y = 0.06 + k as f32 * pitch;
        piece.add(block(body, [inner, board, size.z - 0.01]).at([0.0, y, 0.005]));
        if k < shelves {
            let room = [inner - 0.01, pitch - board - 0.02, size.z - 0.06];
            fill_shelf(dice, &mut piece, y + board, room.into());
        }
    }
    piece.add(block(body.shade(0.8), [inner, 0.06, size.z - 0.04]));
    piece
}

fn fill_shelf(dice: &mut Dice, piece: &mut Piece, y: f32, room: Vec3) {
    let mut left = -room.x / 2.0;
    while left < room.x / 2.0 - 0.1 {
        let span = dice.range(0.12, 0.6).min(room.x / 2.0 - left);
        let middle = left + span / 2.0;
        match dice.int(0, 5) {
            0 => {}
            1 => clutter(dice, piece, [middle, y, 0.02], room.y.min(0.24)),
            2 => {
                // The colour of storage boxes changes from shelf to shelf.
                let colour = hue(0.08 + 0.4 * (y * 1.7).fract(), 0.3, 0.6);
                let carton = material::plain(dice, colour).textured(Texture::Fabric);
                let size = [span * 0.85, room.y.min(0.24) * 0.9, room.z * 0.9];
                piece.add(block(carton, size).at([middle, y, 0.0]));
            }
            _ => {
                let books = material::plain(dice, Vec3::splat(0.5)).textured(Texture::Books);
                let [high, deep] = dice.ranges([(0.2, 0.29), (0.7, 0.95)]);
                let size = [span * 0.96, room.y.min(high), room.z * deep];
                piece.add(block(books, size).at([middle, y, 0.0]));
            }
        }
        left += span;
    }
}

/// A body on a plinth with a grid of doors or drawers and their handles.
fn cupboard(size: Vec3, (across, up): (u8, u8), body: Material, handle: Material) -> Piece {
    let mut piece = Piece::new(size.x, size.y, size.z);
    let front = body.textured(Texture::Panels(across, up));
    piece.add(block(body.shade(0.5), [size.x - 0.04, 0.07, size.z - 0.06]));
    piece.add(block(body, [size.x, size.y - 0.07, size.z - 0.02]).at([0.0, 0.07, 0.0]));
    let front = block(front, [size.x - 0.01, size.y - 0.1, 0.02]);
    piece.add(front.at([0.0, 0.08, size.z / 2.0 - 0.01]));
    let (wide, high) = (size.x / f32::from(across), (size.y - 0.1) / f32::from(up));
    let z = size.z / 2.0 + 0.012;
    for i in 0..across {
        for j in 0..up {
            let x = -size.x / 2.0 + (f32::from(i) + 0.5) * wide;
            let y = 0.08 + (f32::from(j) + 0.5) * high;
            if high > wide {
                let side = if i % 2 == 0 { 0.4 } else { -0.4 };
                let handle = cuboid(handle, [0.014, 0.14, 0.025]);
                piece.add(handle.at([x + side * wide, y, z]));
            } else {
                piece.add(cuboid(handle, [0.12, 0.014, 0.025]).at([x, y, z]));
            }
        }
    }
    piece
}

pub(crate) fn dresser(dice: &mut Dice, style: &Style) -> Piece {
    let size = dice.vector([(0.8, 1.7), (0.72, 1.1), (0.4, 0.52)]);
    let across = (size.x / 0.55).round() as u8;
    let up = dice.either_made(0.3, |_| 1, |dice| dice.int(3, 4) as u8);
    let mut piece = cupboard(size, (across, up), style.body(dice), style.metal);
    add_clutter(dice, &mut piece, size.y, [size.x * 0.8, size.z * 0.5], 4);
    if dice.chance(0.3) {
        piece.attach(&table_lamp(dice), [size.x * 0.35, size.y, 0.0], 0.0);
    }
    piece.with_full_height()
}

pub(crate) fn wardrobe(dice: &mut Dice, style: &Style) -> Piece {
    let size = dice.vector([(0.8, 2.2), (1.8, 2.2), (0.55, 0.65)]);
    let across = (size.x / 0.5).round() as u8;
    cupboard(size, (across, 1), style.body(dice), style.metal)
}

pub(crate) fn nightstand(dice: &mut Dice, style: &Style) -> Piece {
    let [width, height] = dice.ranges([(0.38, 0.5), (0.45, 0.6)]);
    let size = vec3(width, height, 0.4);
    let mut piece = cupboard(size, (1, 2), style.wood, style.metal);
    if dice.chance(0.75) {
        piece.attach(&table_lamp(dice), [0.0, size.y, -0.05], 0.0);
    } else {
        clutter(dice, &mut piece, [0.0, size.y, 0.0], 0.2);
    }
    piece.with_full_height()
}

pub(crate) fn television(dice: &mut Dice, style: &Style) -> Piece {
    let [width, height] = dice.ranges([(1.2, 1.9), (0.4, 0.58)]);
    let size = vec3(width, height, 0.42);
    let mut piece = cupboard(size, (3, 1), style.body(dice), style.metal);
    let wide = dice.range(0.85, (width - 0.05).min(1.35));
    let high = wide * 0.58;
    let dark = material::screen(dice);
    let casing = material::plain(dice, Vec3::splat(0.02));
    piece.add(block(casing, [0.4, 0.02, 0.2]).at([0.0, height, -0.05]));
    piece.add(block(casing, [0.1, 0.06, 0.04]).at([0.0, height + 0.02, -0.06]));
    piece.add(block(casing, [wide, high, 0.04]).at([0.0, height + 0.06, -0.05]));
    let screen = block(dark, [wide - 0.03, high - 0.03, 0.006]);
    piece.add(screen.at([0.0, height + 0.075, -0.03]));
    piece.with_full_height()
}
