//! 256-bit intermediates of 128-bit products and quotients.

const LOW: u128 = u64::MAX as u128;

/// The exact product as `(high, low)` halves of 128 bits.
#[inline]
pub(crate) fn mul_wide(a: u128, b: u128) -> (u128, u128) {
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let low = a0 * b0;
    let mid = a1 * b0 + (low >> 64);
    let mid2 = a0 * b1 + (mid & LOW);
    (a1 * b1 + (mid >> 64) + (mid2 >> 64), (mid2 << 64) | (low & LOW))
}

/// `floor((high·2^128 + low) / d)`, or `None` when it needs more than 128 bits or `d` is zero.
#[inline]
pub(crate) fn div_wide(high: u128, low: u128, d: u128) -> Option<u128> {
    if high >= d {
        return None;
    }
    if high == 0 {
        return Some(low / d);
    }
    Some(div_normalised(high, low, d))
}

/// Knuth's algorithm D with two 64-bit digits; needs `high < d`.
fn div_normalised(high: u128, low: u128, d: u128) -> u128 {
    let shift = d.leading_zeros();
    let d = d << shift;
    let (high, low) =
        if shift == 0 { (high, low) } else { ((high << shift) | (low >> (128 - shift)), low << shift) };
    let (q1, rest) = digit(high, low >> 64, d);
    let (q0, _) = digit(rest, low & LOW, d);
    (q1 << 64) | q0
}

/// One quotient digit of `(rest·2^64 + next) / d`, and what remains.
fn digit(rest: u128, next: u128, d: u128) -> (u128, u128) {
    let (d1, d0) = (d >> 64, d & LOW);
    let mut q = rest / d1;
    let mut r = rest - q * d1;
    while q > LOW || q * d0 > ((r << 64) | next) {
        q -= 1;
        r += d1;
        if r > LOW {
            break;
        }
    }
    let remainder = (rest << 64).wrapping_add(next).wrapping_sub(q.wrapping_mul(d));
    (q, remainder)
}

/// `floor(a·b / d)`, or `None` on `d = 0` or more than 128 bits.
#[inline]
pub(crate) fn mul_div_u128(a: u128, b: u128, d: u128) -> Option<u128> {
    let (high, low) = mul_wide(a, b);
    div_wide(high, low, d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_largest_product_is_exact() {
        assert_eq!(mul_wide(u128::MAX, u128::MAX), (u128::MAX - 1, 1));
    }

    proptest! {
        #[test]
        fn a_product_divided_by_a_factor_gives_the_other(a: u128, b in 1u128.., r: u128) {
            let (high, low) = mul_wide(a, b);
            let (sum, carry) = low.overflowing_add(r % b);
            prop_assert_eq!(div_wide(high + u128::from(carry), sum, b), Some(a));
        }

        #[test]
        fn small_numbers_agree_with_the_hardware(a: u64, b: u64, d in 1u64..) {
            let expected = u128::from(a) * u128::from(b) / u128::from(d);
            prop_assert_eq!(mul_div_u128(a.into(), b.into(), d.into()), Some(expected));
        }
    }
}
