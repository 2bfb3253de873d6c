//! The room's shell: walls, floor, ceiling, skirting, doors, windows, openings into a space beyond.

use glam::{Vec3, vec3};

use crate::furniture::{Piece, Style, radiator};
use crate::material::{self, Material, srgb};
use crate::plan::Plan;
use crate::random::Dice;
use crate::scene::Light;
use crate::solid::Solid;
use crate::texture::Texture;

/// Whether rooms of a kind have tiled walls and floors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Dwelling,
    Wet,
    Public,
}

pub(crate) fn floor_material(dice: &mut Dice, finish: Finish) -> Material {
    let choice = match finish {
        Finish::Dwelling => dice.int(0, 6),
        Finish::Wet => dice.int(4, 6),
        Finish::Public => dice.int(1, 6),
    };
    let grey = dice.range(0.12, 0.6);
    match choice {
        0..=2 => {
            let base = material::wood_colour(dice);
            let texture = Texture::Planks {
                width: dice.range(0.07, 0.2),
                length: dice.range(0.7, 1.8),
            };
            material::plain(dice, base)
                .textured(texture)
                .glossy(dice.range(0.02, 0.09))
        }
        3 => {
            let base = if dice.chance(0.5) {
                Vec3::splat(grey * 0.7)
            } else {
                material::fabric(dice).base * 0.8
            };
            material::plain(dice, base).textured(Texture::Carpet)
        }
        _ => {
            let side = dice.pick(&[0.15, 0.2, 0.3, 0.3, 0.45, 0.6]);
            let height = if dice.chance(0.2) { side / 2.0 } else { side };
            let tint = dice.vary(Vec3::splat(grey), 0.15);
            let chequered = dice.chance(0.25);
            let grout = Vec3::splat(if grey > 0.4 { 0.25 } else { 0.5 });
            let texture = Texture::Tiles {
                width: side,
                height,
                chequered,
            };
            let tile = material::plain(dice, tint)
                .textured(texture)
                .glossy(dice.range(0.03, 0.12));
            Material {
                accent: grout,
                ..tile
            }
        }
    }
}

pub(crate) fn wall_material(dice: &mut Dice, finish: Finish) -> Material {
    let pale = [
        srgb(236, 232, 222),
        srgb(222, 214, 196),
        srgb(204, 212, 214),
        srgb(224, 206, 186),
        srgb(188, 200, 184),
        srgb(176, 186, 200),
        srgb(230, 216, 160),
        srgb(206, 178, 168),
    ];
    let strong = [
        srgb(150, 70, 60),
        srgb(70, 96, 122),
        srgb(96, 116, 88),
        srgb(120, 104, 130),
        srgb(196, 150, 80),
    ];
    let tone = if dice.chance(0.2) {
        dice.pick(&strong)
    } else {
        dice.pick(&pale)
    };
    let base = dice.vary(tone, 0.1);
    let paint = material::plain(dice, base).textured(Texture::Plaster);
    let papered = |texture: Texture, accent: Vec3| Material {
        accent,
        ..paint.textured(texture)
    };
    if finish == Finish::Wet && dice.chance(0.8) {
        let width = dice.pick(&[0.1, 0.15, 0.2, 0.3]);
        let height = if dice.chance(0.5) { width } else { width / 2.0 };
        let tiles = papered(
            Texture::Tiles {
                width,
                height,
                chequered: false,
            },
            Vec3::splat(0.4),
        );
        return tiles.glossy(0.06);
    }
    match dice.int(0, 11) {
        0 => papered(
            Texture::Striped {
                period: dice.range(0.1, 0.3),
            },
            base * 0.75,
        ),
        1 => papered(
            Texture::Motif {
                period: dice.range(0.12, 0.3),
            },
            base * 0.7,
        ),
        2 => {
            let clay = srgb(156, 88, 66);
            Material {
                base: dice.vary(clay, 0.2),
                ..papered(Texture::Brick, Vec3::splat(0.45))
            }
        }
        3 | 4 => papered(
            Texture::Wainscot {
                height: dice.range(0.85, 1.2),
            },
            Vec3::splat(dice.range(0.4, 0.75)),
        ),
        _ => paint,
    }
}

