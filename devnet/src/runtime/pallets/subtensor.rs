//! The subnet pallet: networks, neurons, weights, stake, epochs and emission.
//!
//! Storage, calls, events and errors have the names, numbers and encodings of the subnet chain. The
//! money arithmetic is all in `sn3-emission`.

pub mod apis;
mod calls;
mod economy;
mod errors;
mod events;
pub mod genesis;
pub mod hyperparameters;
pub mod info;
mod keys;
mod networks;
mod owner;
mod registration;
mod schedule;
mod serving;
mod staking;
mod step;
mod storage_globals;
mod storage_neurons;
mod storage_settings;
mod storage_stake;
mod storage_subnets;
mod swap_coldkey;
mod swap_hotkey;
mod timelocked;
pub mod types;
mod unstaking;
mod weights;

use codec::Compact;
use frame_support::pallet_macros::import_section;
use sn3_timelock::SIGNATURE_BYTES;
use sp_runtime::AccountId32;

/// What hotkeys have committed, as the metagraph shows it.
pub trait CommittedBytes {
    /// The encoded commitments on a subnet, by hotkey.
    fn of_subnet(netuid: types::NetUid) -> Vec<(AccountId32, Vec<Compact<u8>>)>;
}

/// The rounds of a randomness beacon, which open what is timelocked.
pub trait Beacon {
    /// The newest published round.
    fn last_round() -> u64;
    /// The signature of a round, once it is published.
    fn signature(round: u64) -> Option<[u8; SIGNATURE_BYTES]>;
    /// Says that somebody waits for a round.
    fn want(round: u64);
}

/// Where clients read the settings of pools.
pub trait PoolSettings {
    /// The weight of a pool's TAO side, in 10⁻¹⁸ths.
    fn set_quote_weight(netuid: types::NetUid, parts: u64);
    /// The subnet is gone.
    fn forget(netuid: types::NetUid);
}

/// The pallet.
// FRAME generates undocumented public items, and calls have the arguments they have on the chain.
#[allow(missing_docs, clippy::too_many_arguments)]
#[import_section(calls::subtensor_calls)]
#[import_section(errors::subtensor_errors)]
#[import_section(events::subtensor_events)]
#[import_section(storage_globals::storage_globals)]
#[import_section(storage_neurons::storage_neurons)]
#[import_section(storage_settings::storage_settings)]
#[import_section(storage_stake::storage_stake)]
#[import_section(storage_subnets::storage_subnets)]
#[frame_support::pallet]
pub mod pallet {
    use super::genesis::GenesisSubnet;
    use super::types::*;
    use super::{Beacon, CommittedBytes, PoolSettings};
    use codec::Compact;
    use frame_support::pallet_prelude::*;
    use frame_support::traits::{ConstBool, ConstI16, ConstU8, ConstU16, ConstU32, ConstU64};
    use frame_system::pallet_prelude::*;
    use sn3_emission::network::{PriceLimit, Weights as Row};
    use sp_core::H256;
    use sp_runtime::AccountId32;
    use std::collections::{BTreeMap, BTreeSet, VecDeque};

    /// The account that owns what nobody owns.
    pub struct ZeroAccount<T>(PhantomData<T>);

    impl<T: Config> Get<AccountId32> for ZeroAccount<T> {
        fn get() -> AccountId32 {
            AccountId32::new([0; 32])
        }
    }

    #[pallet::pallet]
    #[pallet::without_storage_info]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config:
        frame_system::Config<AccountId = AccountId32, Hash = H256, RuntimeEvent: From<Event<Self>>>
        + pallet_balances::Config<Balance = u64>
    {
        /// Who writes the current block and earns its fees.
        type Author: Get<Option<AccountId32>>;
        /// What hotkeys have committed.
        type Commitments: CommittedBytes;
        /// What opens timelocked weights.
        type Beacon: Beacon;
        /// Where the settings of pools are shown.
        type Pools: PoolSettings;
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(_: BlockNumberFor<T>) -> Weight {
            Self::step_block(&frame_system::Pallet::<T>::parent_hash().0);
            Weight::zero()
        }
    }

    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// Blocks between two subnet registrations.
        pub network_rate_limit_blocks: u64,
        /// The lowest price of a subnet, in rao.
        pub network_min_lock_cost_rao: u64,
        /// Blocks before an epoch in which settings rest.
        pub admin_freeze_window_blocks: u16,
        /// The subnets that exist from the beginning.
        pub subnets: Vec<GenesisSubnet>,
        #[serde(skip)]
        pub marker: PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            NetworkRateLimit::<T>::put(self.network_rate_limit_blocks);
            NetworkMinLockCost::<T>::put(self.network_min_lock_cost_rao);
            AdminFreezeWindow::<T>::put(self.admin_freeze_window_blocks);
            Pallet::<T>::build_networks(&self.subnets);
        }
    }
}

pub use pallet::*;
