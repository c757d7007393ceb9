//! Writes what changed in a subnet to the maps that clients read.

use super::super::{PoolSettings, pallet::*, types::*};
use super::{account, bank::set_balance, mirror::changes, parts::SubnetChanges};
use sn3_emission::{
    epoch::StoredRow,
    network::{Mechanism, Neurons, Secret, Subnet},
    share_pool::SharePool,
};
use sn3_protocol::{Coldkey, Hotkey};
use sp_core::H256;
use sp_runtime::AccountId32;
use std::collections::{BTreeMap, VecDeque};

macro_rules! plain_items {
    ($($item:ident => $($field:ident).+;)*) => {
        fn mirror_plain<T: Config>(before: Option<&Subnet>, after: &Subnet) {
            let netuid = after.netuid.0;
            $(if before.map(|subnet| &subnet.$($field).+) != Some(&after.$($field).+) {
                $item::<T>::insert(netuid, after.$($field).+);
            })*
        }
    };
}

plain_items! {
    BlocksSinceLastStep => schedule.blocks_since_last_step;
    Burn => registration_price.burn_rao;
    LastMechansimStepBlock => schedule.last_mechanism_step_block;
    NetworkRegisteredAt => registered_at;
    PendingOwnerCut => pending.owner_cut;
    PendingRootAlphaDivs => pending.root_alpha;
    PendingServerEmission => pending.server;
    PendingValidatorEmission => pending.validator;
    SubnetAlphaIn => pool.alpha;
    SubnetAlphaInEmission => block_emission.alpha_in;
    SubnetAlphaOut => alpha_out;
    SubnetAlphaOutEmission => block_emission.alpha_out;
    SubnetEpochIndex => schedule.epoch_index;
    SubnetExcessTao => block_emission.excess_tao;
    SubnetProtocolAlpha => protocol_alpha;
    SubnetProtocolFlow => protocol_flow;
    SubnetRootSellTao => block_emission.root_sell_tao;
    SubnetTAO => pool.tao;
    SubnetTaoFlow => user_flow;
    SubnetTaoInEmission => block_emission.tao_in;
    SubnetVolume => volume;
}

/// Brings a subnet's maps from `before` to `after`.
pub(super) fn mirror_subnet<T: Config>(before: Option<&Subnet>, after: &Subnet, changed: SubnetChanges) {
    mirror_plain::<T>(before, after);
    Pallet::<T>::push_settings(after.netuid.0, before, after);
    mirror_identity::<T>(before, after);
    mirror_fractions::<T>(before, after);
    if changed.neurons {
        let empty = Neurons::default();
        mirror_neurons::<T>(after.netuid.0, before.map_or(&empty, |subnet| &subnet.neurons), &after.neurons);
    }
    if changed.mechanisms {
        mirror_mechanisms::<T>(before, after);
    }
    mirror_split::<T>(before, after);
    if changed.holdings {
        mirror_stakes::<T>(before, after);
        mirror_dividends::<T>(before, after);
    }
    mirror_relations::<T>(before, after);
    if before.is_none_or(|before| before.account_tao != after.account_tao) {
        set_balance::<T>(&Pallet::<T>::subnet_account(after.netuid.0), after.account_tao);
    }
    if before.is_none_or(|before| before.pool.quote_weight != after.pool.quote_weight) {
        T::Pools::set_quote_weight(after.netuid.0, after.pool.quote_weight);
    }
}

/// Clears the maps of a dissolved subnet. Its number may be used again, so nothing of it may stay.
pub(super) fn forget_subnet<T: Config>(before: &Subnet) {
    let netuid = before.netuid.0;
    let nothing = Subnet { pool: before.pool, ..Subnet::new(before.netuid, 0) };
    mirror_subnet::<T>(Some(before), &nothing, SubnetChanges::ALL);
    for mechanism in 0..before.mechanisms.len() as u8 {
        let empty = Mechanism::default();
        mirror_mechanism::<T>(
            storage_index(netuid, mechanism),
            &before.mechanisms[usize::from(mechanism)],
            &empty,
        );
    }
    for uid in 0..before.neurons.len() as u16 {
        Keys::<T>::remove(netuid, uid);
        BlockAtRegistration::<T>::remove(netuid, uid);
    }
    NetworksAdded::<T>::remove(netuid);
    SubnetTAO::<T>::remove(netuid);
    SubnetAlphaIn::<T>::remove(netuid);
    SubnetOwner::<T>::remove(netuid);
    SubnetOwnerHotkey::<T>::remove(netuid);
    SubnetIdentitiesV3::<T>::remove(netuid);
    SubnetLocked::<T>::remove(netuid);
    FirstEmissionBlockNumber::<T>::remove(netuid);
    RAORecycledForRegistration::<T>::remove(netuid);
    T::Pools::forget(netuid);
}

