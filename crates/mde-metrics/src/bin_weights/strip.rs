//! Computes the weights: the adjoint of the resize, applied to the masks of all slots.

use std::ops::Range;

use crate::ImageSize;
use crate::slot_table::SlotTable;

/// Number of feature pixels per tile, consecutive in row-major order; one bit of a word each.
pub(super) const TILE: usize = 64;

/// Number of tiles per strip.
pub(super) const STRIP: usize = 8;

/// The weights of several tiles: for each slot of a tile, a run of pixels with weights.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Strip {
    /// End of each tile's runs.
    tile_ends: Vec<usize>,
    /// Slot and end of each run.
    runs: Vec<(u32, u32)>,
    /// Pixel within the tile.
    pixels: Vec<u8>,
    weights: Vec<f64>,
}

/// The pixels of a tile that contribute to one slot, and their weights.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) slot: usize,
    pub(super) pixels: &'a [u8],
    pub(super) weights: &'a [f64],
}

impl Strip {
    pub(super) fn shrink_to_fit(&mut self) {
        self.tile_ends.shrink_to_fit();
        self.runs.shrink_to_fit();
        self.pixels.shrink_to_fit();
        self.weights.shrink_to_fit();
    }

    /// The runs of each tile, in order of slots.
    #[inline(always)]
    pub(super) fn tiles(&self) -> impl Iterator<Item = impl Iterator<Item = Run<'_>> + Clone> {
        let (mut next_run, mut next) = (0, 0);
        self.tile_ends.iter().map(move |&tile_end| {
            let runs = &self.runs[next_run..tile_end];
            let mut first = next;
            next_run = tile_end;
            next = runs.last().map_or(next, |&(_, end)| end as usize);
            runs.iter().map(move |&(slot, end)| {
                let range = first..end as usize;
                first = range.end;
                Run {
                    slot: slot as usize,
                    pixels: &self.pixels[range.clone()],
                    weights: &self.weights[range],
                }
            })
        })
    }
}

/// Inputs of all strips.
pub(super) struct Scatter<'a> {
    gt_slots: &'a [u32],
    gt_width: usize,
    feature_size: ImageSize,
    rows: Vec<Vec<(usize, f64)>>,
    columns: Vec<Vec<(usize, f64)>>,
}

/// Buffers for one tile, all zero between tiles.
pub(super) struct Scratch {
    /// `[slots, TILE]`.
    weights: Vec<f64>,
    /// Per slot, one bit for each pixel with a weight.
    touched: Vec<u64>,
    /// Number of entries of the last strip, as an estimate for the next.
    entries: usize,
}

impl Scratch {
    pub(super) fn new(slot_count: usize) -> Self {
        Self {
            weights: vec![0.0; slot_count * TILE],
            touched: vec![0; slot_count],
            entries: 0,
        }
    }

    #[inline(always)]
    fn add(&mut self, slot: u32, pixel: usize, weight: f64) {
        if slot != SlotTable::NONE {
            self.weights[slot as usize * TILE + pixel] += weight;
            self.touched[slot as usize] |= 1 << pixel;
        }
    }
}

impl<'a> Scatter<'a> {
    pub(super) fn new(gt_slots: &'a [u32], gt_size: ImageSize, feature_size: ImageSize) -> Self {
        Self {
            gt_slots,
            gt_width: gt_size.width,
            feature_size,
            rows: axis_adjoint(feature_size.height, gt_size.height),
            columns: axis_adjoint(feature_size.width, gt_size.width),
        }
    }

    /// Computes the weights of these tiles.
    pub(super) fn strip(&self, tiles: Range<usize>, scratch: &mut Scratch) -> Strip {
        let mut strip = Strip {
            pixels: Vec::with_capacity(scratch.entries),
            weights: Vec::with_capacity(scratch.entries),
            ..Strip::default()
        };
        for tile in tiles {
            let first = tile * TILE;
            for pixel in first..self.feature_size.pixels().min(first + TILE) {
                self.scatter(pixel, pixel - first, scratch);
            }
            self.gather(&mut strip, scratch);
        }
        scratch.entries = strip.pixels.len();
        strip
    }

    fn scatter(&self, pixel: usize, place: usize, scratch: &mut Scratch) {
        let width = self.feature_size.width;
        let column_taps = &self.columns[pixel % width];
        // Neighbouring depths usually share a slot, so their weights are added in a register.
        let (mut slot, mut sum) = (SlotTable::NONE, 0.0);
        for &(gt_row, row_weight) in &self.rows[pixel / width] {
            let gt_slots = &self.gt_slots[gt_row * self.gt_width..][..self.gt_width];
            for &(gt_column, column_weight) in column_taps {
                let gt_slot = gt_slots[gt_column];
                if gt_slot != slot {
                    scratch.add(slot, place, sum);
                    (slot, sum) = (gt_slot, 0.0);
                }
                sum += row_weight * column_weight;
            }
        }
        scratch.add(slot, place, sum);
    }

    /// Moves the weights of a tile from the scratch buffers to the strip.
    fn gather(&self, strip: &mut Strip, scratch: &mut Scratch) {
        let planes = scratch.weights.chunks_exact_mut(TILE);
        for (slot, (plane, touched)) in planes.zip(&mut scratch.touched).enumerate() {
            let mut bits = std::mem::take(touched);
            if bits == 0 {
                continue;
            }
            let from = strip.pixels.len();
            let to = from + bits.count_ones() as usize;
            strip.pixels.resize(to, 0);
            strip.weights.resize(to, 0.0);
            let entries = strip.pixels[from..]
                .iter_mut()
                .zip(&mut strip.weights[from..]);
            for (pixel, weight) in entries {
                let place = bits.trailing_zeros() as usize % TILE;
                bits &= bits - 1;
                *pixel = place as u8;
                *weight = std::mem::take(&mut plane[place]);
            }
            strip.runs.push((slot as u32, strip.pixels.len() as u32));
        }
        strip.tile_ends.push(strip.runs.len());
    }
}

/// The adjoint of linear interpolation from `feature_length` to `gt_length` samples.
///
/// For each feature index, the ground-truth indices that read it, with positive weights.
fn axis_adjoint(feature_length: usize, gt_length: usize) -> Vec<Vec<(usize, f64)>> {
    let mut taps = vec![Vec::new(); feature_length];
    let scale = feature_length as f64 / gt_length as f64;
    for gt_index in 0..gt_length {
        let source = ((gt_index as f64 + 0.5) * scale - 0.5).max(0.0);
        let lower = (source.floor() as usize).min(feature_length - 1);
        let upper_weight = source - lower as f64;
        if lower + 1 == feature_length || upper_weight == 0.0 {
            taps[lower].push((gt_index, 1.0));
        } else {
            taps[lower].push((gt_index, 1.0 - upper_weight));
            taps[lower + 1].push((gt_index, upper_weight));
        }
    }
    taps
}
