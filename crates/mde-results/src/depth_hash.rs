//! The hash of an image's ground truth, by which results of different runs are known to be of the
//! same images.

use mde_metrics::ImageSize;

/// blake3 of a depth map: its height and width as u64, then its depths as f32, all little-endian.
///
/// Invalid depth counts as 0, so NaN and 0 for missing depth are the same map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthHash([u8; Self::BYTES]);

impl DepthHash {
    /// Length of a hash.
    pub(crate) const BYTES: usize = 32;

    /// The hash of `depths` `[h, w]`, metres.
    pub fn new(depths: &[f32], size: ImageSize) -> Self {
        let mut hasher = blake3::Hasher::new();
        for side in [size.height, size.width] {
            hasher.update(&(side as u64).to_le_bytes());
        }
        for row in depths.chunks(size.width.max(1)) {
            let valid = |depth: &f32| {
                if depth.is_finite() && *depth > 0.0 {
                    *depth
                } else {
                    0.0
                }
            };
            let row: Vec<u8> = row
                .iter()
                .flat_map(|depth| valid(depth).to_le_bytes())
                .collect();
            hasher.update(&row);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// The hash of a set of depth maps in this order, hexadecimal.
    pub fn of_all(maps: impl IntoIterator<Item = Self>) -> String {
        let mut hasher = blake3::Hasher::new();
        for Self(bytes) in maps {
            hasher.update(&bytes);
        }
        hasher.finalize().to_hex().to_string()
    }

    pub(crate) fn bytes(self) -> [u8; Self::BYTES] {
        self.0
    }

    pub(crate) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }
}

/// The first 8 hexadecimal digits, as shown to users.
impl std::fmt::Display for DepthHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (self.0[..4].iter()).try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: ImageSize = ImageSize::new(2, 3);

    #[test]
    fn a_hash_is_of_the_size_and_the_valid_depths() {
        let map = [1.0, 0.0, 2.0, 0.0, 3.0, 4.0];
        let hash = DepthHash::new(&map, SIZE);
        let same = [1.0, f32::NAN, 2.0, -0.0, 3.0, 4.0];
        assert_eq!(DepthHash::new(&same, SIZE), hash);
        let invalid = [1.0, -1.0, 2.0, f32::INFINITY, 3.0, 4.0];
        assert_eq!(DepthHash::new(&invalid, SIZE), hash);
        assert_ne!(DepthHash::new(&map, ImageSize::new(3, 2)), hash);
        for pixel in 0..6 {
            let mut other = map;
            other[pixel] += 1e-3;
            assert_ne!(DepthHash::new(&other, SIZE), hash);
        }
        assert_eq!(hash.to_string().len(), 8);
    }

    #[test]
    fn the_hash_of_a_set_depends_on_the_order() {
        let [a, b] = [1.0, 2.0].map(|depth| DepthHash::new(&[depth; 6], SIZE));
        assert_ne!(DepthHash::of_all([a, b]), DepthHash::of_all([b, a]));
        assert_ne!(DepthHash::of_all([a]), DepthHash::of_all([a, a]));
    }
}
