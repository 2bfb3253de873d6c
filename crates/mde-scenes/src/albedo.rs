//! Albedos of materials: textures at metric scale, which fade to their mean before they alias.

use glam::{Vec2, Vec3, vec2};

use crate::colour::mix;
use crate::material::Material;
use crate::outdoors;
use crate::pattern::{band, centred, fade, grain, line, motif, pile, plaster, weave};
use crate::pictures::{abstract_art, books, landscape, outside};
use crate::random::{fbm, unit};
use crate::texture::Texture;

impl Material {
    /// Linear albedo at `uv` metres on a face of `size` metres, at `px` metres per pixel.
    pub(crate) fn albedo(&self, uv: Vec2, size: Vec2, px: f32) -> Vec3 {
        let s = self.seed;
        let (u, v) = (uv.x, uv.y);
        match self.texture {
            Texture::Plain => self.base * (1.0 + 0.08 * (fbm(u * 2.5, v * 2.5, s) - 0.5)),
            Texture::Plaster => self.base * plaster(uv, s, px),
            Texture::Wood => {
                let (along, across) = if size.x >= size.y { (u, v) } else { (v, u) };
                self.base * (1.0 + 0.5 * grain(along, across, s, px))
            }
            Texture::Planks(width, length) => self.planks(uv, width, length, px),
            Texture::Tiles {
                width,
                height,
                chequered,
            } => self.tiles(uv, vec2(width, height), chequered, px),
            Texture::Brick => self.brick(uv, px),
            Texture::Carpet => self.base * pile(uv, s, px),
            Texture::Fabric => self.base * weave(uv, s, px),
            Texture::Striped(period) => {
                let stripe = band(u / period, 0.5, px / period);
                mix(self.base, self.accent, stripe) * weave(uv, s, px)
            }
            Texture::Plaid(period) => {
                let across = band(u / period, 0.4, px / period);
                let up = band(v / period, 0.4, px / period);
                mix(self.base, self.accent, 0.45 * (across + up)) * weave(uv, s, px)
            }
            Texture::Motif(period) => mix(
                self.base,
                self.accent,
                0.8 * motif(uv / period, s, px / period),
            ),
            Texture::Marble => {
                let bend = 3.0 * fbm(u * 2.0, v * 2.0, s);
                let vein = (1.0 - 2.0 * ((u + v) * 1.3 + bend).fract()).abs().powi(6);
                mix(self.base, self.accent, 0.7 * vein)
                    * (0.92 + 0.16 * fbm(u * 5.0, v * 5.0, s ^ 1))
            }
            Texture::Panels(across, up) => self.panels(uv, size, across, up, px),
            Texture::Books => books(uv, size, s, px),
            Texture::Landscape => landscape(uv / size, s),
            Texture::Abstract => abstract_art(uv / size, s),
            Texture::Outside => outside(uv, uv.y / size.y, s),
            Texture::Leaf => {
                let vein = line((u - size.x / 2.0).abs(), 0.002, px);
                self.base * (0.7 + 0.6 * fbm(u * 20.0, v * 20.0, s)) * (1.0 + 0.5 * vein)
            }
            Texture::Rug => self.rug(uv, size, px),
            Texture::Cardboard => {
                let tape = line((u - size.x / 2.0).abs(), 0.025, px);
                mix(self.base, self.base * 1.35, tape) * (0.93 + 0.14 * fbm(u * 8.0, v * 30.0, s))
            }
            Texture::Wainscot(height) => {
                let lower = ((height - v) / px + 0.5).clamp(0.0, 1.0);
                let rail = line((v - height).abs(), 0.03, px);
                let groove = lower * 0.35 * line(centred(u / 0.12) * 0.12, 0.004, px);
                let colour = mix(self.base, self.accent, lower) * (1.0 - groove);
                mix(colour, self.accent * 0.8, rail) * plaster(uv, s, px)
            }
            Texture::Desktop => {
                let row = (v / 0.022).floor();
                let ends = 0.3 + 0.6 * unit(row as i32, 0, s);
                let text = centred(v / 0.022 + 0.5) < 0.3 && u / size.x > 0.06 && u / size.x < ends;
                if text { self.accent } else { self.base }
            }
            Texture::Road {
                lanes,
                edges,
                phase,
            } => {
                let lines = outdoors::road_lines(uv, size, lanes, edges, phase, px);
                let worn = 0.45 + 0.55 * fbm(u * 3.0, (v + phase) * 3.0, s ^ 3);
                let asphalt = self.base * outdoors::asphalt(vec2(u, v + phase), s, px);
                mix(asphalt, self.accent, lines * worn)
            }
            Texture::Bars(period) => {
                let bar = band(u / period, 0.5, px / period);
                let worn = 0.6 + 0.4 * fbm(u * 4.0, v * 4.0, s ^ 3);
                mix(
                    self.base * outdoors::asphalt(uv, s, px),
                    self.accent,
                    bar * worn,
                )
            }
            Texture::Grass => self.base * outdoors::grass(uv, s, px),
            Texture::Foliage => self.base * outdoors::foliage(uv, s, px),
            Texture::RoofTiles => self.base * outdoors::roof_tiles(uv, s, px),
            Texture::Facade(bay, floor) => {
                let glass = outdoors::windows(uv, size, vec2(bay, floor), px);
                mix(self.base * plaster(uv, s, px), self.accent, glass)
            }
            Texture::Sign(kind) => outdoors::sign(uv / size, kind),
        }
    }

