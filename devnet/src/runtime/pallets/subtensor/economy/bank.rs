//! Coldkeys' balances, kept by the balances pallet.

use super::super::pallet::*;
use super::account;
use core::marker::PhantomData;
use frame_support::traits::{
    fungible::{Inspect, Mutate},
    tokens::{Fortitude, Precision, Preservation},
};
use sn3_emission::network::Bank;
use sn3_protocol::Coldkey;
use sp_runtime::AccountId32;

type Balances<T> = pallet_balances::Pallet<T>;

/// Moves TAO between coldkeys and the economic state.
pub struct BalancesBank<T>(PhantomData<T>);

impl<T> BalancesBank<T> {
    /// The bank of this chain.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Config> Bank for BalancesBank<T> {
    fn balance(&self, coldkey: &Coldkey) -> u64 {
        let who = account(&coldkey.0);
        Balances::<T>::reducible_balance(&who, Preservation::Expendable, Fortitude::Polite)
    }

    /// Less than the existential deposit cannot open an account and is lost.
    fn credit(&mut self, coldkey: &Coldkey, amount_rao: u64) {
        Balances::<T>::mint_into(&account(&coldkey.0), amount_rao).ok();
    }

    fn debit(&mut self, coldkey: &Coldkey, amount_rao: u64) {
        take::<T>(&account(&coldkey.0), amount_rao);
    }
}

/// Makes an account own exactly this much: how the TAO of a subnet's account is shown.
pub(super) fn set_balance<T: Config>(who: &AccountId32, amount_rao: u64) {
    let now = <Balances<T> as Inspect<AccountId32>>::balance(who);
    if amount_rao > now {
        Balances::<T>::mint_into(who, amount_rao - now).ok();
    } else {
        take::<T>(who, now - amount_rao);
    }
}

fn take<T: Config>(who: &AccountId32, amount_rao: u64) {
    let taken = Balances::<T>::burn_from(
        who,
        amount_rao,
        Preservation::Expendable,
        Precision::BestEffort,
        Fortitude::Force,
    );
    taken.expect("taking what is there never fails");
}
