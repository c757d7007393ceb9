//! Exact division of many numbers by few divisors, without a division instruction in the loop.

/// Divides a row of weights by its sum, in 2⁻³²nds; a row of zeros stays.
///
/// With `e` the bits of the sum `S` and `i = floor(2^(46+e) / S)`, `w · i / 2^(14+e)` is short of `w · 2^32 / S`
/// by less than `w / 2^(14+e) < 2^(2-e)`: less than one for `e ≥ 2`, and exact for `S = 1`.
#[inline(always)]
pub(super) fn normalise_weights(row: &mut [u64]) {
    let sum: u64 = row.iter().sum();
    if sum == 0 {
        return;
    }
    let bits = 64 - sum.leading_zeros();
    let inverse = ((1_u128 << (46 + bits)) / u128::from(sum)) as u64;
    let shift = 14 + bits;
    for cell in row {
        let quotient = (*cell * inverse) >> shift;
        let rest = (*cell << 32) - quotient * sum;
        *cell = quotient + u64::from(rest >= sum);
    }
}

/// Divisors by column, prepared.
pub(super) struct Divisors {
    divisor: Vec<u64>,
    /// `floor(2^(31+e) / S)` for a divisor `S` of `e` bits, at most `2^32 - 1`.
    inverse: Vec<u64>,
    /// `e - 1`.
    shift: Vec<u64>,
}

impl Divisors {
    /// Divisors below 2^48. A zero divides nothing but zeros, and gives zero.
    pub(super) fn new(divisors: &[u64]) -> Self {
        let divisor: Vec<u64> = divisors.iter().map(|d| (*d).max(1)).collect();
        let bits = |d: &u64| u64::from(64 - d.leading_zeros());
        Self {
            inverse: divisor.iter().map(|d| inverse(*d, bits(d))).collect(),
            shift: divisor.iter().map(|d| bits(d) - 1).collect(),
            divisor,
        }
    }
}

/// `floor(2^(31+bits) / d)`, at most `2^32 - 1`, in two steps when the power exceeds 64 bits.
fn inverse(d: u64, bits: u64) -> u64 {
    let first = 31 + bits.min(32);
    let (quotient, rest) = ((1_u64 << first) / d, (1_u64 << first) % d);
    let more = bits.saturating_sub(32);
    let inverse = if more == 0 { quotient } else { (quotient << more) + (rest << more) / d };
    inverse.min(u64::from(u32::MAX))
}

/// `floor(v · 2^32 / d)` for `v ≤ min(d, 2^32)`.
///
/// The inverse is short by at most one, so `v · inverse / 2^(e-1)` is short of the quotient by less than
/// `v / 2^(e-1) + 1 < 3`: two corrections suffice. Everything wraps at 2^64, the rest is below `3·d`.
#[inline(always)]
fn quotient(v: u64, d: u64, inverse: u64, shift: u64) -> u64 {
    let quotient = v.wrapping_mul(inverse).wrapping_shr(shift as u32);
    let rest = (v << 32).wrapping_sub(quotient.wrapping_mul(d));
    quotient + u64::from(rest >= d) + u64::from(rest >= 2 * d)
}

/// Divides every value by its column's divisor, which is at least the value.
#[inline(always)]
pub(super) fn divide_row(row: &mut [u64], by: &Divisors) {
    let n = row.len();
    let (divisor, inverse, shift) = (&by.divisor[..n], &by.inverse[..n], &by.shift[..n]);
    for j in 0..n {
        row[j] = quotient(row[j], divisor[j], inverse[j], shift[j]);
    }
}

/// `Σ floor(v_j / d_j · factor_j)`, the quotient floored too; every factor is below one.
#[inline(always)]
pub(super) fn relative_total(row: &[u64], by: &Divisors, factors: &[u64]) -> u64 {
    let n = row.len();
    let (divisor, inverse, shift) = (&by.divisor[..n], &by.inverse[..n], &by.shift[..n]);
    let factors = &factors[..n];
    let mut sum = 0_u64;
    for j in 0..n {
        let quotient = quotient(row[j], divisor[j], inverse[j], shift[j]);
        sum += quotient.wrapping_mul(factors[j]) >> 32;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expected(v: u64, d: u64) -> u64 {
        ((u128::from(v) << 32) / u128::from(d)) as u64
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn quotients_are_exact(d in 1_u64..1 << 47, shift in 0_u32..47, part: u64) {
            let d = (d >> shift).max(1);
            let largest = d.min(1 << 32);
            for v in [part % (largest + 1), largest, largest - 1, 0] {
                let mut row = [v];
                divide_row(&mut row, &Divisors::new(&[d]));
                prop_assert_eq!(row[0], expected(v, d));
            }
        }

        #[test]
        fn weights_are_normalised_exactly(mut row in prop::collection::vec(0_u64..65_536, 1..40), shift in 0_u32..16) {
            row.iter_mut().for_each(|w| *w >>= shift);
            let sum: u64 = row.iter().sum();
            let exact: Vec<u64> = row.iter().map(|w| if sum == 0 { 0 } else { expected(*w, sum) }).collect();
            normalise_weights(&mut row);
            prop_assert_eq!(row, exact);
        }
    }

    #[test]
    fn powers_of_two_and_their_neighbours_divide_exactly() {
        for bits in 0..47 {
            for d in [1_u64 << bits, (1 << bits) + 1, (1_u64 << bits).saturating_sub(1).max(1)] {
                for v in [0, 1, d / 2, d - 1, d].map(|v| v.min(1 << 32)) {
                    let mut row = [v];
                    divide_row(&mut row, &Divisors::new(&[d]));
                    assert_eq!(row[0], expected(v, d), "{v} / {d}");
                }
            }
        }
    }
}
