//! How furniture is arranged in each kind of room.

use std::f32::consts::FRAC_PI_2 as QUARTER;

use glam::{Mat3, vec3};

use crate::furniture::{self as f, Style};
use crate::material;
use crate::piece::Piece;
use crate::plan::Plan;
use crate::random::Dice;
use crate::solid::block;
use crate::texture::Texture;

pub(crate) fn bathroom(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    if dice.chance(0.75) {
        plan.stand_by_wall(&f::bathtub(dice), dice);
    }
    plan.stand_by_wall(&f::toilet(dice), dice);
    let basin = f::basin(dice, style);
    if let Some((wall, along)) = plan.stand_by_wall(&basin, dice) {
        let width = (basin.size.x - 0.1).max(0.45);
        if plan.wall_is_free(wall, along, width, (1.15, 1.95)) {
            let mirror = f::picture(dice, width, 0.75, true);
            plan.hang(&mirror, wall, along, 1.15);
        }
    }
    plan.stand_by_wall(&f::waste_bin(dice), dice);
    lay_rug(dice, plan, 0.9, 0.6);
}

pub(crate) fn bedroom(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    let bed = f::bed(dice, style);
    if let Some((wall, along)) = plan.stand_by_wall(&bed, dice) {
        for side in [-1.0, 1.0] {
            let stand = f::nightstand(dice, style);
            let gap = (bed.size.x + stand.size.x) / 2.0 + 0.06;
            plan.stand_at(&stand, wall, along + side * gap, 0.02);
        }
    }
    lay_rug(dice, plan, 2.2, 1.5);
    plan.stand_by_wall(&f::wardrobe(dice, style), dice);
    if dice.chance(0.7) {
        plan.stand_by_wall(&f::dresser(dice, style), dice);
    }
    if dice.chance(0.4) {
        workplace(dice, plan, style);
    }
    if dice.chance(0.3) {
        plan.stand_by_wall(&f::sofa(dice, style, 0.9), dice);
    }
}

pub(crate) fn living_room(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    let width = dice.range(1.6, 2.4);
    let sofa = f::sofa(dice, style, width);
    let wall = dice.int(0, 3);
    if let Some(along) = plan.stand_by(&sofa, wall, dice) {
        let turn = Plan::wall_yaw(wall);
        let reach = sofa.size.z + 0.75;
        let middle = plan.wall_point(wall, along, reach);
        plan.put(&rug(dice, width + 0.5, 1.6), middle, turn);
        plan.stand_free(&f::coffee_table(dice, style), middle, turn, 0.0);
        let opposite = (wall + 2) % 4;
        let set = f::television(dice, style);
        let across = plan.wall_length(opposite) - along;
        if !plan.stand_at(&set, opposite, across, 0.02) {
            plan.stand_by_wall(&set, dice);
        }
        for side in [-1.0, 1.0] {
            if dice.chance(0.6) {
                let armchair = f::sofa(dice, style, 0.88);
                let at = plan.wall_point(wall, along + side * (width / 2.0 + 0.3), reach + 0.3);
                plan.stand_free(&armchair, at, turn - side * (QUARTER - 0.25), 0.0);
            }
        }
    }
    bookcases(dice, plan, style, (1, 2));
    plan.stand_by_wall(&f::floor_lamp(dice), dice);
}

/// A number of bookcases from this range, all at walls.
fn bookcases(dice: &mut Dice, plan: &mut Plan, style: &Style, (least, most): (usize, usize)) {
    for _ in 0..dice.int(least, most) {
        plan.stand_by_wall(&f::bookcase(dice, style), dice);
    }
}

/// A table with chairs around it, anywhere on the free floor.
pub(crate) fn dining_group(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    let table = f::dining_table(dice, style);
    let chair = f::chair(dice, style);
    let Some((at, yaw)) = plan.stand_anywhere(&table, 0.62, dice) else {
        return;
    };
    let turn = Mat3::from_rotation_y(yaw);
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
    plan.stand_by(&f::fridge(dice), wall, dice);
    for k in 0..dice.int(1, 2) {
        let wall = (wall + k) % 4;
        let wish = (plan.wall_length(wall) * dice.range(0.5, 0.8)).min(3.6);
        for width in [wish, wish * 0.7, wish * 0.45] {
            let mut counter = f::kitchen_counter(dice, style, width.max(0.75));
            // A worktop may stand under a window; the things on it may reach before the glass.
            counter.size.y = 0.75;
            let Some(along) = plan.stand_by(&counter, wall, dice) else {
                continue;
            };
            if plan.wall_is_free(wall, along, width, (1.4, 2.15)) && dice.chance(0.8) {
                plan.hang(&f::upper_cabinets(style, width), wall, along, 1.42);
            }
            break;
        }
    }
    if dice.chance(0.7) {
        dining_group(dice, plan, style);
    }
}

