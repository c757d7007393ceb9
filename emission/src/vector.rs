//! Vector operations of the epoch, in ascending index order (emission mathematics, sections 4 and 5).

use crate::fixed::{I32F32, I64F64, U64F64};

/// Plain sum, which wraps as the reference's does.
#[must_use]
pub fn sum(x: &[I32F32]) -> I32F32 {
    x.iter().fold(I32F32::ZERO, |acc, v| acc.wrapping_add(*v))
}

/// Divides by the sum; unchanged when the sum is zero.
pub fn normalise(x: &mut [I32F32]) {
    let total = sum(x);
    if !total.is_zero() {
        x.iter_mut().for_each(|v| *v = v.safe_div(total));
    }
}

/// Divides 64-bit stakes by their sum; unchanged when the sum is zero.
pub fn normalise_64(x: &mut [I64F64]) {
    let total = x.iter().fold(I64F64::ZERO, |acc, v| acc.wrapping_add(*v));
    if total != I64F64::ZERO {
        x.iter_mut().for_each(|v| *v = v.safe_div(total));
    }
}

/// Whether each element is among the `k` largest nonzero ones; of equal values the later ones are kept.
///
/// ```
/// use sn3_emission::{fixed::I32F32, vector::is_topk_nonzero};
/// let x = [2, 1, 1, 0].map(I32F32::from_int);
/// assert_eq!(is_topk_nonzero(&x, 2), [true, false, true, false]);
/// ```
#[must_use]
pub fn is_topk_nonzero(x: &[I32F32], k: usize) -> Vec<bool> {
    let mut kept: Vec<bool> = x.iter().map(|v| !v.is_zero()).collect();
    if x.len() < k {
        return kept;
    }
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by_key(|i| x[*i]);
    for dropped in &order[..x.len() - k] {
        kept[*dropped] = false;
    }
    kept
}

/// Scales so that the largest element becomes 65535 (section 5.7).
#[must_use]
pub fn max_upscale_to_u16(x: &[I32F32]) -> Vec<u16> {
    let full = I32F32::from_int(65_535);
    let max = x.iter().copied().max().unwrap_or(I32F32::ZERO);
    let scale = |v: &I32F32| {
        if max.is_zero() {
            v.saturating_mul(full)
        } else if max > I32F32::from_int(32_768) {
            v.saturating_mul(full.safe_div(max)).round()
        } else {
            v.saturating_mul(full).safe_div(max).round()
        }
    };
    x.iter().map(|v| scale(v).to_u16()).collect()
}

/// Scales submitted weights so that the largest becomes 65535: how the chain stores them.
///
/// ```
/// use sn3_emission::vector::upscale_weights;
/// assert_eq!(upscale_weights(&[1, 3, 2]), [21_845, 65_535, 43_690]);
/// ```
#[must_use]
pub fn upscale_weights(weights: &[u16]) -> Vec<u16> {
    let fixed: Vec<I32F32> = weights.iter().map(|w| I32F32::from_int(*w)).collect();
    max_upscale_to_u16(&fixed)
}

/// `new · a + old · (1 - a)` of the pools' number, saturating.
#[must_use]
pub fn moving_average(a: U64F64, new: U64F64, old: U64F64) -> U64F64 {
    a.saturating_mul(new).saturating_add(U64F64::ONE.saturating_sub(a).saturating_mul(old))
}
