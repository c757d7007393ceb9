//! Setting, committing and revealing weights (chain interface, section 3.5). The rules themselves are
//! those of the economic state.

use super::economy::hotkey;
use super::pallet::*;
use super::types::*;
use codec::Compact;
use frame_support::{dispatch::DispatchResult, ensure};
use sn3_emission::network::{Secret, Weights as Row, commit_hash};
use sn3_protocol::NetUid as Net;
use sp_core::H256;
use sp_runtime::AccountId32;

impl<T: Config> Pallet<T> {
    /// Sets weights where they need not be committed.
    pub(super) fn do_set_weights(
        who: AccountId32,
        netuid: NetUid,
        mechanism: MechId,
        row: Row,
    ) -> DispatchResult {
        Self::operate(|network| network.set_weights(&hotkey(&who), Net(netuid), mechanism, &row))?;
        Self::tell_weights_set(&who, netuid, mechanism)
    }

    fn tell_weights_set(who: &AccountId32, netuid: NetUid, mechanism: MechId) -> DispatchResult {
        let uid = Uids::<T>::get(netuid, who).ok_or(Error::<T>::HotKeyNotRegisteredInSubNet)?;
        Self::deposit_event(Event::WeightsSet(storage_index(netuid, mechanism), uid));
        Ok(())
    }

    /// Sets weights on several subnets; one that fails does not stop the others.
    pub(super) fn do_batch_set_weights(
        who: AccountId32,
        netuids: Vec<Compact<NetUid>>,
        weights: Vec<Vec<(Compact<u16>, Compact<u16>)>>,
        version_keys: Vec<Compact<u64>>,
    ) -> DispatchResult {
        let equal = netuids.len() == weights.len() && netuids.len() == version_keys.len();
        ensure!(equal, Error::<T>::InputLengthsUnequal);
        for ((netuid, row), version) in netuids.iter().zip(weights).zip(version_keys) {
            let (uids, values) = row.into_iter().map(|(uid, value)| (uid.0, value.0)).unzip();
            let row = Row { uids, values, version_key: version.0 };
            if let Err(error) = Self::do_set_weights(who.clone(), netuid.0, 0, row) {
                Self::deposit_event(Event::BatchWeightItemFailed(error));
            }
        }
        Self::deposit_event(Event::BatchWeightsCompleted(netuids, who));
        Ok(())
    }

    /// Commits to weights that are revealed later.
    pub(super) fn do_commit_weights(
        who: AccountId32,
        netuid: NetUid,
        mechanism: MechId,
        hash: H256,
    ) -> DispatchResult {
        let secret = Secret::Hash(hash.0);
        Self::operate(|network| network.commit_weights(&hotkey(&who), Net(netuid), mechanism, secret))?;
        Self::deposit_event(Event::WeightsCommitted(who, storage_index(netuid, mechanism), hash));
        Ok(())
    }

    /// Reveals committed weights in the epoch that is meant for it.
    pub(super) fn do_reveal_weights(
        who: AccountId32,
        netuid: NetUid,
        mechanism: MechId,
        row: Row,
        salt: Vec<u16>,
    ) -> DispatchResult {
        let key = hotkey(&who);
        let hash = H256(commit_hash(&key, Net(netuid), mechanism, &row, &salt));
        Self::operate(|network| network.reveal_weights(&key, Net(netuid), mechanism, &row, &salt))?;
        Self::tell_weights_set(&who, netuid, mechanism)?;
        Self::deposit_event(Event::WeightsRevealed(who, storage_index(netuid, mechanism), hash));
        Ok(())
    }

    /// Reveals several commits of one subnet; the first that fails undoes all.
    pub(super) fn do_batch_reveal(
        who: AccountId32,
        netuid: NetUid,
        uids: Vec<Vec<u16>>,
        values: Vec<Vec<u16>>,
        salts: Vec<Vec<u16>>,
        versions: Vec<u64>,
    ) -> DispatchResult {
        let count = uids.len();
        let equal = [values.len(), salts.len(), versions.len()].iter().all(|other| *other == count);
        ensure!(equal, Error::<T>::InputLengthsUnequal);
        let rows = uids.into_iter().zip(values).zip(versions);
        let mut hashes = Vec::with_capacity(count);
        for (((uids, values), version_key), salt) in rows.zip(salts) {
            let row = Row { uids, values, version_key };
            hashes.push(H256(commit_hash(&hotkey(&who), Net(netuid), 0, &row, &salt)));
            Self::do_reveal_weights(who.clone(), netuid, 0, row, salt)?;
        }
        Self::deposit_event(Event::WeightsBatchRevealed(who, netuid, hashes));
        Ok(())
    }

    /// Commits on several subnets; one that fails does not stop the others.
    pub(super) fn do_batch_commit(
        who: AccountId32,
        netuids: Vec<Compact<NetUid>>,
        hashes: Vec<H256>,
    ) -> DispatchResult {
        ensure!(netuids.len() == hashes.len(), Error::<T>::InputLengthsUnequal);
        for (netuid, hash) in netuids.iter().zip(hashes) {
            if let Err(error) = Self::do_commit_weights(who.clone(), netuid.0, 0, hash) {
                Self::deposit_event(Event::BatchWeightItemFailed(error));
            }
        }
        Self::deposit_event(Event::BatchWeightsCompleted(netuids, who));
        Ok(())
    }

    /// Whether the neuron's last weights are old enough for new ones.
    pub fn weights_rested(netuid: NetUid, mechanism: MechId, uid: u16) -> bool {
        let network = Self::economy();
        let subnet = network.subnet(Net(netuid));
        subnet.is_none_or(|subnet| subnet.may_update(mechanism, uid, Self::now()))
    }

    /// Whether the hotkey's stake weight reaches the threshold, or it belongs to the subnet's owner.
    pub fn stake_suffices(who: &AccountId32, netuid: NetUid) -> bool {
        let threshold = StakeThreshold::<T>::get();
        threshold == 0
            || SubnetOwnerHotkey::<T>::get(netuid) == *who
            || Self::stake_weight(who, netuid) >= threshold
    }

    /// Whether the commit with this hash may be revealed now: `None` if the hotkey has no such commit.
    pub fn commit_revealable(
        who: &AccountId32,
        netuid: NetUid,
        mechanism: MechId,
        row: &Row,
        salt: &[u16],
    ) -> Option<bool> {
        let hash = H256(commit_hash(&hotkey(who), Net(netuid), mechanism, row, salt));
        let queue = WeightCommits::<T>::get(storage_index(netuid, mechanism), who)?;
        let commit_epoch = queue.iter().find(|commit| commit.0 == hash)?.1;
        let due = commit_epoch.saturating_add(RevealPeriodEpochs::<T>::get(netuid));
        let network = Self::economy();
        let subnet = network.subnet(Net(netuid))?;
        Some(subnet.lookahead_epoch(Self::now()) == due)
    }

    /// Clears everybody's bonds to the hotkey's neuron, where the subnet allows it.
    pub fn reset_bonds(netuid: NetUid, who: &AccountId32) {
        let changed = Self::operate(|network| {
            if let Some(subnet) = network.subnets.get_mut(&Net(netuid)) {
                (0..subnet.mechanisms.len()).for_each(|number| subnet.reset_bonds(number, &hotkey(who)));
            }
            Ok(())
        });
        changed.expect("resetting bonds is never refused");
    }
}