/// Floor, ceiling, four walls and skirting. Answers the mean albedo.
pub(crate) fn build_shell(dice: &mut Dice, plan: &mut Plan, finish: Finish) -> Vec3 {
    let size = plan.size;
    let floor = floor_material(dice, finish);
    let ceiling = if finish == Finish::Public && dice.chance(0.6) {
        let texture = Texture::Tiles {
            width: 0.6,
            height: 0.6,
            chequered: false,
        };
        Material {
            accent: Vec3::splat(0.35),
            ..material::plain(dice, Vec3::splat(0.72)).textured(texture)
        }
    } else {
        material::plain(dice, Vec3::splat(0.76)).textured(Texture::Plaster)
    };
    let walls = wall_material(dice, finish);
    let feature = if dice.chance(0.3) {
        wall_material(dice, finish)
    } else {
        walls
    };
    let skirting = material::lacquer(dice);
    let out = 0.2;
    plan.solids.push(Solid::block(
        vec3(-out, -out, -out),
        vec3(size.x + out, 0.0, size.z + out),
        floor,
    ));
    let (low, high) = (vec3(-out, size.y, -out), size + out);
    plan.solids.push(Solid::block(low, high, ceiling));
    for wall in 0..4 {
        let length = plan.wall_length(wall);
        let mut piece = Piece::new(length, size.y, out);
        let paint = if wall == 0 { feature } else { walls };
        // Walls overlap at the corners, so that no ray slips out between two of them.
        piece.block(
            vec3(0.0, 0.0, -out / 2.0),
            vec3(length + 2.0 * out, size.y, out),
            paint,
        );
        if finish != Finish::Wet {
            piece.block(vec3(0.0, 0.0, 0.006), vec3(length, 0.09, 0.012), skirting);
        }
        let at = plan.wall_point(wall, length / 2.0, 0.0);
        plan.put(&piece, at, -(wall as f32) * std::f32::consts::FRAC_PI_2);
    }
    if finish == Finish::Dwelling && dice.chance(0.3) {
        cornice(plan, skirting);
    }
    (floor.base + ceiling.base + walls.base * 3.0 + feature.base) / 6.0
}

fn cornice(plan: &mut Plan, material: Material) {
    for wall in 0..4 {
        let length = plan.wall_length(wall);
        let mut piece = Piece::new(length, 0.08, 0.08);
        piece.block(
            vec3(0.0, plan.size.y - 0.08, 0.04),
            vec3(length, 0.08, 0.08),
            material,
        );
        let at = plan.wall_point(wall, length / 2.0, 0.0);
        plan.put(&piece, at, -(wall as f32) * std::f32::consts::FRAC_PI_2);
    }
}

pub(crate) fn add_door(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    let (width, height) = (dice.range(0.75, 0.92), 2.03f32.min(plan.size.y - 0.15));
    let Some((wall, along)) = plan.find_on_wall(dice, width + 0.16, (0.0, height + 0.1)) else {
        return;
    };
    plan.reserve(wall, along, width + 0.16, (0.0, height + 0.1), 0.8);
    let leaf = if dice.chance(0.5) {
        material::lacquer(dice)
    } else {
        style.wood
    };
    let frame = if dice.chance(0.5) {
        leaf
    } else {
        material::lacquer(dice)
    };
    let mut piece = Piece::new(width, height, 0.05);
    let panels = dice.pick(&[(1, 1), (2, 3), (1, 2), (2, 2)]);
    let door = leaf.textured(Texture::Panels {
        across: panels.0,
        up: panels.1,
    });
    piece.block(Vec3::ZERO, vec3(width, height, 0.03), door);
    for x in [-1.0, 1.0] {
        piece.block(
            vec3(x * (width / 2.0 + 0.035), 0.0, 0.0),
            vec3(0.07, height + 0.07, 0.07),
            frame,
        );
    }
    piece.block(vec3(0.0, height, 0.0), vec3(width, 0.07, 0.07), frame);
    let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
    piece.block(
        vec3(side * (width / 2.0 - 0.07), 1.0, 0.03),
        vec3(0.11, 0.02, 0.05),
        style.metal,
    );
    let at = plan.wall_point(wall, along, 0.0);
    plan.put(&piece, at, -(wall as f32) * std::f32::consts::FRAC_PI_2);
}

