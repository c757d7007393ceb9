//! Reads a subnet's whole economic state.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use sn3_protocol::{Coldkey, Hotkey, NetUid};
use subxt::utils::AccountId32;

use super::{At, ChainClient, fetch, read_error, try_fetch, within};
use crate::bindings::storage;
use crate::economy::{
    ChainEconomy, ConsensusParams, MechanismEconomy, NeuronEconomy, SubnetEconomy, SubnetPool,
};
use crate::{BlockRef, ReadError};

/// Most subnets that are listed; the chain's limit is 128 besides root.
const SUBNETS_MAX: usize = 4_096;
/// Most neurons of a subnet.
const NEURONS_MAX: u16 = 4_096;
/// Distance between two mechanisms of a subnet in storage (emission mathematics, section 6.1).
const MECHANISM_STRIDE: u16 = 4_096;
/// Most mechanisms of a subnet.
const MECHANISMS_MAX: u8 = 16;
/// A pool's weight where the chain keeps none, in 10⁻¹⁸ths.
const HALF_WEIGHT: u64 = 500_000_000_000_000_000;

/// One item of one subnet, or its default.
macro_rules! of_subnet {
    ($at:expr, $item:ident, $netuid:expr) => {
        fetch($at, storage().subtensor_module().$item().unvalidated(), ($netuid,))
    };
}

/// One item of the chain, or its default.
macro_rules! of_chain {
    ($at:expr, $item:ident) => {
        fetch($at, storage().subtensor_module().$item().unvalidated(), ())
    };
}

impl ChainClient {
    /// The chain's common parameters, totals and subnets at one block.
    ///
    /// # Errors
    /// The endpoint fails, or the chain lacks an item by that name.
    pub async fn chain_economy(&self, block: BlockRef) -> Result<ChainEconomy, ReadError> {
        let at = &self.at(block).await?;
        let (total_issuance, total_stake, tao_weight, stake_threshold) = futures::try_join!(
            of_chain!(at, total_issuance),
            of_chain!(at, total_stake),
            of_chain!(at, tao_weight),
            of_chain!(at, stake_threshold),
        )?;
        let (subnet_owner_cut, moving_alpha, max_epochs_per_block, root_tao, netuids) = futures::try_join!(
            of_chain!(at, subnet_owner_cut),
            of_chain!(at, subnet_moving_alpha),
            of_chain!(at, max_epochs_per_block),
            of_subnet!(at, subnet_tao, 0),
            netuids(at),
        )?;
        Ok(ChainEconomy {
            block,
            spec_version: at.spec_version(),
            total_issuance,
            total_stake,
            tao_weight,
            stake_threshold,
            subnet_owner_cut,
            moving_alpha_bits: moving_alpha.bits,
            max_epochs_per_block,
            root_tao,
            netuids,
        })
    }

    /// One subnet's pool, flags and schedule at one block.
    ///
    /// # Errors
    /// No such subnet, the endpoint fails, or the chain lacks an item by that name.
    pub async fn subnet_pool(&self, netuid: NetUid, block: BlockRef) -> Result<SubnetPool, ReadError> {
        let at = &self.at(block).await?;
        if !of_subnet!(at, networks_added, netuid.0).await? {
            return Err(ReadError::NoSuchSubnet { netuid, block: block.number });
        }
        pool(at, netuid).await
    }

    /// The hyperparameters of a subnet that consensus and operations read.
    ///
    /// # Errors
    /// No such subnet, the endpoint fails, or the chain lacks an item by that name.
    pub async fn subnet_params(&self, netuid: NetUid, block: BlockRef) -> Result<ConsensusParams, ReadError> {
        let at = &self.at(block).await?;
        if !of_subnet!(at, networks_added, netuid.0).await? {
            return Err(ReadError::NoSuchSubnet { netuid, block: block.number });
        }
        params(at, netuid.0).await
    }

