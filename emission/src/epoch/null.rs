//! Null consensus, spec 475: miners are paid by the weights of the largest stake alone, to the rao (runtime
//! timeline, section 8).

use super::{
    EpochInput, EpochOutput, EpochVectors, MechanismInput, Rows, SubnetEpoch, WeightMask,
    mechanisms::run_parts, stake_vector, total_stake,
};
use crate::fixed::{I32F32, div_wide, mul_wide, proportion_to_u16};
use crate::spec::EpochRules;

/// Splits a budget exactly: everybody gets the floor of its part, and the last units go to the largest
/// remainders, of equal ones to the first. That order is a guess; zero shares get nothing.
///
/// ```
/// use sn3_emission::epoch::null::apportion;
/// assert_eq!(apportion(10, &[1, 1, 1, 0]), [4, 3, 3, 0]);
/// assert_eq!(apportion(100, &[65_534, 1, 0]), [100, 0, 0]);
/// assert_eq!(apportion(7, &[0, 0]), [0, 0]);
/// ```
#[must_use]
pub fn apportion(budget: u64, shares: &[u128]) -> Vec<u64> {
    let Some(total) = shares.iter().try_fold(0_u128, |sum, share| sum.checked_add(*share)).filter(|t| *t > 0)
    else {
        return vec![0; shares.len()];
    };
    let parts: Vec<(u64, u128)> = shares.iter().map(|share| part(budget, *share, total)).collect();
    let mut amounts: Vec<u64> = parts.iter().map(|(amount, _)| *amount).collect();
    let mut left = budget - amounts.iter().sum::<u64>();
    let mut order: Vec<usize> = (0..shares.len()).filter(|i| shares[*i] > 0).collect();
    order.sort_by_key(|i| std::cmp::Reverse(parts[*i].1));
    for i in order {
        let unit = left.min(1);
        amounts[i] += unit;
        left -= unit;
    }
    amounts
}

/// Quotient and remainder of `budget · share / total`.
fn part(budget: u64, share: u128, total: u128) -> (u64, u128) {
    let (high, low) = mul_wide(budget.into(), share);
    let quotient = div_wide(high, low, total).expect("a part is at most the budget");
    let remainder = low.wrapping_sub(quotient.wrapping_mul(total));
    (u64::try_from(quotient).expect("a part is at most the budget"), remainder)
}

