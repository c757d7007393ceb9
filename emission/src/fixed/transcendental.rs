//! Exponentials and logarithms by the reference's own loops (emission mathematics, section 0.1).

use super::{I32F32, I96F32};

/// Euler's number with the 23 fraction bits of the reference's constant, as `I32F32` bits.
pub const E_BITS_I32F32: i64 = 11_674_931_200;
/// log₂ e with the 23 fraction bits of the reference's constant, as `I32F32` bits.
pub const LOG2_E_BITS_I32F32: i64 = 6_196_327_936;

/// Terms of the exponential series: the loop runs while its counter is below the fraction bits.
const EXP_TERMS: i64 = 32;
/// Exponents outside ±20 are clamped by [`exp_safe`].
const EXP_LIMIT: i64 = 20;

/// eˣ by its Taylor series; `None` when a term does not fit.
///
/// ```
/// use sn3_emission::fixed::{checked_exp, I32F32};
/// assert_eq!(checked_exp(I32F32::ZERO), Some(I32F32::ONE));
/// assert_eq!(checked_exp(I32F32::ONE).unwrap().to_bits(), 11_674_931_200);
/// ```
#[must_use]
pub fn checked_exp(x: I32F32) -> Option<I32F32> {
    if x == I32F32::ZERO {
        return Some(I32F32::ONE);
    }
    if x == I32F32::ONE {
        return Some(I32F32::from_bits(E_BITS_I32F32));
    }
    let a = I32F32::from_bits(x.to_bits().checked_abs()?);
    let sum = exp_series(a)?;
    if x.to_bits() < 0 { I32F32::ONE.checked_div(sum) } else { Some(sum) }
}

/// Reciprocals of the series' divisors: `t / i` is `t · MAGIC[i].0 >> (64 + MAGIC[i].1)` for `t < 2^63`.
const MAGIC: [(u64, u32); EXP_TERMS as usize] = magic_numbers();

const fn magic_numbers() -> [(u64, u32); EXP_TERMS as usize] {
    let mut numbers = [(0, 0); EXP_TERMS as usize];
    let mut i = 1_u32;
    while i < EXP_TERMS as u32 {
        let shift = 63 + (32 - (i - 1).leading_zeros());
        numbers[i as usize] = ((1_u128 << shift).div_ceil(i as u128) as u64, shift.saturating_sub(64));
        i += 1;
    }
    numbers
}

/// [`exp_safe`] of several numbers at once; their series run side by side.
#[must_use]
#[inline(always)]
pub fn exp_safe_lanes<const LANES: usize>(x: [I32F32; LANES]) -> [I32F32; LANES] {
    let limit = EXP_LIMIT << 32;
    let x = x.map(|v| v.to_bits().clamp(-limit, limit));
    let a = x.map(i64::unsigned_abs);
    // Within the limit no product of a term and `a` exceeds 20^20 / 19! < 2^30, so all fits 62 bits, and terms
    // fit 58. Shifting both factors up first makes `t · a / 2^32` the high half of a product.
    let shifted = a.map(|a| a << 27);
    let mut sum = a.map(|a| a + (1 << 32));
    let mut term = a;
    for (magic, shift) in &MAGIC[2..] {
        let mut left = 0;
        for lane in 0..LANES {
            let product = high(term[lane] << 5, shifted[lane]);
            term[lane] = high(product, *magic) >> shift;
            sum[lane] += term[lane];
            left |= term[lane];
        }
        if left == 0 {
            break;
        }
    }
    let mut result = [I32F32::ZERO; LANES];
    for lane in 0..LANES {
        let sum = I32F32::from_bits(sum[lane] as i64);
        result[lane] = match x[lane] {
            bits if bits == I32F32::ONE.to_bits() => I32F32::from_bits(E_BITS_I32F32),
            bits if bits < 0 => I32F32::ONE.safe_div(sum),
            _ => sum,
        };
    }
    result
}

/// The high half of a product.
#[inline(always)]
fn high(a: u64, b: u64) -> u64 {
    ((u128::from(a) * u128::from(b)) >> 64) as u64
}

fn exp_series(a: I32F32) -> Option<I32F32> {
    let mut sum = a.checked_add(I32F32::ONE)?;
    let mut term = a;
    for i in 2..EXP_TERMS {
        term = term.checked_mul(a)?;
        term = I32F32::from_bits(term.to_bits() / i);
        if term.is_zero() {
            break;
        }
        sum = sum.checked_add(term)?;
    }
    Some(sum)
}

/// eˣ with `x` clamped to [-20, 20].
#[must_use]
pub fn exp_safe(x: I32F32) -> I32F32 {
    let limit = I32F32::from_int(EXP_LIMIT);
    let x = x.max(I32F32::from_int(-EXP_LIMIT)).min(limit);
    let fallback = if x <= I32F32::ZERO { I32F32::ZERO } else { I32F32::MAX };
    checked_exp(x).unwrap_or(fallback)
}

