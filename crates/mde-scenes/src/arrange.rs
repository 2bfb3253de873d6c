//! How furniture is arranged in each kind of room: what stands beside, before and above what.

use glam::{Vec3, vec3};

use crate::furniture::{self as f, Style};
use crate::material;
use crate::plan::Plan;
use crate::random::Dice;
use crate::texture::Texture;

const QUARTER: f32 = std::f32::consts::FRAC_PI_2;

pub(crate) fn bathroom(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    if dice.chance(0.75) {
        let tub = f::bathtub(dice);
        plan.against_wall(dice, &tub);
    }
    let toilet = f::toilet(dice);
    plan.against_wall(dice, &toilet);
    let basin = f::basin(dice, style);
    if let Some((wall, along)) = plan.against_wall(dice, &basin) {
        let width = (basin.size.x - 0.1).max(0.45);
        if plan.wall_is_free(wall, along, width, (1.15, 1.95)) {
            let mirror = f::picture(dice, width, 0.75, true);
            hang(plan, &mirror, wall, along, 1.15);
        }
    }
    let bin = f::waste_bin(dice);
    plan.against_wall(dice, &bin);
    rug(dice, plan, 0.9, 0.6);
}

pub(crate) fn bedroom(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    let bed = f::bed(dice, style);
    if let Some((wall, along)) = plan.against_wall(dice, &bed) {
        for side in [-1.0, 1.0] {
            let stand = f::nightstand(dice, style);
            let gap = (bed.size.x + stand.size.x) / 2.0 + 0.06;
            plan.stand(&stand, wall, along + side * gap, 0.02);
        }
    }
    rug(dice, plan, 2.2, 1.5);
    let wardrobe = f::wardrobe(dice, style);
    plan.against_wall(dice, &wardrobe);
    if dice.chance(0.7) {
        let dresser = f::dresser(dice, style);
        plan.against_wall(dice, &dresser);
    }
    if dice.chance(0.4) {
        workplace(dice, plan, style);
    }
    if dice.chance(0.3) {
        let armchair = f::sofa(dice, style, 0.9);
        plan.against_wall(dice, &armchair);
    }
}

pub(crate) fn living(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    let width = dice.range(1.6, 2.4);
    let sofa = f::sofa(dice, style, width);
    let wall = dice.int(0, 3);
    if let Some(along) = plan.against(dice, &sofa, wall) {
        let turn = -(wall as f32) * QUARTER;
        let reach = sofa.size.z + 0.75;
        let carpet = rug_piece(dice, width + 0.5, 1.6);
        plan.put(&carpet, plan.wall_point(wall, along, reach), turn);
        let table = f::coffee_table(dice, style);
        plan.stand_free(&table, plan.wall_point(wall, along, reach), turn, 0.0);
        let opposite = (wall + 2) % 4;
        let set = f::television(dice, style);
        let across = plan.wall_length(opposite) - along;
        if !plan.stand(&set, opposite, across, 0.02) {
            plan.against_wall(dice, &set);
        }
        for side in [-1.0, 1.0] {
            if dice.chance(0.6) {
                let armchair = f::sofa(dice, style, 0.88);
                let at = plan.wall_point(wall, along + side * (width / 2.0 + 0.3), reach + 0.3);
                plan.stand_free(&armchair, at, turn - side * (QUARTER - 0.25), 0.0);
            }
        }
    }
    for _ in 0..dice.int(1, 2) {
        let case = f::bookcase(dice, style);
        plan.against_wall(dice, &case);
    }
    let lamp = f::floor_lamp(dice);
    plan.against_wall(dice, &lamp);
}

/// A table with chairs around it, somewhere on the free floor.
pub(crate) fn dining_group(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    let table = f::dining_table(dice, style);
    let chair = f::chair(dice, style);
    let Some((at, yaw)) = plan.somewhere(dice, &table, 0.62) else {
        return;
    };
    let turn = glam::Mat3::from_rotation_y(yaw);
    let seats = (table.size.x / 0.62).floor().max(1.0) as usize;
    for side in [-1.0, 1.0] {
        for k in 0..seats {
            let x = ((k as f32 + 0.5) / seats as f32 - 0.5) * table.size.x;
            let pulled = dice.range(0.0, 0.3);
            let place = at + turn * vec3(x, 0.0, side * (table.size.z / 2.0 + 0.14 + pulled));
            let facing = yaw + if side > 0.0 { 2.0 * QUARTER } else { 0.0 } + dice.range(-0.2, 0.2);
            if dice.chance(0.9) {
                plan.put(&chair, place, facing);
            }
        }
        if table.size.x > 1.3 {
            let place = at + turn * vec3(side * (table.size.x / 2.0 + 0.2), 0.0, 0.0);
            plan.put(&chair, place, yaw - side * QUARTER);
        }
    }
}

