//! Random generators of the loader.
//!
//! ChaCha8's 32-byte key is the concatenation of seed, epoch, index of the sample in the list and a
//! tag for the purpose (four little-endian u64). Different tuples are different keys, so no two
//! streams coincide. The draws for a sample do not depend on the thread, the time or the batch.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

const SAMPLE_TAG: u64 = u64::from_le_bytes(*b"mde-samp");
const ORDER_TAG: u64 = u64::from_le_bytes(*b"mde-ordr");

/// The generator that augments sample `index` of a list in `epoch`. Its key is
/// `seed | epoch | index | "mde-samp"`, each 8 bytes.
pub fn sample_rng(seed: u64, epoch: u64, index: usize) -> ChaCha8Rng {
    keyed(seed, epoch, index as u64, SAMPLE_TAG)
}

/// The order of an epoch: all indices below `len`, optionally shuffled (Fisher-Yates).
pub(crate) fn epoch_order(len: usize, shuffle: bool, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    if shuffle {
        order.shuffle(&mut keyed(seed, epoch, 0, ORDER_TAG));
    }
    order
}

fn keyed(seed: u64, epoch: u64, index: u64, tag: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, epoch, index, tag]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]
    use super::*;
    use rand::RngExt;

    #[test]
    fn every_part_of_the_key_changes_the_stream() {
        let draw = |seed, epoch, index| sample_rng(seed, epoch, index).random::<u64>();
        let base = draw(1, 2, 3);
        assert_eq!(base, draw(1, 2, 3));
        for other in [
            draw(0, 2, 3),
            draw(1, 0, 3),
            draw(1, 2, 0),
            draw(2, 1, 3),
            draw(1, 3, 2),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn every_epoch_has_its_own_permutation() {
        let order = |seed, epoch| epoch_order(101, true, seed, epoch);
        let mut sorted = order(7, 0);
        assert_ne!(sorted, epoch_order(101, false, 7, 0));
        sorted.sort_unstable();
        assert_eq!(sorted, epoch_order(101, false, 7, 0));
        assert_eq!(order(7, 0), order(7, 0));
        assert_ne!(order(7, 0), order(7, 1));
        assert_ne!(order(7, 0), order(8, 0));
    }
}
