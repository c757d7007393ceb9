//! One small, fixed random generator, so that a seed means the same bits in every release.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// ChaCha8 with the few draws that this crate needs, each defined here to the bit.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// A generator for `seed`; different `stream`s of one seed are independent.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// A number below `bound` (which is at least 1), by multiply and shift; the bias is below `bound / 2^64`.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `[0, 1)` with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A standard normal number no further than `limit` from zero, by Box–Muller and rejection.
    pub fn truncated_normal(&mut self, limit: f64) -> f64 {
        loop {
            let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
            let value = radius * (std::f64::consts::TAU * self.uniform()).cos();
            if value.abs() <= limit {
                return value;
            }
        }
    }

    /// Puts `items` in random order (Fisher–Yates from the end).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_numbers_and_streams_differ() {
        let draw = |stream| (0..4).map(|_| Random::new(7, stream).below(1000)).collect::<Vec<_>>();
        assert_eq!(draw(0), draw(0));
        assert_ne!(Random::new(7, 0).0.next_u64(), Random::new(7, 1).0.next_u64());
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        Random::new(1, 0).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn normal_numbers_have_the_moments_of_the_truncated_normal() {
        let mut random = Random::new(3, 0);
        let draws: Vec<f64> = (0..20_000).map(|_| random.truncated_normal(2.0)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.02, "{mean}");
        // Variance of the standard normal cut at two: 1 − 2·2·φ(2)/(2Φ(2) − 1) = 0.7737.
        assert!((variance - 0.7737).abs() < 0.02, "{variance}");
        assert!(draws.iter().all(|x| x.abs() <= 2.0));
    }
}
