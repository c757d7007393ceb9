//! All mechanisms of a subnet, and what the chain stores of them together (emission mathematics, section 6.1).

use super::{EpochInput, EpochOutput, MechanismInput, Standing, mechanism_weight, prepare_with_stake};
use crate::fixed::U64F64;
use crate::spec::EpochRules;

/// A subnet's epoch: aggregates over mechanisms, and each mechanism's own output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetEpoch {
    /// Amounts as miners, in rao, by uid.
    pub server_emission: Vec<u64>,
    /// Amounts as validators, in rao, by uid.
    pub validator_emission: Vec<u64>,
    /// Stored `Emission` in rao.
    pub emission: Vec<u64>,
    /// Stored `Active`.
    pub active: Vec<bool>,
    /// Stored `ValidatorPermit`.
    pub validator_permit: Vec<bool>,
    /// Stored `StakeWeight`.
    pub stake_weight: Vec<u16>,
    /// Stored `Consensus`.
    pub consensus: Vec<u16>,
    /// Stored `Dividends`.
    pub dividends: Vec<u16>,
    /// Stored `ValidatorTrust`.
    pub validator_trust: Vec<u16>,
    /// Output of each mechanism; `Incentive` and `Bonds` are stored per mechanism.
    pub mechanisms: Vec<EpochOutput>,
}

/// Splits an epoch's rao over mechanisms; what rounding leaves goes to the first.
///
/// ```
/// use sn3_emission::epoch::split_emission;
/// assert_eq!(split_emission(10, 3, None), [4, 3, 3]);
/// assert_eq!(split_emission(100, 2, Some(&[40_000, 25_535])), [62, 38]);
/// ```
#[must_use]
pub fn split_emission(total: u64, count: u8, split: Option<&[u16]>) -> Vec<u64> {
    let count = usize::from(count.max(1));
    let part = |share: u16| (u128::from(total) * u128::from(share) / 65_535) as u64;
    let mut parts: Vec<u64> = match split {
        Some(split) => split.iter().map(|share| part(*share)).collect(),
        None => vec![total / count as u64; count],
    };
    parts.resize(count, 0);
    let assigned: u64 = parts.iter().fold(0, |acc, p| u64::saturating_add(acc, *p));
    parts[0] = parts[0].saturating_add(total.saturating_sub(assigned));
    parts
}

/// Runs all mechanisms over their parts of `rao_emission`. All of them see the old permits.
#[must_use]
pub fn run_subnet(
    input: &EpochInput<'_>,
    mechanisms: &[MechanismInput<'_>],
    split: Option<&[u16]>,
    rao_emission: u64,
) -> SubnetEpoch {
    let standing = Standing::new(input, EpochRules::PROVEN);
    let outputs = mechanisms.iter().map(|mechanism| prepare_with_stake(input, mechanism, &standing, None));
    PreparedEpoch { neurons: standing.stake.len(), outputs: outputs.collect() }.finish(split, rao_emission)
}

/// A subnet's epoch but for the amounts: it does not depend on the emission, so it can be computed ahead.
pub(crate) struct PreparedEpoch {
    pub(super) neurons: usize,
    pub(super) outputs: Vec<EpochOutput>,
}

impl PreparedEpoch {
    /// Splits an emission over mechanisms and neurons, and aggregates.
    pub(crate) fn finish(self, split: Option<&[u16]>, rao_emission: u64) -> SubnetEpoch {
        let count = self.outputs.len();
        let mut outputs = self.outputs.into_iter();
        run_parts(count, split, rao_emission, self.neurons, |_, part| {
            outputs.next().expect("one output for every mechanism").with_amounts(part)
        })
    }
}

/// Runs each of `count` mechanisms over its part and aggregates over `n` neurons.
pub(super) fn run_parts(
    count: usize,
    split: Option<&[u16]>,
    rao_emission: u64,
    n: usize,
    mut run: impl FnMut(usize, u64) -> EpochOutput,
) -> SubnetEpoch {
    let parts = split_emission(rao_emission, u8::try_from(count).unwrap_or(u8::MAX), split);
    let mut aggregate = SubnetEpoch::empty(n);
    for (m, part) in parts.into_iter().enumerate().take(count) {
        aggregate.add(run(m, part), mechanism_weight(part, rao_emission, m == 0));
    }
    aggregate
}

impl SubnetEpoch {
    fn empty(n: usize) -> Self {
        Self {
            server_emission: vec![0; n],
            validator_emission: vec![0; n],
            emission: vec![0; n],
            active: vec![false; n],
            validator_permit: vec![false; n],
            stake_weight: vec![0; n],
            consensus: vec![0; n],
            dividends: vec![0; n],
            validator_trust: vec![0; n],
            mechanisms: Vec::new(),
        }
    }

    fn add(&mut self, output: EpochOutput, weight: U64F64) {
        add_amounts(&mut self.server_emission, &output.server_emission);
        add_amounts(&mut self.validator_emission, &output.validator_emission);
        add_weighted_u64(&mut self.emission, &output.emission, weight);
        add_weighted(&mut self.stake_weight, &output.stake_weight, weight);
        add_weighted(&mut self.consensus, &output.consensus, weight);
        add_weighted(&mut self.dividends, &output.dividends, weight);
        add_weighted(&mut self.validator_trust, &output.validator_trust, weight);
        for (a, b) in self.active.iter_mut().zip(&output.active) {
            *a |= b;
        }
        for (a, b) in self.validator_permit.iter_mut().zip(&output.validator_permit) {
            *a |= b;
        }
        self.mechanisms.push(output);
    }
}

fn add_amounts(sums: &mut [u64], amounts: &[u64]) {
    for (sum, amount) in sums.iter_mut().zip(amounts) {
        *sum = sum.saturating_add(*amount);
    }
}

fn weighted_sum(acc: u64, value: u64, weight: U64F64) -> u64 {
    U64F64::from_int(acc).saturating_add(U64F64::from_int(value).saturating_mul(weight)).to_u64()
}

fn add_weighted_u64(sums: &mut [u64], values: &[u64], weight: U64F64) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum = weighted_sum(*sum, *value, weight);
    }
}

fn add_weighted(sums: &mut [u16], values: &[u16], weight: U64F64) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum = u16::try_from(weighted_sum((*sum).into(), (*value).into(), weight)).unwrap_or(u16::MAX);
    }
}
