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
        /// A hotkey gave all its places to another one.
        #[codec(index = 66)]
        HotkeySwapped {
            /// Their owner.
            coldkey: T::AccountId,
            /// The one before.
            old_hotkey: T::AccountId,
            /// The one from now on.
            new_hotkey: T::AccountId,
        },
        /// A coldkey says that it will give everything to another one.
        #[codec(index = 69)]
        ColdkeySwapAnnounced {
            /// The coldkey.
            who: T::AccountId,
            /// The hash of the other one.
            new_coldkey_hash: H256,
        },
        /// Root took back the announcement of a coldkey.
        #[codec(index = 70)]
        ColdkeySwapReset {
            /// The coldkey.
            who: T::AccountId,
        },
        /// A coldkey gave everything to another one.
        #[codec(index = 71)]
        ColdkeySwapped {
            /// The one before.
            old_coldkey: T::AccountId,
            /// The one from now on.
            new_coldkey: T::AccountId,
        },
        /// A coldkey says that it did not announce its swap itself.
        #[codec(index = 72)]
        ColdkeySwapDisputed {
            /// The coldkey.
            coldkey: T::AccountId,
        },
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
        /// Salted weights were revealed together: (hotkey, netuid, hashes).
        #[codec(index = 87)]
        WeightsBatchRevealed(T::AccountId, NetUid, Vec<H256>),
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
        /// A hotkey gave its place on one subnet to another one.
        #[codec(index = 102)]
        HotkeySwappedOnSubnet {
            /// Their owner.
            coldkey: T::AccountId,
            /// The one before.
            old_hotkey: T::AccountId,
            /// The one from now on.
            new_hotkey: T::AccountId,
            /// The subnet.
            netuid: NetUid,
        },
        /// A subnet has another symbol.
        #[codec(index = 105)]
        SymbolUpdated {
            /// The subnet.
            netuid: NetUid,
            /// The symbol.
            symbol: Vec<u8>,
        },
        /// Timelocked weights were committed: (hotkey, storage index, hash of the bytes, round).
        #[codec(index = 107)]
        TimelockedWeightsCommitted(T::AccountId, NetUidStorageIndex, H256, u64),
        /// Timelocked weights were opened and set: (storage index, hotkey).
        #[codec(index = 108)]
        TimelockedWeightsRevealed(NetUidStorageIndex, T::AccountId),
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
        /// Stake was bought and burned.
        #[codec(index = 121)]
        AddStakeBurn {
            /// The subnet.
            netuid: NetUid,
            /// The hotkey.
            hotkey: T::AccountId,
            /// The TAO paid.
            amount: TaoBalance,
            /// The alpha burned.
            alpha: AlphaBalance,
        },
        /// A coldkey took back its announcement.
        #[codec(index = 122)]
        ColdkeySwapCleared {
            /// The coldkey.
            who: T::AccountId,
        },
        /// A fee was paid with stake.
        #[codec(index = 123)]
        TransactionFeePaidWithAlpha {
            /// The coldkey.
            who: T::AccountId,
            /// The alpha sold for the fee.
            alpha_fee: AlphaBalance,
        },
        /// A hotkey chose whether new subnets become its children by themselves.
        #[codec(index = 126)]
        AutoParentDelegationEnabledSet {
            /// The hotkey.
            hotkey: T::AccountId,
            /// Its choice.
            enabled: bool,
        },
        /// An owner asked for an epoch.
        #[codec(index = 131)]
        EpochTriggered {
            /// The subnet.
            netuid: NetUid,
            /// The owner.
            by: T::AccountId,
            /// The first block in which it may run.
            fires_at: u64,
        },
        /// An epoch had to wait for the next block.
        #[codec(index = 132)]
        EpochDeferred {
            /// The subnet.
            netuid: NetUid,
            /// The block in which it was due.
            from_block: u64,
            /// The next block.
            to_block: u64,
        },
    }
}
