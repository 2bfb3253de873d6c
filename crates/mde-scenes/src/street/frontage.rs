//! What stands along the street: houses, gardens, walls, trees, lamps and signs.

use std::f32::consts::PI;

use super::site::{AHEAD, BEHIND, Front, KERB, NEAR, SIDES, Side, Site};
use super::{fixtures, houses, palette, people, plants};
use crate::random::Dice;

pub(crate) fn build(dice: &mut Dice, site: &mut Site) {
    for side in SIDES {
        match site.profile.sides[side].front {
            Front::Row | Front::Villas | Front::Blocks => houses_along(dice, site, side),
            Front::Wall => {
                boundary(dice, site, side, true);
                trees_behind(dice, site, side, (3.0, 16.0), 34);
            }
            Front::Park => {
                if dice.chance(0.4) {
                    boundary(dice, site, side, false);
                }
                trees_behind(dice, site, side, (1.5, 30.0), 44);
            }
            Front::Field => {
                trees_behind(dice, site, side, (4.0, 70.0), 20);
                if dice.chance(0.4) {
                    guard_rails(dice, site, side);
                }
            }
        }
        trees_along_pavement(dice, site, side);
        posts(dice, site, side);
        things_on_pavement(dice, site, side);
    }
    if site.crossing.is_some() {
        beside_crossing(dice, site);
    }
    end_of_street(dice, site);
}

/// Metres right of the middle, `out` metres behind the line of the fences.
fn behind(site: &Site, side: usize, out: f32) -> f32 {
    let strip = site.profile.sides[side];
    Site::sign(side) * (site.profile.half() + strip.depth() + out)
}

fn houses_along(dice: &mut Dice, site: &mut Site, side: usize) {
    let strip = site.profile.sides[side];
    let mut along = BEHIND - dice.range(0.0, 8.0);
    let (widths, gap) = match strip.front {
        Front::Row => ((7.0, 15.0), (0.0, 0.0)),
        Front::Villas => ((8.0, 13.0), (2.5, 8.0)),
        _ => ((14.0, 38.0), (5.0, 20.0)),
    };
    if strip.front == Front::Villas {
        boundary(dice, site, side, false);
    }
    while along < AHEAD {
        let width = dice.range(widths.0, widths.1);
        let middle = along + width / 2.0;
        let next = along + width + dice.range(gap.0, gap.1);
        if site.is_clear(along, along + width, 2.0) {
            let near = middle < NEAR;
            let house = match strip.front {
                Front::Row => houses::row_house(dice, width, near),
                Front::Villas => houses::villa(dice, width, near),
                _ => houses::large_building(dice, width),
            };
            let right = behind(site, side, strip.setback + house.size.z / 2.0 + 0.05);
            let turn = Site::towards_road(side);
            site.put(&house, middle, right, KERB - 0.06, turn);
            if strip.front != Front::Row {
                garden(dice, site, side, (along + width, next), &strip);
            }
        } else if let Some(crossing) = site.crossing
            && along < crossing.along + crossing.half + 2.0
            && along + width > crossing.along + crossing.half
        {
            // The corner house on the far side begins where the crossing ends.
            along = crossing.along + crossing.half + 2.1;
            continue;
        }
        along = next;
    }
}

/// Trees and bushes in the gap beside a house.
fn garden(dice: &mut Dice, site: &mut Site, side: usize, (from, to): (f32, f32), strip: &Side) {
    for _ in 0..dice.int(1, 3) {
        let along = dice.range(from, to.max(from + 1.0));
        if !site.is_clear(along, along, 2.5) {
            continue;
        }
        let out = dice.range(0.9, strip.setback + 8.0);
        let plant = if dice.chance(0.45) {
            let size = dice.range(0.8, 2.2);
            plants::bush(dice, size)
        } else {
            let height = dice.range(3.0, 10.0);
            plants::tree(dice, height)
        };
        let right = behind(site, side, out + plant.size.x * 0.3);
        site.put(&plant, along, right, KERB - 0.06, 0.0);
    }
}

/// A hedge, fence or wall along the whole side, with gaps for gates. `high` makes it a tall one.
fn boundary(dice: &mut Dice, site: &mut Site, side: usize, high: bool) {
    let kind = if high {
        dice.pick(&[2, 2, 0])
    } else {
        dice.int(0, 3)
    };
    let leaves = palette::leaves(dice);
    let (heights, length, gates) = if high {
        ((1.7, 3.0), 9.0, 0.03)
    } else {
        ((0.5, 1.4), 6.0, 0.25)
    };
    let height = dice.range(heights.0, heights.1);
    // All stretches of a boundary are alike.
    let piece = match kind {
        0 => plants::hedge(dice, length, height.max(0.9), leaves),
        1 => fixtures::fence(dice, length),
        _ => fixtures::wall(dice, length, height),
    };
    let right = behind(site, side, piece.size.x / 2.0 + 0.05);
    for along in site.clear_stretches(length, 1.5) {
        if !dice.chance(gates) {
            site.put(&piece, along + length / 2.0, right, KERB - 0.06, 0.0);
        }
    }
}

fn guard_rails(dice: &mut Dice, site: &mut Site, side: usize) {
    let length = 4.0;
    let rail = fixtures::guard_rail(dice, length);
    let right = Site::sign(side) * (site.profile.half() + 0.6);
    for along in site.clear_stretches(length, 1.0) {
        site.put(&rail, along + length / 2.0, right, 0.0, 0.0);
    }
}

