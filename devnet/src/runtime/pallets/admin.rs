//! Settings, with the numbers and argument names of the chain (chain interface, section 3.9).

mod checks;
mod errors;

use frame_support::pallet_macros::import_section;

/// The pallet.
// FRAME generates undocumented public items.
#[allow(missing_docs)]
#[import_section(errors::admin_errors)]
#[frame_support::pallet]
pub mod pallet {
    use super::super::subtensor::{self, types::*, *};
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;

    /// The time a change takes, in picoseconds.
    const SETTING_REF_TIME_PS: u64 = 50_000_000;
    /// The longest memory of bonds, in millionths.
    const BONDS_MOVING_AVERAGE_MAX: u64 = 975_000;

    #[pallet::pallet]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config + subtensor::Config {}

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Sets the largest delegate take.
        #[pallet::call_index(1)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_default_take(origin: OriginFor<T>, default_take: u16) -> DispatchResult {
            ensure_root(origin)?;
            MaxDelegateTake::<T>::put(default_take);
            Ok(())
        }

        /// Sets the blocks between two announcements of an endpoint.
        #[pallet::call_index(3)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_serving_rate_limit(
            origin: OriginFor<T>,
            netuid: NetUid,
            serving_rate_limit: u64,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 3)?;
            ServingRateLimit::<T>::insert(netuid, serving_rate_limit);
            Ok(())
        }

        /// Sets the smallest accepted version of weights.
        #[pallet::call_index(6)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_weights_version_key(
            origin: OriginFor<T>,
            netuid: NetUid,
            weights_version_key: u64,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 6)?;
            WeightsVersionKey::<T>::insert(netuid, weights_version_key);
            Ok(())
        }

        /// Sets the blocks between two weights of a neuron.
        #[pallet::call_index(7)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_weights_set_rate_limit(
            origin: OriginFor<T>,
            netuid: NetUid,
            weights_set_rate_limit: u64,
        ) -> DispatchResult {
            Self::ensure_root_on(origin, netuid)?;
            WeightsSetRateLimit::<T>::insert(netuid, weights_set_rate_limit);
            Ok(())
        }

        /// Sets the blocks in which a new neuron is safe.
        #[pallet::call_index(13)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_immunity_period(
            origin: OriginFor<T>,
            netuid: NetUid,
            immunity_period: u16,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 13)?;
            ImmunityPeriod::<T>::insert(netuid, immunity_period);
            Ok(())
        }

        /// Sets the smallest number of weights.
        #[pallet::call_index(14)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_min_allowed_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            min_allowed_weights: u16,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 14)?;
            MinAllowedWeights::<T>::insert(netuid, min_allowed_weights);
            Ok(())
        }

        /// Sets the largest number of neurons.
        #[pallet::call_index(15)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_max_allowed_uids(
            origin: OriginFor<T>,
            netuid: NetUid,
            max_allowed_uids: u16,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 15)?;
            Self::check_max_uids(netuid, max_allowed_uids)?;
            MaxAllowedUids::<T>::insert(netuid, max_allowed_uids);
            Ok(())
        }

        /// Sets the majority that consensus needs.
        #[pallet::call_index(16)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_kappa(origin: OriginFor<T>, netuid: NetUid, kappa: u16) -> DispatchResult {
            Self::ensure_root_on(origin, netuid)?;
            Kappa::<T>::insert(netuid, kappa);
            Ok(())
        }

        /// Sets an unused setting.
        #[pallet::call_index(17)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_rho(origin: OriginFor<T>, netuid: NetUid, rho: u16) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 17)?;
            Rho::<T>::insert(netuid, rho);
            Ok(())
        }

        /// Allows or stops registrations.
        #[pallet::call_index(19)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_network_registration_allowed(
            origin: OriginFor<T>,
            netuid: NetUid,
            registration_allowed: bool,
        ) -> DispatchResult {
            Self::ensure_root_on(origin, netuid)?;
            NetworkRegistrationAllowed::<T>::insert(netuid, registration_allowed);
            Ok(())
        }

        /// Sets the lowest price of a registration.
        #[pallet::call_index(22)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_min_burn(origin: OriginFor<T>, netuid: NetUid, min_burn: u64) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 22)?;
            Self::check_min_burn(netuid, min_burn)?;
            MinBurn::<T>::insert(netuid, min_burn);
            Ok(())
        }

        /// Sets the highest price of a registration.
        #[pallet::call_index(23)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_max_burn(origin: OriginFor<T>, netuid: NetUid, max_burn: u64) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 23)?;
            Self::check_max_burn(netuid, max_burn)?;
            MaxBurn::<T>::insert(netuid, max_burn);
            Ok(())
        }

        /// Sets the largest number of validators.
        #[pallet::call_index(25)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_max_allowed_validators(
            origin: OriginFor<T>,
            netuid: NetUid,
            max_allowed_validators: u16,
        ) -> DispatchResult {
            Self::ensure_root_on(origin, netuid)?;
            Self::ensure_unfrozen(netuid)?;
            Self::check_max_validators(netuid, max_allowed_validators)?;
            MaxAllowedValidators::<T>::insert(netuid, max_allowed_validators);
            Ok(())
        }

        /// Sets the memory of bonds.
        #[pallet::call_index(26)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_bonds_moving_average(
            origin: OriginFor<T>,
            netuid: NetUid,
            bonds_moving_average: u64,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 26)?;
            ensure!(
                bonds_moving_average <= BONDS_MOVING_AVERAGE_MAX,
                Error::<T>::BondsMovingAverageMaxReached
            );
            BondsMovingAverage::<T>::insert(netuid, bonds_moving_average);
            Ok(())
        }

        /// Sets the owners' part of emission.
        #[pallet::call_index(28)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_subnet_owner_cut(origin: OriginFor<T>, subnet_owner_cut: u16) -> DispatchResult {
            ensure_root(origin)?;
            SubnetOwnerCut::<T>::put(subnet_owner_cut);
            Ok(())
        }

        /// Sets the blocks between two subnet registrations.
        #[pallet::call_index(29)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_network_rate_limit(origin: OriginFor<T>, rate_limit: u64) -> DispatchResult {
            ensure_root(origin)?;
            NetworkRateLimit::<T>::put(rate_limit);
            Ok(())
        }

        /// Sets the blocks between two epochs and starts counting anew.
        #[pallet::call_index(30)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_tempo(origin: OriginFor<T>, netuid: NetUid, tempo: u16) -> DispatchResult {
            Self::ensure_root_on(origin, netuid)?;
            Self::ensure_unfrozen(netuid)?;
            subtensor::Pallet::<T>::restart_tempo(netuid, tempo);
            Ok(())
        }

        /// Sets the blocks in which a new subnet is safe.
        #[pallet::call_index(35)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_network_immunity_period(
            origin: OriginFor<T>,
            immunity_period: u64,
        ) -> DispatchResult {
            ensure_root(origin)?;
            NetworkImmunityPeriod::<T>::put(immunity_period);
            Ok(())
        }

        /// Sets the lowest price of a subnet.
        #[pallet::call_index(36)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_network_min_lock_cost(origin: OriginFor<T>, lock_cost: u64) -> DispatchResult {
            ensure_root(origin)?;
            NetworkMinLockCost::<T>::put(lock_cost);
            Ok(())
        }

        /// Sets the largest number of subnets.
        #[pallet::call_index(37)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_subnet_limit(origin: OriginFor<T>, max_subnets: u16) -> DispatchResult {
            ensure_root(origin)?;
            SubnetLimit::<T>::put(max_subnets);
            Ok(())
        }

        /// Sets the blocks in which the price of a subnet falls back.
        #[pallet::call_index(38)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_lock_reduction_interval(origin: OriginFor<T>, interval: u64) -> DispatchResult {
            ensure_root(origin)?;
            NetworkLockReductionInterval::<T>::put(interval);
            Ok(())
        }

        /// Sets the stake weight that weights need.
        #[pallet::call_index(42)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_stake_threshold(origin: OriginFor<T>, min_stake: u64) -> DispatchResult {
            ensure_root(origin)?;
            StakeThreshold::<T>::put(min_stake);
            Ok(())
        }

        /// Sets the blocks between two raises of a take.
        #[pallet::call_index(45)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_tx_delegate_take_rate_limit(
            origin: OriginFor<T>,
            tx_rate_limit: u64,
        ) -> DispatchResult {
            ensure_root(origin)?;
            TxDelegateTakeRateLimit::<T>::put(tx_rate_limit);
            Ok(())
        }

        /// Sets the smallest delegate take.
        #[pallet::call_index(46)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_min_delegate_take(origin: OriginFor<T>, take: u16) -> DispatchResult {
            ensure_root(origin)?;
            MinDelegateTake::<T>::put(take);
            Ok(())
        }

        /// Switches between committed and plain weights.
        #[pallet::call_index(49)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_commit_reveal_weights_enabled(
            origin: OriginFor<T>,
            netuid: NetUid,
            enabled: bool,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 49)?;
            subtensor::Pallet::<T>::switch_commit_reveal(netuid, enabled);
            Ok(())
        }

        /// Switches liquid alpha.
        #[pallet::call_index(50)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_liquid_alpha_enabled(
            origin: OriginFor<T>,
            netuid: NetUid,
            enabled: bool,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 50)?;
            LiquidAlphaOn::<T>::insert(netuid, enabled);
            Ok(())
        }

        /// Sets the bounds of liquid alpha.
        #[pallet::call_index(51)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_alpha_values(
            origin: OriginFor<T>,
            netuid: NetUid,
            alpha_low: u16,
            alpha_high: u16,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 51)?;
            Self::check_alpha_values(netuid, alpha_low, alpha_high)?;
            AlphaValues::<T>::insert(netuid, (alpha_low, alpha_high));
            Ok(())
        }

        /// Sets the epochs between commit and reveal.
        #[pallet::call_index(57)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_commit_reveal_weights_interval(
            origin: OriginFor<T>,
            netuid: NetUid,
            interval: u64,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 57)?;
            Self::check_reveal_period(interval)?;
            subtensor::Pallet::<T>::set_reveal_period(netuid, interval);
            Ok(())
        }

        /// Sets how much bonds beyond consensus are cut.
        #[pallet::call_index(60)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_bonds_penalty(
            origin: OriginFor<T>,
            netuid: NetUid,
            bonds_penalty: u16,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 60)?;
            BondsPenalty::<T>::insert(netuid, bonds_penalty);
            Ok(())
        }

        /// Allows or stops transfers of stake.
        #[pallet::call_index(61)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_toggle_transfer(
            origin: OriginFor<T>,
            netuid: NetUid,
            toggle: bool,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 61)?;
            TransferToggle::<T>::insert(netuid, toggle);
            Ok(())
        }

        /// Allows or stops staking.
        #[pallet::call_index(66)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_subtoken_enabled(
            origin: OriginFor<T>,
            netuid: NetUid,
            subtoken_enabled: bool,
        ) -> DispatchResult {
            Self::ensure_root_on(origin, netuid)?;
            Self::ensure_unfrozen(netuid)?;
            SubtokenEnabled::<T>::insert(netuid, subtoken_enabled);
            Ok(())
        }

        /// Sets the steepness of liquid alpha.
        #[pallet::call_index(68)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_alpha_sigmoid_steepness(
            origin: OriginFor<T>,
            netuid: NetUid,
            steepness: i16,
        ) -> DispatchResult {
            let root = Self::ensure_owner(origin, netuid, 68)?;
            Self::check_steepness(root, steepness)?;
            AlphaSigmoidSteepness::<T>::insert(netuid, steepness);
            Ok(())
        }

        /// Switches the third version of the consensus.
        #[pallet::call_index(69)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_yuma3_enabled(origin: OriginFor<T>, netuid: NetUid, enabled: bool) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 69)?;
            Yuma3On::<T>::insert(netuid, enabled);
            Ok(())
        }

        /// Allows or stops bond resets.
        #[pallet::call_index(70)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_bonds_reset_enabled(
            origin: OriginFor<T>,
            netuid: NetUid,
            enabled: bool,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 70)?;
            BondsResetOn::<T>::insert(netuid, enabled);
            Ok(())
        }

        /// Sets the accepted version of timelocked commits.
        #[pallet::call_index(71)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_commit_reveal_version(origin: OriginFor<T>, version: u16) -> DispatchResult {
            ensure_root(origin)?;
            CommitRevealWeightsVersion::<T>::put(version);
            Ok(())
        }

        /// Sets the burned part of child-key dividends.
        #[pallet::call_index(73)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_ck_burn(origin: OriginFor<T>, burn: u64) -> DispatchResult {
            ensure_root(origin)?;
            CKBurn::<T>::put(burn);
            Ok(())
        }

        /// Sets the blocks before an epoch without changes.
        #[pallet::call_index(74)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_admin_freeze_window(origin: OriginFor<T>, window: u16) -> DispatchResult {
            ensure_root(origin)?;
            AdminFreezeWindow::<T>::put(window);
            Ok(())
        }

        /// Sets the tempos between two changes by an owner.
        #[pallet::call_index(75)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_owner_hparam_rate_limit(origin: OriginFor<T>, epochs: u16) -> DispatchResult {
            ensure_root(origin)?;
            OwnerHyperparamRateLimit::<T>::put(epochs);
            Ok(())
        }

        /// Sets how many mechanisms a subnet has.
        #[pallet::call_index(76)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_mechanism_count(
            origin: OriginFor<T>,
            netuid: NetUid,
            mechanism_count: MechId,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 76)?;
            subtensor::Pallet::<T>::set_mechanism_count(netuid, mechanism_count)?;
            Ok(())
        }

        /// Sets how the mechanisms share emission.
        #[pallet::call_index(77)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_mechanism_emission_split(
            origin: OriginFor<T>,
            netuid: NetUid,
            maybe_split: Option<Vec<u16>>,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 77)?;
            subtensor::Pallet::<T>::set_emission_split(netuid, maybe_split)?;
            Ok(())
        }

        /// Sets the smallest number of neurons after trimming.
        #[pallet::call_index(79)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_min_allowed_uids(
            origin: OriginFor<T>,
            netuid: NetUid,
            min_allowed_uids: u16,
        ) -> DispatchResult {
            Self::ensure_root_on(origin, netuid)?;
            Self::ensure_unfrozen(netuid)?;
            Self::check_min_uids(netuid, min_allowed_uids)?;
            MinAllowedUids::<T>::insert(netuid, min_allowed_uids);
            Ok(())
        }

        /// Sets what happens to withheld emission.
        #[pallet::call_index(80)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_recycle_or_burn(
            origin: OriginFor<T>,
            netuid: NetUid,
            recycle_or_burn: RecycleOrBurnEnum,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 80)?;
            RecycleOrBurn::<T>::insert(netuid, recycle_or_burn);
            Ok(())
        }

        /// Sets how many neurons must be prunable.
        #[pallet::call_index(84)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_min_non_immune_uids(
            origin: OriginFor<T>,
            netuid: NetUid,
            min: u16,
        ) -> DispatchResult {
            Self::ensure_root_on(origin, netuid)?;
            MinNonImmuneUids::<T>::insert(netuid, min);
            Ok(())
        }

        /// Sets the blocks before a subnet can start.
        #[pallet::call_index(85)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_start_call_delay(origin: OriginFor<T>, delay: u64) -> DispatchResult {
            ensure_root(origin)?;
            StartCallDelay::<T>::put(delay);
            Ok(())
        }

        /// Sets the half-life of the registration price.
        #[pallet::call_index(89)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_burn_half_life(
            origin: OriginFor<T>,
            netuid: NetUid,
            burn_half_life: u16,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 89)?;
            ensure!(burn_half_life > 0, Error::<T>::InvalidValue);
            BurnHalfLife::<T>::insert(netuid, burn_half_life);
            Ok(())
        }

        /// Sets the factor on the registration price.
        #[pallet::call_index(90)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_burn_increase_mult(
            origin: OriginFor<T>,
            netuid: NetUid,
            burn_increase_mult: FixedU128,
        ) -> DispatchResult {
            Self::ensure_owner(origin, netuid, 90)?;
            ensure!(burn_increase_mult.bits >= 1 << 64, Error::<T>::InvalidValue);
            BurnIncreaseMult::<T>::insert(netuid, burn_increase_mult);
            Ok(())
        }

        /// Switches TAO emission to a subnet.
        #[pallet::call_index(94)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_subnet_emission_enabled(
            origin: OriginFor<T>,
            netuid: NetUid,
            enabled: bool,
        ) -> DispatchResult {
            Self::ensure_root_on(origin, netuid)?;
            SubnetEmissionEnabled::<T>::insert(netuid, enabled);
            Ok(())
        }

        /// Sets how many epochs may run in a block.
        #[pallet::call_index(96)]
        #[pallet::weight(Weight::from_parts(SETTING_REF_TIME_PS, 0))]
        pub fn sudo_set_max_epochs_per_block(origin: OriginFor<T>, max_epochs: u8) -> DispatchResult {
            ensure_root(origin)?;
            ensure!(max_epochs > 0, Error::<T>::InvalidValue);
            MaxEpochsPerBlock::<T>::put(max_epochs);
            Ok(())
        }
    }
}

pub use pallet::*;
