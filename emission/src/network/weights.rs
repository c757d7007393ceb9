//! Setting, committing and revealing weights (emission mathematics, section 6.2; chain interface, section 3.5).

use std::collections::BTreeSet;

use blake2::{Blake2b, Digest, digest::consts::U32};
use codec::Encode;
use sn3_protocol::{Hotkey, NetUid};

use super::{Network, Secret, Subnet, WeightCommit};
use crate::OpError;
use crate::spec::Reveal;
use crate::vector::upscale_weights;

/// A hotkey may have this many commits that wait for their reveal.
pub const COMMITS_MAX: usize = 10;
/// Storage index of mechanism `m` of subnet `s` is `4096·m + s`.
pub const MECHANISM_STRIDE: u16 = 4_096;

/// Weights as a validator submits them.
#[derive(Clone, Debug, Default, PartialEq, Eq, codec::Encode, codec::Decode)]
pub struct Weights {
    /// Columns.
    pub uids: Vec<u16>,
    /// Values; their largest is scaled to 65535 before storing.
    pub values: Vec<u16>,
    /// The validator's version.
    pub version_key: u64,
}

/// What came of an attempt to open timelocked weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The drand round is not known yet; try again next block.
    NotYet,
    /// The ciphertext is no weights; forget it.
    Broken,
    /// The weights.
    Weights(Weights),
}

/// Opens timelocked weights: a pallet with drand rounds, or nothing.
pub trait Opener {
    /// Tries to open a ciphertext of `hotkey` with its round.
    fn open(&mut self, hotkey: &Hotkey, ciphertext: &[u8], round: u64) -> Opened;
}

/// Opens nothing; commits wait until they expire.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOpener;

impl Opener for NoOpener {
    fn open(&mut self, _: &Hotkey, _: &[u8], _: u64) -> Opened {
        Opened::NotYet
    }
}

/// The hash that commits to weights: BLAKE2b-256 over their SCALE encoding with a salt.
#[must_use]
pub fn commit_hash(
    hotkey: &Hotkey,
    netuid: NetUid,
    mechanism: u8,
    weights: &Weights,
    salt: &[u16],
) -> [u8; 32] {
    let index = netuid.0.wrapping_add(MECHANISM_STRIDE.wrapping_mul(mechanism.into()));
    let message = (hotkey, index, &weights.uids, &weights.values, salt, weights.version_key).encode();
    Blake2b::<U32>::digest(message).into()
}

impl Network {
    /// Sets weights in the open.
    ///
    /// # Errors
    /// The pallet's errors, in its order.
    pub fn set_weights(
        &mut self,
        hotkey: &Hotkey,
        netuid: NetUid,
        mechanism: u8,
        weights: &Weights,
    ) -> Result<(), OpError> {
        if self.subnet(netuid).is_some_and(|subnet| subnet.params.commit_reveal_enabled) {
            return Err(OpError::CommitRevealEnabled);
        }
        let uid = self.check_weights(hotkey, netuid, mechanism, weights, true)?;
        let block = self.block;
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        subnet.store_weights(mechanism, uid, weights);
        subnet.mechanisms[usize::from(mechanism)].last_update[usize::from(uid)] = block;
        Ok(())
    }

    fn check_weights(
        &self,
        hotkey: &Hotkey,
        netuid: NetUid,
        mechanism: u8,
        weights: &Weights,
        limited: bool,
    ) -> Result<u16, OpError> {
        if netuid.0 == 0 {
            return Err(OpError::CanNotSetRootNetworkWeights);
        }
        if weights.uids.len() != weights.values.len() {
            return Err(OpError::WeightVecNotEqualSize);
        }
        let subnet = self.subnet(netuid).ok_or(OpError::SubnetNotExists)?;
        if usize::from(mechanism) >= subnet.mechanisms.len() {
            return Err(OpError::MechanismDoesNotExist);
        }
        if weights.uids.len() > subnet.neurons.len() {
            return Err(OpError::UidsLengthExceedUidsInSubNet);
        }
        let uid = subnet.neurons.uid_of(hotkey).ok_or(OpError::HotKeyNotRegisteredInSubNet)?;
        let owner = subnet.owner_hotkey == Some(*hotkey);
        if !owner && self.weighted_stake(netuid, hotkey) < self.globals.stake_threshold_rao {
            return Err(OpError::NotEnoughStakeToSetWeights);
        }
        if subnet.limits.weights_version != 0 && weights.version_key < subnet.limits.weights_version {
            return Err(OpError::IncorrectWeightVersionKey);
        }
        if limited && !subnet.may_update(mechanism, uid, self.block) {
            return Err(OpError::SettingWeightsTooFast);
        }
        subnet.check_columns(uid, owner, &weights.uids)?;
        Ok(uid)
    }

