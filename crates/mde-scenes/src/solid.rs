//! Solids: four convex shapes with a material, from which everything is built.

use glam::{Mat3, Mat3A, Vec2, Vec3, Vec3A, vec2, vec3};

use crate::material::Material;

/// Hits nearer than this are the surface that the ray starts on.
const NEAREST: f32 = 1e-4;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ray {
    pub(crate) origin: Vec3,
    /// Of any length; distances along the ray are in units of it.
    pub(crate) direction: Vec3,
}

impl Ray {
    pub(crate) fn at(&self, t: f32) -> Vec3 {
        self.origin + self.direction * t
    }
}

/// A shape in its own frame, where it spans [-1, 1] along each axis.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Block,
    /// Upright. The radius changes linearly from 1 at the bottom to `top` at the top.
    Cylinder {
        top: f32,
    },
    Ball,
    /// A block that narrows upwards and spans [-x, x] by [-z, z] at its top. With one of them 0 it
    /// is a gabled roof, with both a pyramid.
    Tapered {
        x: f32,
        z: f32,
    },
}

/// A shape scaled by `half`, rotated by `axes`, moved to `centre` (metres, world frame, y up).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Solid {
    pub(crate) shape: Shape,
    pub(crate) centre: Vec3,
    pub(crate) axes: Mat3,
    pub(crate) half: Vec3,
    pub(crate) material: Material,
    to_local: Mat3,
}

/// A point of a surface, for shading and textures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surface {
    pub(crate) normal: Vec3,
    /// Position on the face in metres, from one of its corners.
    pub(crate) uv: Vec2,
    /// Extent of the face in metres.
    pub(crate) size: Vec2,
}

/// The geometry of a solid, laid out for fast ray tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    to_local: Mat3A,
    centre: Vec3A,
    shape: Shape,
    pub(crate) casts_shadow: bool,
}

impl Form {
    /// Distance along the ray to the first entry into the solid.
    #[inline(always)]
    pub(crate) fn hit(&self, origin: Vec3A, direction: Vec3A) -> Option<f32> {
        let o = self.to_local * (origin - self.centre);
        let d = self.to_local * direction;
        let t = match self.shape {
            Shape::Block => hit_block(o, d),
            Shape::Cylinder { top } => hit_cylinder(o, d, top),
            Shape::Ball => hit_ball(o, d),
            Shape::Tapered { x, z } => hit_tapered(o, d, x, z),
        };
        t.filter(|&t| t > NEAREST)
    }
}

impl Solid {
    pub(crate) fn new(
        shape: Shape,
        centre: Vec3,
        half: Vec3,
        axes: Mat3,
        material: Material,
    ) -> Self {
        let to_local = Mat3::from_diagonal(half.recip()) * axes.transpose();
        Self {
            shape,
            centre,
            axes,
            half,
            material,
            to_local,
        }
    }

    /// A block between two opposite corners.
    pub(crate) fn spanning(min: Vec3, max: Vec3, material: Material) -> Self {
        cuboid(material, max - min).at((min + max) / 2.0)
    }

    /// The same solid moved.
    pub(crate) fn at(self, by: impl Into<Vec3>) -> Self {
        Self {
            centre: by.into() + self.centre,
            ..self
        }
    }

    /// The same solid turned about its own centre to these axes.
    pub(crate) fn turned(self, axes: Mat3) -> Self {
        Self::new(self.shape, self.centre, self.half, axes, self.material)
    }

    /// The mirror image in x of a solid that is not turned.
    pub(crate) fn mirrored(self) -> Self {
        let centre = vec3(-self.centre.x, self.centre.y, self.centre.z);
        Self { centre, ..self }
    }

    /// The same solid after a rotation about the world's y axis and a move.
    pub(crate) fn placed(&self, position: Vec3, yaw: Mat3) -> Self {
        Self::new(
            self.shape,
            position + yaw * self.centre,
            self.half,
            yaw * self.axes,
            self.material,
        )
    }

    /// Half the extent of the bounding box along the world's axes.
    pub(crate) fn reach(&self) -> Vec3 {
        let (x, y, z) = (self.axes.x_axis, self.axes.y_axis, self.axes.z_axis);
        x.abs() * self.half.x + y.abs() * self.half.y + z.abs() * self.half.z
    }

    /// The solid's geometry for ray tests.
    pub(crate) fn form(&self) -> Form {
        Form {
            to_local: Mat3A::from(self.to_local),
            centre: Vec3A::from(self.centre),
            shape: self.shape,
            casts_shadow: self.material.emission == 0.0,
        }
    }

