//! Houses at life size. Each stands on the ground around the origin; its front is at +z.

use std::f32::consts::FRAC_PI_2;

use glam::{Mat3, Vec3, vec3};

use super::palette;
use crate::colour::srgb;
use crate::material::{Material, plain};
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{block, cuboid, tapered};
use crate::texture::Texture;

/// The roof over a house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Roof {
    /// Ridge along the street.
    Along,
    /// Gable towards the street.
    Across,
    Hipped,
    Flat,
}

/// Materials and windows of a house.
struct Style {
    wall: Material,
    base: Material,
    roof: Material,
    frame: Material,
    glass: Material,
    /// Width and height of a window, and the distance between the middles of neighbours.
    window: [f32; 3],
    shutters: Option<Material>,
}

impl Style {
    fn new(dice: &mut Dice) -> Self {
        let wall = palette::wall(dice);
        let white = |dice: &mut Dice| plain(dice, srgb(0xecece8));
        let frame = dice.either_made(0.75, white, palette::timber);
        Self {
            wall,
            base: wall.shade(dice.range(0.5, 0.9)),
            roof: palette::roof(dice),
            frame,
            glass: palette::glass(dice),
            window: dice.ranges([(0.9, 1.5), (1.2, 1.7), (2.0, 3.2)]),
            shutters: dice.chance(0.2).then(|| palette::painted(dice).shade(0.6)),
        }
    }
}

/// A house in a row with several floors and often a shop. Without `near`, it has no details.
pub(crate) fn row_house(dice: &mut Dice, width: f32, near: bool) -> Piece {
    let style = Style::new(dice);
    let floors = dice.int(2, 5);
    let [storey, depth] = dice.ranges([(2.8, 3.5), (9.0, 13.0)]);
    let roof = dice.pick(&[Roof::Along, Roof::Along, Roof::Flat, Roof::Across]);
    let size = vec3(width, floors as f32 * storey + 0.6, depth);
    let mut piece = body(dice, &style, size, roof, near);
    if near {
        let shop = dice.chance(0.4);
        add_windows(&mut piece, &style, (usize::from(shop), floors), storey);
        if shop {
            add_shop_front(dice, &mut piece, storey);
        } else {
            add_door(dice, &mut piece);
        }
        if dice.chance(0.25) {
            add_balconies(dice, &mut piece, floors, storey);
        }
    }
    piece
}

/// A detached house with one or two floors. Without `near`, it has no details.
pub(crate) fn villa(dice: &mut Dice, width: f32, near: bool) -> Piece {
    let style = Style::new(dice);
    let floors = dice.int(1, 2);
    let [storey, depth] = dice.ranges([(2.6, 3.0), (8.0, 11.0)]);
    let roof = dice.pick(&[Roof::Along, Roof::Across, Roof::Across, Roof::Hipped]);
    let size = vec3(width, floors as f32 * storey + 0.4, depth);
    let mut piece = body(dice, &style, size, roof, near);
    if near {
        add_windows(&mut piece, &style, (0, floors), storey);
        add_door(dice, &mut piece);
        if dice.chance(0.35) {
            let x = dice.pick(&[-1.0, 1.0]) * (width / 2.0 - 1.7);
            let gate = palette::painted(dice).textured(Texture::Panels(4, 4));
            piece.add(block(gate, [2.5, 2.1, 0.1]).at([x, 0.0, depth / 2.0 - 0.02]));
        }
    }
    piece
}

/// A large plain building: flats, offices, a hall. A texture shows its windows.
pub(crate) fn large_building(dice: &mut Dice, width: f32) -> Piece {
    let wall = palette::wall(dice);
    let floors = dice.int(2, 9) as f32;
    let [storey, depth] = dice.ranges([(2.9, 3.6), (11.0, 20.0)]);
    let size = vec3(width, floors * storey, depth);
    let mut piece = Piece::new(size.x, size.y, size.z);
    let texture = if dice.chance(0.85) {
        Texture::Facade(dice.range(1.8, 4.0), storey)
    } else {
        Texture::Striped(dice.range(0.5, 1.2))
    };
    let glass = Vec3::splat(dice.range(0.02, 0.12));
    piece.add(block(wall.textured(texture).accented(glass), size));
    let roof = plain(dice, Vec3::splat(0.2));
    piece.add(block(roof, [size.x + 0.3, 0.4, size.z + 0.3]).at([0.0, size.y, 0.0]));
    piece
}

