//! The runtime APIs of the subnet chain, by name, method and argument (chain interface, section 6).

// The macro generates undocumented items.
#![allow(missing_docs)]

use super::info::{
    metagraph::{Metagraph, SelectiveMetagraph},
    records::*,
};
use super::types::*;
use sp_runtime::AccountId32;
use std::collections::BTreeMap;

sp_api::decl_runtime_apis! {
    /// Neurons.
    pub trait NeuronInfoRuntimeApi {
        fn get_neurons(netuid: NetUid) -> Vec<NeuronInfo>;
        fn get_neuron(netuid: NetUid, uid: u16) -> Option<NeuronInfo>;
        fn get_neurons_lite(netuid: NetUid) -> Vec<NeuronInfoLite>;
        fn get_neuron_lite(netuid: NetUid, uid: u16) -> Option<NeuronInfoLite>;
    }

    /// Subnets.
    #[api_version(2)]
    pub trait SubnetInfoRuntimeApi {
        fn get_subnet_info(netuid: NetUid) -> Option<SubnetInfo>;
        fn get_subnets_info() -> Vec<Option<SubnetInfo>>;
        fn get_subnet_info_v2(netuid: NetUid) -> Option<SubnetInfov2>;
        fn get_subnets_info_v2() -> Vec<Option<SubnetInfov2>>;
        fn get_subnet_hyperparams(netuid: NetUid) -> Option<SubnetHyperparams>;
        fn get_subnet_hyperparams_v2(netuid: NetUid) -> Option<SubnetHyperparamsV2>;
        fn get_subnet_hyperparams_v3(netuid: NetUid) -> Option<Vec<HyperparamEntry>>;
        fn get_all_dynamic_info() -> Vec<Option<DynamicInfo>>;
        fn get_dynamic_info(netuid: NetUid) -> Option<DynamicInfo>;
        fn get_all_metagraphs() -> Vec<Option<Metagraph>>;
        fn get_metagraph(netuid: NetUid) -> Option<Metagraph>;
        fn get_all_mechagraphs() -> Vec<Option<Metagraph>>;
        fn get_mechagraph(netuid: NetUid, mecid: MechId) -> Option<Metagraph>;
        fn get_subnet_state(netuid: NetUid) -> Option<SubnetState>;
        fn get_selective_metagraph(netuid: NetUid, metagraph_indexes: Vec<u16>) -> Option<SelectiveMetagraph>;
        fn get_selective_mechagraph(
            netuid: NetUid,
            subid: MechId,
            metagraph_indexes: Vec<u16>,
        ) -> Option<SelectiveMetagraph>;
        fn get_coldkey_auto_stake_hotkey(coldkey: AccountId32, netuid: NetUid) -> Option<AccountId32>;
        fn get_subnet_to_prune() -> Option<NetUid>;
        fn get_subnet_account_id(netuid: NetUid) -> Option<AccountId32>;
        fn get_next_epoch_start_block(netuid: NetUid) -> Option<u64>;
    }

    /// Delegates.
    pub trait DelegateInfoRuntimeApi {
        fn get_delegates() -> Vec<DelegateInfo>;
        fn get_delegate(delegate_account: AccountId32) -> Option<DelegateInfo>;
        fn get_delegated(delegatee_account: AccountId32) -> Vec<(DelegateInfo, SubnetStake)>;
    }

    /// Stakes.
    pub trait StakeInfoRuntimeApi {
        fn get_stake_info_for_coldkey(coldkey_account: AccountId32) -> Vec<StakeInfo>;
        fn get_stake_info_for_coldkeys(
            coldkey_accounts: Vec<AccountId32>,
        ) -> Vec<(AccountId32, Vec<StakeInfo>)>;
        fn get_stake_info_for_hotkey_coldkey_netuid(
            hotkey_account: AccountId32,
            coldkey_account: AccountId32,
            netuid: NetUid,
        ) -> Option<StakeInfo>;
        fn get_stake_fee(
            origin: Option<(AccountId32, NetUid)>,
            origin_coldkey_account: AccountId32,
            destination: Option<(AccountId32, NetUid)>,
            destination_coldkey_account: AccountId32,
            amount: u64,
        ) -> u64;
        fn get_stake_availability_for_coldkeys(
            coldkey_accounts: Vec<AccountId32>,
            netuids: Option<Vec<NetUid>>,
        ) -> BTreeMap<AccountId32, BTreeMap<NetUid, StakeAvailability>>;
        fn get_coldkey_lock(coldkey: AccountId32, netuid: NetUid) -> Option<LockState>;
        fn get_hotkey_conviction(hotkey: AccountId32, netuid: NetUid) -> FixedU128;
        fn get_most_convicted_hotkey_on_subnet(netuid: NetUid) -> Option<AccountId32>;
    }

    /// The price of a subnet.
    pub trait SubnetRegistrationRuntimeApi {
        fn get_network_registration_cost() -> TaoBalance;
    }

    /// Prices of alpha.
    pub trait SwapRuntimeApi {
        fn current_alpha_price(netuid: NetUid) -> u64;
        fn current_alpha_price_all() -> Vec<SubnetPrice>;
        fn sim_swap_tao_for_alpha(netuid: NetUid, tao: TaoBalance) -> SimSwapResult;
        fn sim_swap_alpha_for_tao(netuid: NetUid, alpha: AlphaBalance) -> SimSwapResult;
    }
}
