//! Loops over one row. Values are `I32F32` bits in `[0, 2^32]`, factors are below `2^32`, so that no product
//! leaves 64 bits.

/// Zeroes what belongs to neurons registered at `block` or later.
#[inline(always)]
pub(super) fn drop_from(row: &mut [u64], registered: &[u64], block: u64) {
    for (cell, registered) in row.iter_mut().zip(registered) {
        *cell = if *registered < block { *cell } else { 0 };
    }
}

/// Stored 65535ths to proportions: 2^32 = 65535 · 65537 + 1.
#[inline(always)]
pub(super) fn to_proportions(row: &mut [u64]) {
    for cell in row {
        *cell = *cell * 65_537 + u64::from(*cell == 65_535);
    }
}

/// `floor(factor · v / 2^32)`.
#[inline(always)]
fn part(factor: u64, v: u64) -> u64 {
    factor.wrapping_mul(v) >> 32
}

/// Clips to the consensus, adds the staked votes to the ranks, and leaves the weights that bonds follow.
/// Answers the clipped sum.
#[inline(always)]
pub(super) fn clip_row(
    row: &mut [u64],
    consensus: &[u64],
    stake: u64,
    penalty: u64,
    ranks: &mut [u64],
) -> u64 {
    if penalty == 1 << 32 {
        return clip_with(row, consensus, stake, ranks, |_, clipped| clipped);
    }
    // The way down floors toward minus infinity: away from the weight.
    let blend = |weight: u64, clipped: u64| {
        let lost = penalty.wrapping_mul(weight - clipped);
        weight - (lost >> 32) - u64::from(lost & 0xFFFF_FFFF != 0)
    };
    clip_with(row, consensus, stake, ranks, blend)
}

/// The same with any choice between a weight and the clipped one.
#[inline(always)]
fn clip_with(
    row: &mut [u64],
    consensus: &[u64],
    stake: u64,
    ranks: &mut [u64],
    blend: impl Fn(u64, u64) -> u64,
) -> u64 {
    let mut sum = 0;
    for ((cell, limit), rank) in row.iter_mut().zip(consensus).zip(ranks) {
        let clipped = (*cell).min(*limit);
        sum += clipped;
        *rank += part(stake, clipped);
        *cell = blend(*cell, clipped);
    }
    sum
}

/// Old bonds become `new · rate.0 + old · rate.1`; adds them to the column sums.
#[inline(always)]
pub(super) fn average(old: &mut [u64], new: &[u64], rate: (u64, u64), sums: &mut [u64]) {
    for ((old, new), sum) in old.iter_mut().zip(new).zip(sums) {
        *old = part(rate.0, *new) + part(rate.1, *old);
        *sum += *old;
    }
}

/// Multiplies a row by a factor.
#[inline(always)]
pub(super) fn scale(row: &mut [u64], factor: u64) {
    for cell in row {
        *cell = part(factor, *cell);
    }
}

/// `Σ floor(factor_j · v_j)`; every factor is below one.
#[inline(always)]
pub(super) fn weighted_total(row: &[u64], factors: &[u64]) -> u64 {
    row.iter().zip(factors).fold(0, |sum, (v, factor)| sum + part(*factor, *v))
}

/// Adds a row to column sums.
#[inline(always)]
pub(super) fn add_to(sums: &mut [u64], row: &[u64]) {
    sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
}

/// Raises column maxima to a row.
#[inline(always)]
pub(super) fn raise_to(largest: &mut [u64], row: &[u64]) {
    largest.iter_mut().zip(row).for_each(|(largest, v)| *largest = (*largest).max(*v));
}
