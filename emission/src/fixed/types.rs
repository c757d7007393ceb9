//! The five containers and their primitive operations.

use std::fmt;

use codec::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wide::{div_wide, mul_wide};

/// What conversions between containers need to know of one.
pub trait Fixed: Copy {
    /// Bits behind the binary point.
    const FRACTION_BITS: u32;

    /// Sign and magnitude of the bits.
    fn sign_magnitude(self) -> (bool, u128);

    /// The container's number with these bits, saturated.
    fn from_sign_magnitude(negative: bool, magnitude: u128) -> Self;

    /// Converts: fewer fraction bits floor, more shift left, out of range saturates.
    #[must_use]
    #[inline]
    fn convert<T: Fixed>(self) -> T {
        let (negative, magnitude) = self.sign_magnitude();
        T::from_sign_magnitude(negative, shift(negative, magnitude, T::FRACTION_BITS, Self::FRACTION_BITS))
    }
}

/// Moves the binary point from `from` to `to` fraction bits; floors and saturates.
#[inline]
fn shift(negative: bool, magnitude: u128, to: u32, from: u32) -> u128 {
    if to >= from {
        let by = to - from;
        if magnitude.leading_zeros() < by { u128::MAX } else { magnitude << by }
    } else {
        floor_shift(negative, magnitude, from - to)
    }
}

/// Arithmetic right shift of a sign and magnitude: toward minus infinity.
#[inline]
fn floor_shift(negative: bool, magnitude: u128, by: u32) -> u128 {
    let floor = magnitude >> by;
    if negative && (floor << by) != magnitude { floor + 1 } else { floor }
}

/// `floor(high·2^128 + low) / 2^by` by sign, `None` when it exceeds 128 bits. `0 < by < 128`.
#[inline]
fn floor_shift_wide(negative: bool, high: u128, low: u128, by: u32) -> Option<u128> {
    if high >> by != 0 {
        return None;
    }
    let floor = (high << (128 - by)) | (low >> by);
    let exact = low & ((1 << by) - 1) == 0;
    if negative && !exact { floor.checked_add(1) } else { Some(floor) }
}

macro_rules! fixed {
    ($(#[$doc:meta])* $name:ident, $bits:ty, $fraction:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        pub struct $name($bits);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);
            /// One.
            pub const ONE: Self = Self(1 << $fraction);
            /// The largest value.
            pub const MAX: Self = Self(<$bits>::MAX);
            /// The smallest value.
            pub const MIN: Self = Self(<$bits>::MIN);

            /// The number with this bit pattern.
            #[must_use]
            #[inline]
            pub const fn from_bits(bits: $bits) -> Self {
                Self(bits)
            }

            /// The bit pattern.
            #[must_use]
            #[inline]
            pub const fn to_bits(self) -> $bits {
                self.0
            }

            /// An integer, exactly or saturated.
            #[must_use]
            #[inline]
            pub fn from_int(v: impl Into<i128>) -> Self {
                let v = v.into();
                Self::from_sign_magnitude(v < 0, shift(v < 0, v.unsigned_abs(), $fraction, 0))
            }

            /// Sum, clamped to the container.
            #[must_use]
            #[inline]
            pub const fn saturating_add(self, b: Self) -> Self {
                Self(self.0.saturating_add(b.0))
            }

            /// Difference, clamped to the container.
            #[must_use]
            #[inline]
            pub const fn saturating_sub(self, b: Self) -> Self {
                Self(self.0.saturating_sub(b.0))
            }

            /// Sum that wraps, as every plain sum of the reference does.
            #[must_use]
            #[inline]
            pub const fn wrapping_add(self, b: Self) -> Self {
                Self(self.0.wrapping_add(b.0))
            }

            /// Difference that wraps.
            #[must_use]
            #[inline]
            pub const fn wrapping_sub(self, b: Self) -> Self {
                Self(self.0.wrapping_sub(b.0))
            }

            /// Sum, or `None` when it does not fit.
            #[must_use]
            #[inline]
            pub fn checked_add(self, b: Self) -> Option<Self> {
                self.0.checked_add(b.0).map(Self)
            }

            /// Product floored toward minus infinity, saturating by the operands' signs.
            #[must_use]
            #[inline]
            pub fn saturating_mul(self, b: Self) -> Self {
                self.checked_mul(b).unwrap_or_else(|| self.limit(b))
            }

            /// Quotient truncated toward zero, or zero when there is none (also on overflow).
            #[must_use]
            #[inline]
            pub fn safe_div(self, b: Self) -> Self {
                self.checked_div(b).unwrap_or(Self::ZERO)
            }

            /// Quotient truncated toward zero, or `default` when there is none.
            #[must_use]
            #[inline]
            pub fn safe_div_or(self, b: Self, default: Self) -> Self {
                self.checked_div(b).unwrap_or(default)
            }

            /// Quotient truncated toward zero, saturating by the operands' signs; by zero it saturates too.
            #[must_use]
            #[inline]
            pub fn saturating_div(self, b: Self) -> Self {
                self.checked_div(b).unwrap_or_else(|| self.limit(b))
            }

            /// Floor as `u64`, saturated; negative is zero.
            #[must_use]
            #[inline]
            pub fn to_u64(self) -> u64 {
                let (negative, magnitude) = self.sign_magnitude();
                if negative { 0 } else { u64::try_from(magnitude >> $fraction).unwrap_or(u64::MAX) }
            }

            /// Floor as `u16`, saturated; negative is zero.
            #[must_use]
            #[inline]
            pub fn to_u16(self) -> u16 {
                u16::try_from(self.to_u64()).unwrap_or(u16::MAX)
            }

            /// Nearest integer, ties away from zero, saturated.
            #[must_use]
            pub fn round(self) -> Self {
                let half = 1 << ($fraction - 1);
                Self(self.0.saturating_add(half) >> $fraction << $fraction)
            }

            #[inline]
            fn limit(self, b: Self) -> Self {
                if self.sign_magnitude().0 == b.sign_magnitude().0 { Self::MAX } else { Self::MIN }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "(bits {})"), self.0)
            }
        }
    };
}

