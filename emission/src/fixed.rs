//! Fixed-point numbers with the pallet's exact primitive semantics (emission mathematics, section 0).
//!
//! A number is a two's complement integer of bits with an implied binary point. Products round toward minus
//! infinity, quotients toward zero, and `safe_div` answers zero where there is no quotient. Plain sums wrap.
//! There is no floating point anywhere.
//!
//! ```
//! use sn3_emission::fixed::{I32F32, U64F64};
//!
//! let third = I32F32::from_int(1).safe_div(I32F32::from_int(3));
//! assert_eq!(third.to_bits(), 1_431_655_765);
//! assert_eq!(third.saturating_mul(I32F32::from_bits(-1)).to_bits(), -1); // floor, not truncation
//! assert_eq!(U64F64::from_int(5_u64).safe_div(U64F64::ZERO), U64F64::ZERO);
//! ```

mod reciprocal;
mod transcendental;
mod types;
mod wide;

pub use reciprocal::Reciprocal;
pub use transcendental::{
    E_BITS_I32F32, LOG2_E_BITS_I32F32, checked_exp, checked_ln, checked_log2, checked_sqrt, exp_safe,
    exp_safe_lanes, log2_issuance_ratio, safe_ln, sigmoid,
};
pub use types::{Fixed, I32F32, I64F64, I96F32, U64F64, U96F32};
pub(crate) use wide::{div_wide, mul_div_u128, mul_wide};

/// `floor(v · 65535)` saturated to `u16`: how a proportion in `[0, 1]` is stored on chain.
///
/// ```
/// use sn3_emission::fixed::{proportion_to_u16, I32F32};
/// assert_eq!(proportion_to_u16(I32F32::ONE), 65_535);
/// assert_eq!(proportion_to_u16(I32F32::from_bits(1 << 31)), 32_767);
/// ```
#[must_use]
#[inline]
pub fn proportion_to_u16(v: I32F32) -> u16 {
    let scaled = v.to_bits().saturating_mul(65_535) >> 32;
    scaled.clamp(0, 65_535) as u16
}

/// `v / 65535` as a proportion, the inverse direction of [`proportion_to_u16`].
#[must_use]
#[inline]
pub fn u16_proportion(v: u16) -> I32F32 {
    // 2^32 = 65535 · 65537 + 1, so the quotient of v · 2^32 is v · 65537, and one more for 65535 itself.
    I32F32::from_bits(i64::from(v) * 65_537 + i64::from(v == u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_u16_is_the_proportion_that_division_gives() {
        for v in 0..=u16::MAX {
            let divided = I32F32::from_int(v).safe_div(I32F32::from_int(65_535));
            assert_eq!(u16_proportion(v), divided);
        }
    }
}