/// Walls and roof. Without `near`, a texture shows the windows.
fn body(dice: &mut Dice, style: &Style, size: Vec3, roof: Roof, near: bool) -> Piece {
    let mut piece = Piece::new(size.x, size.y, size.z);
    let wall = if near {
        style.wall
    } else {
        let facade = Texture::Facade(style.window[2], 2.9);
        style.wall.textured(facade).accented(Vec3::splat(0.05))
    };
    piece.add(block(wall, size));
    piece.add(block(style.base, [size.x + 0.04, 0.55, size.z + 0.04]));
    let over = 0.45;
    let (length, depth) = (size.x + 2.0 * over, size.z + 2.0 * over);
    let eaves = Vec3::Y * (size.y - 0.05);
    let height = match roof {
        Roof::Flat => 0.5,
        Roof::Along => depth / 2.0 * dice.range(0.55, 1.0),
        Roof::Across => length / 2.0 * dice.range(0.55, 0.95),
        Roof::Hipped => depth / 2.0 * dice.range(0.5, 0.8),
    };
    // The triangle of wall below a gabled roof narrows along z or x.
    let gable = |shares: (f32, f32)| {
        let gable = tapered(wall, [size.x, height * 0.9, size.z], shares);
        gable.at(Vec3::Y * (size.y - 0.02))
    };
    match roof {
        Roof::Flat => {
            let rim = block(style.base, [size.x + 0.1, height, size.z + 0.1]);
            piece.add(rim.at(eaves));
        }
        Roof::Along => {
            piece.add(gable((1.0, 0.0)));
            piece.attach(&slopes(length, depth, height, style.roof), eaves, 0.0);
        }
        Roof::Across => {
            piece.add(gable((0.0, 1.0)));
            piece.attach(&slopes(depth, length, height, style.roof), eaves, FRAC_PI_2);
        }
        Roof::Hipped => {
            piece.add(tapered(style.roof, [length, height, depth], (0.35, 0.0)).at(eaves));
        }
    }
    if roof != Roof::Flat && dice.chance(0.7) {
        let chimney = block(palette::brick(dice), [0.6, height + 0.6, 0.5]);
        let [x, z] = dice.ranges([(-0.2, 0.2), (-0.15, 0.15)]);
        piece.add(chimney.at(eaves + vec3(x * size.x, 0.0, z * size.z)));
    }
    piece
}

/// Two slabs that lean on each other over a ridge along x, `length` by `depth` metres in plan.
fn slopes(length: f32, depth: f32, height: f32, roof: Material) -> Piece {
    let mut piece = Piece::new(length, height, depth);
    let run = depth / 2.0;
    let half = vec3(length / 2.0, 0.09, run.hypot(height) / 2.0 + 0.05);
    for side in [-1.0, 1.0] {
        let axes = Mat3::from_rotation_x(side * height.atan2(run));
        let slab = cuboid(roof, half * 2.0).turned(axes);
        piece.add(slab.at([0.0, height / 2.0, side * run / 2.0]));
    }
    piece
}

/// Adds windows to the front and both side walls, from one floor to below another.
fn add_windows(piece: &mut Piece, style: &Style, (first, last): (usize, usize), storey: f32) {
    let (width, depth, pitch) = (piece.size.x, piece.size.z, style.window[2]);
    for floor in first..last {
        let sill = floor as f32 * storey + 1.35;
        for (length, turn, out, share) in [
            (width, 0.0, depth / 2.0, 1.0),
            (depth, 1.0, width / 2.0, 0.55),
            (depth, -1.0, width / 2.0, 0.55),
        ] {
            let count = ((length - 0.8) / pitch * share).floor().max(1.0);
            let turn = Mat3::from_rotation_y(turn * FRAC_PI_2);
            for k in 0..count as usize {
                let along = ((k as f32 + 0.5) / count - 0.5) * (length - 0.6);
                add_window(piece, style, turn, vec3(along, sill, out));
            }
        }
    }
}

