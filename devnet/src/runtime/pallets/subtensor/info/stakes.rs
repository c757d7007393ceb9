//! Who has staked what.

use super::super::{
    economy::{account, coldkey, hotkey},
    pallet::*,
    types::*,
};
use super::records::*;
use codec::Compact;
use sn3_emission::{Network, network::Subnet};
use sn3_protocol::{Coldkey, Hotkey};
use sp_runtime::AccountId32;
use std::collections::BTreeMap;

impl<T: Config> Pallet<T> {
    /// All stakes of a coldkey.
    pub fn stakes_of_coldkey(cold: &AccountId32) -> Vec<StakeInfo> {
        stakes_of::<T>(&Self::economy(), &coldkey(cold))
    }

    /// All stakes of some coldkeys.
    pub fn stakes_of_coldkeys(colds: Vec<AccountId32>) -> Vec<(AccountId32, Vec<StakeInfo>)> {
        let network = Self::economy();
        let stakes = |cold: AccountId32| {
            let stakes = stakes_of::<T>(&network, &coldkey(&cold));
            (cold, stakes)
        };
        colds.into_iter().map(stakes).collect()
    }

    /// One stake, which may be zero.
    pub fn stake_info(hot: &AccountId32, cold: &AccountId32, netuid: NetUid) -> Option<StakeInfo> {
        let network = Self::economy();
        let stake = network.stake_of(&hotkey(hot), &coldkey(cold), sn3_protocol::NetUid(netuid));
        Some(stake_info::<T>(&hotkey(hot), &coldkey(cold), netuid, stake))
    }

    /// What some coldkeys may move on some subnets, or on all: everything, as nothing is locked here.
    pub fn stake_availability(
        colds: Vec<AccountId32>,
        netuids: Option<Vec<NetUid>>,
    ) -> BTreeMap<AccountId32, BTreeMap<NetUid, StakeAvailability>> {
        let network = Self::economy();
        let wanted = |netuid: &NetUid| netuids.as_ref().is_none_or(|netuids| netuids.contains(netuid));
        let available = |cold: AccountId32| {
            let mut totals: BTreeMap<NetUid, u64> = BTreeMap::new();
            for stake in stakes_of::<T>(&network, &coldkey(&cold)) {
                *totals.entry(stake.netuid.0).or_default() += stake.stake.0;
            }
            let rows = totals.into_iter().filter(|(netuid, _)| wanted(netuid));
            (cold, rows.map(|(netuid, total)| (netuid, unlocked(total))).collect())
        };
        colds.into_iter().map(available).collect()
    }
}

fn unlocked(total: u64) -> StakeAvailability {
    StakeAvailability { total: Compact(total), locked: Compact(0), available: Compact(total) }
}

fn stakes_of<T: Config>(network: &Network, cold: &Coldkey) -> Vec<StakeInfo> {
    let on_subnet = |subnet: &Subnet| {
        let stakes = subnet.stakes.iter().map(|(hot, pool)| (*hot, pool.value_of(cold)));
        let held = stakes.filter(|(_, stake)| *stake > 0);
        held.map(|(hot, stake)| stake_info::<T>(&hot, cold, subnet.netuid.0, stake)).collect::<Vec<_>>()
    };
    network.subnets.values().flat_map(on_subnet).collect()
}

fn stake_info<T: Config>(hot: &Hotkey, cold: &Coldkey, netuid: NetUid, stake: u64) -> StakeInfo {
    let hot = account(&hot.0);
    let uid = Uids::<T>::get(netuid, &hot);
    let emission = uid.map_or(0, |uid| super::at(&Emission::<T>::get(netuid), usize::from(uid)));
    StakeInfo {
        coldkey: account(&cold.0),
        netuid: Compact(netuid),
        stake: Compact(stake),
        locked: Compact(0),
        emission: Compact(emission),
        tao_emission: Compact(0),
        drain: Compact(0),
        is_registered: uid.is_some(),
        hotkey: hot,
    }
}
