//! The economic state: one value that `sn3-emission` computes on, mirrored into the maps that clients
//! read.
//!
//! ```text
//! settings in storage ──pull──▶ Network ──change──▶ Network ──mirror──▶ what differs, in storage
//!                                  ▲                    │
//!                                  └── parts, by stamp ◀┘
//! ```
//!
//! Settings belong to the storage items, which the admin calls write; everything else belongs to the
//! [`Network`], whose parts are storage items too.

mod bank;
mod known;
mod mirror;
mod mirror_subnet;
mod parts;
mod quiet;
pub mod rename;
mod settings;

pub use bank::BalancesBank;
use parts::Changes;

use super::pallet::*;
use super::types::*;
use codec::Decode;
use frame_support::traits::Get;
use scale_info::{TypeDef, TypeInfo};
use sn3_emission::{Network, OpError, network::BlockReport};
use sn3_protocol::{Coldkey, Hotkey, NetUid as Net};
use sp_runtime::AccountId32;
use std::sync::Arc;

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
    pub fn economy() -> Arc<Network> {
        Self::as_of_now(parts::read::<T>())
    }

    /// Brings settings and author into a stored state.
    fn as_of_now(mut network: Arc<Network>) -> Arc<Network> {
        let author = T::Author::get().as_ref().map(coldkey);
        if !Self::settings_are_in(&network) {
            Self::pull_settings(Arc::make_mut(&mut network));
        }
        if network.author != author {
            Arc::make_mut(&mut network).author = author;
        }
        network
    }

    /// Lets `change` work on the economic state; stores and mirrors what it did unless it failed.
    pub(crate) fn change_economy<R, E>(change: impl FnOnce(&mut Network) -> Result<R, E>) -> Result<R, E> {
        let before = Self::economy();
        let mut after = Network::clone(&before);
        let result = change(&mut after)?;
        Self::store_economy(&before, after);
        Ok(result)
    }

    /// [`Pallet::change_economy`] for the operations of the economic state, with the pallet's errors.
    pub(super) fn operate<R>(
        operation: impl FnOnce(&mut Network) -> Result<R, OpError>,
    ) -> Result<R, Error<T>> {
        Self::change_economy(operation).map_err(|refusal| error_named(refusal.name()))
    }

    /// Replaces the economic state `before` by `after`.
    pub(crate) fn store_economy(before: &Network, after: Network) -> Arc<Network> {
        let changes = Changes::between(before, &after);
        Self::store_changes(before, after, &changes)
    }

    fn store_changes(before: &Network, after: Network, changes: &Changes) -> Arc<Network> {
        let after = parts::write::<T>(before, after, changes);
        Self::mirror(before, &after, changes);
        after
    }

    /// Steps the economic state into the next block; answers what it was, without its large parts where they have
    /// not changed, what it is, and what happened.
    pub(super) fn step_economy(
        step: impl FnOnce(&mut Network) -> BlockReport,
    ) -> (Arc<Network>, Arc<Network>, BlockReport) {
        let before = Self::as_of_now(parts::take_stored::<T>());
        if quiet::next_is_quiet(&before) {
            return Self::step_quietly(Arc::unwrap_or_clone(before), step);
        }
        let mut after = Network::clone(&before);
        let report = step(&mut after);
        let after = Self::store_economy(&before, after);
        (before, after, report)
    }

    fn step_quietly(
        mut network: Network,
        step: impl FnOnce(&mut Network) -> BlockReport,
    ) -> (Arc<Network>, Arc<Network>, BlockReport) {
        let whole = cfg!(debug_assertions).then(|| network.clone());
        let before = quiet::small_copy(&mut network);
        let report = step(&mut network);
        assert!(quiet::was_quiet(&report), "what was predicted as quiet is: {report:?}");
        debug_assert!(
            whole.is_none_or(|whole| Changes::between(&whole, &network).is_none()),
            "a quiet block changes no large part"
        );
        let changes = Changes::none(&network);
        let after = Self::store_changes(&before, network, &changes);
        (Arc::new(before), after, report)
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

#[cfg(test)]
impl<T: Config> Pallet<T> {
    /// The economic state as its parts in storage say, whatever is remembered.
    pub fn economy_from_storage() -> Arc<Network> {
        known::forget();
        Self::economy()
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
