//! Shares by moving price (runtime timeline, section 1.2, A, C and D).

use super::{ShareInput, relative};
use crate::fixed::{Fixed, U64F64, U96F32};
use crate::spec::PriceRule;

/// A: `mul(E, p) / P`, with 32 fraction bits; zero where there is no quotient.
#[must_use]
pub fn amounts_32(input: &[ShareInput], emission_rao: u64) -> Vec<U96F32> {
    let emission = U96F32::from_int(emission_rao);
    let prices: Vec<U96F32> = input.iter().map(|subnet| subnet.moving_price.convert()).collect();
    let sum = prices.iter().fold(U96F32::ZERO, |acc, p| acc.saturating_add(*p));
    prices.iter().map(|p| emission.saturating_mul(*p).safe_div(sum)).collect()
}

/// Each subnet's part of all moving prices.
#[must_use]
pub fn relative_prices(input: &[ShareInput]) -> Vec<U64F64> {
    let prices: Vec<U64F64> = input.iter().map(|subnet| subnet.moving_price).collect();
    relative(&prices, &prices)
}

/// C and D: shares by price, weighted by what the rule counts; the unweighted ones when all weights are zero.
#[must_use]
pub fn shares(rule: &PriceRule, input: &[ShareInput]) -> Vec<U64F64> {
    let plain = relative_prices(input);
    let weighted: Vec<U64F64> =
        plain.iter().zip(input).map(|(share, subnet)| share.saturating_mul(weight(rule, subnet))).collect();
    relative(&weighted, &plain)
}

fn weight(rule: &PriceRule, subnet: &ShareInput) -> U64F64 {
    let burned = subnet.miner_burned.convert::<U64F64>().min(U64F64::ONE);
    let paid = if rule.burned { U64F64::ONE.saturating_sub(burned) } else { U64F64::ONE };
    if rule.root_proportion { subnet.root_proportion.convert::<U64F64>().saturating_mul(paid) } else { paid }
}

#[cfg(test)]
mod tests {
    use super::super::tests::subnet;
    use super::*;

    /// `10^9 · 1/64` over `3/64`: multiplied first, the quotient keeps 32 bits of a third of a billion.
    #[test]
    fn the_old_order_multiplies_first() {
        let amounts = amounts_32(&[subnet(1, 1), subnet(2, 2)], 1_000_000_000);
        assert_eq!(amounts[0].to_bits(), (1_000_000_000_u128 << 32) / 3);
        assert_eq!(amounts_32(&[subnet(1, 0)], 1_000_000_000), [U96F32::ZERO]);
    }

    #[test]
    fn a_chain_that_withholds_everything_falls_back_to_prices() {
        let mut input = [subnet(1, 1), subnet(2, 1)];
        input.iter_mut().for_each(|subnet| subnet.miner_burned = U96F32::ONE);
        let rule = PriceRule { root_proportion: false, burned: true };
        assert_eq!(shares(&rule, &input), [U64F64::from_bits(1 << 63); 2]);
    }
}
