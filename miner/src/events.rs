//! What a miner tells its observer: for progress displays, logs and the report.

use std::sync::Arc;

use serde::Serialize;
use sn3_protocol::score::Scorecard;
use sn3_protocol::{BlockNumber, Digest, Hotkey, RunId, Uid, Window};

/// Something that happened. Everything in it is data for people and reports; nothing depends on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MinerEvent {
    /// The node begins, or goes on where an earlier process stopped.
    Started {
        /// The run.
        run: RunId,
        /// Its slot.
        uid: Uid,
        /// Its key.
        hotkey: Hotkey,
        /// The window that it works on.
        window: Window,
        /// Whether an earlier process left a state.
        resumed: bool,
        /// Digest of its model state.
        state: Digest,
    },
    /// The storage address on chain was another one, and is this one now.
    AddressCommitted {
        /// The address.
        url: String,
        /// The block that proves it.
        block: BlockNumber,
    },
    /// The inner loop of a window begins.
    WindowStarted {
        /// The window.
        window: Window,
        /// Its number in the run, from 0.
        round: u64,
        /// The slot whose samples are trained.
        uid: Uid,
        /// Inner steps of the window.
        steps: u32,
        /// The block at which submissions close.
        deadline: BlockNumber,
    },
    /// One inner step is done.
    InnerStep {
        /// The window.
        window: Window,
        /// The step in the window, from 1.
        step: u32,
        /// Steps of the window.
        steps: u32,
        /// Mean loss of its samples, nats per token.
        loss: f32,
        /// Norm of the gradient before clipping.
        grad_norm: f32,
        /// Learning rate.
        lr: f64,
        /// Labels a second, in the window so far.
        tokens_per_s: f64,
    },
    /// The payload is made.
    Compressed {
        /// The window.
        window: Window,
        /// Its length in bytes.
        bytes: u64,
        /// Bytes of the dense f32 values over bytes of the payload.
        ratio: f64,
        /// Its digest.
        payload: Digest,
    },
    /// Payload and manifest are in the store.
    Uploaded {
        /// The window.
        window: Window,
        /// Length of the payload in bytes.
        bytes: u64,
        /// The head when the upload began.
        block: BlockNumber,
    },
    /// The window's deadline had passed before the node could train it.
    Skipped {
        /// The window.
        window: Window,
        /// The head.
        head: BlockNumber,
        /// The deadline.
        deadline: BlockNumber,
    },
    /// The window's deadline had passed before the payload was made.
    TooLate {
        /// The window.
        window: Window,
        /// The head.
        head: BlockNumber,
        /// The deadline.
        deadline: BlockNumber,
    },
    /// The window's record is applied, and the state is the one that it names.
    RecordApplied {
        /// The window.
        window: Window,
        /// Digest of the record.
        record: Digest,
        /// Who wrote it.
        leader: Hotkey,
        /// How many submissions it aggregates.
        aggregated: usize,
        /// Whether this node's is one of them.
        included: bool,
        /// The outer learning rate.
        outer_lr: f32,
        /// Digest of the state afterwards.
        state: Digest,
    },
    /// The leader's judgement of this node.
    Scored {
        /// The window that was judged.
        window: Window,
        /// All components.
        card: Box<Scorecard>,
        /// The reasons in words.
        reasons: Vec<String>,
    },
    /// No usable record came in time; the node goes on with the state that it has.
    RecordMissing {
        /// The window.
        window: Window,
        /// The head.
        head: BlockNumber,
        /// Blocks after the deadline that were waited.
        waited_blocks: u64,
        /// Why, where it is more than absence.
        reason: Option<String>,
    },
    /// The node and the ledger disagree.
    Desync {
        /// The window.
        window: Window,
        /// How.
        detail: String,
        /// What the node does now.
        remedy: String,
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
        /// Digest of the final state.
        state: Digest,
    },
}

/// Receives events, on the node's own threads: it must not block.
pub type Observer = Arc<dyn Fn(&MinerEvent) + Send + Sync>;

/// An observer that does nothing.
#[must_use]
pub fn ignore() -> Observer {
    Arc::new(|_| ())
}
