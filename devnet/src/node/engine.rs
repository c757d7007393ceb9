//! The node without its network: chain, pool and clock, and everything that changes them.

mod dump;
mod reorg;
mod restore;
mod snapshots;
mod submit;
mod until;
mod upgrade;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use codec::Encode;
use frame_support::traits::Get;
use sp_core::H256;
use tokio::sync::watch;

pub use reorg::{REORG_BLOCKS_MAX, ReorgError};
pub use restore::OpenError;
pub use snapshots::SnapshotError;
pub use submit::{SubmitError, check_form};
pub use until::Condition;

use self::snapshots::Snapshots;
use super::{
    answers::Answers,
    author::{AuthorError, Draft},
    block::{StoredBlock, decode_answer},
    chain::{Chain, StateError},
    config::Sealing,
    faults::Faults,
    log::BlockLog,
    pool::{Pool, Selection},
    state::CallError,
    sync::lock,
};
use crate::runtime::Runtime;

/// The most blocks that one request may make.
pub const ADVANCE_BLOCKS_MAX: u64 = 1_000_000;
/// A subnet whose epoch is due but put off is waited for at most this many blocks.
const EPOCH_WAIT_BLOCKS_MAX: u64 = 1_000;

/// The node's working parts, shared by its tasks and its RPC.
pub struct Engine {
    /// The blocks and states.
    pub chain: Arc<Chain>,
    /// The waiting transactions.
    pub pool: Pool,
    /// Runtime calls for clients.
    pub answers: Answers,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// The current sealing mode.
    pub sealing: watch::Sender<Sealing>,
    /// Held while a block is made or taken back.
    writing: Mutex<Writing>,
    chain_block_time_ms: u64,
    stopping: AtomicBool,
}

/// What only the writer of a block needs.
struct Writing {
    snapshots: Snapshots,
    log: Option<BlockLog>,
}

/// Why the chain did not go where it was told to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdvanceError {
    /// A block could not be written.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// The state needed for the next block cannot be read.
    #[error("the chain cannot continue: {0}")]
    State(#[from] StateError),
    /// A runtime call about the future failed.
    #[error("the next epoch of subnet {netuid} is unknown: {source}")]
    Epoch {
        /// The subnet.
        netuid: u16,
        /// Why.
        source: CallError,
    },
    /// The subnet has no epochs.
    #[error("subnet {netuid} does not exist or its tempo is 0, so it has no next epoch")]
    NoEpoch {
        /// The subnet.
        netuid: u16,
    },
    /// The target is behind the head.
    #[error(
        "the chain is at block {head} and cannot advance to block {target}; revert to a snapshot instead"
    )]
    Behind {
        /// The head.
        head: u64,
        /// The wanted height.
        target: u64,
    },
    /// The target is too far.
    #[error("{blocks} blocks at once are more than {ADVANCE_BLOCKS_MAX}; advance in steps")]
    TooFar {
        /// The wanted number of blocks.
        blocks: u64,
    },
    /// An epoch that is due does not begin.
    #[error("the epoch of subnet {netuid} is due but did not begin within {EPOCH_WAIT_BLOCKS_MAX} blocks")]
    EpochStuck {
        /// The subnet.
        netuid: u16,
    },
    /// The block could not be kept.
    #[error("block {number} was not kept, so it was not made: {reason}")]
    Log {
        /// The height.
        number: u64,
        /// What the file said.
        reason: String,
    },
    /// What was waited for did not come.
    #[error("the condition does not hold after {blocks} blocks; allow more, or look at what it waits for")]
    Never {
        /// How many blocks were made.
        blocks: u64,
    },
    /// The node is shutting down.
    #[error("the node is shutting down")]
    Stopping,
}

/// A re-execution that did not confirm a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no such block, or genesis, which nothing leads to.
    #[error("block {0} cannot be verified: it is not in the chain, or genesis")]
    NoBlock(u64),
    /// The state before it is gone.
    #[error(transparent)]
    State(#[from] StateError),
    /// Executing it again failed or led elsewhere.
    #[error("block {number} does not execute to the same state: {source}")]
    Differs {
        /// The height.
        number: u64,
        /// What the runtime said.
        source: CallError,
    },
}

impl Engine {
    /// Makes one block from what waits in the pool, and forces it to disk where the chain is kept.
    pub fn seal(&self) -> Result<Arc<StoredBlock>, AdvanceError> {
        let block = self.seal_next()?;
        self.force_to_disk();
        Ok(block)
    }

    /// Makes one block of many; the last of them is forced to disk, and the others with it.
    fn seal_next(&self) -> Result<Arc<StoredBlock>, AdvanceError> {
        self.seal_with(0, true)
    }

    /// Lets what was made so far survive the death of the machine.
    fn force_to_disk(&self) {
        if let Some(log) = &mut lock(&self.writing).log {
            log.sync();
        }
    }