    /// Distance along `ray` to the first entry into the solid.
    #[cfg(test)]
    pub(crate) fn hit(&self, ray: &Ray) -> Option<f32> {
        self.form()
            .hit(Vec3A::from(ray.origin), Vec3A::from(ray.direction))
    }

    /// Normal and texture coordinates at `point`, which lies on the surface.
    pub(crate) fn surface(&self, point: Vec3) -> Surface {
        let p = self.to_local * (point - self.centre);
        let (gradient, uv, size) = match self.shape {
            Shape::Block => self.face(p),
            Shape::Cylinder { top } => self.round(p, top),
            Shape::Ball => {
                let (_, uv, size) = self.face(p);
                (p, uv, size)
            }
            Shape::Tapered { x, z } => self.tapered_face(p, x, z),
        };
        let normal = (self.to_local.transpose() * gradient).normalize_or(Vec3::Y);
        Surface { normal, uv, size }
    }

    fn face(&self, p: Vec3) -> (Vec3, Vec2, Vec2) {
        let a = p.abs();
        let metres = (p + 1.0) * self.half;
        let size = self.half * 2.0;
        if a.x >= a.y && a.x >= a.z {
            (
                vec3(p.x.signum(), 0.0, 0.0),
                vec2(metres.z, metres.y),
                vec2(size.z, size.y),
            )
        } else if a.y >= a.z {
            (
                vec3(0.0, p.y.signum(), 0.0),
                vec2(metres.x, metres.z),
                vec2(size.x, size.z),
            )
        } else {
            (
                vec3(0.0, 0.0, p.z.signum()),
                vec2(metres.x, metres.y),
                vec2(size.x, size.y),
            )
        }
    }

    /// The face nearest to the point, with a block's texture coordinates.
    fn tapered_face(&self, p: Vec3, x: f32, z: f32) -> (Vec3, Vec2, Vec2) {
        let off = |value: f32, top: f32, half: f32| {
            let (middle, slope) = taper(top);
            (middle + slope * p.y - value.abs()) * half
        };
        let (off_x, off_z) = (off(p.x, x, self.half.x), off(p.z, z, self.half.z));
        let off_cap = (1.0 - p.y.abs()) * self.half.y;
        if off_cap < off_x.min(off_z) {
            return self.face(vec3(0.0, p.y.signum(), 0.0) + p * vec3(0.5, 0.0, 0.5));
        }
        let metres = (p + 1.0) * self.half;
        let size = self.half * 2.0;
        if off_x < off_z {
            let normal = vec3(p.x.signum(), -taper(x).1, 0.0);
            (normal, vec2(metres.z, metres.y), vec2(size.z, size.y))
        } else {
            let normal = vec3(0.0, -taper(z).1, p.z.signum());
            (normal, vec2(metres.x, metres.y), vec2(size.x, size.y))
        }
    }

    fn round(&self, p: Vec3, top: f32) -> (Vec3, Vec2, Vec2) {
        let (middle, slope) = taper(top);
        let radius = middle + slope * p.y;
        let off_side = (p.x.hypot(p.z) - radius).abs() * self.half.x;
        let off_cap = (1.0 - p.y.abs()) * self.half.y;
        let metres = (p + 1.0) * self.half;
        if off_cap < off_side {
            let uv = vec2(metres.x, metres.z);
            return (
                vec3(0.0, p.y.signum(), 0.0),
                uv,
                vec2(self.half.x, self.half.z) * 2.0,
            );
        }
        let turn = p.z.atan2(p.x) + std::f32::consts::PI;
        let uv = vec2(turn * self.half.x, metres.y);
        let size = vec2(std::f32::consts::TAU * self.half.x, 2.0 * self.half.y);
        (vec3(p.x, -slope * radius, p.z), uv, size)
    }
}

/// A block that stands on the origin.
pub(crate) fn block(material: Material, size: impl Into<Vec3>) -> Solid {
    standing(Shape::Block, size.into() / 2.0, material)
}

/// A block around the origin.
pub(crate) fn cuboid(material: Material, size: impl Into<Vec3>) -> Solid {
    centred(Shape::Block, size.into() / 2.0, material)
}

/// An ellipsoid around the origin.
pub(crate) fn ball(material: Material, size: impl Into<Vec3>) -> Solid {
    centred(Shape::Ball, size.into() / 2.0, material)
}

/// An upright cylinder or cone that stands on the origin; `top` is its upper radius over its lower
/// one.
pub(crate) fn cylinder(material: Material, radius: f32, height: f32, top: f32) -> Solid {
    let half = vec3(radius, height / 2.0, radius);
    standing(Shape::Cylinder { top }, half, material)
}