/// `1 / (1 + e^(-rho (x - kappa)))`, of the pre-2023 consensus; kept for the helper vectors.
#[must_use]
pub fn sigmoid(x: I32F32, rho: I32F32, kappa: I32F32) -> I32F32 {
    let offset = x.saturating_sub(kappa);
    let exponent = I32F32::ZERO.saturating_sub(rho).saturating_mul(offset);
    I32F32::ONE.saturating_div(exp_safe(exponent).saturating_add(I32F32::ONE))
}

/// log₂ of a positive number with 32 fraction bits; `None` otherwise.
#[must_use]
pub fn checked_log2(x: I32F32) -> Option<I32F32> {
    if x <= I32F32::ZERO {
        return None;
    }
    if x < I32F32::ONE {
        let inverse = I32F32::ONE.checked_div(x)?;
        return Some(I32F32::from_bits(-log2_from_one(inverse.to_bits() as u128)));
    }
    Some(I32F32::from_bits(log2_from_one(x.to_bits() as u128)))
}

/// log₂ of a number of at least one in the coinbase's wide container; `None` below one.
#[must_use]
pub fn log2_issuance_ratio(x: I96F32) -> Option<I96F32> {
    if x < I96F32::ONE {
        return None;
    }
    Some(I96F32::from_bits(log2_from_one(x.to_bits().unsigned_abs()).into()))
}

/// Bits of log₂ of `x ≥ 1` given with 32 fraction bits; halving rounds a half up.
fn log2_from_one(mut x: u128) -> i64 {
    let mut n: i64 = 0;
    while x >= 2 << 32 {
        n += 1;
        x = halve(x);
    }
    if x == 1 << 32 {
        return n << 32;
    }
    for _ in 0..32 {
        x = (x * x) >> 32;
        n <<= 1;
        if x >= 2 << 32 {
            n |= 1;
            x = halve(x);
        }
    }
    n
}

fn halve(bits: u128) -> u128 {
    (bits >> 1) + (bits & 1)
}

/// Natural logarithm as `log₂ x / log₂ e`; `None` for a number that is not positive.
#[must_use]
pub fn checked_ln(x: I32F32) -> Option<I32F32> {
    checked_log2(x)?.checked_div(I32F32::from_bits(LOG2_E_BITS_I32F32))
}

/// Natural logarithm, or zero where there is none.
#[must_use]
pub fn safe_ln(x: I32F32) -> I32F32 {
    checked_ln(x).unwrap_or(I32F32::ZERO)
}

/// Square root by bisection until `|v/mid - mid| ≤ epsilon`, at most 129 rounds; `None` below zero.
#[must_use]
pub fn checked_sqrt(v: super::U64F64, epsilon: super::U64F64) -> Option<super::U64F64> {
    use super::U64F64;
    let (mut high, mut low) = if v > U64F64::ONE { (v, U64F64::ZERO) } else { (U64F64::ONE, v) };
    let middle = |a: U64F64, b: U64F64| U64F64::from_bits(a.to_bits().saturating_add(b.to_bits()) / 2);
    let mut mid = middle(high, low);
    let mut check = v.safe_div(mid);
    for _ in 0..129 {
        let distance = check.to_bits().abs_diff(mid.to_bits());
        if distance <= epsilon.to_bits() {
            break;
        }
        if check < mid {
            high = mid
        } else {
            low = mid
        }
        mid = middle(high, low);
        check = v.safe_div(mid);
    }
    Some(mid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log2_of_eight_is_three() {
        assert_eq!(checked_log2(I32F32::from_int(8)), Some(I32F32::from_int(3)));
        assert_eq!(checked_log2(I32F32::ZERO), None);
    }

    #[test]
    fn lanes_give_what_single_series_give() {
        let mut bits = -100_i64 << 32;
        while bits < 100 << 32 {
            let x = [bits, bits + 1, -bits, bits / 77].map(I32F32::from_bits);
            assert_eq!(exp_safe_lanes(x), x.map(exp_safe));
            bits += 123_456_789;
        }
        let special = [0, 1 << 32, -1 << 32, i64::MIN].map(I32F32::from_bits);
        assert_eq!(exp_safe_lanes(special), special.map(exp_safe));
    }

    #[test]
    fn an_exponent_beyond_the_limit_is_clamped() {
        assert_eq!(exp_safe(I32F32::from_int(-1_000)), exp_safe(I32F32::from_int(-20)));
        assert_eq!(exp_safe(I32F32::from_int(-1_000)).to_bits(), 8);
    }
}
