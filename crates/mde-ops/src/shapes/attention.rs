//! Sizes of an attention.

use candle_core::{Result, Tensor};

/// Sizes of one attention over `qkv` [sequences, tokens, 3 heads head].
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttentionDims {
    pub(crate) sequences: usize,
    pub(crate) tokens: usize,
    pub(crate) heads: usize,
    /// Values of one query, key or value.
    pub(crate) head: usize,
}

impl AttentionDims {
    pub(crate) fn new(qkv: &Tensor, heads: usize) -> Result<Self> {
        let (sequences, tokens, values) = qkv.dims3()?;
        let parts = heads.checked_mul(3).filter(|&parts| parts > 0);
        let head = parts.filter(|&parts| values.is_multiple_of(parts));
        let Some(head) = head.map(|parts| values / parts) else {
            candle_core::bail!(
                "attention: {values} values are not a multiple of 3 x {heads} heads"
            );
        };
        if qkv.elem_count() == 0 {
            candle_core::bail!("attention: {:?} has an empty dimension", qkv.dims());
        }
        Ok(Self {
            sequences,
            tokens,
            heads,
            head,
        })
    }
}
