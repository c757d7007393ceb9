//! What goes wrong on purpose, so that clients can be tested against it.
//!
//! | fault | what clients see |
//! |---|---|
//! | stalled finality | best blocks go on, finalized heads and statuses wait |
//! | dropped subscriptions | notifications stop without a word; requests still work |
//! | delay | every answer comes later |
//! | refusal | the next transaction is refused with the wanted error |
//! | lost endpoint | connections break and are refused for a while |
//! | runtime upgrade | the version rises between two blocks; old signatures do not fit any more |
//! | reorganisation | best blocks are replaced by others (while finality is stalled) |
//!
//! All of them are off at the start and never come by themselves.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::sync::lock;

/// The longest delay of answers.
pub const DELAY_MS_MAX: u64 = 600_000;
/// How many refusals may wait for their transactions.
pub const REFUSALS_MAX: usize = 1_024;

/// What a refused transaction is answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refusal {
    /// The JSON-RPC code, for example 1010.
    pub code: i32,
    /// The data, for example `Custom error: 6`.
    #[serde(default)]
    pub data: Option<String>,
}

impl Refusal {
    /// The message that nodes send with this code.
    pub fn message(&self) -> &'static str {
        match self.code {
            1001 => "Extrinsic has invalid format",
            1010 => "Invalid Transaction",
            1011 => "Unknown Transaction Validity",
            1012 => "Transaction is temporarily banned",
            1013 => "Transaction Already Imported",
            1014 => "Priority is too low: (1 vs 1)",
            1015 => "Cycle Detected",
            1016 => "Immediately Dropped",
            1018 => "Unactionable",
            _ => "The development chain refuses this transaction, as it was told to",
        }
    }
}

/// A fault that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// A delay that no client would wait for.
    #[error("a delay of {given_ms} ms is more than {DELAY_MS_MAX}; lose the endpoint instead")]
    Delay {
        /// What was asked for.
        given_ms: u64,
    },
    /// More refusals than transactions to come.
    #[error("{REFUSALS_MAX} refusals wait for their transactions already; send those first")]
    Refusals,
}

/// The faults of one node.
pub struct Faults {
    /// The height up to which blocks are final; all of them without.
    final_up_to: watch::Sender<Option<u64>>,
    /// Counts how often all subscriptions were dropped.
    drops: watch::Sender<u64>,
    /// How much later answers come.
    delay: watch::Sender<Duration>,
    refusals: Mutex<VecDeque<Refusal>>,
    /// Whether clients can connect.
    endpoint: watch::Sender<bool>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            final_up_to: watch::Sender::new(None),
            drops: watch::Sender::new(0),
            delay: watch::Sender::new(Duration::ZERO),
            refusals: Mutex::default(),
            endpoint: watch::Sender::new(true),
        }
    }
}

impl Faults {
    /// Blocks above this height are not final until [`resume_finality`](Self::resume_finality).
    pub fn stall_finality(&self, height: u64) {
        self.final_up_to.send_modify(|up_to| *up_to = Some(up_to.map_or(height, |old| old.min(height))));
    }

    /// All blocks are final again.
    pub fn resume_finality(&self) {
        self.final_up_to.send_replace(None);
    }

    /// The height of the newest final block when the head is at `head`.
    pub fn finalized(&self, head: u64) -> u64 {
        self.final_up_to.borrow().map_or(head, |up_to| up_to.min(head))
    }

    /// Returns once the height is final.
    pub async fn until_final(&self, height: u64) {
        let mut up_to = self.final_up_to.subscribe();
        // An error means that the node is gone, and the waiting client with it.
        drop(up_to.wait_for(|up_to| up_to.is_none_or(|up_to| height <= up_to)).await);
    }

    /// Ends all subscriptions silently.
    pub fn drop_subscriptions(&self) {
        self.drops.send_modify(|count| *count += 1);
    }

    /// Returns when the subscriptions that exist now are dropped.
    pub async fn dropped(&self) {
        let mut drops = self.drops.subscribe();
        if drops.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Lets every answer come this much later; 0 for at once.
    pub fn delay_ms(&self, delay_ms: u64) -> Result<(), FaultError> {
        if delay_ms > DELAY_MS_MAX {
            return Err(FaultError::Delay { given_ms: delay_ms });
        }
        self.delay.send_replace(Duration::from_millis(delay_ms));
        Ok(())
    }

    /// How much later answers come.
    pub fn delay(&self) -> Duration {
        *self.delay.borrow()
    }

    /// Breaks all connections and refuses new ones, until it is taken back.
    pub fn lose_endpoint(&self, lost: bool) {
        self.endpoint.send_replace(!lost);
    }

    /// Whether clients shall be able to connect.
    pub fn endpoint(&self) -> watch::Receiver<bool> {
        self.endpoint.subscribe()
    }

    /// Refuses the next transaction that is sent; several refusals meet one transaction each.
    pub fn refuse_next(&self, refusal: Refusal) -> Result<(), FaultError> {
        let mut refusals = lock(&self.refusals);
        if refusals.len() >= REFUSALS_MAX {
            return Err(FaultError::Refusals);
        }
        refusals.push_back(refusal);
        Ok(())
    }

    /// How many refusals wait for their transactions.
    pub fn waiting_refusals(&self) -> usize {
        lock(&self.refusals).len()
    }

    /// The refusal for the transaction that has just come, if one waits.
    pub fn next_refusal(&self) -> Option<Refusal> {
        lock(&self.refusals).pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finality_stalls_at_the_lowest_height_and_resumes() {
        let faults = Faults::default();
        assert_eq!(faults.finalized(9), 9);
        faults.stall_finality(5);
        faults.stall_finality(7);
        assert_eq!((faults.finalized(9), faults.finalized(3)), (5, 3));
        faults.resume_finality();
        assert_eq!(faults.finalized(9), 9);
    }

    #[test]
    fn refusals_meet_one_transaction_each() {
        let faults = Faults::default();
        let refusal = Refusal { code: 1010, data: Some("Custom error: 6".into()) };
        faults.refuse_next(refusal.clone()).unwrap();
        assert_eq!(faults.next_refusal(), Some(refusal));
        assert_eq!(faults.next_refusal(), None);
    }

    #[test]
    fn an_endless_delay_is_refused() {
        assert_eq!(Faults::default().delay_ms(600_001), Err(FaultError::Delay { given_ms: 600_001 }));
    }
}
