//! Advancing until something is so.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sp_core::Bytes;

use super::{ADVANCE_BLOCKS_MAX, AdvanceError, Engine};
use crate::node::block::StoredBlock;

/// What the chain can be advanced to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Condition {
    /// A storage value is this; `null` where it must be absent.
    StorageIs {
        /// The key.
        key: Bytes,
        /// The value.
        value: Option<Bytes>,
    },
    /// A storage value is another one than now.
    StorageChanges {
        /// The key.
        key: Bytes,
    },
    /// The chain's clock is not before this.
    Timestamp {
        /// Milliseconds since 1970.
        ms: u64,
    },
    /// No transaction waits.
    PoolEmpty,
}

impl Engine {
    /// Makes blocks until the condition holds, at most `blocks_max`. Makes none when it holds already.
    pub fn advance_until(
        &self,
        condition: &Condition,
        blocks_max: u64,
    ) -> Result<Arc<StoredBlock>, AdvanceError> {
        if blocks_max > ADVANCE_BLOCKS_MAX {
            return Err(AdvanceError::TooFar { blocks: blocks_max });
        }
        let begin = self.watched(condition)?;
        for _ in 0..blocks_max {
            if self.holds(condition, &begin)? {
                self.force_to_disk();
                return Ok(self.chain.head());
            }
            self.seal_next()?;
        }
        self.force_to_disk();
        match self.holds(condition, &begin)? {
            true => Ok(self.chain.head()),
            false => Err(AdvanceError::Never { blocks: blocks_max }),
        }
    }

    fn watched(&self, condition: &Condition) -> Result<Option<Vec<u8>>, AdvanceError> {
        let (Condition::StorageIs { key, .. } | Condition::StorageChanges { key }) = condition else {
            return Ok(None);
        };
        let (state, block) = self.chain.state(None)?;
        let missing = |_| super::StateError::Discarded { hash: block.hash, number: block.number() };
        Ok(state.storage(key).map_err(missing)?)
    }

    fn holds(&self, condition: &Condition, begin: &Option<Vec<u8>>) -> Result<bool, AdvanceError> {
        Ok(match condition {
            Condition::StorageIs { value, .. } => {
                self.watched(condition)?.as_deref() == value.as_ref().map(|value| &value[..])
            }
            Condition::StorageChanges { .. } => self.watched(condition)? != *begin,
            Condition::Timestamp { ms } => self.chain.head().timestamp_ms >= *ms,
            Condition::PoolEmpty => self.pool.counts().0 == 0,
        })
    }
}
