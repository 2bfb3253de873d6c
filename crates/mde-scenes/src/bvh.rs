//! A bounding-volume hierarchy, which finds the first solid on a ray in logarithmic time.

use glam::{Vec3, Vec3A};

use crate::solid::{Form, Ray, Solid};

const LEAF: usize = 2;
/// Depth of the traversal stack. Each split leaves at least a quarter of the solids on each side,
/// so this suffices for 10^5 solids.
const STACK: usize = 40;

#[derive(Clone, Copy, Debug)]
struct Node {
    min: Vec3A,
    max: Vec3A,
    /// First solid of a leaf, or right child of an inner node. The left child follows its parent.
    next: u32,
    /// Number of solids; 0 for an inner node.
    count: u32,
}

/// Solids and the tree over them. Building reorders the solids; their indices are stable
/// afterwards.
#[derive(Debug)]
pub(crate) struct Bvh {
    nodes: Vec<Node>,
    /// The solids' geometry, which rays are tested against. Separate because it is smaller.
    forms: Vec<Form>,
    solids: Vec<Solid>,
}

impl Bvh {
    pub(crate) fn new(mut solids: Vec<Solid>) -> Self {
        let mut nodes = Vec::with_capacity(solids.len());
        let count = solids.len();
        if count > 0 {
            split(&mut solids, 0, count, &mut nodes);
        }
        let forms = solids.iter().map(Solid::form).collect();
        Self {
            nodes,
            forms,
            solids,
        }
    }

    pub(crate) fn solid(&self, index: usize) -> &Solid {
        &self.solids[index]
    }

    /// Distance and index of the first solid nearer than `limit`.
    pub(crate) fn closest(&self, ray: &Ray, limit: f32) -> Option<(f32, usize)> {
        let mut best = None;
        self.walk(
            ray,
            limit,
            |form, index, origin, direction, limit| match form.hit(origin, direction) {
                Some(t) if t < limit => {
                    best = Some((t, index));
                    Some(t)
                }
                _ => Some(limit),
            },
        );
        best
    }

    /// Whether a solid that casts shadows is nearer than `limit`.
    pub(crate) fn blocked(&self, ray: &Ray, limit: f32) -> bool {
        let mut blocked = false;
        self.walk(ray, limit, |form, _, origin, direction, limit| {
            blocked = form.casts_shadow && form.hit(origin, direction).is_some_and(|t| t < limit);
            (!blocked).then_some(limit)
        });
        blocked
    }

    /// Calls `visit` with candidates and the limit, near boxes first. It returns the new limit, or
    /// `None` to stop.
    #[inline(always)]
    fn walk(
        &self,
        ray: &Ray,
        mut limit: f32,
        mut visit: impl FnMut(&Form, usize, Vec3A, Vec3A, f32) -> Option<f32>,
    ) {
        if self.nodes.is_empty() {
            return;
        }
        let (origin, direction) = (Vec3A::from(ray.origin), Vec3A::from(ray.direction));
        let inverse = direction.recip();
        let mut stack = [(0u32, 0f32); STACK];
        let mut depth = 1;
        while depth > 0 {
            depth -= 1;
            let (at, entry) = stack[depth];
            if entry > limit {
                continue;
            }
            let node = &self.nodes[at as usize];
            if node.count > 0 {
                let first = node.next as usize;
                for (k, form) in self.forms[first..first + node.count as usize]
                    .iter()
                    .enumerate()
                {
                    match visit(form, first + k, origin, direction, limit) {
                        Some(new) => limit = new,
                        None => return,
                    }
                }
                continue;
            }
            let left = (at + 1, self.nodes[at as usize + 1].enter(origin, inverse));
            let right = (
                node.next,
                self.nodes[node.next as usize].enter(origin, inverse),
            );
            let (near, far) = if left.1 <= right.1 {
                (left, right)
            } else {
                (right, left)
            };
            for child in [far, near] {
                if child.1 < limit {
                    stack[depth] = child;
                    depth += 1;
                }
            }
        }
    }
}