/// Up to `most` trees in a band behind the front.
fn trees_behind(dice: &mut Dice, site: &mut Site, side: usize, band: (f32, f32), most: usize) {
    for _ in 0..dice.int(most / 3, most) {
        let along = dice.range(-5.0, AHEAD);
        if !site.is_clear(along, along, 4.0) {
            continue;
        }
        let height = dice.range(5.0, 16.0);
        let tree = plants::tree(dice, height);
        let right = behind(site, side, dice.range(band.0, band.1) + tree.size.x * 0.2);
        site.put(&tree, along, right, KERB - 0.08, 0.0);
    }
}

/// A row of trees on the verge, or on a wide pavement.
fn trees_along_pavement(dice: &mut Dice, site: &mut Site, side: usize) {
    let (profile, strip) = (site.profile, site.profile.sides[side]);
    let edge = profile.half() + strip.parking;
    let out = if strip.verge >= 1.2 {
        edge + strip.pavement + strip.verge / 2.0
    } else if strip.pavement > 2.4 {
        edge + 0.8
    } else {
        return;
    };
    let right = Site::sign(side) * out;
    let ranges = [(7.0, 13.0), (5.0, 12.0), (2.0, 10.0)];
    let [spacing, height, mut along] = dice.ranges(ranges);
    while along < AHEAD {
        if dice.chance(profile.trees) && site.is_clear(along, along, 3.0) {
            let height = height * dice.range(0.8, 1.2);
            let tree = plants::tree(dice, height);
            site.put(&tree, along, right, KERB - 0.06, dice.range(0.0, 6.0));
        }
        along += spacing * dice.range(0.85, 1.15);
    }
}

/// Lamp posts, or masts in the country.
fn posts(dice: &mut Dice, site: &mut Site, side: usize) {
    let strip = site.profile.sides[side];
    let edge = site.profile.half() + strip.parking;
    let (post, out) = if strip.front == Front::Field {
        (fixtures::mast(dice), edge + 2.5)
    } else {
        (fixtures::lamp_post(dice), edge + 0.45)
    };
    // The arm reaches over the road from either side.
    let turn = if side == 0 { 0.0 } else { PI };
    let [spacing, mut along] = dice.ranges([(22.0, 38.0), (4.0, 30.0)]);
    while along < AHEAD && dice.chance(0.97) {
        if site.is_clear(along, along, 0.5) {
            site.put(&post, along, Site::sign(side) * out, KERB - 0.05, turn);
        }
        along += spacing;
    }
}

/// Signs, bins and other small objects between road and front.
fn things_on_pavement(dice: &mut Dice, site: &mut Site, side: usize) {
    let strip = site.profile.sides[side];
    let edge = site.profile.half() + strip.parking;
    let (kerb, front) = (edge + 0.45, edge + strip.pavement);
    let kinds = if strip.front == Front::Field { 1 } else { 6 };
    for _ in 0..dice.int(1, 7) {
        let along = dice.range(5.0, 70.0);
        if !site.is_clear(along, along, 0.5) {
            continue;
        }
        let (piece, out) = match dice.int(0, kinds) {
            0..=2 => (fixtures::sign(dice), kerb),
            3 => (fixtures::bin(dice), front - 0.4),
            4 => (fixtures::bollard(dice), kerb),
            5 if strip.pavement > 2.2 => (fixtures::advertising_column(dice), front - 0.8),
            _ => (people::bicycle(dice), front - 0.3),
        };
        let turn = dice.range(-0.15, 0.15);
        site.put(&piece, along, Site::sign(side) * out, KERB - 0.01, turn);
    }
}

/// Traffic lights, and houses along the crossing road.
fn beside_crossing(dice: &mut Dice, site: &mut Site) {
    let Some(crossing) = site.crossing else {
        return;
    };
    if dice.chance(0.4) {
        for side in SIDES {
            let light = fixtures::traffic_light(dice);
            let right = Site::sign(side) * (site.profile.half() + 0.5);
            let along = crossing.along - Site::sign(side) * (crossing.half + 1.2);
            let turn = if side == 0 { PI } else { 0.0 };
            site.put(&light, along, right, KERB, turn);
        }
    }
    for side in SIDES {
        let strip = site.profile.sides[side];
        if matches!(strip.front, Front::Field | Front::Park) {
            continue;
        }
        let mut out = strip.setback + 16.0;
        while out < 80.0 {
            let width = dice.range(9.0, 18.0);
            for (end, turn) in [(-1.0, 0.0), (1.0, PI)] {
                let house = dice.either_made(
                    0.5,
                    |dice| houses::row_house(dice, width, false),
                    |dice| houses::villa(dice, width, false),
                );
                let along = crossing.along + end * (crossing.half + 2.5 + house.size.z / 2.0);
                let right = behind(site, side, out + width / 2.0);
                site.put(&house, along, right, 0.0, turn);
            }
            out += width + dice.range(0.0, 6.0);
        }
    }
}

/// The end of the street: houses across it, trees, or nothing.
fn end_of_street(dice: &mut Dice, site: &mut Site) {
    let ends = dice.int(0, 3);
    if ends == 0 {
        return;
    }
    let along = AHEAD + dice.range(4.0, 20.0);
    let mut right = -70.0;
    while right < 70.0 {
        let width = dice.range(10.0, 24.0);
        if ends == 1 {
            let house = houses::large_building(dice, width);
            let along = along + house.size.z / 2.0;
            site.put(&house, along, right + width / 2.0, 0.0, PI);
            right += width;
        } else {
            let height = dice.range(8.0, 18.0);
            let tree = plants::tree(dice, height);
            let along = along + dice.range(0.0, 25.0);
            site.put(&tree, along, right, 0.0, 0.0);
            right += width * 0.6;
        }
    }
}
