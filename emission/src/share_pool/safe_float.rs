//! A decimal number of 21 digits and an exponent.

use std::cmp::Ordering;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::fixed::mul_div_u128;

/// Mantissas are in `(10^20, 10^21]`.
const MANTISSA_MAX: u128 = 1_000_000_000_000_000_000_000;
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
    pub fn new(mut mantissa: u128, mut exponent: i64) -> Self {
        if mantissa == 0 {
            return Self::ZERO;
        }
        while mantissa > MANTISSA_MAX {
            mantissa /= 10;
            exponent = exponent.saturating_add(1);
        }
        while mantissa <= MANTISSA_MIN_EXCLUSIVE {
            mantissa *= 10;
            exponent = exponent.saturating_sub(1);
        }
        Self { mantissa, exponent }
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
        self.mantissa / power_of_ten(exponent.abs_diff(self.exponent))
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

fn power_of_ten(digits: u64) -> u128 {
    10_u128.pow(digits.min(DIGITS_MAX) as u32)
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
