//! The settings of a subnet, in the three forms clients ask for.

use super::super::{pallet::*, types::*};
use super::records::*;
use codec::Compact;

/// One, with 32 fraction bits.
const ONE_I32F32: i64 = 1 << 32;
/// The steepness is kept in thousandths.
const STEEPNESS_PARTS: i64 = 1_000;

impl<T: Config> Pallet<T> {
    /// The blocks without weights after which a validator is inactive.
    pub fn activity_cutoff(netuid: NetUid) -> u64 {
        let milli = u64::from(ActivityCutoffFactorMilli::<T>::get(netuid));
        (milli * u64::from(Tempo::<T>::get(netuid)) / 1_000).max(1)
    }

    /// The settings, first form.
    pub fn hyperparams(netuid: NetUid) -> Option<SubnetHyperparams> {
        let (alpha_low, alpha_high) = AlphaValues::<T>::get(netuid);
        NetworksAdded::<T>::get(netuid).then(|| SubnetHyperparams {
            rho: Compact(Rho::<T>::get(netuid)),
            kappa: Compact(Kappa::<T>::get(netuid)),
            immunity_period: Compact(ImmunityPeriod::<T>::get(netuid)),
            min_allowed_weights: Compact(MinAllowedWeights::<T>::get(netuid)),
            max_weights_limit: Compact(MaxWeightsLimit::<T>::get(netuid)),
            tempo: Compact(Tempo::<T>::get(netuid)),
            min_difficulty: Compact(MinDifficulty::<T>::get(netuid)),
            max_difficulty: Compact(MaxDifficulty::<T>::get(netuid)),
            weights_version: Compact(WeightsVersionKey::<T>::get(netuid)),
            weights_rate_limit: Compact(WeightsSetRateLimit::<T>::get(netuid)),
            adjustment_interval: Compact(AdjustmentInterval::<T>::get(netuid)),
            activity_cutoff: Compact(Self::activity_cutoff(netuid)),
            registration_allowed: NetworkRegistrationAllowed::<T>::get(netuid),
            target_regs_per_interval: Compact(TargetRegistrationsPerInterval::<T>::get(netuid)),
            min_burn: Compact(MinBurn::<T>::get(netuid)),
            max_burn: Compact(MaxBurn::<T>::get(netuid)),
            bonds_moving_avg: Compact(BondsMovingAverage::<T>::get(netuid)),
            max_regs_per_block: Compact(MaxRegistrationsPerBlock::<T>::get(netuid)),
            serving_rate_limit: Compact(ServingRateLimit::<T>::get(netuid)),
            max_validators: Compact(MaxAllowedValidators::<T>::get(netuid)),
            adjustment_alpha: Compact(AdjustmentAlpha::<T>::get(netuid)),
            difficulty: Compact(Difficulty::<T>::get(netuid)),
            commit_reveal_period: Compact(RevealPeriodEpochs::<T>::get(netuid)),
            commit_reveal_weights_enabled: CommitRevealWeightsEnabled::<T>::get(netuid),
            alpha_high: Compact(alpha_high),
            alpha_low: Compact(alpha_low),
            liquid_alpha_enabled: LiquidAlphaOn::<T>::get(netuid),
        })
    }

    /// The settings, second form.
    pub fn hyperparams_v2(netuid: NetUid) -> Option<SubnetHyperparamsV2> {
        let first = Self::hyperparams(netuid)?;
        Some(SubnetHyperparamsV2 {
            rho: first.rho,
            kappa: first.kappa,
            immunity_period: first.immunity_period,
            min_allowed_weights: first.min_allowed_weights,
            max_weights_limit: first.max_weights_limit,
            tempo: first.tempo,
            min_difficulty: first.min_difficulty,
            max_difficulty: first.max_difficulty,
            weights_version: first.weights_version,
            weights_rate_limit: first.weights_rate_limit,
            adjustment_interval: first.adjustment_interval,
            activity_cutoff: first.activity_cutoff,
            registration_allowed: first.registration_allowed,
            target_regs_per_interval: first.target_regs_per_interval,
            min_burn: first.min_burn,
            max_burn: first.max_burn,
            bonds_moving_avg: first.bonds_moving_avg,
            max_regs_per_block: first.max_regs_per_block,
            serving_rate_limit: first.serving_rate_limit,
            max_validators: first.max_validators,
            adjustment_alpha: first.adjustment_alpha,
            difficulty: first.difficulty,
            commit_reveal_period: first.commit_reveal_period,
            commit_reveal_weights_enabled: first.commit_reveal_weights_enabled,
            alpha_high: first.alpha_high,
            alpha_low: first.alpha_low,
            liquid_alpha_enabled: first.liquid_alpha_enabled,
            alpha_sigmoid_steepness: Self::steepness(netuid),
            yuma_version: Compact(Self::yuma_version(netuid)),
            subnet_is_active: SubtokenEnabled::<T>::get(netuid),
            transfers_enabled: TransferToggle::<T>::get(netuid),
            bonds_reset_enabled: BondsResetOn::<T>::get(netuid),
            user_liquidity_enabled: false,
        })
    }