    fn planks(&self, uv: Vec2, width: f32, length: f32, px: f32) -> Vec3 {
        let row = (uv.x / width).floor();
        let along = uv.y + length * unit(row as i32, 3, self.seed);
        let column = (along / length).floor();
        let plank = unit(row as i32, column as i32, self.seed);
        let shade = 0.78 + 0.44 * plank;
        let grain = grain(along, uv.x, self.seed ^ (plank * 4096.0) as u32, px);
        let gap = line(centred(uv.x / width) * width, 0.002, px).max(line(
            centred(along / length) * length,
            0.002,
            px,
        ));
        self.base * shade * (1.0 + 0.42 * grain) * (1.0 - 0.65 * gap)
    }

    fn tiles(&self, uv: Vec2, tile: Vec2, chequered: bool, px: f32) -> Vec3 {
        let cell = (uv / tile).floor();
        let (i, j) = (cell.x as i32, cell.y as i32);
        let far = fade(tile.min_element(), px);
        let odd = if chequered && (i + j) & 1 == 1 {
            1.0
        } else {
            0.0
        };
        let chequer = if chequered {
            0.5 + (odd - 0.5) * far
        } else {
            0.0
        };
        let face = mix(self.base, self.base * 0.25, chequer);
        let shade = 1.0 + 0.12 * far * (unit(i, j, self.seed) - 0.5);
        let cloud = 0.95 + 0.1 * fbm(uv.x * 7.0 + 9.0 * unit(i, j, 1), uv.y * 7.0, self.seed);
        let gap_u = line(centred(uv.x / tile.x) * tile.x, 0.0025, px);
        let gap_v = line(centred(uv.y / tile.y) * tile.y, 0.0025, px);
        mix(face * shade * cloud, self.accent, gap_u.max(gap_v))
    }

    fn brick(&self, uv: Vec2, px: f32) -> Vec3 {
        let row = (uv.y / 0.075).floor();
        let along = uv.x + 0.11 * (row as i32 & 1) as f32;
        let column = (along / 0.22).floor();
        let shade = 0.7 + 0.6 * unit(row as i32, column as i32, self.seed);
        let rough = 0.8 + 0.4 * fbm(uv.x * 40.0, uv.y * 40.0, self.seed);
        let gap = line(centred(uv.y / 0.075) * 0.075, 0.005, px).max(line(
            centred(along / 0.22) * 0.22,
            0.005,
            px,
        ));
        mix(self.base * shade * rough, self.accent, gap)
    }