/// A window with sky behind it; `daylight` 0 is night. Often curtains, or a radiator below it.
pub(crate) fn add_window(dice: &mut Dice, plan: &mut Plan, daylight: f32) {
    let sill = dice.pick(&[0.3, 0.8, 0.9, 1.0]);
    let height = dice.range(0.9, 1.5).min(plan.size.y - sill - 0.25);
    let width = dice.range(0.7, 2.2);
    let curtained = dice.chance(0.5);
    let taken = width + if curtained { 0.7 } else { 0.2 };
    let Some((wall, along)) = plan.find_on_wall(dice, taken, (sill - 0.1, sill + height + 0.1))
    else {
        return;
    };
    plan.reserve(wall, along, taken, (sill - 0.1, sill + height + 0.1), 0.0);
    let frame = material::ceramic(dice);
    let view = Material {
        emission: 0.08 + 3.4 * daylight,
        infrared: 0.05,
        ..material::plain(dice, Vec3::ONE)
    };
    let mut piece = Piece::new(width, height, 0.1);
    piece.block(
        vec3(0.0, sill, 0.0),
        vec3(width, height, 0.02),
        view.textured(Texture::Outside).glossy(0.05),
    );
    let bars = (width / 0.7).round().max(1.0) as usize;
    for k in 0..=bars {
        let x = (k as f32 / bars as f32 - 0.5) * width;
        piece.block(vec3(x, sill, 0.02), vec3(0.055, height, 0.05), frame);
    }
    for y in [sill, sill + height] {
        piece.block(
            vec3(0.0, y - 0.03, 0.02),
            vec3(width + 0.05, 0.06, 0.05),
            frame,
        );
    }
    piece.block(
        vec3(0.0, sill - 0.07, 0.06),
        vec3(width + 0.16, 0.035, 0.16),
        frame,
    );
    if curtained {
        curtains(dice, &mut piece, width, sill + height, plan.size.y);
    }
    if daylight > 0.0 {
        let sky = vec3(0.86, 0.94, 1.0) * (daylight * 5.0 * width * height);
        piece.lights.push(Light {
            centre: vec3(0.0, sill + height / 2.0, 0.13),
            across: Vec3::X * (width / 2.0),
            up: Vec3::Y * (height / 2.0),
            facing: Vec3::Z,
            intensity: sky,
        });
    }
    let at = plan.wall_point(wall, along, 0.0);
    plan.put(&piece, at, -(wall as f32) * std::f32::consts::FRAC_PI_2);
    if sill > 0.75 && dice.chance(0.5) {
        let heater = radiator(dice);
        plan.stand(&heater, wall, along, 0.03);
    }
}

/// Curtains: rows of thin upright cylinders, whose shading looks like folds.
fn curtains(dice: &mut Dice, piece: &mut Piece, width: f32, top: f32, ceiling: f32) {
    let cloth = material::fabric(dice);
    let (top, bottom) = (
        (top + 0.12).min(ceiling - 0.03),
        dice.pick(&[0.02, 0.02, 0.6]),
    );
    let gathered = dice.range(0.2, 0.34);
    for side in [-1.0, 1.0] {
        let folds = (gathered / 0.05) as usize;
        for k in 0..folds {
            let x = side * (width / 2.0 + 0.12 - k as f32 * 0.05);
            let z = 0.13 + 0.012 * (k % 2) as f32;
            piece.cylinder(vec3(x, bottom, z), 0.032, top - bottom, 1.0, cloth);
        }
    }
    let rail = material::metal(dice);
    piece.block(vec3(0.0, top, 0.13), vec3(width + 0.4, 0.025, 0.025), rail);
}

/// A wall across the room with an opening in it: what lies beyond is seen through it. Answers its position in z.
pub(crate) fn add_partition(dice: &mut Dice, plan: &mut Plan, finish: Finish) -> f32 {
    let z = plan.size.z * dice.range(0.45, 0.65);
    let paint = wall_material(dice, finish);
    let width = dice.range(0.9, 1.9).min(plan.size.x * 0.5);
    let middle = dice.range(0.2 + width / 2.0, plan.size.x - 0.2 - width / 2.0);
    let lintel = dice.range(2.0, 2.2).min(plan.size.y - 0.1);
    let (left, right) = (middle - width / 2.0, middle + width / 2.0);
    let thick = 0.07;
    let parts = [
        (
            vec3(0.0, 0.0, z - thick),
            vec3(left, plan.size.y, z + thick),
        ),
        (
            vec3(right, 0.0, z - thick),
            vec3(plan.size.x, plan.size.y, z + thick),
        ),
        (
            vec3(left, lintel, z - thick),
            vec3(right, plan.size.y, z + thick),
        ),
    ];
    for (min, max) in parts {
        plan.solids.push(Solid::block(min, max, paint));
    }
    let frame = material::lacquer(dice);
    for x in [left, right] {
        let (min, max) = (
            vec3(x - 0.03, 0.0, z - 0.1),
            vec3(x + 0.03, lintel, z + 0.1),
        );
        plan.solids.push(Solid::block(min, max, frame));
    }
    let (min, max) = (
        vec3(left, lintel - 0.05, z - 0.1),
        vec3(right, lintel, z + 0.1),
    );
    plan.solids.push(Solid::block(min, max, frame));
    // The strip that the wall and the way through it take, on the floor and on the side walls.
    for (wall, along) in [(1, z), (3, plan.size.z - z)] {
        plan.reserve(wall, along, 0.3, (0.0, plan.size.y), plan.size.x);
    }
    z
}
