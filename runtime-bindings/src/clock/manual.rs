//! A clock that somebody moves by hand.

use async_trait::async_trait;
use sn3_protocol::{BlockNumber, Digest};
use tokio::sync::watch;

use super::{ChainClock, ClockError};
use crate::BlockRef;

/// A clock for tests: time stands still until [`ManualClock::set`] moves it.
///
/// ```
/// # tokio_test_block_on(async {
/// use sn3_chain::{ChainClock, ManualClock};
/// use sn3_protocol::BlockNumber;
///
/// let clock = ManualClock::new();
/// clock.advance_to(BlockNumber(7));
/// assert_eq!(clock.wait_until(BlockNumber(5)).await?.number, BlockNumber(7));
/// # Ok::<(), sn3_chain::ClockError>(())
/// # }).unwrap();
/// # fn tokio_test_block_on<F: std::future::Future>(f: F) -> F::Output {
/// #     tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(f)
/// # }
/// ```
#[derive(Debug)]
pub struct ManualClock {
    head: watch::Sender<Option<BlockRef>>,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl ManualClock {
    /// A clock at block 0.
    #[must_use]
    pub fn new() -> Self {
        Self { head: watch::Sender::new(Some(Self::block(BlockNumber(0)))) }
    }

    /// The block that [`advance_to`](Self::advance_to) makes up for a number: its hash is the digest of the
    /// number's eight little-endian bytes.
    #[must_use]
    pub fn block(number: BlockNumber) -> BlockRef {
        BlockRef { number, hash: Digest::of(&number.0.to_le_bytes()) }
    }

    /// Moves the clock to a block of a real chain and wakes who waited for it.
    pub fn set(&self, head: BlockRef) {
        self.head.send_replace(Some(head));
    }

    /// Moves the clock to a made-up block with this number.
    pub fn advance_to(&self, number: BlockNumber) {
        self.set(Self::block(number));
    }

    /// Ends the clock: who waits, now or later, gets [`ClockError::Stopped`].
    pub fn stop(&self) {
        self.head.send_replace(None);
    }
}

fn stopped() -> ClockError {
    ClockError::stopped("its owner called stop")
}

#[async_trait]
impl ChainClock for ManualClock {
    async fn head(&self) -> Result<BlockRef, ClockError> {
        self.head.borrow().ok_or_else(stopped)
    }

    async fn wait_until(&self, block: BlockNumber) -> Result<BlockRef, ClockError> {
        let mut heads = self.head.subscribe();
        let reached = |head: &Option<BlockRef>| head.is_none_or(|head| head.number >= block);
        let head = heads.wait_for(reached).await.map_err(|_| stopped())?;
        head.ok_or_else(stopped)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn waiting_ends_with_the_block_and_not_before() {
        let clock = Arc::new(ManualClock::new());
        let waiter = tokio::spawn({
            let clock = clock.clone();
            async move { clock.wait_until(BlockNumber(3)).await }
        });
        clock.advance_to(BlockNumber(2));
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        clock.advance_to(BlockNumber(4));
        assert_eq!(waiter.await.unwrap().unwrap().number, BlockNumber(4));
    }

    #[tokio::test]
    async fn a_stopped_clock_wakes_who_waits() {
        let clock = Arc::new(ManualClock::new());
        let waiter = tokio::spawn({
            let clock = clock.clone();
            async move { clock.wait_until(BlockNumber(3)).await }
        });
        tokio::task::yield_now().await;
        clock.stop();
        assert_eq!(waiter.await.unwrap(), Err(stopped()));
    }
}
