//! The room's shell: walls, floor, ceiling, skirting, doors, windows, partitions.

use glam::{Vec3, vec3};

use crate::colour::srgb;
use crate::furniture::{Style, radiator};
use crate::light::Light;
use crate::material::{self, Material};
use crate::piece::Piece;
use crate::plan::Plan;
use crate::random::Dice;
use crate::solid::{Solid, block, cylinder};
use crate::texture::Texture;

/// The class of a room's surfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Dwelling,
    /// Tiled walls and floors.
    Wet,
    Public,
}

fn floor_material(dice: &mut Dice, finish: Finish) -> Material {
    let choice = match finish {
        Finish::Dwelling => dice.int(0, 6),
        Finish::Wet => dice.int(4, 6),
        Finish::Public => dice.int(1, 6),
    };
    let grey = dice.range(0.12, 0.6);
    match choice {
        0..=2 => {
            let base = material::wood_colour(dice);
            let [width, length] = dice.ranges([(0.07, 0.2), (0.7, 1.8)]);
            let planks = material::plain(dice, base).textured(Texture::Planks(width, length));
            planks.glossy(dice.range(0.02, 0.09))
        }
        3 => {
            let coloured = |dice: &mut Dice| material::fabric(dice).base * 0.8;
            let base = dice.either_made(0.5, |_| Vec3::splat(grey * 0.7), coloured);
            material::plain(dice, base).textured(Texture::Carpet)
        }
        _ => {
            let width = dice.pick(&[0.15, 0.2, 0.3, 0.3, 0.45, 0.6]);
            let height = dice.either(0.2, width / 2.0, width);
            let tint = dice.vary(Vec3::splat(grey), 0.15);
            let texture = Texture::Tiles {
                width,
                height,
                chequered: dice.chance(0.25),
            };
            let grout = Vec3::splat(if grey > 0.4 { 0.25 } else { 0.5 });
            let tiles = material::plain(dice, tint).textured(texture);
            tiles.accented(grout).glossy(dice.range(0.03, 0.12))
        }
    }
}

fn wall_material(dice: &mut Dice, finish: Finish) -> Material {
    const PALE: [u32; 8] = [
        0xece8de, 0xded6c4, 0xccd4d6, 0xe0ceba, 0xbcc8b8, 0xb0bac8, 0xe6d8a0, 0xceb2a8,
    ];
    const STRONG: [u32; 5] = [0x96463c, 0x46607a, 0x607458, 0x786882, 0xc49650];
    let strong = dice.chance(0.2);
    let tones: &[u32] = if strong { &STRONG } else { &PALE };
    let base = material::varied_tone(dice, tones, 0.1);
    let paint = material::plain(dice, base).textured(Texture::Plaster);
    if finish == Finish::Wet && dice.chance(0.8) {
        let width = dice.pick(&[0.1, 0.15, 0.2, 0.3]);
        let height = dice.either(0.5, width, width / 2.0);
        let tiles = paint.textured(Texture::tiles(width, height));
        return tiles.accented(Vec3::splat(0.4)).glossy(0.06);
    }
    match dice.int(0, 11) {
        0 => {
            let stripes = Texture::Striped(dice.range(0.1, 0.3));
            paint.textured(stripes).accented(base * 0.75)
        }
        1 => {
            let motif = Texture::Motif(dice.range(0.12, 0.3));
            paint.textured(motif).accented(base * 0.7)
        }
        2 => Material {
            base: dice.vary(srgb(0x9c5842), 0.2),
            ..paint.textured(Texture::Brick).accented(Vec3::splat(0.45))
        },
        3 | 4 => {
            let [height, grey] = dice.ranges([(0.85, 1.2), (0.4, 0.75)]);
            let panelled = paint.textured(Texture::Wainscot(height));
            panelled.accented(Vec3::splat(grey))
        }
        _ => paint,
    }
}

