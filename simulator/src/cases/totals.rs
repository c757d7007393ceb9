//! Total dividends by stake, and relative to the first validator.

use serde::Serialize;

use super::study::EpochResult;

/// Share of a subnet's emission that goes to validators: 0.41, as the chain's 18% owner cut leaves it.
pub const VALIDATOR_EMISSION_RATIO: f64 = 0.41;
/// Stake of all validators in TAO.
pub const STAKE_TAO: f64 = 1_000_000.0;

/// What a validator earned over all epochs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Total {
    /// Sum over the epochs of the emission ratio times the share of dividends over the share of stake: a validator
    /// that earns as its stake does has the ratio times the number of epochs.
    pub per_stake: f64,
    /// How much more (positive) or less than validator A, as a fraction; none where A earned nothing.
    pub relative_to_base: Option<f64>,
}

/// Totals of all validators. Epochs without stake count for nothing.
pub(super) fn totals(epochs: &[EpochResult]) -> Vec<Total> {
    let validators = epochs.first().map_or(0, |epoch| epoch.validators.len());
    let sums: Vec<f64> = (0..validators).map(|uid| epochs.iter().map(|e| of_stake(e, uid)).sum()).collect();
    let base = sums.first().copied().unwrap_or(0.0);
    let relative = |sum: f64| (base > 0.0).then(|| sum / base - 1.0);
    sums.into_iter().map(|sum| Total { per_stake: sum, relative_to_base: relative(sum) }).collect()
}

fn of_stake(epoch: &EpochResult, uid: usize) -> f64 {
    let validator = &epoch.validators[uid];
    if validator.stake_tao <= 0.0 {
        return 0.0;
    }
    VALIDATOR_EMISSION_RATIO * validator.dividend / (validator.stake_tao / STAKE_TAO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::ValidatorResult;

    #[test]
    fn a_validator_that_earns_as_its_stake_does_has_the_ratio_per_epoch() {
        let validator = |stake_tao, dividend| ValidatorResult {
            stake_tao,
            weights: vec![],
            bonds: vec![],
            normalised_bonds: vec![],
            dividend,
        };
        let epoch = EpochResult {
            validators: vec![validator(800_000.0, 0.8), validator(200_000.0, 0.2), validator(0.0, 0.0)],
            incentive: vec![],
        };
        let totals = totals(&[epoch.clone(), epoch]);
        assert!((totals[0].per_stake - 0.82).abs() < 1e-12);
        assert!(totals[1].relative_to_base.unwrap().abs() < 1e-12);
        assert_eq!(totals[2].relative_to_base, Some(-1.0));
    }
}
