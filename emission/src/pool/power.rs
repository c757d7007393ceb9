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
    let gcd = gcd(ratio.exp_num, ratio.exp_den);
    let ratio = Ratio { exp_num: ratio.exp_num / gcd, exp_den: ratio.exp_den / gcd, ..*ratio };
    if ratio.exp_num == 1 && ratio.exp_den == 1 {
        return mul_div_u128(ratio.base_num, WEIGHT_PARTS.into(), ratio.base_den);
    }
    if ratio.exp_num <= EXPONENT_EXACT_MAX && ratio.exp_den <= EXPONENT_EXACT_MAX {
        return exact::root(&ratio);
    }
    if precision_bits >= BRACKET_PRECISION_BITS
        && let Some(power) = bracket::power(&ratio)
    {
        return Some(power);
    }
    exact::series(&ratio, precision_bits)
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
