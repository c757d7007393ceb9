//! Stake vectors: inheritance over child keys, root weight, threshold (emission mathematics, section 4.3).

use crate::fixed::{Fixed, I32F32, I64F64, U96F32};

/// `proportion / (2^64 - 1)` with 32 fraction bits: what part of a parent's stake a child gets.
#[must_use]
pub fn child_fraction(proportion: u64) -> U96F32 {
    U96F32::from_int(proportion).safe_div(U96F32::from_int(u64::MAX))
}

/// The root stake's weight `TaoWeight / (2^64 - 1)` with 32 fraction bits.
///
/// ```
/// use sn3_emission::epoch::tao_weight;
/// assert_eq!(tao_weight(971_718_665_099_567_868).to_bits(), 226_245_882);
/// ```
#[must_use]
pub fn tao_weight(parts: u64) -> U96F32 {
    child_fraction(parts)
}

/// A hotkey's stake after giving to its children and receiving from its parents.
///
/// `children` are proportions; `parents` are proportions with the parent's own stake. In stored order.
#[must_use]
pub fn inherited_stake(
    own: u64,
    children: impl IntoIterator<Item = u64>,
    parents: impl IntoIterator<Item = (u64, u64)>,
) -> u64 {
    let init = U96F32::from_int(own);
    let part = |stake: U96F32, proportion| stake.saturating_mul(child_fraction(proportion));
    let given = children.into_iter().fold(U96F32::ZERO, |acc, p| acc.saturating_add(part(init, p)));
    let received = parents
        .into_iter()
        .fold(U96F32::ZERO, |acc, (p, stake)| acc.saturating_add(part(U96F32::from_int(stake), p)));
    init.saturating_sub(given).saturating_add(received).to_u64()
}

/// Alpha stake plus weighted root stake.
#[must_use]
pub fn total_stake(alpha: u64, root: u64, tao_weight_parts: u64) -> I64F64 {
    let weight: I64F64 = tao_weight(tao_weight_parts).convert();
    I64F64::from_int(alpha).saturating_add(I64F64::from_int(root).saturating_mul(weight))
}

/// Each uid's part of the subnet's stake; those under the threshold have none, except the owner's uid.
#[must_use]
pub fn stake_vector(
    alpha: &[u64],
    root: &[u64],
    tao_weight_parts: u64,
    threshold: u64,
    owner: Option<u16>,
) -> Vec<I32F32> {
    let filtered = |(uid, (alpha, root)): (usize, (&u64, &u64))| {
        let total = total_stake(*alpha, *root, tao_weight_parts);
        let exempt = owner.is_some_and(|owner| usize::from(owner) == uid);
        if exempt || total.to_u64() >= threshold { total } else { I64F64::ZERO }
    };
    let mut totals: Vec<I64F64> = alpha.iter().zip(root).enumerate().map(filtered).collect();
    crate::vector::normalise_64(&mut totals);
    totals.into_iter().map(Fixed::convert).collect()
}
