//! The block clock: the only source of time that nodes decide by.

use async_trait::async_trait;
use sn3_protocol::BlockNumber;

use crate::BlockRef;

mod manual;
mod subscription;

pub use manual::ManualClock;
pub use subscription::SubscriptionClock;

/// Tells where the chain's head is and waits for blocks.
///
/// All waiting for blocks goes through [`wait_until`](Self::wait_until), so that a driver which owns the chain
/// (a test, a local network) sees when every node is waiting and may seal the next block.
#[async_trait]
pub trait ChainClock: Send + Sync {
    /// The newest finalized block that this clock has seen.
    async fn head(&self) -> Result<BlockRef, ClockError>;

    /// Returns the head as soon as its number is at least `block`; at once when it already is.
    ///
    /// The head that comes back may be later than `block`.
    async fn wait_until(&self, block: BlockNumber) -> Result<BlockRef, ClockError>;
}

/// Why the clock cannot tell the time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    /// The endpoint is gone and did not come back within the retry budget.
    #[error(
        "lost the chain at {endpoint} and {attempts} attempts to reach it again failed: {reason}; check that the node runs, then start this process again: it resumes where it was"
    )]
    Disconnected {
        /// The endpoint's URL.
        endpoint: String,
        /// How often a reconnection was tried.
        attempts: u32,
        /// What the last attempt ended with.
        reason: String,
    },
    /// The chain is reachable, but no new block came for longer than the deadline.
    #[error(
        "no block after #{head} for {waited_ms} ms while waiting for #{wanted}; the chain at this endpoint has stalled: try another endpoint"
    )]
    Stalled {
        /// The last block seen.
        head: BlockNumber,
        /// The block that was waited for.
        wanted: BlockNumber,
        /// How long nothing came, in milliseconds.
        waited_ms: u64,
    },
    /// Whoever drives this clock ended it.
    #[error("the clock was stopped: {reason}")]
    Stopped {
        /// Why.
        reason: String,
    },
}

impl ClockError {
    /// The error of a clock that its driver ended.
    pub fn stopped(reason: impl Into<String>) -> Self {
        Self::Stopped { reason: reason.into() }
    }

    /// Whether waiting again may succeed without anyone's action.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Stalled { .. })
    }
}