    /// One subnet with its neurons, weights, bonds and stakes at one block.
    ///
    /// # Errors
    /// No such subnet, the endpoint fails, or the chain lacks an item by that name.
    pub async fn subnet_economy(&self, netuid: NetUid, block: BlockRef) -> Result<SubnetEconomy, ReadError> {
        let pool = self.subnet_pool(netuid, block).await?;
        let at = &self.at(block).await?;
        let n = netuid.0;
        let (owner_coldkey, owner_hotkey, owner_cut_enabled, burn, params, neurons, mechanisms) = futures::try_join!(
            of_subnet!(at, subnet_owner, n),
            of_subnet!(at, subnet_owner_hotkey, n),
            of_subnet!(at, owner_cut_enabled, n),
            of_subnet!(at, burn, n),
            params(at, n),
            neurons(at, n),
            mechanisms(at, n),
        )?;
        Ok(SubnetEconomy {
            pool,
            owner_coldkey: Coldkey(owner_coldkey.0),
            owner_hotkey: Hotkey(owner_hotkey.0),
            owner_cut_enabled,
            params,
            burn,
            neurons,
            mechanisms,
        })
    }
}

/// Subnets besides root, ascending.
async fn netuids(at: &At) -> Result<Vec<NetUid>, ReadError> {
    let what = "SubtensorModule.NetworksAdded";
    let address = storage().subtensor_module().networks_added().unvalidated();
    let mut entries = within(what, at.storage().iter(address, ())).await?;
    let mut found = Vec::new();
    for _ in 0..SUBNETS_MAX {
        let next = async { entries.next().await.transpose() };
        let Some(entry) = within(what, next).await? else { break };
        let key = entry.key().map_err(|error| read_error(what, &error.into()))?;
        let (netuid,) = key.decode().map_err(|error| read_error(what, &error.into()))?;
        let exists = entry.value().decode().map_err(|error| read_error(what, &error.into()))?;
        if netuid != 0 && exists {
            found.push(NetUid(netuid));
        }
    }
    found.sort_unstable();
    Ok(found)
}

async fn pool(at: &At, netuid: NetUid) -> Result<SubnetPool, ReadError> {
    let n = netuid.0;
    let (tao, alpha_in, alpha_out, protocol_alpha, moving_price, miner_burned, mechanism, quote_weight) = futures::try_join!(
        of_subnet!(at, subnet_tao, n),
        of_subnet!(at, subnet_alpha_in, n),
        of_subnet!(at, subnet_alpha_out, n),
        of_subnet!(at, subnet_protocol_alpha, n),
        of_subnet!(at, subnet_moving_price, n),
        of_subnet!(at, miner_burned, n),
        of_subnet!(at, subnet_mechanism, n),
        quote_weight(at, n),
    )?;
    let (ema_price_halving_blocks, subtoken_enabled, registration_allowed, emission_enabled, registered_at) =
        futures::try_join!(
            of_subnet!(at, ema_price_halving_blocks, n),
            of_subnet!(at, subtoken_enabled, n),
            of_subnet!(at, network_registration_allowed, n),
            of_subnet!(at, subnet_emission_enabled, n),
            of_subnet!(at, network_registered_at, n),
        )?;
    let (tempo, last_epoch_block, last_mechanism_step_block, epoch_index) = futures::try_join!(
        of_subnet!(at, tempo, n),
        of_subnet!(at, last_epoch_block, n),
        of_subnet!(at, last_mechansim_step_block, n),
        of_subnet!(at, subnet_epoch_index, n),
    )?;
    let (pending_server, pending_validator, pending_root_alpha, pending_owner_cut, first_emission_block) = futures::try_join!(
        of_subnet!(at, pending_server_emission, n),
        of_subnet!(at, pending_validator_emission, n),
        of_subnet!(at, pending_root_alpha_divs, n),
        of_subnet!(at, pending_owner_cut, n),
        try_fetch(at, storage().subtensor_module().first_emission_block_number().unvalidated(), (n,)),
    )?;
    Ok(SubnetPool {
        netuid,
        mechanism,
        tao,
        alpha_in,
        alpha_out,
        quote_weight,
        protocol_alpha,
        moving_price_bits: moving_price.bits,
        miner_burned_bits: miner_burned.bits,
        ema_price_halving_blocks,
        first_emission_block,
        subtoken_enabled,
        registration_allowed,
        emission_enabled,
        registered_at,
        tempo,
        last_epoch_block,
        last_mechanism_step_block,
        epoch_index,
        pending_server,
        pending_validator,
        pending_root_alpha,
        pending_owner_cut,
    })
}

