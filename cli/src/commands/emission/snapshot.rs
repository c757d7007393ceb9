//! `sn3 emission snapshot`: a live chain's economic state as the start of a scenario.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sn3_chain::economy::{ChainEconomy, MechanismEconomy, NeuronEconomy, SubnetEconomy, SubnetPool};
use sn3_chain::{BlockRef, ChainClient};
use sn3_emission::epoch::EpochParams;
use sn3_emission::network::{Limits, Pending, Schedule, default_params};
use sn3_protocol::NetUid;
use sn3_simulator::output::write_atomic;
use sn3_simulator::snapshot::{
    ChainSnapshot, MechanismSnapshot, NeuronSnapshot, SNAPSHOT_VERSION, SubnetSnapshot,
};

use crate::args::emission::EmissionSnapshotArgs;
use crate::exit::{CliError, Exit, OrExit};
use crate::output::Output;

#[derive(Serialize)]
struct Taken<'a> {
    block: BlockRef,
    netuid: u16,
    neurons: usize,
    subnets: usize,
    scenario: &'a Path,
    state: &'a Path,
}

/// Reads the chain at its newest block and writes the scenario and its state.
pub async fn run(args: &EmissionSnapshotArgs, output: &Output) -> Result<(), CliError> {
    let client = ChainClient::connect(&args.endpoint).await.or_exit(Exit::Network)?;
    let block = client.head().await.or_exit(Exit::Network)?;
    let netuid = NetUid(args.netuid);
    let snapshot = take(&client, netuid, block, output).await?;
    let state = args.out.with_extension("state.json");
    snapshot.save(&state).map_err(|error| unwritable(&state, &error))?;
    let scenario = scenario(args, block, &state)?;
    write_atomic(&args.out, scenario.as_bytes()).map_err(|error| unwritable(&args.out, &error))?;
    let neurons = snapshot.subnets.iter().find(|subnet| subnet.netuid == netuid);
    let taken = Taken {
        block,
        netuid: args.netuid,
        neurons: neurons.map_or(0, |subnet| subnet.neurons.len()),
        subnets: snapshot.subnets.len(),
        scenario: &args.out,
        state: &state,
    };
    output.result(format_args!(
        "block {} ({}): subnet {} with {} neurons, {} pools",
        block.number.0, block.hash, taken.netuid, taken.neurons, taken.subnets
    ));
    output.result(format_args!("wrote {} and {}", args.out.display(), state.display()));
    output.event("snapshot", &taken);
    Ok(())
}

fn unwritable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(Exit::Data, format!("cannot write {}: {error}; choose another --out", path.display()))
}

/// The whole chain's pools, and one subnet's neurons: shares depend on all pools, an epoch on its own subnet only.
pub async fn take(
    client: &ChainClient,
    netuid: NetUid,
    block: BlockRef,
    output: &Output,
) -> Result<ChainSnapshot, CliError> {
    let chain = client.chain_economy(block).await.or_exit(Exit::Chain)?;
    let whole = client.subnet_economy(netuid, block).await.or_exit(Exit::Chain)?;
    let bar = output.bar("pools", chain.netuids.len() as u64);
    let mut subnets = Vec::with_capacity(chain.netuids.len());
    for other in &chain.netuids {
        let subnet = match *other == netuid {
            true => subnet(&whole),
            false => pool_only(&client.subnet_pool(*other, block).await.or_exit(Exit::Chain)?),
        };
        subnets.push(subnet);
        bar.inc(1);
    }
    Ok(assemble(&chain, &whole, subnets))
}

fn assemble(chain: &ChainEconomy, whole: &SubnetEconomy, subnets: Vec<SubnetSnapshot>) -> ChainSnapshot {
    ChainSnapshot {
        version: SNAPSHOT_VERSION,
        block: chain.block.number.0,
        spec_version: chain.spec_version,
        total_issuance: chain.total_issuance,
        total_stake: chain.total_stake,
        root_tao: chain.root_tao,
        tao_weight: chain.tao_weight,
        stake_threshold: chain.stake_threshold,
        subnet_owner_cut: chain.subnet_owner_cut,
        moving_alpha_bits: chain.moving_alpha_bits,
        ema_price_halving_blocks: whole.pool.ema_price_halving_blocks,
        max_epochs_per_block: chain.max_epochs_per_block,
        subnets,
    }
}

