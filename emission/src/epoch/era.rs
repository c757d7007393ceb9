//! The epoch under the rules of any runtime (runtime timeline, section 4.2).

use super::{
    EpochInput, EpochParams, MechanismInput, PreparedEpoch, Standing, SubnetEpoch, prepare_with_stake,
};
use crate::fixed::{I32F32, u16_proportion};
use crate::spec::{
    Activity, BondsMask, CommitMask, EpochRules, LiquidConsensus, Permits, StakeThreshold, Yuma,
};
use crate::vector;

/// Blocks after which a validator is inactive under [`Activity::Flat`].
const ACTIVITY_CUTOFF_BLOCKS: u64 = 5_000;

/// The rules of an epoch, and what only some of them read.
#[derive(Clone, Debug)]
pub struct EpochEra<'a> {
    /// The rules.
    pub rules: EpochRules,
    /// By mechanism, the consensus in 65535ths that liquid alpha reads; this epoch's own where there is none.
    pub liquid_consensus: Vec<Option<&'a [u16]>>,
}

impl Default for EpochEra<'_> {
    fn default() -> Self {
        Self { rules: EpochRules::PROVEN, liquid_consensus: Vec::new() }
    }
}

/// [`run_subnet`](super::run_subnet) under the rules of an era.
#[must_use]
pub fn run_subnet_by(
    era: &EpochEra<'_>,
    input: &EpochInput<'_>,
    mechanisms: &[MechanismInput<'_>],
    split: Option<&[u16]>,
    rao_emission: u64,
) -> SubnetEpoch {
    prepare_subnet_by(era, input, mechanisms).finish(split, rao_emission)
}

/// The part of [`run_subnet_by`] that needs no emission.
pub(crate) fn prepare_subnet_by(
    era: &EpochEra<'_>,
    input: &EpochInput<'_>,
    mechanisms: &[MechanismInput<'_>],
) -> PreparedEpoch {
    let standing = Standing::new(input, era.rules);
    let prepare = |(m, mechanism): (usize, &MechanismInput<'_>)| {
        let mut mechanism = *mechanism;
        if era.rules.commit_mask == CommitMask::None {
            mechanism.earliest_commit = &[];
        }
        let liquid = era.liquid_consensus.get(m).copied().flatten();
        prepare_with_stake(input, &mechanism, &standing, liquid)
    };
    let outputs = mechanisms.iter().enumerate().map(prepare).collect();
    PreparedEpoch { neurons: standing.stake.len(), outputs }
}

/// Stored 65535ths as proportions of `n` neurons; missing ones are zero.
pub(super) fn padded(stored: &[u16], n: usize) -> Vec<I32F32> {
    let mut consensus: Vec<I32F32> = stored.iter().take(n).map(|v| u16_proportion(*v)).collect();
    consensus.resize(n, I32F32::ZERO);
    consensus
}

impl EpochRules {
    /// The rules that are held to vectors, of runtime 425.
    pub const PROVEN: Self = Self {
        yuma: Yuma::Yuma3,
        threshold: StakeThreshold::OwnerExempt,
        permits: Permits::TopKNonzero,
        owner_permit: true,
        owner_self_weight: true,
        bonds_mask: BondsMask::LastEpoch,
        commit_mask: CommitMask::Unexpired,
        activity: Activity::TempoMultiple,
        liquid_consensus: LiquidConsensus::Current,
    };

    /// The threshold in rao, and who is exempt from it.
    pub(super) fn threshold_of(self, input: &EpochInput<'_>) -> (u64, Option<u16>) {
        match self.threshold {
            StakeThreshold::None => (0, None),
            StakeThreshold::All => (input.stake_threshold, None),
            StakeThreshold::OwnerExempt => (input.stake_threshold, input.owner_uid),
        }
    }

    /// Who is among the `k` largest stakes.
    pub(super) fn permitted(self, stake: &[I32F32], k: usize) -> Vec<bool> {
        match self.permits {
            Permits::TopK => super::classic::is_topk(stake, k),
            Permits::TopKNonzero => vector::is_topk_nonzero(stake, k),
        }
    }

    pub(super) fn activity_cutoff_blocks(self, params: &EpochParams) -> u64 {
        match self.activity {
            Activity::Flat => ACTIVITY_CUTOFF_BLOCKS,
            Activity::TempoMultiple => params.activity_cutoff_blocks(),
        }
    }

    /// The block after which a neuron must not have registered for a validator's old bond to count.
    pub(super) fn bonds_count_since(
        self,
        input: &EpochInput<'_>,
        mechanism: &MechanismInput<'_>,
        row: usize,
    ) -> u64 {
        let tempo_ago = input.block.saturating_sub(input.params.tempo.into());
        match self.bonds_mask {
            BondsMask::LastUpdate => mechanism.last_update.get(row).copied().unwrap_or(0),
            BondsMask::Tempo => tempo_ago,
            BondsMask::LastEpoch if input.last_mechanism_step_block == 0 => tempo_ago,
            BondsMask::LastEpoch => input.last_mechanism_step_block.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::RuntimeSpec;

    #[test]
    fn the_proven_rules_are_those_of_the_default_spec() {
        assert_eq!(EpochRules::PROVEN, RuntimeSpec::default().epoch);
    }

    /// Two validators, one owner under the threshold: only the newer rule counts the owner.
    #[test]
    fn the_owner_is_exempt_from_the_threshold_since_397() {
        let params = crate::network::default_params();
        let input = EpochInput {
            params: &params,
            block: 1_000,
            last_mechanism_step_block: 0,
            owner_uid: Some(0),
            alpha_stake: &[10, 1_000],
            root_stake: &[0, 0],
            tao_weight: 0,
            stake_threshold: 100,
            block_at_registration: &[1, 1],
            validator_permit: &[true, true],
        };
        let stake_under = |version| {
            let rules = RuntimeSpec::at_version(version).unwrap().epoch;
            Standing::new(&input, rules).stake[0].to_bits()
        };
        assert_eq!(stake_under(396), 0);
        assert_eq!(stake_under(397), (10 << 32) / 1_010);
        assert_eq!(stake_under(233), (10 << 32) / 1_010);
    }
}
