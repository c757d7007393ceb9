//! The order in which samples are trained: another one in every pass over the data, known for any position
//! without a list of all positions.

/// Rounds of the mixing; four make a pseudo-random permutation of a pseudo-random function.
const ROUNDS: u64 = 4;

/// A permutation of `0..count` for each pass (epoch) over the data.
///
/// A Feistel network on the smallest even number of bits that holds `count`, walked until it comes out below
/// `count`. It is a function of the seed and the position only: a resumed training goes on where it was without
/// any generator's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    count: u64,
    seed: u64,
    half_bits: u32,
}

impl Order {
    /// The order of `count` samples (at least 1) for a seed.
    #[must_use]
    pub fn new(count: u64, seed: u64) -> Self {
        let bits = u64::BITS - count.max(2).saturating_sub(1).leading_zeros();
        Self { count: count.max(1), seed, half_bits: bits.div_ceil(2) }
    }

    /// The sample at `position` of the training, counted over all passes.
    ///
    /// ```
    /// # use sn3_trainer::order::Order;
    /// let order = Order::new(10, 1);
    /// let mut pass: Vec<u64> = (10..20).map(|position| order.at(position)).collect();
    /// pass.sort_unstable();
    /// assert_eq!(pass, (0..10).collect::<Vec<_>>());
    /// ```
    #[must_use]
    pub fn at(&self, position: u64) -> u64 {
        let (epoch, mut index) = (position / self.count, position % self.count);
        loop {
            index = self.mix(epoch, index);
            if index < self.count {
                return index;
            }
        }
    }

    fn mix(&self, epoch: u64, index: u64) -> u64 {
        let mask = (1u64 << self.half_bits) - 1;
        let (mut left, mut right) = (index >> self.half_bits, index & mask);
        for round in 0..ROUNDS {
            let key = scramble(self.seed ^ scramble(epoch.wrapping_mul(ROUNDS).wrapping_add(round)));
            (left, right) = (right, left ^ (scramble(right ^ key) & mask));
        }
        (left << self.half_bits) | right
    }
}

/// splitmix64's finaliser.
fn scramble(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pass_is_a_permutation_of_its_own() {
        for count in [1u64, 2, 3, 64, 65, 1000] {
            let order = Order::new(count, 7);
            let pass = |epoch: u64| (0..count).map(|i| order.at(epoch * count + i)).collect::<Vec<_>>();
            for epoch in 0..3 {
                let mut sorted = pass(epoch);
                sorted.sort_unstable();
                assert_eq!(sorted, (0..count).collect::<Vec<_>>(), "{count} in pass {epoch}");
            }
            assert!(count < 64 || pass(0) != pass(1));
            assert!(count < 64 || Order::new(count, 8).at(5) != order.at(5) || pass(0) != pass(2));
        }
    }

    /// Neighbours land apart: the mean distance of neighbours in a random order is a third of the count.
    #[test]
    fn the_order_looks_random() {
        let order = Order::new(10_000, 3);
        let distance: u64 = (1..10_000).map(|i| order.at(i).abs_diff(order.at(i - 1))).sum();
        let mean = distance as f64 / 9_999.0;
        assert!((mean / 3_333.0 - 1.0).abs() < 0.05, "{mean}");
    }

    #[test]
    fn the_largest_data_has_an_order() {
        let order = Order::new(u64::MAX >> 2, 1);
        assert_ne!(order.at(0), order.at(1));
    }
}
