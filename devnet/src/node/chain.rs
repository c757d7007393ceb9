//! The blocks, the states behind them, and who wants to hear of new ones.

mod cursor;

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use sp_core::H256;
use tokio::sync::watch;

pub use cursor::HeadCursor;

use super::{
    block::StoredBlock,
    reads::Reads,
    state::{NewState, State},
    store::NodeStore,
    sync::{read, write},
};

/// How many blocks back a state can be read.
pub const STATE_BLOCKS_KEPT: u64 = 256;
/// How many blocks back headers and transactions can be read (hashes by number are kept for all).
pub const BLOCKS_KEPT: u64 = 100_000;

/// The chain from genesis to its head, which is always final.
pub struct Chain {
    store: Arc<NodeStore>,
    blocks: RwLock<Blocks>,
    changes: watch::Sender<u64>,
}

struct Blocks {
    hashes: Vec<H256>,
    by_hash: HashMap<H256, Arc<StoredBlock>>,
    /// The heights that reverts went back to, in order of the reverts.
    reverts: Vec<u64>,
    /// The oldest height whose state is whole.
    oldest_state: u64,
    /// What is known of the head's state.
    reads: Reads,
}

/// Why a state cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// There is no such block (any more).
    #[error("UnknownBlock: block {0:?} was not found; it may have been reverted")]
    UnknownBlock(H256),
    /// The state has left the window.
    #[error(
        "State already discarded for {hash:?}: block {number} is older than the {STATE_BLOCKS_KEPT} kept states"
    )]
    Discarded {
        /// The block's hash.
        hash: H256,
        /// Its height.
        number: u64,
    },
}

impl Chain {
    /// A chain of one block.
    pub fn new(genesis: StoredBlock, state: NewState) -> Self {
        let store = Arc::new(NodeStore::default());
        store.commit(state.nodes);
        store.prune(0);
        let blocks = Blocks {
            hashes: vec![genesis.hash],
            by_hash: HashMap::from([(genesis.hash, Arc::new(genesis))]),
            reverts: Vec::new(),
            oldest_state: 0,
            reads: Reads::of(state.root),
        };
        Self { store, blocks: RwLock::new(blocks), changes: watch::Sender::new(0) }
    }

    /// The newest block.
    pub fn head(&self) -> Arc<StoredBlock> {
        read(&self.blocks).head()
    }

    /// The hash of the block at a height.
    pub fn hash_at(&self, number: u64) -> Option<H256> {
        read(&self.blocks).hash_at(number)
    }

    /// A block by its hash.
    pub fn block(&self, hash: &H256) -> Option<Arc<StoredBlock>> {
        read(&self.blocks).by_hash.get(hash).cloned()
    }

    /// The state after a block, the head's when none is named, and that block.
    pub fn state(&self, hash: Option<H256>) -> Result<(State, Arc<StoredBlock>), StateError> {
        let blocks = read(&self.blocks);
        let block = match hash {
            None => blocks.head(),
            Some(hash) => blocks.by_hash.get(&hash).cloned().ok_or(StateError::UnknownBlock(hash))?,
        };
        if block.number() < blocks.oldest_state {
            return Err(StateError::Discarded { hash: block.hash, number: block.number() });
        }
        Ok((State::known(&self.store, blocks.reads_at(block.header.state_root)), block))
    }

    /// Appends a block, and forgets states older than the window unless `pinned` needs them.
    pub fn commit(&self, block: StoredBlock, state: NewState, pinned: Option<u64>) {
        let mut blocks = write(&self.blocks);
        self.store.commit(state.nodes);
        let reads = std::mem::replace(&mut blocks.reads, Reads::of(state.root));
        blocks.reads = reads.after(state.root, state.values);
        let number = block.number();
        blocks.hashes.push(block.hash);
        blocks.by_hash.insert(block.hash, Arc::new(block));
        let window = number.saturating_sub(STATE_BLOCKS_KEPT);
        blocks.oldest_state = window.min(pinned.unwrap_or(window)).max(blocks.oldest_state);
        self.store.prune(usize::try_from(number - blocks.oldest_state).unwrap_or(usize::MAX));
        blocks.forget_before(number.saturating_sub(BLOCKS_KEPT));
        drop(blocks);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Whether the state at height `number` is still there to go back to.
    pub fn can_revert(&self, number: u64) -> bool {
        read(&self.blocks).can_revert(number)
    }

    /// Goes back to height `number`; `false` when its state is gone.
    pub fn revert(&self, number: u64) -> bool {
        let mut blocks = write(&self.blocks);
        if !blocks.can_revert(number) {
            return false;
        }
        while blocks.number() > number {
            let undone = self.store.undo();
            debug_assert!(undone, "states from oldest_state on can be undone");
            let hash = blocks.hashes.pop().expect("genesis is never popped");
            blocks.by_hash.remove(&hash);
        }
        blocks.reads = Reads::of(blocks.head().header.state_root);
        blocks.reverts.push(number);
        drop(blocks);
        self.changes.send_modify(|count| *count += 1);
        true
    }

    /// Follows the chain from the current head on.
    pub fn follow(self: &Arc<Self>) -> HeadCursor {
        HeadCursor::new(self.clone(), self.changes.subscribe())
    }
}

impl Blocks {
    fn can_revert(&self, number: u64) -> bool {
        (self.oldest_state..=self.number()).contains(&number)
    }

    fn number(&self) -> u64 {
        u64::try_from(self.hashes.len()).expect("a count fits 64 bits") - 1
    }

    fn reads_at(&self, root: H256) -> Reads {
        if root == self.reads.root() { self.reads.clone() } else { Reads::of(root) }
    }

    fn hash_at(&self, number: u64) -> Option<H256> {
        self.hashes.get(usize::try_from(number).ok()?).copied()
    }

    fn head(&self) -> Arc<StoredBlock> {
        let hash = self.hashes.last().expect("there is always a genesis block");
        self.by_hash[hash].clone()
    }

    fn at(&self, number: u64) -> Option<Arc<StoredBlock>> {
        self.by_hash.get(&self.hash_at(number)?).cloned()
    }

    /// Drops the body of block `before - 1`; genesis stays.
    fn forget_before(&mut self, before: u64) {
        if before > 1
            && let Some(hash) = self.hash_at(before - 1)
        {
            self.by_hash.remove(&hash);
        }
    }
}
