//! Hotkeys that others may stake on.

use super::super::{
    economy::{account, coldkey, hotkey},
    pallet::*,
    types::*,
};
use super::{at, records::*};
use codec::Compact;
use sn3_emission::Network;
use sn3_protocol::NetUid as Net;
use sp_runtime::AccountId32;
use std::collections::BTreeMap;

/// Blocks in a day of twelve-second blocks.
const BLOCKS_PER_DAY: u64 = 7_200;
/// The part of a delegate's pay that its nominators get at the default take, in percent.
const NOMINATORS_PERCENT: u128 = 82;

impl<T: Config> Pallet<T> {
    /// All delegates.
    pub fn delegates() -> Vec<DelegateInfo> {
        let network = Self::economy();
        let mut hotkeys: Vec<AccountId32> = Delegates::<T>::iter_keys().collect();
        hotkeys.sort_unstable();
        hotkeys.iter().map(|hot| delegate::<T>(&network, hot)).collect()
    }

    /// A delegate.
    pub fn delegate(hot: &AccountId32) -> Option<DelegateInfo> {
        let known = Delegates::<T>::contains_key(hot);
        known.then(|| delegate::<T>(&Self::economy(), hot))
    }

    /// The delegates a coldkey has staked on, and what.
    pub fn delegated(cold: &AccountId32) -> Vec<(DelegateInfo, SubnetStake)> {
        let network = Self::economy();
        let mut found = Vec::new();
        for hot in StakingHotkeys::<T>::get(cold).iter().filter(|hot| Delegates::<T>::contains_key(hot)) {
            for (netuid, subnet) in &network.subnets {
                let stake = subnet.stake_of(&hotkey(hot), &coldkey(cold));
                if stake > 0 {
                    found.push((delegate::<T>(&network, hot), (Compact(netuid.0), Compact(stake))));
                }
            }
        }
        found
    }
}

fn delegate<T: Config>(network: &Network, hot: &AccountId32) -> DelegateInfo {
    let networks: Vec<NetUid> = network.subnets.keys().map(|net| net.0).collect();
    let uids: Vec<(NetUid, u16)> =
        networks.iter().filter_map(|net| Some((*net, Uids::<T>::get(net, hot)?))).collect();
    let permitted = |(net, uid): &&(NetUid, u16)| at(&ValidatorPermit::<T>::get(net), usize::from(*uid));
    let daily: u64 = uids.iter().map(|(net, uid)| daily_emission::<T>(*net, *uid)).sum();
    let stake: u128 = network.subnets.values().map(|s| u128::from(s.stake_of_hotkey(&hotkey(hot)))).sum();
    let per_1000 = u128::from(daily) * NOMINATORS_PERCENT * 1_000 / 100;
    DelegateInfo {
        delegate_ss58: hot.clone(),
        take: Compact(Delegates::<T>::get(hot)),
        nominators: nominations(network, hot),
        owner_ss58: Owner::<T>::get(hot),
        registrations: uids.iter().map(|(net, _)| Compact(*net)).collect(),
        validator_permits: uids.iter().filter(permitted).map(|(net, _)| Compact(*net)).collect(),
        return_per_1000: Compact(per_1000.checked_div(stake).map_or(0, |rao| rao as u64)),
        total_daily_return: Compact(daily),
    }
}

fn daily_emission<T: Config>(netuid: NetUid, uid: u16) -> u64 {
    let epochs = BLOCKS_PER_DAY.checked_div(u64::from(Tempo::<T>::get(netuid))).unwrap_or(0);
    at(&Emission::<T>::get(netuid), usize::from(uid)).saturating_mul(epochs)
}

fn nominations(network: &Network, hot: &AccountId32) -> Vec<(AccountId32, Vec<SubnetStake>)> {
    let mut by_coldkey: BTreeMap<AccountId32, Vec<SubnetStake>> = BTreeMap::new();
    for (Net(netuid), subnet) in &network.subnets {
        let Some(pool) = subnet.stakes.get(&hotkey(hot)) else { continue };
        for (cold, _) in pool.shares() {
            let stake = (Compact(*netuid), Compact(pool.value_of(cold)));
            by_coldkey.entry(account(&cold.0)).or_default().push(stake);
        }
    }
    by_coldkey.into_iter().collect()
}
