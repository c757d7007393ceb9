//! Replacing best blocks by others, as a chain does whose authors did not hear of each other.

use std::sync::Arc;

use super::{AdvanceError, Engine};
use crate::node::{
    block::{ExtrinsicBytes, StoredBlock},
    chain::StateError,
    sync::lock,
};

/// The deepest reorganisation, in blocks.
pub const REORG_BLOCKS_MAX: u64 = 64;
/// By how much the clock of the other branch differs, so that its blocks are others.
const OTHER_BRANCH_MS: u64 = 1;
/// A signed transaction says so in the highest bit of its first byte, behind the length.
const SIGNED_BIT: u8 = 0x80;

/// Why no blocks were replaced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReorgError {
    /// Nothing, or too much.
    #[error("{depth} blocks cannot be replaced; choose 1 to {REORG_BLOCKS_MAX}")]
    Depth {
        /// The wanted depth.
        depth: u64,
    },
    /// A final block is never replaced.
    #[error(
        "block {finalized} is final and the head is {head}, so {depth} blocks cannot be replaced; \
         stall finality first and make blocks"
    )]
    Final {
        /// The wanted depth.
        depth: u64,
        /// The head.
        head: u64,
        /// The newest final block.
        finalized: u64,
    },
    /// The state before them is gone.
    #[error("the state at block {number} has been discarded, so nothing can be built on it")]
    Discarded {
        /// The height.
        number: u64,
    },
    /// The other blocks could not be made.
    #[error(transparent)]
    Advance(#[from] AdvanceError),
}

impl Engine {
    /// Replaces the newest `depth` blocks by as many empty ones and one more, which holds the transactions
    /// of the replaced ones that are still valid.
    pub fn reorg(&self, depth: u64) -> Result<Arc<StoredBlock>, ReorgError> {
        let head = self.chain.head().number();
        let finalized = self.faults.finalized(head);
        if depth == 0 || depth > REORG_BLOCKS_MAX || depth > head {
            return Err(ReorgError::Depth { depth });
        }
        let base = head - depth;
        if base < finalized {
            return Err(ReorgError::Final { depth, head, finalized });
        }
        let replaced = self.signed_since(base);
        self.take_back(base)?;
        for _ in 0..depth {
            self.seal_with(OTHER_BRANCH_MS, false)?;
        }
        for bytes in replaced {
            // Those that are not valid on this branch are lost, as on any chain.
            let _lost = self.submit(&bytes);
        }
        Ok(self.seal()?)
    }

    /// The signed transactions above a height, oldest first.
    fn signed_since(&self, base: u64) -> Vec<ExtrinsicBytes> {
        let heights = base + 1..=self.chain.head().number();
        let blocks = heights.filter_map(|n| self.chain.hash_at(n).and_then(|hash| self.chain.block(&hash)));
        blocks.flat_map(|block| block.extrinsics.clone()).filter(|bytes| is_signed(bytes)).collect()
    }

    fn take_back(&self, base: u64) -> Result<(), ReorgError> {
        let mut writing = lock(&self.writing);
        if !self.chain.can_revert(base) {
            return Err(ReorgError::Discarded { number: base });
        }
        if let Some(log) = &mut writing.log {
            let kept = log.append_revert(base);
            kept.map_err(|e| AdvanceError::Log { number: base, reason: e.to_string() })?;
        }
        self.chain.revert(base);
        writing.snapshots.forget_above(base);
        Ok(())
    }

    /// The newest final block.
    pub fn finalized(&self) -> Result<Arc<StoredBlock>, StateError> {
        let head = self.chain.head();
        let number = self.faults.finalized(head.number());
        let block = self.chain.hash_at(number).and_then(|hash| self.chain.block(&hash));
        block.ok_or(StateError::UnknownBlock(head.hash))
    }
}

fn is_signed(bytes: &[u8]) -> bool {
    let input = &mut &bytes[..];
    let length = <codec::Compact<u32> as codec::Decode>::decode(input);
    length.is_ok() && input.first().is_some_and(|version| version & SIGNED_BIT != 0)
}
