//! What a mechanism for judging miners sees and answers: a pure state machine without sockets, time or
//! randomness of its own.
//!
//! ```text
//!  Event::Deadline ──► step ──► Reject…, Aggregate, Evaluate
//!  Event::Evaluated ─► step ──► Cards, SetWeights
//! ```

use std::collections::BTreeMap;

use codec::{Decode, Encode};
use sn3_protocol::score::{LossScore, PairOverlap, Reason, Scorecard};
use sn3_protocol::{Alpha, Digest, Hotkey, Uid, Window};

/// Judges submissions and turns them into weights. Everything random follows from the events, so that two
/// validators which saw the same do the same, and a state that was written to disk goes on where it was.
pub trait Mechanism: Send + Sync {
    /// Everything that is remembered from window to window.
    type State: Clone + Encode + Decode + Send;

    /// The state of a run's first window.
    fn start(&self) -> Self::State;

    /// One event. An event of a window that was already handled changes nothing and has no effects.
    fn step(&self, state: Self::State, event: &Event) -> (Self::State, Vec<Effect>);
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Submissions of a window are closed.
    Deadline(Deadline),
    /// The updates that [`Effect::Evaluate`] asked for were tried.
    Evaluated(Evaluated),
}

/// All that is known when submissions of a window close.
#[derive(Clone, Debug, PartialEq)]
pub struct Deadline {
    /// The window.
    pub window: Window,
    /// Its number in the run, from 0.
    pub round: u64,
    /// Hash of the deadline block; seeds every choice of the round.
    pub deadline_hash: Digest,
    /// Who is registered.
    pub neurons: Vec<NeuronInfo>,
    /// What each uid submitted; those without a submission are not in it.
    pub submissions: BTreeMap<Uid, Submitted>,
    /// Overlaps of every pair of readable submissions.
    pub overlaps: Vec<PairOverlap>,
    /// Uids whose submission of an earlier window was first seen after its deadline.
    pub late: BTreeMap<Uid, Window>,
    /// The validator's own probe at the start of the window.
    pub probe: Vec<f32>,
    /// The outer learning rate, which stands for a parameter's change where none is known.
    pub outer_lr: f32,
    /// Who is aggregated, where a published record has already decided it; else the mechanism chooses.
    pub aggregated: Option<Vec<Uid>>,
}

/// A registered neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeuronInfo {
    /// Its slot.
    pub uid: Uid,
    /// Its key.
    pub hotkey: Hotkey,
    /// Its stake weight.
    pub stake: Alpha,
}

/// A uid's submission as it was found at the deadline.
#[derive(Clone, Debug, PartialEq)]
pub enum Submitted {
    /// Signature, window, layout, base state, size, hash and payload are in order.
    Readable {
        /// Digest of the payload's bytes.
        payload: Digest,
        /// L2 norm of all kept values.
        norm: f64,
        /// The published probe.
        probe: Vec<f32>,
    },
    /// It broke a rule of its format.
    Broken {
        /// Which, in words.
        detail: String,
    },
}

/// The results of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// The window.
    pub window: Window,
    /// The losses of each uid that was tried, or why its update cannot be used. A uid that was asked for and
    /// is not here was not attempted; it keeps its growing chance of being drawn.
    pub results: BTreeMap<Uid, Trial>,
    /// The validator's own probe after the outer step.
    pub probe_after: Vec<f32>,
}

/// One uid's evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The own samples, in the order of evaluation.
    pub own_samples: Vec<u32>,
    /// Losses, or why there are none.
    pub outcome: Result<LossScore, String>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// Tell why a uid loses something in this window.
    Reject {
        /// The uid.
        uid: Uid,
        /// The reason.
        reason: Reason,
    },
    /// Put these payloads, ascending by uid, into the model.
    Aggregate(Vec<Uid>),
    /// Try these updates.
    Evaluate(Vec<EvaluationTask>),
    /// Publish the scorecards of the window.
    Cards(Vec<Scorecard>),
    /// Set these weights, which add up to 1.
    SetWeights(BTreeMap<Uid, f64>),
}

/// One update to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationTask {
    /// Whose update.
    pub uid: Uid,
    /// Whose updates are tried on the same samples for comparison.
    pub controls: Vec<Uid>,
}
