//! Cases 19 to 22: weights from noisy estimates.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::plan::{EPOCHS, Estimate, SERVERS_MAX, Side, VALIDATORS};

/// Draws that make one normal number.
const UNIFORMS: u64 = 12;

/// A number of mean 0 and deviation 1, the sum of twelve uniform ones less six: normal up to six deviations.
///
/// Integers are summed and scaled once, so that the number is the same on every machine, which logarithms and
/// cosines of a platform's library do not promise.
pub fn standard_normal(rng: &mut impl RngCore) -> f64 {
    let sum: u64 = (0..UNIFORMS).map(|_| u64::from(rng.next_u32())).sum();
    (sum as f64 - UNIFORMS as f64 / 2.0 * f64::from(u32::MAX)) / f64::from(u32::MAX)
}

/// Weights of every epoch. Each case has a stream of its own.
pub(super) fn weights(estimate: &Estimate, number: u8, seed: u64) -> Vec<[[u16; SERVERS_MAX]; VALIDATORS]> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number.into());
    (0..EPOCHS).map(|_| estimate.deviation.map(|deviation| row(estimate, deviation, &mut rng))).collect()
}

fn row(estimate: &Estimate, deviation: f64, rng: &mut ChaCha8Rng) -> [u16; SERVERS_MAX] {
    let mut seen = [0.0; SERVERS_MAX];
    for (seen, truth) in seen.iter_mut().zip(estimate.truth) {
        *seen = (truth + deviation * standard_normal(rng)).max(0.0);
    }
    let best = seen.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    seen.map(|seen| match estimate.side {
        Side::Client => u16::from(seen >= best) * u16::MAX,
        Side::Server => (seen / best * f64::from(u16::MAX)).round() as u16,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_numbers_have_their_mean_and_deviation() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let draws: Vec<f64> = (0..20_000).map(|_| standard_normal(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn the_first_draw_of_a_seed_is_the_same_everywhere() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let first = standard_normal(&mut rng);
        let again = standard_normal(&mut ChaCha8Rng::seed_from_u64(3));
        assert_eq!(first.to_bits(), again.to_bits());
    }
}
