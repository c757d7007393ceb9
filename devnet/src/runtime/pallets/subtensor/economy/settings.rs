//! Settings: from storage into the economic state before each use, and back when a subnet is new.

use super::super::{pallet::*, types::*};
use sn3_emission::{
    Network,
    fixed::{I96F32, U64F64},
    network::{Globals, Subnet},
};

macro_rules! settings {
    ($($item:ident => $($field:ident).+;)*) => {
        /// Reads the settings that look the same on both sides.
        fn pull_plain<T: Config>(netuid: NetUid, subnet: &mut Subnet) {
            $(subnet.$($field).+ = $item::<T>::get(netuid);)*
        }

        /// Whether those settings are in the economic state already.
        fn plain_are_in<T: Config>(netuid: NetUid, subnet: &Subnet) -> bool {
            true $(&& subnet.$($field).+ == $item::<T>::get(netuid))*
        }

        /// Writes those settings that differ.
        fn push_plain<T: Config>(netuid: NetUid, before: Option<&Subnet>, after: &Subnet) {
            $(if before.map(|subnet| &subnet.$($field).+) != Some(&after.$($field).+) {
                $item::<T>::insert(netuid, after.$($field).+);
            })*
        }
    };
}

settings! {
    ActivityCutoffFactorMilli => params.activity_cutoff_factor_milli;
    AlphaSigmoidSteepness => params.alpha_sigmoid_steepness;
    BondsMovingAverage => params.bonds_moving_average;
    BondsPenalty => params.bonds_penalty;
    BondsResetOn => limits.bonds_reset_on;
    BurnHalfLife => registration_price.half_life_blocks;
    CommitRevealWeightsEnabled => params.commit_reveal_enabled;
    ImmuneOwnerUidsLimit => limits.immune_owner_uids;
    ImmunityPeriod => limits.immunity_period_blocks;
    Kappa => params.kappa;
    LastEpochBlock => schedule.last_epoch_block;
    LiquidAlphaOn => params.liquid_alpha_on;
    MaxAllowedUids => limits.max_allowed_uids;
    MaxAllowedValidators => params.max_allowed_validators;
    MaxBurn => registration_price.max_burn_rao;
    MinAllowedWeights => limits.min_allowed_weights;
    MinBurn => registration_price.min_burn_rao;
    MinNonImmuneUids => limits.min_non_immune_uids;
    NetworkRegistrationAllowed => registration_allowed;
    OwnerCutEnabled => owner_cut_enabled;
    PendingEpochAt => schedule.pending_epoch_at;
    RevealPeriodEpochs => limits.reveal_period_epochs;
    SubnetEmissionEnabled => emission_enabled;
    SubtokenEnabled => subtoken_enabled;
    Tempo => params.tempo;
    TransferToggle => transfer_allowed;
    WeightsSetRateLimit => limits.weights_rate_limit_blocks;
    WeightsVersionKey => limits.weights_version;
    Yuma3On => params.yuma3_on;
}

impl<T: Config> Pallet<T> {
    /// Brings the settings of storage into the economic state.
    pub(super) fn pull_settings(network: &mut Network) {
        pull_globals::<T>(&mut network.globals);
        for (netuid, subnet) in &mut network.subnets {
            pull_plain::<T>(netuid.0, subnet);
            let (alphas, recycle, increase) = fractions_of::<T>(netuid.0);
            (subnet.params.alpha_low, subnet.params.alpha_high) = alphas;
            subnet.recycle_withheld = recycle;
            subnet.registration_price.increase = increase;
        }
    }

    /// Whether the economic state has the settings of storage, as it has in most blocks.
    pub(super) fn settings_are_in(network: &Network) -> bool {
        let mut globals = network.globals.clone();
        pull_globals::<T>(&mut globals);
        globals == network.globals
            && network.subnets.iter().all(|(netuid, subnet)| {
                plain_are_in::<T>(netuid.0, subnet) && fractions_of::<T>(netuid.0) == known_fractions(subnet)
            })
    }

    /// Brings the settings that the economic state changed, as it does for a new subnet, into storage.
    pub(super) fn push_settings(netuid: NetUid, before: Option<&Subnet>, after: &Subnet) {
        push_plain::<T>(netuid, before, after);
        if before.is_none() {
            AlphaValues::<T>::insert(netuid, (after.params.alpha_low, after.params.alpha_high));
        }
    }
}

/// The settings that look different on both sides: the bounds of liquid alpha, whether withheld emission is
/// recycled, and how the price of a registration rises.
type Fractions = ((u16, u16), bool, U64F64);

fn fractions_of<T: Config>(netuid: NetUid) -> Fractions {
    let recycle = RecycleOrBurn::<T>::get(netuid) == RecycleOrBurnEnum::Recycle;
    (AlphaValues::<T>::get(netuid), recycle, U64F64::from_bits(BurnIncreaseMult::<T>::get(netuid).bits))
}

fn known_fractions(subnet: &Subnet) -> Fractions {
    let alphas = (subnet.params.alpha_low, subnet.params.alpha_high);
    (alphas, subnet.recycle_withheld, subnet.registration_price.increase)
}

fn pull_globals<T: Config>(globals: &mut Globals) {
    globals.tao_weight = TaoWeight::<T>::get();
    globals.subnet_owner_cut = SubnetOwnerCut::<T>::get();
    globals.stake_threshold_rao = StakeThreshold::<T>::get();
    globals.max_epochs_per_block = MaxEpochsPerBlock::<T>::get();
    globals.moving_alpha = I96F32::from_bits(SubnetMovingAlpha::<T>::get().bits);
    globals.childkey_burn = CKBurn::<T>::get();
    globals.root_claims_per_block = NumRootClaim::<T>::get();
    globals.childkey_cooldown_blocks = PendingChildKeyCooldown::<T>::get();
    globals.subnet_limit = SubnetLimit::<T>::get();
    globals.network_immunity_blocks = NetworkImmunityPeriod::<T>::get();
    globals.network_min_lock_rao = NetworkMinLockCost::<T>::get();
    globals.network_lock_reduction_blocks = NetworkLockReductionInterval::<T>::get();
    globals.start_call_delay_blocks = StartCallDelay::<T>::get();
    globals.admin_freeze_window_blocks = AdminFreezeWindow::<T>::get().into();
    globals.default_take = MaxDelegateTake::<T>::get();
}
