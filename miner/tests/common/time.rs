//! Time moves only when everybody waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sn3_chain::{BlockRef, ChainClock, ClockError};
use sn3_protocol::BlockNumber;
use tokio::sync::watch;

use super::block;

pub struct Time {
    head: watch::Sender<u64>,
    wants: Mutex<(usize, BTreeMap<usize, Option<u64>>)>,
}

pub struct Clock {
    time: Arc<Time>,
    id: usize,
}

impl Time {
    pub fn new(head: u64) -> Arc<Self> {
        Arc::new(Self { head: watch::Sender::new(head), wants: Mutex::default() })
    }

    /// Everybody must join before anybody waits.
    pub fn join(self: &Arc<Self>) -> Arc<Clock> {
        let mut wants = self.wants.lock().unwrap();
        wants.0 += 1;
        let id = wants.0;
        wants.1.insert(id, None);
        Arc::new(Clock { time: self.clone(), id })
    }

    pub fn head(&self) -> u64 {
        *self.head.borrow()
    }

    fn advance(&self) {
        let mut wants = self.wants.lock().unwrap();
        let all: Option<Vec<u64>> = wants.1.values().copied().collect();
        let Some(next) = all.and_then(|all| all.into_iter().min()) else { return };
        for want in wants.1.values_mut() {
            if want.is_some_and(|block| block <= next) {
                *want = None;
            }
        }
        self.head.send_replace(next);
    }
}

#[async_trait]
impl ChainClock for Clock {
    async fn head(&self) -> Result<BlockRef, ClockError> {
        Ok(block(self.time.head()))
    }

    async fn wait_until(&self, wanted: BlockNumber) -> Result<BlockRef, ClockError> {
        let mut heads = self.time.head.subscribe();
        if *heads.borrow_and_update() < wanted.0 {
            self.time.wants.lock().unwrap().1.insert(self.id, Some(wanted.0));
            self.time.advance();
        }
        let head = heads.wait_for(|head| *head >= wanted.0).await.unwrap();
        Ok(block(*head))
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.time.wants.lock().unwrap().1.remove(&self.id);
        self.time.advance();
    }
}
