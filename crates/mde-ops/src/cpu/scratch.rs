//! Scratch memory that threads reuse.

use std::cell::Cell;

thread_local! {
    static SPARE: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Gives `f` buffers of these sizes with any content, out of memory that this thread keeps for it: fresh memory for every
/// call would be cleared every time.
pub(crate) fn with_scratch<const N: usize, R>(
    sizes: [usize; N],
    f: impl FnOnce([&mut [f32]; N]) -> R,
) -> R {
    /// Larger buffers are rare, and would be kept by every thread.
    const KEPT: usize = 8 * 1024 * 1024;
    // Taken, not borrowed: while `f` waits for others, this thread may run another task that wants scratch too.
    let mut buffer = SPARE.take();
    let total = sizes.iter().sum();
    if buffer.len() < total {
        buffer.resize(total, 0.0);
    }
    let mut rest = buffer.as_mut_slice();
    let parts = sizes.map(|size| {
        let (part, left) = std::mem::take(&mut rest).split_at_mut(size);
        rest = left;
        part
    });
    let result = f(parts);
    if buffer.len() <= KEPT {
        SPARE.set(buffer);
    }
    result
}
