//! Who may change a setting, when, and to what.

use super::pallet::{Config, Error, Pallet};
use crate::runtime::pallets::subtensor::{self, types::*};
use frame_support::{dispatch::DispatchResult, ensure};
use frame_system::{ensure_root, ensure_signed, pallet_prelude::OriginFor};
use sp_runtime::DispatchError;

/// One TAO in rao: the lowest price of a registration stays below it.
const MIN_BURN_BOUND_RAO: u64 = 1_000_000_000;
/// A tenth of a TAO in rao: the highest price of a registration stays above it.
const MAX_BURN_BOUND_RAO: u64 = 100_000_000;
/// The largest number of neurons of any subnet.
const UIDS_MAX: u16 = 256;
/// The longest reveal period, in epochs.
const REVEAL_PERIOD_EPOCHS_MAX: u64 = 100;
/// The lower bound of liquid alpha's low value.
const ALPHA_LOW_MIN: u16 = 1_638;

impl<T: Config> Pallet<T> {
    /// Lets root pass, for a subnet that exists.
    pub(super) fn ensure_root_on(origin: OriginFor<T>, netuid: NetUid) -> DispatchResult {
        ensure_root(origin)?;
        Self::ensure_subnet(netuid)
    }

    fn ensure_subnet(netuid: NetUid) -> DispatchResult {
        ensure!(subtensor::NetworksAdded::<T>::get(netuid), Error::<T>::SubnetDoesNotExist);
        Ok(())
    }

    /// Settings rest while the next epoch is near.
    pub(super) fn ensure_unfrozen(netuid: NetUid) -> DispatchResult {
        let window = u64::from(subtensor::AdminFreezeWindow::<T>::get());
        let remaining = subtensor::Pallet::<T>::blocks_until_epoch(netuid);
        ensure!(
            window == 0 || remaining >= window,
            subtensor::Error::<T>::AdminActionProhibitedDuringWeightsWindow
        );
        Ok(())
    }

    /// Lets root and the subnet's owner pass, the owner only so often for each `setting`. Says
    /// whether it was root.
    pub(super) fn ensure_owner(
        origin: OriginFor<T>,
        netuid: NetUid,
        setting: u8,
    ) -> Result<bool, DispatchError> {
        Self::ensure_subnet(netuid)?;
        if ensure_root(origin.clone()).is_ok() {
            return Self::ensure_unfrozen(netuid).map(|()| true);
        }
        let who = ensure_signed(origin)?;
        ensure!(subtensor::SubnetOwner::<T>::get(netuid) == who, DispatchError::BadOrigin);
        Self::ensure_unfrozen(netuid)?;
        Self::ensure_seldom(RateLimitKey::OwnerHyperparamUpdate(netuid, setting), netuid)?;
        Ok(false)
    }

    fn ensure_seldom(key: RateLimitKey<T::AccountId>, netuid: NetUid) -> DispatchResult {
        let tempo = u64::from(subtensor::Tempo::<T>::get(netuid));
        let wait = tempo * u64::from(subtensor::OwnerHyperparamRateLimit::<T>::get());
        let (now, last) = (subtensor::Pallet::<T>::now(), subtensor::LastRateLimitedBlock::<T>::get(&key));
        ensure!(last == 0 || now - last >= wait, subtensor::Error::<T>::TxRateLimitExceeded);
        subtensor::LastRateLimitedBlock::<T>::insert(key, now);
        Ok(())
    }

    pub(super) fn check_max_uids(netuid: NetUid, max: u16) -> DispatchResult {
        ensure!(
            max >= subtensor::SubnetworkN::<T>::get(netuid),
            Error::<T>::MaxAllowedUIdsLessThanCurrentUIds
        );
        ensure!(
            max >= subtensor::MinAllowedUids::<T>::get(netuid),
            Error::<T>::MaxAllowedUidsLessThanMinAllowedUids
        );
        ensure!(max <= UIDS_MAX, Error::<T>::MaxAllowedUidsGreaterThanDefaultMaxAllowedUids);
        Ok(())
    }

    pub(super) fn check_min_uids(netuid: NetUid, min: u16) -> DispatchResult {
        ensure!(
            min < subtensor::MaxAllowedUids::<T>::get(netuid),
            Error::<T>::MinAllowedUidsGreaterThanMaxAllowedUids
        );
        ensure!(
            min < subtensor::SubnetworkN::<T>::get(netuid),
            Error::<T>::MinAllowedUidsGreaterThanCurrentUids
        );
        Ok(())
    }

    pub(super) fn check_max_validators(netuid: NetUid, max: u16) -> DispatchResult {
        ensure!(
            max <= subtensor::MaxAllowedUids::<T>::get(netuid),
            Error::<T>::MaxValidatorsLargerThanMaxUIds
        );
        Ok(())
    }

    pub(super) fn check_min_burn(netuid: NetUid, min: u64) -> DispatchResult {
        let fits = min < MIN_BURN_BOUND_RAO && min < subtensor::MaxBurn::<T>::get(netuid);
        ensure!(fits, Error::<T>::ValueNotInBounds);
        Ok(())
    }

    pub(super) fn check_max_burn(netuid: NetUid, max: u64) -> DispatchResult {
        let fits = max > MAX_BURN_BOUND_RAO && max > subtensor::MinBurn::<T>::get(netuid);
        ensure!(fits, Error::<T>::ValueNotInBounds);
        Ok(())
    }

    pub(super) fn check_alpha_values(netuid: NetUid, low: u16, high: u16) -> DispatchResult {
        ensure!(subtensor::LiquidAlphaOn::<T>::get(netuid), subtensor::Error::<T>::LiquidAlphaDisabled);
        ensure!(high >= ALPHA_LOW_MIN, subtensor::Error::<T>::AlphaHighTooLow);
        ensure!((ALPHA_LOW_MIN..=high).contains(&low), subtensor::Error::<T>::AlphaLowOutOfRange);
        Ok(())
    }

    pub(super) fn check_reveal_period(epochs: u64) -> DispatchResult {
        ensure!(epochs <= REVEAL_PERIOD_EPOCHS_MAX, subtensor::Error::<T>::RevealPeriodTooLarge);
        ensure!(epochs >= 1, subtensor::Error::<T>::RevealPeriodTooSmall);
        Ok(())
    }

    pub(super) fn check_steepness(root: bool, steepness: i16) -> DispatchResult {
        ensure!(root || steepness >= 0, Error::<T>::NegativeSigmoidSteepness);
        Ok(())
    }
}
