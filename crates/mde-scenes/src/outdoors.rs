//! Patterns behind the textures outdoors: asphalt, road lines, leaves, roofs, windows, signs.

use glam::{Vec2, Vec3, vec2};

use crate::colour::srgb;
use crate::pattern::{centred, fade, line};
use crate::random::{fbm, noise, unit};

/// Length of a painted dash, and of a dash with the gap after it, in metres.
const DASH: (f32, f32) = (3.0, 9.0);
/// Half the width of a painted line.
const LINE: f32 = 0.07;

/// Brightness of asphalt relative to its mean: patches, stains, grit.
pub(crate) fn asphalt(uv: Vec2, seed: u32, px: f32) -> f32 {
    let wear = fbm(uv.x * 0.5, uv.y * 0.13, seed) - 0.5;
    let stains = fbm(uv.x * 1.7, uv.y * 1.1, seed ^ 11) - 0.5;
    let grit = (noise(uv.x * 70.0, uv.y * 70.0, seed ^ 12) - 0.5) * fade(0.014, px);
    let cell = (uv / vec2(3.3, 5.0)).floor();
    let patched = unit(cell.x as i32, cell.y as i32, seed ^ 13) < 0.12;
    (1.0 + 0.5 * wear + 0.35 * stains + 0.4 * grit) * if patched { 0.8 } else { 1.0 }
}

/// Fraction of the pixel that is painted line. The middle line is unbroken on four or more lanes.
pub(crate) fn road_lines(uv: Vec2, size: Vec2, lanes: u8, edges: bool, phase: f32, px: f32) -> f32 {
    let lanes = f32::from(lanes.max(1));
    let width = size.x / lanes;
    let nearest = (uv.x / width).round();
    let off = (uv.x - nearest * width).abs();
    let outer = nearest < 0.5 || nearest > lanes - 0.5;
    if outer {
        let inset = (uv.x.min(size.x - uv.x) - 0.25).abs();
        return if edges { line(inset, LINE, px) } else { 0.0 };
    }
    let unbroken = lanes > 3.5 && (nearest - lanes / 2.0).abs() < 0.25;
    if unbroken {
        return line((off - 0.14).abs(), LINE, px);
    }
    let along = (uv.y + phase).rem_euclid(DASH.1);
    let ends = (along.min(DASH.0 - along) / px + 0.5).clamp(0.0, 1.0);
    let seen = fade(DASH.1, px);
    line(off, LINE, px) * (ends * seen + (DASH.0 / DASH.1) * (1.0 - seen))
}

pub(crate) fn grass(uv: Vec2, seed: u32, px: f32) -> f32 {
    let blades = (noise(uv.x * 50.0, uv.y * 50.0, seed) - 0.5) * fade(0.02, px);
    let tufts = (noise(uv.x * 7.0, uv.y * 7.0, seed ^ 21) - 0.5) * fade(0.14, px);
    let bare = fbm(uv.x * 0.35, uv.y * 0.35, seed ^ 22) - 0.5;
    1.0 + 0.7 * blades + 0.5 * tufts + 0.6 * bare
}

/// Brightness of foliage relative to its mean: lit leaves and gaps between them.
pub(crate) fn foliage(uv: Vec2, seed: u32, px: f32) -> f32 {
    let leaves = (noise(uv.x * 14.0, uv.y * 14.0, seed) - 0.5) * fade(0.07, px);
    let twigs = (noise(uv.x * 5.5, uv.y * 5.5, seed ^ 31) - 0.5) * fade(0.18, px);
    let boughs = noise(uv.x * 1.6, uv.y * 1.6, seed ^ 32) - 0.5;
    (0.95 + 1.6 * leaves + 1.0 * twigs + 0.6 * boughs).clamp(0.1, 1.9)
}

pub(crate) fn roof_tiles(uv: Vec2, seed: u32, px: f32) -> f32 {
    let row = (uv.y / 0.3).floor();
    let shade = 0.8 + 0.4 * unit((uv.x / 0.24).floor() as i32, row as i32, seed);
    let shade = 1.0 + (shade - 1.0) * fade(0.24, px);
    let edge = line(centred(uv.y / 0.3) * 0.3, 0.025, px) * fade(0.3, px);
    let moss = fbm(uv.x * 0.8, uv.y * 0.8, seed ^ 41) - 0.5;
    shade * (1.0 - 0.5 * edge) * (1.0 + 0.5 * moss)
}

/// Fraction of the pixel that is window, with one window and some wall in each cell of a grid.
pub(crate) fn windows(uv: Vec2, size: Vec2, cell: Vec2, px: f32) -> f32 {
    let count = (size / cell).floor().max(Vec2::ONE);
    let cell = size / count;
    let inside = (uv / cell).fract() - 0.5;
    let reach =
        |x: f32, half: f32, length: f32| ((half - x.abs()) * length / px + 0.5).clamp(0.0, 1.0);
    let seen = fade(cell.min_element(), px);
    let sharp = reach(inside.x, 0.29, cell.x) * reach(inside.y, 0.27, cell.y);
    sharp * seen + 0.31 * (1.0 - seen)
}

/// The face of a traffic sign, one of five kinds. Coordinates are from 0 to 1.
pub(crate) fn sign(p: Vec2, kind: u8) -> Vec3 {
    let (red, white) = (srgb(0xbe141c), srgb(0xebebeb));
    let off = p - 0.5;
    let radius = off.length();
    match kind % 5 {
        0 if radius > 0.36 => red,
        0 if off.x.abs() < 0.16 && (off.y.abs() - 0.05).abs() < 0.1 => srgb(0x141414),
        1 if off.x.abs() < 0.33 && off.y.abs() < 0.07 => white,
        1 => red,
        2 if off.x.abs() < 0.07 || off.y > 0.1 && radius < 0.3 => white,
        2 => srgb(0x1848a0),
        3 if off.abs().max_element() < 0.36 => srgb(0xfabe1e),
        4 if radius > 0.34 || (off.x + off.y).abs() < 0.07 => red,
        4 => srgb(0x1848a0),
        _ => white,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_two_lane_road_has_a_dashed_line_in_its_middle() {
        let size = vec2(7.0, 90.0);
        let painted = |x: f32, y: f32| road_lines(vec2(x, y), size, 2, true, 0.0, 0.01) > 0.5;
        assert!(painted(3.5, 1.5) && !painted(3.5, 4.0) && painted(3.5, 10.5));
        assert!(!painted(1.75, 1.5));
        assert!(
            painted(0.25, 4.0) && painted(6.75, 4.0),
            "unbroken at the sides"
        );
        // A segment that begins 4 m into the pattern continues it.
        assert!(road_lines(vec2(3.5, 5.5), size, 2, true, 4.0, 0.01) > 0.5);
    }

    #[test]
    fn four_lanes_are_parted_by_a_double_line() {
        let size = vec2(12.0, 90.0);
        let painted = |x: f32| road_lines(vec2(x, 5.0), size, 4, false, 0.0, 0.01) > 0.5;
        assert!(painted(6.14) && painted(5.86) && !painted(6.0));
        assert!(
            !painted(3.0) && !painted(0.25),
            "in the gap, and no lines at the sides"
        );
    }
}
