//! The metagraph in one round trip.

use sn3_protocol::{Alpha, BlockNumber, Coldkey, Hotkey, NetUid, Uid};
use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::AccountId32;

use super::{At, ChainClient, fetch, within};
use crate::bindings::storage;
use crate::{BlockRef, Metagraph, Neuron, ReadError};

/// Most neurons that a subnet can have; the chain allows 256, and uids have sixteen bits.
const NEURONS_MAX: usize = 65_536;

/// What is used of the runtime's reply; its other fields are skipped by name.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Reply {
    hotkeys: Vec<AccountId32>,
    coldkeys: Vec<AccountId32>,
    active: Vec<bool>,
    validator_permit: Vec<bool>,
    last_update: Vec<u64>,
    emission: Vec<u64>,
    dividends: Vec<u16>,
    incentives: Vec<u16>,
    consensus: Vec<u16>,
    block_at_registration: Vec<u64>,
    total_stake: Vec<u64>,
}

impl ChainClient {
    /// All neurons of a subnet at one block.
    ///
    /// One round trip: the runtime's own view of the metagraph, the validators' trust, which that view lacks, and the
    /// version of the block's runtime travel together.
    pub async fn metagraph(&self, netuid: NetUid, block: BlockRef) -> Result<Metagraph, ReadError> {
        self.read_at(block, |at| async move { metagraph(&at, netuid, block).await }).await
    }
}

async fn metagraph(at: &At, netuid: NetUid, block: BlockRef) -> Result<Metagraph, ReadError> {
    let call = subxt::runtime_apis::dynamic::<_, Option<Reply>>(
        "SubnetInfoRuntimeApi",
        "get_metagraph",
        (netuid.0,),
    );
    let apis = at.runtime_apis();
    let trust = storage().subtensor_module().validator_trust().unvalidated();
    let (reply, trust) = futures::try_join!(
        within("SubnetInfoRuntimeApi.get_metagraph", apis.call(call)),
        fetch(at, trust, (netuid.0,)),
    )?;
    let reply = reply.ok_or(ReadError::NoSuchSubnet { netuid, block: block.number })?;
    Ok(Metagraph { netuid, block, neurons: neurons(&reply, &trust)? })
}

fn neurons(reply: &Reply, trust: &[u16]) -> Result<Vec<Neuron>, ReadError> {
    let count = reply.hotkeys.len();
    let lengths = [
        reply.coldkeys.len(),
        reply.active.len(),
        reply.validator_permit.len(),
        reply.last_update.len(),
        reply.emission.len(),
        reply.dividends.len(),
        reply.incentives.len(),
        reply.consensus.len(),
        reply.block_at_registration.len(),
        reply.total_stake.len(),
        trust.len(),
    ];
    if count > NEURONS_MAX || lengths.iter().any(|length| *length != count) {
        let reason = format!("{count} hotkeys, but columns of {lengths:?} entries");
        return Err(ReadError::Incompatible { what: "the metagraph".into(), reason });
    }
    Ok((0..count).map(|i| neuron(reply, trust, i)).collect())
}

fn neuron(reply: &Reply, trust: &[u16], i: usize) -> Neuron {
    Neuron {
        uid: Uid(u16::try_from(i).expect("the number of neurons was checked")),
        hotkey: Hotkey(reply.hotkeys[i].0),
        coldkey: Coldkey(reply.coldkeys[i].0),
        stake: Alpha(reply.total_stake[i]),
        incentive: reply.incentives[i],
        dividends: reply.dividends[i],
        emission: Alpha(reply.emission[i]),
        consensus: reply.consensus[i],
        validator_trust: trust[i],
        validator_permit: reply.validator_permit[i],
        last_update: BlockNumber(reply.last_update[i]),
        active: reply.active[i],
        registered_at: BlockNumber(reply.block_at_registration[i]),
    }
}
