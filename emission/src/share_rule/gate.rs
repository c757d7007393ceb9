//! The Hill gate: shares below a bar shrink (runtime timeline, section 1.2, E and F).

use super::power::safe_pow;
use super::{ShareInput, price, relative};
use crate::fixed::U64F64;
use crate::spec::{GateBar, GateRule};

/// Blocks between two settings of the bar.
pub const BAR_PERIOD_BLOCKS: u64 = 360;

/// Gated shares, and the bar if it was set anew. `bar` is the remembered one, zero for none.
#[must_use]
pub fn shares(rule: &GateRule, input: &[ShareInput], bar: U64F64) -> (Vec<U64F64>, Option<U64F64>) {
    let before = price::shares(&rule.price, input);
    let due = bar == U64F64::ZERO || input.first().is_some_and(|s| s.block.is_multiple_of(BAR_PERIOD_BLOCKS));
    let set = if due { new_bar(rule.bar, &before) } else { None };
    (gated(&before, set.unwrap_or(bar), rule.exponent), set)
}

/// Where the bar goes; `None` leaves it.
#[must_use]
pub fn new_bar(rule: GateBar, shares: &[U64F64]) -> Option<U64F64> {
    let mut falling = shares.to_vec();
    falling.sort_unstable_by(|a, b| b.cmp(a));
    let bar = match rule {
        GateBar::Quantile(quantile) => bar_at_quantile(&falling, quantile),
        GateBar::Rank(rank) => bar_at_rank(&falling, rank),
    };
    bar.filter(|bar| *bar > U64F64::ZERO)
}

/// The share with which the largest ones reach the quantile.
fn bar_at_quantile(falling: &[U64F64], quantile: U64F64) -> Option<U64F64> {
    let mut sum = U64F64::ZERO;
    let reached = falling.iter().find(|share| {
        sum = sum.saturating_add(**share);
        sum >= quantile
    });
    reached.or(falling.last()).copied()
}

/// The share of a rank among the positive ones, or the smallest of them.
fn bar_at_rank(falling: &[U64F64], rank: u16) -> Option<U64F64> {
    let positive = falling.partition_point(|share| *share > U64F64::ZERO);
    let at = usize::from(rank.max(1)).min(positive).checked_sub(1)?;
    falling.get(at).copied()
}

/// `s / (1 + (bar/s)^h)`, renormalised; the shares as they are when nothing passes.
///
/// ```
/// use sn3_emission::{fixed::U64F64, share_rule::gate::gated};
/// let (half, quarter) = (U64F64::from_bits(1 << 63), U64F64::from_bits(1 << 62));
/// // Exponent one, bar 1/4: 1/2 keeps two thirds, 1/4 keeps one half: 1/3 to 1/8 to 1/8.
/// let shares = gated(&[half, quarter, quarter], quarter, U64F64::ONE);
/// let of_seven = U64F64::from_int(4).safe_div(U64F64::from_int(7));
/// assert!(shares[0].to_bits().abs_diff(of_seven.to_bits()) < 1 << 42);
/// ```
#[must_use]
pub fn gated(shares: &[U64F64], bar: U64F64, exponent: U64F64) -> Vec<U64F64> {
    if bar == U64F64::ZERO {
        return relative(shares, shares);
    }
    let passed: Vec<U64F64> = shares.iter().map(|s| s.saturating_mul(openness(*s, bar, exponent))).collect();
    relative(&passed, shares)
}

/// How far the gate is open for a share; zero shares stay zero.
fn openness(share: U64F64, bar: U64F64, exponent: U64F64) -> U64F64 {
    if share == U64F64::ZERO {
        return U64F64::ZERO;
    }
    let power = safe_pow(bar.safe_div(share), exponent);
    U64F64::ONE.safe_div(U64F64::ONE.saturating_add(power))
}

#[cfg(test)]
mod tests {
    use super::super::tests::subnet;
    use super::*;
    use crate::spec::{PriceRule, RuntimeSpec, ShareSplit};

    fn rule(version: u32) -> GateRule {
        match RuntimeSpec::at_version(version).unwrap().shares.split {
            ShareSplit::Gate(rule) => rule,
            other => panic!("{version} has no gate but {other:?}"),
        }
    }

    fn hundredths(parts: &[u64]) -> Vec<U64F64> {
        parts.iter().map(|p| U64F64::from_int(*p).safe_div(U64F64::from_int(100))).collect()
    }

    /// 40 + 20 reach 60 of 100, which is less than 61: the bar is the third share.
    #[test]
    fn the_quantile_bar_is_the_share_that_reaches_it() {
        let shares = hundredths(&[10, 40, 15, 20, 15]);
        assert_eq!(new_bar(rule(440).bar, &shares), Some(shares[2]));
        assert_eq!(new_bar(rule(440).bar, &hundredths(&[70, 30])), Some(hundredths(&[70])[0]));
    }

    #[test]
    fn the_rank_bar_is_the_ranks_share_or_the_smallest_positive_one() {
        let shares = hundredths(&[10, 40, 0, 20, 15]);
        assert_eq!(new_bar(GateBar::Rank(2), &shares), Some(shares[3]));
        assert_eq!(new_bar(rule(441).bar, &shares), Some(shares[0]));
        assert_eq!(new_bar(rule(441).bar, &hundredths(&[0, 0])), None);
    }

    #[test]
    fn the_bar_is_kept_between_settings() {
        let mut input = [subnet(1, 16), subnet(2, 48)];
        let bar = U64F64::from_bits(1 << 60);
        assert_eq!(shares(&rule(441), &input, bar).1, Some(U64F64::from_bits(1 << 62)));
        input[0].block = 721;
        assert_eq!(shares(&rule(441), &input, bar).1, None);
        assert_eq!(shares(&rule(441), &input, U64F64::ZERO).1, Some(U64F64::from_bits(1 << 62)));
    }

    /// Exponent 3, bar 1/4: 3/4 keeps 27/28, 1/4 keeps 1/2; the shares are 81/95 and 14/95.
    #[test]
    fn the_gate_moves_tao_to_the_large() {
        let mut input = [subnet(1, 16), subnet(2, 48)];
        input[1].root_proportion = crate::fixed::U96F32::ZERO;
        let (shares, _) = shares(&rule(441), &input, U64F64::ZERO);
        let expected = U64F64::from_int(14).safe_div(U64F64::from_int(95));
        assert!(shares[0].to_bits().abs_diff(expected.to_bits()) < 1 << 42, "{shares:?}");
        assert_eq!(rule(441).price, PriceRule { root_proportion: false, burned: true });
    }

    /// A share so small that the power overflows is all but lost; one far above the bar keeps everything.
    #[test]
    fn extremes_follow_the_powers_limits() {
        let exponent = U64F64::from_int(3);
        let tiny = U64F64::from_bits(1 << 40);
        assert_eq!(openness(tiny, U64F64::ONE, exponent).to_bits(), (1 << 64) / (1 << 31));
        assert_eq!(openness(U64F64::ONE, U64F64::from_bits(1 << 20), exponent), U64F64::ONE);
        assert_eq!(openness(U64F64::ZERO, U64F64::ONE, exponent), U64F64::ZERO);
    }
}