fn mirror_identity<T: Config>(before: Option<&Subnet>, after: &Subnet) {
    let netuid = after.netuid.0;
    if before.is_none() {
        NetworksAdded::<T>::insert(netuid, true);
    }
    if before.is_none_or(|before| before.dynamic != after.dynamic) {
        SubnetMechanism::<T>::insert(netuid, u16::from(after.dynamic));
    }
    if let Some(block) = after.first_emission_block
        && before.is_none_or(|before| before.first_emission_block != after.first_emission_block)
    {
        FirstEmissionBlockNumber::<T>::insert(netuid, block);
    }
    mirror_owners::<T>(before, after);
}

fn mirror_owners<T: Config>(before: Option<&Subnet>, after: &Subnet) {
    let netuid = after.netuid.0;
    if let Some(owner) = &after.owner_coldkey
        && before.is_none_or(|before| before.owner_coldkey != after.owner_coldkey)
    {
        SubnetOwner::<T>::insert(netuid, account(&owner.0));
    }
    if let Some(owner) = &after.owner_hotkey
        && before.is_none_or(|before| before.owner_hotkey != after.owner_hotkey)
    {
        SubnetOwnerHotkey::<T>::insert(netuid, account(&owner.0));
    }
}

fn mirror_fractions<T: Config>(before: Option<&Subnet>, after: &Subnet) {
    let netuid = after.netuid.0;
    if before.is_none_or(|before| before.moving_price != after.moving_price) {
        SubnetMovingPrice::<T>::insert(netuid, FixedI128 { bits: after.moving_price.to_bits() });
    }
    if before.is_none_or(|before| before.root_proportion != after.root_proportion) {
        RootProp::<T>::insert(netuid, FixedU128 { bits: after.root_proportion.to_bits() });
    }
    if before.is_none_or(|before| before.miner_burned != after.miner_burned) {
        MinerBurned::<T>::insert(netuid, FixedU128 { bits: after.miner_burned.to_bits() });
    }
}

fn mirror_neurons<T: Config>(netuid: NetUid, before: &Neurons, after: &Neurons) {
    mirror_slots::<T>(netuid, before, after);
    SubnetworkN::<T>::insert(netuid, after.len() as u16);
    Active::<T>::insert(netuid, &after.active);
    Emission::<T>::insert(netuid, &after.emission);
    Consensus::<T>::insert(netuid, &after.consensus);
    Dividends::<T>::insert(netuid, &after.dividends);
    ValidatorTrust::<T>::insert(netuid, &after.validator_trust);
    ValidatorPermit::<T>::insert(netuid, &after.validator_permit);
}

/// Who holds which slot. A replaced hotkey loses its membership before the new one gets its own.
fn mirror_slots<T: Config>(netuid: NetUid, before: &Neurons, after: &Neurons) {
    for (hotkey, uid) in changes(&before.uids, &after.uids) {
        let hot = account(&hotkey.0);
        match uid {
            Some(uid) => {
                Uids::<T>::insert(netuid, &hot, uid);
                Keys::<T>::insert(netuid, uid, &hot);
                IsNetworkMember::<T>::insert(&hot, netuid, true);
            }
            None => {
                Uids::<T>::remove(netuid, &hot);
                IsNetworkMember::<T>::remove(&hot, netuid);
                Axons::<T>::remove(netuid, &hot);
                Prometheus::<T>::remove(netuid, &hot);
                NeuronCertificates::<T>::remove(netuid, &hot);
            }
        }
    }
    for (uid, block) in (0u16..).zip(&after.registered_at) {
        if before.registered_at.get(usize::from(uid)) != Some(block) {
            BlockAtRegistration::<T>::insert(netuid, uid, block);
        }
    }
}

