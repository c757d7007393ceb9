//! The author's identity and the slot duration, as clients read them.

/// The pallet.
// FRAME generates undocumented public items.
#[allow(missing_docs)]
#[frame_support::pallet]
pub mod pallet {
    use frame_support::pallet_prelude::*;
    use sp_core::sr25519::Public;

    #[pallet::pallet]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config {
        /// The time between two blocks in milliseconds; clients compute block times from it.
        #[pallet::constant]
        type SlotDuration: Get<u64>;
    }

    /// The accounts that may write blocks; the first one earns the transaction fees.
    #[pallet::storage]
    pub type Authorities<T: Config> = StorageValue<_, BoundedVec<Public, ConstU32<32>>, ValueQuery>;

    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// The initial authorities.
        pub authorities: Vec<Public>,
        #[serde(skip)]
        pub marker: PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            let bounded = BoundedVec::try_from(self.authorities.clone()).expect("at most 32 authorities");
            Authorities::<T>::put(bounded);
        }
    }
}

pub use pallet::*;