macro_rules! signed_parts {
    ($name:ident, $bits:ty) => {
        #[inline]
        fn sign_magnitude(self) -> (bool, u128) {
            (self.0 < 0, u128::from(self.0.unsigned_abs()))
        }

        #[inline]
        fn from_sign_magnitude(negative: bool, magnitude: u128) -> Self {
            match i128::try_from(magnitude) {
                Ok(v) => {
                    let v = if negative { -v } else { v };
                    let limit = if negative { <$bits>::MIN } else { <$bits>::MAX };
                    Self(<$bits>::try_from(v).unwrap_or(limit))
                }
                Err(_) if negative => Self::MIN,
                Err(_) => Self::MAX,
            }
        }
    };
}

fixed!(
    /// Signed, 32 integer and 32 fraction bits in an `i64`: the epoch's number.
    I32F32, i64, 32
);
fixed!(
    /// Signed, 64 integer and 64 fraction bits in an `i128`.
    I64F64, i128, 64
);
fixed!(
    /// Signed, 96 integer and 32 fraction bits in an `i128`.
    I96F32, i128, 32
);
fixed!(
    /// Unsigned, 64 integer and 64 fraction bits in a `u128`: the pools' number.
    U64F64, u128, 64
);
fixed!(
    /// Unsigned, 96 integer and 32 fraction bits in a `u128`: the coinbase's number.
    U96F32, u128, 32
);

impl Fixed for I32F32 {
    const FRACTION_BITS: u32 = 32;
    signed_parts!(I32F32, i64);
}

impl I32F32 {
    /// Product floored toward minus infinity, or `None` when it does not fit.
    #[must_use]
    #[inline]
    pub fn checked_mul(self, b: Self) -> Option<Self> {
        i64::try_from((i128::from(self.0) * i128::from(b.0)) >> 32).ok().map(Self)
    }

    /// Quotient truncated toward zero, or `None` on zero or overflow.
    #[must_use]
    #[inline]
    pub fn checked_div(self, b: Self) -> Option<Self> {
        if b.0 > 0 {
            let (a, b) = (self.0 as u64, b.0 as u64);
            if a <= u64::from(u32::MAX) {
                return i64::try_from((a << 32) / b).ok().map(Self);
            }
            if a == Self::ONE.0 as u64 && b > 1 {
                let exact = u64::MAX % b == b - 1;
                return i64::try_from(u64::MAX / b + u64::from(exact)).ok().map(Self);
            }
        }
        let quotient = (i128::from(self.0) << 32).checked_div(i128::from(b.0))?;
        i64::try_from(quotient).ok().map(Self)
    }

