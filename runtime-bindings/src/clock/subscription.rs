//! The clock of a real chain: a subscription to finalized heads.

use std::time::Duration;

use async_trait::async_trait;
use sn3_protocol::BlockNumber;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{ChainClock, ClockError};
use crate::client::{ChainClient, RECONNECT_ATTEMPTS_MAX};
use crate::{BlockRef, ReadError};

/// How long a wait tolerates that no block comes; fifty times the real chain's block time.
const STALL_DEADLINE_MS: u64 = 600_000;
/// How often in a row a subscription may fail without delivering a block.
const SUBSCRIPTION_ATTEMPTS_MAX: u32 = 6;
/// The pause before a failed subscription is tried again; grows with each failure in a row.
const RESUBSCRIBE_PAUSE_MS: u64 = 250;

/// How long no block may come where the chain does not say its block time.
const QUIET_DEFAULT_MS: u64 = 18_000;

type State = Result<BlockRef, ClockError>;

/// Follows finalized heads in the background, and connects again when the endpoint goes away.
///
/// Dropping it ends the subscription.
#[derive(Debug)]
pub struct SubscriptionClock {
    state: watch::Receiver<State>,
    stall_deadline_ms: u64,
    follower: JoinHandle<()>,
}

impl SubscriptionClock {
    /// Reads the head and starts to follow.
    pub async fn start(client: ChainClient) -> Result<Self, ReadError> {
        let head = client.head().await?;
        let (sender, state) = watch::channel(Ok(head));
        let follower = tokio::spawn(follow(client, sender));
        Ok(Self { state, stall_deadline_ms: STALL_DEADLINE_MS, follower })
    }

    /// Changes how long a wait tolerates that no block comes. Ten minutes by default.
    #[must_use]
    pub fn with_stall_deadline_ms(mut self, stall_deadline_ms: u64) -> Self {
        self.stall_deadline_ms = stall_deadline_ms;
        self
    }
}

impl Drop for SubscriptionClock {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

#[async_trait]
impl ChainClock for SubscriptionClock {
    async fn head(&self) -> State {
        self.state.borrow().clone()
    }

    async fn wait_until(&self, block: BlockNumber) -> State {
        let mut states = self.state.clone();
        let deadline = Duration::from_millis(self.stall_deadline_ms);
        loop {
            let head = states.borrow_and_update().clone()?;
            if head.number >= block {
                return Ok(head);
            }
            match tokio::time::timeout(deadline, states.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(ClockError::stopped("its follower ended")),
                Err(_) => return Err(stalled(head.number, block, self.stall_deadline_ms)),
            }
        }
    }
}

fn stalled(head: BlockNumber, wanted: BlockNumber, waited_ms: u64) -> ClockError {
    ClockError::Stalled { head, wanted, waited_ms }
}

/// Keeps a subscription alive until it fails too often in a row; the last error then stays for all who wait.
async fn follow(client: ChainClient, state: watch::Sender<State>) {
    let mut failures = 0;
    loop {
        let before = number(&state);
        let error = run(&client, &state).await;
        failures = if number(&state) > before { 1 } else { failures + 1 };
        // A failed connection has used its own retries already.
        let hopeless = matches!(error, ReadError::Connect(_)) || failures >= SUBSCRIPTION_ATTEMPTS_MAX;
        if hopeless {
            let (endpoint, reason) = (client.url().to_owned(), error.to_string());
            let lost = ClockError::Disconnected { endpoint, attempts: RECONNECT_ATTEMPTS_MAX, reason };
            drop(state.send_replace(Err(lost)));
            return;
        }
        tracing::warn!(%error, failures, "the subscription to blocks ended, subscribing again");
        tokio::time::sleep(Duration::from_millis(RESUBSCRIBE_PAUSE_MS * u64::from(failures))).await;
    }
}

fn number(state: &watch::Sender<State>) -> BlockNumber {
    state.borrow().as_ref().map_or(BlockNumber(0), |head| head.number)
}

/// One subscription: publishes heads until it breaks. The head is read once more after subscribing, so that
/// no block which came in between is waited for in vain.
async fn run(client: &ChainClient, state: &watch::Sender<State>) -> ReadError {
    let mut heads = match client.finalized_heads().await {
        Ok(heads) => heads,
        Err(error) => return error,
    };
    match client.head().await {
        Ok(head) => publish(state, head),
        Err(error) => return error,
    }
    let quiet = quiet_ms(client, state).await;
    loop {
        match tokio::time::timeout(Duration::from_millis(quiet), heads.next()).await {
            Ok(Ok(head)) => publish(state, head),
            Ok(Err(error)) => return error,
            Err(_) => return silent(client, quiet).await,
        }
    }
}

/// How long no block may come before another endpoint is tried: one and a half block times, so that the next block is
/// seen within two. A client with one endpoint waits.
async fn quiet_ms(client: &ChainClient, state: &watch::Sender<State>) -> u64 {
    let head = state.borrow().clone();
    match head {
        Ok(head) if client.has_alternatives() => client
            .chain_time(head)
            .await
            .map_or(QUIET_DEFAULT_MS, |(_, block_ms)| block_ms.saturating_mul(3) / 2),
        _ => STALL_DEADLINE_MS,
    }
}

/// No block came: the endpoint may have stalled while others have not.
async fn silent(client: &ChainClient, quiet_ms: u64) -> ReadError {
    let reason = format!("no block came for {quiet_ms} ms");
    match client.fail_over(&reason).await {
        Ok(()) => ReadError::Endpoint { what: "finalized heads".into(), reason },
        Err(error) => error.into(),
    }
}

/// Time never goes backwards, whatever an endpoint says.
fn publish(state: &watch::Sender<State>, head: BlockRef) {
    state.send_if_modified(|state| {
        let newer = state.as_ref().is_ok_and(|known| head.number > known.number);
        if newer {
            *state = Ok(head);
        }
        newer
    });
}