    /// Commits to hidden weights by their hash.
    ///
    /// # Errors
    /// The pallet's errors, in its order.
    pub fn commit_weights(
        &mut self,
        hotkey: &Hotkey,
        netuid: NetUid,
        mechanism: u8,
        secret: Secret,
    ) -> Result<(), OpError> {
        let block = self.block;
        let epoch = self.subnet(netuid).map_or(0, |subnet| self.commit_epoch(subnet));
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        if usize::from(mechanism) >= subnet.mechanisms.len() {
            return Err(OpError::MechanismDoesNotExist);
        }
        if !subnet.params.commit_reveal_enabled {
            return Err(OpError::CommitRevealDisabled);
        }
        let uid = subnet.neurons.uid_of(hotkey).ok_or(OpError::HotKeyNotRegisteredInSubNet)?;
        if !subnet.may_update(mechanism, uid, block) {
            return Err(OpError::CommittingWeightsTooFast);
        }
        let reveal_period = subnet.limits.reveal_period_epochs;
        let mechanism = &mut subnet.mechanisms[usize::from(mechanism)];
        mechanism.commits.retain(|c| {
            c.hotkey != *hotkey
                || matches!(c.secret, Secret::Timelocked { .. })
                || epoch <= c.epoch + reveal_period
        });
        if mechanism.waiting(hotkey, &secret, epoch) >= COMMITS_MAX {
            return Err(OpError::TooManyUnrevealedCommits);
        }
        mechanism.commits.push(WeightCommit { hotkey: *hotkey, epoch, block, secret });
        mechanism.last_update[usize::from(uid)] = block;
        Ok(())
    }

    /// Reveals weights that were committed by hash.
    ///
    /// # Errors
    /// The pallet's errors, in its order; all of [`Network::set_weights`] except the rate limit.
    pub fn reveal_weights(
        &mut self,
        hotkey: &Hotkey,
        netuid: NetUid,
        mechanism: u8,
        weights: &Weights,
        salt: &[u16],
    ) -> Result<(), OpError> {
        let subnet = self.subnet(netuid).ok_or(OpError::SubnetNotExists)?;
        if !subnet.params.commit_reveal_enabled {
            return Err(OpError::CommitRevealDisabled);
        }
        let hash = commit_hash(hotkey, netuid, mechanism, weights, salt);
        let at = subnet.revealable(hotkey, mechanism, &hash, self.commit_epoch(subnet))?;
        let uid = self.check_weights(hotkey, netuid, mechanism, weights, false)?;
        let subnet = self.subnets.get_mut(&netuid).ok_or(OpError::SubnetNotExists)?;
        subnet.store_weights(mechanism, uid, weights);
        subnet.mechanisms[usize::from(mechanism)].commits.remove(at);
        Ok(())
    }

    /// Opens the timelocked commits whose epoch has come; subnets put off by the epoch cap wait.
    pub(super) fn reveal_timelocked(&mut self, opener: &mut dyn Opener) {
        let deferred = self.to_be_deferred();
        for netuid in self.visit_order() {
            if !deferred.contains(&netuid) && self.subnets[&netuid].params.commit_reveal_enabled {
                self.reveal_subnet(netuid, opener);
            }
        }
    }

    /// Subnets that the epoch cap will put off in the current block.
    fn to_be_deferred(&self) -> BTreeSet<NetUid> {
        let due = |netuid: &NetUid| self.epoch_is_due(&self.subnets[netuid], self.block);
        self.visit_order().into_iter().filter(due).skip(self.epochs_max()).collect()
    }

    fn reveal_subnet(&mut self, netuid: NetUid, opener: &mut dyn Opener) {
        let subnet = &self.subnets[&netuid];
        let at_epoch = self.spec.schedule.reveal == Reveal::AtEpoch;
        if at_epoch && !self.epoch_is_due(subnet, self.block) {
            return;
        }
        let due = self.reveal_epoch(subnet);
        for mechanism in 0..subnet.mechanisms.len() as u8 {
            for (commit, weights) in self.open_mechanism(netuid, mechanism, due, at_epoch, opener) {
                let checked = self.check_weights(&commit.hotkey, netuid, mechanism, &weights, false);
                if let (Ok(uid), Some(subnet)) = (checked, self.subnets.get_mut(&netuid)) {
                    subnet.store_weights(mechanism, uid, &weights);
                }
            }
        }
    }

    /// The epoch whose commits are opened in this block.
    fn reveal_epoch(&self, subnet: &Subnet) -> Option<u64> {
        let (current, period) = (self.commit_epoch(subnet), subnet.limits.reveal_period_epochs);
        match self.spec.schedule.reveal {
            Reveal::EveryBlock => current.checked_sub(period),
            Reveal::AtEpoch if current < 2 => None,
            Reveal::AtEpoch => current.checked_sub(period.saturating_sub(1)),
        }
    }

