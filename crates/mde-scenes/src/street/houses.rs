//! Houses at life size: each has its front at +z, on the ground, its middle at the origin.

use glam::{Mat3, Vec3, vec3};

use super::palette;
use crate::material::{Material, plain, srgb};
use crate::piece::Piece;
use crate::random::Dice;
use crate::solid::{Shape, Solid};
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

/// What a house's walls have in common.
struct Style {
    wall: Material,
    base: Material,
    roof: Material,
    frame: Material,
    glass: Material,
    /// Window width and height, and the distance between their middles.
    window: (f32, f32, f32),
    shutters: Option<Material>,
}

impl Style {
    fn new(dice: &mut Dice) -> Self {
        let wall = palette::wall(dice);
        let frame = if dice.chance(0.75) {
            plain(dice, srgb(236, 236, 232))
        } else {
            palette::timber(dice)
        };
        Self {
            wall,
            base: wall.shade(dice.range(0.5, 0.9)),
            roof: palette::roof(dice),
            frame,
            glass: palette::glass(dice),
            window: (
                dice.range(0.9, 1.5),
                dice.range(1.2, 1.7),
                dice.range(2.0, 3.2),
            ),
            shutters: dice.chance(0.2).then(|| palette::painted(dice).shade(0.6)),
        }
    }
}

/// A house in a row: flush neighbours, several floors, often a shop at street level.
pub(crate) fn row_house(dice: &mut Dice, width: f32, near: bool) -> Piece {
    let style = Style::new(dice);
    let floors = dice.int(2, 5);
    let storey = dice.range(2.8, 3.5);
    let depth = dice.range(9.0, 13.0);
    let roof = dice.pick(&[Roof::Along, Roof::Along, Roof::Flat, Roof::Across]);
    let mut piece = body(
        dice,
        &style,
        vec3(width, floors as f32 * storey + 0.6, depth),
        roof,
        near,
    );
    if near {
        let shop = dice.chance(0.4);
        let first = usize::from(shop);
        windows(&mut piece, &style, (first, floors), storey, (width, depth));
        if shop {
            shop_front(dice, &mut piece, width, depth, storey);
        } else {
            door(dice, &mut piece, width, depth);
        }
        if dice.chance(0.25) {
            balconies(dice, &mut piece, (1, floors), storey, depth, width);
        }
    }
    piece
}

/// A house that stands alone, with one or two floors and a garden's width beside it.
pub(crate) fn villa(dice: &mut Dice, width: f32, near: bool) -> Piece {
    let style = Style::new(dice);
    let floors = dice.int(1, 2);
    let storey = dice.range(2.6, 3.0);
    let depth = dice.range(8.0, 11.0);
    let roof = dice.pick(&[Roof::Along, Roof::Across, Roof::Across, Roof::Hipped]);
    let mut piece = body(
        dice,
        &style,
        vec3(width, floors as f32 * storey + 0.4, depth),
        roof,
        near,
    );
    if near {
        windows(&mut piece, &style, (0, floors), storey, (width, depth));
        door(dice, &mut piece, width, depth);
        if dice.chance(0.35) {
            let at = vec3(
                dice.pick(&[-1.0, 1.0]) * (width / 2.0 - 1.7),
                0.0,
                depth / 2.0 - 0.02,
            );
            let gate = palette::painted(dice).textured(Texture::Panels { across: 4, up: 4 });
            piece.block(at, vec3(2.5, 2.1, 0.1), gate);
        }
    }
    piece
}

/// A large plain building: flats, offices, a hall. Its windows are painted on.
pub(crate) fn block(dice: &mut Dice, width: f32) -> Piece {
    let wall = palette::wall(dice);
    let floors = dice.int(2, 9) as f32;
    let storey = dice.range(2.9, 3.6);
    let size = vec3(width, floors * storey, dice.range(11.0, 20.0));
    let mut piece = Piece::new(size.x, size.y, size.z);
    let texture = if dice.chance(0.85) {
        Texture::Facade {
            bay: dice.range(1.8, 4.0),
            floor: storey,
        }
    } else {
        Texture::Striped {
            period: dice.range(0.5, 1.2),
        }
    };
    let front = Material {
        accent: Vec3::splat(dice.range(0.02, 0.12)),
        ..wall.textured(texture)
    };
    piece.block(Vec3::ZERO, size, front);
    let roof = plain(dice, Vec3::splat(0.2));
    piece.block(
        vec3(0.0, size.y, 0.0),
        vec3(size.x + 0.3, 0.4, size.z + 0.3),
        roof,
    );
    piece
}

