//! The randomness beacon that opens timelocked weights and commitments (chain interface, sections 4.4 and 5.3).
//!
//! A development chain reaches no network, so it owns its beacon: [`own_beacon`]'s key stands in for
//! drand's, under drand's scheme and timetable. Rounds follow the chain's own clock, so two runs of one
//! scenario publish the same pulses. Ciphertexts made for the real beacon never open here; clients that
//! encrypt to the key in [`BeaconConfig`] do.
//!
//! Signatures cost time, so not every round is published: the rounds that commits wait for are, in the first
//! block that is not before them, and the newest round every [`NEWEST_EVERY_BLOCKS`] blocks.

pub mod types;

use sn3_timelock::{Beacon, LocalBeacon};
use std::sync::OnceLock;

/// The seed of the development beacon's key. Whoever reads this can open everything, on development chains.
const BEACON_SEED: [u8; 32] = *b"sn3 devnet: not a secret beacon.";
/// The newest round is published in every block whose number is one more than a multiple of this.
pub const NEWEST_EVERY_BLOCKS: u32 = 300;
/// The most pulses in one block.
pub const PULSES_PER_BLOCK_MAX: usize = 50;

/// The beacon of development chains.
pub fn own_beacon() -> LocalBeacon {
    LocalBeacon::from_seed(BEACON_SEED)
}

/// What others know of [`own_beacon`]. Every block asks, and its key takes longer to compute than the rest of an
/// empty block, so once.
fn own_key() -> &'static Beacon {
    static KEY: OnceLock<Beacon> = OnceLock::new();
    KEY.get_or_init(|| own_beacon().beacon())
}

/// The pallet.
// FRAME generates undocumented public items.
#[allow(missing_docs)]
#[frame_support::pallet]
pub mod pallet {
    use super::types::*;
    use super::{NEWEST_EVERY_BLOCKS, PULSES_PER_BLOCK_MAX, own_beacon, own_key};
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use sn3_timelock::SIGNATURE_BYTES;
    use sp_inherents::{InherentData, InherentIdentifier, IsFatalError};
    use sp_runtime::{MultiSignature, MultiSigner, traits::UniqueSaturatedInto};
    use std::collections::BTreeSet;

    /// The time it takes to check and store a pulse, in picoseconds.
    const PULSE_REF_TIME_PS: u64 = 3_000_000_000;

    #[pallet::pallet]
    #[pallet::without_storage_info]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config:
        frame_system::Config<RuntimeEvent: From<Event<Self>>> + pallet_timestamp::Config<Moment = u64>
    {
    }

    /// Which beacon's signatures count.
    #[pallet::storage]
    pub type BeaconConfig<T: Config> = StorageValue<_, BeaconConfiguration, ValueQuery>;

    /// The published rounds.
    #[pallet::storage]
    pub type Pulses<T: Config> = StorageMap<_, Blake2_128Concat, u64, Pulse, OptionQuery>;

    /// The newest published round.
    #[pallet::storage]
    pub type LastStoredRound<T: Config> = StorageValue<_, u64, ValueQuery>;

    /// The oldest published round.
    #[pallet::storage]
    pub type OldestStoredRound<T: Config> = StorageValue<_, u64, ValueQuery>;

    /// The block from which on pulses are accepted.
    #[pallet::storage]
    pub type NextUnsignedAt<T: Config> = StorageValue<_, BlockNumberFor<T>, ValueQuery>;

    /// Which migrations have run; a chain that starts at its newest version needs none.
    #[pallet::storage]
    pub type HasMigrationRun<T: Config> =
        StorageMap<_, Identity, BoundedVec<u8, ConstU32<128>>, bool, ValueQuery>;

