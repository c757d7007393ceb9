//! Which samples a miner must train on, and which of them a validator looks at afterwards.
//!
//! Both are pure functions of public values, so that anyone derives the same lists (training
//! protocol, section 6). A miner's assignment follows from the run's seed, its uid and the window.
//! The validator's sample is drawn *only from what must have been trained*, with a seed from the hash
//! of the deadline block, which nobody knows before submissions close.

mod pcg;

pub use pcg::{Pcg64, choice};

use blake2::digest::consts::U16;
use blake2::{Blake2b, Digest as _};

use crate::digest::{Digest, Hasher};
use crate::ids::{Uid, Window};
use crate::manifest::SampleReceipt;
use crate::run::RunConfig;

/// Why no samples can be drawn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssignmentError {
    /// The pool is smaller than the draw.
    #[error(
        "{wanted} different samples cannot be drawn from {pool}; use more data, fewer steps or smaller batches"
    )]
    PoolTooSmall {
        /// Samples to draw.
        wanted: u64,
        /// Samples there are.
        pool: u64,
    },
    /// The draw or the pool is beyond what an index of 32 bits names.
    #[error("{0} samples are more than an index of 32 bits can name; use fewer")]
    TooMany(u64),
}

/// The seed of the reference scheme: `((uid · 1,000,003) XOR window) mod 2³²` (training protocol,
/// section 6).
///
/// ```
/// # use sn3_protocol::{Uid, Window, assignment::reference_seed};
/// assert_eq!(reference_seed(Uid(7), Window(62_834)), 6_961_831);
/// ```
#[must_use]
pub fn reference_seed(uid: Uid, window: Window) -> u32 {
    ((u64::from(uid.0) * 1_000_003) ^ window.0) as u32
}

/// The sample indices that `uid` must train on in `window`, in order: exactly
/// `inner_steps · batch_samples` different ones out of `0..pool_len`.
///
/// Inner step `s` trains the entries `s · batch_samples .. (s + 1) · batch_samples`. The seed sequence
/// gets [`reference_seed`] and the two halves of the run's seed; a run seed of 0 reproduces the
/// reference's draws.
pub fn assigned(
    config: &RunConfig,
    uid: Uid,
    window: Window,
    pool_len: u64,
) -> Result<Vec<u32>, AssignmentError> {
    let count = u64::from(config.inner_steps) * u64::from(config.batch_samples);
    let words = [reference_seed(uid, window), config.seed as u32, (config.seed >> 32) as u32];
    draw(&words, pool_len, count)
}

/// The samples on which a validator evaluates `uid`'s own data: `count` different entries of
/// `trained`, the list that [`assigned`] gave (all of them where it is shorter).
///
/// The order is the draw's. The seed is the hash of the deadline block with the uid and the window,
/// so every validator draws the same and no miner can know it before the deadline.
pub fn evaluation_sample(
    trained: &[u32],
    uid: Uid,
    window: Window,
    deadline_hash: &Digest,
    count: u32,
) -> Result<Vec<u32>, AssignmentError> {
    let count = u64::from(count).min(trained.len() as u64);
    let words = beacon_words(b"sn3/evaluate/own/v1", deadline_hash, u64::from(uid.0), window);
    let picks = draw(&words, trained.len() as u64, count)?;
    Ok(picks.into_iter().map(|i| trained[i as usize]).collect())
}

/// The samples that stand for random data in one window: `count` different indices of
/// `0..pool_len`, the same for every uid and validator.
pub fn random_sample(
    pool_len: u64,
    window: Window,
    deadline_hash: &Digest,
    count: u32,
) -> Result<Vec<u32>, AssignmentError> {
    let words = beacon_words(b"sn3/evaluate/random/v1", deadline_hash, 0, window);
    draw(&words, pool_len, u64::from(count).min(pool_len))
}

/// A generator for any other choice of a round, seeded by the deadline block and a name for its use.
#[must_use]
pub fn round_rng(purpose: &'static str, window: Window, deadline_hash: &Digest) -> Pcg64 {
    Pcg64::from_words(&beacon_words(purpose.as_bytes(), deadline_hash, 0, window))
}

/// The receipt of a set of samples: 16-byte BLAKE2b over the ascending ids (u64, little-endian), and
/// their number (training protocol, section 6).
#[must_use]
pub fn receipt(ids: &[u64]) -> SampleReceipt {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    let mut hasher = Blake2b::<U16>::new();
    for id in sorted {
        hasher.update(id.to_le_bytes());
    }
    SampleReceipt { digest: hasher.finalize().into(), count: u32::try_from(ids.len()).unwrap_or(u32::MAX) }
}

fn draw(words: &[u32], pool: u64, count: u64) -> Result<Vec<u32>, AssignmentError> {
    if count > pool {
        return Err(AssignmentError::PoolTooSmall { wanted: count, pool });
    }
    let pool = u32::try_from(pool).map_err(|_| AssignmentError::TooMany(pool))?;
    Ok(choice(&mut Pcg64::from_words(words), pool, count as u32))
}

fn beacon_words(purpose: &[u8], hash: &Digest, uid: u64, window: Window) -> [u32; 8] {
    let mut hasher = Hasher::new();
    hasher.update(purpose);
    hasher.update(&hash.0);
    hasher.update(&uid.to_le_bytes());
    hasher.update(&window.0.to_le_bytes());
    let bytes = hasher.finish().0;
    std::array::from_fn(|i| {
        u32::from_le_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_evaluation_draws_only_from_what_was_trained() {
        let trained: Vec<u32> = (0..160).map(|i| i * 31 + 5).collect();
        let own = evaluation_sample(&trained, Uid(3), Window(9), &Digest([7; 32]), 16).unwrap();
        assert_eq!(own.len(), 16);
        assert!(own.iter().all(|i| trained.contains(i)));
        let unique: std::collections::BTreeSet<_> = own.iter().collect();
        assert_eq!(unique.len(), own.len());
    }

    #[test]
    fn another_block_hash_draws_other_samples() {
        let trained: Vec<u32> = (0..1000).collect();
        let draw = |h| evaluation_sample(&trained, Uid(3), Window(9), &Digest([h; 32]), 8).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn a_short_training_list_is_taken_whole() {
        let own = evaluation_sample(&[4, 9], Uid(0), Window(0), &Digest([0; 32]), 8).unwrap();
        assert_eq!(own.len(), 2);
    }

    #[test]
    fn a_pool_that_is_too_small_is_an_error_not_a_repetition() {
        let error = draw(&[0], 3, 4).unwrap_err();
        assert_eq!(error, AssignmentError::PoolTooSmall { wanted: 4, pool: 3 });
    }

    #[test]
    fn a_receipt_does_not_depend_on_the_order() {
        assert_eq!(receipt(&[3, 1, 2]), receipt(&[1, 2, 3]));
        assert_ne!(receipt(&[1, 2, 3]), receipt(&[1, 2, 4]));
    }
}