    fn panels(&self, uv: Vec2, size: Vec2, across: u8, up: u8, px: f32) -> Vec3 {
        let cell = size / vec2(f32::from(across), f32::from(up));
        let inside = vec2(uv.x.rem_euclid(cell.x), uv.y.rem_euclid(cell.y));
        let edge = inside.min(cell - inside).min_element();
        let inset = 0.22 * cell.min_element().min(0.4);
        let joint = line(edge, 0.004, px);
        let bevel = line((edge - inset).abs(), 0.006, px);
        // The upper flank of the bevel is in shade, the lower one is lit.
        let lit = if inside.y > cell.y / 2.0 { -0.45 } else { 0.25 };
        let body = self.base * (1.0 + 0.25 * grain(uv.y, uv.x, self.seed, px));
        body * (1.0 - 0.75 * joint) * (1.0 + lit * bevel)
    }

    fn rug(&self, uv: Vec2, size: Vec2, px: f32) -> Vec3 {
        let edge = uv.min(size - uv).min_element();
        let border = line((edge - 0.12).abs(), 0.05, px);
        let rim = line((edge - 0.2).abs(), 0.012, px);
        let style = self.seed % 3;
        let middle = (uv - size / 2.0).abs();
        let pattern = match style {
            0 => band((middle.x + middle.y) / 0.4, 0.5, px / 0.4),
            1 => motif(uv / 0.25, self.seed, px / 0.25),
            _ => band(middle.length() / 0.5, 0.3, px / 0.5),
        };
        let inner = if edge > 0.2 { 0.75 * pattern } else { 0.0 };
        let colour = mix(self.base, self.accent, inner.max(border));
        mix(colour, Vec3::splat(0.6), rim) * pile(uv, self.seed, px)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn albedos_are_possible_near_and_far() {
        let textures = [
            Texture::Plain,
            Texture::Plaster,
            Texture::Wood,
            Texture::Planks(0.12, 1.1),
            Texture::Tiles {
                width: 0.3,
                height: 0.2,
                chequered: true,
            },
            Texture::Brick,
            Texture::Carpet,
            Texture::Motif(0.2),
            Texture::Panels(2, 3),
            Texture::Books,
            Texture::Landscape,
            Texture::Abstract,
            Texture::Rug,
            Texture::Wainscot(0.9),
            Texture::Road {
                lanes: 2,
                edges: true,
                phase: 4.0,
            },
            Texture::Bars(1.0),
            Texture::Grass,
            Texture::Foliage,
            Texture::RoofTiles,
            Texture::Facade(1.4, 1.7),
            Texture::Sign(3),
        ];
        for texture in textures {
            let material = Material {
                texture,
                seed: 11,
                ..Material::default()
            };
            for i in 0..500 {
                let uv = vec2((i % 25) as f32 * 0.071, (i / 25) as f32 * 0.083);
                for px in [0.0005, 0.01, 0.4] {
                    let albedo = material.albedo(uv, vec2(1.8, 1.7), px);
                    assert!(
                        albedo.min_element() >= 0.0 && albedo.max_element() <= 1.0,
                        "{texture:?} {albedo}"
                    );
                }
            }
        }
    }

    #[test]
    fn tiles_have_their_metric_size() {
        let texture = Texture::Tiles {
            width: 0.25,
            height: 0.25,
            chequered: false,
        };
        let material = Material {
            texture,
            accent: Vec3::ZERO,
            ..Material::default()
        };
        let dark = (0..1000)
            .map(|i| {
                material
                    .albedo(vec2(i as f32 * 0.001 + 0.05, 0.125), Vec2::ONE, 0.001)
                    .x
                    < 0.2
            })
            .collect::<Vec<_>>();
        let grooves = dark.windows(2).filter(|w| !w[0] && w[1]).count();
        assert_eq!(grooves, 4, "one groove every 25 cm");
    }

    #[test]
    fn far_away_a_pattern_becomes_its_mean() {
        let material = Material {
            texture: Texture::Striped(0.05),
            ..Material::default()
        };
        let spread = |px: f32| {
            let seen: Vec<f32> = (0..200)
                .map(|i| {
                    material
                        .albedo(vec2(i as f32 * 0.007, 0.1), Vec2::ONE, px)
                        .x
                })
                .collect();
            seen.iter().fold(0.0, |m: f32, &x| m.max(x))
                - seen.iter().fold(1.0, |m: f32, &x| m.min(x))
        };
        assert!(spread(0.2) < 0.4 * spread(0.001));
    }
}
