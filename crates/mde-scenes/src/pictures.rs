//! Textures that depict objects: books, paintings, the view from a window.

use glam::{Vec2, Vec3, vec2};

use crate::colour::{hue, mix, srgb};
use crate::pattern::{centred, fade, line};
use crate::random::{fbm, unit};

pub(crate) fn books(uv: Vec2, size: Vec2, seed: u32, px: f32) -> Vec3 {
    let x = uv.x / 0.034;
    let wobble = |i: f32| i + 0.5 * (unit(i as i32, 1, seed) - 0.5);
    let mut i = x.floor();
    if x < wobble(i) {
        i -= 1.0;
    }
    let k = i as i32;
    let height = size.y * (0.74 + 0.26 * unit(k, 2, seed));
    let colour = hue(
        unit(k, 3, seed),
        0.75 * unit(k, 4, seed),
        0.2 + 0.65 * unit(k, 5, seed),
    );
    let edge = (x - wobble(i)).min(wobble(i + 1.0) - x).max(0.0) * 0.034;
    let joint = line(edge, 0.002, px);
    let label = unit(k, 6, seed) * size.y * 0.6;
    let title = line((uv.y - label).abs(), 0.012, px) * fade(0.03, px);
    let spine = mix(colour, Vec3::splat(0.7), 0.6 * title) * (1.0 - 0.6 * joint);
    if uv.y > height || unit(k, 7, seed) < 0.06 {
        Vec3::splat(0.02)
    } else {
        spine
    }
}

pub(crate) fn landscape(p: Vec2, seed: u32) -> Vec3 {
    let warm = unit(0, 0, seed);
    let sky = mix(srgb(0x6ea0d7), srgb(0xfabe82), warm);
    let mut colour = mix(srgb(0xf0ebdc), sky, p.y) * (0.85 + 0.3 * fbm(p.x * 3.0, p.y * 8.0, seed));
    for layer in 0..3 {
        let height = 0.6 - 0.18 * layer as f32;
        let ridge = height + 0.25 * (fbm(p.x * 4.0, layer as f32, seed ^ layer) - 0.5);
        if p.y < ridge {
            let green = hue(
                0.2 + 0.25 * unit(layer as i32, 1, seed),
                0.45,
                0.6 - 0.13 * layer as f32,
            );
            colour = green * (0.7 + 0.6 * fbm(p.x * 15.0, p.y * 15.0, seed));
        }
    }
    matted(p, colour)
}

pub(crate) fn abstract_art(p: Vec2, seed: u32) -> Vec3 {
    let mut colour = hue(unit(9, 9, seed), 0.25, 0.85);
    for k in 0..6 {
        let at = vec2(unit(k, 1, seed), unit(k, 2, seed));
        let reach = 0.1 + 0.25 * unit(k, 3, seed);
        let off = (p - at).abs();
        let inside = if k & 1 == 0 {
            off.length() < reach
        } else {
            off.x < reach && off.y < 0.6 * reach
        };
        if inside {
            colour = hue(
                unit(k, 4, seed),
                0.3 + 0.6 * unit(k, 5, seed),
                0.25 + 0.7 * unit(k, 6, seed),
            );
        }
    }
    matted(p, colour * (0.85 + 0.3 * fbm(p.x * 12.0, p.y * 12.0, seed)))
}

/// A white mat around a picture.
fn matted(p: Vec2, colour: Vec3) -> Vec3 {
    let edge = p.min(Vec2::ONE - p).min_element();
    if edge < 0.09 {
        Vec3::splat(0.8)
    } else {
        colour.min(Vec3::splat(0.9))
    }
}

pub(crate) fn outside(uv: Vec2, height: f32, seed: u32) -> Vec3 {
    let sky = mix(srgb(0xecf2fa), srgb(0x96bef0), height);
    let block = (uv.x / 0.35).floor();
    let roof = 0.15 + 0.35 * unit(block as i32, 1, seed);
    let crown = 0.25 + 0.5 * fbm(uv.x * 3.0, 1.0, seed ^ 9);
    if height < crown - 0.1 {
        srgb(0x60824a) * (0.5 + fbm(uv.x * 25.0, uv.y * 25.0, seed))
    } else if height < roof && seed & 1 == 0 {
        let window = centred(uv.x / 0.07) < 0.25 && centred(uv.y / 0.09) < 0.25;
        srgb(0xaa968c) * if window { 0.45 } else { 1.0 }
    } else {
        sky
    }
}
