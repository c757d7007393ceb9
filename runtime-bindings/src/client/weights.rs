//! Weights: what the chain will refuse is found before anything is sent.

use codec::Encode as _;
use sn3_protocol::{BlockNumber, Digest, Hotkey, NetUid, Uid};
use subxt::utils::H256;

use super::outcome::Landed;
use super::{At, ChainClient, Signed, account, fetch, try_fetch};
use crate::bindings::{storage, transactions};
use crate::wallet::HotkeyPair;
use crate::{BlockRef, ReadError, SubmitError, WeightsError};

/// How the subnet takes weights now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WeightsPlan {
    /// At once and in the clear.
    Plain,
    /// As a salted hash now, and in the clear in a later epoch.
    CommitReveal,
}

/// Where a commit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevealStatus {
    /// Its epoch has not come.
    Early,
    /// It can be revealed in the next block.
    Due,
    /// The chain no longer has it: it was revealed, or its epoch has passed.
    Gone,
}

/// Everything that decides whether the chain takes these weights.
struct Rules {
    uid: Option<u16>,
    owner_hotkey: [u8; 32],
    permits: Vec<bool>,
    last_update: Vec<u64>,
    rate_limit: u64,
    weights_min: u16,
    commit_reveal: bool,
    stake_threshold: u64,
    version_key: u64,
}

impl ChainClient {
    /// Checks what the chain would check, at one block, and says how to send the weights.
    pub async fn plan_weights(
        &self,
        hotkey: &Hotkey,
        netuid: NetUid,
        weights: &[(Uid, u16)],
        version_key: u64,
        block: BlockRef,
    ) -> Result<WeightsPlan, WeightsError> {
        let at = self.at(block).await?;
        let rules = rules(&at, netuid, hotkey).await?;
        let uid = Uid(rules.uid.ok_or(WeightsError::NotRegistered { hotkey: *hotkey, netuid })?);
        rules.check_weights(uid, hotkey, netuid, weights, version_key)?;
        rules.check_rate(uid, block.number)?;
        if rules.stake_threshold > 0 && rules.owner_hotkey != hotkey.0 {
            self.check_stake(uid, netuid, block, rules.stake_threshold).await?;
        }
        Ok(if rules.commit_reveal { WeightsPlan::CommitReveal } else { WeightsPlan::Plain })
    }

    async fn check_stake(
        &self,
        uid: Uid,
        netuid: NetUid,
        block: BlockRef,
        threshold: u64,
    ) -> Result<(), WeightsError> {
        let metagraph = self.metagraph(netuid, block).await?;
        let stake = metagraph.by_uid(uid).map_or(0, |neuron| neuron.stake.0);
        if stake < threshold { Err(WeightsError::StakeTooLow { stake, threshold }) } else { Ok(()) }
    }

    /// Sends plain weights.
    pub(crate) async fn send_weights(
        &self,
        hotkey: &HotkeyPair,
        netuid: NetUid,
        weights: &[(Uid, u16)],
        version_key: u64,
        note: impl FnOnce(&Signed) -> Result<(), WeightsError>,
    ) -> Result<Landed, WeightsError> {
        let (uids, values) = columns(weights);
        let call = transactions().subtensor_module().set_weights(netuid.0, uids, values, version_key);
        self.submit_noting(&hotkey.0, &call.unvalidated(), note).await
    }

    /// Sends the hash of weights that are revealed later.
    pub(crate) async fn send_commit(
        &self,
        hotkey: &HotkeyPair,
        netuid: NetUid,
        hash: Digest,
        note: impl FnOnce(&Signed) -> Result<(), WeightsError>,
    ) -> Result<Landed, WeightsError> {
        let call = transactions().subtensor_module().commit_weights(netuid.0, H256(hash.0));
        self.submit_noting(&hotkey.0, &call.unvalidated(), note).await
    }

    /// Reveals what was committed.
    pub(crate) async fn send_reveal(
        &self,
        hotkey: &HotkeyPair,
        netuid: NetUid,
        weights: &[(Uid, u16)],
        salt: &[u16],
        version_key: u64,
    ) -> Result<Landed, SubmitError> {
        let (uids, values) = columns(weights);
        let call = transactions().subtensor_module();
        let call = call.reveal_weights(netuid.0, uids, values, salt.to_vec(), version_key);
        self.submit(&hotkey.0, &call.unvalidated()).await
    }

