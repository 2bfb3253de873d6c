//! Colours as linear albedos.

use glam::{Vec3, vec3};

/// Linear albedo of an 8-bit sRGB colour, written `0xRRGGBB`.
pub(crate) fn srgb(colour: u32) -> Vec3 {
    let linear = |shift: u32| (f32::from((colour >> shift) as u8) / 255.0).powf(2.2);
    vec3(linear(16), linear(8), linear(0))
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

/// `a` at `t` = 0, `b` at `t` = 1, linear between and beyond.
pub(crate) fn mix(a: Vec3, b: Vec3, t: f32) -> Vec3 {
    a + (b - a) * t
}

/// A leaf green, from dark firs (`turn` 0) to yellowing limes (1).
pub(crate) fn leaf_colour(turn: f32, brightness: f32) -> Vec3 {
    let (fir, oak, lime, rust) = (0x2e4a2e, 0x62843a, 0x969e42, 0x946034);
    let (from, to, t) = if turn < 0.5 {
        (fir, oak, turn * 2.0)
    } else if turn < 0.85 {
        (oak, lime, (turn - 0.5) / 0.35)
    } else {
        (lime, rust, (turn - 0.85) / 0.15)
    };
    mix(srgb(from), srgb(to), t) * brightness
}
