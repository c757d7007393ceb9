//! Keeps requests to an endpoint under a rate, so that a public node does not throttle us.

use std::sync::Arc;
use std::time::Duration;

use subxt::ext::jsonrpsee::core::client::Client;
use subxt::rpcs::client::{RawRpcFuture, RawRpcSubscription, RpcClientT};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Requests to one endpoint that may be made at once after a pause.
const BURST_REQUESTS: u32 = 100;
/// Requests per second to one endpoint beyond the burst.
const REQUESTS_PER_SECOND_MAX: u32 = 50;

/// A schedule of requests: each takes a slot, and whoever comes too early waits for his.
#[derive(Debug)]
pub(super) struct Budget {
    interval: Duration,
    burst: Duration,
    next: Mutex<Instant>,
}

impl Budget {
    pub(super) fn new() -> Self {
        let interval = Duration::from_secs(1) / REQUESTS_PER_SECOND_MAX;
        Self { interval, burst: interval * BURST_REQUESTS, next: Mutex::new(Instant::now()) }
    }

    /// Takes the next slot and waits for it.
    pub(super) async fn take(&self) {
        let wait = {
            let mut next = self.next.lock().await;
            let now = Instant::now();
            let slot = self.slot(*next, now);
            *next = slot + self.interval;
            slot.saturating_duration_since(now)
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// The slot of whoever comes now: unused slots of the past count as far back as a burst.
    fn slot(&self, next: Instant, now: Instant) -> Instant {
        next.max(now.checked_sub(self.burst).unwrap_or(now))
    }
}

/// A connection whose requests keep to a budget; one to this machine has none.
pub(super) struct Budgeted {
    socket: Arc<Client>,
    budget: Option<Budget>,
}

impl Budgeted {
    pub(super) fn new(socket: Arc<Client>, is_local: bool) -> Self {
        Self { socket, budget: (!is_local).then(Budget::new) }
    }

    async fn slot(&self) {
        if let Some(budget) = &self.budget {
            budget.take().await;
        }
    }
}

impl RpcClientT for Budgeted {
    fn request_raw<'a>(
        &'a self,
        method: &'a str,
        params: Option<Box<serde_json::value::RawValue>>,
    ) -> RawRpcFuture<'a, Box<serde_json::value::RawValue>> {
        Box::pin(async move {
            self.slot().await;
            self.socket.request_raw(method, params).await
        })
    }

    fn subscribe_raw<'a>(
        &'a self,
        sub: &'a str,
        params: Option<Box<serde_json::value::RawValue>>,
        unsub: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        Box::pin(async move {
            self.slot().await;
            self.socket.subscribe_raw(sub, params, unsub).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_burst_requests_keep_to_the_rate() {
        let budget = Budget::new();
        let start = Instant::now();
        let now = start + Duration::from_secs(60);
        let (mut next, mut waits) = (start, Vec::new());
        for _ in 0..BURST_REQUESTS + REQUESTS_PER_SECOND_MAX + 1 {
            let slot = budget.slot(next, now);
            next = slot + budget.interval;
            waits.push(slot.saturating_duration_since(now));
        }
        let free = BURST_REQUESTS as usize;
        assert!(waits[..=free].iter().all(Duration::is_zero), "the burst does not wait");
        assert!(!waits[free + 1].is_zero(), "after it, requests do");
        assert_eq!(waits[free + REQUESTS_PER_SECOND_MAX as usize], Duration::from_secs(1));
    }
}