/// Builds floor, ceiling, four walls and skirting. Returns the mean albedo.
pub(crate) fn build_shell(dice: &mut Dice, plan: &mut Plan, finish: Finish) -> Vec3 {
    let size = plan.size;
    let floor = floor_material(dice, finish);
    let ceiling = if finish == Finish::Public && dice.chance(0.6) {
        let panels = material::plain(dice, Vec3::splat(0.72));
        let panels = panels.textured(Texture::tiles(0.6, 0.6));
        panels.accented(Vec3::splat(0.35))
    } else {
        material::plain(dice, Vec3::splat(0.76)).textured(Texture::Plaster)
    };
    let walls = wall_material(dice, finish);
    let feature = dice.either_made(0.3, |dice| wall_material(dice, finish), |_| walls);
    let skirting = material::lacquer(dice);
    let out = 0.2;
    let (low, high) = (Vec3::splat(-out), vec3(size.x + out, 0.0, size.z + out));
    plan.solids.push(Solid::spanning(low, high, floor));
    let (low, high) = (vec3(-out, size.y, -out), size + out);
    plan.solids.push(Solid::spanning(low, high, ceiling));
    for wall in 0..4 {
        let length = plan.wall_length(wall);
        let mut piece = Piece::new(length, size.y, out);
        let paint = if wall == 0 { feature } else { walls };
        // Walls overlap at the corners, so that no ray passes between two of them.
        let body = block(paint, [length + 2.0 * out, size.y, out]);
        piece.add(body.at([0.0, 0.0, -out / 2.0]));
        if finish != Finish::Wet {
            piece.add(block(skirting, [length, 0.09, 0.012]).at([0.0, 0.0, 0.006]));
        }
        plan.put_on_wall(&piece, wall, length / 2.0);
    }
    if finish == Finish::Dwelling && dice.chance(0.3) {
        for wall in 0..4 {
            let length = plan.wall_length(wall);
            let mut cornice = Piece::new(length, 0.08, 0.08);
            let bar = block(skirting, [length, 0.08, 0.08]);
            cornice.add(bar.at([0.0, size.y - 0.08, 0.04]));
            plan.put_on_wall(&cornice, wall, length / 2.0);
        }
    }
    (floor.base + ceiling.base + walls.base * 3.0 + feature.base) / 6.0
}

pub(crate) fn add_door(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    let (width, height) = (dice.range(0.75, 0.92), 2.03f32.min(plan.size.y - 0.15));
    let up = (0.0, height + 0.1);
    let Some((wall, along)) = plan.find_on_wall(dice, width + 0.16, up) else {
        return;
    };
    plan.reserve(wall, along, width + 0.16, up, 0.8);
    let leaf = dice.either_made(0.5, material::lacquer, |_| style.wood);
    let frame = dice.either_made(0.5, |_| leaf, material::lacquer);
    let mut piece = Piece::new(width, height, 0.05);
    let (across, up) = dice.pick(&[(1, 1), (2, 3), (1, 2), (2, 2)]);
    let door = leaf.textured(Texture::Panels(across, up));
    piece.add(block(door, [width, height, 0.03]));
    let post = block(frame, [0.07, height + 0.07, 0.07]);
    piece.add_pair(post.at([width / 2.0 + 0.035, 0.0, 0.0]));
    piece.add(block(frame, [width, 0.07, 0.07]).at([0.0, height, 0.0]));
    let side = dice.either(0.5, 1.0, -1.0);
    let handle = block(style.metal, [0.11, 0.02, 0.05]);
    piece.add(handle.at([side * (width / 2.0 - 0.07), 1.0, 0.03]));
    plan.put_on_wall(&piece, wall, along);
}