/// A subnet's epoch under Null consensus. Bonds stay as they are.
///
/// ```
/// use sn3_emission::epoch::{EpochInput, MechanismInput, null};
/// let params = sn3_emission::network::default_params();
/// let input = EpochInput {
///     params: &params, block: 1_000, last_mechanism_step_block: 0, owner_uid: None,
///     alpha_stake: &[0; 4], root_stake: &[0; 4], tao_weight: 0, stake_threshold: 0,
///     block_at_registration: &[1; 4], validator_permit: &[false; 4],
/// };
/// // Nobody has stake: the miners take all in equal parts.
/// let epoch = null::run_subnet(&input, &[MechanismInput::default()], None, 1_000_000);
/// assert_eq!(epoch.server_emission, [250_000; 4]);
/// assert_eq!(epoch.validator_emission, [0; 4]);
/// ```
#[must_use]
pub fn run_subnet(
    input: &EpochInput<'_>,
    mechanisms: &[MechanismInput<'_>],
    split: Option<&[u16]>,
    rao_emission: u64,
) -> SubnetEpoch {
    let stakes = stakes(input);
    run_parts(mechanisms.len(), split, rao_emission, stakes.len(), |m, part| {
        run(input, &mechanisms[m], &stakes, part)
    })
}

/// Everybody's stake before normalisation, in 2⁻⁶⁴ths of a rao.
fn stakes(input: &EpochInput<'_>) -> Vec<u128> {
    let (threshold, exempt) = EpochRules::PROVEN.threshold_of(input);
    let pairs = input.alpha_stake.iter().zip(input.root_stake).enumerate();
    pairs
        .map(|(uid, (alpha, root))| {
            let total = total_stake(*alpha, *root, input.tao_weight);
            let counts = exempt.is_some_and(|owner| usize::from(owner) == uid) || total.to_u64() >= threshold;
            if counts { total.to_bits().unsigned_abs() } else { 0 }
        })
        .collect()
}

/// The largest stake, of equal ones the lowest uid; none without stake.
fn winner(stakes: &[u128]) -> Option<usize> {
    let largest = stakes.iter().copied().max().filter(|stake| *stake > 0)?;
    stakes.iter().position(|stake| *stake == largest)
}

fn run(input: &EpochInput<'_>, mechanism: &MechanismInput<'_>, stakes: &[u128], budget: u64) -> EpochOutput {
    let n = stakes.len();
    let winner = winner(stakes);
    let for_validators = if winner.is_some() { budget / 2 } else { 0 };
    let weights = winner.map_or_else(|| vec![1; n], |uid| miner_shares(input, mechanism, uid, n));
    let server_emission = apportion(budget - for_validators, &weights);
    let validator_emission = apportion(for_validators, stakes);
    let stake = stake_vector(input.alpha_stake, input.root_stake, input.tao_weight, 0, None);
    let sums = server_emission.iter().zip(&validator_emission).map(|(s, v)| s + v);
    EpochOutput {
        active: super::activity(input, mechanism, EpochRules::PROVEN),
        validator_permit: (0..n).map(|uid| Some(uid) == winner).collect(),
        stake_weight: stake.iter().map(|v| proportion_to_u16(*v)).collect(),
        consensus: vec![0; n],
        incentive: in_parts(&server_emission),
        dividends: in_parts(&validator_emission),
        validator_trust: vec![0; n],
        emission: sums.collect(),
        server_emission,
        validator_emission,
        bonds: mechanism.bonds.to_vec(),
        vectors: EpochVectors {
            active_stake: stake.clone(),
            stake,
            consensus: vec![I32F32::ZERO; n],
            validator_trust: vec![I32F32::ZERO; n],
            incentive: Vec::new(),
            dividends: Vec::new(),
            emission_sum: I32F32::ZERO,
            ema_bonds: Rows::default(),
        },
    }
}

/// The winner's row as submitted, after the usual masks; equal shares for everybody when it is empty.
fn miner_shares(
    input: &EpochInput<'_>,
    mechanism: &MechanismInput<'_>,
    winner: usize,
    n: usize,
) -> Vec<u128> {
    let mask = WeightMask::new(input, mechanism, EpochRules::PROVEN, winner);
    let mut shares = vec![0; n];
    for (column, weight) in mechanism.weights.get(winner).into_iter().flatten() {
        if mask.keeps(*column) {
            shares[usize::from(*column)] = u128::from(*weight);
        }
    }
    if shares.iter().all(|share| *share == 0) { vec![1; n] } else { shares }
}

/// Amounts as 65535ths of their sum.
fn in_parts(amounts: &[u64]) -> Vec<u16> {
    let sum: u128 = amounts.iter().map(|amount| u128::from(*amount)).sum::<u128>().max(1);
    amounts.iter().map(|amount| (u128::from(*amount) * 65_535 / sum) as u16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_budget_is_split_to_the_last_unit(
            budget: u64,
            shares in prop::collection::vec(prop_oneof![Just(0_u128), 1..1_u128 << 110], 1..40),
        ) {
            let amounts = apportion(budget, &shares);
            let total: u128 = shares.iter().sum();
            let sum: u128 = amounts.iter().map(|amount| u128::from(*amount)).sum();
            prop_assert_eq!(sum, if total > 0 { u128::from(budget) } else { 0 });
            prop_assert!(shares.iter().zip(&amounts).all(|(share, amount)| *share > 0 || *amount == 0));
        }
    }

    /// The winner is uid 1; its row 65534:1 is kept as given, its self-weight is not.
    #[test]
    fn the_largest_stake_decides_alone() {
        let params = crate::network::default_params();
        let weights = vec![vec![(2, 9)], vec![(1, 50), (2, 65_534), (3, 1)], Vec::new(), Vec::new()];
        let input = EpochInput {
            params: &params,
            block: 1_000,
            last_mechanism_step_block: 0,
            owner_uid: None,
            alpha_stake: &[100, 300, 0, 0],
            root_stake: &[0; 4],
            tao_weight: 0,
            stake_threshold: 0,
            block_at_registration: &[1; 4],
            validator_permit: &[true; 4],
        };
        let mechanism = MechanismInput { weights: &weights, last_update: &[900; 4], ..Default::default() };
        let epoch = run_subnet(&input, &[mechanism], None, 131_071);
        assert_eq!(epoch.server_emission, [0, 0, 65_535, 1]);
        assert_eq!(epoch.validator_emission, [16_384, 49_151, 0, 0]);
        assert_eq!(epoch.validator_permit, [false, true, false, false]);
    }
}
