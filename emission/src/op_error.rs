//! Why an operation on a [`Network`](crate::Network) was refused, by the pallet's error names.

use codec::{Decode, Encode};

use crate::pool::SwapError;

macro_rules! op_errors {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// The pallet's error for a refused operation. A refused operation changed nothing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Encode, Decode)]
        #[non_exhaustive]
        pub enum OpError {
            $($(#[$doc])* #[error($text)] $name,)*
            /// The pool refused the swap.
            #[error(transparent)]
            Swap(#[from] SwapError),
        }

        impl OpError {
            /// The error's name in the chain's metadata.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    Self::Swap(error) => error.name(),
                }
            }
        }
    };
}

op_errors! {
    /// There is no such subnet.
    SubnetNotExists => "there is no such subnet; look at the list of subnets",
    /// The subnet's alpha cannot be traded yet.
    SubtokenDisabled => "the subnet has not started; wait for its owner's start call",
    /// The amount is under the minimum.
    AmountTooLow => "the amount is below the minimum stake plus fee; use more",
    /// The balance does not cover the amount.
    NotEnoughBalanceToStake => "the coldkey's balance does not cover the amount; use less",
    /// Nobody registered this hotkey.
    HotKeyAccountNotExists => "the hotkey is not known to the chain; register it first",
    /// The pool is too small for the amount.
    InsufficientLiquidity => "the pool is too small for this amount; use less",
    /// The limit would be passed and partial fills are not allowed.
    SlippageTooHigh => "the price limit would be passed; use less, or allow a partial fill",
    /// The coldkey holds less stake than it wants to withdraw.
    NotEnoughStakeToWithdraw => "the coldkey holds less stake there; withdraw less",
    /// Origin and destination are the same.
    SameNetuid => "origin and destination are the same subnet; choose another",
    /// The subnet does not allow transfers between coldkeys.
    TransferDisallowed => "the subnet does not allow stake transfers",
    /// Root has other registration rules.
    RegistrationNotPermittedOnRootSubnet => "root has its own registration; use the root call",
    /// The subnet does not accept registrations.
    SubNetRegistrationDisabled => "the subnet does not accept registrations",
    /// The hotkey has a uid there already.
    HotKeyAlreadyRegisteredInSubNet => "the hotkey is registered on this subnet already",
    /// The hotkey belongs to another coldkey.
    NonAssociatedColdKey => "the hotkey belongs to another coldkey; sign with that one",
    /// All neurons are immune.
    NoNeuronIdAvailable => "no slot is free and no neuron can be replaced; try later",
    /// The stake does not reach the least root member's.
    StakeTooLowForRoot => "the stake does not exceed the least root member's; stake more",
    /// The hotkey has no uid there.
    HotKeyNotRegisteredInSubNet => "the hotkey is not registered on this subnet",
    /// Root has no weights.
    CanNotSetRootNetworkWeights => "weights cannot be set on root",
    /// The lists differ in length.
    WeightVecNotEqualSize => "the lists of uids and weights differ in length",
    /// There is no such mechanism.
    MechanismDoesNotExist => "the subnet has no such mechanism",
    /// More uids than neurons.
    UidsLengthExceedUidsInSubNet => "more uids are given than there are neurons",
    /// The stake is under the threshold.
    NotEnoughStakeToSetWeights => "the stake is below the threshold for weights; stake more",
    /// The version key is too small.
    IncorrectWeightVersionKey => "the weights' version key is older than the subnet's; update",
    /// The rate limit has not passed.
    SettingWeightsTooFast => "weights were set within the rate limit; wait",
    /// The neuron is no validator.
    NeuronNoValidatorPermit => "the neuron has no validator permit; stake more",
    /// A uid appears twice.
    DuplicateUids => "a uid appears twice",
    /// A uid does not exist.
    UidVecContainInvalidOne => "a uid does not exist on this subnet",
    /// Too few weights.
    WeightVecLengthIsLow => "fewer weights than the subnet's minimum",
    /// Weights must be committed first.
    CommitRevealEnabled => "the subnet uses commit-reveal; commit the weights",
    /// Weights are set without commits.
    CommitRevealDisabled => "the subnet does not use commit-reveal; set the weights",
    /// The rate limit of commits has not passed.
    CommittingWeightsTooFast => "weights were committed within the rate limit; wait",
    /// Too many commits wait.
    TooManyUnrevealedCommits => "too many commits wait for their reveal; reveal them first",
    /// No stored commit fits.
    NoWeightsCommitFound => "no commit waits to be revealed",
    /// No stored commit has this hash.
    InvalidRevealCommitHashNotMatch => "the revealed weights do not match any commit",
    /// The reveal epoch is over.
    ExpiredWeightCommit => "the commit's reveal epoch is over; commit again",
    /// The reveal epoch has not begun.
    RevealTooEarly => "the commit's reveal epoch has not begun; wait",
    /// A child is not allowed.
    InvalidChild => "a hotkey cannot be its own child or its parent's parent",
    /// A child appears twice.
    DuplicateChild => "a child appears twice",
    /// The proportions exceed one.
    ProportionOverflow => "the children's proportions exceed the whole",
    /// Too many children.
    TooManyChildren => "more children than allowed",
    /// The stake is under the threshold for child keys.
    NotEnoughStakeToSetChildkeys => "the stake is below the threshold for child keys; stake more",
    /// A child is a parent or the other way round.
    ChildParentInconsistency => "a hotkey cannot be parent and child of the same one",
    /// The child key take is out of range.
    InvalidChildkeyTake => "the child key take is out of range",
    /// The take is too low.
    DelegateTakeTooLow => "the take is below the minimum, or not below the current one",
    /// The take is too high.
    DelegateTakeTooHigh => "the take is above the maximum, or not above the current one",
    /// The signer does not own the subnet.
    NotSubnetOwner => "the coldkey does not own the subnet",
    /// The subnet started already.
    FirstEmissionBlockNumberAlreadySet => "the subnet has started already",
    /// The start delay has not passed.
    NeedWaitingMoreBlocksToStarCall => "the subnet is too young to start; wait",
    /// The lock cost is not covered.
    CannotAffordLockCost => "the balance does not cover the network's lock cost",
    /// No slot for a network.
    SubnetLimitReached => "the subnet limit is reached and none can be dissolved",
    /// The tempo is out of bounds.
    TempoOutOfBounds => "the tempo is out of bounds",
    /// The activity cutoff factor is out of bounds.
    ActivityCutoffFactorMilliOutOfBounds => "the activity cutoff factor is out of bounds",
    /// An epoch is triggered already.
    EpochTriggerAlreadyPending => "an epoch is triggered already",
    /// The next epoch is due before the trigger would take effect.
    AutoEpochAlreadyImminent => "the next epoch comes sooner than the trigger would",
    /// Triggered epochs are off under commit-reveal.
    DynamicTempoBlockedByCommitReveal => "epochs cannot be triggered while commit-reveal is on",
    /// The mechanisms times uids exceed the bound.
    TooManyUIDsPerMechanism => "uids times mechanisms exceed the bound; use fewer",
    /// A value is out of its range.
    InvalidValue => "the value is out of its range",
    /// The auto-stake destination is set to this already.
    SameAutoStakeHotkeyAlreadySet => "the auto-stake destination is this hotkey already",
    /// Too many subnets in a root claim.
    InvalidSubnetNumber => "the number of subnets in a root claim is out of range",
    /// There is not enough alpha outside the pool.
    NotEnoughAlphaOutToRecycle => "less alpha is outside the pool than would be recycled",
    /// The runtime of this spec does not have the call.
    CallUnavailable => "the runtime of this spec does not have this call; choose another spec",
    /// Timelocked commits wait for their reveal.
    TimelockedCommitsPending => "timelocked weights wait for their reveal; change the consensus after it",
    /// The block takes no more registrations.
    TooManyRegistrationsThisBlock => "the block takes no more registrations on this subnet; try the next one",
    /// The interval takes no more registrations.
    TooManyRegistrationsThisInterval => "the interval takes no more registrations on this subnet; wait",
    /// Root stake is neither burned nor recycled.
    CannotBurnOrRecycleOnRootSubnet => "root stake can be neither burned nor recycled",
}
