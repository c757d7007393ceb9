//! Settings and counters of the whole chain.

use frame_support::pallet_macros::pallet_section;

/// Settings and counters of the whole chain.
#[pallet_section]
mod storage_globals {

    /// The economic state that all amounts are computed on, by kind of part and subnet, in its own encoding.
    #[pallet::storage]
    pub type Economy<T: Config> = StorageMap<_, Identity, (u8, u16), Vec<u8>, ValueQuery>;

    /// Names the economic state: a hash over all that was ever written to it.
    #[pallet::storage]
    pub type EconomyStamp<T: Config> = StorageValue<_, [u8; 32], ValueQuery>;

    /// How many blocks before an epoch the subnet's settings may not change.
    #[pallet::storage]
    pub type AdminFreezeWindow<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<10>>;

    /// How many tempos lie between two changes of one setting by a subnet owner.
    #[pallet::storage]
    pub type OwnerHyperparamRateLimit<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<2>>;

    /// The smallest activity cutoff in blocks; kept for old clients.
    #[pallet::storage]
    pub type MinActivityCutoff<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<360>>;

    /// The weight of root stake against alpha stake, as parts of 2^64.
    #[pallet::storage]
    pub type TaoWeight<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<971_718_665_099_567_868>>;

    /// The part of child-key dividends that is burned, as parts of 2^64.
    #[pallet::storage]
    pub type CKBurn<T: Config> = StorageValue<_, u64, ValueQuery>;

    /// The largest delegate take, where 65535 is everything.
    #[pallet::storage]
    pub type MaxDelegateTake<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<11_796>>;

    /// The smallest delegate take, where 65535 is everything.
    #[pallet::storage]
    pub type MinDelegateTake<T: Config> = StorageValue<_, u16, ValueQuery>;

    /// The largest child-key take, where 65535 is everything.
    #[pallet::storage]
    pub type MaxChildkeyTake<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<11_796>>;

    /// The smallest child-key take, where 65535 is everything.
    #[pallet::storage]
    pub type MinChildkeyTake<T: Config> = StorageValue<_, u16, ValueQuery>;

    /// The emission that was computed last, in rao.
    #[pallet::storage]
    pub type BlockEmission<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<1_000_000_000>>;

    /// The largest number of subnets besides root.
    #[pallet::storage]
    pub type SubnetLimit<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<128>>;

    /// All TAO that exists, in rao.
    #[pallet::storage]
    pub type TotalIssuance<T: Config> = StorageValue<_, TaoBalance, ValueQuery>;

    /// All TAO in pools and root stake, in rao.
    #[pallet::storage]
    pub type TotalStake<T: Config> = StorageValue<_, TaoBalance, ValueQuery>;

    #[pallet::type_value]
    pub fn DefaultSubnetMovingAlpha<T: Config>() -> FixedI128 {
        FixedI128 { bits: 12_885 }
    }

    /// The smoothing factor of the moving prices.
    #[pallet::storage]
    pub type SubnetMovingAlpha<T: Config> =
        StorageValue<_, FixedI128, ValueQuery, DefaultSubnetMovingAlpha<T>>;

    /// How many networks exist, root included.
    #[pallet::storage]
    pub type TotalNetworks<T: Config> = StorageValue<_, u16, ValueQuery>;

    /// How many blocks a new subnet cannot be pruned.
    #[pallet::storage]
    pub type NetworkImmunityPeriod<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<1_296_000>>;

    /// How many blocks after its registration a subnet can be started.
    #[pallet::storage]
    pub type StartCallDelay<T: Config> = StorageValue<_, u64, ValueQuery>;

    /// The lowest price of a subnet, in rao.
    #[pallet::storage]
    pub type NetworkMinLockCost<T: Config> =
        StorageValue<_, TaoBalance, ValueQuery, ConstU64<1_000_000_000_000>>;

    /// The price the last subnet paid, in rao.
    #[pallet::storage]
    pub type NetworkLastLockCost<T: Config> =
        StorageValue<_, TaoBalance, ValueQuery, ConstU64<1_000_000_000_000>>;

    /// How many blocks it takes the price of a subnet to fall back.
    #[pallet::storage]
    pub type NetworkLockReductionInterval<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<100_800>>;

    /// The owner's part of alpha emission, where 65535 is everything.
    #[pallet::storage]
    pub type SubnetOwnerCut<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<11_796>>;

    /// How many blocks lie between two subnet registrations.
    #[pallet::storage]
    pub type NetworkRateLimit<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<7_200>>;

    /// The smallest stake of a nominator, in rao.
    #[pallet::storage]
    pub type NominatorMinRequiredStake<T: Config> = StorageValue<_, u64, ValueQuery>;

    /// How many tempos lie between two changes of the weights version.
    #[pallet::storage]
    pub type WeightsVersionKeyRateLimit<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<5>>;