/// Walls and roof; gables and the side walls get windows by way of a texture if nobody comes near.
fn body(dice: &mut Dice, style: &Style, size: Vec3, roof: Roof, near: bool) -> Piece {
    let mut piece = Piece::new(size.x, size.y, size.z);
    let wall = if near {
        style.wall
    } else {
        Material {
            accent: Vec3::splat(0.05),
            ..style.wall.textured(Texture::Facade {
                bay: style.window.2,
                floor: 2.9,
            })
        }
    };
    piece.block(Vec3::ZERO, size, wall);
    piece.block(
        Vec3::ZERO,
        vec3(size.x + 0.04, 0.55, size.z + 0.04),
        style.base,
    );
    let over = 0.45;
    let (length, depth) = (size.x + 2.0 * over, size.z + 2.0 * over);
    let eaves = Vec3::Y * (size.y - 0.05);
    let height = match roof {
        Roof::Flat => 0.5,
        Roof::Along => depth / 2.0 * dice.range(0.55, 1.0),
        Roof::Across => length / 2.0 * dice.range(0.55, 0.95),
        Roof::Hipped => depth / 2.0 * dice.range(0.5, 0.8),
    };
    match roof {
        Roof::Flat => {
            let rim = vec3(size.x + 0.1, height, size.z + 0.1);
            piece.block(eaves, rim, style.base);
        }
        Roof::Along => {
            gable(&mut piece, size, height, true, wall);
            slopes(&mut piece, eaves, (length, depth), height, style.roof);
        }
        Roof::Across => {
            gable(&mut piece, size, height, false, wall);
            let mut turned = Piece::new(0.0, 0.0, 0.0);
            slopes(&mut turned, eaves, (depth, length), height, style.roof);
            piece.add(&turned, Vec3::ZERO, std::f32::consts::FRAC_PI_2);
        }
        Roof::Hipped => {
            let ridge = (0.35, 0.0);
            piece.tapered(eaves, vec3(length, height, depth), ridge, style.roof);
        }
    }
    if roof != Roof::Flat && dice.chance(0.7) {
        let brick = palette::brick(dice);
        let off = vec3(
            dice.range(-0.2, 0.2) * size.x,
            0.0,
            dice.range(-0.15, 0.15) * size.z,
        );
        piece.block(eaves + off, vec3(0.6, height + 0.6, 0.5), brick);
    }
    piece
}

/// The triangle of wall below a gabled roof.
fn gable(piece: &mut Piece, size: Vec3, height: f32, along: bool, wall: Material) {
    let shares = if along { (1.0, 0.0) } else { (0.0, 1.0) };
    let at = Vec3::Y * (size.y - 0.02);
    piece.tapered(at, vec3(size.x, height * 0.9, size.z), shares, wall);
}

/// Two slabs that lean on each other over a ridge along x, `length` by `depth` metres in plan.
fn slopes(
    piece: &mut Piece,
    eaves: Vec3,
    (length, depth): (f32, f32),
    height: f32,
    roof: Material,
) {
    let run = depth / 2.0;
    let slant = run.hypot(height);
    let angle = height.atan2(run);
    for side in [-1.0, 1.0] {
        let middle = eaves + vec3(0.0, height / 2.0, side * run / 2.0);
        let axes = Mat3::from_rotation_x(side * angle);
        let half = vec3(length / 2.0, 0.09, slant / 2.0 + 0.05);
        piece
            .solids
            .push(Solid::new(Shape::Block, middle, half, axes, roof));
    }
}

/// Windows on the front and on both side walls, from one floor to below another.
fn windows(
    piece: &mut Piece,
    style: &Style,
    (first, last): (usize, usize),
    storey: f32,
    (width, depth): (f32, f32),
) {
    let (wide, tall, pitch) = style.window;
    for floor in first..last {
        let sill = floor as f32 * storey + 1.35;
        for (length, turn, out, share) in [
            (width, 0.0, depth / 2.0, 1.0),
            (depth, 1.0, width / 2.0, 0.55),
            (depth, -1.0, width / 2.0, 0.55),
        ] {
            let count = ((length - 0.8) / pitch * share).floor().max(1.0);
            for k in 0..count as usize {
                let along = ((k as f32 + 0.5) / count - 0.5) * (length - 0.6);
                let turn = Mat3::from_rotation_y(turn * std::f32::consts::FRAC_PI_2);
                add_window(piece, style, turn, vec3(along, sill, out), (wide, tall));
            }
        }
    }
}