pub(crate) fn kitchen(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    let wall = dice.int(0, 3);
    let fridge = f::fridge(dice);
    plan.against(dice, &fridge, wall);
    for k in 0..dice.int(1, 2) {
        let wall = (wall + k) % 4;
        let wish = (plan.wall_length(wall) * dice.range(0.5, 0.8)).min(3.6);
        for width in [wish, wish * 0.7, wish * 0.45] {
            let counter = f::kitchen_counter(dice, style, width.max(0.75));
            let mut low = counter;
            // Under a window a worktop may stand; what stands on it may reach before the glass.
            low.size.y = 0.75;
            let Some(along) = plan.against(dice, &low, wall) else {
                continue;
            };
            if plan.wall_is_free(wall, along, width, (1.4, 2.15)) && dice.chance(0.8) {
                let upper = f::upper_cabinets(style, width);
                hang(plan, &upper, wall, along, 1.42);
            }
            break;
        }
    }
    if dice.chance(0.7) {
        dining_group(dice, plan, style);
    }
}

pub(crate) fn dining(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    dining_group(dice, plan, style);
    for _ in 0..dice.int(1, 2) {
        let dresser = f::dresser(dice, style);
        plan.against_wall(dice, &dresser);
    }
    if dice.chance(0.5) {
        let case = f::bookcase(dice, style);
        plan.against_wall(dice, &case);
    }
}

/// A desk with a chair pushed up to it.
fn workplace(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    let desk = f::desk(dice, style);
    if let Some((wall, along)) = plan.against_wall(dice, &desk) {
        let chair = f::office_chair(dice);
        let at = plan.wall_point(
            wall,
            along + dice.range(-0.2, 0.2),
            desk.size.z + dice.range(0.2, 0.45),
        );
        plan.stand_free(
            &chair,
            at,
            (2 - wall as i32) as f32 * QUARTER + dice.range(-0.7, 0.7),
            -0.25,
        );
    }
}

pub(crate) fn office(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    let area = plan.size.x * plan.size.z;
    for _ in 0..(1 + (area / 9.0) as usize).min(7) {
        workplace(dice, plan, style);
    }
    for _ in 0..dice.int(1, 3) {
        let piece = if dice.chance(0.6) {
            f::bookcase(dice, style)
        } else {
            f::wardrobe(dice, style)
        };
        plan.against_wall(dice, &piece);
    }
    if area > 25.0 {
        dining_group(dice, plan, style);
    }
}

pub(crate) fn library(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    for _ in 0..dice.int(5, 12) {
        let case = f::bookcase(dice, style);
        plan.against_wall(dice, &case);
    }
    for _ in 0..dice.int(1, 3) {
        dining_group(dice, plan, style);
    }
    let sofa = f::sofa(dice, style, 1.6);
    plan.somewhere(dice, &sofa, 0.3);
}

/// A class or meeting room: rows of tables with chairs, all facing one wall.
pub(crate) fn hall(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    if dice.chance(0.3) {
        living(dice, plan, style);
        for _ in 0..dice.int(2, 4) {
            dining_group(dice, plan, style);
        }
        return;
    }
    let table = f::dining_table(dice, style);
    let chair = f::chair(dice, style);
    let (pitch_x, pitch_z) = (table.size.x + dice.range(0.5, 1.0), dice.range(1.4, 1.9));
    let (columns, rows) = ((plan.size.x - 1.0) / pitch_x, (plan.size.z - 3.0) / pitch_z);
    for i in 0..columns.max(1.0) as usize {
        for j in 0..rows.max(1.0) as usize {
            let at = vec3(
                0.7 + (i as f32 + 0.5) * pitch_x,
                0.0,
                2.0 + (j as f32 + 0.5) * pitch_z,
            );
            if dice.chance(0.85) && plan.stand_free(&table, at, 0.0, 0.05) {
                for x in [-0.25, 0.25] {
                    let behind = at
                        + vec3(
                            x * table.size.x,
                            0.0,
                            table.size.z / 2.0 + dice.range(0.1, 0.35),
                        );
                    plan.put(&chair, behind, 2.0 * QUARTER + dice.range(-0.3, 0.3));
                }
            }
        }
    }
    for _ in 0..dice.int(1, 4) {
        let case = f::bookcase(dice, style);
        plan.against_wall(dice, &case);
    }
}

fn rug_piece(dice: &mut Dice, width: f32, depth: f32) -> f::Piece {
    let cloth = material::fabric(dice);
    let mut piece = f::Piece::new(width, 0.012, depth);
    piece.block(
        Vec3::ZERO,
        vec3(width, 0.012, depth),
        cloth.textured(Texture::Rug),
    );
    piece
}

/// A rug in the middle of the room, under whatever stands there.
fn rug(dice: &mut Dice, plan: &mut Plan, width: f32, depth: f32) {
    if dice.chance(0.6) {
        let width = width.min(plan.size.x * 0.7) * dice.range(0.8, 1.0);
        let carpet = rug_piece(dice, width, depth.min(plan.size.z * 0.6));
        let at = vec3(
            plan.size.x * dice.range(0.45, 0.55),
            0.0,
            plan.size.z * dice.range(0.45, 0.55),
        );
        plan.put(&carpet, at, dice.range(-0.1, 0.1));
    }
}

/// Hangs a piece on a wall, its underside at `height`.
pub(crate) fn hang(plan: &mut Plan, piece: &f::Piece, wall: usize, along: f32, height: f32) {
    let at = plan.wall_point(wall, along, piece.size.z / 2.0) + Vec3::Y * height;
    plan.reserve(
        wall,
        along,
        piece.size.x,
        (height, height + piece.size.y),
        0.0,
    );
    plan.put(piece, at, -(wall as f32) * QUARTER);
}
