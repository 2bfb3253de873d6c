//! Scratch memory that threads reuse.

use std::cell::Cell;

thread_local! {
    static SPARE: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Calls `f` with buffers of these sizes and arbitrary content, from memory that the thread keeps.
/// Fresh memory would be cleared on every call.
pub(crate) fn with_scratch<const N: usize, R>(
    sizes: [usize; N],
    f: impl FnOnce([&mut [f32]; N]) -> R,
) -> R {
    /// Larger buffers are rare and not kept, since every thread would keep one.
    const KEPT: usize = 8 * 1024 * 1024;
    // Taken, not borrowed: while `f` waits, this thread may run another task that needs scratch.
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