    /// Makes one block whose clock is ahead by `extra_ms`, with or without what waits in the pool.
    fn seal_with(&self, extra_ms: u64, from_pool: bool) -> Result<Arc<StoredBlock>, AdvanceError> {
        let mut writing = lock(&self.writing);
        self.check_running()?;
        let (state, parent) = self.chain.state(None)?;
        let draft = Draft::begin(&state, &parent, self.next_timestamp_ms(&parent) + extra_ms)?;
        let selection = if from_pool { self.pool.selection() } else { Selection::empty() };
        let authored = draft.complete(selection)?;
        // What was read of the parent's state goes on to the new one, unless somebody still reads it.
        drop(state);
        let (hash, number) = (authored.block.hash, authored.block.number());
        if let Some(log) = &mut writing.log {
            let kept = log.append(&authored.block);
            kept.map_err(|e| AdvanceError::Log { number, reason: e.to_string() })?;
        }
        self.chain.commit(authored.block, authored.state, writing.snapshots.oldest_needed(number));
        self.pool.settle(number, hash, &authored.included, &authored.invalid);
        Ok(self.chain.head())
    }

    /// The chain's clock: steps of the configured size, or real time when blocks come at an interval. The
    /// runtime refuses clocks that move by less than its minimum period, so faster blocks run ahead.
    fn next_timestamp_ms(&self, parent: &StoredBlock) -> u64 {
        let step_ms = match *self.sealing.borrow() {
            Sealing::Interval { .. } => now_ms().saturating_sub(parent.timestamp_ms),
            Sealing::Manual | Sealing::Instant => self.chain_block_time_ms,
        };
        parent.timestamp_ms + step_ms.max(minimum_period_ms())
    }

    /// Makes `count` blocks.
    pub fn advance_blocks(&self, count: u64) -> Result<Arc<StoredBlock>, AdvanceError> {
        if count > ADVANCE_BLOCKS_MAX {
            return Err(AdvanceError::TooFar { blocks: count });
        }
        for _ in 0..count {
            self.seal_next()?;
        }
        self.force_to_disk();
        Ok(self.chain.head())
    }

    /// Makes blocks until the head is at height `target`, where it may be already.
    pub fn advance_to_block(&self, target: u64) -> Result<Arc<StoredBlock>, AdvanceError> {
        let head = self.chain.head().number();
        if target < head {
            return Err(AdvanceError::Behind { head, target });
        }
        if target - head > ADVANCE_BLOCKS_MAX {
            return Err(AdvanceError::TooFar { blocks: target - head });
        }
        while self.chain.head().number() < target {
            self.seal_next()?;
        }
        self.force_to_disk();
        Ok(self.chain.head())
    }

    /// Makes blocks up to and including the one that begins the subnet's next epoch.
    pub fn advance_to_epoch(&self, netuid: u16) -> Result<Arc<StoredBlock>, AdvanceError> {
        for _ in 0..EPOCH_WAIT_BLOCKS_MAX {
            let head = self.chain.head().number();
            let next = self.next_epoch_block(netuid)?.ok_or(AdvanceError::NoEpoch { netuid })?;
            if next > head {
                return self.advance_to_block(next);
            }
            self.advance_blocks(1)?;
        }
        Err(AdvanceError::EpochStuck { netuid })
    }

    fn next_epoch_block(&self, netuid: u16) -> Result<Option<u64>, AdvanceError> {
        const METHOD: &str = "SubnetInfoRuntimeApi_get_next_epoch_start_block";
        let (state, _) = self.chain.state(None)?;
        let answer = state.call(METHOD, &netuid.encode());
        let answer = answer.map_err(|source| AdvanceError::Epoch { netuid, source })?;
        Ok(decode_answer(METHOD, &answer))
    }

    /// Executes block `number` again on its parent's state; the runtime compares every root.
    pub fn verify(&self, number: u64) -> Result<(), VerifyError> {
        let missing = VerifyError::NoBlock(number);
        let block = self.chain.hash_at(number).and_then(|hash| self.chain.block(&hash));
        let block = block.filter(|block| block.number() > 0).ok_or(missing)?;
        let (state, _) = self.chain.state(Some(block.header.parent_hash))?;
        let outcome = state.call("Core_execute_block", &block.encoded());
        outcome.map(drop).map_err(|source| VerifyError::Differs { number, source })
    }

    /// The hash of the first block.
    pub fn genesis_hash(&self) -> H256 {
        self.chain.hash_at(0).expect("there is always a genesis block")
    }

    /// Lets the current block finish, makes no other, and closes the file of kept blocks.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        lock(&self.writing).log = None;
    }

    fn check_running(&self) -> Result<(), AdvanceError> {
        match self.stopping.load(Ordering::Relaxed) {
            true => Err(AdvanceError::Stopping),
            false => Ok(()),
        }
    }
}

/// The least time between two blocks that the runtime accepts.
pub fn minimum_period_ms() -> u64 {
    <Runtime as pallet_timestamp::Config>::MinimumPeriod::get()
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
