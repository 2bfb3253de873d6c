//! A fast lookup of depth slots.

use crate::DepthBins;

/// A lookup table for [`DepthBins::slot`].
///
/// The bit patterns of positive floats have the same order as their values. The upper bits of a
/// depth therefore select the few edges that it must be compared with.
#[derive(Debug)]
pub(crate) struct SlotTable {
    edges: Vec<f32>,
    /// Bit patterns of the smallest and largest depth with a bucket.
    range: (u32, u32),
    shift: u32,
    /// Number of edges below all depths of each bucket, plus a final entry for the last bucket.
    edges_below: Vec<u32>,
}

impl SlotTable {
    /// The slot of invalid depths and depths below the first edge.
    pub(crate) const NONE: u32 = u32::MAX;

    pub(crate) fn new(bins: &DepthBins) -> Self {
        let edges: Vec<f32> = bins.edges().iter().map(|&edge| edge as f32).collect();
        // An edge of 0 m is below every valid depth and needs no bucket.
        let first = if edges[0] > 0.0 { edges[0] } else { edges[1] };
        let range = (first.to_bits(), edges[bins.len()].to_bits());
        // With several buckets per bin, most buckets contain no edge and need no comparison.
        let buckets = (32 * edges.len()).clamp(1 << 10, 1 << 16) as u32;
        let mut shift = 0;
        while (range.1 - range.0) >> shift >= buckets {
            shift += 1;
        }
        let last = (range.1 - range.0) >> shift;
        // Depths below the range belong to the first bucket.
        let begin = |bucket: u32| match bucket {
            0 => f32::MIN_POSITIVE * f32::EPSILON,
            _ => f32::from_bits(range.0 + (bucket << shift)),
        };
        let mut edges_below = Vec::with_capacity(last as usize + 2);
        let mut below = 0;
        for bucket in 0..=last {
            let begin = begin(bucket);
            while edges.get(below).is_some_and(|&edge| edge < begin) {
                below += 1;
            }
            edges_below.push(below as u32);
        }
        edges_below.push(edges.len() as u32);
        Self {
            edges,
            range,
            shift,
            edges_below,
        }
    }

    /// [`DepthBins::slot`], with [`SlotTable::NONE`] for `None`.
    #[inline]
    pub(crate) fn slot(&self, depth: f32) -> u32 {
        // Only positive finite depths are valid.
        let bits = depth.to_bits();
        if !(1..f32::INFINITY.to_bits()).contains(&bits) {
            return Self::NONE;
        }
        let bits = bits.clamp(self.range.0, self.range.1);
        let bucket = ((bits - self.range.0) >> self.shift) as usize;
        let mut below = self.edges_below[bucket];
        let end = self.edges_below[bucket + 1];
        if below != end {
            let near = &self.edges[below as usize..end as usize];
            below += near.partition_point(|&edge| edge < depth) as u32;
        }
        // Below the first edge, 0 - 1 wraps to NONE.
        below.wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_table_equals_the_search() {
        let grids = [
            DepthBins::nyu(1),
            DepthBins::nyu(2),
            DepthBins::nyu(64),
            DepthBins::nyu(256),
            DepthBins::kitti(64),
            DepthBins::uniform(0.0, 10.0, 1 << 16),
            DepthBins::uniform(2.0, 3.0, 7),
            DepthBins::from_edges(vec![1.0, f64::from(1.0f32.next_up())]),
            DepthBins::from_edges(vec![0.0, 1e-45, 1e-44, 1e-3, 3e38]),
            DepthBins::from_edges(vec![1e-45, f64::from(f32::MAX)]),
        ];
        for bins in grids.map(Result::unwrap) {
            let table = SlotTable::new(&bins);
            let edges = bins.edges().iter().map(|&edge| edge as f32);
            let near_edges = edges.flat_map(|edge| [edge.next_down(), edge, edge.next_up()]);
            // Every 1021st bit pattern, including negative numbers, infinities and NaN.
            let all = (0..u32::MAX / 1021).map(|i| f32::from_bits(i * 1021));
            let extreme = [0.0, -0.0, f32::MAX, f32::INFINITY, f32::NAN, 1e-45];
            for depth in near_edges.chain(all).chain(extreme) {
                let expected = bins.slot(depth).map_or(SlotTable::NONE, |slot| slot as u32);
                assert_eq!(table.slot(depth), expected, "{depth} of {:?}", bins.kind());
            }
        }
    }
}
