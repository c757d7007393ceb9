//! The round record of a window: fetched, checked, applied, and its digest reached.

use std::sync::Arc;

use bytes::Bytes;
use sn3_chain::BlockRef;
use sn3_exchange::{FetchError, Store, fetch_aggregated, fetch_record, fetch_scorecards};
use sn3_protocol::aggregate::{self, PayloadError};
use sn3_protocol::{Digest, Hotkey, RoundRecord, Window};

use super::peers::Addresses;
use super::{Checkpoint, Context, MinerNode};
use crate::error::MinerError;
use crate::events::MinerEvent;
use crate::state::Outcome;

/// How often a fetch that failed in passing is repeated, a block apart.
const FETCH_ATTEMPTS_MAX: u32 = 3;

/// A record is not there, or cannot be used; why, where it is more than absence.
struct Unusable(Option<String>);

impl Unusable {
    fn because(reason: impl std::fmt::Display) -> Self {
        Self(Some(reason.to_string()))
    }
}

impl From<FetchError> for Unusable {
    fn from(error: FetchError) -> Self {
        Self((!error.is_missing()).then(|| error.to_string()))
    }
}

/// A record that continues the ledger, with everything that it aggregates.
struct Round {
    record: RoundRecord,
    payloads: Vec<Bytes>,
    store: Store,
}

impl MinerNode {
    /// Looks for the record of a window and applies it.
    pub(super) async fn follow(&mut self, window: Window) -> Result<Outcome, MinerError> {
        let round = match self.context.round(window, &self.state.tip).await? {
            Ok(Found::Next(round)) => *round,
            Ok(Found::Elsewhere(previous)) => return Ok(Outcome::Unlinked { previous }),
            Err(Unusable(reason)) => return Ok(Outcome::NoRecord { reason }),
        };
        let Round { record, payloads, store } = round;
        let (context, theta, step) = (self.context.clone(), self.theta.clone(), record.clone());
        let applied = tokio::task::spawn_blocking(move || context.apply(&theta, &step, &payloads));
        let (theta, ours) = match applied.await.map_err(|_| MinerError::Panicked("the outer step"))? {
            Ok(applied) => applied,
            Err(reason) => return Ok(Outcome::NoRecord { reason: Some(reason) }),
        };
        if ours != record.state_after {
            return Ok(Outcome::Diverged { ours, theirs: record.state_after });
        }
        self.context.checkpoint(Checkpoint::Applied(window))?;
        self.set_theta(theta).await?;
        self.context.emit_applied(&record);
        self.context.emit_score(&record, &store).await;
        Ok(Outcome::Applied { record: record.digest(), state: ours })
    }
}

/// What was found under a window's name.
enum Found {
    /// The next record of the ledger.
    Next(Box<Round>),
    /// A record that links to this digest.
    Elsewhere(Digest),
}

impl Context {
    /// The record of a window and its payloads. The inner error is what waiting may cure.
    async fn round(
        &self,
        window: Window,
        tip: &crate::state::Tip,
    ) -> Result<Result<Found, Unusable>, MinerError> {
        let (leader, deadline) = self.leader_at(self.config.deadline_block(window)).await?;
        let addresses = self.addresses().await?;
        let store = match self.store_of(&leader, &addresses) {
            Ok(store) => store,
            Err(reason) => return Ok(Err(Unusable(Some(reason)))),
        };
        let record = match self.record(window, &leader, &store).await? {
            Ok(record) => record,
            Err(error) => return Ok(Err(error.into())),
        };
        if record.previous != tip.record {
            return Ok(Ok(Found::Elsewhere(record.previous)));
        }
        if let Some(fault) = self.fault(&record, tip.state, deadline) {
            return Ok(Err(Unusable(Some(fault))));
        }
        let payloads = self.payloads(&record, &store, &addresses).await;
        Ok(payloads.map(|payloads| Found::Next(Box::new(Round { record, payloads, store }))))
    }

