//! What a validator tells its observer: for progress displays, logs and the report.

use std::sync::Arc;

use serde::Serialize;
use sn3_chain::{BlockRef, Receipt};
use sn3_protocol::score::{Reason, ScorecardSet};
use sn3_protocol::{Digest, Hotkey, Uid, Window};

/// Something that happened. Everything in it is data for people and reports; nothing depends on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ValidatorEvent {
    /// The node begins, or goes on where an earlier process stopped.
    Started {
        /// The window that it works on next.
        window: Window,
        /// Whether an earlier process left a state.
        resumed: bool,
        /// Digest of its model state.
        state: Digest,
    },
    /// The loss on held-out samples of a state.
    Heldout {
        /// The window before which the state holds.
        window: Window,
        /// Nats per token.
        loss: f64,
    },
    /// Submissions of a window are closed.
    Closed {
        /// The window.
        window: Window,
        /// The deadline block.
        deadline: BlockRef,
        /// Uids whose submission was there.
        submissions: Vec<Uid>,
    },
    /// A uid loses something in this window.
    Rejected {
        /// The window.
        window: Window,
        /// The uid.
        uid: Uid,
        /// Its owner.
        hotkey: Hotkey,
        /// Why.
        reason: Reason,
        /// The same in words.
        text: String,
    },
    /// A round is recorded.
    Recorded {
        /// The window.
        window: Window,
        /// Digest of the record.
        record: Digest,
        /// Who wrote it.
        leader: Hotkey,
        /// Who was aggregated.
        aggregated: Vec<Uid>,
        /// The outer learning rate.
        outer_lr: f32,
        /// State before.
        state_before: Digest,
        /// State after.
        state_after: Digest,
    },
    /// The scorecards of a window.
    Scored {
        /// As published.
        cards: Box<ScorecardSet>,
    },
    /// Weights are on chain.
    WeightsSet {
        /// The window whose scores they pay.
        window: Window,
        /// As they were set.
        weights: Vec<(Uid, u16)>,
        /// The proof.
        receipt: Receipt,
    },
    /// Weights did not land; they are tried again after the next window.
    WeightsFailed {
        /// The window whose scores they pay.
        window: Window,
        /// Why.
        error: String,
    },
    /// Something of a peer or a store failed; the node goes on.
    Trouble {
        /// The window.
        window: Window,
        /// What.
        error: String,
    },
    /// The last window of the run is done.
    Finished {
        /// It.
        window: Window,
        /// Digest of the final state.
        state: Digest,
    },
}

/// Receives events, on the node's own task: it must not block.
pub type Observer = Arc<dyn Fn(&ValidatorEvent) + Send + Sync>;

/// An observer that does nothing.
#[must_use]
pub fn ignore() -> Observer {
    Arc::new(|_| ())
}
