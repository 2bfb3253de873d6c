//! Traffic: vehicles that move or are parked, people on foot and on bicycles.

use std::f32::consts::{FRAC_PI_2, PI};

use super::site::{AHEAD, Front, KERB, SIDES, Site};
use super::{people, vehicles};
use crate::random::Dice;

pub(crate) fn place(dice: &mut Dice, site: &mut Site) {
    for side in SIDES {
        park_cars(dice, site, side);
        place_people(dice, site, side);
    }
    for lane in 0..site.profile.lanes {
        fill_lane(dice, site, lane);
    }
    fill_crossing(dice, site);
}

/// Cars at the kerb: in their strip if there is one, else sometimes on the road's edge.
fn park_cars(dice: &mut Dice, site: &mut Site, side: usize) {
    let profile = site.profile;
    let strip = profile.sides[side];
    let on_road = strip.parking == 0.0;
    let possible = strip.front != Front::Field && profile.lanes == 2;
    if on_road && !(possible && dice.chance(0.5)) {
        return;
    }
    site.parked_on_road[side] = on_road;
    let (share, height) = if on_road { (0.4, 0.0) } else { (1.0, 0.005) };
    let mut along = dice.range(-9.0, -4.0);
    while along < AHEAD {
        let place = dice.range(5.4, 6.6);
        let car = vehicles::vehicle(dice);
        let free = site.is_clear(along, along + car.size.z + 1.0, 4.0);
        // A lorry would block the road; the camera's car needs its place.
        let fits = car.size.z < 6.2 && !(on_road && side == 1 && along < 9.0);
        if dice.chance(profile.parked * share) && free && fits {
            let out = if on_road {
                -car.size.x / 2.0 - 0.1
            } else {
                1.05
            };
            let right = Site::sign(side) * (profile.half() + out) + dice.range(-0.1, 0.1);
            let against = (side == 0) != dice.chance(0.12);
            let turn = if against { PI } else { 0.0 } + dice.range(-0.03, 0.03);
            site.put(&car, along + car.size.z / 2.0, right, height, turn);
        }
        along += place.max(car.size.z + 0.6);
    }
}

/// Vehicles in one lane; lanes are numbered from the left.
fn fill_lane(dice: &mut Dice, site: &mut Site, lane: u8) {
    let profile = site.profile;
    let right = (f32::from(lane) + 0.5) * profile.lane - profile.half();
    let ours = right > 0.0;
    let outermost = right.abs() > profile.own_lane() - 0.1;
    if outermost && site.parked_on_road[usize::from(ours)] {
        return;
    }
    let own = (right - profile.own_lane()).abs() < 0.1;
    let first = if own { (9.0, 45.0) } else { (-8.0, 30.0) };
    let mut along = dice.range(first.0, first.1);
    while along < AHEAD {
        let vehicle = dice.either_made(0.07, people::cyclist, vehicles::vehicle);
        let half = vehicle.size.z / 2.0;
        let clear = along - half > 6.5 || !own;
        if dice.chance(profile.moving) && clear && along.abs() > half - 1.0 {
            let turn = if ours { 0.0 } else { PI };
            let drift = dice.range(-0.25, 0.25);
            site.put(&vehicle, along, right + drift, 0.0, turn);
        }
        along += 2.0 * half + dice.range(6.0, 26.0);
    }
}

/// Pedestrians and cyclists on one pavement.
fn place_people(dice: &mut Dice, site: &mut Site, side: usize) {
    let profile = site.profile;
    let strip = profile.sides[side];
    if strip.pavement < 1.0 {
        return;
    }
    let most = if strip.front == Front::Row { 12 } else { 5 };
    for _ in 0..dice.int(0, most) {
        let along = dice.range(4.0, 70.0);
        let out = strip.parking + dice.range(0.35, strip.pavement - 0.25);
        let who = dice.either_made(0.15, people::cyclist, people::pedestrian);
        let turn = dice.pick(&[0.0, PI]) + dice.range(-0.2, 0.2);
        let right = Site::sign(side) * (profile.half() + out);
        let on_pavement = site.is_clear(along, along, 0.0);
        let height = if on_pavement { KERB - 0.005 } else { 0.0 };
        site.put(&who, along, right, height, turn);
    }
}

/// Cars on the crossing road, and people who cross the street.
fn fill_crossing(dice: &mut Dice, site: &mut Site) {
    let Some(crossing) = site.crossing else {
        return;
    };
    for side in SIDES {
        if dice.chance(0.45) {
            let car = vehicles::car(dice);
            let sign = Site::sign(side);
            let along = crossing.along + sign * crossing.half / 2.0;
            let right = sign * dice.range(site.profile.half() + 4.0, 30.0);
            // Traffic keeps right: from the right it drives in the far half, towards the left.
            site.put(&car, along, right, 0.0, sign * FRAC_PI_2);
        }
    }
    for _ in 0..dice.int(0, 3) {
        let walker = people::pedestrian(dice);
        let along = crossing.along - crossing.half - dice.range(1.5, 3.5);
        let right = dice.range(-1.0, 1.0) * site.profile.half();
        let turn = dice.pick(&[-1.0, 1.0]) * FRAC_PI_2;
        site.put(&walker, along, right, 0.0, turn);
    }
}