    /// Where a commit of this hotkey stands after `block` (chain interface, sections 3.5 and 4.2).
    pub async fn reveal_status(
        &self,
        hotkey: &Hotkey,
        netuid: NetUid,
        commit: Digest,
        block: BlockRef,
    ) -> Result<RevealStatus, ReadError> {
        let at = self.at(block).await?;
        let key = (netuid.0, account(hotkey.0));
        let pallet = || storage().subtensor_module();
        let (commits, period, epoch) = futures::try_join!(
            try_fetch(&at, pallet().weight_commits().unvalidated(), key),
            fetch(&at, pallet().reveal_period_epochs().unvalidated(), (netuid.0,)),
            epoch_of_next_block(&at, netuid, block.number),
        )?;
        let entries = commits.unwrap_or_default();
        let Some(entry) = entries.iter().find(|entry| entry.0.0 == commit.0) else {
            return Ok(RevealStatus::Gone);
        };
        Ok(match epoch.cmp(&entry.1.saturating_add(period)) {
            std::cmp::Ordering::Less => RevealStatus::Early,
            std::cmp::Ordering::Equal => RevealStatus::Due,
            std::cmp::Ordering::Greater => RevealStatus::Gone,
        })
    }
}

/// The epoch index that calls of the next block see: an epoch that falls due there runs before them.
async fn epoch_of_next_block(at: &At, netuid: NetUid, head: BlockNumber) -> Result<u64, ReadError> {
    let pallet = || storage().subtensor_module();
    let (index, last, tempo, pending) = futures::try_join!(
        fetch(at, pallet().subnet_epoch_index().unvalidated(), (netuid.0,)),
        fetch(at, pallet().last_epoch_block().unvalidated(), (netuid.0,)),
        fetch(at, pallet().tempo().unvalidated(), (netuid.0,)),
        fetch(at, pallet().pending_epoch_at().unvalidated(), (netuid.0,)),
    )?;
    let next = head.0 + 1;
    let by_tempo = next.saturating_sub(last) >= u64::from(tempo);
    let due = tempo > 0 && (by_tempo || (pending > 0 && next >= pending));
    Ok(index + u64::from(due))
}

/// BLAKE2b-256 of what a commit binds (chain interface, section 3.5).
pub(crate) fn commit_hash(
    hotkey: &Hotkey,
    netuid: NetUid,
    weights: &[(Uid, u16)],
    salt: &[u16],
    version_key: u64,
) -> Digest {
    let (uids, values) = columns(weights);
    Digest::of(&(hotkey.0, netuid.0, uids, values, salt, version_key).encode())
}

fn columns(weights: &[(Uid, u16)]) -> (Vec<u16>, Vec<u16>) {
    weights.iter().map(|(uid, weight)| (uid.0, *weight)).unzip()
}

async fn rules(at: &At, netuid: NetUid, hotkey: &Hotkey) -> Result<Rules, ReadError> {
    let pallet = || storage().subtensor_module();
    let one = (netuid.0,);
    let (uid, owner_hotkey, permits, last_update, rate_limit) = futures::try_join!(
        try_fetch(at, pallet().uids().unvalidated(), (netuid.0, account(hotkey.0))),
        fetch(at, pallet().subnet_owner_hotkey().unvalidated(), one),
        fetch(at, pallet().validator_permit().unvalidated(), one),
        fetch(at, pallet().last_update().unvalidated(), one),
        fetch(at, pallet().weights_set_rate_limit().unvalidated(), one),
    )?;
    let (weights_min, commit_reveal, stake_threshold, version_key) = futures::try_join!(
        fetch(at, pallet().min_allowed_weights().unvalidated(), one),
        fetch(at, pallet().commit_reveal_weights_enabled().unvalidated(), one),
        fetch(at, pallet().stake_threshold().unvalidated(), ()),
        fetch(at, pallet().weights_version_key().unvalidated(), one),
    )?;
    let owner_hotkey = owner_hotkey.0;
    Ok(Rules {
        uid,
        owner_hotkey,
        permits,
        last_update,
        rate_limit,
        weights_min,
        commit_reveal,
        stake_threshold,
        version_key,
    })
}

