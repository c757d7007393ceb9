//! A decimal number of 21 digits and an exponent.

use std::cmp::Ordering;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::fixed::mul_div_u128;

/// Mantissas are in `(10^20, 10^21]`.
const MANTISSA_MAX: u128 = 1_000_000_000_000_000_000_000;
/// Digits of the largest mantissa behind its one.
const MANTISSA_DIGITS: usize = 21;
const MANTISSA_MIN_EXCLUSIVE: u128 = MANTISSA_MAX / 10;
/// Aligning by more digits than a mantissa has is as good as aligning by this many.
const DIGITS_MAX: u64 = 22;

/// `mantissa · 10^exponent`, never negative, in the normal form of the reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct SafeFloat {
    mantissa: u128,
    exponent: i64,
}

impl SafeFloat {
    /// Zero: mantissa and exponent zero.
    pub const ZERO: Self = Self { mantissa: 0, exponent: 0 };

    /// `mantissa · 10^exponent`, normalised; digits beyond 21 are floored away.
    #[must_use]
    pub fn new(mantissa: u128, exponent: i64) -> Self {
        if mantissa == 0 {
            return Self::ZERO;
        }
        if mantissa > MANTISSA_MAX {
            return Self::shortened(mantissa, exponent);
        }
        let missing = MANTISSA_DIGITS - digits(mantissa);
        Self {
            mantissa: mantissa * POWERS_OF_TEN[missing],
            exponent: exponent.saturating_sub(missing as i64),
        }
    }

    /// Floors away digits, as many as flooring one by one until it fits; a power of ten that comes out of it is
    /// held as the largest mantissa.
    fn shortened(mantissa: u128, exponent: i64) -> Self {
        let mut extra = digits(mantissa) - MANTISSA_DIGITS;
        // A rest of less than the last digit makes the floored number fit one digit earlier.
        if mantissa / POWERS_OF_TEN[extra - 1] <= MANTISSA_MAX {
            extra -= 1;
        }
        let (short, exponent) = (mantissa / POWERS_OF_TEN[extra], exponent.saturating_add(extra as i64));
        if short == MANTISSA_MIN_EXCLUSIVE {
            return Self { mantissa: MANTISSA_MAX, exponent: exponent.saturating_sub(1) };
        }
        Self { mantissa: short, exponent }
    }

    /// The 21 digits.
    #[must_use]
    pub fn mantissa(self) -> u128 {
        self.mantissa
    }

    /// The power of ten.
    #[must_use]
    pub fn exponent(self) -> i64 {
        self.exponent
    }

    /// Whether this is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// `self · b / c` with the mantissa floored, `None` when `c` is zero.
    #[must_use]
    pub fn mul_div(self, b: Self, c: Self) -> Option<Self> {
        let mantissa = mul_div_u128(self.mantissa, b.mantissa, c.mantissa)?;
        Some(Self::new(mantissa, self.exponent.saturating_add(b.exponent).saturating_sub(c.exponent)))
    }

    /// Quotient with 21 digits, `None` when `b` is zero.
    #[must_use]
    pub fn checked_div(self, b: Self) -> Option<Self> {
        let mantissa = mul_div_u128(self.mantissa, MANTISSA_MAX, b.mantissa)?;
        Some(Self::new(mantissa, self.exponent.saturating_sub(b.exponent).saturating_sub(21)))
    }

    /// Sum.
    #[must_use]
    pub fn plus(self, b: Self) -> Self {
        let (a, b, exponent) = self.aligned(b);
        Self::new(a + b, exponent)
    }

    /// Difference, stopping at zero.
    #[must_use]
    pub fn minus(self, b: Self) -> Self {
        let (a, b, exponent) = self.aligned(b);
        Self::new(a.saturating_sub(b), exponent)
    }

    /// Both mantissas at the larger exponent; the other one is floored.
    fn aligned(self, b: Self) -> (u128, u128, i64) {
        let exponent = match (self.is_zero(), b.is_zero()) {
            (true, _) => b.exponent,
            (_, true) => self.exponent,
            _ => self.exponent.max(b.exponent),
        };
        (self.at(exponent), b.at(exponent), exponent)
    }

