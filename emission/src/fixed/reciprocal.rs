//! Division by one divisor many times, by multiplication.

use super::I32F32;

/// A positive divisor and its reciprocal. Quotients are those of [`I32F32::safe_div`], bit for bit.
///
/// ```
/// use sn3_emission::fixed::{I32F32, Reciprocal};
/// let three = I32F32::from_int(3);
/// let third = Reciprocal::new(three).divide(I32F32::ONE);
/// assert_eq!(third, I32F32::ONE.safe_div(three));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Reciprocal {
    divisor: I32F32,
    /// `floor((2^64 - 1) / divisor)`, zero for divisors that are not positive.
    inverse: u64,
}

impl Reciprocal {
    /// Prepares a divisor.
    #[must_use]
    #[inline]
    pub fn new(divisor: I32F32) -> Self {
        let inverse = if divisor > I32F32::ZERO { u64::MAX / divisor.to_bits().unsigned_abs() } else { 0 };
        Self { divisor, inverse }
    }

    /// The divisor.
    #[must_use]
    pub fn divisor(&self) -> I32F32 {
        self.divisor
    }

    /// `v.safe_div(divisor)`.
    #[must_use]
    #[inline]
    pub fn divide(&self, v: I32F32) -> I32F32 {
        let bits = v.to_bits() as u64;
        if bits > u64::from(u32::MAX) || self.inverse == 0 {
            return v.safe_div(self.divisor);
        }
        let (numerator, divisor) = (bits << 32, self.divisor.to_bits() as u64);
        let mut quotient = ((u128::from(numerator) * u128::from(self.inverse)) >> 64) as u64;
        let mut rest = numerator - quotient * divisor;
        // The reciprocal is short by less than two.
        while rest >= divisor {
            quotient += 1;
            rest -= divisor;
        }
        // A quotient beyond the container has none.
        i64::try_from(quotient).map_or(I32F32::ZERO, I32F32::from_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quotients_are_those_of_the_division(v: i64, shift in 0u32..63, d: i64, d_shift in 0u32..63) {
            let (v, d) = (I32F32::from_bits(v >> shift), I32F32::from_bits(d >> d_shift));
            prop_assert_eq!(Reciprocal::new(d).divide(v), v.safe_div(d));
        }
    }
}