    /// Fetches the record; a store that fails in passing is asked again.
    async fn record(
        &self,
        window: Window,
        leader: &Hotkey,
        store: &Store,
    ) -> Result<Result<RoundRecord, FetchError>, MinerError> {
        for attempt in 1.. {
            let head = self.head().await?;
            match fetch_record(store, &self.config.run, window, leader).await {
                Ok(signed) => return Ok(Ok(signed.record)),
                Err(error) if error.retry() && attempt < FETCH_ATTEMPTS_MAX => {
                    tracing::warn!(%error, attempt, "the record could not be fetched, trying again at the next block");
                    self.chain.clock().wait_until(head.number.saturating_add(1)).await?;
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        unreachable!("the last attempt returns")
    }

    /// What a linked and signed record says that cannot be, if anything.
    fn fault(&self, record: &RoundRecord, state: Digest, deadline: Option<BlockRef>) -> Option<String> {
        let expected_lr = self.config.outer_lr(record.window);
        if record.state_before != state {
            return Some(format!(
                "the record starts from state {}, the ledger is at {}",
                record.state_before.short(),
                state.short()
            ));
        }
        if record.outer_lr.to_bits() != expected_lr.to_bits() {
            return Some(format!(
                "the record has an outer learning rate of {}, the run {expected_lr}",
                record.outer_lr
            ));
        }
        let number = self.config.deadline_block(record.window);
        let other_hash = deadline.is_some_and(|block| block.hash != record.deadline_hash);
        if record.deadline_block != number || other_hash {
            return Some(format!("the record names another deadline than block #{number}"));
        }
        None
    }

    async fn payloads(
        &self,
        record: &RoundRecord,
        store: &Store,
        addresses: &Addresses,
    ) -> Result<Vec<Bytes>, Unusable> {
        let bytes_max = self.payload_bytes_max();
        let mut payloads = Vec::with_capacity(record.aggregated.len());
        for entry in &record.aggregated {
            let author = self.store_of(&entry.hotkey, addresses).ok();
            let payload = fetch_aggregated(store, author.as_ref(), record, entry, bytes_max).await;
            // A missing payload is a fault of the record, which promises it.
            payloads.push(payload.map_err(Unusable::because)?);
        }
        Ok(payloads)
    }

    /// The outer step: the new state and its digest.
    fn apply(
        &self,
        theta: &[f32],
        record: &RoundRecord,
        payloads: &[Bytes],
    ) -> Result<(Arc<Vec<f32>>, Digest), String> {
        let mut theta = theta.to_vec();
        if !payloads.is_empty() {
            let payloads: Vec<&[u8]> = payloads.iter().map(AsRef::as_ref).collect();
            let update = aggregate::aggregate_payloads(&self.layout, self.top_k(), &payloads);
            let update = update.map_err(|error| why_not(record, &error))?;
            aggregate::outer_step(&mut theta, &self.layout, &update, record.outer_lr)
                .map_err(|error| error.to_string())?;
        }
        let digest = self.layout.state_digest(&theta);
        Ok((Arc::new(theta), digest))
    }

    fn emit_applied(&self, record: &RoundRecord) {
        let own = self.signer.hotkey();
        self.emit(&MinerEvent::RecordApplied {
            window: record.window,
            record: record.digest(),
            leader: record.leader,
            aggregated: record.aggregated.len(),
            included: record.aggregated.iter().any(|entry| entry.hotkey == own),
            outer_lr: record.outer_lr,
            state: record.state_after,
        });
    }

    /// Tells how the leader judged this node in the window before: scorecards come after records.
    async fn emit_score(&self, record: &RoundRecord, store: &Store) {
        let window = record.window.saturating_sub(1);
        if !self.config.contains(window) {
            return;
        }
        let set = match fetch_scorecards(store, &self.config.run, window, &record.leader).await {
            Ok(set) => set,
            Err(error) if error.is_missing() => return,
            Err(error) => return self.emit(&MinerEvent::Trouble { window, error: error.to_string() }),
        };
        let own = self.signer.hotkey();
        if let Some(card) = set.cards.into_iter().find(|card| card.hotkey == own) {
            let reasons = card.reasons.iter().map(ToString::to_string).collect();
            self.emit(&MinerEvent::Scored { window, card: Box::new(card), reasons });
        }
    }
}

/// Names the neuron whose payload gives no update.
fn why_not(record: &RoundRecord, error: &PayloadError) -> String {
    match error {
        PayloadError::Payload { peer, source } => match record.aggregated.get(*peer) {
            Some(entry) => format!("payload of uid {}: {source}", entry.uid),
            None => error.to_string(),
        },
        _ => error.to_string(),
    }
}
