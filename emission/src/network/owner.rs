//! Choices of subnet owners, delegates and stakers (emission mathematics, sections 4.1, 6.1; chain interface, section 3.7).

use sn3_protocol::{Coldkey, Hotkey, NetUid};

use super::{Consensus, Mechanism, Network, RootClaim, Secret, Subnet};
use crate::OpError;

/// Bounds of an owner's tempo.
pub const TEMPO_RANGE: std::ops::RangeInclusive<u16> = 360..=50_400;
/// Bounds of an owner's activity factor in thousandths.
pub const ACTIVITY_FACTOR_RANGE: std::ops::RangeInclusive<u32> = 1_000..=50_000;
/// Uids times mechanisms may not exceed this.
pub const MECHANISM_UIDS_MAX: usize = 256;
/// Uids times mechanisms of a subnet under Null consensus may not exceed this.
pub const NULL_UIDS_MAX: usize = 2_500;
/// Subnets in one root claim.
pub const CLAIM_SUBNETS_MAX: usize = 5;

impl Network {
    fn owned(&mut self, coldkey: &Coldkey, netuid: NetUid) -> Result<&mut Subnet, OpError> {
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        if subnet.owner_coldkey == Some(*coldkey) { Ok(subnet) } else { Err(OpError::NotSubnetOwner) }
    }

    /// The owner sets the tempo; the current period starts anew.
    ///
    /// # Errors
    /// Not the owner, out of [`TEMPO_RANGE`], or a spec whose tempo only root may set.
    pub fn set_tempo(&mut self, coldkey: &Coldkey, netuid: NetUid, tempo: u16) -> Result<(), OpError> {
        let block = self.block;
        if self.spec.schedule.period != crate::spec::EpochPeriod::Stateful {
            return Err(OpError::CallUnavailable);
        }
        let subnet = self.owned(coldkey, netuid)?;
        if !TEMPO_RANGE.contains(&tempo) {
            return Err(OpError::TempoOutOfBounds);
        }
        subnet.params.tempo = tempo;
        subnet.schedule.last_epoch_block = block;
        Ok(())
    }

    /// The owner sets the activity cutoff in thousandths of the tempo.
    ///
    /// # Errors
    /// Not the owner, or out of [`ACTIVITY_FACTOR_RANGE`].
    pub fn set_activity_cutoff_factor(
        &mut self,
        coldkey: &Coldkey,
        netuid: NetUid,
        factor_milli: u32,
    ) -> Result<(), OpError> {
        let subnet = self.owned(coldkey, netuid)?;
        if !ACTIVITY_FACTOR_RANGE.contains(&factor_milli) {
            return Err(OpError::ActivityCutoffFactorMilliOutOfBounds);
        }
        subnet.params.activity_cutoff_factor_milli = factor_milli;
        Ok(())
    }

    /// The owner asks for an epoch after the freeze window. Answers its block.
    ///
    /// # Errors
    /// Not the owner, commit-reveal is on, one is pending, or the next one is that near anyway.
    pub fn trigger_epoch(&mut self, coldkey: &Coldkey, netuid: NetUid) -> Result<u64, OpError> {
        let (block, window) = (self.block, self.globals.admin_freeze_window_blocks);
        if self.spec.schedule.period != crate::spec::EpochPeriod::Stateful {
            return Err(OpError::CallUnavailable);
        }
        let subnet = self.owned(coldkey, netuid)?;
        if subnet.params.commit_reveal_enabled {
            return Err(OpError::DynamicTempoBlockedByCommitReveal);
        }
        if subnet.schedule.pending_epoch_at > 0 {
            return Err(OpError::EpochTriggerAlreadyPending);
        }
        if subnet.schedule.blocks_until_next(block, subnet.params.tempo) <= window {
            return Err(OpError::AutoEpochAlreadyImminent);
        }
        subnet.schedule.pending_epoch_at = block.saturating_add(window);
        Ok(subnet.schedule.pending_epoch_at)
    }

    /// The owner chooses between Yuma and Null consensus (runtime timeline, section 8). Null permits one
    /// validator; the slots are cut to what the mode and the mechanisms allow.
    ///
    /// # Errors
    /// A spec without Null, not the owner, timelocked commits that wait, or more neurons than the mode allows.
    pub fn set_consensus(
        &mut self,
        coldkey: &Coldkey,
        netuid: NetUid,
        consensus: Consensus,
    ) -> Result<(), OpError> {
        if !self.spec.schedule.null_consensus {
            return Err(OpError::CallUnavailable);
        }
        let subnet = self.owned(coldkey, netuid)?;
        let most = if consensus == Consensus::Null { NULL_UIDS_MAX } else { MECHANISM_UIDS_MAX };
        let most = most / subnet.mechanisms.len().max(1);
        let mut commits = subnet.mechanisms.iter().flat_map(|mechanism| &mechanism.commits);
        if commits.any(|commit| matches!(commit.secret, Secret::Timelocked { .. })) {
            return Err(OpError::TimelockedCommitsPending);
        }
        if subnet.neurons.len() > most {
            return Err(OpError::TooManyUIDsPerMechanism);
        }
        subnet.limits.max_allowed_uids =
            subnet.limits.max_allowed_uids.min(u16::try_from(most).unwrap_or(u16::MAX));
        subnet.choose(consensus);
        Ok(())
    }