    /// Rounds that commits wait for. Only development chains have this item: drand publishes all rounds.
    #[pallet::storage]
    pub type WantedRounds<T: Config> = StorageValue<_, BTreeSet<u64>, ValueQuery>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// The beacon was replaced.
        BeaconConfigChanged,
        /// Rounds were published.
        NewPulse {
            /// Their numbers.
            rounds: Vec<u64>,
        },
        /// The oldest kept round was set.
        SetOldestStoredRound(u64),
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The beacon's settings cannot be used.
        NoneValue,
        /// A number is too large.
        StorageOverflow,
        /// The beacon was not reached.
        DrandConnectionFailure,
        /// A pulse is not signed by the beacon.
        UnverifiedPulse,
        /// A round is not after those that are known.
        InvalidRoundNumber,
        /// A signature cannot be checked.
        PulseVerificationError,
    }

    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        #[serde(skip)]
        pub marker: PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            BeaconConfig::<T>::put(BeaconConfiguration::of(own_key(), b"sn3-devnet"));
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Publishes rounds. Only the author of a block may, as an inherent transaction.
        #[pallet::call_index(0)]
        #[pallet::weight((
            Weight::from_parts(PULSE_REF_TIME_PS.saturating_mul(pulses_payload.pulses.len() as u64), 0),
            DispatchClass::Mandatory,
            Pays::No,
        ))]
        pub fn write_pulse(
            origin: OriginFor<T>,
            pulses_payload: PulsesPayload<MultiSigner, BlockNumberFor<T>>,
            _signature: Option<MultiSignature>,
        ) -> DispatchResult {
            ensure_none(origin)?;
            let beacon = BeaconConfig::<T>::get().beacon().ok_or(Error::<T>::NoneValue)?;
            for pulse in &pulses_payload.pulses {
                let signature = pulse.signature_bytes().ok_or(Error::<T>::PulseVerificationError)?;
                ensure!(beacon.verifies(pulse.round, &signature), Error::<T>::UnverifiedPulse);
            }
            Self::store(pulses_payload.pulses);
            Ok(())
        }

        /// Replaces the beacon.
        #[pallet::call_index(1)]
        #[pallet::weight(Weight::from_parts(PULSE_REF_TIME_PS, 0))]
        pub fn set_beacon_config(origin: OriginFor<T>, config: BeaconConfiguration) -> DispatchResult {
            ensure_root(origin)?;
            ensure!(config.beacon().is_some(), Error::<T>::NoneValue);
            BeaconConfig::<T>::put(config);
            Self::deposit_event(Event::BeaconConfigChanged);
            Ok(())
        }

        /// Sets which round counts as the oldest.
        #[pallet::call_index(2)]
        #[pallet::weight(Weight::from_parts(PULSE_REF_TIME_PS, 0))]
        pub fn set_oldest_stored_round(origin: OriginFor<T>, oldest_round: u64) -> DispatchResult {
            ensure_root(origin)?;
            OldestStoredRound::<T>::put(oldest_round);
            Self::deposit_event(Event::SetOldestStoredRound(oldest_round));
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        fn store(pulses: Vec<Pulse>) {
            let rounds: Vec<u64> = pulses.iter().map(|pulse| pulse.round).collect();
            WantedRounds::<T>::mutate(|wanted| wanted.retain(|round| !rounds.contains(round)));
            let newest = rounds.iter().copied().max().unwrap_or(0);
            LastStoredRound::<T>::mutate(|last| *last = newest.max(*last));
            if OldestStoredRound::<T>::get() == 0 {
                OldestStoredRound::<T>::put(rounds.iter().copied().min().unwrap_or(0));
            }
            pulses.into_iter().for_each(|pulse| Pulses::<T>::insert(pulse.round, pulse));
            NextUnsignedAt::<T>::put(frame_system::Pallet::<T>::block_number());
            Self::deposit_event(Event::NewPulse { rounds });
        }

        /// Which rounds the block at this time has to publish.
        fn due(now_ms: u64) -> BTreeSet<u64> {
            let newest = own_key().round_at(now_ms);
            let wanted = WantedRounds::<T>::get();
            let mut due: BTreeSet<u64> =
                wanted.range(..=newest).take(PULSES_PER_BLOCK_MAX).copied().collect();
            let number: u32 = frame_system::Pallet::<T>::block_number().unique_saturated_into();
            if number % NEWEST_EVERY_BLOCKS == 1 && newest > LastStoredRound::<T>::get() {
                due.insert(newest);
            }
            due
        }

        fn owns_beacon() -> bool {
            BeaconConfig::<T>::get().public_key.as_slice() == own_key().public_key().as_slice()
        }
    }

    impl<T: Config> super::super::subtensor::Beacon for Pallet<T> {
        fn last_round() -> u64 {
            LastStoredRound::<T>::get()
        }

        fn signature(round: u64) -> Option<[u8; SIGNATURE_BYTES]> {
            Pulses::<T>::get(round)?.signature_bytes()
        }

        fn want(round: u64) {
            if !Pulses::<T>::contains_key(round) {
                WantedRounds::<T>::mutate(|wanted| wanted.insert(round));
            }
        }
    }

    /// A refusal of the pulses in a block; there is none, each call checks its own.
    #[derive(Encode, Debug)]
    pub enum NoRefusal {}

    impl IsFatalError for NoRefusal {
        fn is_fatal_error(&self) -> bool {
            match *self {}
        }
    }

    #[pallet::inherent]
    impl<T: Config> ProvideInherent for Pallet<T> {
        type Call = Call<T>;
        type Error = NoRefusal;
        const INHERENT_IDENTIFIER: InherentIdentifier = *b"drandpls";

        fn create_inherent(data: &InherentData) -> Option<Call<T>> {
            let now_ms = data.get_data::<u64>(&sp_timestamp::INHERENT_IDENTIFIER).ok().flatten()?;
            let due = Self::due(now_ms);
            if due.is_empty() || !Self::owns_beacon() {
                return None;
            }
            let beacon = own_beacon();
            let pulses = due.into_iter().map(|round| Pulse::signed(round, &beacon.sign(round))).collect();
            let block_number = frame_system::Pallet::<T>::block_number();
            let public = MultiSigner::Sr25519(sp_core::sr25519::Public::default());
            let pulses_payload = PulsesPayload { block_number, pulses, public };
            Some(Call::write_pulse { pulses_payload, signature: None })
        }

        fn is_inherent(call: &Call<T>) -> bool {
            matches!(call, Call::write_pulse { .. })
        }
    }
}

pub use pallet::*;
