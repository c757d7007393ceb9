//! `(base_num / base_den)^(exp_num / exp_den)` in parts of 10^18 (emission mathematics, section 3.5).

use super::WEIGHT_PARTS;
use super::{bracket, exact};
use crate::fixed::mul_div_u128;

/// Exponents whose reduced terms are at most this are computed as an integer root.
pub(super) const EXPONENT_EXACT_MAX: u64 = 1_024;

/// From this precision on the exact series is near enough to the true value to be bracketed.
const BRACKET_PRECISION_BITS: u64 = 256;

/// A fraction to a fractional power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// Numerator of the base.
    pub base_num: u128,
    /// Denominator of the base.
    pub base_den: u128,
    /// Numerator of the exponent.
    pub exp_num: u64,
    /// Denominator of the exponent.
    pub exp_den: u64,
}

/// The power in parts of 10^18, rounded as the reference's series rounds it; `None` without a
/// denominator or beyond 128 bits.
///
/// ```
/// use sn3_emission::pool::power::{Ratio, pow_ratio_scaled};
/// let two_thirds = Ratio { base_num: 2, base_den: 3, exp_num: 7, exp_den: 7 };
/// assert_eq!(pow_ratio_scaled(&two_thirds, 256), Some(666_666_666_666_666_666));
/// ```
#[must_use]
pub fn pow_ratio_scaled(ratio: &Ratio, precision_bits: u64) -> Option<u128> {
    if ratio.base_den == 0 || ratio.exp_den == 0 {
        return None;
    }
    if ratio.base_num == 0 {
        return Some(0);
    }
    if ratio.exp_num == 0 {
        return Some(WEIGHT_PARTS.into());
    }
    if let Some(reduced) = reduced(ratio) {
        if reduced.exp_num == 1 && reduced.exp_den == 1 {
            return mul_div_u128(reduced.base_num, WEIGHT_PARTS.into(), reduced.base_den);
        }
        return exact::root(&reduced);
    }
    if precision_bits >= BRACKET_PRECISION_BITS
        && let Some(power) = bracket::power(ratio)
    {
        return Some(power);
    }
    exact::series(ratio, precision_bits)
}

/// The same power with a reduced exponent, if its terms are at most [`EXPONENT_EXACT_MAX`].
///
/// The common divisor is at most every remainder of Euclid's algorithm, so the search ends as soon as one is too
/// small. The series need no reduced exponent: they divide its terms by each other.
fn reduced(ratio: &Ratio) -> Option<Ratio> {
    let largest = ratio.exp_num.max(ratio.exp_den);
    let (mut a, mut b) = (largest, ratio.exp_num.min(ratio.exp_den));
    while b != 0 {
        if b < largest / EXPONENT_EXACT_MAX {
            return None;
        }
        (a, b) = (b, a % b);
    }
    let (exp_num, exp_den) = (ratio.exp_num / a, ratio.exp_den / a);
    let exact = exp_num <= EXPONENT_EXACT_MAX && exp_den <= EXPONENT_EXACT_MAX;
    exact.then_some(Ratio { exp_num, exp_den, ..*ratio })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_euclid(en: u64, ed: u64) -> Option<(u64, u64)> {
        let (mut a, mut b) = (en, ed);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Some((en / a, ed / a)).filter(|(en, ed)| *en <= EXPONENT_EXACT_MAX && *ed <= EXPONENT_EXACT_MAX)
    }

    fn agrees(exp_num: u64, exp_den: u64) -> bool {
        let found = reduced(&Ratio { base_num: 1, base_den: 2, exp_num, exp_den });
        found.map(|r| (r.exp_num, r.exp_den)) == by_euclid(exp_num, exp_den)
    }

    proptest! {
        #[test]
        fn exponents_reduce_as_far_as_they_do(a in 1_u64.., b in 1_u64.., x in 1_u64..2_000, y in 1_u64..2_000, shift in 0_u32..53) {
            prop_assert!(agrees(a, b));
            let factor = (a >> 11 >> shift).max(1);
            prop_assert!(agrees(x * factor, y * factor));
        }
    }
}