/// A window in its frame with a sill; `at` is the middle of its lower edge before the turn.
fn add_window(piece: &mut Piece, style: &Style, turn: Mat3, at: Vec3, (wide, tall): (f32, f32)) {
    let mut block = |centre: Vec3, size: Vec3, material: Material| {
        piece.solids.push(Solid::new(
            Shape::Block,
            turn * (at + centre),
            size / 2.0,
            turn,
            material,
        ));
    };
    let middle = Vec3::Y * (tall / 2.0);
    block(middle, vec3(wide, tall, 0.06), style.frame);
    let pane = vec3(wide / 2.0 - 0.09, tall - 0.12, 0.075);
    for side in [-1.0, 1.0] {
        block(middle + Vec3::X * (side * wide / 4.0), pane, style.glass);
    }
    block(
        vec3(0.0, -0.05, 0.06),
        vec3(wide + 0.16, 0.07, 0.2),
        style.frame,
    );
    if let Some(shutters) = style.shutters {
        for side in [-1.0, 1.0] {
            let at = middle + Vec3::X * (side * (wide * 0.75 + 0.02));
            block(at, vec3(wide / 2.0, tall, 0.1), shutters);
        }
    }
}

fn door(dice: &mut Dice, piece: &mut Piece, width: f32, depth: f32) {
    let along = dice.range(-0.4, 0.4) * width;
    let wood = palette::painted(dice)
        .shade(0.6)
        .textured(Texture::Panels { across: 1, up: 3 });
    let stone = palette::stone(dice);
    let at = vec3(along, 0.12, depth / 2.0);
    piece.block(at, vec3(1.25, 2.25, 0.1), stone);
    piece.block(at, vec3(1.0, 2.1, 0.16), wood);
    piece.block(
        vec3(along, 0.0, depth / 2.0 + 0.3),
        vec3(1.5, 0.14, 0.7),
        stone,
    );
}

fn shop_front(dice: &mut Dice, piece: &mut Piece, width: f32, depth: f32, storey: f32) {
    let glass = palette::glass(dice);
    let frame = palette::painted(dice).shade(0.5);
    let front = depth / 2.0;
    piece.block(
        vec3(0.0, 0.0, front),
        vec3(width * 0.94, storey - 0.2, 0.1),
        frame,
    );
    let panes = (width / 2.6).floor().max(1.0);
    for k in 0..panes as usize {
        let along = ((k as f32 + 0.5) / panes - 0.5) * width * 0.92;
        let size = vec3(width * 0.92 / panes - 0.25, storey - 1.2, 0.14);
        piece.block(vec3(along, 0.4, front), size, glass);
    }
    let board = palette::painted(dice);
    piece.block(
        vec3(0.0, storey - 0.75, front),
        vec3(width * 0.9, 0.55, 0.22),
        board,
    );
    if dice.chance(0.5) {
        let canvas = palette::painted(dice).textured(Texture::Striped { period: 0.5 });
        let half = vec3(width * 0.42, 0.03, 0.75);
        let at = vec3(0.0, storey - 0.55, front + 0.7);
        let axes = Mat3::from_rotation_x(0.35);
        piece
            .solids
            .push(Solid::new(Shape::Block, at, half, axes, canvas));
    }
}

fn balconies(
    dice: &mut Dice,
    piece: &mut Piece,
    (first, last): (usize, usize),
    storey: f32,
    depth: f32,
    width: f32,
) {
    let slab = plain(dice, srgb(190, 188, 182));
    let rail = palette::steel(dice);
    let along = dice.range(-0.25, 0.25) * width;
    let wide = (width * 0.4).min(4.0);
    for floor in first..last {
        let at = vec3(along, floor as f32 * storey + 0.3, depth / 2.0 + 0.6);
        piece.block(at, vec3(wide, 0.18, 1.2), slab);
        piece.block(at + vec3(0.0, 0.18, 0.58), vec3(wide, 0.95, 0.05), rail);
    }
}