/// The pool's weight of the TAO side; one half on a chain that keeps no weights (before they existed).
async fn quote_weight(at: &At, netuid: u16) -> Result<u64, ReadError> {
    let address = subxt::dynamic::storage::<(u16,), subxt::ext::scale_value::Value>("Swap", "SwapBalancer");
    match within("Swap.SwapBalancer", at.storage().try_fetch(address, (netuid,))).await {
        Ok(Some(found)) => Ok(first_u64(found.bytes()).unwrap_or(HALF_WEIGHT)),
        Ok(None) | Err(ReadError::Incompatible { .. }) => Ok(HALF_WEIGHT),
        Err(error) => Err(error),
    }
}

/// The stored balancer is one perquintill, a little-endian u64.
fn first_u64(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

async fn params(at: &At, n: u16) -> Result<ConsensusParams, ReadError> {
    let (activity_cutoff_factor_milli, kappa, bonds_moving_average, bonds_penalty, yuma3_on, liquid_alpha_on) =
        futures::try_join!(
            of_subnet!(at, activity_cutoff_factor_milli, n),
            of_subnet!(at, kappa, n),
            of_subnet!(at, bonds_moving_average, n),
            of_subnet!(at, bonds_penalty, n),
            of_subnet!(at, yuma3_on, n),
            of_subnet!(at, liquid_alpha_on, n),
        )?;
    let (
        alpha_values,
        alpha_sigmoid_steepness,
        max_allowed_validators,
        max_allowed_uids,
        immunity_period_blocks,
    ) = futures::try_join!(
        of_subnet!(at, alpha_values, n),
        of_subnet!(at, alpha_sigmoid_steepness, n),
        of_subnet!(at, max_allowed_validators, n),
        of_subnet!(at, max_allowed_uids, n),
        of_subnet!(at, immunity_period, n),
    )?;
    let (
        min_allowed_weights,
        weights_rate_limit_blocks,
        weights_version,
        commit_reveal_enabled,
        reveal_period_epochs,
    ) = futures::try_join!(
        of_subnet!(at, min_allowed_weights, n),
        of_subnet!(at, weights_set_rate_limit, n),
        of_subnet!(at, weights_version_key, n),
        of_subnet!(at, commit_reveal_weights_enabled, n),
        of_subnet!(at, reveal_period_epochs, n),
    )?;
    Ok(ConsensusParams {
        activity_cutoff_factor_milli,
        kappa,
        bonds_moving_average,
        bonds_penalty,
        yuma3_on,
        liquid_alpha_on,
        alpha_values,
        alpha_sigmoid_steepness,
        max_allowed_validators,
        max_allowed_uids,
        immunity_period_blocks,
        min_allowed_weights,
        weights_rate_limit_blocks,
        weights_version,
        commit_reveal_enabled,
        reveal_period_epochs,
    })
}

async fn neurons(at: &At, n: u16) -> Result<Vec<NeuronEconomy>, ReadError> {
    let (count, permits, emission) = futures::try_join!(
        of_subnet!(at, subnetwork_n, n),
        of_subnet!(at, validator_permit, n),
        of_subnet!(at, emission, n),
    )?;
    if count > NEURONS_MAX {
        let reason = format!("{count} neurons, at most {NEURONS_MAX} are read");
        return Err(ReadError::Incompatible { what: format!("subnet {n}"), reason });
    }
    let read = (0..count).map(|uid| {
        let slot = usize::from(uid);
        neuron(at, n, uid, permits.get(slot).copied(), emission.get(slot).copied())
    });
    try_join_all(read).await
}

async fn neuron(
    at: &At,
    n: u16,
    uid: u16,
    permit: Option<bool>,
    emission: Option<u64>,
) -> Result<NeuronEconomy, ReadError> {
    let subtensor = || storage().subtensor_module();
    let hotkey = fetch(at, subtensor().keys().unvalidated(), (n, uid)).await?;
    let key = || AccountId32(hotkey.0);
    let (coldkey, alpha, root, take, registered_at) = futures::try_join!(
        fetch(at, subtensor().owner().unvalidated(), (key(),)),
        fetch(at, subtensor().total_hotkey_alpha().unvalidated(), (key(), n)),
        fetch(at, subtensor().total_hotkey_alpha().unvalidated(), (key(), 0)),
        fetch(at, subtensor().delegates().unvalidated(), (key(),)),
        fetch(at, subtensor().block_at_registration().unvalidated(), (n, uid)),
    )?;
    Ok(NeuronEconomy {
        hotkey: Hotkey(hotkey.0),
        coldkey: Coldkey(coldkey.0),
        alpha,
        root,
        take,
        registered_at,
        validator_permit: permit.unwrap_or(false),
        emission: emission.unwrap_or(0),
    })
}

async fn mechanisms(at: &At, n: u16) -> Result<Vec<MechanismEconomy>, ReadError> {
    let count = of_subnet!(at, mechanism_count_current, n).await?.clamp(1, MECHANISMS_MAX);
    let slots = usize::from(of_subnet!(at, subnetwork_n, n).await?);
    let index = |mechanism: u8| u16::from(mechanism) * MECHANISM_STRIDE + n;
    try_join_all((0..count).map(|mechanism| self::mechanism(at, index(mechanism), slots))).await
}

async fn mechanism(at: &At, index: u16, slots: usize) -> Result<MechanismEconomy, ReadError> {
    let (weights, bonds, last_update) = futures::try_join!(
        rows(at, "SubtensorModule.Weights", storage().subtensor_module().weights().unvalidated(), index),
        rows(at, "SubtensorModule.Bonds", storage().subtensor_module().bonds().unvalidated(), index),
        of_subnet!(at, last_update, index),
    )?;
    Ok(MechanismEconomy { weights: dense(weights, slots), bonds: dense(bonds, slots), last_update })
}

type Row = Vec<(u16, u16)>;

/// All rows of a mechanism, by uid.
async fn rows<A>(at: &At, what: &str, address: A, index: u16) -> Result<BTreeMap<u16, Row>, ReadError>
where
    A: subxt::storage::Address<KeyParts = (u16, u16), Value = Row>,
{
    let mut entries = within(what, at.storage().iter(address, (index,))).await?;
    let mut found = BTreeMap::new();
    for _ in 0..NEURONS_MAX {
        let next = async { entries.next().await.transpose() };
        let Some(entry) = within(what, next).await? else { break };
        let key = entry.key().map_err(|error| read_error(what, &error.into()))?;
        let (_, uid) = key.decode().map_err(|error| read_error(what, &error.into()))?;
        let row = entry.value().decode().map_err(|error| read_error(what, &error.into()))?;
        found.insert(uid, row);
    }
    Ok(found)
}

fn dense(mut rows: BTreeMap<u16, Row>, slots: usize) -> Vec<Row> {
    (0..slots)
        .map(|uid| u16::try_from(uid).ok().and_then(|uid| rows.remove(&uid)).unwrap_or_default())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_laid_out_by_uid() {
        let rows = BTreeMap::from([(2, vec![(0, 65_535)])]);
        assert_eq!(dense(rows, 3), [vec![], vec![], vec![(0, 65_535)]]);
    }

    #[test]
    fn a_balancer_is_its_first_number() {
        assert_eq!(first_u64(&HALF_WEIGHT.to_le_bytes()), Some(HALF_WEIGHT));
        assert_eq!(first_u64(&[1, 2]), None);
    }
}