/// An upright cylinder around the origin.
pub(crate) fn disc(material: Material, radius: f32, half_height: f32) -> Solid {
    let half = vec3(radius, half_height, radius);
    centred(Shape::Cylinder { top: 1.0 }, half, material)
}

/// A block that stands on the origin and narrows to shares `x` and `z` of itself at its top.
pub(crate) fn tapered(material: Material, size: impl Into<Vec3>, (x, z): (f32, f32)) -> Solid {
    standing(Shape::Tapered { x, z }, size.into() / 2.0, material)
}

/// A cylinder between two points.
pub(crate) fn rod(
    material: Material,
    radius: f32,
    from: impl Into<Vec3>,
    to: impl Into<Vec3>,
) -> Solid {
    let (from, to) = (from.into(), to.into());
    let along = to - from;
    let up = along.normalize_or(Vec3::Y);
    let (across, depth) = up.any_orthonormal_pair();
    disc(material, radius, along.length() / 2.0)
        .turned(Mat3::from_cols(across, up, depth))
        .at((from + to) / 2.0)
}

fn centred(shape: Shape, half: Vec3, material: Material) -> Solid {
    // Adding -0.0 changes no number, not even the sign of a zero, which orders solids in the tree.
    let origin = Vec3::splat(-0.0);
    Solid::new(shape, origin, half, Mat3::IDENTITY, material)
}

fn standing(shape: Shape, half: Vec3, material: Material) -> Solid {
    Solid::new(shape, Vec3::Y * half.y, half, Mat3::IDENTITY, material)
}

/// Offset and slope of a tapered shape: its radius at height y is offset + slope * y.
fn taper(top: f32) -> (f32, f32) {
    ((1.0 + top) / 2.0, (top - 1.0) / 2.0)
}

#[inline(always)]
fn hit_block(o: Vec3A, d: Vec3A) -> Option<f32> {
    let inverse = d.recip();
    let one = (-Vec3A::ONE - o) * inverse;
    let two = (Vec3A::ONE - o) * inverse;
    let near = one.min(two).max_element();
    let far = one.max(two).min_element();
    (near <= far).then_some(near)
}

/// Intersects the ray with the six half-spaces n . p <= c.
fn hit_tapered(o: Vec3A, d: Vec3A, x: f32, z: f32) -> Option<f32> {
    let ((middle_x, slope_x), (middle_z, slope_z)) = (taper(x), taper(z));
    let planes = [
        (Vec3A::new(1.0, -slope_x, 0.0), middle_x),
        (Vec3A::new(-1.0, -slope_x, 0.0), middle_x),
        (Vec3A::new(0.0, -slope_z, 1.0), middle_z),
        (Vec3A::new(0.0, -slope_z, -1.0), middle_z),
        (Vec3A::Y, 1.0),
        (Vec3A::NEG_Y, 1.0),
    ];
    let (mut near, mut far) = (f32::NEG_INFINITY, f32::INFINITY);
    for (normal, limit) in planes {
        let (inside, towards) = (limit - normal.dot(o), normal.dot(d));
        if towards < 0.0 {
            near = near.max(inside / towards);
        } else if towards > 0.0 {
            far = far.min(inside / towards);
        } else if inside < 0.0 {
            return None;
        }
    }
    (near <= far).then_some(near)
}

#[inline(always)]
fn hit_ball(o: Vec3A, d: Vec3A) -> Option<f32> {
    let a = d.dot(d);
    let b = o.dot(d);
    let c = o.dot(o) - 1.0;
    let discriminant = b * b - a * c;
    (discriminant >= 0.0).then(|| (-b - discriminant.sqrt()) / a)
}

