//! Snapshots: places to come back to. A state is free to keep, so a snapshot is only a height whose
//! state must not be forgotten.

use std::{collections::BTreeMap, sync::Arc};

use super::Engine;
use crate::node::{block::StoredBlock, sync::lock};

/// How many snapshots may be held; the oldest gives way.
pub const SNAPSHOTS_MAX: usize = 64;
/// How far back a snapshot is kept: all states since have to be kept with it.
pub const SNAPSHOT_BLOCKS_MAX: u64 = 20_000;

/// Why a snapshot cannot be returned to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// There is none with this number.
    #[error(
        "snapshot {0} does not exist: it was never taken, was undone by going back further, or was among \
         more than {SNAPSHOTS_MAX} or older than {SNAPSHOT_BLOCKS_MAX} blocks"
    )]
    Unknown(u64),
    /// Its state is gone.
    #[error("snapshot {id} is at block {number}, whose state has been discarded")]
    Discarded {
        /// The snapshot.
        id: u64,
        /// Its height.
        number: u64,
    },
    /// The return could not be kept on disk.
    #[error("the return to snapshot {id} was not kept, so it was not made: {reason}")]
    Log {
        /// The snapshot.
        id: u64,
        /// What the file said.
        reason: String,
    },
}

/// The held snapshots by number.
#[derive(Default)]
pub struct Snapshots {
    heights: BTreeMap<u64, u64>,
    next_id: u64,
}

impl Snapshots {
    /// The oldest height that a snapshot needs when the head is at `head`; forgets those too far back.
    pub fn oldest_needed(&mut self, head: u64) -> Option<u64> {
        let oldest = head.saturating_sub(SNAPSHOT_BLOCKS_MAX);
        self.heights.retain(|_, height| *height >= oldest);
        self.heights.values().min().copied()
    }

    /// Ends the snapshots above a height.
    pub fn forget_above(&mut self, height: u64) {
        self.heights.retain(|_, taken| *taken <= height);
    }

    fn take(&mut self, height: u64) -> u64 {
        if self.heights.len() >= SNAPSHOTS_MAX {
            self.heights.pop_first();
        }
        self.next_id += 1;
        self.heights.insert(self.next_id, height);
        self.next_id
    }
}

impl Engine {
    /// Remembers the current head; the number is for [`revert`](Self::revert).
    pub fn snapshot(&self) -> u64 {
        let mut writing = lock(&self.writing);
        writing.snapshots.take(self.chain.head().number())
    }

    /// Goes back to a snapshot, which stays usable; later snapshots end, and the pool is emptied.
    pub fn revert(&self, id: u64) -> Result<Arc<StoredBlock>, SnapshotError> {
        let mut writing = lock(&self.writing);
        let number = *writing.snapshots.heights.get(&id).ok_or(SnapshotError::Unknown(id))?;
        if !self.chain.can_revert(number) {
            return Err(SnapshotError::Discarded { id, number });
        }
        if let Some(log) = &mut writing.log {
            log.append_revert(number).map_err(|e| SnapshotError::Log { id, reason: e.to_string() })?;
            log.sync();
        }
        let reverted = self.chain.revert(number);
        debug_assert!(reverted, "checked above, and only the holder of `writing` changes the chain");
        writing.snapshots.heights.retain(|other, _| *other <= id);
        self.pool.clear("the chain was reverted to a snapshot");
        Ok(self.chain.head())
    }
}
