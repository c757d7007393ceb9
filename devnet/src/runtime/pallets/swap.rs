//! The settings of the subnets' pools, where clients read them (chain interface, section 4.5). The pools
//! themselves are computed by the economic state; liquidity positions do not exist.

use sp_runtime::Perquintill;

/// The share of the TAO side in a pool, of which the alpha side has the rest.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    codec::Encode,
    codec::Decode,
    codec::DecodeWithMemTracking,
    codec::MaxEncodedLen,
    scale_info::TypeInfo,
)]
pub struct Balancer {
    /// The share, in 10⁻¹⁸ths.
    pub quote: Perquintill,
}

impl Default for Balancer {
    fn default() -> Self {
        Self { quote: Perquintill::from_percent(50) }
    }
}

/// The pallet.
// FRAME generates undocumented public items.
#[allow(missing_docs)]
#[frame_support::pallet]
pub mod pallet {
    use super::Balancer;
    use frame_support::pallet_prelude::*;
    use frame_support::traits::ConstU16;
    use sp_runtime::Perquintill;

    #[pallet::pallet]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config {}

    /// The fee of a swap, where 65535 is everything.
    #[pallet::storage]
    pub type FeeRate<T: Config> = StorageMap<_, Twox64Concat, u16, u16, ValueQuery, ConstU16<33>>;

    /// The weights of a pool's two sides.
    #[pallet::storage]
    pub type SwapBalancer<T: Config> = StorageMap<_, Twox64Concat, u16, Balancer, ValueQuery>;

    /// Whether a subnet's pool works.
    #[pallet::storage]
    pub type PalSwapInitialized<T: Config> = StorageMap<_, Twox64Concat, u16, bool, ValueQuery>;

    /// Which migrations have run; a chain that starts at its newest version needs none.
    #[pallet::storage]
    pub type HasMigrationRun<T: Config> =
        StorageMap<_, Identity, BoundedVec<u8, ConstU32<128>>, bool, ValueQuery>;

    /// Alpha that rounding left over.
    #[pallet::storage]
    pub type ScrapReservoirAlpha<T: Config> = StorageMap<_, Twox64Concat, u16, u64, ValueQuery>;

    impl<T: Config> super::super::subtensor::PoolSettings for Pallet<T> {
        fn set_quote_weight(netuid: u16, parts: u64) {
            SwapBalancer::<T>::insert(netuid, Balancer { quote: Perquintill::from_parts(parts) });
            PalSwapInitialized::<T>::insert(netuid, true);
        }

        fn forget(netuid: u16) {
            SwapBalancer::<T>::remove(netuid);
            PalSwapInitialized::<T>::remove(netuid);
        }
    }
}

pub use pallet::*;