    fn at(self, exponent: i64) -> u128 {
        if self.is_zero() {
            return 0;
        }
        match exponent.abs_diff(self.exponent) {
            0 => self.mantissa,
            digits => self.mantissa / power_of_ten(digits),
        }
    }

    /// Floor as `u64`, saturated.
    #[must_use]
    pub fn to_u64(self) -> u64 {
        let scale = power_of_ten(self.exponent.unsigned_abs());
        let value = match self.exponent.cmp(&0) {
            Ordering::Less => self.mantissa / scale,
            Ordering::Equal => self.mantissa,
            Ordering::Greater => self.mantissa.saturating_mul(scale),
        };
        u64::try_from(value).unwrap_or(u64::MAX)
    }
}

/// All powers of ten that 128 bits hold.
const POWERS_OF_TEN: [u128; 39] = powers_of_ten();

const fn powers_of_ten() -> [u128; 39] {
    let mut powers = [1; 39];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
}

/// The least `d` with `v ≤ 10^d`.
fn digits(v: u128) -> usize {
    // 1233 / 4096 is a little less than log₁₀ 2.
    let bits = 128 - v.leading_zeros() as usize;
    let mut digits = (bits * 1_233) >> 12;
    while digits < POWERS_OF_TEN.len() && v > POWERS_OF_TEN[digits] {
        digits += 1;
    }
    while digits > 0 && v <= POWERS_OF_TEN[digits - 1] {
        digits -= 1;
    }
    digits
}

fn power_of_ten(digits: u64) -> u128 {
    POWERS_OF_TEN[digits.min(DIGITS_MAX) as usize]
}

impl From<u64> for SafeFloat {
    fn from(v: u64) -> Self {
        Self::new(v.into(), 0)
    }
}

impl PartialOrd for SafeFloat {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SafeFloat {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // A mantissa of 10^21 equals 10^20 times ten: both forms of a power of ten compare by value.
            _ => self.sort_key().cmp(&other.sort_key()),
        }
    }
}

impl SafeFloat {
    fn sort_key(self) -> (i64, u128) {
        if self.mantissa == MANTISSA_MAX {
            (self.exponent.saturating_add(1), MANTISSA_MIN_EXCLUSIVE)
        } else {
            (self.exponent, self.mantissa)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The normal form as the reference finds it: digit by digit.
    fn by_digits(mut mantissa: u128, mut exponent: i64) -> (u128, i64) {
        while mantissa > MANTISSA_MAX {
            mantissa /= 10;
            exponent += 1;
        }
        while mantissa > 0 && mantissa <= MANTISSA_MIN_EXCLUSIVE {
            mantissa *= 10;
            exponent -= 1;
        }
        (mantissa, exponent)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn the_normal_form_is_that_of_single_digits(m: u128, shift in 0_u32..128, near in 0_usize..39, off in 0_u128..25) {
            for mantissa in [(m >> shift).max(1), POWERS_OF_TEN[near] + off, (POWERS_OF_TEN[near] - 1).saturating_sub(off).max(1)] {
                let float = SafeFloat::new(mantissa, 5);
                prop_assert_eq!((float.mantissa, float.exponent), by_digits(mantissa, 5));
            }
        }
    }

    #[test]
    fn one_is_ten_to_the_21_by_normal_form() {
        assert_eq!(SafeFloat::from(1), SafeFloat::new(MANTISSA_MAX, -21));
        assert_eq!(SafeFloat::from(1).to_u64(), 1);
    }

    #[test]
    fn a_tiny_addend_vanishes() {
        let one = SafeFloat::from(1);
        assert_eq!(one.plus(SafeFloat::new(1, -40)), one);
    }

    #[test]
    fn division_by_zero_is_none() {
        assert_eq!(SafeFloat::from(3).checked_div(SafeFloat::ZERO), None);
    }
}
