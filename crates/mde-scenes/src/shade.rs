//! Light: the irradiance at each pixel's surface, and the radiance that reaches the camera.
//!
//! Direct light is sampled over each lamp's area and tested for shadows. One bounce of indirect
//! light is traced over the hemisphere. Every other pixel, as on a chessboard, takes one of 8
//! strata by its place in a 4x4 block. A 5x5 filter that stays on the surface averages them.
//! Outdoors, the sun is one more light, rays that hit nothing see the sky, and haze covers what is
//! far.

use glam::Vec3;

use crate::camera::Camera;
use crate::scene::Scene;
use crate::solid::Ray;
use crate::view::{Fragment, fragment};

/// Light that arrives at a pixel's surface.
#[derive(Clone, Copy, Debug, Default)]
struct Arriving {
    irradiance: Vec3,
    /// Radiance from the mirror direction.
    mirrored: Vec3,
}

/// Linear radiance of every pixel.
pub(crate) fn radiance(scene: &Scene, camera: &Camera, fragments: &[Fragment]) -> Vec<Vec3> {
    let width = camera.lens.width as usize;
    let light = |i: usize| arriving(scene, camera, &fragments[i], stratum(i % width, i / width));
    let sampled: Vec<Arriving> = (0..fragments.len())
        .map(|i| {
            if is_sampled(i % width, i / width) {
                light(i)
            } else {
                Arriving::default()
            }
        })
        .collect();
    let smooth = join_strata(fragments, &sampled, width, light);
    let mut out: Vec<Vec3> = (0..fragments.len())
        .map(|i| {
            let middle = ((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
            reaching(scene, camera, middle, &fragments[i], &smooth[i])
        })
        .collect();
    soften_edges(scene, camera, fragments, &smooth, &mut out);
    out
}

/// Number of light samples that the filter averages.
const STRATA: usize = 8;

/// Whether a pixel is sampled: the white fields of a chessboard are.
fn is_sampled(x: usize, y: usize) -> bool {
    (x + y).is_multiple_of(2)
}

/// The stratum that a pixel samples. Each occurs once on the white fields of a 4x4 block; those of
/// neighbours are far apart.
fn stratum(x: usize, y: usize) -> usize {
    const ORDER: [usize; STRATA] = [0, 4, 6, 2, 3, 7, 5, 1];
    ORDER[(y % 4) * 2 + x % 4 / 2]
}

/// The middle of a stratum in the unit square, on a lattice with one point per row and column.
fn lattice(stratum: usize) -> (f32, f32) {
    let cell = |k: usize| ((k % STRATA) as f32 + 0.5) / STRATA as f32;
    (cell(stratum), cell(3 * stratum))
}

fn arriving(scene: &Scene, camera: &Camera, f: &Fragment, stratum: usize) -> Arriving {
    if f.z.is_infinite() {
        return Arriving::default();
    }
    let start = f.point + f.normal * 1e-3;
    let mut irradiance = Vec3::ZERO;
    let faint = 0.05 * (scene.rough_irradiance(f.point, f.normal) + scene.ambient).max_element();
    for (k, light) in scene.lights.iter().enumerate() {
        let (s, t) = lattice(stratum + 3 * k);
        let from = light.point(2.0 * s - 1.0, 2.0 * t - 1.0);
        let direct = light.irradiance(from, f.point, f.normal);
        if direct.max_element() < faint {
            // This lamp's shadow is invisible; half of its light is a fair mean.
            irradiance += direct * 0.5;
        } else {
            let ray = Ray {
                origin: start,
                direction: from - start,
            };
            if !scene.bvh.blocked(&ray, 0.999) {
                irradiance += direct;
            }
        }
    }
    if let Some(sky) = &scene.sky {
        let direct = sky.sunlight(f.normal);
        let (s, t) = lattice(stratum);
        let ray = Ray {
            origin: start,
            direction: sky.sun(2.0 * s - 1.0, 2.0 * t - 1.0),
        };
        if direct != Vec3::ZERO && !scene.bvh.blocked(&ray, f32::INFINITY) {
            irradiance += direct;
        }
    }
    irradiance += indirect(scene, start, f.normal, stratum);
    let mirrored = if f.gloss == 0.0 {
        Vec3::ZERO
    } else if f.mirror_share() > 0.025 {
        let way = (f.point - camera.position).normalize();
        let bounce = way - f.normal * (2.0 * way.dot(f.normal));
        seen_from(
            scene,
            &Ray {
                origin: start,
                direction: bounce,
            },
        )
    } else {
        // Too weak to show an image, so that the mean light suffices.
        scene.ambient / std::f32::consts::PI
    };
    Arriving {
        irradiance,
        mirrored,
    }
}

/// Light from other surfaces, along one cosine-distributed ray.
fn indirect(scene: &Scene, start: Vec3, normal: Vec3, stratum: usize) -> Vec3 {
    let (u, v) = lattice(stratum);
    let turn = std::f32::consts::TAU * v;
    let (across, along) = normal.any_orthonormal_pair();
    let direction =
        (across * turn.cos() + along * turn.sin()) * u.sqrt() + normal * (1.0 - u).sqrt();
    let Some((t, index)) = scene.bvh.closest(
        &Ray {
            origin: start,
            direction,
        },
        f32::INFINITY,
    ) else {
        return match &scene.sky {
            Some(sky) => sky.radiance(direction) * std::f32::consts::PI,
            None => scene.ambient,
        };
    };
    let solid = scene.bvh.solid(index);
    let point = start + direction * t;
    let away = solid.surface(point).normal;
    // Lamps and windows are already sampled as lights.
    if solid.material.emission > 0.0 {
        return scene.ambient;
    }
    let lit = scene.rough_irradiance(point, away) * 0.55 + scene.ambient;
    // In narrow gaps, the far side is dark too.
    let open = t / (t + 0.12);
    solid.material.base * lit * open + scene.ambient * (0.6 * open)
}

/// Radiance along a ray from a mirror, without shadows.
fn seen_from(scene: &Scene, ray: &Ray) -> Vec3 {
    let Some((t, index)) = scene.bvh.closest(ray, f32::INFINITY) else {
        return scene
            .sky
            .map_or(Vec3::ZERO, |sky| sky.radiance(ray.direction));
    };
    let solid = scene.bvh.solid(index);
    let point = ray.at(t);
    let surface = solid.surface(point);
    let albedo = solid
        .material
        .albedo(surface.uv, surface.size, 0.004 + 0.004 * t);
    let lit = scene.rough_irradiance(point, surface.normal) * 0.6 + scene.ambient * 1.5;
    albedo * (lit / std::f32::consts::PI + solid.material.emission)
}

/// Averages light over 5x5 pixels of the same surface. The outer ring counts half, so that all
/// strata count equally. `light` computes it for pixels without a sampled neighbour on their
/// surface.
fn join_strata(
    fragments: &[Fragment],
    sampled: &[Arriving],
    width: usize,
    light: impl Fn(usize) -> Arriving,
) -> Vec<Arriving> {
    const WEIGHT: [f32; 5] = [0.5, 1.0, 1.0, 1.0, 0.5];
    let height = fragments.len() / width.max(1);
    let mut out = Vec::with_capacity(fragments.len());
    for (i, centre) in fragments.iter().enumerate() {
        let (x, y) = (i % width, i / width);
        let (mut sum, mut total) = (Arriving::default(), 0.0);
        for ny in y.saturating_sub(2)..(y + 3).min(height) {
            let first = x.saturating_sub(2);
            let first = first + usize::from(!is_sampled(first, ny));
            for nx in (first..(x + 3).min(width)).step_by(2) {
                let j = ny * width + nx;
                if centre.continues(&fragments[j]) {
                    let weight = WEIGHT[ny + 2 - y] * WEIGHT[nx + 2 - x];
                    sum.irradiance += sampled[j].irradiance * weight;
                    sum.mirrored += sampled[j].mirrored * weight;
                    total += weight;
                }
            }
        }
        // A mirror's image stays sharp.
        if total == 0.0 || centre.gloss > 0.5 {
            out.push(light(i));
        } else {
            out.push(Arriving {
                irradiance: sum.irradiance / total,
                mirrored: sum.mirrored / total,
            });
        }
    }
    out
}

/// Radiance that reaches the camera at an image position.
fn reaching(
    scene: &Scene,
    camera: &Camera,
    (x, y): (f32, f32),
    f: &Fragment,
    light: &Arriving,
) -> Vec3 {
    match &scene.sky {
        None => leaving(f, light),
        Some(sky) if f.z.is_infinite() => sky.radiance(camera.ray(x, y).direction),
        Some(sky) => sky.through_haze(leaving(f, light), f.z),
    }
}

fn leaving(f: &Fragment, light: &Arriving) -> Vec3 {
    let diffuse = f.albedo * (light.irradiance / std::f32::consts::PI + f.emission);
    if f.gloss == 0.0 {
        return diffuse;
    }
    let share = f.mirror_share();
    diffuse * (1.0 - share) + light.mirrored * share
}

/// Where a neighbour sees another surface, averages a pixel with three more first hits.
fn soften_edges(
    scene: &Scene,
    camera: &Camera,
    fragments: &[Fragment],
    light: &[Arriving],
    out: &mut [Vec3],
) {
    let (width, height) = (camera.lens.width as usize, camera.lens.height as usize);
    for i in 0..fragments.len() {
        let (x, y) = (i % width, i / width);
        let near = [
            (x > 0).then(|| i - 1),
            (x + 1 < width).then(|| i + 1),
            (y > 0).then(|| i - width),
            (y + 1 < height).then(|| i + width),
        ];
        let here = &fragments[i];
        let edge = near.iter().flatten().any(|&j| {
            fragments[j].solid != here.solid || fragments[j].normal.dot(here.normal) < 0.8
        });
        if !edge {
            continue;
        }
        let mut sum = out[i];
        for (dx, dy) in [(0.17, 0.33), (0.83, 0.17), (0.5, 0.83)] {
            let at = (x as f32 + dx, y as f32 + dy);
            let f = fragment(scene, camera, at.0, at.1);
            let lit = near
                .iter()
                .flatten()
                .copied()
                .find(|&j| f.continues(&fragments[j]));
            let source = if f.continues(here) {
                i
            } else {
                lit.unwrap_or(i)
            };
            sum += reaching(scene, camera, at, &f, &light[source]);
        }
        out[i] = sum / 4.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::Lens;
    use crate::light::Light;
    use crate::material::Material;
    use crate::solid::Solid;
    use crate::view::fragments;
    use glam::vec3;

    /// A floor at height 0 and a wall at z = 3, seen from (0, 1.2, 0) along +z.
    fn known() -> (Scene, Camera) {
        let material = Material::default();
        let floor = Solid::spanning(vec3(-50.0, -1.0, -50.0), vec3(50.0, 0.0, 50.0), material);
        let wall = Solid::spanning(vec3(-50.0, -1.0, 3.0), vec3(50.0, 50.0, 4.0), material);
        let light = Light::bulb(vec3(0.0, 2.5, 1.0), 0.1, Vec3::splat(3.0));
        let scene = Scene::new(vec![floor, wall], vec![light], 100.0, Vec3::splat(0.5));
        (
            scene,
            Camera::new(vec3(0.0, 1.2, 0.0), [0.0; 3], Lens::kinect(81, 61)),
        )
    }

    #[test]
    fn depth_is_exact_for_a_known_scene() {
        let (scene, camera) = known();
        let fragments = fragments(&scene, &camera);
        let (mut on_wall, mut on_floor) = (0, 0);
        for (i, f) in fragments.iter().enumerate() {
            let down = ((i / 81) as f32 + 0.5 - 30.5) / camera.lens.focal;
            let expected = if down * 3.0 < 1.2 { 3.0 } else { 1.2 / down };
            assert!(
                (f.z - expected).abs() < 1e-4,
                "pixel {i}: {} for {expected}",
                f.z
            );
            if expected == 3.0 {
                on_wall += 1
            } else {
                on_floor += 1
            }
        }
        assert!(on_wall > 1000 && on_floor > 200, "{on_wall} {on_floor}");
    }

    #[test]
    fn light_falls_off_and_shadows_darken() {
        let (scene, camera) = known();
        let bright = radiance(&scene, &camera, &fragments(&scene, &camera));
        let (middle, corner) = (bright[5 * 81 + 40], bright[5 * 81]);
        assert!(
            middle.x > 1.2 * corner.x,
            "nearer the lamp it is brighter: {middle} {corner}"
        );
        let cover = Solid::spanning(
            vec3(-9.0, 2.3, 0.0),
            vec3(9.0, 2.4, 2.0),
            Material::default(),
        );
        let mut solids: Vec<Solid> = (0..2).map(|i| *scene.bvh.solid(i)).collect();
        solids.push(cover);
        let dark = Scene {
            bvh: crate::bvh::Bvh::new(solids),
            lights: scene.lights.clone(),
            ambient: scene.ambient,
            sky: None,
        };
        let shaded = radiance(&dark, &camera, &fragments(&dark, &camera));
        let foot = 58 * 81 + 40;
        assert!(
            shaded[foot].x < 0.6 * bright[foot].x,
            "{} {}",
            shaded[foot],
            bright[foot]
        );
    }

    #[test]
    fn each_stratum_occurs_once_in_a_block() {
        for (x0, y0) in [(0, 0), (4, 8), (12, 4)] {
            let mut seen = [0; STRATA];
            for (x, y) in (0..16)
                .map(|i| (x0 + i % 4, y0 + i / 4))
                .filter(|&(x, y)| is_sampled(x, y))
            {
                seen[stratum(x, y)] += 1;
            }
            assert_eq!(seen, [1; STRATA]);
        }
    }
}