    /// How many epochs may run in one block; the others wait a block.
    #[pallet::storage]
    pub type MaxEpochsPerBlock<T: Config> = StorageValue<_, u8, ValueQuery, ConstU8<2>>;

    /// How many blocks lie between two hotkey swaps.
    #[pallet::storage]
    pub type TxRateLimit<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<1_000>>;

    /// How many blocks lie between two raises of a delegate take.
    #[pallet::storage]
    pub type TxDelegateTakeRateLimit<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<216_000>>;

    /// How many blocks lie between two raises of a child-key take.
    #[pallet::storage]
    pub type TxChildkeyTakeRateLimit<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<216_000>>;

    /// The stake weight a validator needs to set weights, in rao.
    #[pallet::storage]
    pub type StakeThreshold<T: Config> = StorageValue<_, u64, ValueQuery>;

    /// How many coldkeys hold root stake.
    #[pallet::storage]
    pub type NumStakingColdkeys<T: Config> = StorageValue<_, u64, ValueQuery>;

    /// How many root stakers are paid automatically in a block.
    #[pallet::storage]
    pub type NumRootClaim<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<5>>;

    /// The version of timelocked commits that is accepted.
    #[pallet::storage]
    pub type CommitRevealWeightsVersion<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<4>>;

    /// The block from which on subnets can be registered.
    #[pallet::storage]
    pub type NetworkRegistrationStartBlock<T: Config> = StorageValue<_, u64, ValueQuery>;

    /// The largest number of mechanisms of a subnet.
    #[pallet::storage]
    pub type MaxMechanismCount<T: Config> = StorageValue<_, MechId, ValueQuery, ConstU8<2>>;

    /// How many blocks new child keys wait.
    #[pallet::storage]
    pub type PendingChildKeyCooldown<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<7_200>>;

    /// How many blocks conviction takes to mature.
    #[pallet::storage]
    pub type MaturityRate<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<934_866>>;

    /// How many blocks locked stake takes to decay.
    #[pallet::storage]
    pub type UnlockRate<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<934_866>>;

    /// Whether protocol flow is taken off user flow.
    #[pallet::storage]
    pub type NetTaoFlowEnabled<T: Config> = StorageValue<_, bool, ValueQuery, ConstBool<true>>;

    /// The flow below which a subnet gets no share.
    #[pallet::storage]
    pub type TaoFlowCutoff<T: Config> = StorageValue<_, FixedI128, ValueQuery>;

    #[pallet::type_value]
    pub fn DefaultFlowNormExponent<T: Config>() -> FixedU128 {
        FixedU128 { bits: 1 << 64 }
    }

    /// The exponent of flow shares.
    #[pallet::storage]
    pub type FlowNormExponent<T: Config> = StorageValue<_, FixedU128, ValueQuery, DefaultFlowNormExponent<T>>;

    /// The smoothing factor of flows, as parts of 2^63.
    #[pallet::storage]
    pub type FlowEmaSmoothingFactor<T: Config> =
        StorageValue<_, u64, ValueQuery, ConstU64<29_597_889_189_277>>;

    /// When something limited in its rate happened last.
    #[pallet::storage]
    pub type LastRateLimitedBlock<T: Config> =
        StorageMap<_, Identity, RateLimitKey<T::AccountId>, u64, ValueQuery>;

    /// How many blocks lie between the announcement of a coldkey swap and the swap.
    #[pallet::storage]
    pub type ColdkeySwapAnnouncementDelay<T: Config> =
        StorageValue<_, BlockNumberFor<T>, ValueQuery, DefaultAnnouncementDelay<T>>;

    #[pallet::type_value]
    pub fn DefaultAnnouncementDelay<T: Config>() -> BlockNumberFor<T> {
        36_000u32.into()
    }

    /// How many blocks after that an announcement can be replaced or cleared.
    #[pallet::storage]
    pub type ColdkeySwapReannouncementDelay<T: Config> =
        StorageValue<_, BlockNumberFor<T>, ValueQuery, DefaultReannouncementDelay<T>>;

    #[pallet::type_value]
    pub fn DefaultReannouncementDelay<T: Config>() -> BlockNumberFor<T> {
        7_200u32.into()
    }

    /// Announced coldkey swaps: (first block of the swap, hash of the new coldkey).
    #[pallet::storage]
    pub type ColdkeySwapAnnouncements<T: Config> =
        StorageMap<_, Twox64Concat, T::AccountId, (BlockNumberFor<T>, H256), OptionQuery>;

    /// Disputed coldkey swaps, and since which block.
    #[pallet::storage]
    pub type ColdkeySwapDisputes<T: Config> =
        StorageMap<_, Twox64Concat, T::AccountId, BlockNumberFor<T>, OptionQuery>;

    /// The block in which a coldkey swapped a hotkey on one subnet.
    #[pallet::storage]
    pub type LastHotkeySwapOnNetuid<T: Config> =
        StorageDoubleMap<_, Identity, NetUid, Blake2_128Concat, T::AccountId, u64, ValueQuery>;
}
