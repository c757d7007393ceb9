//! The events, numbered as on the chain (chain interface, section 3.11).

use frame_support::pallet_macros::pallet_section;

/// The events.
#[pallet_section]
mod subtensor_events {
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A network was registered: (netuid, mechanism).
        #[codec(index = 0)]
        NetworkAdded(NetUid, u16),
        /// A network was dissolved.
        #[codec(index = 1)]
        NetworkRemoved(NetUid),
        /// Stake was bought: (coldkey, hotkey, TAO, alpha, netuid, fee).
        #[codec(index = 2)]
        StakeAdded(T::AccountId, T::AccountId, TaoBalance, AlphaBalance, NetUid, u64),
        /// Stake was sold: (coldkey, hotkey, TAO, alpha, netuid, fee).
        #[codec(index = 3)]
        StakeRemoved(T::AccountId, T::AccountId, TaoBalance, AlphaBalance, NetUid, u64),
        /// Stake was moved: (coldkey, from hotkey, from netuid, to hotkey, to netuid, TAO value).
        #[codec(index = 4)]
        StakeMoved(T::AccountId, T::AccountId, NetUid, T::AccountId, NetUid, TaoBalance),
        /// A neuron set weights: (storage index, uid).
        #[codec(index = 5)]
        WeightsSet(NetUidStorageIndex, u16),
        /// A neuron was registered: (netuid, uid, hotkey).
        #[codec(index = 6)]
        NeuronRegistered(NetUid, u16, T::AccountId),
        /// A neuron announced its endpoint: (netuid, hotkey).
        #[codec(index = 28)]
        AxonServed(NetUid, T::AccountId),
        /// A neuron announced its metrics: (netuid, hotkey).
        #[codec(index = 29)]
        PrometheusServed(NetUid, T::AccountId),
        /// The tempo was set: (netuid, blocks).
        #[codec(index = 52)]
        TempoSet(NetUid, u16),
        /// A delegate take fell: (coldkey, hotkey, take).
        #[codec(index = 64)]
        TakeDecreased(T::AccountId, T::AccountId, u16),
        /// A delegate take rose: (coldkey, hotkey, take).
        #[codec(index = 65)]
        TakeIncreased(T::AccountId, T::AccountId, u16),
        /// Child keys wait: (hotkey, netuid, block, children).
        #[codec(index = 75)]
        SetChildrenScheduled(T::AccountId, NetUid, u64, Vec<(u64, T::AccountId)>),
        /// Child keys were set: (hotkey, netuid, children).
        #[codec(index = 76)]
        SetChildren(T::AccountId, NetUid, Vec<(u64, T::AccountId)>),
        /// A child-key take was set: (hotkey, take).
        #[codec(index = 47)]
        ChildKeyTakeSet(T::AccountId, u16),
        /// A coldkey described itself.
        #[codec(index = 77)]
        ChainIdentitySet(T::AccountId),
        /// A subnet was described.
        #[codec(index = 78)]
        SubnetIdentitySet(NetUid),
        /// Salted weights were committed: (hotkey, storage index, hash).
        #[codec(index = 85)]
        WeightsCommitted(T::AccountId, NetUidStorageIndex, H256),
        /// Salted weights were revealed: (hotkey, storage index, hash).
        #[codec(index = 86)]
        WeightsRevealed(T::AccountId, NetUidStorageIndex, H256),
        /// A batch of weights is done: (netuids, hotkey).
        #[codec(index = 88)]
        BatchWeightsCompleted(Vec<Compact<NetUid>>, T::AccountId),
        /// A part of a batch failed.
        #[codec(index = 90)]
        BatchWeightItemFailed(DispatchError),
        /// Stake changed its owner: (from coldkey, to coldkey, hotkey, from netuid, to netuid, TAO value).
        #[codec(index = 91)]
        StakeTransferred(T::AccountId, T::AccountId, T::AccountId, NetUid, NetUid, TaoBalance),
        /// Stake changed its subnet: (coldkey, hotkey, from netuid, to netuid, TAO value).
        #[codec(index = 92)]
        StakeSwapped(T::AccountId, T::AccountId, NetUid, NetUid, TaoBalance),
        /// A subnet was started: (netuid, block of its first emission).
        #[codec(index = 95)]
        FirstEmissionBlockNumberSet(NetUid, u64),
        /// Stake was recycled: (coldkey, hotkey, alpha, netuid).
        #[codec(index = 96)]
        AlphaRecycled(T::AccountId, T::AccountId, AlphaBalance, NetUid),
        /// Stake was burned: (coldkey, hotkey, alpha, netuid).
        #[codec(index = 97)]
        AlphaBurned(T::AccountId, T::AccountId, AlphaBalance, NetUid),
        /// The reveal period was set: (netuid, epochs).
        #[codec(index = 100)]
        CommitRevealPeriodsSet(NetUid, u64),
        /// Commit-reveal was switched: (netuid, on).
        #[codec(index = 101)]
        CommitRevealEnabled(NetUid, bool),
        /// A coldkey claimed its root dividends.
        #[codec(index = 114)]
        RootClaimed {
            /// The coldkey.
            coldkey: T::AccountId,
        },
        /// A coldkey chose what its root dividends become.
        #[codec(index = 115)]
        RootClaimTypeSet {
            /// The coldkey.
            coldkey: T::AccountId,
            /// Its choice.
            root_claim_type: RootClaimTypeEnum,
        },
        /// An owner asked for an epoch.
        #[codec(index = 131)]
        EpochTriggered {
            /// The subnet.
            netuid: NetUid,
            /// The block in which it runs.
            block: u64,
        },
        /// An epoch had to wait for the next block: (netuid, block).
        #[codec(index = 132)]
        EpochDeferred {
            /// The subnet.
            netuid: NetUid,
        },
    }
}
