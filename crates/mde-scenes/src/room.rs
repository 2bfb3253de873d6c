//! Kinds of rooms: their sizes and their furniture.

use glam::{Vec3, vec3};

use crate::arrange;
use crate::furniture::{self as f, Style};
use crate::plan::Plan;
use crate::random::Dice;
use crate::scene::Scene;
use crate::shell::{self, Finish};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bathroom,
    Bedroom,
    LivingRoom,
    Kitchen,
    DiningRoom,
    Office,
    Corridor,
    Library,
    Hall,
}

/// Kinds and their frequencies, roughly those of NYU Depth V2: mostly dwellings.
const KINDS: [(Kind, usize); 9] = [
    (Kind::Bathroom, 2),
    (Kind::Bedroom, 3),
    (Kind::LivingRoom, 3),
    (Kind::Kitchen, 2),
    (Kind::DiningRoom, 2),
    (Kind::Office, 1),
    (Kind::Corridor, 1),
    (Kind::Library, 2),
    (Kind::Hall, 2),
];

impl Kind {
    fn size(self, dice: &mut Dice) -> Vec3 {
        dice.vector(match self {
            Self::Bathroom => [(1.7, 2.9), (2.3, 2.6), (2.1, 3.6)],
            Self::Bedroom => [(2.8, 4.6), (2.35, 2.8), (3.1, 5.2)],
            Self::LivingRoom => [(3.5, 6.5), (2.4, 3.2), (4.2, 8.0)],
            Self::Kitchen => [(2.4, 4.6), (2.35, 2.8), (3.0, 5.6)],
            Self::DiningRoom => [(3.0, 5.6), (2.4, 3.0), (3.6, 7.0)],
            Self::Office => [(2.8, 8.0), (2.5, 3.1), (3.2, 9.0)],
            Self::Corridor => [(1.4, 2.3), (2.35, 3.0), (6.0, 12.0)],
            Self::Library => [(4.0, 8.0), (2.7, 3.6), (5.0, 10.5)],
            Self::Hall => [(6.0, 10.0), (2.9, 4.2), (7.5, 12.5)],
        })
    }

    fn finish(self) -> Finish {
        match self {
            Self::Bathroom => Finish::Wet,
            Self::Office | Self::Corridor | Self::Library | Self::Hall => Finish::Public,
            _ => Finish::Dwelling,
        }
    }
}

/// A random furnished room, and its plan, in which the camera finds a free place.
pub(crate) fn furnished(dice: &mut Dice) -> (Scene, Plan) {
    let kinds = KINDS.map(|(kind, count)| vec![kind; count]).concat();
    let kind = dice.pick(&kinds);
    let mut plan = Plan::new(kind.size(dice));
    let style = Style::new(dice);
    let albedo = shell::build_shell(dice, &mut plan, kind.finish());
    let long = plan.size.z > 6.0 && plan.size.x > 2.6;
    let parted = long && dice.chance(0.35);
    let partition = parted.then(|| shell::add_partition(dice, &mut plan, kind.finish()));
    for _ in 0..dice.int(1, 2) {
        shell::add_door(dice, &mut plan, &style);
    }
    let daylight = dice.either_made(0.25, |_| 0.0, |dice| dice.range(0.3, 1.0));
    let windows = match kind {
        Kind::Corridor | Kind::Bathroom => dice.int(0, 1),
        Kind::Library | Kind::Hall => dice.int(1, 4),
        _ => dice.int(1, 2),
    };
    for _ in 0..windows {
        shell::add_window(dice, &mut plan, daylight);
    }
    hang_lamps(dice, &mut plan, partition);
    furnish(dice, &mut plan, kind, &style);
    hang_pictures(dice, &mut plan, kind);
    let size = plan.size;
    let area = 2.0 * (size.x * size.y + size.y * size.z + size.z * size.x);
    let scene = Scene::new(plan.solids.clone(), plan.lights.clone(), area, albedo);
    (scene, plan)
}

/// Ceiling lamps on a grid, one per about 17 m2, except near the partition.
fn hang_lamps(dice: &mut Dice, plan: &mut Plan, partition: Option<f32>) {
    let size = plan.size;
    let across = (size.x / 4.5).round().max(1.0);
    let along = (size.z / 3.8).round().max(1.0);
    let hanging = dice.chance(0.35) && size.y > 2.45;
    let drop = dice.range(0.4, 0.8);
    let lamp = if hanging {
        f::pendant(dice, drop)
    } else {
        f::ceiling_panel(dice)
    };
    let dim = dice.range(0.5, 1.0);
    for i in 0..across as usize {
        for j in 0..along as usize {
            let x = (i as f32 + 0.5) * size.x / across;
            let z = (j as f32 + 0.5) * size.z / along;
            if partition.is_some_and(|wall: f32| (z - wall).abs() < 0.8) {
                continue;
            }
            let first = plan.lights.len();
            plan.put(&lamp, vec3(x, size.y, z), 0.0);
            for light in &mut plan.lights[first..] {
                light.intensity *= dim;
            }
        }
    }
}

fn furnish(dice: &mut Dice, plan: &mut Plan, kind: Kind, style: &Style) {
    match kind {
        Kind::Bathroom => arrange::bathroom(dice, plan, style),
        Kind::Bedroom => arrange::bedroom(dice, plan, style),
        Kind::LivingRoom => {
            arrange::living_room(dice, plan, style);
            if plan.size.z > 5.5 {
                arrange::dining_group(dice, plan, style);
            }
        }
        Kind::Kitchen => arrange::kitchen(dice, plan, style),
        Kind::DiningRoom => arrange::dining_room(dice, plan, style),
        Kind::Office => arrange::office(dice, plan, style),
        Kind::Corridor => {}
        Kind::Library => arrange::library(dice, plan, style),
        Kind::Hall => arrange::hall(dice, plan, style),
    }
    let area = plan.size.x * plan.size.z;
    let extras = match kind {
        Kind::Bathroom => dice.int(0, 1),
        Kind::Corridor => dice.int(1, 4),
        _ => dice.int(2, 3 + (area / 7.0) as usize),
    };
    for _ in 0..extras {
        let piece = match dice.int(0, 8) {
            0 | 1 => f::plant(dice),
            2 => f::boxes(dice),
            3 => f::waste_bin(dice),
            4 => f::floor_lamp(dice),
            5 => f::chair(dice, style),
            6 => f::bookcase(dice, style),
            7 => f::dresser(dice, style),
            _ => f::stool(dice, style),
        };
        if kind != Kind::Bathroom || piece.size.x < 0.5 {
            plan.stand_by_wall(&piece, dice);
        }
    }
}

fn hang_pictures(dice: &mut Dice, plan: &mut Plan, kind: Kind) {
    let most = if kind == Kind::Bathroom {
        1
    } else {
        3 + (plan.size.x * plan.size.z / 10.0) as usize
    };
    for _ in 0..dice.int(0, most) {
        let [width, height] = dice.ranges([(0.3, 1.1), (0.3, 0.85)]);
        let low = dice.range(1.2, 1.5).min(plan.size.y - height - 0.2);
        let up = (low - 0.05, low + height + 0.05);
        if let Some((wall, along)) = plan.find_on_wall(dice, width + 0.1, up) {
            let mirrored = dice.chance(0.08);
            let picture = f::picture(dice, width, height, mirrored);
            plan.hang(&picture, wall, along, low);
        }
    }
}