pub(crate) fn dining_room(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    dining_group(dice, plan, style);
    for _ in 0..dice.int(1, 2) {
        plan.stand_by_wall(&f::dresser(dice, style), dice);
    }
    if dice.chance(0.5) {
        plan.stand_by_wall(&f::bookcase(dice, style), dice);
    }
}

/// A desk with a chair.
fn workplace(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    let desk = f::desk(dice, style);
    if let Some((wall, along)) = plan.stand_by_wall(&desk, dice) {
        let chair = f::office_chair(dice);
        let [aside, off, turn] = dice.ranges([(-0.2, 0.2), (0.2, 0.45), (-0.7, 0.7)]);
        let at = plan.wall_point(wall, along + aside, desk.size.z + off);
        let yaw = (2 - wall as i32) as f32 * QUARTER + turn;
        plan.stand_free(&chair, at, yaw, -0.25);
    }
}

pub(crate) fn office(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    let area = plan.size.x * plan.size.z;
    for _ in 0..(1 + (area / 9.0) as usize).min(7) {
        workplace(dice, plan, style);
    }
    for _ in 0..dice.int(1, 3) {
        let bookcase = |dice: &mut Dice| f::bookcase(dice, style);
        let piece = dice.either_made(0.6, bookcase, |dice| f::wardrobe(dice, style));
        plan.stand_by_wall(&piece, dice);
    }
    if area > 25.0 {
        dining_group(dice, plan, style);
    }
}

pub(crate) fn library(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    bookcases(dice, plan, style, (5, 12));
    for _ in 0..dice.int(1, 3) {
        dining_group(dice, plan, style);
    }
    plan.stand_anywhere(&f::sofa(dice, style, 1.6), 0.3, dice);
}

/// A class or meeting room with rows of tables and chairs, or a lounge.
pub(crate) fn hall(dice: &mut Dice, plan: &mut Plan, style: &Style) {
    if dice.chance(0.3) {
        living_room(dice, plan, style);
        for _ in 0..dice.int(2, 4) {
            dining_group(dice, plan, style);
        }
        return;
    }
    let table = f::dining_table(dice, style);
    let chair = f::chair(dice, style);
    let [aisle, pitch_z] = dice.ranges([(0.5, 1.0), (1.4, 1.9)]);
    let pitch_x = table.size.x + aisle;
    let (columns, rows) = ((plan.size.x - 1.0) / pitch_x, (plan.size.z - 3.0) / pitch_z);
    for i in 0..columns.max(1.0) as usize {
        for j in 0..rows.max(1.0) as usize {
            let (x, z) = ((i as f32 + 0.5) * pitch_x, (j as f32 + 0.5) * pitch_z);
            let at = vec3(0.7 + x, 0.0, 2.0 + z);
            if dice.chance(0.85) && plan.stand_free(&table, at, 0.0, 0.05) {
                for x in [-0.25, 0.25] {
                    let [off, turn] = dice.ranges([(0.1, 0.35), (-0.3, 0.3)]);
                    let behind = vec3(x * table.size.x, 0.0, table.size.z / 2.0 + off);
                    plan.put(&chair, at + behind, 2.0 * QUARTER + turn);
                }
            }
        }
    }
    bookcases(dice, plan, style, (1, 4));
}

fn rug(dice: &mut Dice, width: f32, depth: f32) -> Piece {
    let cloth = material::fabric(dice).textured(Texture::Rug);
    let mut piece = Piece::new(width, 0.012, depth);
    piece.add(block(cloth, [width, 0.012, depth]));
    piece
}

/// Sometimes lays a rug in the middle of the room, under whatever stands there.
fn lay_rug(dice: &mut Dice, plan: &mut Plan, width: f32, depth: f32) {
    if dice.chance(0.6) {
        let size = plan.size;
        let width = width.min(size.x * 0.7) * dice.range(0.8, 1.0);
        let carpet = rug(dice, width, depth.min(size.z * 0.6));
        let [x, z, yaw] = dice.ranges([(0.45, 0.55), (0.45, 0.55), (-0.1, 0.1)]);
        plan.put(&carpet, vec3(size.x * x, 0.0, size.z * z), yaw);
    }
}