/// Adds a window with sky behind it, often with curtains or a radiator. `daylight` 0 is night.
pub(crate) fn add_window(dice: &mut Dice, plan: &mut Plan, daylight: f32) {
    let sill = dice.pick(&[0.3, 0.8, 0.9, 1.0]);
    let height = dice.range(0.9, 1.5).min(plan.size.y - sill - 0.25);
    let width = dice.range(0.7, 2.2);
    let curtained = dice.chance(0.5);
    let taken = width + if curtained { 0.7 } else { 0.2 };
    let up = (sill - 0.1, sill + height + 0.1);
    let Some((wall, along)) = plan.find_on_wall(dice, taken, up) else {
        return;
    };
    plan.reserve(wall, along, taken, up, 0.0);
    let frame = material::ceramic(dice);
    let view = material::plain(dice, Vec3::ONE).textured(Texture::Outside);
    let view = view.glowing(0.08 + 3.4 * daylight).infrared(0.05);
    let mut piece = Piece::new(width, height, 0.1);
    piece.add(block(view.glossy(0.05), [width, height, 0.02]).at([0.0, sill, 0.0]));
    let bars = (width / 0.7).round().max(1.0) as usize;
    for k in 0..=bars {
        let x = (k as f32 / bars as f32 - 0.5) * width;
        piece.add(block(frame, [0.055, height, 0.05]).at([x, sill, 0.02]));
    }
    for y in [sill, sill + height] {
        piece.add(block(frame, [width + 0.05, 0.06, 0.05]).at([0.0, y - 0.03, 0.02]));
    }
    piece.add(block(frame, [width + 0.16, 0.035, 0.16]).at([0.0, sill - 0.07, 0.06]));
    if curtained {
        add_curtains(dice, &mut piece, width, sill + height, plan.size.y);
    }
    if daylight > 0.0 {
        piece.lights.push(Light {
            centre: vec3(0.0, sill + height / 2.0, 0.13),
            across: Vec3::X * (width / 2.0),
            up: Vec3::Y * (height / 2.0),
            facing: Vec3::Z,
            intensity: vec3(0.86, 0.94, 1.0) * (daylight * 5.0 * width * height),
        });
    }
    plan.put_on_wall(&piece, wall, along);
    if sill > 0.75 && dice.chance(0.5) {
        plan.stand_at(&radiator(dice), wall, along, 0.03);
    }
}

/// Adds curtains: rows of thin upright cylinders, whose shading looks like folds.
fn add_curtains(dice: &mut Dice, piece: &mut Piece, width: f32, top: f32, ceiling: f32) {
    let cloth = material::fabric(dice);
    let top = (top + 0.12).min(ceiling - 0.03);
    let bottom = dice.pick(&[0.02, 0.02, 0.6]);
    let folds = (dice.range(0.2, 0.34) / 0.05) as usize;
    for side in [-1.0, 1.0] {
        for k in 0..folds {
            let x = side * (width / 2.0 + 0.12 - k as f32 * 0.05);
            let z = 0.13 + 0.012 * (k % 2) as f32;
            piece.add(cylinder(cloth, 0.032, top - bottom, 1.0).at([x, bottom, z]));
        }
    }
    let rail = material::metal(dice);
    piece.add(block(rail, [width + 0.4, 0.025, 0.025]).at([0.0, top, 0.13]));
}

/// Adds a wall across the room with an opening. Returns its position in z.
pub(crate) fn add_partition(dice: &mut Dice, plan: &mut Plan, finish: Finish) -> f32 {
    let size = plan.size;
    let z = size.z * dice.range(0.45, 0.65);
    let paint = wall_material(dice, finish);
    let width = dice.range(0.9, 1.9).min(size.x * 0.5);
    let middle = dice.range(0.2 + width / 2.0, size.x - 0.2 - width / 2.0);
    let lintel = dice.range(2.0, 2.2).min(size.y - 0.1);
    let (left, right) = (middle - width / 2.0, middle + width / 2.0);
    let frame = material::lacquer(dice);
    // Left and right of the opening, above it, and its frame: x, y, half the thickness.
    for (x, y, half, material) in [
        ((0.0, left), (0.0, size.y), 0.07, paint),
        ((right, size.x), (0.0, size.y), 0.07, paint),
        ((left, right), (lintel, size.y), 0.07, paint),
        ((left - 0.03, left + 0.03), (0.0, lintel), 0.1, frame),
        ((right - 0.03, right + 0.03), (0.0, lintel), 0.1, frame),
        ((left, right), (lintel - 0.05, lintel), 0.1, frame),
    ] {
        let (min, max) = (vec3(x.0, y.0, z - half), vec3(x.1, y.1, z + half));
        plan.solids.push(Solid::spanning(min, max, material));
    }
    // Reserve the strip of the wall and of the way through it, on the floor and the side walls.
    for (wall, along) in [(1, z), (3, size.z - z)] {
        plan.reserve(wall, along, 0.3, (0.0, size.y), size.x);
    }
    z
}
