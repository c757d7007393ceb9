//! Giving a hotkey's places to another one (chain interface, section 3.7).

use super::economy::{BalancesBank, coldkey, hotkey, rename};
use super::pallet::*;
use super::types::*;
use frame_support::{dispatch::DispatchResult, ensure};
use sn3_emission::network::Bank;
use sn3_protocol::NetUid as Net;
use sp_runtime::AccountId32;

/// What a swap on all subnets costs, in rao; it leaves the issuance.
const SWAP_EVERYWHERE_RAO: u64 = 100_000_000;
/// What a swap on one subnet costs, in rao; it leaves the issuance.
const SWAP_ON_ONE_RAO: u64 = 1_000_000;
/// How many blocks lie between two swaps of a coldkey on one subnet.
const SWAP_ON_ONE_BLOCKS_MIN: u64 = 7_200;

/// Where a hotkey serves.
struct Endpoints(Option<AxonInfo>, Option<PrometheusInfo>, Option<NeuronCertificate>);

impl<T: Config> Pallet<T> {
    pub(super) fn do_swap_hotkey(
        who: AccountId32,
        old: AccountId32,
        new: AccountId32,
        netuid: Option<NetUid>,
        keep_stake: bool,
    ) -> DispatchResult {
        ensure!(old != new, Error::<T>::NewHotKeyIsSameWithOld);
        ensure!(Self::owns(&who, &old), Error::<T>::NonAssociatedColdKey);
        let free = !Self::hotkey_exists(&new) || Self::owns(&who, &new);
        ensure!(free, Error::<T>::NonAssociatedColdKey);
        Self::ensure_swap_rested(&who)?;
        match netuid {
            Some(netuid) => Self::swap_on_one(&who, &old, &new, netuid, keep_stake)?,
            None => Self::swap_everywhere(&who, &old, &new, keep_stake)?,
        }
        LastTxBlock::<T>::insert(&who, Self::now());
        Self::deposit_event(match netuid {
            Some(netuid) => {
                Event::HotkeySwappedOnSubnet { coldkey: who, old_hotkey: old, new_hotkey: new, netuid }
            }
            None => Event::HotkeySwapped { coldkey: who, old_hotkey: old, new_hotkey: new },
        });
        Ok(())
    }

    fn ensure_swap_rested(who: &AccountId32) -> Result<(), Error<T>> {
        let (last, now) = (LastTxBlock::<T>::get(who), Self::now());
        let rested = last == 0 || now - last >= TxRateLimit::<T>::get();
        ensure!(rested, Error::<T>::HotKeySetTxRateLimitExceeded);
        Ok(())
    }

    fn swap_everywhere(
        who: &AccountId32,
        old: &AccountId32,
        new: &AccountId32,
        keep_stake: bool,
    ) -> DispatchResult {
        let used = IsNetworkMember::<T>::iter_prefix(new).any(|(_, member)| member);
        ensure!(!used, Error::<T>::HotKeyAlreadyRegisteredInSubNet);
        let clean = RootClaimable::<T>::get(new).is_empty() && TotalHotkeyAlpha::<T>::get(new, 0) == 0;
        ensure!(clean, Error::<T>::NewHotKeyNotCleanForRootSwap);
        Self::burn_for_swap(who, SWAP_EVERYWHERE_RAO, Error::<T>::NotEnoughBalanceToPaySwapHotKey)?;
        let netuids: Vec<NetUid> = NetworksAdded::<T>::iter_keys().collect();
        let endpoints: Vec<_> = netuids.into_iter().map(|netuid| (netuid, take::<T>(netuid, old))).collect();
        Self::operate(|network| {
            rename::rename_hotkey(network, &hotkey(old), &hotkey(new), keep_stake);
            Ok(())
        })?;
        endpoints.into_iter().for_each(|(netuid, found)| put::<T>(netuid, new, found));
        Ok(())
    }

    fn swap_on_one(
        who: &AccountId32,
        old: &AccountId32,
        new: &AccountId32,
        netuid: NetUid,
        keep_stake: bool,
    ) -> DispatchResult {
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(Uids::<T>::contains_key(netuid, old), Error::<T>::HotKeyNotRegisteredInSubNet);
        ensure!(!Uids::<T>::contains_key(netuid, new), Error::<T>::HotKeyAlreadyRegisteredInSubNet);
        let (last, now) = (LastHotkeySwapOnNetuid::<T>::get(netuid, who), Self::now());
        let rested = last == 0 || now - last >= SWAP_ON_ONE_BLOCKS_MIN;
        ensure!(rested, Error::<T>::HotKeySwapOnSubnetIntervalNotPassed);
        Self::burn_for_swap(who, SWAP_ON_ONE_RAO, Error::<T>::NotEnoughBalanceToPaySwapHotKey)?;
        LastHotkeySwapOnNetuid::<T>::insert(netuid, who, now);
        let found = take::<T>(netuid, old);
        Self::operate(|network| {
            network.adopt(&coldkey(who), &hotkey(new));
            rename::rename_hotkey_on(network, Net(netuid), &hotkey(old), &hotkey(new), keep_stake);
            Ok(())
        })?;
        put::<T>(netuid, new, found);
        Ok(())
    }

    /// Takes the price of a swap out of the world.
    pub(super) fn burn_for_swap(
        who: &AccountId32,
        price_rao: u64,
        refusal: Error<T>,
    ) -> Result<(), Error<T>> {
        let mut bank = BalancesBank::<T>::new();
        ensure!(bank.balance(&coldkey(who)) >= price_rao, refusal);
        bank.debit(&coldkey(who), price_rao);
        Self::operate(|network| {
            network.total_issuance = network.total_issuance.saturating_sub(price_rao);
            Ok(())
        })
    }
}

fn take<T: Config>(netuid: NetUid, hot: &AccountId32) -> Endpoints {
    Endpoints(
        Axons::<T>::take(netuid, hot),
        Prometheus::<T>::take(netuid, hot),
        NeuronCertificates::<T>::take(netuid, hot),
    )
}

fn put<T: Config>(netuid: NetUid, hot: &AccountId32, Endpoints(axon, metrics, certificate): Endpoints) {
    Axons::<T>::set(netuid, hot, axon);
    Prometheus::<T>::set(netuid, hot, metrics);
    NeuronCertificates::<T>::set(netuid, hot, certificate);
}
