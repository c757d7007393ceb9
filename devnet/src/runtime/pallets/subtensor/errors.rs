//! The errors, in the order of the chain (chain interface, section 3.11).

use frame_support::pallet_macros::pallet_section;

/// The errors.
#[pallet_section]
mod subtensor_errors {
    #[pallet::error]
    pub enum Error<T> {
        /// Root network does not exist.
        RootNetworkDoesNotExist,
        /// Invalid ip type.
        InvalidIpType,
        /// Invalid ip address.
        InvalidIpAddress,
        /// Invalid port.
        InvalidPort,
        /// The hotkey is not registered on the subnet.
        HotKeyNotRegisteredInSubNet,
        /// Hotkey account not exists.
        HotKeyAccountNotExists,
        /// Hotkey not registered in network.
        HotKeyNotRegisteredInNetwork,
        /// The hotkey belongs to another coldkey.
        NonAssociatedColdKey,
        /// Not enough stake.
        NotEnoughStake,
        /// Not enough stake to withdraw.
        NotEnoughStakeToWithdraw,
        /// Not enough stake to set weights.
        NotEnoughStakeToSetWeights,
        /// Not enough stake to set childkeys.
        NotEnoughStakeToSetChildkeys,
        /// The coldkey does not own enough TAO.
        NotEnoughBalanceToStake,
        /// Balance withdrawal error.
        BalanceWithdrawalError,
        /// Zero balance after withdrawn.
        ZeroBalanceAfterWithdrawn,
        /// The neuron has no validator permit and may set no weights.
        NeuronNoValidatorPermit,
        /// Weight vec not equal size.
        WeightVecNotEqualSize,
        /// Duplicate uids.
        DuplicateUids,
        /// Uid vec contain invalid one.
        UidVecContainInvalidOne,
        /// Weight vec length is low.
        WeightVecLengthIsLow,
        /// Too many registrations this block.
        TooManyRegistrationsThisBlock,
        /// Hotkey already registered in subnet.
        HotKeyAlreadyRegisteredInSubNet,
        /// New hotkey is same with old.
        NewHotKeyIsSameWithOld,
        /// New hotkey not clean for root swap.
        NewHotKeyNotCleanForRootSwap,
        /// Invalid work block.
        InvalidWorkBlock,
        /// Invalid difficulty.
        InvalidDifficulty,
        /// Invalid seal.
        InvalidSeal,
        /// Max weight exceeded.
        MaxWeightExceeded,
        /// Hotkey already delegate.
        HotKeyAlreadyDelegate,
        /// The hotkey set weights less than the rate limit ago.
        SettingWeightsTooFast,
        /// Incorrect weight version key.
        IncorrectWeightVersionKey,
        /// Serving rate limit exceeded.
        ServingRateLimitExceeded,
        /// Uids length exceed uids in subnet.
        UidsLengthExceedUidsInSubNet,
        /// Network tx rate limit exceeded.
        NetworkTxRateLimitExceeded,
        /// Delegate tx rate limit exceeded.
        DelegateTxRateLimitExceeded,
        /// Hotkey set tx rate limit exceeded.
        HotKeySetTxRateLimitExceeded,
        /// Staking rate limit exceeded.
        StakingRateLimitExceeded,
        /// Subnet registration disabled.
        SubNetRegistrationDisabled,
        /// Too many registrations this interval.
        TooManyRegistrationsThisInterval,
        /// Transactor account should be hotkey.
        TransactorAccountShouldBeHotKey,
        /// Faucet disabled.
        FaucetDisabled,
        /// Not subnet owner.
        NotSubnetOwner,
        /// Registration not permitted on root subnet.
        RegistrationNotPermittedOnRootSubnet,
        /// Stake too low for root.
        StakeTooLowForRoot,
        /// All networks in immunity.
        AllNetworksInImmunity,
        /// Not enough balance to pay swap hotkey.
        NotEnoughBalanceToPaySwapHotKey,
        /// Not root subnet.
        NotRootSubnet,
        /// Can not set root network weights.
        CanNotSetRootNetworkWeights,
        /// No neuron id available.
        NoNeuronIdAvailable,
        /// Delegate take too low.
        DelegateTakeTooLow,
        /// Delegate take too high.
        DelegateTakeTooHigh,
        /// No weights commit found.
        NoWeightsCommitFound,
        /// Invalid reveal commit hash not match.
        InvalidRevealCommitHashNotMatch,
        /// The subnet wants weights committed before they are revealed.
        CommitRevealEnabled,
        /// The subnet takes weights directly; nothing can be committed.
        CommitRevealDisabled,
        /// Liquid alpha disabled.
        LiquidAlphaDisabled,
        /// Alpha high too low.
        AlphaHighTooLow,
        /// Alpha low out of range.
        AlphaLowOutOfRange,
        /// Coldkey already associated.
        ColdKeyAlreadyAssociated,
        /// Not enough balance to pay swap coldkey.
        NotEnoughBalanceToPaySwapColdKey,
        /// Invalid child.
        InvalidChild,
        /// Duplicate child.
        DuplicateChild,
        /// Proportion overflow.
        ProportionOverflow,
        /// Too many children.
        TooManyChildren,
        /// Tx rate limit exceeded.
        TxRateLimitExceeded,
        /// Coldkey swap announcement not found.
        ColdkeySwapAnnouncementNotFound,
        /// Coldkey swap too early.
        ColdkeySwapTooEarly,
        /// Coldkey swap reannounced too early.
        ColdkeySwapReannouncedTooEarly,
        /// Announced coldkey hash does not match.
        AnnouncedColdkeyHashDoesNotMatch,
        /// Coldkey swap already disputed.
        ColdkeySwapAlreadyDisputed,
        /// New coldkey is hotkey.
        NewColdKeyIsHotkey,
        /// Invalid childkey take.
        InvalidChildkeyTake,
        /// Tx childkey take rate limit exceeded.
        TxChildkeyTakeRateLimitExceeded,
        /// Invalid identity.
        InvalidIdentity,
        /// Mechanism does not exist.
        MechanismDoesNotExist,
        /// Stake unavailable.
        StakeUnavailable,
        /// Subnet not exists.
        SubnetNotExists,
        /// Too many unrevealed commits.
        TooManyUnrevealedCommits,
        /// Expired weight commit.
        ExpiredWeightCommit,
        /// Reveal too early.
        RevealTooEarly,
        /// Input lengths unequal.
        InputLengthsUnequal,
        /// Committing weights too fast.
        CommittingWeightsTooFast,
        /// The amount is below the smallest stake.
        AmountTooLow,
        /// Insufficient liquidity.
        InsufficientLiquidity,
        /// The price would move beyond the limit.
        SlippageTooHigh,
        /// Transfer disallowed.
        TransferDisallowed,
        /// Activity cutoff too low.
        ActivityCutoffTooLow,
        /// Call disabled.
        CallDisabled,
        /// First emission block number already set.
        FirstEmissionBlockNumberAlreadySet,
        /// Need waiting more blocks to star call.
        NeedWaitingMoreBlocksToStarCall,
        /// Not enough alpha out to recycle.
        NotEnoughAlphaOutToRecycle,
        /// Cannot burn or recycle on root subnet.
        CannotBurnOrRecycleOnRootSubnet,
        /// Unable to recover public key.
        UnableToRecoverPublicKey,
        /// Invalid recovered public key.
        InvalidRecoveredPublicKey,
        /// The subnet has not been started, so its alpha cannot be staked.
        SubtokenDisabled,
        /// Hotkey swap on subnet interval not passed.
        HotKeySwapOnSubnetIntervalNotPassed,
        /// Same netuid.
        SameNetuid,
        /// Insufficient balance.
        InsufficientBalance,
        /// Invalid lease beneficiary.
        InvalidLeaseBeneficiary,
        /// Lease cannot end in the past.
        LeaseCannotEndInThePast,
        /// Lease netuid not found.
        LeaseNetuidNotFound,
        /// Lease does not exist.
        LeaseDoesNotExist,
        /// Lease has no end block.
        LeaseHasNoEndBlock,
        /// Lease has not ended.
        LeaseHasNotEnded,
        /// Overflow.
        Overflow,
        /// Beneficiary does not own hotkey.
        BeneficiaryDoesNotOwnHotkey,
        /// Expected beneficiary origin.
        ExpectedBeneficiaryOrigin,
        /// The next epoch is too near for the setting to change.
        AdminActionProhibitedDuringWeightsWindow,
        /// Symbol does not exist.
        SymbolDoesNotExist,
        /// Symbol already in use.
        SymbolAlreadyInUse,
        /// Incorrect commit reveal version.
        IncorrectCommitRevealVersion,
        /// Invalid reveal round.
        InvalidRevealRound,
        /// Reveal period too large.
        RevealPeriodTooLarge,
        /// Reveal period too small.
        RevealPeriodTooSmall,
        /// Invalid value.
        InvalidValue,
        /// Subnet limit reached.
        SubnetLimitReached,
        /// Cannot afford lock cost.
        CannotAffordLockCost,
        /// Evm key associate rate limit exceeded.
        EvmKeyAssociateRateLimitExceeded,
        /// Same auto stake hotkey already set.
        SameAutoStakeHotkeyAlreadySet,
        /// Uid map could not be cleared.
        UidMapCouldNotBeCleared,
        /// Trimming would exceed max immune percentage.
        TrimmingWouldExceedMaxImmunePercentage,
        /// Child parent inconsistency.
        ChildParentInconsistency,
        /// Invalid num root claim.
        InvalidNumRootClaim,
        /// Invalid root claim threshold.
        InvalidRootClaimThreshold,
        /// Invalid subnet number.
        InvalidSubnetNumber,
        /// Too many ui ds per mechanism.
        TooManyUIDsPerMechanism,
        /// Voting power tracking not enabled.
        VotingPowerTrackingNotEnabled,
        /// Invalid voting power ema alpha.
        InvalidVotingPowerEmaAlpha,
        /// Deprecated.
        Deprecated,
        /// Add stake burn rate limit exceeded.
        AddStakeBurnRateLimitExceeded,
        /// Coldkey swap announced.
        ColdkeySwapAnnounced,
        /// Coldkey swap disputed.
        ColdkeySwapDisputed,
        /// Coldkey swap clear too early.
        ColdkeySwapClearTooEarly,
        /// Disabled temporarily.
        DisabledTemporarily,
        /// The registration costs more than the limit.
        RegistrationPriceLimitExceeded,
        /// Lock hotkey mismatch.
        LockHotkeyMismatch,
        /// Insufficient stake for lock.
        InsufficientStakeForLock,
        /// No existing lock.
        NoExistingLock,
        /// Active lock exists.
        ActiveLockExists,
        /// Cannot use system account.
        CannotUseSystemAccount,
        /// Unlock amount too high.
        UnlockAmountTooHigh,
        /// Tempo out of bounds.
        TempoOutOfBounds,
        /// Activity cutoff factor milli out of bounds.
        ActivityCutoffFactorMilliOutOfBounds,
        /// Epoch trigger already pending.
        EpochTriggerAlreadyPending,
        /// Auto epoch already imminent.
        AutoEpochAlreadyImminent,
        /// Dynamic tempo blocked by commit reveal.
        DynamicTempoBlockedByCommitReveal,
        /// Account rejects locked alpha.
        AccountRejectsLockedAlpha,
    }
}
