//! The place where transactions are hidden until they are in a block (chain interface, section 5.4).
//!
//! A sender encrypts a whole signed transaction to the key in [`NextKey`] and sends it inside
//! `submit_encrypted`. Whoever writes the block opens it and puts the inner transaction right behind. A
//! development chain has one author with one key, so all four places of the rotation hold the same key.

mod envelope;

pub use envelope::{Envelope, EnvelopeError, ShieldKey};

/// The pallet.
// FRAME generates undocumented public items.
#[allow(missing_docs)]
#[frame_support::pallet]
pub mod pallet {
    use super::{Envelope, ShieldKey};
    use frame_support::{pallet_prelude::*, traits::ConstU64};
    use frame_system::pallet_prelude::*;
    use sp_core::H256;
    use sp_runtime::traits::Hash as _;

    /// The time it takes to open an envelope, in picoseconds.
    const ENVELOPE_REF_TIME_PS: u64 = 200_000_000;
    /// The longest encapsulation key, in bytes.
    const KEY_BYTES_MAX: u32 = 2_048;
    /// The longest envelope, in bytes.
    const ENVELOPE_BYTES_MAX: u32 = 8_192;

    /// An ML-KEM-768 encapsulation key.
    pub type ShieldEncKey = BoundedVec<u8, ConstU32<KEY_BYTES_MAX>>;

    #[pallet::pallet]
    #[pallet::without_storage_info]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config<Hash = H256, RuntimeEvent: From<Event<Self>>> {
        /// Who writes blocks, as the consensus knows them.
        type Author: Get<Option<sp_core::sr25519::Public>>;
    }

    /// The key of the block before.
    #[pallet::storage]
    pub type CurrentKey<T: Config> = StorageValue<_, ShieldEncKey, OptionQuery>;

    /// The key that opens envelopes in this block.
    #[pallet::storage]
    pub type PendingKey<T: Config> = StorageValue<_, ShieldEncKey, OptionQuery>;

    /// The key to encrypt to.
    #[pallet::storage]
    pub type NextKey<T: Config> = StorageValue<_, ShieldEncKey, OptionQuery>;

    /// The keys of the authors.
    #[pallet::storage]
    pub type AuthorKeys<T: Config> =
        StorageMap<_, Twox64Concat, sp_core::sr25519::Public, ShieldEncKey, OptionQuery>;

    /// Until which block the pending key is used; without a rotation, for ever.
    #[pallet::storage]
    pub type PendingKeyExpiresAt<T: Config> = StorageValue<_, BlockNumberFor<T>, OptionQuery>;

    /// Until which block the next key is used; without a rotation, for ever.
    #[pallet::storage]
    pub type NextKeyExpiresAt<T: Config> = StorageValue<_, BlockNumberFor<T>, OptionQuery>;

    /// Which migrations have run; a chain that starts at its newest version needs none.
    #[pallet::storage]
    pub type HasMigrationRun<T: Config> =
        StorageMap<_, Identity, BoundedVec<u8, ConstU32<128>>, bool, ValueQuery>;

    /// How many envelopes may wait; here they never do.
    #[pallet::storage]
    pub type MaxPendingExtrinsicsLimit<T: Config> = StorageValue<_, u32, ValueQuery, ConstU32<100>>;

    /// How many blocks an envelope may wait.
    #[pallet::storage]
    pub type ExtrinsicLifetime<T: Config> = StorageValue<_, u32, ValueQuery, ConstU32<10>>;

    /// The time waiting envelopes may take in a block, in picoseconds.
    #[pallet::storage]
    pub type OnInitializeWeight<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<500_000_000_000>>;

    /// The time one waiting envelope may take, in picoseconds.
    #[pallet::storage]
    pub type MaxExtrinsicWeight<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<50_000_000_000>>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// An envelope is in the block.
        #[codec(index = 0)]
        EncryptedSubmitted {
            /// The hash of sender and envelope.
            id: T::Hash,
            /// The sender.
            who: T::AccountId,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The key has not the length of one.
        BadEncKeyLen,
        /// The author is unknown.
        Unreachable,
    }

    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        #[serde(skip)]
        pub marker: PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        /// Aura's authorities are built before.
        fn build(&self) {
            let bytes = ShieldKey::of_development().public_bytes();
            let key = ShieldEncKey::try_from(bytes).expect("1184 bytes fit");
            CurrentKey::<T>::put(&key);
            PendingKey::<T>::put(&key);
            NextKey::<T>::put(&key);
            if let Some(author) = T::Author::get() {
                AuthorKeys::<T>::insert(author, key);
            }
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Carries a hidden transaction.
        #[pallet::call_index(1)]
        #[pallet::weight(Weight::from_parts(ENVELOPE_REF_TIME_PS, 0))]
        pub fn submit_encrypted(
            origin: OriginFor<T>,
            ciphertext: BoundedVec<u8, ConstU32<ENVELOPE_BYTES_MAX>>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let id = T::Hashing::hash_of(&(&who, &ciphertext));
            Self::deposit_event(Event::EncryptedSubmitted { id, who });
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        /// Whether the envelope is made for a key of this chain.
        pub fn is_addressed(envelope: &Envelope<'_>) -> bool {
            let keys = [CurrentKey::<T>::get(), PendingKey::<T>::get(), NextKey::<T>::get()];
            keys.iter().flatten().any(|key| envelope.is_for(key))
        }
    }
}

pub use pallet::*;