fn hit_cylinder(o: Vec3A, d: Vec3A, top: f32) -> Option<f32> {
    let (middle, slope) = taper(top);
    let radius = middle + slope * o.y;
    let a = d.x * d.x + d.z * d.z - slope * slope * d.y * d.y;
    let b = o.x * d.x + o.z * d.z - slope * d.y * radius;
    let c = o.x * o.x + o.z * o.z - radius * radius;
    let mut first = f32::INFINITY;
    let discriminant = b * b - a * c;
    if discriminant >= 0.0 && a.abs() > 1e-12 {
        let root = discriminant.sqrt();
        for t in [(-b - root) / a, (-b + root) / a] {
            let y = o.y + t * d.y;
            if t > NEAREST && t < first && y.abs() <= 1.0 && middle + slope * y >= 0.0 {
                first = t;
            }
        }
    }
    for (y, radius) in [(-1.0, 1.0), (1.0, top)] {
        let t = (y - o.y) / d.y;
        let p = o + d * t;
        if t > NEAREST && t < first && p.x * p.x + p.z * p.z <= radius * radius {
            first = t;
        }
    }
    first.is_finite().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solid(shape: Shape) -> Solid {
        let axes = Mat3::from_rotation_y(0.4);
        Solid::new(
            shape,
            vec3(1.0, 2.0, 3.0),
            vec3(0.5, 0.8, 0.5),
            axes,
            Material::default(),
        )
    }

    fn straight(x: f32, y: f32) -> Ray {
        Ray {
            origin: vec3(x, y, -1.0),
            direction: Vec3::Z,
        }
    }

    #[test]
    fn known_distances() {
        let ball = solid(Shape::Ball)
            .hit(&straight(1.0, 2.0))
            .expect("through the centre");
        assert!((ball - 3.5).abs() < 1e-5, "{ball}");
        let round = solid(Shape::Cylinder { top: 1.0 });
        let side = round.hit(&straight(1.0, 2.5)).expect("through the axis");
        assert!((side - 3.5).abs() < 1e-5, "{side}");
        assert!(round.hit(&straight(1.0, 2.81)).is_none(), "above the top");
        let cone = solid(Shape::Cylinder { top: 0.0 });
        let half_way = cone
            .hit(&straight(1.0, 2.0))
            .expect("half way up, half the radius");
        assert!((half_way - 3.75).abs() < 1e-5, "{half_way}");
    }

    #[test]
    fn a_tapered_block_narrows_to_its_top() {
        let place = |x, z| {
            let (shape, half) = (Shape::Tapered { x, z }, vec3(2.0, 1.0, 3.0));
            Solid::new(shape, Vec3::ZERO, half, Mat3::IDENTITY, Material::default())
        };
        let ray = |x: f32, y: f32| Ray {
            origin: vec3(x, y, -9.0),
            direction: Vec3::Z,
        };
        // A gable along x: at height y the slope lies at z = -3 (1 - y) / 2.
        let roof = place(1.0, 0.0);
        for (y, z) in [(-1.0 + 1e-4, -3.0), (0.0, -1.5), (0.5, -0.75)] {
            let t = roof.hit(&ray(1.9, y)).expect("on the slope");
            assert!((t - 9.0 - z).abs() < 1e-3, "{t} at {y}");
            let normal = roof.surface(ray(1.9, y).at(t)).normal;
            assert!(
                (normal - vec3(0.0, 3.0, -2.0).normalize()).length() < 1e-3,
                "{normal}"
            );
        }
        assert!(roof.hit(&ray(2.1, 0.0)).is_none() && roof.hit(&ray(0.0, 1.1)).is_none());
        // A cabin whose top is half as wide and as long.
        let cabin = place(0.5, 0.5);
        assert!(cabin.hit(&ray(1.4, 0.0)).is_some() && cabin.hit(&ray(1.6, 0.0)).is_none());
        let above = Ray {
            origin: vec3(0.9, 5.0, 1.4),
            direction: vec3(0.0, -1.0, 0.0),
        };
        assert_eq!(cabin.hit(&above), Some(4.0));
        assert_eq!(cabin.surface(above.at(4.0)).normal, Vec3::Y);
    }

    #[test]
    fn from_above_the_cap_is_hit() {
        let ray = Ray {
            origin: vec3(1.2, 9.0, 3.1),
            direction: vec3(0.0, -2.0, 0.0),
        };
        for shape in [Shape::Block, Shape::Cylinder { top: 1.0 }] {
            let solid = solid(shape);
            let t = solid.hit(&ray).expect("falls on the cap");
            assert!((t - 3.1).abs() < 1e-5, "{t}");
            assert!((solid.surface(ray.at(t)).normal - Vec3::Y).length() < 1e-5);
        }
    }

    #[test]
    fn normals_face_the_ray_and_hits_lie_on_the_bounds() {
        for shape in [
            Shape::Block,
            Shape::Cylinder { top: 0.6 },
            Shape::Ball,
            Shape::Tapered { x: 0.8, z: 0.3 },
        ] {
            let solid = solid(shape);
            let mut hits = 0;
            for i in 0..400 {
                let ray = straight(0.3 + (i % 20) as f32 * 0.07, 1.1 + (i / 20) as f32 * 0.09);
                if let Some(t) = solid.hit(&ray) {
                    hits += 1;
                    let surface = solid.surface(ray.at(t));
                    assert!(
                        surface.normal.dot(ray.direction) < 1e-3,
                        "{shape:?} faces away"
                    );
                    assert!((surface.normal.length() - 1.0).abs() < 1e-4);
                    let off = (ray.at(t) - solid.centre).abs() - solid.reach();
                    assert!(off.max_element() < 1e-3, "{shape:?} outside its bounds");
                }
            }
            assert!(hits > 50);
        }
    }
}
