//! Random numbers that depend on their name alone.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sn3_protocol::Digest;

/// The stream for one actor, purpose and tick: ChaCha8 keyed with BLAKE2b-256 of the four.
#[must_use]
pub fn rng(seed: u64, actor: &str, purpose: &str, tick: u64) -> ChaCha8Rng {
    let mut key = Vec::with_capacity(actor.len() + purpose.len() + 32);
    key.extend_from_slice(b"sn3 simulator");
    key.extend_from_slice(&seed.to_le_bytes());
    key.extend_from_slice(&tick.to_le_bytes());
    key.extend_from_slice(&(actor.len() as u64).to_le_bytes());
    key.extend_from_slice(actor.as_bytes());
    key.extend_from_slice(purpose.as_bytes());
    ChaCha8Rng::from_seed(Digest::of(&key).0)
}

/// Nearly normal noise with mean 0 and standard deviation 1, within ±3.47: four 16-bit uniform numbers summed
/// (Irwin–Hall). It takes one draw and only exact operations, so that it is the same on every machine.
pub fn noise(rng: &mut impl RngCore) -> f64 {
    /// Standard deviation of the sum of four uniform numbers from 0 to 65535: `sqrt(4 · (65536² − 1) / 12)`.
    const DEVIATION: f64 = 37_837.227_268_053_65;
    let bits = rng.next_u64();
    let sum: u64 = (0..4).map(|at| (bits >> (16 * at)) & 0xffff).sum();
    (sum as f64 - 131_070.0) / DEVIATION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_mean_zero_and_deviation_one() {
        let mut rng = rng(7, "1/honest/0", "follow", 3);
        let draws: Vec<f64> = (0..20_000).map(|_| noise(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn names_separate_streams() {
        let first = |seed, actor, tick| rng(seed, actor, "p", tick).next_u64();
        let all = [first(1, "a", 0), first(2, "a", 0), first(1, "b", 0), first(1, "a", 1)];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert_eq!(first(1, "a", 0), all[0]);
    }
}
