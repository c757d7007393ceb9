//! Registering neurons (chain interface, section 3.3).

use super::economy::{BalancesBank, coldkey, hotkey};
use super::pallet::*;
use super::types::*;
use frame_support::{dispatch::DispatchResult, ensure};
use sn3_protocol::{NetUid as Net, Uid};
use sp_runtime::AccountId32;

/// The root network.
pub const ROOT: NetUid = 0;
/// How many times the wanted registrations of an interval root accepts.
const ROOT_INTERVAL_MULTIPLE: u16 = 3;

impl<T: Config> Pallet<T> {
    /// Registers a hotkey for the current price, unless that is above `limit_rao`.
    pub(super) fn do_register(
        who: AccountId32,
        netuid: NetUid,
        hot: AccountId32,
        limit_rao: Option<u64>,
    ) -> DispatchResult {
        let price = Burn::<T>::get(netuid);
        ensure!(limit_rao.is_none_or(|limit| price <= limit), Error::<T>::RegistrationPriceLimitExceeded);
        Self::ensure_no_system_account(&hot)?;
        let (cold, key) = (coldkey(&who), hotkey(&hot));
        let mut bank = BalancesBank::<T>::new();
        let Uid(uid) = Self::operate(|network| network.register(&mut bank, &cold, &key, Net(netuid)))?;
        RAORecycledForRegistration::<T>::mutate(netuid, |total| *total = total.saturating_add(price));
        BurnRegistrationsThisInterval::<T>::mutate(netuid, |count| *count = count.saturating_add(1));
        Self::count_registration(netuid);
        Self::deposit_event(Event::NeuronRegistered(netuid, uid, hot));
        Ok(())
    }

    /// Takes a seat on root for a hotkey.
    pub(super) fn do_root_register(who: AccountId32, hot: AccountId32) -> DispatchResult {
        let fits = RegistrationsThisBlock::<T>::get(ROOT) < MaxRegistrationsPerBlock::<T>::get(ROOT);
        ensure!(fits, Error::<T>::TooManyRegistrationsThisBlock);
        let most = TargetRegistrationsPerInterval::<T>::get(ROOT).saturating_mul(ROOT_INTERVAL_MULTIPLE);
        let fits = RegistrationsThisInterval::<T>::get(ROOT) < most;
        ensure!(fits, Error::<T>::TooManyRegistrationsThisInterval);
        let (cold, key) = (coldkey(&who), hotkey(&hot));
        let Uid(uid) = Self::operate(|network| {
            let uid = network.root_register(&cold, &key)?;
            let take = network.globals.default_take;
            if let Some(state) = network.hotkeys.get_mut(&key) {
                state.take.get_or_insert(take);
            }
            Ok(uid)
        })?;
        Self::count_registration(ROOT);
        Self::deposit_event(Event::NeuronRegistered(ROOT, uid, hot));
        Ok(())
    }

    fn count_registration(netuid: NetUid) {
        RegistrationsThisBlock::<T>::mutate(netuid, |count| *count = count.saturating_add(1));
        RegistrationsThisInterval::<T>::mutate(netuid, |count| *count = count.saturating_add(1));
    }

    /// Starts counting registrations anew: each block, and each interval.
    pub(super) fn restart_counts(now: u64) {
        drop(RegistrationsThisBlock::<T>::clear(u32::MAX, None));
        let networks: Vec<NetUid> = NetworksAdded::<T>::iter_keys().collect();
        for netuid in networks {
            let interval = u64::from(AdjustmentInterval::<T>::get(netuid));
            if now.saturating_sub(LastAdjustmentBlock::<T>::get(netuid)) >= interval {
                LastAdjustmentBlock::<T>::insert(netuid, now);
                RegistrationsThisInterval::<T>::remove(netuid);
                BurnRegistrationsThisInterval::<T>::remove(netuid);
            }
        }
    }

    /// Subnets' own accounts cannot be hotkeys.
    pub(super) fn ensure_no_system_account(hot: &AccountId32) -> Result<(), Error<T>> {
        let taken = NetworksAdded::<T>::iter_keys().any(|netuid| Self::subnet_account(netuid) == *hot);
        ensure!(!taken, Error::<T>::CannotUseSystemAccount);
        Ok(())
    }
}
