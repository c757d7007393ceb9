//! Who leads a run, and how a newcomer finds its genesis.

use sn3_chain::{ClockError, Metagraph, ReadError, SubnetChain};
use sn3_exchange::{SignedGenesis, Store, fetch_genesis};
use sn3_protocol::address::StoreAddress;
use sn3_protocol::{BlockNumber, Hotkey, RunId};

/// The leader of a round: of the neurons with a validator permit the one with the highest stake (of all neurons,
/// while none has a permit), the lower uid where two have the same; the author of the run's genesis while nobody
/// has any stake.
#[must_use]
pub fn leader(metagraph: &Metagraph, author: Hotkey) -> Hotkey {
    by_stake(metagraph).unwrap_or(author)
}

fn by_stake(metagraph: &Metagraph) -> Option<Hotkey> {
    let best = |permitted: bool| {
        let staked = metagraph.neurons.iter().filter(|n| n.stake.0 > 0 && (!permitted || n.validator_permit));
        staked.max_by_key(|n| (n.stake, std::cmp::Reverse(n.uid))).map(|n| n.hotkey)
    };
    best(true).or_else(|| best(false))
}

/// Where to look for a run's genesis.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// The run.
    pub run: RunId,
    /// Who started it; without it, the leader by the chain.
    pub author: Option<Hotkey>,
    /// The author's store; without it, the one that the author committed on chain.
    pub store: Option<StoreAddress>,
    /// How many blocks to wait for it.
    pub blocks_max: u64,
}

/// Why a genesis was not found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// None came in time.
    #[error(
        "no genesis of run {run} up to block #{head}: {reason}; check the run's name and that its validator is running"
    )]
    NotFound {
        /// The run.
        run: RunId,
        /// The last block at which it was looked for.
        head: BlockNumber,
        /// What the last attempt ended with.
        reason: String,
    },
    /// The clock stopped.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The chain cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Finds the genesis of a run: signed by its author, from its author's store, waiting for it block by block.
///
/// # Errors
/// If there is none in time, or the chain fails.
pub async fn discover(
    chain: &dyn SubnetChain,
    own: &Store,
    wanted: &Discovery,
) -> Result<SignedGenesis, DiscoverError> {
    let mut head = chain.clock().head().await?;
    let last = head.number.saturating_add(wanted.blocks_max);
    loop {
        let reason = match attempt(chain, own, wanted, head).await? {
            Ok(genesis) => return Ok(genesis),
            Err(reason) => reason,
        };
        if head.number >= last {
            return Err(DiscoverError::NotFound { run: wanted.run.clone(), head: head.number, reason });
        }
        tracing::info!(run = %wanted.run, head = %head, reason, "waiting for the genesis");
        head = chain.clock().wait_until(head.number.saturating_add(1)).await?;
    }
}

/// One look at one block; the inner error is worth another look.
async fn attempt(
    chain: &dyn SubnetChain,
    own: &Store,
    wanted: &Discovery,
    head: sn3_chain::BlockRef,
) -> Result<Result<SignedGenesis, String>, DiscoverError> {
    let author = match wanted.author {
        Some(author) => author,
        None => match by_stake(&chain.metagraph(head).await?) {
            Some(author) => author,
            None => return Ok(Err("no neuron of the subnet has stake".into())),
        },
    };
    let address = match &wanted.store {
        Some(address) => Some(address.clone()),
        None => chain.store_addresses(head).await?.remove(&author),
    };
    let Some(address) = address else {
        return Ok(Err(format!("{author} has committed no storage address")));
    };
    let store = match own.peer(&address) {
        Ok(store) => store,
        Err(error) => return Ok(Err(error.to_string())),
    };
    Ok(fetch_genesis(&store, &wanted.run, &author).await.map_err(|error| error.to_string()))
}
