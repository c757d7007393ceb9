//! What hotkeys publish on chain about themselves (chain interface, sections 3.8 and 5.1).

mod reveal;
pub mod types;

/// The pallet.
// FRAME generates undocumented public items.
#[allow(missing_docs)]
#[frame_support::pallet]
pub mod pallet {
    use super::super::subtensor;
    use super::types::*;
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use std::collections::BTreeSet;

    /// The time a commitment takes, in picoseconds.
    const COMMIT_REF_TIME_PS: u64 = 50_000_000;
    /// How many bytes a commitment counts at least.
    const COMMITMENT_BYTES_MIN: u64 = 100;

    #[pallet::pallet]
    #[pallet::without_storage_info]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> + subtensor::Config {}

    /// The latest commitment of a hotkey.
    #[pallet::storage]
    pub type CommitmentOf<T: Config> =
        StorageDoubleMap<_, Identity, u16, Twox64Concat, T::AccountId, Registration, OptionQuery>;

    /// The block of a hotkey's latest commitment.
    #[pallet::storage]
    pub type LastCommitment<T: Config> =
        StorageDoubleMap<_, Identity, u16, Twox64Concat, T::AccountId, u32, OptionQuery>;

    /// The block of a hotkey's latest reset of its bonds.
    #[pallet::storage]
    pub type LastBondsReset<T: Config> =
        StorageDoubleMap<_, Identity, u16, Twox64Concat, T::AccountId, u32, OptionQuery>;

    /// Who has commitments that the beacon opens.
    #[pallet::storage]
    pub type TimelockedIndex<T: Config> = StorageValue<_, BTreeSet<(u16, T::AccountId)>, ValueQuery>;

    /// What timelocked commitments have opened to: (bytes, block).
    #[pallet::storage]
    pub type RevealedCommitments<T: Config> =
        StorageDoubleMap<_, Identity, u16, Twox64Concat, T::AccountId, Vec<(Vec<u8>, u64)>, OptionQuery>;

    /// How much of its budget a hotkey has used in an epoch.
    #[pallet::storage]
    pub type UsedSpaceOf<T: Config> =
        StorageDoubleMap<_, Identity, u16, Twox64Concat, T::AccountId, UsageTracker, OptionQuery>;

    /// The bytes a hotkey may commit in an epoch.
    #[pallet::storage]
    pub type MaxSpace<T: Config> = StorageValue<_, u32, ValueQuery, ConstU32<3_100>>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A hotkey committed.
        #[codec(index = 0)]
        Commitment {
            /// The subnet.
            netuid: u16,
            /// The hotkey.
            who: T::AccountId,
        },
        /// A hotkey committed something that opens later.
        #[codec(index = 1)]
        TimelockCommitment {
            /// The subnet.
            netuid: u16,
            /// The hotkey.
            who: T::AccountId,
            /// The round of the beacon that opens it.
            reveal_round: u64,
        },
        /// A timelocked commitment opened.
        #[codec(index = 2)]
        CommitmentRevealed {
            /// The subnet.
            netuid: u16,
            /// The hotkey.
            who: T::AccountId,
        },
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(_: BlockNumberFor<T>) -> Weight {
            Self::reveal_due();
            Weight::zero()
        }
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The commitment has too many fields.
        TooManyFieldsInCommitmentInfo,
        /// The hotkey is not registered on the subnet.
        AccountNotAllowedCommit,
        /// The hotkey has used up its bytes for this epoch.
        SpaceLimitExceeded,
        /// More was unreserved than was reserved.
        UnexpectedUnreserveLeftover,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Replaces the commitment of the signing hotkey.
        #[pallet::call_index(0)]
        #[pallet::weight((Weight::from_parts(COMMIT_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn set_commitment(
            origin: OriginFor<T>,
            netuid: u16,
            info: Box<CommitmentInfo>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let member = subtensor::Uids::<T>::contains_key(netuid, &who);
            ensure!(member, Error::<T>::AccountNotAllowedCommit);
            Self::use_space(netuid, &who, info.bytes())?;
            Self::store(netuid, who, *info);
            Ok(())
        }

        /// Sets the bytes a hotkey may commit in an epoch.
        #[pallet::call_index(2)]
        #[pallet::weight(Weight::from_parts(COMMIT_REF_TIME_PS, 0))]
        pub fn set_max_space(origin: OriginFor<T>, new_limit: u32) -> DispatchResult {
            ensure_root(origin)?;
            MaxSpace::<T>::put(new_limit);
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        fn use_space(netuid: u16, who: &T::AccountId, bytes: u64) -> DispatchResult {
            let epoch = subtensor::SubnetEpochIndex::<T>::get(netuid);
            let mut usage = UsedSpaceOf::<T>::get(netuid, who).unwrap_or_default();
            if usage.last_epoch != epoch {
                usage = UsageTracker { last_epoch: epoch, used_space: 0 };
            }
            usage.used_space = usage.used_space.saturating_add(bytes.max(COMMITMENT_BYTES_MIN));
            let allowed = u64::from(MaxSpace::<T>::get());
            ensure!(usage.used_space <= allowed, Error::<T>::SpaceLimitExceeded);
            UsedSpaceOf::<T>::insert(netuid, who, usage);
            Ok(())
        }

        fn store(netuid: u16, who: T::AccountId, info: CommitmentInfo) {
            let block = u32::try_from(subtensor::Pallet::<T>::now()).unwrap_or(u32::MAX);
            let reveal_round = info.reveal_round();
            if info.resets_bonds() {
                subtensor::Pallet::<T>::reset_bonds(netuid, &who);
                LastBondsReset::<T>::insert(netuid, &who, block);
            }
            CommitmentOf::<T>::insert(netuid, &who, Registration { deposit: 0, block, info });
            LastCommitment::<T>::insert(netuid, &who, block);
            match reveal_round {
                Some(reveal_round) => {
                    Self::await_rounds(netuid, &who);
                    Self::deposit_event(Event::TimelockCommitment { netuid, who, reveal_round });
                }
                None => Self::deposit_event(Event::Commitment { netuid, who }),
            }
        }
    }
}

pub use pallet::*;

use super::subtensor::CommittedBytes;
use codec::{Compact, Encode};
use sp_runtime::AccountId32;

impl<T: Config> CommittedBytes for Pallet<T> {
    fn of_subnet(netuid: u16) -> Vec<(AccountId32, Vec<Compact<u8>>)> {
        let bytes = |info: types::CommitmentInfo| info.encode().into_iter().map(Compact).collect();
        let mut commitments: Vec<_> = CommitmentOf::<T>::iter_prefix(netuid)
            .map(|(hotkey, registration)| (hotkey, bytes(registration.info)))
            .collect();
        commitments.sort_by(|(a, _), (b, _)| a.cmp(b));
        commitments
    }
}
