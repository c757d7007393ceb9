//! The price of a registration: decays every block, jumps with every registration (emission mathematics, section 7).

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::fixed::U64F64;

mod interval;

pub use interval::Interval;

/// One, in 32 fraction bits.
const ONE_Q32: u64 = 1 << 32;

/// The burn price of a subnet and how it moves.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct RegistrationPrice {
    /// The price now, in rao.
    pub burn_rao: u64,
    /// Lower bound in rao.
    pub min_burn_rao: u64,
    /// Upper bound in rao.
    pub max_burn_rao: u64,
    /// Blocks in which the price halves; zero keeps it.
    pub half_life_blocks: u16,
    /// What a registration multiplies the price with; below one counts as one.
    pub increase: U64F64,
    /// Registrations of the interval, where the spec adjusts the price to them.
    pub interval: Interval,
    /// The factor per block that belongs to the half-life, in 32 fraction bits, computed once.
    factor: (u16, u64),
}

impl Default for RegistrationPrice {
    fn default() -> Self {
        Self {
            burn_rao: 1_000_000_000,
            min_burn_rao: 500_000,
            max_burn_rao: 100_000_000_000,
            half_life_blocks: 360,
            increase: U64F64::from_bits(23_242_897_532_874_035_200),
            interval: Interval::default(),
            factor: (360, 4_286_705_684),
        }
    }
}

impl RegistrationPrice {
    /// One block passes.
    pub fn decay(&mut self) {
        if self.half_life_blocks == 0 {
            return;
        }
        if self.factor.0 != self.half_life_blocks {
            self.factor = (self.half_life_blocks, decay_factor(self.half_life_blocks));
        }
        self.burn_rao = self.clamped(decayed(self.burn_rao, self.factor.1));
    }

    /// One registration happened.
    pub fn bump(&mut self) {
        let raised = U64F64::from_int(self.burn_rao).saturating_mul(self.increase.max(U64F64::ONE));
        self.burn_rao = self.clamped(raised.to_u64());
    }

    /// One block passes in a spec that adjusts the price to the registrations of an interval.
    pub fn adjust(&mut self, block: u64) {
        let burn = self.interval.step(block, self.burn_rao);
        self.burn_rao = self.clamped(burn);
    }

    fn clamped(&self, burn: u64) -> u64 {
        burn.min(self.max_burn_rao).max(self.min_burn_rao)
    }
}

/// `floor(burn · factor / 2^32)`.
#[must_use]
pub fn decayed(burn: u64, factor_q32: u64) -> u64 {
    u64::try_from((u128::from(burn) * u128::from(factor_q32)) >> 32).unwrap_or(u64::MAX)
}

/// The largest factor in 32 fraction bits whose power over the half-life is at most one half.
///
/// ```
/// use sn3_emission::registration_price::decay_factor;
/// assert_eq!(decay_factor(360), 4_286_705_684);
/// assert_eq!(decay_factor(0), 1 << 32);
/// ```
#[must_use]
pub fn decay_factor(half_life_blocks: u16) -> u64 {
    if half_life_blocks == 0 {
        return ONE_Q32;
    }
    let (mut low, mut high) = (0, ONE_Q32);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if power_q32(middle, half_life_blocks) > ONE_Q32 / 2 { high = middle } else { low = middle }
    }
    low
}

/// Square and multiply from the low bit, flooring at every step.
fn power_q32(mut base: u64, mut exponent: u16) -> u64 {
    let mut result = ONE_Q32;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = decayed(result, base);
        }
        exponent >>= 1;
        if exponent > 0 {
            base = decayed(base, base);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_halves_over_its_half_life_and_stays_in_bounds() {
        let mut price = RegistrationPrice::default();
        (0..360).for_each(|_| price.decay());
        assert!(price.burn_rao.abs_diff(500_000_000) < 400, "{}", price.burn_rao);
        (0..100_000).for_each(|_| price.decay());
        assert_eq!(price.burn_rao, 500_000);
        (0..1_000).for_each(|_| price.bump());
        assert_eq!(price.burn_rao, 100_000_000_000);
    }
}