    fn steepness(netuid: NetUid) -> FixedI64 {
        let milli = i64::from(AlphaSigmoidSteepness::<T>::get(netuid));
        FixedI64 { bits: milli * ONE_I32F32 / STEEPNESS_PARTS }
    }

    fn yuma_version(netuid: NetUid) -> u16 {
        if Yuma3On::<T>::get(netuid) { 3 } else { 2 }
    }

    /// The settings by name, in the order of the chain.
    pub fn hyperparams_v3(netuid: NetUid) -> Option<Vec<HyperparamEntry>> {
        use HyperparamValue::{Bool, I32F32, U16, U32, U64, U64F64};
        let v2 = Self::hyperparams_v2(netuid)?;
        let values = [
            ("kappa", U16(v2.kappa)),
            ("immunity_period", U16(v2.immunity_period)),
            ("min_allowed_weights", U16(v2.min_allowed_weights)),
            ("max_weights_limit", U16(v2.max_weights_limit)),
            ("tempo", U16(v2.tempo)),
            ("weights_version", U64(v2.weights_version)),
            ("weights_rate_limit", U64(v2.weights_rate_limit)),
            ("activity_cutoff", U64(v2.activity_cutoff)),
            ("activity_cutoff_factor", U32(Compact(ActivityCutoffFactorMilli::<T>::get(netuid)))),
            ("registration_allowed", Bool(v2.registration_allowed)),
            ("target_regs_per_interval", U16(v2.target_regs_per_interval)),
            ("min_burn", HyperparamValue::TaoBalance(v2.min_burn)),
            ("max_burn", HyperparamValue::TaoBalance(v2.max_burn)),
            ("burn_half_life", U16(Compact(BurnHalfLife::<T>::get(netuid)))),
            ("burn_increase_mult", U64F64(BurnIncreaseMult::<T>::get(netuid))),
            ("bonds_moving_avg", U64(v2.bonds_moving_avg)),
            ("max_regs_per_block", U16(v2.max_regs_per_block)),
            ("serving_rate_limit", U64(v2.serving_rate_limit)),
            ("max_validators", U16(v2.max_validators)),
            ("commit_reveal_period", U64(v2.commit_reveal_period)),
            ("commit_reveal_weights_enabled", Bool(v2.commit_reveal_weights_enabled)),
            ("alpha_high", U16(v2.alpha_high)),
            ("alpha_low", U16(v2.alpha_low)),
            ("liquid_alpha_enabled", Bool(v2.liquid_alpha_enabled)),
            ("alpha_sigmoid_steepness", I32F32(v2.alpha_sigmoid_steepness)),
            ("yuma_version", U16(v2.yuma_version)),
            ("subnet_is_active", Bool(v2.subnet_is_active)),
            ("transfers_enabled", Bool(v2.transfers_enabled)),
            ("bonds_reset_enabled", Bool(v2.bonds_reset_enabled)),
            ("user_liquidity_enabled", Bool(v2.user_liquidity_enabled)),
            ("owner_cut_enabled", Bool(OwnerCutEnabled::<T>::get(netuid))),
            ("owner_cut_auto_lock_enabled", Bool(OwnerCutAutoLockEnabled::<T>::get(netuid))),
            ("min_childkey_take", U16(Compact(MinChildkeyTakePerSubnet::<T>::get(netuid)))),
        ];
        Some(values.into_iter().map(|(name, value)| HyperparamEntry { name: name.into(), value }).collect())
    }
}
