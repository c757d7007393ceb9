//! Follows the chain without ever skipping a block, at the follower's own pace.

use std::sync::Arc;

use tokio::sync::watch;

use super::Chain;
use crate::node::{block::StoredBlock, sync::read};

/// A place in the chain that moves forward. It holds no queue: what it has not seen yet is still in the
/// chain, so a slow follower costs nothing.
pub struct HeadCursor {
    chain: Arc<Chain>,
    changes: watch::Receiver<u64>,
    /// The height of the next block to report.
    next: u64,
    /// How many reverts have been noticed.
    reverts_seen: usize,
}

impl HeadCursor {
    pub(super) fn new(chain: Arc<Chain>, changes: watch::Receiver<u64>) -> Self {
        let blocks = read(&chain.blocks);
        let (next, reverts_seen) = (blocks.number() + 1, blocks.reverts.len());
        drop(blocks);
        Self { chain, changes, next, reverts_seen }
    }

    /// Starts with the current head instead of the block after it.
    #[must_use]
    pub fn with_current(mut self) -> Self {
        self.next -= 1;
        self
    }

    /// Starts with the block at a height instead.
    #[must_use]
    pub fn starting_at(mut self, height: u64) -> Self {
        self.next = height;
        self
    }

    /// The next block; waits for it. `None` once the chain is gone.
    pub async fn next(&mut self) -> Option<Arc<StoredBlock>> {
        loop {
            self.changes.borrow_and_update();
            if let Some(block) = self.advance() {
                return Some(block);
            }
            self.changes.changed().await.ok()?;
        }
    }

    /// The next block if it is there already. After a revert it continues behind the common ancestor.
    fn advance(&mut self) -> Option<Arc<StoredBlock>> {
        let blocks = read(&self.chain.blocks);
        let lowest = blocks.reverts[self.reverts_seen..].iter().min();
        if let Some(lowest) = lowest {
            self.next = self.next.min(lowest + 1);
        }
        self.reverts_seen = blocks.reverts.len();
        while self.next <= blocks.number() {
            self.next += 1;
            // Blocks that were forgotten meanwhile are skipped.
            if let Some(block) = blocks.at(self.next - 1) {
                return Some(block);
            }
        }
        None
    }
}
