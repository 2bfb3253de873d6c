//! Damage as it happens (cuts, flipped bits, lost blocks), and as it hurts most (sizes and addresses rewritten).

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A damaged copy.
pub(crate) fn damaged(whole: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    match rng.random_range(0..10) {
        0 => bytes.truncate(rng.random_range(0..whole.len())),
        1 => {
            let at = rng.random_range(0..whole.len());
            let length = rng.random_range(1..=512).min(whole.len() - at);
            bytes[at..at + length].fill(0);
        }
        2 => {
            let at = rng.random_range(0..whole.len());
            let length = rng.random_range(1..=64).min(whole.len() - at);
            bytes.drain(at..at + length);
        }
        _ => {
            for _ in 0..rng.random_range(1..=3) {
                rewrite(&mut bytes, rng);
            }
        }
    }
    bytes
}

/// Flips bits of a byte, or writes a number that hurts over one, two, four or eight bytes.
pub(crate) fn rewrite(bytes: &mut [u8], rng: &mut ChaCha8Rng) {
    let at = rng.random_range(0..bytes.len());
    if rng.random_bool(0.4) {
        bytes[at] ^= rng.random_range(1..=255u8);
        return;
    }
    let size = [1, 2, 4, 8][rng.random_range(0..4)];
    let end = (at + size).min(bytes.len());
    let value = match rng.random_range(0..6) {
        0 => 0,
        1 => u64::MAX,
        2 => u64::MAX >> 1,
        3 => 1u64 << rng.random_range(0..64),
        4 => bytes.len() as u64,
        _ => rng.random::<u64>(),
    };
    bytes[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
}
