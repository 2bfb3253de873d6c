//! Materials: colours, gloss, glow and the response to infrared; and those found indoors.

use glam::{Vec3, vec3};

use crate::colour::{hue, srgb};
use crate::random::Dice;
use crate::texture::Texture;

/// The optics of a surface. Colours are linear albedos.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Material {
    pub(crate) texture: Texture,
    pub(crate) base: Vec3,
    pub(crate) accent: Vec3,
    /// Strength of the mirror reflection at a right angle, 0 to 1.
    pub(crate) gloss: f32,
    /// Radiance emitted per unit of albedo. Glowing solids cast no shadow.
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

    /// With this second colour.
    pub(crate) fn accented(self, accent: Vec3) -> Self {
        Self { accent, ..self }
    }

    /// With both colours scaled.
    pub(crate) fn shade(self, factor: f32) -> Self {
        Self {
            base: self.base * factor,
            accent: self.accent * factor,
            ..self
        }
    }
}

/// A matt material of this colour.
pub(crate) fn plain(dice: &mut Dice, colour: Vec3) -> Material {
    Material {
        base: colour,
        accent: colour * 0.7,
        seed: dice.bits(),
        ..Material::default()
    }
}

/// A matt material of one of these sRGB colours.
pub(crate) fn one_of(dice: &mut Dice, tones: &[u32]) -> Material {
    let tone = dice.pick(tones);
    plain(dice, srgb(tone))
}

/// A matt material of a random variation of one of these sRGB colours.
pub(crate) fn varied(dice: &mut Dice, tones: &[u32], amount: f32) -> Material {
    let colour = varied_tone(dice, tones, amount);
    plain(dice, colour)
}

/// A random variation of one of these sRGB colours.
pub(crate) fn varied_tone(dice: &mut Dice, tones: &[u32], amount: f32) -> Vec3 {
    let tone = dice.pick(tones);
    dice.vary(srgb(tone), amount)
}

/// A random colour from ranges of hue, saturation and value.
pub(crate) fn random_hue(dice: &mut Dice, ranges: [(f32, f32); 3]) -> Vec3 {
    let [turn, saturation, value] = dice.ranges(ranges);
    hue(turn, saturation, value)
}

/// A matt material of a colour from ranges of hue, saturation and value.
pub(crate) fn hued(dice: &mut Dice, ranges: [(f32, f32); 3]) -> Material {
    let colour = random_hue(dice, ranges);
    plain(dice, colour)
}

pub(crate) fn wood_colour(dice: &mut Dice) -> Vec3 {
    const TONES: [u32; 8] = [
        0xc49a6c, 0x966238, 0x5c3822, 0xdebe90, 0x7a4a30, 0xb07e50, 0x422e24, 0xac9c8a,
    ];
    varied_tone(dice, &TONES, 0.12)
}

pub(crate) fn wood(dice: &mut Dice) -> Material {
    let base = wood_colour(dice);
    let gloss = dice.range(0.01, 0.05);
    plain(dice, base).textured(Texture::Wood).glossy(gloss)
}

pub(crate) fn lacquer(dice: &mut Dice) -> Material {
    const TONES: [u32; 5] = [0xf0eee8, 0xe1ded4, 0x5a6068, 0x2e3034, 0xa0b0b4];
    varied(dice, &TONES, 0.08).glossy(0.05)
}

pub(crate) fn metal(dice: &mut Dice) -> Material {
    let metal = one_of(dice, &[0xaaaaac, 0x3c3c3e, 0x787672, 0xb4965a]);
    metal.glossy(0.35).infrared(0.5)
}

pub(crate) fn fabric(dice: &mut Dice) -> Material {
    let grey = |dice: &mut Dice| {
        let grey = dice.range(0.05, 0.55);
        dice.vary(Vec3::splat(grey), 0.12)
    };
    let coloured = |dice: &mut Dice| random_hue(dice, [(0.0, 1.0), (0.2, 0.75), (0.25, 0.85)]);
    let base = dice.either_made(0.45, grey, coloured);
    let accent = match dice.int(0, 2) {
        0 => base * 0.45,
        1 => (base * 1.7).min(Vec3::splat(0.85)),
        _ => hue(dice.range(0.0, 1.0), 0.5, 0.6),
    };
    let texture = match dice.int(0, 5) {
        0 => Texture::Striped(dice.range(0.04, 0.14)),
        1 => Texture::Plaid(dice.range(0.06, 0.18)),
        2 => Texture::Motif(dice.range(0.06, 0.2)),
        _ => Texture::Fabric,
    };
    let cloth = plain(dice, base).textured(texture).accented(accent);
    cloth.infrared(dice.range(0.8, 1.3))
}

pub(crate) fn leather(dice: &mut Dice) -> Material {
    let leather = one_of(dice, &[0x282220, 0x683e26, 0xc4baaa, 0x781e1c]);
    leather.textured(Texture::Plaster).glossy(0.06)
}

pub(crate) fn ceramic(dice: &mut Dice) -> Material {
    plain(dice, srgb(0xf0f0ec)).glossy(0.08)
}

/// Black glass of televisions, ovens and monitors. It returns almost no infrared.
pub(crate) fn screen(dice: &mut Dice) -> Material {
    plain(dice, Vec3::splat(0.012)).glossy(0.12).infrared(0.15)
}

pub(crate) fn mirror(dice: &mut Dice) -> Material {
    plain(dice, Vec3::splat(0.03)).glossy(0.92).infrared(0.0)
}

pub(crate) fn leaf(dice: &mut Dice) -> Material {
    let green = hued(dice, [(0.22, 0.38), (0.35, 0.7), (0.3, 0.6)]);
    green.textured(Texture::Leaf).infrared(2.5)
}

pub(crate) fn lamp_shade(dice: &mut Dice) -> Material {
    let [green, blue, emission] = dice.ranges([(0.72, 0.9), (0.45, 0.75), (1.0, 2.2)]);
    plain(dice, vec3(1.0, green, blue)).glowing(emission)
}

pub(crate) fn painting(dice: &mut Dice) -> Material {
    let texture = dice.either(0.5, Texture::Landscape, Texture::Abstract);
    plain(dice, Vec3::splat(0.5)).textured(texture)
}

/// Any small coloured thing: a mug, a toy, a book's cover.
pub(crate) fn trinket(dice: &mut Dice) -> Material {
    hued(dice, [(0.0, 1.0), (0.1, 0.8), (0.25, 0.9)]).glossy(0.03)
}
