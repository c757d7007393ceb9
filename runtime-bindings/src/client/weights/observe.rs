//! Reads everything that matters for a hotkey's weights at one block.

use sn3_protocol::{BlockNumber, Digest, Hotkey, NetUid, Uid};
use sn3_timelock::{Beacon, EpochState, PUBLIC_KEY_BYTES};
use subxt::ext::scale_decode::DecodeAsType;

use super::storage_index;
use crate::bindings::storage;
use crate::client::{At, ChainClient, account, fetch, try_fetch};
use crate::weights::{BeaconView, Observation, SaltedCommit};
use crate::{BlockRef, ReadError};

/// Genesis hash of the main network, which follows drand's quicknet and nothing else.
const MAINNET_GENESIS: [u8; 32] = [
    0x2f, 0x05, 0x55, 0xcc, 0x76, 0xfc, 0x28, 0x40, 0xa2, 0x5a, 0x6e, 0xa3, 0xb9, 0x63, 0x71, 0x46, 0x80,
    0x6f, 0x1f, 0x44, 0xb0, 0x90, 0xc1, 0x75, 0xff, 0xde, 0x2a, 0x7e, 0x5a, 0xb3, 0x6c, 0x03,
];
const BEACON_PALLET: &str = "Drand";

/// What is used of the beacon's settings; the other fields are skipped by name.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct BeaconSettings {
    public_key: Vec<u8>,
    period: u32,
    genesis_time: u32,
}

/// One neuron's part of the columns.
struct Standing {
    neurons: u16,
    uid: Option<Uid>,
    permit: bool,
    active: bool,
    last_update: BlockNumber,
    weights: Vec<(Uid, u16)>,
}

/// What the subnet demands.
struct Rules {
    rate_limit_blocks: u64,
    weights_min: u16,
    commit_reveal: bool,
    reveal_period_epochs: u64,
    version_key: u64,
    mechanisms: u8,
    owner_hotkey: [u8; 32],
}

pub(super) async fn observe(
    client: &ChainClient,
    hotkey: &Hotkey,
    netuid: NetUid,
    mechanism: u8,
    block: BlockRef,
) -> Result<Observation, ReadError> {
    let at = client.at(block).await?;
    let (rules, standing, epochs, chain, commits) = futures::try_join!(
        rules(&at, netuid),
        standing(&at, hotkey, netuid, mechanism),
        epochs(&at, netuid),
        chain(&at, hotkey),
        commits(&at, hotkey, netuid, mechanism),
    )?;
    let beacon = beacon(client, &at).await?;
    let is_owner = rules.owner_hotkey == hotkey.0;
    let stake = match (chain.stake_threshold, standing.uid) {
        (1.., Some(uid)) if !is_owner => {
            let metagraph = client.metagraph(netuid, block).await?;
            metagraph.by_uid(uid).map_or(0, |neuron| neuron.stake.0)
        }
        _ => 0,
    };
    Ok(Observation {
        head: block,
        time_ms: chain.time_ms,
        block_ms: chain.block_ms,
        nonce: chain.nonce,
        epochs,
        neurons: standing.neurons,
        uid: standing.uid,
        permit: standing.permit,
        active: standing.active,
        is_owner,
        last_update: standing.last_update,
        rate_limit_blocks: rules.rate_limit_blocks,
        weights_min: rules.weights_min,
        commit_reveal: rules.commit_reveal,
        commit_reveal_version: chain.commit_reveal_version,
        reveal_period_epochs: rules.reveal_period_epochs,
        stake,
        stake_threshold: chain.stake_threshold,
        version_key: rules.version_key,
        mechanisms: rules.mechanisms,
        beacon,
        commits,
        weights: standing.weights,
    })
}

async fn rules(at: &At, netuid: NetUid) -> Result<Rules, ReadError> {
    let pallet = || storage().subtensor_module();
    let one = (netuid.0,);
    let (rate_limit_blocks, weights_min, commit_reveal, reveal_period_epochs) = futures::try_join!(
        fetch(at, pallet().weights_set_rate_limit().unvalidated(), one),
        fetch(at, pallet().min_allowed_weights().unvalidated(), one),
        fetch(at, pallet().commit_reveal_weights_enabled().unvalidated(), one),
        fetch(at, pallet().reveal_period_epochs().unvalidated(), one),
    )?;
    let (version_key, mechanisms, owner_hotkey) = futures::try_join!(
        fetch(at, pallet().weights_version_key().unvalidated(), one),
        fetch(at, pallet().mechanism_count_current().unvalidated(), one),
        fetch(at, pallet().subnet_owner_hotkey().unvalidated(), one),
    )?;
    let owner_hotkey = owner_hotkey.0;
    Ok(Rules {
        rate_limit_blocks,
        weights_min,
        commit_reveal,
        reveal_period_epochs,
        version_key,
        mechanisms,
        owner_hotkey,
    })
}

/// A subnet's epochs as they stand after a block.
pub(super) async fn epochs(at: &At, netuid: NetUid) -> Result<EpochState, ReadError> {
    let pallet = || storage().subtensor_module();
    let one = (netuid.0,);
    let (epoch_index, last_epoch_block, tempo, pending_epoch_at, blocks_since_last_step) = futures::try_join!(
        fetch(at, pallet().subnet_epoch_index().unvalidated(), one),
        fetch(at, pallet().last_epoch_block().unvalidated(), one),
        fetch(at, pallet().tempo().unvalidated(), one),
        fetch(at, pallet().pending_epoch_at().unvalidated(), one),
        fetch(at, pallet().blocks_since_last_step().unvalidated(), one),
    )?;
    Ok(EpochState { tempo, last_epoch_block, pending_epoch_at, epoch_index, blocks_since_last_step })
}

