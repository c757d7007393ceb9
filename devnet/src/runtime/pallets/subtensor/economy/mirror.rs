//! Writes what changed in the economic state to the maps that clients read: chain, keys, root claims.

use super::super::{keys::push_once, pallet::*, types::*};
use super::{
    account,
    mirror_subnet::{forget_subnet, mirror_subnet},
    parts::Changes,
};
use sn3_emission::{
    Network,
    network::{HotkeyState, RootClaim},
};
use sn3_protocol::{Coldkey, Hotkey, NetUid as Net};
use sp_runtime::AccountId32;
use std::collections::BTreeMap;

/// The entries that differ: their keys and what they are now, `None` for those that are gone.
pub(super) fn changes<'a, K: Ord, V: PartialEq>(
    before: &'a BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, Option<&'a V>)> {
    let gone = before.keys().filter(|key| !after.contains_key(key)).map(|key| (key, None));
    let new = after.iter().filter(|(key, value)| before.get(key) != Some(value));
    gone.chain(new.map(|(key, value)| (key, Some(value))))
}

impl<T: Config> Pallet<T> {
    /// Brings storage from `before` to `after`.
    pub(super) fn mirror(before: &Network, after: &Network, changed: &Changes) {
        TotalIssuance::<T>::put(after.total_issuance);
        TotalStake::<T>::put(after.total_stake);
        NetworkLastLockCost::<T>::put(after.last_lock_rao.max(NetworkMinLockCost::<T>::get()));
        BlockEmission::<T>::put(sn3_emission::issuance::block_emission(after.total_issuance));
        if changed.keys {
            mirror_keys::<T>(before, after);
        }
        mirror_subnets::<T>(before, after, changed);
    }
}

fn mirror_keys<T: Config>(before: &Network, after: &Network) {
    for (hotkey, state) in changes(&before.hotkeys, &after.hotkeys) {
        match (before.hotkeys.get(hotkey), state) {
            (old, Some(state)) => mirror_hotkey::<T>(hotkey, old, state),
            (Some(old), None) => forget_hotkey::<T>(hotkey, old),
            (None, None) => {}
        }
    }
    for (coldkey, hotkeys) in changes(&before.staking_hotkeys, &after.staking_hotkeys) {
        StakingHotkeys::<T>::insert(account(&coldkey.0), accounts(hotkeys.map(Vec::as_slice)));
    }
    mirror_root_stakers::<T>(before, after);
    mirror_claims::<T>(before, after);
}

fn accounts(hotkeys: Option<&[Hotkey]>) -> Vec<AccountId32> {
    hotkeys.unwrap_or_default().iter().map(|hotkey| account(&hotkey.0)).collect()
}

fn mirror_hotkey<T: Config>(hotkey: &Hotkey, before: Option<&HotkeyState>, state: &HotkeyState) {
    let (hot, owner) = (account(&hotkey.0), account(&state.owner.0));
    if before.is_none_or(|before| before.owner != state.owner) {
        if let Some(before) = before {
            disown::<T>(&account(&before.owner.0), &hot);
        }
        Owner::<T>::insert(&hot, &owner);
        OwnedHotkeys::<T>::mutate(&owner, |hotkeys| push_once(hotkeys, &hot));
    }
    if let Some(take) = state.take {
        Delegates::<T>::insert(&hot, take);
    }
    let rates: BTreeMap<NetUid, FixedI128> =
        state.claimable.iter().map(|(net, rate)| (net.0, FixedI128 { bits: rate.to_bits() })).collect();
    RootClaimable::<T>::insert(&hot, rates);
    let nothing = BTreeMap::new();
    mirror_claims_on::<T>(&hot, before.map_or(&nothing, |before| &before.claimed), &state.claimed);
}

fn disown<T: Config>(owner: &AccountId32, hot: &AccountId32) {
    OwnedHotkeys::<T>::mutate(owner, |hotkeys| hotkeys.retain(|hotkey| hotkey != hot));
}

/// A hotkey whose places another one has taken.
fn forget_hotkey<T: Config>(hotkey: &Hotkey, before: &HotkeyState) {
    let hot = account(&hotkey.0);
    disown::<T>(&account(&before.owner.0), &hot);
    Owner::<T>::remove(&hot);
    Delegates::<T>::remove(&hot);
    RootClaimable::<T>::remove(&hot);
    mirror_claims_on::<T>(&hot, &before.claimed, &BTreeMap::new());
}

type Claimed = BTreeMap<Net, BTreeMap<Coldkey, u128>>;

fn mirror_claims_on<T: Config>(hot: &AccountId32, before: &Claimed, after: &Claimed) {
    let nothing = BTreeMap::new();
    for (netuid, claims) in changes(before, after) {
        let (old, new) = (before.get(netuid).unwrap_or(&nothing), claims.unwrap_or(&nothing));
        for (coldkey, claimed) in changes(old, new) {
            let key = (netuid.0, hot, account(&coldkey.0));
            match claimed {
                Some(claimed) => RootClaimed::<T>::insert(key, claimed),
                None => RootClaimed::<T>::remove(key),
            }
        }
    }
}

fn mirror_root_stakers<T: Config>(before: &Network, after: &Network) {
    if before.root_stakers == after.root_stakers {
        return;
    }
    NumStakingColdkeys::<T>::put(after.root_stakers.len() as u64);
    for coldkey in before.root_stakers.iter().filter(|coldkey| !after.root_stakers.contains(coldkey)) {
        StakingColdkeys::<T>::remove(account(&coldkey.0));
    }
    for (number, coldkey) in (0u64..).zip(&after.root_stakers) {
        StakingColdkeysByIndex::<T>::insert(number, account(&coldkey.0));
        StakingColdkeys::<T>::insert(account(&coldkey.0), number);
    }
}

fn mirror_claims<T: Config>(before: &Network, after: &Network) {
    for (coldkey, claim) in changes(&before.root_claims, &after.root_claims) {
        let wish = match claim {
            None | Some(RootClaim::Swap) => RootClaimTypeEnum::Swap,
            Some(RootClaim::Keep) => RootClaimTypeEnum::Keep,
            Some(RootClaim::KeepSubnets(netuids)) => {
                RootClaimTypeEnum::KeepSubnets { subnets: netuids.iter().map(|netuid| netuid.0).collect() }
            }
        };
        RootClaimType::<T>::insert(account(&coldkey.0), wish);
    }
}

fn mirror_subnets<T: Config>(before: &Network, after: &Network, changed: &Changes) {
    for (_, gone) in before.subnets.iter().filter(|(netuid, _)| !after.subnets.contains_key(netuid)) {
        forget_subnet::<T>(gone);
    }
    for (netuid, subnet) in &after.subnets {
        mirror_subnet::<T>(before.subnets.get(netuid), subnet, changed.subnets[netuid]);
    }
    TotalNetworks::<T>::put(after.subnets.len() as u16);
}