    /// Sets how many mechanisms a subnet has; new ones start empty, removed ones are lost.
    ///
    /// # Errors
    /// An unknown subnet, none, or more than its uids allow.
    pub fn set_mechanism_count(&mut self, netuid: NetUid, count: u8) -> Result<(), OpError> {
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        let count = usize::from(count);
        if count == 0 {
            return Err(OpError::InvalidValue);
        }
        if count > 1 && count * usize::from(subnet.limits.max_allowed_uids) > MECHANISM_UIDS_MAX {
            return Err(OpError::TooManyUIDsPerMechanism);
        }
        let n = subnet.neurons.len();
        let empty = Mechanism {
            weights: vec![Vec::new(); n],
            bonds: vec![Vec::new(); n],
            incentive: vec![0; n],
            last_update: vec![0; n],
            ..Mechanism::default()
        };
        subnet.mechanisms.resize(count, empty);
        subnet.emission_split = None;
        Ok(())
    }

    /// Sets how the mechanisms share an epoch's emission.
    ///
    /// # Errors
    /// An unknown subnet, or parts that are more than the mechanisms or do not sum to 65535.
    pub fn set_emission_split(&mut self, netuid: NetUid, split: Option<Vec<u16>>) -> Result<(), OpError> {
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        if let Some(split) = &split {
            let sum: u64 = split.iter().map(|part| u64::from(*part)).sum();
            if split.len() > subnet.mechanisms.len() || sum != u64::from(u16::MAX) {
                return Err(OpError::InvalidValue);
            }
        }
        subnet.emission_split = split;
        Ok(())
    }

    /// Sets a delegate's take in 65535ths. `raise` says which of the two calls it is.
    ///
    /// # Errors
    /// A foreign hotkey, or a take that does not move in the call's direction or exceeds the maximum.
    pub fn set_take(
        &mut self,
        coldkey: &Coldkey,
        hotkey: &Hotkey,
        take: u16,
        raise: bool,
    ) -> Result<(), OpError> {
        let most = self.globals.default_take;
        let state = self.hotkeys.get_mut(hotkey).ok_or(OpError::HotKeyAccountNotExists)?;
        if state.owner != *coldkey {
            return Err(OpError::NonAssociatedColdKey);
        }
        let now = state.take.unwrap_or(most);
        if take > most || (!raise && take >= now) {
            return Err(if take > most { OpError::DelegateTakeTooHigh } else { OpError::DelegateTakeTooLow });
        }
        if raise && take <= now {
            return Err(OpError::DelegateTakeTooLow);
        }
        state.take = Some(take);
        Ok(())
    }

    /// Sets where a coldkey's mining income on a subnet is staked.
    ///
    /// # Errors
    /// An unknown subnet, an unregistered hotkey, or no change.
    pub fn set_auto_stake(
        &mut self,
        coldkey: &Coldkey,
        netuid: NetUid,
        hotkey: &Hotkey,
    ) -> Result<(), OpError> {
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        if subnet.neurons.uid_of(hotkey).is_none() {
            return Err(OpError::HotKeyNotRegisteredInSubNet);
        }
        if subnet.auto_stake.insert(*coldkey, *hotkey) == Some(*hotkey) {
            return Err(OpError::SameAutoStakeHotkeyAlreadySet);
        }
        Ok(())
    }

    /// Chooses what becomes of a coldkey's root dividends.
    pub fn set_root_claim(&mut self, coldkey: &Coldkey, claim: RootClaim) {
        if claim == RootClaim::Swap {
            self.root_claims.remove(coldkey);
        } else {
            self.root_claims.insert(*coldkey, claim);
        }
    }

    /// Claims a coldkey's root dividends on some subnets; where the spec has baskets, also all of its baskets.
    ///
    /// # Errors
    /// No subnets, or more than [`CLAIM_SUBNETS_MAX`].
    pub fn claim_root(&mut self, coldkey: &Coldkey, netuids: &[NetUid]) -> Result<(), OpError> {
        if netuids.is_empty() || netuids.len() > CLAIM_SUBNETS_MAX {
            return Err(OpError::InvalidSubnetNumber);
        }
        self.claim_on(coldkey, |netuid| netuids.contains(&netuid));
        if self.spec.payout.root_dividends == crate::spec::RootDividends::Baskets {
            self.claim_baskets(coldkey);
        }
        Ok(())
    }
}

impl Subnet {
    /// Changes the consensus; the validators' number is put away under Null and comes back with Yuma.
    fn choose(&mut self, consensus: Consensus) {
        let validators = &mut self.params.max_allowed_validators;
        match (self.consensus, consensus) {
            (Consensus::Yuma, Consensus::Null) => self.yuma_validators = std::mem::replace(validators, 1),
            (Consensus::Null, Consensus::Yuma) => *validators = self.yuma_validators,
            _ => (),
        }
        self.consensus = consensus;
    }
}