impl Node {
    /// Distance at which a ray enters the box; infinite if it misses.
    #[inline(always)]
    fn enter(&self, origin: Vec3A, inverse: Vec3A) -> f32 {
        let one = (self.min - origin) * inverse;
        let two = (self.max - origin) * inverse;
        let near = one.min(two).max_element().max(0.0);
        let far = one.max(two).min_element();
        if near <= far { near } else { f32::INFINITY }
    }
}

/// A growing bounding box.
#[derive(Clone, Copy)]
struct Bounds(Vec3, Vec3);

impl Bounds {
    const EMPTY: Self = Self(Vec3::INFINITY, Vec3::NEG_INFINITY);

    fn with(self, solid: &Solid) -> Self {
        let reach = solid.reach();
        Self(
            self.0.min(solid.centre - reach),
            self.1.max(solid.centre + reach),
        )
    }

    fn area(self) -> f32 {
        let size = self.1 - self.0;
        size.x * size.y + size.y * size.z + size.z * size.x
    }
}

/// Builds the subtree over `count` solids, split where the surface-area heuristic expects the
/// fewest tests.
fn split(solids: &mut [Solid], first: usize, count: usize, nodes: &mut Vec<Node>) {
    let part = &mut solids[first..first + count];
    let bounds = part.iter().fold(Bounds::EMPTY, Bounds::with);
    let here = nodes.len();
    // The margin keeps rounding in the slab test from missing a surface that lies on its box.
    let (min, max) = (Vec3A::from(bounds.0 - 1e-4), Vec3A::from(bounds.1 + 1e-4));
    nodes.push(Node {
        min,
        max,
        next: first as u32,
        count: count as u32,
    });
    if count <= LEAF {
        return;
    }
    let (mut best, mut cut) = (f32::INFINITY, (0, count / 2));
    for axis in 0..3 {
        sort(part, axis);
        let mut right = vec![0.0; count];
        let mut growing = Bounds::EMPTY;
        for k in (1..count).rev() {
            growing = growing.with(&part[k]);
            right[k] = growing.area() * (count - k) as f32;
        }
        let mut growing = Bounds::EMPTY;
        for k in 1..count {
            growing = growing.with(&part[k - 1]);
            let cost = growing.area() * k as f32 + right[k];
            if cost < best && k.min(count - k) * 4 >= count {
                (best, cut) = (cost, (axis, k));
            }
        }
    }
    sort(part, cut.0);
    split(solids, first, cut.1, nodes);
    let right = nodes.len() as u32;
    split(solids, first + cut.1, count - cut.1, nodes);
    nodes[here].next = right;
    nodes[here].count = 0;
}

/// Sorts by centre. A stable sort keeps the order, and with it the image, the same everywhere.
fn sort(part: &mut [Solid], axis: usize) {
    part.sort_by(|a, b| a.centre[axis].total_cmp(&b.centre[axis]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::Material;
    use crate::random::Dice;
    use glam::vec3;

    #[test]
    fn finds_what_a_search_of_all_solids_finds() {
        let mut dice = Dice::new(3, 3);
        let mut point = |reach: f32| {
            vec3(
                dice.range(-reach, reach),
                dice.range(-reach, reach),
                dice.range(-reach, reach),
            )
        };
        let solids: Vec<Solid> = (0..150)
            .map(|_| {
                let corner = point(4.0);
                Solid::spanning(
                    corner,
                    corner + point(1.2).abs() + 0.05,
                    Material::default(),
                )
            })
            .collect();
        let bvh = Bvh::new(solids);
        let mut hits = 0;
        for _ in 0..2000 {
            let ray = Ray {
                origin: point(6.0),
                direction: point(1.0),
            };
            let all = (0..150)
                .filter_map(|i| bvh.solid(i).hit(&ray))
                .fold(f32::INFINITY, f32::min);
            let found = bvh
                .closest(&ray, f32::INFINITY)
                .map_or(f32::INFINITY, |(t, _)| t);
            assert_eq!(all, found);
            assert_eq!(bvh.blocked(&ray, 5.0), all < 5.0);
            hits += usize::from(all.is_finite());
        }
        assert!(hits > 200);
    }

    #[test]
    fn an_empty_tree_is_never_hit() {
        let ray = Ray {
            origin: Vec3::ZERO,
            direction: Vec3::Z,
        };
        assert!(Bvh::new(Vec::new()).closest(&ray, 9.0).is_none());
    }
}
