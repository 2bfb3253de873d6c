//! Materials found on streets.

use glam::{Vec3, vec3};

use crate::colour::{hue, leaf_colour};
use crate::material::{Material, hued, one_of, plain, varied, varied_tone};
use crate::random::Dice;
use crate::texture::Texture;

pub(crate) fn asphalt(dice: &mut Dice) -> Material {
    let grey = dice.range(0.06, 0.17);
    let base = dice.vary(Vec3::splat(grey), 0.1);
    let paint = Vec3::splat(dice.range(0.4, 0.7));
    plain(dice, base).infrared(0.8).accented(paint)
}

/// Slabs or small stones of a pavement.
pub(crate) fn paving(dice: &mut Dice) -> Material {
    let grey = dice.range(0.16, 0.36);
    let base = dice.vary(vec3(grey * 1.04, grey, grey * 0.93), 0.1);
    let (width, height) = dice.pick(&[(0.3, 0.3), (0.5, 0.5), (0.2, 0.1), (0.4, 0.6)]);
    let tiles = Texture::tiles(width, height);
    plain(dice, base).textured(tiles).accented(base * 0.45)
}

pub(crate) fn kerbstone(dice: &mut Dice) -> Material {
    let grey = dice.range(0.2, 0.42);
    let base = dice.vary(Vec3::splat(grey), 0.06);
    plain(dice, base).textured(Texture::Plaster)
}

pub(crate) fn grass(dice: &mut Dice) -> Material {
    let green = hued(dice, [(0.17, 0.27), (0.3, 0.5), (0.34, 0.48)]);
    green.textured(Texture::Grass).infrared(2.0)
}

/// Render or brick for walls.
pub(crate) fn wall(dice: &mut Dice) -> Material {
    const RENDERS: [u32; 9] = [
        0xe8e2d2, 0xd6c8aa, 0xe0ccbe, 0xc8cccc, 0xdebe78, 0xbc9680, 0xa8b4a4, 0xf0eeea, 0x96928c,
    ];
    if dice.chance(0.2) {
        return brick(dice);
    }
    let base = varied_tone(dice, &RENDERS, 0.1) * 0.85;
    plain(dice, base).textured(Texture::Plaster)
}

pub(crate) fn brick(dice: &mut Dice) -> Material {
    let brick = varied(dice, &[0x964a36, 0xac6446, 0x763e34, 0xb08c64], 0.15);
    brick.textured(Texture::Brick).accented(Vec3::splat(0.3))
}

/// Rough blocks of sandstone or concrete.
pub(crate) fn stone(dice: &mut Dice) -> Material {
    let base = varied_tone(dice, &[0xa87862, 0x968c7e, 0xbab0a0], 0.12);
    let [width, height] = dice.ranges([(0.4, 0.8), (0.2, 0.35)]);
    let blocks = Texture::tiles(width, height);
    plain(dice, base).textured(blocks).accented(base * 0.5)
}

pub(crate) fn roof(dice: &mut Dice) -> Material {
    let tones = [0x964832, 0x7e3e30, 0x60544e, 0x424246, 0xaa6042];
    varied(dice, &tones, 0.15).textured(Texture::RoofTiles)
}

pub(crate) fn paintwork(dice: &mut Dice) -> Material {
    const TONES: [u32; 12] = [
        0xe8e9eb, 0xb0b4b8, 0x787c80, 0x3e4044, 0x161719, 0x1c1e22, 0x1e3468, 0x92181c, 0xc4c6c8,
        0x285440, 0xceb428, 0x7896b4,
    ];
    varied(dice, &TONES, 0.08).glossy(0.07).infrared(0.7)
}

/// Window panes: dark, reflecting, and nearly invisible to a laser.
pub(crate) fn glass(dice: &mut Dice) -> Material {
    let base = Vec3::splat(dice.range(0.015, 0.05));
    plain(dice, base).glossy(0.22).infrared(0.03)
}

pub(crate) fn rubber(dice: &mut Dice) -> Material {
    plain(dice, Vec3::splat(0.018)).infrared(0.4)
}

pub(crate) fn steel(dice: &mut Dice) -> Material {
    let steel = one_of(dice, &[0x8c9092, 0x464c4a, 0x34463e, 0x646464]);
    steel.glossy(0.05).infrared(0.8)
}

pub(crate) fn bark(dice: &mut Dice) -> Material {
    varied(dice, &[0x54463a, 0x685c4e, 0x423a32], 0.15).textured(Texture::Wood)
}

pub(crate) fn leaves(dice: &mut Dice) -> Material {
    let [turn, brightness] = dice.ranges([(0.0, 1.0), (0.65, 1.1)]);
    let green = plain(dice, leaf_colour(turn, brightness));
    green.textured(Texture::Foliage).infrared(1.8)
}

pub(crate) fn timber(dice: &mut Dice) -> Material {
    let tones = [0x806042, 0x5c4636, 0xa09688, 0xdedcd4];
    varied(dice, &tones, 0.12).textured(Texture::Wood)
}

/// Clothes: mostly grey, sometimes bright.
pub(crate) fn cloth(dice: &mut Dice) -> Material {
    let vivid = dice.chance(0.2);
    let saturation = if vivid { (0.5, 0.9) } else { (0.03, 0.3) };
    let saturation = dice.range(saturation.0, saturation.1);
    let [turn, value] = dice.ranges([(0.0, 1.0), (0.12, 0.8)]);
    let base = hue(turn, saturation, value);
    plain(dice, base).textured(Texture::Fabric)
}

/// A flat coat of paint: doors, bins, awnings.
pub(crate) fn painted(dice: &mut Dice) -> Material {
    hued(dice, [(0.0, 1.0), (0.1, 0.75), (0.2, 0.8)])
}