impl Rules {
    fn check_weights(
        &self,
        uid: Uid,
        hotkey: &Hotkey,
        netuid: NetUid,
        weights: &[(Uid, u16)],
        version_key: u64,
    ) -> Result<(), WeightsError> {
        let count = self.permits.len();
        for (i, (target, _)) in weights.iter().enumerate() {
            if usize::from(target.0) >= count {
                return Err(WeightsError::UnknownUid { uid: *target, netuid, count });
            }
            if weights[..i].iter().any(|(earlier, _)| earlier == target) {
                return Err(WeightsError::Duplicate { uid: *target });
            }
        }
        if version_key < self.version_key {
            return Err(WeightsError::VersionKey { given: version_key, demanded: self.version_key, netuid });
        }
        let self_weight = matches!(weights, [(target, _)] if *target == uid);
        let demanded = usize::from(self.weights_min).min(count);
        if weights.is_empty() || (!self_weight && weights.len() < demanded) {
            return Err(WeightsError::TooFew { given: weights.len(), demanded: demanded.max(1), netuid });
        }
        let permit = self.permits.get(usize::from(uid.0)).copied().unwrap_or(false);
        if !permit && !self_weight && self.owner_hotkey != hotkey.0 {
            return Err(WeightsError::NoPermit { uid, netuid });
        }
        Ok(())
    }

    /// The limit counts from the last update, or from registration; 0 stands for never.
    fn check_rate(&self, uid: Uid, head: BlockNumber) -> Result<(), WeightsError> {
        let last = self.last_update.get(usize::from(uid.0)).copied().unwrap_or(0);
        let allowed_at = last.saturating_add(self.rate_limit);
        if last == 0 || head.0 + 1 >= allowed_at {
            return Ok(());
        }
        Err(WeightsError::TooSoon {
            last_update: BlockNumber(last),
            rate_limit: self.rate_limit,
            allowed_at: BlockNumber(allowed_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETUID: NetUid = NetUid(3);
    const HOTKEY: Hotkey = Hotkey([1; 32]);

    fn rules() -> Rules {
        Rules {
            uid: Some(1),
            owner_hotkey: [9; 32],
            permits: vec![false, true, false],
            last_update: vec![0, 100, 100],
            rate_limit: 10,
            weights_min: 2,
            commit_reveal: false,
            stake_threshold: 0,
            version_key: 5,
        }
    }

    fn check(rules: &Rules, uid: u16, weights: &[(u16, u16)]) -> Result<(), WeightsError> {
        let weights: Vec<_> = weights.iter().map(|(uid, weight)| (Uid(*uid), *weight)).collect();
        rules.check_weights(Uid(uid), &HOTKEY, NETUID, &weights, 5)
    }

    #[test]
    fn what_the_chain_refuses_is_refused_here() {
        let rules = rules();
        assert_eq!(check(&rules, 1, &[(0, 1), (2, 1)]), Ok(()));
        assert!(matches!(check(&rules, 1, &[(0, 1)]), Err(WeightsError::TooFew { demanded: 2, .. })));
        assert!(matches!(check(&rules, 1, &[]), Err(WeightsError::TooFew { .. })));
        assert!(matches!(check(&rules, 1, &[(0, 1), (3, 1)]), Err(WeightsError::UnknownUid { .. })));
        assert!(matches!(check(&rules, 1, &[(0, 1), (0, 2)]), Err(WeightsError::Duplicate { .. })));
        assert!(matches!(check(&rules, 2, &[(0, 1), (1, 1)]), Err(WeightsError::NoPermit { .. })));
        let old = rules.check_weights(Uid(1), &HOTKEY, NETUID, &[(Uid(0), 1), (Uid(2), 1)], 4);
        assert!(matches!(old, Err(WeightsError::VersionKey { given: 4, demanded: 5, .. })));
    }

    #[test]
    fn self_weight_and_the_owner_are_exempt() {
        assert_eq!(check(&rules(), 2, &[(2, 1)]), Ok(()));
        let owner = Rules { owner_hotkey: HOTKEY.0, ..rules() };
        assert_eq!(check(&owner, 2, &[(0, 1), (1, 1)]), Ok(()));
    }

    #[test]
    fn the_rate_limit_counts_to_the_block_that_executes() {
        // Updated at 100 with limit 10: the call passes in block 110, which follows head 109.
        assert!(rules().check_rate(Uid(1), BlockNumber(109)).is_ok());
        let early = rules().check_rate(Uid(1), BlockNumber(108));
        assert!(matches!(early, Err(WeightsError::TooSoon { allowed_at: BlockNumber(110), .. })));
        assert!(rules().check_rate(Uid(0), BlockNumber(1)).is_ok());
    }

    #[test]
    fn a_commit_binds_salt_and_key() {
        let weights = [(Uid(1), 65535)];
        let hash = |salt: &[u16], hotkey| commit_hash(&hotkey, NETUID, &weights, salt, 0);
        assert_ne!(hash(&[1], HOTKEY), hash(&[2], HOTKEY));
        assert_ne!(hash(&[1], HOTKEY), hash(&[1], Hotkey([2; 32])));
    }
}
