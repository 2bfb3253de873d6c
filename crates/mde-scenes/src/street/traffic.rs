//! What moves or is parked: vehicles on the road and beside it, people on foot and on bicycles.

use super::site::{AHEAD, Front, KERB, Site};
use super::{people, vehicles};
use crate::random::Dice;

const HALF_TURN: f32 = std::f32::consts::PI;

pub(crate) fn place(dice: &mut Dice, site: &mut Site) {
    for side in 0..2 {
        parked(dice, site, side);
        on_pavement(dice, site, side);
    }
    for lane in 0..site.profile.lanes {
        moving(dice, site, lane);
    }
    crossing(dice, site);
}

/// Cars at the kerb, in their strip if there is one, else sometimes on the road's edge.
fn parked(dice: &mut Dice, site: &mut Site, side: usize) {
    let profile = site.profile;
    let strip = profile.sides[side];
    let on_road = strip.parking == 0.0;
    let possible = strip.front != Front::Field && profile.lanes == 2;
    if on_road && !(possible && dice.chance(0.5)) {
        return;
    }
    site.parked_on_road[side] = on_road;
    let density = if on_road {
        profile.parked * 0.4
    } else {
        profile.parked
    };
    let mut along = dice.range(-9.0, -4.0);
    while along < AHEAD {
        let place = dice.range(5.4, 6.6);
        let car = vehicles::vehicle(dice);
        let free = site.is_clear(along, along + car.size.z + 1.0, 4.0);
        // A lorry would stand in the road; nothing may stand where the camera's car is.
        let fits = car.size.z < 6.2 && !(on_road && side == 1 && along < 9.0);
        if dice.chance(density) && free && fits {
            let inwards = if on_road {
                -car.size.x / 2.0 - 0.1
            } else {
                1.05
            };
            let right = Site::sign(side) * (profile.half() + inwards) + dice.range(-0.1, 0.1);
            let against = (side == 0) != dice.chance(0.12);
            let turn = if against { HALF_TURN } else { 0.0 } + dice.range(-0.03, 0.03);
            let height = if on_road { 0.0 } else { 0.005 };
            site.put(&car, along + car.size.z / 2.0, right, height, turn);
        }
        along += place.max(car.size.z + 0.6);
    }
}

/// Vehicles in one lane, numbered from the left.
fn moving(dice: &mut Dice, site: &mut Site, lane: u8) {
    let profile = site.profile;
    let right = (f32::from(lane) + 0.5) * profile.lane - profile.half();
    let ours = right > 0.0;
    let outermost = right.abs() > profile.own_lane() - 0.1;
    if outermost && site.parked_on_road[usize::from(ours)] {
        return;
    }
    let own = (right - profile.own_lane()).abs() < 0.1;
    let mut along = if own {
        dice.range(9.0, 45.0)
    } else {
        dice.range(-8.0, 30.0)
    };
    while along < AHEAD {
        let vehicle = if dice.chance(0.07) {
            people::cyclist(dice)
        } else {
            vehicles::vehicle(dice)
        };
        let half = vehicle.size.z / 2.0;
        let clear = along - half > 6.5 || !own;
        if dice.chance(profile.moving) && clear && along.abs() > half - 1.0 {
            let turn = if ours { 0.0 } else { HALF_TURN };
            let drift = dice.range(-0.25, 0.25);
            site.put(&vehicle, along, right + drift, 0.0, turn);
        }
        along += 2.0 * half + dice.range(6.0, 26.0);
    }
}

fn on_pavement(dice: &mut Dice, site: &mut Site, side: usize) {
    let profile = site.profile;
    let strip = profile.sides[side];
    if strip.pavement < 1.0 {
        return;
    }
    let most = if strip.front == Front::Row { 12 } else { 5 };
    for _ in 0..dice.int(0, most) {
        let along = dice.range(4.0, 70.0);
        let out = strip.parking + dice.range(0.35, strip.pavement - 0.25);
        let cycling = dice.chance(0.15);
        let who = if cycling {
            people::cyclist(dice)
        } else {
            people::pedestrian(dice)
        };
        let turn = dice.pick(&[0.0, HALF_TURN]) + dice.range(-0.2, 0.2);
        let right = Site::sign(side) * (profile.half() + out);
        let height = if site.is_clear(along, along, 0.0) {
            KERB - 0.005
        } else {
            0.0
        };
        site.put(&who, along, right, height, turn);
    }
}

/// A vehicle on the crossing road and somebody who walks over the street.
fn crossing(dice: &mut Dice, site: &mut Site) {
    let Some(crossing) = site.crossing else {
        return;
    };
    for side in 0..2 {
        if dice.chance(0.45) {
            let car = vehicles::car(dice);
            let sign = Site::sign(side);
            let along = crossing.along + sign * crossing.half / 2.0;
            let right = sign * dice.range(site.profile.half() + 4.0, 30.0);
            // Keeps to the right: from the right it drives in the far half, towards the left.
            let turn = sign * std::f32::consts::FRAC_PI_2;
            site.put(&car, along, right, 0.0, turn);
        }
    }
    for _ in 0..dice.int(0, 3) {
        let walker = people::pedestrian(dice);
        let along = crossing.along - crossing.half - dice.range(1.5, 3.5);
        let right = dice.range(-1.0, 1.0) * site.profile.half();
        let turn = dice.pick(&[-1.0, 1.0]) * std::f32::consts::FRAC_PI_2;
        site.put(&walker, along, right, 0.0, turn);
    }
}