fn mirror_mechanisms<T: Config>(before: Option<&Subnet>, after: &Subnet) {
    if before.is_none_or(|before| before.mechanisms.len() != after.mechanisms.len()) {
        MechanismCountCurrent::<T>::insert(after.netuid.0, after.mechanisms.len() as u8);
    }
    let empty = Mechanism::default();
    for (number, mechanism) in (0u8..).zip(&after.mechanisms) {
        let old = before.and_then(|subnet| subnet.mechanisms.get(usize::from(number))).unwrap_or(&empty);
        mirror_mechanism::<T>(storage_index(after.netuid.0, number), old, mechanism);
    }
}

fn mirror_split<T: Config>(before: Option<&Subnet>, after: &Subnet) {
    if before.is_none_or(|before| before.emission_split != after.emission_split) {
        MechanismEmissionSplit::<T>::set(after.netuid.0, after.emission_split.clone());
    }
}

fn mirror_mechanism<T: Config>(index: NetUidStorageIndex, before: &Mechanism, after: &Mechanism) {
    if before == after {
        return;
    }
    Incentive::<T>::insert(index, &after.incentive);
    LastUpdate::<T>::insert(index, &after.last_update);
    changed_rows(&before.weights, &after.weights, |uid, row| match row.is_empty() {
        true => Weights::<T>::remove(index, uid),
        false => Weights::<T>::insert(index, uid, row),
    });
    changed_rows(&before.bonds, &after.bonds, |uid, row| match row.is_empty() {
        true => Bonds::<T>::remove(index, uid),
        false => Bonds::<T>::insert(index, uid, row),
    });
    if before.commits != after.commits {
        mirror_commits::<T>(index, before, after);
    }
}

fn changed_rows(before: &[StoredRow], after: &[StoredRow], mut write: impl FnMut(u16, &StoredRow)) {
    let empty = StoredRow::new();
    for uid in 0..before.len().max(after.len()) {
        let (old, new) = (before.get(uid).unwrap_or(&empty), after.get(uid).unwrap_or(&empty));
        if old != new {
            write(uid as u16, new);
        }
    }
}

type CommitQueue = VecDeque<(H256, u64, u64, u64)>;

fn mirror_commits<T: Config>(index: NetUidStorageIndex, before: &Mechanism, after: &Mechanism) {
    let (old, new) = (queues(before), queues(after));
    for (hotkey, queue) in changes(&old, &new) {
        match queue {
            Some(queue) => WeightCommits::<T>::insert(index, account(&hotkey.0), queue),
            None => WeightCommits::<T>::remove(index, account(&hotkey.0)),
        }
    }
    let (old, new) = (timelocked(before), timelocked(after));
    for (epoch, queue) in changes(&old, &new) {
        match queue {
            Some(queue) => TimelockedWeightCommits::<T>::insert(index, epoch, queue),
            None => TimelockedWeightCommits::<T>::remove(index, epoch),
        }
    }
}

type TimelockedQueue = VecDeque<(AccountId32, u64, TimelockedBytes, u64)>;

fn timelocked(mechanism: &Mechanism) -> BTreeMap<u64, TimelockedQueue> {
    let mut queues: BTreeMap<u64, TimelockedQueue> = BTreeMap::new();
    for commit in &mechanism.commits {
        if let Secret::Timelocked { ciphertext, round } = &commit.secret {
            let bytes = TimelockedBytes::try_from(ciphertext.clone()).expect("the call bounds the bytes");
            let entry = (account(&commit.hotkey.0), commit.block, bytes, *round);
            queues.entry(commit.epoch).or_default().push_back(entry);
        }
    }
    queues
}

fn queues(mechanism: &Mechanism) -> BTreeMap<Hotkey, CommitQueue> {
    let mut queues: BTreeMap<Hotkey, CommitQueue> = BTreeMap::new();
    for commit in &mechanism.commits {
        if let Secret::Hash(hash) = &commit.secret {
            queues.entry(commit.hotkey).or_default().push_back((H256(*hash), commit.epoch, commit.block, 0));
        }
    }
    queues
}

