//! The power with big integers, following the reference's series term by term.

use num_bigint::{BigInt, BigUint, Sign};

use super::WEIGHT_PARTS;
use super::power::Ratio;

/// Bits that guard the series against its own rounding.
const GUARD_BITS: u64 = 24;
/// The series stop here even when they have not converged.
const ITERATIONS_MAX: u64 = 4_096;

/// `floor(10^18 · quote / (quote + base))` where the sum needs more than 128 bits.
pub(super) fn ratio_parts(quote: u128, base: u128) -> u64 {
    let sum = BigUint::from(quote) + BigUint::from(base);
    let parts = BigUint::from(quote) * WEIGHT_PARTS / sum;
    u64::try_from(parts).unwrap_or(WEIGHT_PARTS)
}

/// The largest z with z^ed · bd^en ≤ bn^en · scale^ed.
pub(super) fn root(ratio: &Ratio) -> Option<u128> {
    let (en, ed) = (u32::try_from(ratio.exp_num).ok()?, u32::try_from(ratio.exp_den).ok()?);
    let numerator = BigUint::from(ratio.base_num).pow(en) * BigUint::from(WEIGHT_PARTS).pow(ed);
    let denominator = BigUint::from(ratio.base_den).pow(en);
    u128::try_from((numerator / denominator).nth_root(ed)).ok()
}

/// The power by the logarithm and exponential series at the given precision.
pub(super) fn series(ratio: &Ratio, precision_bits: u64) -> Option<u128> {
    let scale_bits = u64::from(u64::BITS - WEIGHT_PARTS.leading_zeros());
    let precision = precision_bits.max(32).max(scale_bits + 8);
    let series = Series::new(precision + GUARD_BITS);
    let log = series.ln(&ratio.base_num.into()) - series.ln(&ratio.base_den.into());
    let exponent = floor_div(log * BigInt::from(ratio.exp_num), &ratio.exp_den.into());
    let result = (rounded(&series.exp(&exponent)) * BigInt::from(WEIGHT_PARTS)) >> precision;
    u128::try_from(result).ok()
}

/// A fixed-point scale of `bits` fraction bits.
struct Series {
    bits: u64,
    one: BigInt,
    iterations: u64,
}

impl Series {
    fn new(bits: u64) -> Self {
        Self { bits, one: BigInt::from(1) << bits, iterations: ITERATIONS_MAX.min(bits + 128) }
    }

    /// ln(1 + f), alternating series.
    fn ln1p(&self, f: &BigInt) -> BigInt {
        let (mut term, mut sum) = (f.clone(), f.clone());
        let mut previous = rounded(&sum);
        for n in 2..=self.iterations {
            term = (term * f) >> self.bits;
            if term.sign() == Sign::NoSign {
                break;
            }
            let next = floor_div(term.clone(), &n.into());
            if next.sign() == Sign::NoSign {
                break;
            }
            if n % 2 == 0 {
                sum -= &next
            } else {
                sum += &next
            }
            let now = rounded(&sum);
            if below_guard(&next) || now == previous {
                break;
            }
            previous = now;
        }
        sum
    }

    /// Natural logarithm of a positive integer.
    fn ln(&self, v: &BigUint) -> BigInt {
        let ln2 = -self.ln1p(&-(&self.one >> 1_u32));
        let mut shift = v.bits() - 1;
        let mut mantissa = BigInt::from((v << self.bits) >> shift);
        if mantissa >= &self.one + (&self.one >> 1_u32) {
            mantissa >>= 1_u32;
            shift += 1;
        }
        self.ln1p(&(mantissa - &self.one)) + ln2 * BigInt::from(shift)
    }

    /// The exponential series.
    fn exp(&self, x: &BigInt) -> BigInt {
        let (mut term, mut sum) = (self.one.clone(), self.one.clone());
        let mut previous = rounded(&sum);
        for n in 1..=self.iterations {
            term = floor_div((term * x) >> self.bits, &n.into());
            if term.sign() == Sign::NoSign {
                break;
            }
            sum += &term;
            let now = rounded(&sum);
            if below_guard(&term) || now == previous {
                break;
            }
            previous = now;
        }
        sum
    }
}

fn below_guard(v: &BigInt) -> bool {
    v.bits() <= GUARD_BITS
}

/// Drops the guard bits: nearest, ties away from zero.
fn rounded(v: &BigInt) -> BigInt {
    let half = BigUint::from(1_u32) << (GUARD_BITS - 1);
    BigInt::from_biguint(v.sign(), (v.magnitude() + half) >> GUARD_BITS)
}

/// Division toward minus infinity by a positive integer.
fn floor_div(v: BigInt, d: &BigInt) -> BigInt {
    if v.sign() == Sign::Minus { -((-v + d - BigInt::from(1)) / d) } else { v / d }
}
