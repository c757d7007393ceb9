//! A clock that moves only when everybody waits.
//!
//! Whole-network runs in one process are driven by it: each node holds a [`LockstepClock`]; when all of
//! them are inside `wait_until`, the last one to arrive has the chain sealed up to the smallest block
//! that anybody wants. Who is fast and who is slow then changes nothing that a node can see, so a run is
//! a pure function of its seed, on any number of threads.
//!
//! ```text
//!  miner 1 ──wait(10)──┐
//!  miner 2 ──wait(10)──┼─ all wait ──► seal up to block 7 ──► wake those who wanted ≤ 7
//!  leader  ──wait(7)───┘
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use sn3_chain::{BlockRef, ChainClock, ClockError};
use sn3_protocol::BlockNumber;
use tokio::sync::watch;

/// What seals blocks: the embedded devnet, or a counter in tests.
#[async_trait]
pub trait Sealer: Send + Sync {
    /// Seals blocks until the head is at least `block`; the head afterwards.
    async fn seal_to(&self, block: BlockNumber) -> Result<BlockRef, String>;
}

struct State {
    next_id: u64,
    /// Wanted block of each participant; `None` while it works.
    participants: BTreeMap<u64, Option<BlockNumber>>,
}

/// The shared part: participants join it for their clocks.
pub struct Lockstep {
    sealer: Box<dyn Sealer>,
    state: Mutex<State>,
    head: watch::Sender<Result<BlockRef, String>>,
    sealing: tokio::sync::Mutex<()>,
}

impl Lockstep {
    /// A lockstep over `sealer`, whose head is `head` now.
    #[must_use]
    pub fn new(sealer: Box<dyn Sealer>, head: BlockRef) -> Arc<Self> {
        Arc::new(Self {
            sealer,
            state: Mutex::new(State { next_id: 0, participants: BTreeMap::new() }),
            head: watch::Sender::new(Ok(head)),
            sealing: tokio::sync::Mutex::new(()),
        })
    }

    /// Adds a participant. All must join before the first one waits; leaving is dropping the clock.
    #[must_use]
    pub fn join(self: &Arc<Self>) -> LockstepClock {
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.participants.insert(id, None);
        LockstepClock { shared: self.clone(), id }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn head(&self) -> Result<BlockRef, ClockError> {
        self.head.borrow().clone().map_err(ClockError::stopped)
    }

    fn want(&self, id: u64, block: Option<BlockNumber>) {
        self.lock().participants.insert(id, block);
    }

    /// The smallest wanted block, if nobody works.
    fn due(&self) -> Option<BlockNumber> {
        let state = self.lock();
        let wanted: Option<Vec<BlockNumber>> = state.participants.values().copied().collect();
        wanted?.into_iter().min()
    }

    /// Seals if all wait. Safe to call at any time and by anybody.
    async fn advance_if_due(&self) {
        let _one_at_a_time = self.sealing.lock().await;
        let Some(block) = self.due() else { return };
        if self.head.borrow().as_ref().is_ok_and(|head| head.number >= block) {
            return;
        }
        let sealed = self.sealer.seal_to(block).await;
        if let Ok(head) = &sealed {
            self.release(head.number);
        }
        drop(self.head.send_replace(sealed));
    }

    /// Marks those as working whose block has come, before they can be seen as waiting again.
    fn release(&self, head: BlockNumber) {
        for wanted in self.lock().participants.values_mut() {
            if wanted.is_some_and(|block| block <= head) {
                *wanted = None;
            }
        }
    }
}

/// One participant's view: a [`ChainClock`] whose head is the lockstep's, not the chain's.
pub struct LockstepClock {
    shared: Arc<Lockstep>,
    id: u64,
}

#[async_trait]
impl ChainClock for LockstepClock {
    async fn head(&self) -> Result<BlockRef, ClockError> {
        self.shared.head()
    }

    async fn wait_until(&self, block: BlockNumber) -> Result<BlockRef, ClockError> {
        let mut heads = self.shared.head.subscribe();
        loop {
            let head = self.shared.head()?;
            if head.number >= block {
                self.shared.want(self.id, None);
                return Ok(head);
            }
            heads.mark_unchanged();
            self.shared.want(self.id, Some(block));
            self.shared.advance_if_due().await;
            if self.shared.head()?.number >= block {
                continue;
            }
            heads.changed().await.map_err(|_| ClockError::stopped("the lockstep is gone"))?;
        }
    }
}

impl Drop for LockstepClock {
    /// A node that ended, or died, must not hold the others.
    fn drop(&mut self) {
        self.shared.lock().participants.remove(&self.id);
        let shared = self.shared.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { shared.advance_if_due().await });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sn3_protocol::Digest;

    use super::*;

    struct Counter;

    fn block(number: u64) -> BlockRef {
        BlockRef { number: BlockNumber(number), hash: Digest::of(&number.to_le_bytes()) }
    }

    #[async_trait]
    impl Sealer for Counter {
        async fn seal_to(&self, wanted: BlockNumber) -> Result<BlockRef, String> {
            Ok(block(wanted.0))
        }
    }

    async fn walk(clock: LockstepClock, blocks: Vec<u64>, pause_ms: u64) -> Vec<u64> {
        let mut seen = Vec::new();
        for wanted in blocks {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            seen.push(clock.wait_until(BlockNumber(wanted)).await.unwrap().number.0);
        }
        seen
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nobody_sees_a_block_that_another_one_was_not_ready_for() {
        for slow in [0, 3] {
            let lockstep = Lockstep::new(Box::new(Counter), block(0));
            let (a, b) = (lockstep.join(), lockstep.join());
            let a = tokio::spawn(walk(a, vec![5, 10, 20], 0));
            let b = tokio::spawn(walk(b, vec![7, 10, 15, 20], slow));
            assert_eq!(a.await.unwrap(), [5, 10, 20]);
            assert_eq!(b.await.unwrap(), [7, 10, 15, 20]);
        }
    }

    #[tokio::test]
    async fn one_that_leaves_does_not_hold_the_others() {
        let lockstep = Lockstep::new(Box::new(Counter), block(0));
        let (a, b) = (lockstep.join(), lockstep.join());
        let a = tokio::spawn(walk(a, vec![9], 0));
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(b);
        assert_eq!(a.await.unwrap(), [9]);
    }

    struct Broken;

    #[async_trait]
    impl Sealer for Broken {
        async fn seal_to(&self, _: BlockNumber) -> Result<BlockRef, String> {
            Err("no more blocks".into())
        }
    }

    #[tokio::test]
    async fn a_chain_that_stops_is_an_error_for_everybody() {
        let lockstep = Lockstep::new(Box::new(Broken), block(0));
        let (a, b) = (lockstep.join(), lockstep.join());
        let a = tokio::spawn(async move { a.wait_until(BlockNumber(3)).await });
        let b = tokio::spawn(async move { b.wait_until(BlockNumber(4)).await });
        assert!(a.await.unwrap().is_err());
        assert!(b.await.unwrap().is_err());
    }
}
