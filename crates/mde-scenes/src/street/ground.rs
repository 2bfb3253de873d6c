//! The ground: road, kerbs, pavements, verges, the crossing road, and what lies beyond the street.

use glam::{Mat3, Vec3, vec3};

use super::palette;
use super::site::{AHEAD, BEHIND, Front, KERB, Site};
use crate::material::{Material, plain, srgb};
use crate::random::Dice;
use crate::solid::{Shape, Solid};
use crate::texture::Texture;

/// Length of a stretch that is laid at once: short, so that it can follow an arc.
const STRETCH: f32 = 3.0;
/// How far down the ground's blocks reach.
const THICKNESS: f32 = 0.5;

pub(crate) fn lay(dice: &mut Dice, site: &mut Site) {
    let (asphalt, grass) = (palette::asphalt(dice), palette::grass(dice));
    let open = site
        .profile
        .sides
        .iter()
        .any(|side| side.front == Front::Field);
    let land = if open {
        let soil = dice.vary(srgb(150, 130, 84), 0.2);
        let field = plain(dice, soil).textured(Texture::Grass);
        dice.pick(&[field, grass, grass.shade(0.8)])
    } else {
        grass.shade(0.9)
    };
    let reach = vec3(900.0, 1.0, 900.0);
    site.solids.push(Solid::block(
        vec3(-reach.x, -1.0, -reach.z),
        vec3(reach.x, -0.04, reach.z),
        land,
    ));
    road(site, asphalt);
    for side in 0..2 {
        bands(dice, site, side, asphalt, grass);
    }
    if site.crossing.is_some() {
        crossing(dice, site, asphalt);
    }
    backdrop(dice, site);
}

/// A slab of ground over a stretch, from `left` to `right` metres right of the middle, its top at `top`.
fn slab(site: &mut Site, along: f32, (left, right): (f32, f32), top: f32, material: Material) {
    let middle = along + STRETCH / 2.0;
    let turn = site.course.turn(middle);
    let width = right - left;
    // On the outer side of an arc a stretch must be longer to meet the next one.
    let longer = (site.course.curvature.abs() * left.abs().max(right.abs())).min(0.5);
    let half = vec3(width, THICKNESS, STRETCH * (1.0 + longer)) / 2.0;
    let centre = site.course.at(middle, (left + right) / 2.0) + Vec3::Y * (top - THICKNESS / 2.0);
    site.solids
        .push(Solid::new(Shape::Block, centre, half, turn, material));
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

/// Parking strip, kerb, pavement and verge of one side; nothing of them in the crossing.
fn bands(dice: &mut Dice, site: &mut Site, side: usize, asphalt: Material, grass: Material) {
    let profile = site.profile;
    let (sign, strip) = (Site::sign(side), profile.sides[side]);
    let (paving, kerb) = (palette::paving(dice), palette::kerbstone(dice));
    let parking = if dice.chance(0.5) {
        asphalt.shade(dice.range(0.8, 1.2)).textured(Texture::Plain)
    } else {
        palette::paving(dice)
    };
    let span = |from: f32, to: f32| {
        if sign < 0.0 { (-to, -from) } else { (from, to) }
    };
    for along in stretches() {
        if !site.is_clear(along, along + STRETCH, 0.0) {
            continue;
        }
        let mut at = profile.half();
        if strip.parking > 0.0 {
            slab(site, along, span(at, at + strip.parking), 0.005, parking);
            at += strip.parking;
        }
        if strip.pavement > 0.0 {
            slab(site, along, span(at, at + 0.14), KERB, kerb);
            slab(
                site,
                along,
                span(at + 0.14, at + strip.pavement),
                KERB - 0.005,
                paving,
            );
            at += strip.pavement;
        }
        if strip.verge > 0.0 {
            slab(site, along, span(at, at + strip.verge), KERB - 0.03, grass);
            at += strip.verge;
        }
        let garden = match strip.front {
            // Between the pavement and a row of houses there is no garden, but a gap between two of them is paved.
            Front::Row => paving,
            _ => grass,
        };
        let beyond = strip.setback + 12.0;
        slab(site, along, span(at, at + beyond), KERB - 0.05, garden);
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
    for side in 0..2 {
        let sign = Site::sign(side);
        let (from, to) = (half - 0.5, 100.0);
        let right = sign * (from + to) / 2.0;
        let mut strip = |off: f32, width: f32, top: f32, material: Material| {
            let middle = site.course.at(crossing.along, right) + turn * vec3(0.0, 0.0, off);
            let size = vec3(to - from, THICKNESS, width);
            let centre = middle + Vec3::Y * (top - THICKNESS / 2.0);
            site.solids
                .push(Solid::new(Shape::Block, centre, size / 2.0, turn, material));
        };
        strip(
            0.0,
            2.0 * crossing.half,
            -0.002,
            asphalt.textured(Texture::Plain),
        );
        // Its pavements begin behind ours.
        let walk = 1.8;
        for end in [-1.0, 1.0] {
            strip(end * (crossing.half + walk / 2.0), walk, 0.02, paving);
        }
    }
    let zebra = dice.chance(0.4);
    let white = Material {
        accent: Vec3::splat(0.6),
        ..asphalt
    };
    for end in [-1.0, 1.0] {
        let along = crossing.along + end * (crossing.half + 2.6);
        let (size, material) = if zebra {
            let bars = white.textured(Texture::Bars { period: 1.0 });
            (vec3(2.0 * half, THICKNESS, 3.0), bars)
        } else {
            let line = Material {
                base: white.accent,
                ..white.textured(Texture::Plaster)
            };
            (vec3(half, THICKNESS, 0.4), line)
        };
        let right = if zebra { 0.0 } else { -end * half / 2.0 };
        let centre = site.course.at(along, right) + Vec3::Y * (0.004 - THICKNESS / 2.0);
        let turn = site.course.turn(along);
        site.solids
            .push(Solid::new(Shape::Block, centre, size / 2.0, turn, material));
    }
}

/// Woods, hills and roofs in the distance: they close the view where the street ends.
fn backdrop(dice: &mut Dice, site: &mut Site) {
    let leaves = palette::leaves(dice).shade(0.6);
    let count = dice.int(10, 26);
    for _ in 0..count {
        let turn = dice.range(-1.0, 1.0);
        let distance = dice.range(190.0, 420.0);
        let at = vec3(turn.sin() * distance, 0.0, turn.cos() * distance);
        if dice.chance(0.6) {
            let size = vec3(
                dice.range(20.0, 60.0),
                dice.range(8.0, 26.0),
                dice.range(15.0, 40.0),
            );
            let material = leaves.shade(dice.range(0.7, 1.2));
            site.solids
                .push(Solid::new(Shape::Ball, at, size, Mat3::IDENTITY, material));
        } else {
            let width = dice.range(15.0, 50.0);
            let house = super::houses::block(dice, width);
            let yaw = Mat3::from_rotation_y(dice.range(0.0, 3.0));
            site.solids
                .extend(house.solids.iter().map(|solid| solid.placed(at, yaw)));
        }
    }
}
