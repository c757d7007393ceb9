//! The power in 128 bits with a certified error, so that the exact series is hardly ever needed.
//!
//! The reference's series are exact far beyond this: for exponents of the range below, what it floors differs
//! from the true value by less than 2⁻¹⁵⁰ parts. Here the value is known within [`DOUBT`], and wherever no
//! integer lies that near, both floors agree. Otherwise the caller falls back to the exact series.

use super::WEIGHT_PARTS;
use super::power::Ratio;
use crate::fixed::{div_wide, mul_div_u128, mul_wide};

/// Fraction bits of logarithms and exponentials.
const BITS: u32 = 120;
const ONE: u128 = 1 << BITS;
/// Fraction bits while the logarithm's series is summed.
const SERIES_BITS: u32 = 127;
/// ln 2 with [`BITS`] fraction bits.
const LN2: u128 = 0x00B1_7217_F7D1_CF79_ABC9_E3B3_9803_F2F6;
/// The result's distance from an integer that is taken as certain, with [`BITS`] fraction bits: 2⁻⁴⁶ parts.
/// The errors below sum to less than 2⁻⁵¹ parts.
const DOUBT: u128 = 1 << (BITS - 46);
/// Powers below e⁻⁴⁰ and above e² are left to the exact series.
const LOG_MIN: u128 = 40 * ONE;
const LOG_MAX: u128 = 2 * ONE;
/// Exponents from here on would enlarge the logarithm's error too much.
const EXPONENT_MAX: u64 = 4;

/// `floor(ratio · 10^18)` when 128 bits suffice to be sure of it.
pub(super) fn power(ratio: &Ratio) -> Option<u128> {
    if ratio.exp_num / EXPONENT_MAX >= ratio.exp_den {
        return None;
    }
    let (negative, log) = log(ratio.base_num, ratio.base_den)?;
    let exponent = mul_div_u128(log, ratio.exp_num.into(), ratio.exp_den.into())?;
    let power = if negative { exp_negative(exponent)? } else { exp_positive(exponent)? };
    let (high, low) = mul_wide(power, WEIGHT_PARTS.into());
    let fraction = low & (ONE - 1);
    let certain = fraction > DOUBT && fraction < ONE - DOUBT;
    certain.then_some((high << (128 - BITS)) | (low >> BITS))
}

/// Sign and magnitude of ln(num / den); error below 2⁻¹¹⁸.
fn log(num: u128, den: u128) -> Option<(bool, u128)> {
    let (mut a, mut b) = (normalised(num), normalised(den));
    let mut twos = i64::from(den.leading_zeros()) - i64::from(num.leading_zeros());
    if a > b + b / 2 {
        b <<= 1;
        twos += 1;
    } else if b > a + a / 2 {
        a <<= 1;
        twos -= 1;
    }
    let rest = atanh_series(a.abs_diff(b), a + b)? >> (SERIES_BITS - 1 - BITS);
    let rest = if a < b { -(rest as i128) } else { rest as i128 };
    let log = i128::from(twos) * LN2 as i128 + rest;
    Some((log < 0, log.unsigned_abs()))
}

/// The number with its highest bit at 2¹²⁵; more than 126 bits lose their end.
fn normalised(v: u128) -> u128 {
    let zeros = v.leading_zeros();
    if zeros >= 2 { v << (zeros - 2) } else { v >> (2 - zeros) }
}

/// atanh(num / den) for a quotient of at most 0.2, with [`SERIES_BITS`] fraction bits; ln is twice that.
fn atanh_series(num: u128, den: u128) -> Option<u128> {
    let z = div_wide(num >> (128 - SERIES_BITS), num << SERIES_BITS, den)?;
    let square = mul_series(z, z);
    let (mut term, mut sum, mut divisor) = (z, z, 1_u64);
    loop {
        term = mul_series(term, square);
        divisor += 2;
        if term < u128::from(divisor) {
            return Some(sum);
        }
        sum += divided(term, divisor);
    }
}

fn mul_series(a: u128, b: u128) -> u128 {
    let (high, low) = mul_wide(a, b);
    (high << (128 - SERIES_BITS)) | (low >> SERIES_BITS)
}

fn mul_bits(a: u128, b: u128) -> u128 {
    let (high, low) = mul_wide(a, b);
    (high << (128 - BITS)) | (low >> BITS)
}

/// Division by a small number; one machine division when the dividend is small too.
fn divided(v: u128, d: u64) -> u128 {
    match u64::try_from(v) {
        Ok(small) => u128::from(small / d),
        Err(_) => v / u128::from(d),
    }
}

/// Sums of the even and of the odd terms of the exponential series.
fn exp_terms(x: u128) -> (u128, u128) {
    let (mut even, mut odd, mut term, mut n) = (ONE, 0, ONE, 0_u64);
    loop {
        n += 1;
        term = divided(mul_bits(term, x), n);
        if term == 0 {
            return (even, odd);
        }
        if n % 2 == 0 { even += term } else { odd += term }
    }
}

/// e⁻ˣ for x up to 40; error below 2⁻¹¹³.
fn exp_negative(x: u128) -> Option<u128> {
    if x >= LOG_MIN {
        return None;
    }
    let (halvings, rest) = (x / LN2, x % LN2);
    let (even, odd) = exp_terms(rest);
    Some((even - odd) >> halvings)
}

/// eˣ for x up to 2; error below 2⁻¹¹¹.
fn exp_positive(x: u128) -> Option<u128> {
    if x >= LOG_MAX {
        return None;
    }
    let (even, odd) = exp_terms(x);
    Some(even + odd)
}

#[cfg(test)]
mod tests {
    use super::super::exact;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Where 128 bits are sure, they give what the exact series gives.
        #[test]
        fn certain_powers_are_exact(reserve in 1u64.., delta: u64, shift in 0u32..64, weight in 200_000_000_000_000_000u64..800_000_000_000_000_000) {
            let grown = u128::from(reserve) + u128::from(delta >> shift);
            let ratio = Ratio { base_num: reserve.into(), base_den: grown, exp_num: weight, exp_den: WEIGHT_PARTS - weight };
            if let Some(fast) = power(&ratio) {
                prop_assert_eq!(Some(fast), exact::series(&ratio, 256));
            }
        }

        /// The same for prices beyond 64 bits and growing powers.
        #[test]
        fn certain_growth_is_exact(price in (1u128 << 20)..(1 << 119), percent in 1u128..300, weight in 1u64..WEIGHT_PARTS) {
            let base_num = price / 100 * (100 + percent);
            let ratio = Ratio { base_num, base_den: price, exp_num: weight, exp_den: WEIGHT_PARTS };
            if let Some(fast) = power(&ratio) {
                prop_assert_eq!(Some(fast), exact::series(&ratio, 1_024));
            }
        }
    }

    #[test]
    fn doubt_is_rare_but_an_exact_one_is_doubtful() {
        let near = |d: u128| Ratio {
            base_num: 5_967_162_091_442,
            base_den: 5_967_162_091_442 + d,
            exp_num: 500_000_000_000_017_333,
            exp_den: 499_999_999_999_982_667,
        };
        assert!((1..1_000).all(|d| power(&near(d)).is_some()));
        assert_eq!(power(&near(0)), None);
    }
}