fn subnet(economy: &SubnetEconomy) -> SubnetSnapshot {
    let p = &economy.params;
    SubnetSnapshot {
        owner_cut_enabled: economy.owner_cut_enabled,
        owner_coldkey: Some(economy.owner_coldkey),
        owner_hotkey: Some(economy.owner_hotkey),
        burn: economy.burn,
        params: EpochParams {
            tempo: economy.pool.tempo,
            activity_cutoff_factor_milli: p.activity_cutoff_factor_milli,
            kappa: p.kappa,
            bonds_moving_average: p.bonds_moving_average,
            bonds_penalty: p.bonds_penalty,
            yuma3_on: p.yuma3_on,
            liquid_alpha_on: p.liquid_alpha_on,
            alpha_low: p.alpha_values.0,
            alpha_high: p.alpha_values.1,
            alpha_sigmoid_steepness: p.alpha_sigmoid_steepness,
            max_allowed_validators: p.max_allowed_validators,
            commit_reveal_enabled: p.commit_reveal_enabled,
        },
        limits: Limits {
            max_allowed_uids: p.max_allowed_uids,
            immunity_period_blocks: p.immunity_period_blocks,
            min_allowed_weights: p.min_allowed_weights,
            weights_rate_limit_blocks: p.weights_rate_limit_blocks,
            weights_version: p.weights_version,
            reveal_period_epochs: p.reveal_period_epochs,
            ..Limits::default()
        },
        neurons: economy.neurons.iter().map(neuron).collect(),
        mechanisms: economy.mechanisms.iter().map(mechanism).collect(),
        ..pool_only(&economy.pool)
    }
}

/// A subnet as the others feel it: its pool, its price and whether it takes a share.
fn pool_only(pool: &SubnetPool) -> SubnetSnapshot {
    SubnetSnapshot {
        netuid: pool.netuid,
        dynamic: pool.mechanism == 1,
        tao: pool.tao,
        alpha_in: pool.alpha_in,
        alpha_out: pool.alpha_out,
        quote_weight: pool.quote_weight,
        protocol_alpha: pool.protocol_alpha,
        moving_price_bits: pool.moving_price_bits,
        miner_burned_bits: pool.miner_burned_bits,
        first_emission_block: pool.first_emission_block,
        subtoken_enabled: pool.subtoken_enabled,
        registration_allowed: pool.registration_allowed,
        emission_enabled: pool.emission_enabled,
        registered_at: pool.registered_at,
        owner_cut_enabled: true,
        owner_coldkey: None,
        owner_hotkey: None,
        burn: 0,
        schedule: Schedule {
            last_epoch_block: pool.last_epoch_block,
            last_mechanism_step_block: pool.last_mechanism_step_block,
            epoch_index: pool.epoch_index,
            ..Schedule::default()
        },
        pending: Pending {
            server: pool.pending_server,
            validator: pool.pending_validator,
            root_alpha: pool.pending_root_alpha,
            owner_cut: pool.pending_owner_cut,
            ..Pending::default()
        },
        params: EpochParams { tempo: pool.tempo, ..default_params() },
        limits: Limits::default(),
        neurons: Vec::new(),
        mechanisms: vec![MechanismSnapshot { weights: vec![], bonds: vec![], last_update: vec![] }],
    }
}

fn neuron(neuron: &NeuronEconomy) -> NeuronSnapshot {
    NeuronSnapshot {
        hotkey: neuron.hotkey,
        coldkey: neuron.coldkey,
        alpha: neuron.alpha,
        root: neuron.root,
        take: neuron.take,
        registered_at: neuron.registered_at,
        validator_permit: neuron.validator_permit,
        emission: neuron.emission,
    }
}

fn mechanism(mechanism: &MechanismEconomy) -> MechanismSnapshot {
    MechanismSnapshot {
        weights: mechanism.weights.clone(),
        bonds: mechanism.bonds.clone(),
        last_update: mechanism.last_update.clone(),
    }
}

/// The scenario's text: where it starts, and nothing else happens unless the reader writes it.
fn scenario(args: &EmissionSnapshotArgs, block: BlockRef, state: &Path) -> Result<String, CliError> {
    let name = state.file_name().map(PathBuf::from).unwrap_or_default();
    let name = name
        .to_str()
        .ok_or_else(|| CliError::new(Exit::Usage, "the name of --out is not UTF-8; choose another"))?;
    Ok(format!(
        "# Subnet {} of {} at block {} ({}).\n# Everybody keeps the weights of that block; add people and events as in `sn3 emission new`.\n\nname = \"subnet {} from block {}\"\nseed = 3\nblocks = {}\nstart = {name:?}\n",
        args.netuid, args.endpoint, block.number.0, block.hash, args.netuid, block.number.0, args.blocks
    ))
}
