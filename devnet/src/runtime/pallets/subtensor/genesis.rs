//! The networks of the first block.

use super::economy::{coldkey, hotkey};
use super::hyperparameters::Hyperparameters;
use super::pallet::*;
use super::types::*;
use serde::{Deserialize, Serialize};
use sn3_emission::{
    Network,
    network::{Globals, Subnet},
    pool::Pool,
};
use sn3_protocol::NetUid as Net;
use sp_runtime::AccountId32;

/// How many neurons root has room for.
const ROOT_UIDS_MAX: u16 = 64;
/// The tempo of root, in blocks.
const ROOT_TEMPO_BLOCKS: u16 = 100;

/// A subnet that exists from the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenesisSubnet {
    /// Its number.
    pub netuid: NetUid,
    /// The coldkey that owns it.
    pub owner: AccountId32,
    /// The hotkey of its owner, which becomes uid 0.
    pub owner_hotkey: AccountId32,
    /// Blocks between two epochs.
    pub tempo: u16,
    /// TAO in its pool, in rao.
    pub pool_tao_rao: u64,
    /// Alpha in its pool, in rao.
    pub pool_alpha_rao: u64,
    /// What the first registration costs, in rao.
    pub burn_rao: u64,
    /// Whether it emits and its alpha can be staked.
    pub started: bool,
    /// Whether weights must be committed before they are revealed.
    pub commit_reveal: bool,
    /// Blocks between two weights of one neuron.
    pub weights_rate_limit_blocks: u64,
    /// Blocks between two announcements of one endpoint.
    pub serving_rate_limit_blocks: u64,
    /// Blocks in which a new neuron cannot be pruned.
    pub immunity_blocks: u16,
    /// Epochs between a commit and its reveal.
    pub reveal_period_epochs: u64,
    /// How many neurons may set weights.
    pub max_validators: u16,
    /// How many weights a row has at least.
    pub min_allowed_weights: u16,
    /// Its other settings.
    #[serde(default)]
    pub hyperparameters: Hyperparameters,
    /// The neurons after the owner's, in the order of their uids.
    pub neurons: Vec<GenesisNeuron>,
}

/// A neuron that is registered from the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenesisNeuron {
    /// Who owns it.
    pub coldkey: AccountId32,
    /// Its hotkey.
    pub hotkey: AccountId32,
    /// The stake of its owner on it, in alpha rao.
    pub stake_rao: u64,
}

impl<T: Config> Pallet<T> {
    /// Builds root and the given subnets on top of the balances that exist already.
    pub(super) fn build_networks(subnets: &[GenesisSubnet]) {
        let empty = Network::new(Globals::default(), 0);
        Self::store_economy(&Network { subnets: Default::default(), ..empty.clone() }, empty);
        Tempo::<T>::insert(super::registration::ROOT, ROOT_TEMPO_BLOCKS);
        MaxAllowedUids::<T>::insert(super::registration::ROOT, ROOT_UIDS_MAX);
        Self::assign_symbol(super::registration::ROOT);
        let before = Self::economy();
        let mut after = Network::clone(&before);
        after.total_issuance = pallet_balances::TotalIssuance::<T>::get();
        for subnet in subnets {
            add_subnet(&mut after, subnet);
        }
        Self::store_economy(&before, after);
        for subnet in subnets {
            Self::assign_symbol(subnet.netuid);
            ServingRateLimit::<T>::insert(subnet.netuid, subnet.serving_rate_limit_blocks);
            RegisteredSubnetCounter::<T>::insert(subnet.netuid, 1);
        }
    }
}

fn add_subnet(network: &mut Network, genesis: &GenesisSubnet) {
    let netuid = Net(genesis.netuid);
    let mut subnet = Subnet::new(netuid, 0);
    subnet.owner_coldkey = Some(coldkey(&genesis.owner));
    subnet.owner_hotkey = Some(hotkey(&genesis.owner_hotkey));
    subnet.pool = Pool::new(genesis.pool_tao_rao, genesis.pool_alpha_rao);
    subnet.account_tao = genesis.pool_tao_rao;
    subnet.emission_enabled = true;
    subnet.registration_price.burn_rao = genesis.burn_rao;
    subnet.params.tempo = genesis.tempo;
    subnet.params.commit_reveal_enabled = genesis.commit_reveal;
    subnet.limits.weights_rate_limit_blocks = genesis.weights_rate_limit_blocks;
    subnet.limits.immunity_period_blocks = genesis.immunity_blocks;
    subnet.limits.reveal_period_epochs = genesis.reveal_period_epochs;
    subnet.limits.min_allowed_weights = genesis.min_allowed_weights;
    subnet.params.max_allowed_validators = genesis.max_validators;
    genesis.hyperparameters.apply(&mut subnet);
    subnet.schedule.last_epoch_block = 0;
    if genesis.started {
        subnet.first_emission_block = Some(1);
        subnet.subtoken_enabled = true;
    }
    network.total_issuance = network.total_issuance.saturating_add(genesis.pool_tao_rao);
    network.total_stake = network.total_stake.saturating_add(genesis.pool_tao_rao);
    network.subnets.insert(netuid, subnet);
    let owner = (coldkey(&genesis.owner), hotkey(&genesis.owner_hotkey));
    let registered = network.register_free(&owner.0, &owner.1, netuid);
    registered.expect("a genesis hotkey has one owner and the subnet is empty");
    genesis.neurons.iter().for_each(|neuron| add_neuron(network, netuid, neuron));
}

/// Registers a neuron and gives it alpha that is out of the pool from the beginning.
fn add_neuron(network: &mut Network, netuid: Net, neuron: &GenesisNeuron) {
    let (cold, hot) = (coldkey(&neuron.coldkey), hotkey(&neuron.hotkey));
    let registered = network.register_free(&cold, &hot, netuid);
    registered.expect("a genesis hotkey has one owner, is there once, and finds room");
    network.grant_stake(netuid, &hot, &cold, neuron.stake_rao).expect("the subnet was made before");
    if let Some(subnet) = network.subnet_mut(netuid) {
        subnet.alpha_out = subnet.alpha_out.saturating_add(neuron.stake_rao);
    }
}