async fn standing(at: &At, hotkey: &Hotkey, netuid: NetUid, mechanism: u8) -> Result<Standing, ReadError> {
    let pallet = || storage().subtensor_module();
    let index = (storage_index(netuid, mechanism),);
    let (uid, neurons, permits, active, last_updates) = futures::try_join!(
        try_fetch(at, pallet().uids().unvalidated(), (netuid.0, account(hotkey.0))),
        fetch(at, pallet().subnetwork_n().unvalidated(), (netuid.0,)),
        fetch(at, pallet().validator_permit().unvalidated(), (netuid.0,)),
        fetch(at, pallet().active().unvalidated(), (netuid.0,)),
        fetch(at, pallet().last_update().unvalidated(), index),
    )?;
    let weights = match uid {
        Some(uid) => fetch(at, pallet().weights().unvalidated(), (index.0, uid)).await?,
        None => Vec::new(),
    };
    let own = |column: &[bool]| uid.and_then(|uid| column.get(usize::from(uid)).copied()).unwrap_or(false);
    let last_update = uid.and_then(|uid| last_updates.get(usize::from(uid)).copied()).unwrap_or(0);
    Ok(Standing {
        neurons,
        uid: uid.map(Uid),
        permit: own(&permits),
        active: own(&active),
        last_update: BlockNumber(last_update),
        weights: weights.into_iter().map(|(uid, weight)| (Uid(uid), weight)).collect(),
    })
}

/// What does not belong to the subnet.
struct Chain {
    time_ms: u64,
    block_ms: u64,
    nonce: u64,
    commit_reveal_version: u16,
    stake_threshold: u64,
}

async fn chain(at: &At, hotkey: &Hotkey) -> Result<Chain, ReadError> {
    let pallet = || storage().subtensor_module();
    let (time_ms, info, commit_reveal_version, stake_threshold) = futures::try_join!(
        fetch(at, storage().timestamp().now().unvalidated(), ()),
        fetch(at, storage().system().account().unvalidated(), (account(hotkey.0),)),
        fetch(at, pallet().commit_reveal_weights_version().unvalidated(), ()),
        fetch(at, pallet().stake_threshold().unvalidated(), ()),
    )?;
    let block_ms = crate::client::read::block_ms(at)?;
    Ok(Chain { time_ms, block_ms, nonce: info.nonce.into(), commit_reveal_version, stake_threshold })
}

async fn commits(
    at: &At,
    hotkey: &Hotkey,
    netuid: NetUid,
    mechanism: u8,
) -> Result<Vec<SaltedCommit>, ReadError> {
    let key = (storage_index(netuid, mechanism), account(hotkey.0));
    let address = storage().subtensor_module().weight_commits().unvalidated();
    let entries = try_fetch(at, address, key).await?.unwrap_or_default();
    Ok(entries.into_iter().map(|entry| SaltedCommit { hash: Digest(entry.0.0), epoch: entry.1 }).collect())
}

/// The beacon that the chain follows; none where it has no such pallet.
///
/// On the main network only quicknet is accepted: an endpoint that names another key could read what is sealed to it.
async fn beacon(client: &ChainClient, at: &At) -> Result<Option<BeaconView>, ReadError> {
    if at.metadata().pallet_by_name(BEACON_PALLET).is_none() {
        return Ok(None);
    }
    let settings = subxt::dynamic::storage::<(), BeaconSettings>(BEACON_PALLET, "BeaconConfig");
    let last_round = subxt::dynamic::storage::<(), u64>(BEACON_PALLET, "LastStoredRound");
    let (settings, last_round) = futures::try_join!(fetch(at, settings, ()), fetch(at, last_round, ()))?;
    let Ok(public_key) = <[u8; PUBLIC_KEY_BYTES]>::try_from(settings.public_key) else { return Ok(None) };
    let quicknet = Beacon::quicknet().public_key();
    if client.genesis_hash().0 == MAINNET_GENESIS && public_key != quicknet {
        let reason =
            "it is not drand's quicknet, which the main network follows; change the endpoint".to_owned();
        return Err(ReadError::Incompatible { what: "the beacon's key".into(), reason });
    }
    Ok(Some(BeaconView {
        public_key,
        genesis_s: settings.genesis_time.into(),
        period_s: settings.period.into(),
        last_round,
    }))
}

/// How many epochs a subnet has had.
pub(super) async fn epoch_index(at: &At, netuid: NetUid) -> Result<u64, ReadError> {
    fetch(at, storage().subtensor_module().subnet_epoch_index().unvalidated(), (netuid.0,)).await
}

/// A hotkey's weights, permit and activity at a block; `None` where it has no slot.
pub(super) async fn in_force(
    at: &At,
    hotkey: &Hotkey,
    netuid: NetUid,
    mechanism: u8,
) -> Result<Option<(Vec<(Uid, u16)>, bool, bool)>, ReadError> {
    let found = standing(at, hotkey, netuid, mechanism).await?;
    Ok(found.uid.map(|_| (found.weights, found.permit, found.active)))
}