fn mirror_stakes<T: Config>(before: Option<&Subnet>, after: &Subnet) {
    let nothing = BTreeMap::new();
    let old = before.map_or(&nothing, |subnet| &subnet.stakes);
    for (hotkey, pool) in changes(old, &after.stakes) {
        mirror_pool::<T>(after.netuid.0, &account(&hotkey.0), old.get(hotkey), pool);
    }
}

fn mirror_pool<T: Config>(
    netuid: NetUid,
    hot: &AccountId32,
    before: Option<&SharePool<Coldkey>>,
    after: Option<&SharePool<Coldkey>>,
) {
    match after {
        Some(pool) => {
            TotalHotkeyAlpha::<T>::insert(hot, netuid, pool.value());
            TotalHotkeySharesV2::<T>::insert(hot, netuid, safe_float(pool.denominator()));
        }
        None => {
            TotalHotkeyAlpha::<T>::remove(hot, netuid);
            TotalHotkeySharesV2::<T>::remove(hot, netuid);
        }
    }
    for (coldkey, share) in changes(&shares(before), &shares(after)) {
        let key = (hot, account(&coldkey.0), netuid);
        match share {
            Some(share) => AlphaV2::<T>::insert(key, share),
            None => AlphaV2::<T>::remove(key),
        }
    }
}

fn shares(pool: Option<&SharePool<Coldkey>>) -> BTreeMap<Coldkey, SafeFloat> {
    let shares = pool.into_iter().flat_map(SharePool::shares);
    shares.map(|(coldkey, share)| (*coldkey, safe_float(share))).collect()
}

fn safe_float(value: sn3_emission::share_pool::SafeFloat) -> SafeFloat {
    SafeFloat { mantissa: value.mantissa(), exponent: value.exponent() }
}

fn mirror_relations<T: Config>(before: Option<&Subnet>, after: &Subnet) {
    let netuid = after.netuid.0;
    let fresh = Subnet::new(after.netuid, 0);
    let before = before.unwrap_or(&fresh);
    for (hotkey, children) in changes(&before.children, &after.children) {
        ChildKeys::<T>::insert(account(&hotkey.0), netuid, relations(children));
    }
    for (hotkey, parents) in changes(&before.parents, &after.parents) {
        ParentKeys::<T>::insert(account(&hotkey.0), netuid, relations(parents));
    }
    for (hotkey, pending) in changes(&before.pending_children, &after.pending_children) {
        match pending {
            Some((children, block)) => {
                let children = relations(Some(children));
                PendingChildKeys::<T>::insert(netuid, account(&hotkey.0), (children, block));
            }
            None => PendingChildKeys::<T>::remove(netuid, account(&hotkey.0)),
        }
    }
    for (hotkey, take) in changes(&before.childkey_take, &after.childkey_take) {
        ChildkeyTake::<T>::insert(account(&hotkey.0), netuid, take.copied().unwrap_or(0));
    }
    for (coldkey, hotkey) in changes(&before.auto_stake, &after.auto_stake) {
        AutoStakeDestination::<T>::set(account(&coldkey.0), netuid, hotkey.map(|hotkey| account(&hotkey.0)));
    }
}

fn relations(list: Option<&Vec<(u64, Hotkey)>>) -> Vec<(u64, AccountId32)> {
    list.into_iter().flatten().map(|(part, hotkey)| (*part, account(&hotkey.0))).collect()
}

fn mirror_dividends<T: Config>(before: Option<&Subnet>, after: &Subnet) {
    let netuid = after.netuid.0;
    let nothing = BTreeMap::new();
    let old = before.map_or(&nothing, |subnet| &subnet.alpha_dividends);
    for (hotkey, alpha) in changes(old, &after.alpha_dividends) {
        AlphaDividendsPerSubnet::<T>::insert(netuid, account(&hotkey.0), alpha.copied().unwrap_or(0));
    }
    let old = before.map_or(&nothing, |subnet| &subnet.root_alpha_dividends);
    for (hotkey, alpha) in changes(old, &after.root_alpha_dividends) {
        RootAlphaDividendsPerSubnet::<T>::insert(netuid, account(&hotkey.0), alpha.copied().unwrap_or(0));
    }
}