    /// Whether this is zero.
    #[must_use]
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

macro_rules! signed_128 {
    ($name:ident, $fraction:expr) => {
        impl Fixed for $name {
            const FRACTION_BITS: u32 = $fraction;
            signed_parts!($name, i128);
        }

        impl $name {
            /// Product floored toward minus infinity, or `None` when it does not fit.
            #[must_use]
            #[inline]
            pub fn checked_mul(self, b: Self) -> Option<Self> {
                let negative = (self.0 < 0) != (b.0 < 0);
                let (high, low) = mul_wide(self.0.unsigned_abs(), b.0.unsigned_abs());
                let magnitude = floor_shift_wide(negative, high, low, $fraction)?;
                signed(negative, magnitude).map(Self)
            }

            /// Quotient truncated toward zero, or `None` on zero or overflow.
            #[must_use]
            #[inline]
            pub fn checked_div(self, b: Self) -> Option<Self> {
                let negative = (self.0 < 0) != (b.0 < 0);
                let a = self.0.unsigned_abs();
                let magnitude = div_wide(a >> (128 - $fraction), a << $fraction, b.0.unsigned_abs())?;
                signed(negative, magnitude).map(Self)
            }
        }
    };
}

macro_rules! unsigned_128 {
    ($name:ident, $fraction:expr) => {
        impl Fixed for $name {
            const FRACTION_BITS: u32 = $fraction;

            #[inline]
            fn sign_magnitude(self) -> (bool, u128) {
                (false, self.0)
            }

            #[inline]
            fn from_sign_magnitude(negative: bool, magnitude: u128) -> Self {
                Self(if negative { 0 } else { magnitude })
            }
        }

        impl $name {
            /// Product floored, or `None` when it does not fit.
            #[must_use]
            #[inline]
            pub fn checked_mul(self, b: Self) -> Option<Self> {
                let (high, low) = mul_wide(self.0, b.0);
                floor_shift_wide(false, high, low, $fraction).map(Self)
            }

            /// Quotient floored, or `None` on zero or overflow.
            #[must_use]
            #[inline]
            pub fn checked_div(self, b: Self) -> Option<Self> {
                div_wide(self.0 >> (128 - $fraction), self.0 << $fraction, b.0).map(Self)
            }

            /// The fraction behind the binary point.
            #[must_use]
            pub const fn fraction(self) -> Self {
                Self(self.0 & ((1 << $fraction) - 1))
            }
        }
    };
}

#[inline]
fn signed(negative: bool, magnitude: u128) -> Option<i128> {
    if !negative {
        return i128::try_from(magnitude).ok();
    }
    0_i128.checked_sub_unsigned(magnitude)
}

impl U64F64 {
    /// Quotient of two integers, floored; zero without a divisor: [`U64F64::safe_div`] of both, in one division.
    ///
    /// ```
    /// use sn3_emission::fixed::U64F64;
    /// assert_eq!(U64F64::ratio(1, 3), U64F64::ONE.safe_div(U64F64::from_int(3)));
    /// assert_eq!(U64F64::ratio(7, 0), U64F64::ZERO);
    /// ```
    #[must_use]
    #[inline]
    pub fn ratio(numerator: u64, divisor: u64) -> Self {
        Self((u128::from(numerator) << 64).checked_div(divisor.into()).unwrap_or(0))
    }
}

signed_128!(I64F64, 64);
signed_128!(I96F32, 32);
unsigned_128!(U64F64, 64);
unsigned_128!(U96F32, 32);

macro_rules! text_serde {
    ($name:ident, $bits:ty) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                text.parse::<$bits>().map(Self).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_serde!(I32F32, i64);
text_serde!(I64F64, i128);
text_serde!(I96F32, i128);
text_serde!(U64F64, u128);
text_serde!(U96F32, u128);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_floor_and_quotients_truncate() {
        let tiny = I32F32::from_bits(-1);
        assert_eq!(tiny.saturating_mul(I32F32::from_bits(1)).to_bits(), -1);
        assert_eq!(tiny.safe_div(I32F32::from_int(2)).to_bits(), 0);
    }

    #[test]
    fn overflow_saturates_by_sign_or_gives_zero() {
        assert_eq!(I64F64::MAX.saturating_mul(I64F64::from_int(-2)), I64F64::MIN);
        assert_eq!(I96F32::MAX.safe_div(I96F32::from_bits(1)), I96F32::ZERO);
        assert_eq!(I96F32::MIN.convert::<U64F64>(), U64F64::ZERO);
        assert_eq!(U96F32::MAX.convert::<I32F32>(), I32F32::MAX);
    }

    proptest::proptest! {
        #[test]
        fn ratios_are_quotients_of_integers(a: u64, b: u64, shift in 0_u32..64) {
            let b = b >> shift;
            proptest::prop_assert_eq!(U64F64::ratio(a, b), U64F64::from_int(a).safe_div(U64F64::from_int(b)));
        }
    }

    #[test]
    fn negative_conversion_floors() {
        assert_eq!(I64F64::from_bits(-1).convert::<I32F32>().to_bits(), -1);
        assert_eq!(I64F64::from_bits(-1).to_u64(), 0);
    }
}
