//! Powers through the epoch's exponential and logarithm (runtime timeline, section 1.2).

use crate::fixed::{Fixed, I32F32, U64F64, checked_exp, checked_ln};

/// `v^p = exp(p · ln v)` with 32 fraction bits: zero without a logarithm, 2³¹ - 1 without an exponential.
///
/// ```
/// use sn3_emission::{fixed::U64F64, share_rule::power::safe_pow};
/// let nine = safe_pow(U64F64::from_int(3), U64F64::from_int(2));
/// assert!(nine.to_bits().abs_diff(9 << 64) < 1 << 43, "{nine:?}");
/// assert_eq!(safe_pow(U64F64::ZERO, U64F64::ONE), U64F64::ZERO);
/// assert_eq!(safe_pow(U64F64::from_int(100_000), U64F64::from_int(3)), U64F64::from_int(i32::MAX));
/// ```
#[must_use]
pub fn safe_pow(v: U64F64, exponent: U64F64) -> U64F64 {
    let (v, exponent): (I32F32, I32F32) = (v.convert(), exponent.convert());
    let Some(logarithm) = checked_ln(v) else { return U64F64::ZERO };
    let power = checked_exp(exponent.saturating_mul(logarithm));
    power.map_or(U64F64::from_int(i32::MAX), Fixed::convert)
}
