//! The economic state: one value that `sn3-emission` computes on, mirrored into the maps that clients
//! read.
//!
//! ```text
//! settings in storage ──pull──▶ Network ──change──▶ Network ──mirror──▶ what differs, in storage
//! ```
//!
//! Settings belong to the storage items, which the admin calls write; everything else belongs to the
//! [`Network`].

mod bank;
mod mirror;
mod mirror_subnet;
pub mod rename;
mod settings;

pub use bank::BalancesBank;

use super::pallet::*;
use super::types::*;
use codec::{Decode, Encode};
use frame_support::traits::Get;
use scale_info::{TypeDef, TypeInfo};
use sn3_emission::{Network, OpError, network::Globals};
use sn3_protocol::{Coldkey, Hotkey, NetUid as Net};
use sp_runtime::AccountId32;

/// The hotkey of an account.
pub fn hotkey(account: &AccountId32) -> Hotkey {
    Hotkey(*account.as_ref())
}

/// The coldkey of an account.
pub fn coldkey(account: &AccountId32) -> Coldkey {
    Coldkey(*account.as_ref())
}

/// The account of a key's bytes.
pub fn account(bytes: &[u8; 32]) -> AccountId32 {
    AccountId32::new(*bytes)
}

impl<T: Config> Pallet<T> {
    /// The economic state with the current settings.
    pub fn economy() -> Network {
        let bytes = Economy::<T>::get();
        if bytes.is_empty() {
            return Network::new(Globals::default(), 0);
        }
        let mut network = Network::decode(&mut &bytes[..]).expect("the pallet wrote these bytes");
        Self::pull_settings(&mut network);
        network.author = T::Author::get().as_ref().map(coldkey);
        network
    }

    /// Lets `change` work on the economic state; stores and mirrors what it did unless it failed.
    pub(crate) fn change_economy<R, E>(change: impl FnOnce(&mut Network) -> Result<R, E>) -> Result<R, E> {
        let before = Self::economy();
        let mut after = before.clone();
        let result = change(&mut after)?;
        Self::store_economy(&before, &after);
        Ok(result)
    }

    /// [`Pallet::change_economy`] for the operations of the economic state, with the pallet's errors.
    pub(super) fn operate<R>(
        operation: impl FnOnce(&mut Network) -> Result<R, OpError>,
    ) -> Result<R, Error<T>> {
        Self::change_economy(operation).map_err(|refusal| error_named(refusal.name()))
    }

    /// Replaces the economic state `before` by `after`.
    pub(crate) fn store_economy(before: &Network, after: &Network) {
        Economy::<T>::put(after.encode());
        Self::mirror(before, after);
    }

    /// What a coldkey has staked on a hotkey, in alpha rao.
    pub fn stake_of(hot: &AccountId32, cold: &AccountId32, netuid: NetUid) -> u64 {
        Self::economy().stake_of(&hotkey(hot), &coldkey(cold), Net(netuid))
    }

    /// The stake weight of a hotkey: alpha and weighted root stake, after child keys.
    pub fn stake_weight(hot: &AccountId32, netuid: NetUid) -> u64 {
        Self::economy().weighted_stake(Net(netuid), &hotkey(hot))
    }
}

/// The pallet's error with this name.
fn error_named<T: Config>(name: &str) -> Error<T> {
    let name = match name {
        "PriceLimitExceeded" => "SlippageTooHigh",
        "SwapInputTooLarge" | "ReservesTooLow" => "InsufficientLiquidity",
        name => name,
    };
    let TypeDef::Variant(errors) = <Error<T> as TypeInfo>::type_info().type_def else {
        unreachable!("errors are an enum")
    };
    let found = errors.variants.iter().find(|variant| variant.name == name);
    let index = found.expect("every refusal has the name of an error of the pallet").index;
    Error::<T>::decode(&mut &[index][..]).expect("the index comes from the enum itself")
}
