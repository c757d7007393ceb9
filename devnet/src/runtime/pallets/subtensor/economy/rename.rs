//! Gives what belongs to one key to another: hotkeys' places and coldkeys' possessions.

use sn3_emission::{
    Network,
    network::{Relation, Secret, Subnet},
};
use sn3_protocol::{Coldkey, Hotkey, NetUid};
use std::collections::BTreeMap;

/// Gives everything that `old` has on all subnets to `new`, with the stake on it unless that stays.
pub fn rename_hotkey(network: &mut Network, old: &Hotkey, new: &Hotkey, keep_stake: bool) {
    for subnet in network.subnets.values_mut() {
        rename_on(subnet, old, new, keep_stake);
    }
    if keep_stake {
        if let Some(state) = network.hotkeys.get(old).cloned() {
            let fresh = sn3_emission::network::HotkeyState {
                claimable: BTreeMap::new(),
                claimed: BTreeMap::new(),
                ..state
            };
            network.hotkeys.entry(*new).or_insert(fresh);
        }
        return;
    }
    rekey(&mut network.hotkeys, old, new);
    for hotkeys in network.staking_hotkeys.values_mut() {
        replace(hotkeys, old, new);
    }
}

/// Gives everything that `old` has on one subnet to `new`, with the stake on it unless that stays.
pub fn rename_hotkey_on(network: &mut Network, netuid: NetUid, old: &Hotkey, new: &Hotkey, keep_stake: bool) {
    let Some(subnet) = network.subnets.get_mut(&netuid) else { return };
    let holders: Vec<Coldkey> = match keep_stake {
        true => Vec::new(),
        false => {
            subnet.stakes.get(old).into_iter().flat_map(|pool| pool.shares()).map(|held| *held.0).collect()
        }
    };
    rename_on(subnet, old, new, keep_stake);
    for coldkey in holders {
        let hotkeys = network.staking_hotkeys.entry(coldkey).or_default();
        if !hotkeys.contains(new) {
            hotkeys.push(*new);
        }
    }
}

fn rename_on(subnet: &mut Subnet, old: &Hotkey, new: &Hotkey, keep_stake: bool) {
    if let Some(uid) = subnet.neurons.uids.remove(old) {
        subnet.neurons.uids.insert(*new, uid);
        subnet.neurons.hotkeys[usize::from(uid)] = *new;
    }
    if !keep_stake {
        move_stakes(subnet, old, new);
    }
    rekey(&mut subnet.children, old, new);
    rekey(&mut subnet.parents, old, new);
    rekey(&mut subnet.pending_children, old, new);
    rekey(&mut subnet.childkey_take, old, new);
    rekey(&mut subnet.alpha_dividends, old, new);
    rekey(&mut subnet.root_alpha_dividends, old, new);
    subnet.children.values_mut().chain(subnet.parents.values_mut()).for_each(|list| relate(list, old, new));
    subnet.pending_children.values_mut().for_each(|(list, _)| relate(list, old, new));
    subnet.auto_stake.values_mut().filter(|hotkey| *hotkey == old).for_each(|hotkey| *hotkey = *new);
    if subnet.owner_hotkey.as_ref() == Some(old) {
        subnet.owner_hotkey = Some(*new);
    }
    for commit in subnet.mechanisms.iter_mut().flat_map(|mechanism| &mut mechanism.commits) {
        // A salted hash names its hotkey, so it could never be revealed by another one.
        if commit.hotkey == *old && matches!(commit.secret, Secret::Hash(_)) {
            commit.hotkey = *new;
        }
    }
}

fn move_stakes(subnet: &mut Subnet, old: &Hotkey, new: &Hotkey) {
    let Some(pool) = subnet.stakes.remove(old) else { return };
    match subnet.stakes.get_mut(new) {
        None => drop(subnet.stakes.insert(*new, pool)),
        Some(target) => {
            for (coldkey, _) in pool.shares() {
                target.update_one(coldkey, signed(pool.value_of(coldkey)));
            }
        }
    }
}

/// Gives everything that the coldkey `old` has to `new`, except its TAO.
pub fn rename_coldkey(network: &mut Network, old: &Coldkey, new: &Coldkey) {
    for subnet in network.subnets.values_mut() {
        for pool in subnet.stakes.values_mut() {
            let held = signed(pool.value_of(old));
            if held > 0 {
                pool.update_one(old, -held);
                pool.update_one(new, held);
            }
        }
        rekey(&mut subnet.auto_stake, old, new);
        if subnet.owner_coldkey.as_ref() == Some(old) {
            subnet.owner_coldkey = Some(*new);
        }
    }
    for state in network.hotkeys.values_mut() {
        if state.owner == *old {
            state.owner = *new;
        }
        state.claimed.values_mut().for_each(|claims| rekey(claims, old, new));
    }
    rekey(&mut network.staking_hotkeys, old, new);
    rekey(&mut network.root_claims, old, new);
    replace(&mut network.root_stakers, old, new);
}

fn rekey<K: Ord + Copy, V>(map: &mut BTreeMap<K, V>, old: &K, new: &K) {
    if let Some(value) = map.remove(old) {
        map.insert(*new, value);
    }
}

fn replace<K: PartialEq + Copy>(list: &mut Vec<K>, old: &K, new: &K) {
    if list.contains(new) {
        list.retain(|key| key != old);
    }
    list.iter_mut().filter(|key| *key == old).for_each(|key| *key = *new);
}

fn relate(list: &mut [Relation], old: &Hotkey, new: &Hotkey) {
    list.iter_mut().filter(|(_, hotkey)| hotkey == old).for_each(|(_, hotkey)| *hotkey = *new);
}

/// No stake exceeds the supply, which is far below 2⁶³.
fn signed(rao: u64) -> i64 {
    i64::try_from(rao).unwrap_or(i64::MAX)
}
