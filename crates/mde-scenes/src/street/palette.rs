//! What streets are made of.

use glam::{Vec3, vec3};

use crate::material::{Material, hue, plain, srgb};
use crate::outdoors::leaf_colour;
use crate::random::Dice;
use crate::texture::Texture;

pub(crate) fn asphalt(dice: &mut Dice) -> Material {
    let grey = dice.range(0.06, 0.17);
    let base = dice.vary(Vec3::splat(grey), 0.1);
    Material {
        accent: Vec3::splat(dice.range(0.4, 0.7)),
        ..plain(dice, base).infrared(0.8)
    }
}

/// Slabs or small stones of a pavement.
pub(crate) fn paving(dice: &mut Dice) -> Material {
    let grey = dice.range(0.16, 0.36);
    let base = dice.vary(vec3(grey * 1.04, grey, grey * 0.93), 0.1);
    let (width, height) = dice.pick(&[(0.3, 0.3), (0.5, 0.5), (0.2, 0.1), (0.4, 0.6)]);
    let texture = Texture::Tiles {
        width,
        height,
        chequered: false,
    };
    Material {
        accent: base * 0.45,
        ..plain(dice, base).textured(texture)
    }
}

pub(crate) fn kerbstone(dice: &mut Dice) -> Material {
    let grey = dice.range(0.2, 0.42);
    let base = dice.vary(Vec3::splat(grey), 0.06);
    plain(dice, base).textured(Texture::Plaster)
}

pub(crate) fn grass(dice: &mut Dice) -> Material {
    let turn = dice.range(0.17, 0.27);
    let base = hue(turn, dice.range(0.3, 0.5), dice.range(0.34, 0.48));
    plain(dice, base).textured(Texture::Grass).infrared(2.0)
}

/// A render, brick or clinker for walls.
pub(crate) fn wall(dice: &mut Dice) -> Material {
    let renders = [
        srgb(232, 226, 210),
        srgb(214, 200, 170),
        srgb(224, 204, 190),
        srgb(200, 204, 204),
        srgb(222, 190, 120),
        srgb(188, 150, 128),
        srgb(168, 180, 164),
        srgb(240, 238, 234),
        srgb(150, 146, 140),
    ];
    if dice.chance(0.2) {
        return brick(dice);
    }
    let tone = dice.pick(&renders);
    let base = dice.vary(tone, 0.1) * 0.85;
    plain(dice, base).textured(Texture::Plaster)
}

pub(crate) fn brick(dice: &mut Dice) -> Material {
    let tone = dice.pick(&[
        srgb(150, 74, 54),
        srgb(172, 100, 70),
        srgb(118, 62, 52),
        srgb(176, 140, 100),
    ]);
    let base = dice.vary(tone, 0.15);
    Material {
        accent: Vec3::splat(0.3),
        ..plain(dice, base).textured(Texture::Brick)
    }
}

/// Rough blocks of sandstone or concrete.
pub(crate) fn stone(dice: &mut Dice) -> Material {
    let tone = dice.pick(&[srgb(168, 120, 98), srgb(150, 140, 126), srgb(186, 176, 160)]);
    let base = dice.vary(tone, 0.12);
    let texture = Texture::Tiles {
        width: dice.range(0.4, 0.8),
        height: dice.range(0.2, 0.35),
        chequered: false,
    };
    Material {
        accent: base * 0.5,
        ..plain(dice, base).textured(texture)
    }
}

pub(crate) fn roof(dice: &mut Dice) -> Material {
    let tone = dice.pick(&[
        srgb(150, 72, 50),
        srgb(126, 62, 48),
        srgb(96, 84, 78),
        srgb(66, 66, 70),
        srgb(170, 96, 66),
    ]);
    let base = dice.vary(tone, 0.15);
    plain(dice, base).textured(Texture::RoofTiles)
}

pub(crate) fn paintwork(dice: &mut Dice) -> Material {
    let tone = dice.pick(&[
        srgb(232, 233, 235),
        srgb(176, 180, 184),
        srgb(120, 124, 128),
        srgb(62, 64, 68),
        srgb(22, 23, 25),
        srgb(28, 30, 34),
        srgb(30, 52, 104),
        srgb(146, 24, 28),
        srgb(196, 198, 200),
        srgb(40, 84, 64),
        srgb(206, 180, 40),
        srgb(120, 150, 180),
    ]);
    let base = dice.vary(tone, 0.08);
    plain(dice, base).glossy(0.07).infrared(0.7)
}

/// Window panes: dark, reflecting, and nothing that a laser sees.
pub(crate) fn glass(dice: &mut Dice) -> Material {
    let base = Vec3::splat(dice.range(0.015, 0.05));
    plain(dice, base).glossy(0.22).infrared(0.03)
}

pub(crate) fn rubber(dice: &mut Dice) -> Material {
    plain(dice, Vec3::splat(0.018)).infrared(0.4)
}

pub(crate) fn steel(dice: &mut Dice) -> Material {
    let tone = dice.pick(&[
        srgb(140, 144, 146),
        srgb(70, 76, 74),
        srgb(52, 70, 62),
        srgb(100, 100, 100),
    ]);
    plain(dice, tone).glossy(0.05).infrared(0.8)
}

pub(crate) fn bark(dice: &mut Dice) -> Material {
    let tone = dice.pick(&[srgb(84, 70, 58), srgb(104, 92, 78), srgb(66, 58, 50)]);
    let base = dice.vary(tone, 0.15);
    plain(dice, base).textured(Texture::Wood)
}

pub(crate) fn leaves(dice: &mut Dice) -> Material {
    let turn = dice.range(0.0, 1.0);
    let base = leaf_colour(turn, dice.range(0.65, 1.1));
    plain(dice, base).textured(Texture::Foliage).infrared(1.8)
}

pub(crate) fn timber(dice: &mut Dice) -> Material {
    let tone = dice.pick(&[
        srgb(128, 96, 66),
        srgb(92, 70, 54),
        srgb(160, 150, 136),
        srgb(222, 220, 212),
    ]);
    let base = dice.vary(tone, 0.12);
    plain(dice, base).textured(Texture::Wood)
}

/// Clothes: mostly dark or pale, now and then bright.
pub(crate) fn cloth(dice: &mut Dice) -> Material {
    let saturation = if dice.chance(0.2) {
        dice.range(0.5, 0.9)
    } else {
        dice.range(0.03, 0.3)
    };
    let base = hue(dice.range(0.0, 1.0), saturation, dice.range(0.12, 0.8));
    plain(dice, base).textured(Texture::Fabric)
}

/// Something painted in a flat colour: doors, bins, awnings.
pub(crate) fn painted(dice: &mut Dice) -> Material {
    let base = hue(
        dice.range(0.0, 1.0),
        dice.range(0.1, 0.75),
        dice.range(0.2, 0.8),
    );
    plain(dice, base)
}