/// Adds a window with frame and sill; `at` is the middle of its lower edge before the turn.
fn add_window(piece: &mut Piece, style: &Style, turn: Mat3, at: Vec3) {
    let [wide, tall, _] = style.window;
    let mut add = |x: f32, y: f32, z: f32, size: [f32; 3], material: Material| {
        let part = cuboid(material, size).turned(turn);
        piece.add(part.at(turn * (at + vec3(x, y, z))));
    };
    let middle = tall / 2.0;
    add(0.0, middle, 0.0, [wide, tall, 0.06], style.frame);
    let pane = [wide / 2.0 - 0.09, tall - 0.12, 0.075];
    for side in [-1.0, 1.0] {
        add(side * wide / 4.0, middle, 0.0, pane, style.glass);
    }
    add(0.0, -0.05, 0.06, [wide + 0.16, 0.07, 0.2], style.frame);
    if let Some(shutters) = style.shutters {
        for side in [-1.0, 1.0] {
            let x = side * (wide * 0.75 + 0.02);
            add(x, middle, 0.0, [wide / 2.0, tall, 0.1], shutters);
        }
    }
}

fn add_door(dice: &mut Dice, piece: &mut Piece) {
    let front = piece.size.z / 2.0;
    let x = dice.range(-0.4, 0.4) * piece.size.x;
    let wood = palette::painted(dice).shade(0.6);
    let wood = wood.textured(Texture::Panels(1, 3));
    let stone = palette::stone(dice);
    piece.add(block(stone, [1.25, 2.25, 0.1]).at([x, 0.12, front]));
    piece.add(block(wood, [1.0, 2.1, 0.16]).at([x, 0.12, front]));
    piece.add(block(stone, [1.5, 0.14, 0.7]).at([x, 0.0, front + 0.3]));
}

fn add_shop_front(dice: &mut Dice, piece: &mut Piece, storey: f32) {
    let glass = palette::glass(dice);
    let frame = palette::painted(dice).shade(0.5);
    let (width, front) = (piece.size.x, piece.size.z / 2.0);
    piece.add(block(frame, [width * 0.94, storey - 0.2, 0.1]).at([0.0, 0.0, front]));
    let panes = (width / 2.6).floor().max(1.0);
    for k in 0..panes as usize {
        let x = ((k as f32 + 0.5) / panes - 0.5) * width * 0.92;
        let pane = block(glass, [width * 0.92 / panes - 0.25, storey - 1.2, 0.14]);
        piece.add(pane.at([x, 0.4, front]));
    }
    let board = palette::painted(dice);
    piece.add(block(board, [width * 0.9, 0.55, 0.22]).at([0.0, storey - 0.75, front]));
    if dice.chance(0.5) {
        let canvas = palette::painted(dice).textured(Texture::Striped(0.5));
        let awning = cuboid(canvas, vec3(width * 0.42, 0.03, 0.75) * 2.0);
        let awning = awning.turned(Mat3::from_rotation_x(0.35));
        piece.add(awning.at([0.0, storey - 0.55, front + 0.7]));
    }
}

/// Adds a balcony to each floor but the lowest.
fn add_balconies(dice: &mut Dice, piece: &mut Piece, floors: usize, storey: f32) {
    let slab = plain(dice, srgb(0xbebcb6));
    let rail = palette::steel(dice);
    let width = piece.size.x;
    let x = dice.range(-0.25, 0.25) * width;
    let wide = (width * 0.4).min(4.0);
    for floor in 1..floors {
        let at = vec3(x, floor as f32 * storey + 0.3, piece.size.z / 2.0 + 0.6);
        piece.add(block(slab, [wide, 0.18, 1.2]).at(at));
        piece.add(block(rail, [wide, 0.95, 0.05]).at(at + vec3(0.0, 0.18, 0.58)));
    }
}
