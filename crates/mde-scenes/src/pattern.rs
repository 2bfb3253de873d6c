//! Patterns behind the textures: lines, stripes, grain, weave, pile. `px` is the size of a pixel in
//! metres, to which each is softened.

use glam::Vec2;

use crate::random::{fbm, noise};

/// Visibility of a detail of this size: 1 if the pixel resolves it, 0 if not.
pub(crate) fn fade(detail: f32, px: f32) -> f32 {
    ((detail / px - 1.0) / 2.0).clamp(0.0, 1.0)
}

/// Fraction of a pixel covered by a line whose middle is `distance` away.
pub(crate) fn line(distance: f32, half_width: f32, px: f32) -> f32 {
    let soft = ((half_width - distance) / px + 0.5).clamp(0.0, 1.0);
    soft * (2.0 * half_width / px).min(1.0)
}

/// Distance to the nearest whole number.
pub(crate) fn centred(x: f32) -> f32 {
    (x - x.round()).abs()
}

/// A stripe that covers `share` of each period. Lengths are in periods.
pub(crate) fn band(x: f32, share: f32, px: f32) -> f32 {
    let sharp = ((share / 2.0 - centred(x)) / px + 0.5).clamp(0.0, 1.0);
    let seen = fade(1.0, px);
    share * (1.0 - seen) + sharp * seen
}

pub(crate) fn plaster(uv: Vec2, seed: u32, px: f32) -> f32 {
    let stains = fbm(uv.x * 1.1, uv.y * 1.1, seed) - 0.5;
    let bumps = (noise(uv.x * 60.0, uv.y * 60.0, seed ^ 2) - 0.5) * fade(0.017, px);
    1.0 + 0.1 * stains + 0.1 * bumps
}

pub(crate) fn pile(uv: Vec2, seed: u32, px: f32) -> f32 {
    let tufts = (noise(uv.x * 110.0, uv.y * 110.0, seed) - 0.5) * fade(0.009, px);
    let clumps = (noise(uv.x * 28.0, uv.y * 28.0, seed ^ 3) - 0.5) * fade(0.035, px);
    let wear = fbm(uv.x * 1.5, uv.y * 1.5, seed ^ 4) - 0.5;
    1.0 + 0.5 * tufts + 0.35 * clumps + 0.2 * wear
}

pub(crate) fn weave(uv: Vec2, seed: u32, px: f32) -> f32 {
    let threads = (uv.x * 900.0).sin() * (uv.y * 900.0).sin() * fade(0.007, px);
    let slubs = (noise(uv.x * 30.0, uv.y * 90.0, seed) - 0.5) * fade(0.02, px);
    let folds = fbm(uv.x * 4.0, uv.y * 4.0, seed ^ 5) - 0.5;
    1.0 + 0.18 * threads + 0.2 * slubs + 0.25 * folds
}

pub(crate) fn grain(along: f32, across: f32, seed: u32, px: f32) -> f32 {
    let wander = 0.05 * noise(along * 0.9, across * 5.0, seed);
    let rings = ((across + wander) * 170.0).sin() * fade(0.037, px);
    let streaks = noise(along * 1.5, across * 45.0, seed ^ 6) - 0.5;
    let fibres = (noise(along * 9.0, across * 330.0, seed ^ 7) - 0.5) * fade(0.006, px);
    0.2 * rings + 0.7 * streaks * fade(0.03, px) + 0.4 * fibres
}

/// A repeated figure: petals, lozenge or ring, one kind per seed. Lengths are in periods.
pub(crate) fn motif(uv: Vec2, seed: u32, px: f32) -> f32 {
    let row = uv.y.floor();
    let x = (uv.x + 0.5 * (row as i32 & 1) as f32).rem_euclid(1.0) - 0.5;
    let y = uv.y - row - 0.5;
    let figure = match seed % 3 {
        0 => 0.3 + 0.1 * (5.0 * y.atan2(x)).cos() - x.hypot(y),
        1 => 0.35 - x.abs() - y.abs(),
        _ => 0.08 - (x.hypot(y) - 0.28).abs(),
    };
    let seen = fade(1.0, px);
    0.3 * (1.0 - seen) + seen * (figure / px + 0.5).clamp(0.0, 1.0)
}
