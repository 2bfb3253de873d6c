//! The ground: road, kerbs, pavements, verges, the crossing road, and the distance.

use glam::{Mat3, Vec3, vec3};

use super::site::{AHEAD, BEHIND, Front, KERB, SIDES, Site};
use super::{houses, palette};
use crate::colour::srgb;
use crate::material::{Material, plain};
use crate::random::Dice;
use crate::solid::{Solid, ball, cuboid};
use crate::texture::Texture;

/// Length of a slab of ground: short enough to follow an arc.
const STRETCH: f32 = 3.0;
/// Depth of the slabs below their tops.
const THICKNESS: f32 = 0.5;

pub(crate) fn lay(dice: &mut Dice, site: &mut Site) {
    let (asphalt, grass) = (palette::asphalt(dice), palette::grass(dice));
    let sides = site.profile.sides;
    let land = if sides.iter().any(|side| side.front == Front::Field) {
        let soil = dice.vary(srgb(0x968254), 0.2);
        let field = plain(dice, soil).textured(Texture::Grass);
        dice.pick(&[field, grass, grass.shade(0.8)])
    } else {
        grass.shade(0.9)
    };
    let (low, high) = (vec3(-900.0, -1.0, -900.0), vec3(900.0, -0.04, 900.0));
    site.solids.push(Solid::spanning(low, high, land));
    road(site, asphalt);
    for side in SIDES {
        bands(dice, site, side, asphalt, grass);
    }
    if site.crossing.is_some() {
        crossing(dice, site, asphalt);
    }
    backdrop(dice, site);
}

/// Adds a slab over a stretch, from `left` to `right` metres right of the middle.
fn slab(site: &mut Site, along: f32, (left, right): (f32, f32), top: f32, material: Material) {
    let middle = along + STRETCH / 2.0;
    // On the outer side of an arc, a stretch must be longer to meet the next one.
    let longer = (site.course.curvature.abs() * left.abs().max(right.abs())).min(0.5);
    let slab = cuboid(
        material,
        [right - left, THICKNESS, STRETCH * (1.0 + longer)],
    );
    let centre = site.course.at(middle, (left + right) / 2.0);
    let slab = slab.turned(site.course.turn(middle));
    site.solids
        .push(slab.at(centre + Vec3::Y * (top - THICKNESS / 2.0)));
}

fn stretches() -> impl Iterator<Item = f32> {
    let count = ((AHEAD - BEHIND) / STRETCH) as usize;
    (0..count).map(|k| BEHIND + k as f32 * STRETCH)
}

fn road(site: &mut Site, asphalt: Material) {
    let (half, profile) = (site.profile.half(), site.profile);
    for along in stretches() {
        let painted = profile.lines && site.is_clear(along, along + STRETCH, 1.5);
        let lines = Texture::Road {
            lanes: if painted { profile.lanes } else { 1 },
            edges: painted && profile.edges,
            phase: along.rem_euclid(900.0),
        };
        slab(site, along, (-half, half), 0.0, asphalt.textured(lines));
    }
}

/// Parking strip, kerb, pavement and verge of one side, except in the crossing.
fn bands(dice: &mut Dice, site: &mut Site, side: usize, asphalt: Material, grass: Material) {
    let profile = site.profile;
    let (sign, strip) = (Site::sign(side), profile.sides[side]);
    let (paving, kerb) = (palette::paving(dice), palette::kerbstone(dice));
    let worn = |dice: &mut Dice| asphalt.shade(dice.range(0.8, 1.2)).textured(Texture::Plain);
    let parking = dice.either_made(0.5, worn, palette::paving);
    let garden = match strip.front {
        // Houses in a row have no gardens; a gap between two of them is paved.
        Front::Row => paving,
        _ => grass,
    };
    let pavement = profile.half() + strip.parking;
    let kerbstone = pavement + strip.pavement.min(0.14);
    let verge = pavement + strip.pavement;
    let front = verge + strip.verge;
    let bands = [
        (profile.half(), pavement, 0.005, parking),
        (pavement, kerbstone, KERB, kerb),
        (kerbstone, verge, KERB - 0.005, paving),
        (verge, front, KERB - 0.03, grass),
        (front, front + (strip.setback + 12.0), KERB - 0.05, garden),
    ];
    for along in stretches() {
        if !site.is_clear(along, along + STRETCH, 0.0) {
            continue;
        }
        for (from, to, top, material) in bands {
            if to > from {
                let span = if sign < 0.0 { (-to, -from) } else { (from, to) };
                slab(site, along, span, top, material);
            }
        }
    }
}

/// The road that crosses, and stop lines or zebra stripes before it.
fn crossing(dice: &mut Dice, site: &mut Site, asphalt: Material) {
    let Some(crossing) = site.crossing else {
        return;
    };
    let turn = site.course.turn(crossing.along);
    let paving = palette::paving(dice);
    let half = site.profile.half();
    for side in SIDES {
        let (from, to) = (half - 0.5, 100.0);
        let right = Site::sign(side) * (from + to) / 2.0;
        let at = site.course.at(crossing.along, right);
        let mut strip = |off: f32, width: f32, top: f32, material: Material| {
            let strip = cuboid(material, [to - from, THICKNESS, width]).turned(turn);
            let middle = at + turn * vec3(0.0, 0.0, off);
            site.solids
                .push(strip.at(middle + Vec3::Y * (top - THICKNESS / 2.0)));
        };
        let plain = asphalt.textured(Texture::Plain);
        strip(0.0, 2.0 * crossing.half, -0.002, plain);
        // Its pavements begin behind those of the street.
        let walk = 1.8;
        for end in [-1.0, 1.0] {
            strip(end * (crossing.half + walk / 2.0), walk, 0.02, paving);
        }
    }
    let zebra = dice.chance(0.4);
    let white = asphalt.accented(Vec3::splat(0.6));
    for end in [-1.0, 1.0] {
        let along = crossing.along + end * (crossing.half + 2.6);
        let (marking, right) = if zebra {
            let bars = white.textured(Texture::Bars(1.0));
            (cuboid(bars, [2.0 * half, THICKNESS, 3.0]), 0.0)
        } else {
            let paint = Material {
                base: white.accent,
                ..white.textured(Texture::Plaster)
            };
            (cuboid(paint, [half, THICKNESS, 0.4]), -end * half / 2.0)
        };
        let centre = site.course.at(along, right) + Vec3::Y * (0.004 - THICKNESS / 2.0);
        let marking = marking.turned(site.course.turn(along));
        site.solids.push(marking.at(centre));
    }
}

/// Woods, hills and houses in the distance, which close the view at the end of the street.
fn backdrop(dice: &mut Dice, site: &mut Site) {
    let leaves = palette::leaves(dice).shade(0.6);
    for _ in 0..dice.int(10, 26) {
        let [turn, distance] = dice.ranges([(-1.0, 1.0), (190.0, 420.0)]);
        let at = vec3(turn.sin() * distance, 0.0, turn.cos() * distance);
        if dice.chance(0.6) {
            let half = dice.vector([(20.0, 60.0), (8.0, 26.0), (15.0, 40.0)]);
            let leaves = leaves.shade(dice.range(0.7, 1.2));
            site.solids.push(ball(leaves, half * 2.0).at(at));
        } else {
            let width = dice.range(15.0, 50.0);
            let house = houses::large_building(dice, width);
            let yaw = Mat3::from_rotation_y(dice.range(0.0, 3.0));
            site.solids.extend(house.solids_at(at, yaw));
        }
    }
}
