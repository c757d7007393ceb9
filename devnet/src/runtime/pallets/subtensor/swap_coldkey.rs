//! Giving all that a coldkey has to another one: announced first, so that a thief can be stopped
//! (chain interface, section 3.7).

use super::economy::{coldkey, rename};
use super::pallet::*;
use codec::Encode;
use frame_support::{
    dispatch::DispatchResult,
    ensure,
    traits::{
        fungible::{Inspect, Mutate},
        tokens::{Fortitude, Preservation},
    },
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{AccountId32, Saturating};

/// What the announcement of a swap costs, in rao; it leaves the issuance.
const ANNOUNCEMENT_RAO: u64 = 100_000_000;

impl<T: Config> Pallet<T> {
    /// Announces a swap; a later announcement replaces the first, when that has waited long enough.
    pub(super) fn do_announce_coldkey_swap(who: AccountId32, new_coldkey_hash: H256) -> DispatchResult {
        match ColdkeySwapAnnouncements::<T>::get(&who) {
            None => {
                let refusal = Error::<T>::NotEnoughBalanceToPaySwapColdKey;
                Self::burn_for_swap(&who, ANNOUNCEMENT_RAO, refusal)?;
            }
            Some((due, _)) => ensure!(replaceable::<T>(due), Error::<T>::ColdkeySwapReannouncedTooEarly),
        }
        let due = block::<T>().saturating_add(ColdkeySwapAnnouncementDelay::<T>::get());
        ColdkeySwapAnnouncements::<T>::insert(&who, (due, new_coldkey_hash));
        Self::deposit_event(Event::ColdkeySwapAnnounced { who, new_coldkey_hash });
        Ok(())
    }

    /// Swaps as announced.
    pub(super) fn do_swap_coldkey_announced(who: AccountId32, new: AccountId32) -> DispatchResult {
        let announced = ColdkeySwapAnnouncements::<T>::get(&who);
        let (due, hash) = announced.ok_or(Error::<T>::ColdkeySwapAnnouncementNotFound)?;
        ensure!(!ColdkeySwapDisputes::<T>::contains_key(&who), Error::<T>::ColdkeySwapDisputed);
        let matches = H256(blake2_256(&new.encode())) == hash;
        ensure!(matches, Error::<T>::AnnouncedColdkeyHashDoesNotMatch);
        ensure!(block::<T>() >= due, Error::<T>::ColdkeySwapTooEarly);
        Self::swap_coldkeys(&who, &new)?;
        ColdkeySwapAnnouncements::<T>::remove(&who);
        Ok(())
    }

    /// Stops a swap that somebody else announced with the coldkey.
    pub(super) fn do_dispute_coldkey_swap(who: AccountId32) -> DispatchResult {
        let announced = ColdkeySwapAnnouncements::<T>::contains_key(&who);
        ensure!(announced, Error::<T>::ColdkeySwapAnnouncementNotFound);
        let first = !ColdkeySwapDisputes::<T>::contains_key(&who);
        ensure!(first, Error::<T>::ColdkeySwapAlreadyDisputed);
        ColdkeySwapDisputes::<T>::insert(&who, block::<T>());
        Self::deposit_event(Event::ColdkeySwapDisputed { coldkey: who });
        Ok(())
    }

    /// Root ends an announcement and its dispute.
    pub(super) fn do_reset_coldkey_swap(who: AccountId32) -> DispatchResult {
        ColdkeySwapAnnouncements::<T>::remove(&who);
        ColdkeySwapDisputes::<T>::remove(&who);
        Self::deposit_event(Event::ColdkeySwapReset { who });
        Ok(())
    }

    /// Takes an announcement back, when it has waited long enough.
    pub(super) fn do_clear_coldkey_swap(who: AccountId32) -> DispatchResult {
        let announced = ColdkeySwapAnnouncements::<T>::get(&who);
        let (due, _) = announced.ok_or(Error::<T>::ColdkeySwapAnnouncementNotFound)?;
        ensure!(!ColdkeySwapDisputes::<T>::contains_key(&who), Error::<T>::ColdkeySwapDisputed);
        ensure!(replaceable::<T>(due), Error::<T>::ColdkeySwapClearTooEarly);
        ColdkeySwapAnnouncements::<T>::remove(&who);
        Self::deposit_event(Event::ColdkeySwapCleared { who });
        Ok(())
    }

    /// Root swaps at once, for a price.
    pub(super) fn do_swap_coldkey(old: AccountId32, new: AccountId32, price_rao: u64) -> DispatchResult {
        Self::burn_for_swap(&old, price_rao, Error::<T>::NotEnoughBalanceToPaySwapColdKey)?;
        Self::swap_coldkeys(&old, &new)?;
        Self::do_reset_coldkey_swap(old)
    }

    fn swap_coldkeys(old: &AccountId32, new: &AccountId32) -> DispatchResult {
        ensure!(StakingHotkeys::<T>::get(new).is_empty(), Error::<T>::ColdKeyAlreadyAssociated);
        ensure!(!Self::hotkey_exists(new), Error::<T>::NewColdKeyIsHotkey);
        Self::operate(|network| {
            rename::rename_coldkey(network, &coldkey(old), &coldkey(new));
            Ok(())
        })?;
        if let Some(identity) = IdentitiesV2::<T>::take(old) {
            IdentitiesV2::<T>::insert(new, identity);
        }
        move_balance::<T>(old, new)?;
        Self::deposit_event(Event::ColdkeySwapped { old_coldkey: old.clone(), new_coldkey: new.clone() });
        Ok(())
    }

    /// What the announcements forbid a coldkey to do: anything once disputed, and most things before.
    pub fn check_announced(who: &AccountId32, allowed: bool) -> Result<(), Error<T>> {
        if !ColdkeySwapAnnouncements::<T>::contains_key(who) {
            return Ok(());
        }
        ensure!(!ColdkeySwapDisputes::<T>::contains_key(who), Error::<T>::ColdkeySwapDisputed);
        ensure!(allowed, Error::<T>::ColdkeySwapAnnounced);
        Ok(())
    }
}

fn block<T: Config>() -> BlockNumberFor<T> {
    frame_system::Pallet::<T>::block_number()
}

fn replaceable<T: Config>(due: BlockNumberFor<T>) -> bool {
    block::<T>() >= due.saturating_add(ColdkeySwapReannouncementDelay::<T>::get())
}

fn move_balance<T: Config>(old: &AccountId32, new: &AccountId32) -> DispatchResult {
    use pallet_balances::Pallet as Balances;
    let all = Balances::<T>::reducible_balance(old, Preservation::Expendable, Fortitude::Polite);
    if all > 0 {
        Balances::<T>::transfer(old, new, all, Preservation::Expendable)?;
    }
    Ok(())
}
