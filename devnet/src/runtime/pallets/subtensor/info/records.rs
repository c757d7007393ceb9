//! The records that runtime APIs answer with (chain interface, section 6). Every field is named and
//! encoded as on the chain.

// The fields' names are the chain's, and its documentation theirs.
#![allow(missing_docs)]

use super::super::types::*;
use codec::{Compact, Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sp_runtime::AccountId32;

/// Stake on a subnet: (netuid, alpha rao).
pub type SubnetStake = (Compact<NetUid>, Compact<u64>);

record! {
    /// A subnet.
    pub struct SubnetInfo {
        pub netuid: Compact<u16>,
        pub rho: Compact<u16>,
        pub kappa: Compact<u16>,
        pub difficulty: Compact<u64>,
        pub immunity_period: Compact<u16>,
        pub max_allowed_validators: Compact<u16>,
        pub min_allowed_weights: Compact<u16>,
        pub max_weights_limit: Compact<u16>,
        pub scaling_law_power: Compact<u16>,
        pub subnetwork_n: Compact<u16>,
        pub max_allowed_uids: Compact<u16>,
        pub blocks_since_last_step: Compact<u64>,
        pub tempo: Compact<u16>,
        pub network_modality: Compact<u16>,
        pub network_connect: Vec<[u16; 2]>,
        pub emission_values: Compact<u64>,
        pub burn: Compact<u64>,
        pub owner: AccountId32,
    }
}
record! {
    /// A subnet and how it describes itself.
    pub struct SubnetInfov2 {
        pub netuid: Compact<u16>,
        pub rho: Compact<u16>,
        pub kappa: Compact<u16>,
        pub difficulty: Compact<u64>,
        pub immunity_period: Compact<u16>,
        pub max_allowed_validators: Compact<u16>,
        pub min_allowed_weights: Compact<u16>,
        pub max_weights_limit: Compact<u16>,
        pub scaling_law_power: Compact<u16>,
        pub subnetwork_n: Compact<u16>,
        pub max_allowed_uids: Compact<u16>,
        pub blocks_since_last_step: Compact<u64>,
        pub tempo: Compact<u16>,
        pub network_modality: Compact<u16>,
        pub network_connect: Vec<[u16; 2]>,
        pub emission_value: Compact<u64>,
        pub burn: Compact<u64>,
        pub owner: AccountId32,
        pub identity: Option<SubnetIdentityV3>,
    }
}
record! {
    /// The settings of a subnet, first form.
    pub struct SubnetHyperparams {
        pub rho: Compact<u16>,
        pub kappa: Compact<u16>,
        pub immunity_period: Compact<u16>,
        pub min_allowed_weights: Compact<u16>,
        pub max_weights_limit: Compact<u16>,
        pub tempo: Compact<u16>,
        pub min_difficulty: Compact<u64>,
        pub max_difficulty: Compact<u64>,
        pub weights_version: Compact<u64>,
        pub weights_rate_limit: Compact<u64>,
        pub adjustment_interval: Compact<u16>,
        pub activity_cutoff: Compact<u64>,
        pub registration_allowed: bool,
        pub target_regs_per_interval: Compact<u16>,
        pub min_burn: Compact<u64>,
        pub max_burn: Compact<u64>,
        pub bonds_moving_avg: Compact<u64>,
        pub max_regs_per_block: Compact<u16>,
        pub serving_rate_limit: Compact<u64>,
        pub max_validators: Compact<u16>,
        pub adjustment_alpha: Compact<u64>,
        pub difficulty: Compact<u64>,
        pub commit_reveal_period: Compact<u64>,
        pub commit_reveal_weights_enabled: bool,
        pub alpha_high: Compact<u16>,
        pub alpha_low: Compact<u16>,
        pub liquid_alpha_enabled: bool,
    }
}
record! {
    /// The settings of a subnet, second form.
    pub struct SubnetHyperparamsV2 {
        pub rho: Compact<u16>,
        pub kappa: Compact<u16>,
        pub immunity_period: Compact<u16>,
        pub min_allowed_weights: Compact<u16>,
        pub max_weights_limit: Compact<u16>,
        pub tempo: Compact<u16>,
        pub min_difficulty: Compact<u64>,
        pub max_difficulty: Compact<u64>,
        pub weights_version: Compact<u64>,
        pub weights_rate_limit: Compact<u64>,
        pub adjustment_interval: Compact<u16>,
        pub activity_cutoff: Compact<u64>,
        pub registration_allowed: bool,
        pub target_regs_per_interval: Compact<u16>,
        pub min_burn: Compact<u64>,
        pub max_burn: Compact<u64>,
        pub bonds_moving_avg: Compact<u64>,
        pub max_regs_per_block: Compact<u16>,
        pub serving_rate_limit: Compact<u64>,
        pub max_validators: Compact<u16>,
        pub adjustment_alpha: Compact<u64>,
        pub difficulty: Compact<u64>,
        pub commit_reveal_period: Compact<u64>,
        pub commit_reveal_weights_enabled: bool,
        pub alpha_high: Compact<u16>,
        pub alpha_low: Compact<u16>,
        pub liquid_alpha_enabled: bool,
        pub alpha_sigmoid_steepness: FixedI64,
        pub yuma_version: Compact<u16>,
        pub subnet_is_active: bool,
        pub transfers_enabled: bool,
        pub bonds_reset_enabled: bool,
        pub user_liquidity_enabled: bool,
    }
}
record! {
    /// A neuron.
    pub struct NeuronInfoLite {
        pub hotkey: AccountId32,
        pub coldkey: AccountId32,
        pub uid: Compact<u16>,
        pub netuid: Compact<u16>,
        pub active: bool,
        pub axon_info: AxonInfo,
        pub prometheus_info: PrometheusInfo,
        pub stake: Vec<(AccountId32, Compact<u64>)>,
        pub rank: Compact<u16>,
        pub emission: Compact<u64>,
        pub incentive: Compact<u16>,
        pub consensus: Compact<u16>,
        pub trust: Compact<u16>,
        pub validator_trust: Compact<u16>,
        pub dividends: Compact<u16>,
        pub last_update: Compact<u64>,
        pub validator_permit: bool,
        pub pruning_score: Compact<u16>,
    }
}
record! {
    /// A neuron with its weights and bonds.
    pub struct NeuronInfo {
        pub hotkey: AccountId32,
        pub coldkey: AccountId32,
        pub uid: Compact<u16>,
        pub netuid: Compact<u16>,
        pub active: bool,
        pub axon_info: AxonInfo,
        pub prometheus_info: PrometheusInfo,
        pub stake: Vec<(AccountId32, Compact<u64>)>,
        pub rank: Compact<u16>,
        pub emission: Compact<u64>,
        pub incentive: Compact<u16>,
        pub consensus: Compact<u16>,
        pub trust: Compact<u16>,
        pub validator_trust: Compact<u16>,
        pub dividends: Compact<u16>,
        pub last_update: Compact<u64>,
        pub validator_permit: bool,
        pub weights: Vec<(Compact<u16>, Compact<u16>)>,
        pub bonds: Vec<(Compact<u16>, Compact<u16>)>,
        pub pruning_score: Compact<u16>,
    }
}
record! {
    /// The pool and the identity of a subnet.
    pub struct DynamicInfo {
        pub netuid: Compact<u16>,
        pub owner_hotkey: AccountId32,
        pub owner_coldkey: AccountId32,
        pub subnet_name: Vec<Compact<u8>>,
        pub token_symbol: Vec<Compact<u8>>,
        pub tempo: Compact<u16>,
        pub last_step: Compact<u64>,
        pub blocks_since_last_step: Compact<u64>,
        pub emission: Compact<u64>,
        pub alpha_in: Compact<u64>,
        pub alpha_out: Compact<u64>,
        pub tao_in: Compact<u64>,
        pub alpha_out_emission: Compact<u64>,
        pub alpha_in_emission: Compact<u64>,
        pub tao_in_emission: Compact<u64>,
        pub pending_alpha_emission: Compact<u64>,
        pub pending_root_emission: Compact<u64>,
        pub subnet_volume: Compact<u128>,
        pub network_registered_at: Compact<u64>,
        pub subnet_identity: Option<SubnetIdentityV3>,
        pub moving_price: FixedI128,
    }
}
record! {
    /// The neurons of a subnet, as columns.
    pub struct SubnetState {
        pub netuid: Compact<u16>,
        pub hotkeys: Vec<AccountId32>,
        pub coldkeys: Vec<AccountId32>,
        pub active: Vec<bool>,
        pub validator_permit: Vec<bool>,
        pub pruning_score: Vec<Compact<u16>>,
        pub last_update: Vec<Compact<u64>>,
        pub emission: Vec<Compact<u64>>,
        pub dividends: Vec<Compact<u16>>,
        pub incentives: Vec<Compact<u16>>,
        pub consensus: Vec<Compact<u16>>,
        pub trust: Vec<Compact<u16>>,
        pub rank: Vec<Compact<u16>>,
        pub block_at_registration: Vec<Compact<u64>>,
        pub alpha_stake: Vec<Compact<u64>>,
        pub tao_stake: Vec<Compact<u64>>,
        pub total_stake: Vec<Compact<u64>>,
        pub emission_history: Vec<Vec<Compact<u64>>>,
    }
}
record! {
    /// The stake of a coldkey on a hotkey.
    pub struct StakeInfo {
        pub hotkey: AccountId32,
        pub coldkey: AccountId32,
        pub netuid: Compact<u16>,
        pub stake: Compact<u64>,
        pub locked: Compact<u64>,
        pub emission: Compact<u64>,
        pub tao_emission: Compact<u64>,
        pub drain: Compact<u64>,
        pub is_registered: bool,
    }
}
record! {
    /// A hotkey that others may stake on.
    pub struct DelegateInfo {
        pub delegate_ss58: AccountId32,
        pub take: Compact<u16>,
        pub nominators: Vec<(AccountId32, Vec<SubnetStake>)>,
        pub owner_ss58: AccountId32,
        pub registrations: Vec<Compact<u16>>,
        pub validator_permits: Vec<Compact<u16>>,
        pub return_per_1000: Compact<u64>,
        pub total_daily_return: Compact<u64>,
    }
}
record! {
    /// What a swap would move.
    #[derive(Copy, Default)]
    pub struct SimSwapResult {
        pub tao_amount: u64,
        pub alpha_amount: u64,
        pub tao_fee: u64,
        pub alpha_fee: u64,
        pub tao_slippage: u64,
        pub alpha_slippage: u64,
    }
}
record! {
    /// The price of a subnet's alpha, in rao of TAO.
    #[derive(Copy)]
    pub struct SubnetPrice {
        pub netuid: NetUid,
        pub price: u64,
    }
}
record! {
    /// What of a coldkey's stake on a subnet may be moved.
    #[derive(Copy)]
    pub struct StakeAvailability {
        pub total: Compact<u64>,
        pub locked: Compact<u64>,
        pub available: Compact<u64>,
    }
}
record! {
    /// The value of a setting.
    #[derive(Copy)]
    pub enum HyperparamValue {
        Bool(bool),
        U16(Compact<u16>),
        U32(Compact<u32>),
        U64(Compact<u64>),
        U128(Compact<u128>),
        TaoBalance(Compact<u64>),
        I32F32(FixedI64),
        U64F64(FixedU128),
    }
}
record! {
    /// A setting.
    pub struct HyperparamEntry {
        pub name: Vec<u8>,
        pub value: HyperparamValue,
    }
}
record! {
    /// A signed fixed-point number of 64 bits, 32 of them fraction bits.
    #[derive(Copy, Default)]
    pub struct FixedI64 {
        pub bits: i64,
    }
}
