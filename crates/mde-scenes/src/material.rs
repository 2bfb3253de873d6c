//! What surfaces are made of: colours, gloss, glow and how they answer the depth sensor's infrared.

use glam::{Vec3, vec3};

use crate::random::Dice;
use crate::texture::Texture;

/// A surface's optics. Colours are linear albedos.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Material {
    pub(crate) texture: Texture,
    pub(crate) base: Vec3,
    pub(crate) accent: Vec3,
    /// Strength of the mirror reflection at a right angle, 0 to 1.
    pub(crate) gloss: f32,
    /// Radiance given off per unit of albedo. What glows casts no shadow.
    pub(crate) emission: f32,
    /// Albedo in infrared relative to the visible one.
    pub(crate) infrared: f32,
    pub(crate) seed: u32,
}

impl Default for Material {
    fn default() -> Self {
        Self {
            texture: Texture::Plain,
            base: Vec3::splat(0.5),
            accent: Vec3::splat(0.2),
            gloss: 0.0,
            emission: 0.0,
            infrared: 1.0,
            seed: 0,
        }
    }
}

impl Material {
    pub(crate) fn glossy(self, gloss: f32) -> Self {
        Self { gloss, ..self }
    }

    pub(crate) fn infrared(self, infrared: f32) -> Self {
        Self { infrared, ..self }
    }

    pub(crate) fn glowing(self, emission: f32) -> Self {
        Self { emission, ..self }
    }

    pub(crate) fn textured(self, texture: Texture) -> Self {
        Self { texture, ..self }
    }

    pub(crate) fn shade(self, factor: f32) -> Self {
        Self {
            base: self.base * factor,
            accent: self.accent * factor,
            ..self
        }
    }
}

/// Linear albedo of an 8-bit sRGB colour.
pub(crate) fn srgb(r: u8, g: u8, b: u8) -> Vec3 {
    let linear = |c: u8| (f32::from(c) / 255.0).powf(2.2);
    vec3(linear(r), linear(g), linear(b))
}

/// Linear albedo of a hue in turns, with saturation and value as in sRGB.
pub(crate) fn hue(turn: f32, saturation: f32, value: f32) -> Vec3 {
    let channel = |shift: f32| {
        let k = (shift + turn * 6.0).rem_euclid(6.0);
        let c = value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0);
        c.max(0.0).powf(2.2)
    };
    vec3(channel(5.0), channel(3.0), channel(1.0))
}

pub(crate) fn plain(dice: &mut Dice, colour: Vec3) -> Material {
    Material {
        base: colour,
        accent: colour * 0.7,
        seed: dice.bits(),
        ..Material::default()
    }
}

pub(crate) fn wood_colour(dice: &mut Dice) -> Vec3 {
    let tones = [
        srgb(196, 154, 108),
        srgb(150, 98, 56),
        srgb(92, 56, 34),
        srgb(222, 190, 144),
        srgb(122, 74, 48),
        srgb(176, 126, 80),
        srgb(66, 46, 36),
        srgb(172, 156, 138),
    ];
    let tone = dice.pick(&tones);
    dice.vary(tone, 0.12)
}

pub(crate) fn wood(dice: &mut Dice) -> Material {
    let base = wood_colour(dice);
    let gloss = dice.range(0.01, 0.05);
    plain(dice, base).textured(Texture::Wood).glossy(gloss)
}

pub(crate) fn lacquer(dice: &mut Dice) -> Material {
    let tones = [
        srgb(240, 238, 232),
        srgb(225, 222, 212),
        srgb(90, 96, 104),
        srgb(46, 48, 52),
        srgb(160, 176, 180),
    ];
    let tone = dice.pick(&tones);
    let base = dice.vary(tone, 0.08);
    plain(dice, base).glossy(0.05)
}

pub(crate) fn metal(dice: &mut Dice) -> Material {
    let tones = [
        srgb(170, 170, 172),
        srgb(60, 60, 62),
        srgb(120, 118, 114),
        srgb(180, 150, 90),
    ];
    let tone = dice.pick(&tones);
    plain(dice, tone).glossy(0.35).infrared(0.5)
}

pub(crate) fn fabric(dice: &mut Dice) -> Material {
    let base = if dice.chance(0.45) {
        let grey = dice.range(0.05, 0.55);
        dice.vary(Vec3::splat(grey), 0.12)
    } else {
        let (turn, saturation, value) = (
            dice.range(0.0, 1.0),
            dice.range(0.2, 0.75),
            dice.range(0.25, 0.85),
        );
        hue(turn, saturation, value)
    };
    let accent = match dice.int(0, 2) {
        0 => base * 0.45,
        1 => (base * 1.7).min(Vec3::splat(0.85)),
        _ => hue(dice.range(0.0, 1.0), 0.5, 0.6),
    };
    let texture = match dice.int(0, 5) {
        0 => Texture::Striped {
            period: dice.range(0.04, 0.14),
        },
        1 => Texture::Plaid {
            period: dice.range(0.06, 0.18),
        },
        2 => Texture::Motif {
            period: dice.range(0.06, 0.2),
        },
        _ => Texture::Fabric,
    };
    Material {
        accent,
        ..plain(dice, base)
            .textured(texture)
            .infrared(dice.range(0.8, 1.3))
    }
}

pub(crate) fn leather(dice: &mut Dice) -> Material {
    let tones = [
        srgb(40, 34, 32),
        srgb(104, 62, 38),
        srgb(196, 186, 170),
        srgb(120, 30, 28),
    ];
    let tone = dice.pick(&tones);
    plain(dice, tone).textured(Texture::Plaster).glossy(0.06)
}

pub(crate) fn ceramic(dice: &mut Dice) -> Material {
    plain(dice, srgb(240, 240, 236)).glossy(0.08)
}

/// Black glass: televisions, ovens, monitors. Infrared does not come back from it.
pub(crate) fn screen(dice: &mut Dice) -> Material {
    plain(dice, Vec3::splat(0.012)).glossy(0.12).infrared(0.15)
}

pub(crate) fn mirror(dice: &mut Dice) -> Material {
    plain(dice, Vec3::splat(0.03)).glossy(0.92).infrared(0.0)
}

pub(crate) fn leaf(dice: &mut Dice) -> Material {
    let base = hue(
        dice.range(0.22, 0.38),
        dice.range(0.35, 0.7),
        dice.range(0.3, 0.6),
    );
    plain(dice, base).textured(Texture::Leaf).infrared(2.5)
}

pub(crate) fn lamp_shade(dice: &mut Dice) -> Material {
    let base = vec3(1.0, dice.range(0.72, 0.9), dice.range(0.45, 0.75));
    let emission = dice.range(1.0, 2.2);
    plain(dice, base).glowing(emission)
}

pub(crate) fn painting(dice: &mut Dice) -> Material {
    let texture = if dice.chance(0.5) {
        Texture::Landscape
    } else {
        Texture::Abstract
    };
    plain(dice, Vec3::splat(0.5)).textured(texture)
}

/// Any saturated small thing: a mug, a toy, a book's cover.
pub(crate) fn trinket(dice: &mut Dice) -> Material {
    let base = hue(
        dice.range(0.0, 1.0),
        dice.range(0.1, 0.8),
        dice.range(0.25, 0.9),
    );
    plain(dice, base).glossy(0.03)
}