    /// Takes opened and outdated commits out of a mechanism; answers the opened ones in order.
    fn open_mechanism(
        &mut self,
        netuid: NetUid,
        mechanism: u8,
        due: Option<u64>,
        only_now: bool,
        opener: &mut dyn Opener,
    ) -> Vec<(WeightCommit, Weights)> {
        let Some(subnet) = self.subnets.get_mut(&netuid) else { return Vec::new() };
        let mut opened = Vec::new();
        subnet.mechanisms[usize::from(mechanism)].commits.retain(|commit| {
            let Secret::Timelocked { ciphertext, round } = &commit.secret else { return true };
            if due.is_none_or(|due| commit.epoch > due) {
                return true;
            }
            if due.is_some_and(|due| commit.epoch < due) {
                return false;
            }
            match opener.open(&commit.hotkey, ciphertext, *round) {
                Opened::NotYet => !only_now,
                Opened::Broken => false,
                Opened::Weights(weights) => {
                    opened.push((commit.clone(), weights));
                    false
                }
            }
        });
        opened
    }
}

impl Subnet {
    /// The epoch index, one more when an epoch is due in this block.
    #[must_use]
    pub fn lookahead_epoch(&self, block: u64) -> u64 {
        self.schedule.epoch_index + u64::from(self.schedule.is_due(block, self.params.tempo))
    }

    /// Whether the rate limit lets a neuron set or commit weights.
    #[must_use]
    pub fn may_update(&self, mechanism: u8, uid: u16, block: u64) -> bool {
        let updates = self.mechanisms.get(usize::from(mechanism)).map(|m| &m.last_update);
        let last = updates.and_then(|u| u.get(usize::from(uid))).copied().unwrap_or(0);
        last == 0 || block.saturating_sub(last) >= self.limits.weights_rate_limit_blocks
    }

    fn check_columns(&self, uid: u16, owner: bool, uids: &[u16]) -> Result<(), OpError> {
        let self_weight = uids == [uid];
        let permit = self.neurons.validator_permit.get(usize::from(uid)).copied().unwrap_or(false);
        if !(permit || self_weight || owner) {
            return Err(OpError::NeuronNoValidatorPermit);
        }
        let distinct: BTreeSet<u16> = uids.iter().copied().collect();
        if distinct.len() != uids.len() {
            return Err(OpError::DuplicateUids);
        }
        if distinct.last().is_some_and(|last| usize::from(*last) >= self.neurons.len()) {
            return Err(OpError::UidVecContainInvalidOne);
        }
        let least = usize::from(self.limits.min_allowed_weights).min(self.neurons.len());
        if uids.len() < least && !self_weight { Err(OpError::WeightVecLengthIsLow) } else { Ok(()) }
    }

    fn store_weights(&mut self, mechanism: u8, uid: u16, weights: &Weights) {
        let row = weights.uids.iter().copied().zip(upscale_weights(&weights.values)).collect();
        self.mechanisms[usize::from(mechanism)].weights[usize::from(uid)] = row;
    }

    /// Index of the commit with this hash, if this is its reveal epoch.
    fn revealable(
        &self,
        hotkey: &Hotkey,
        mechanism: u8,
        hash: &[u8; 32],
        now: u64,
    ) -> Result<usize, OpError> {
        let period = self.limits.reveal_period_epochs;
        let mechanism = self.mechanisms.get(usize::from(mechanism)).ok_or(OpError::MechanismDoesNotExist)?;
        let of_hotkey = |c: &&WeightCommit| c.hotkey == *hotkey && matches!(c.secret, Secret::Hash(_));
        if !mechanism.commits.iter().any(|c| of_hotkey(&c)) {
            return Err(OpError::NoWeightsCommitFound);
        }
        let found = mechanism.commits.iter().position(|c| of_hotkey(&c) && c.secret == Secret::Hash(*hash));
        let at = found.ok_or(OpError::InvalidRevealCommitHashNotMatch)?;
        match now.cmp(&mechanism.commits[at].epoch.saturating_add(period)) {
            std::cmp::Ordering::Less => Err(OpError::RevealTooEarly),
            std::cmp::Ordering::Equal => Ok(at),
            std::cmp::Ordering::Greater => Err(OpError::ExpiredWeightCommit),
        }
    }
}

impl super::Mechanism {
    /// How many commits of this kind wait: hashes in all, timelocked ones of the epoch.
    fn waiting(&self, hotkey: &Hotkey, secret: &Secret, epoch: u64) -> usize {
        let same = |c: &&WeightCommit| match (secret, &c.secret) {
            (Secret::Hash(_), Secret::Hash(_)) => true,
            (Secret::Timelocked { .. }, Secret::Timelocked { .. }) => c.epoch == epoch,
            _ => false,
        };
        self.commits.iter().filter(|c| c.hotkey == *hotkey).filter(same).count()
    }
}
