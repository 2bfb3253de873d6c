//! Linear interpolation along one axis, as PyTorch's bilinear mode with `align_corners = false`,
//! and its adjoint.

/// The target positions that read one source position, with their weights.
pub(crate) type Readers = Vec<(usize, f32)>;

/// For each output position, the two source positions around it and the weight of the second.
#[derive(Debug, Clone)]
pub(crate) struct Lerp {
    pub(crate) taps: Vec<Tap>,
}

/// `out = (1 - weight) * source[low] + weight * source[high]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tap {
    pub(crate) low: usize,
    pub(crate) high: usize,
    pub(crate) weight: f32,
}

impl Lerp {
    /// Interpolation from `source` to `target` positions; both must be positive.
    pub(crate) fn new(source: usize, target: usize) -> Self {
        let scale = source as f32 / target as f32;
        let taps = (0..target)
            .map(|position| {
                let at = (scale * (position as f32 + 0.5) - 0.5).max(0.0);
                let low = (at as usize).min(source - 1);
                let high = (low + 1).min(source - 1);
                Tap {
                    low,
                    high,
                    weight: at - low as f32,
                }
            })
            .collect();
        Self { taps }
    }

    /// The readers of each source position.
    pub(crate) fn readers(&self, source: usize) -> Vec<Readers> {
        let mut readers = vec![Vec::new(); source];
        for (position, tap) in self.taps.iter().enumerate() {
            readers[tap.low].push((position, 1.0 - tap.weight));
            readers[tap.high].push((position, tap.weight));
        }
        readers
    }

    pub(crate) fn target(&self) -> usize {
        self.taps.len()
    }

    /// The output positions below `length` whose shifted position is a target position.
    ///
    /// Returns the range of output positions, and the target position of the first.
    pub(crate) fn shifted(&self, shift: isize, length: usize) -> (std::ops::Range<usize>, usize) {
        let first = (-shift).max(0) as usize;
        let end = (self.target() as isize - shift).clamp(0, length as isize) as usize;
        let first = first.min(end);
        // A shift beyond the map gives an empty range, whose start must still lie inside.
        let start = (first as isize + shift).clamp(0, self.target() as isize);
        (first..end, start as usize)
    }
}

/// `out += (1 - weight) * low + weight * high`, element by element.
#[inline(always)]
pub(crate) fn add_blend(out: &mut [f32], low: &[f32], high: &[f32], weight: f32) {
    for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
        *out += low + weight * (high - low);
    }
}

/// `out += scale * values`, element by element.
#[inline(always)]
pub(crate) fn add_scaled(out: &mut [f32], values: &[f32], scale: f32) {
    for (out, value) in out.iter_mut().zip(values) {
        *out += scale * value;
    }
}
