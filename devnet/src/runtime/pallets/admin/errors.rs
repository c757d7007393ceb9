//! The errors, in the order of the chain.

use frame_support::pallet_macros::pallet_section;

/// The errors.
#[pallet_section]
mod admin_errors {
    #[pallet::error]
    pub enum Error<T> {
        /// The subnet does not exist.
        SubnetDoesNotExist,
        /// There would be more validators than neurons.
        MaxValidatorsLargerThanMaxUIds,
        /// The subnet has more neurons than that.
        MaxAllowedUIdsLessThanCurrentUIds,
        /// Bonds would remember for too long.
        BondsMovingAverageMaxReached,
        /// Only root may make the steepness negative.
        NegativeSigmoidSteepness,
        /// The value is out of bounds.
        ValueNotInBounds,
        /// The subnet has fewer neurons than that.
        MinAllowedUidsGreaterThanCurrentUids,
        /// The smallest number would exceed the largest.
        MinAllowedUidsGreaterThanMaxAllowedUids,
        /// The largest number would be below the smallest.
        MaxAllowedUidsLessThanMinAllowedUids,
        /// The largest number exceeds the chain's.
        MaxAllowedUidsGreaterThanDefaultMaxAllowedUids,
        /// The value makes no sense.
        InvalidValue,
        /// The root network has no such setting.
        NotPermittedOnRootSubnet,
        /// Proof of work cannot be switched on.
        POWRegistrationDisabled,
        /// The call no longer does anything.
        Deprecated,
    }
}
