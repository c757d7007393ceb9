//! What a miner does next: a pure function of its state and of what happened.
//!
//! ```text
//!            head < first block            trained                uploaded, or too late
//!   ┌──────────────► Fresh ──Train──► Trained ──Publish──► Closed ──Follow──┐
//!   │                  └── deadline passed: nothing to upload ──► Closed    │
//!   └───────────── record applied, or none came in time: next window ◄──────┘
//! ```

use serde::{Deserialize, Serialize};
use sn3_protocol::{BlockNumber, Digest, Uid, Window};

use crate::events::MinerEvent;

mod resync;
#[cfg(test)]
mod tests;

/// Windows in a row without a record after which a miner gives up.
pub const WINDOWS_WITHOUT_RECORD_MAX: u32 = 256;

/// The numbers of a run that decide when something happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The first window.
    pub start: Window,
    /// The last window, where there is one.
    pub end: Option<Window>,
    /// Blocks of a window.
    pub blocks_per_window: u64,
    /// Blocks after a window's end in which its submissions arrive.
    pub put_blocks: u64,
    /// Blocks after the deadline in which its record arrives.
    pub record_blocks: u64,
    /// When this node uploads.
    pub upload: UploadRule,
}

/// When a node uploads. An honest one does it at the end of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadRule {
    /// At the first block after the window.
    AtEnd,
    /// One block later, when others' uploads are there.
    OneBlockLater,
    /// When the deadline has passed.
    AfterDeadline,
    /// Only in the first round; afterwards the node neither trains nor uploads.
    FirstRoundOnly,
}

impl Rules {
    /// The first block of a window.
    #[must_use]
    pub fn first_block(&self, window: Window) -> BlockNumber {
        window.first_block(self.blocks_per_window)
    }

    /// The block at whose height submissions of a window close.
    #[must_use]
    pub fn deadline(&self, window: Window) -> BlockNumber {
        self.first_block(window.next()).saturating_add(self.put_blocks)
    }

    fn upload_block(&self, window: Window) -> BlockNumber {
        let end = self.first_block(window.next());
        match self.upload {
            UploadRule::OneBlockLater => end.saturating_add(1),
            UploadRule::AfterDeadline => self.deadline(window).saturating_add(1),
            UploadRule::AtEnd | UploadRule::FirstRoundOnly => end,
        }
    }

    fn takes_part(&self, window: Window) -> bool {
        self.upload != UploadRule::FirstRoundOnly || window <= self.start
    }
}

/// Where the run's ledger stands for this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    /// The window of the last applied record; none at the beginning.
    pub window: Option<Window>,
    /// Digest of that record, or of the genesis.
    pub record: Digest,
    /// Digest of the model state that it led to.
    pub state: Digest,
}

/// How far the current window is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing of it is done.
    Fresh,
    /// There is a payload to upload.
    Trained {
        /// The slot for which it was trained.
        uid: Uid,
    },
    /// Nothing more to upload; the record is next.
    Closed,
}

/// Everything that a miner must remember, but for the numbers of its model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinerState {
    /// The window that it works on.
    pub window: Window,
    /// How far that window is.
    pub phase: Phase,
    /// Where the ledger stands.
    pub tip: Tip,
    genesis: Tip,
    highest: Option<Window>,
    windows_without_record: u32,
    resyncs: u32,
}

/// Something that happened, and the head of the chain afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The newest block.
    pub head: BlockNumber,
    /// What happened.
    pub outcome: Outcome,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The process started, or a wait is over.
    Woke,
    /// The inner loop is done and the payload is made.
    Trained {
        /// For which slot.
        uid: Uid,
    },
    /// Payload and manifest lie in the store.
    Published,
    /// They do not.
    NotPublished {
        /// Why.
        reason: String,
    },
    /// The window's record was applied.
    Applied {
        /// Its digest.
        record: Digest,
        /// The state that it led to.
        state: Digest,
    },
    /// There is no usable record yet.
    NoRecord {
        /// Why, where it is more than absence.
        reason: Option<String>,
    },
    /// There is one, but it does not continue the ledger as this node has it.
    Unlinked {
        /// What it links to.
        previous: Digest,
    },
    /// Applying it led to another state than it says.
    Diverged {
        /// Ours.
        ours: Digest,
        /// The record's.
        theirs: Digest,
    },
}

/// What is to be done. The last effect of a step is the one whose outcome is the next event.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Tell the observer.
    Emit(Box<MinerEvent>),
    /// Go back to the run's initial model state.
    Reset,
    /// Keep the state on disk.
    Save,
    /// Wait for a block.
    Wait(BlockNumber),
    /// Run the inner loop of this window and make its payload.
    Train(Window),
    /// Upload the payload of this window.
    Publish(Window, Uid),
    /// Fetch the record of this window and apply it.
    Follow(Window),
    /// The run is over.
    Finish,
    /// Nothing that this node can do helps.
    Fail(Failure),
}

/// Why a miner cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// No record for a very long time.
    NoRecords {
        /// The last window that was waited for.
        window: Window,
    },
    /// The state of a record cannot be reached, even from the beginning.
    Unreachable {
        /// Its window.
        window: Window,
        /// What differs.
        detail: String,
    },
}

impl MinerState {
    /// A miner at the beginning of a run.
    #[must_use]
    pub fn new(rules: &Rules, genesis: Digest, initial_state: Digest) -> Self {
        let tip = Tip { window: None, record: genesis, state: initial_state };
        Self {
            window: rules.start,
            phase: Phase::Fresh,
            tip,
            genesis: tip,
            highest: None,
            windows_without_record: 0,
            resyncs: 0,
        }
    }

    /// Digest of the run's genesis, to which everything links.
    #[must_use]
    pub fn genesis(&self) -> Digest {
        self.genesis.record
    }

    fn enter(&mut self, window: Window) {
        self.window = window;
        self.phase = Phase::Fresh;
    }
}

/// One event: the new state, and what is to be done. No clock, no I/O, no randomness.
#[must_use]
pub fn step(mut state: MinerState, event: Event, rules: &Rules) -> (MinerState, Vec<Effect>) {
    let before = state.clone();
    let mut effects = Vec::new();
    let stop = happened(&mut state, event.head, event.outcome, rules, &mut effects);
    let action = stop.unwrap_or_else(|| next(&mut state, event.head, rules, &mut effects));
    if state != before {
        effects.push(Effect::Save);
    }
    effects.push(action);
    (state, effects)
}

/// Takes note of what happened. An effect that comes back replaces the one that would follow from the state.
fn happened(
    state: &mut MinerState,
    head: BlockNumber,
    outcome: Outcome,
    rules: &Rules,
    effects: &mut Vec<Effect>,
) -> Option<Effect> {
    match outcome {
        Outcome::Woke => None,
        Outcome::Trained { uid } => {
            state.phase = Phase::Trained { uid };
            None
        }
        Outcome::Published => {
            state.phase = Phase::Closed;
            None
        }
        Outcome::NotPublished { reason } => {
            effects.push(trouble(state.window, reason));
            Some(Effect::Wait(head.saturating_add(1)))
        }
        Outcome::Applied { record, state: digest } => {
            resync::applied(state, record, digest);
            None
        }
        Outcome::NoRecord { reason } => no_record(state, head, reason, rules, effects),
        Outcome::Unlinked { previous } => resync::unlinked(state, previous, rules, effects),
        Outcome::Diverged { ours, theirs } => resync::diverged(state, ours, theirs, rules, effects),
    }
}

/// What follows from where the state is on the block clock.
fn next(state: &mut MinerState, head: BlockNumber, rules: &Rules, effects: &mut Vec<Effect>) -> Effect {
    let window = state.window;
    if rules.end.is_some_and(|end| window > end) {
        return Effect::Finish;
    }
    let (first, deadline) = (rules.first_block(window), rules.deadline(window));
    if state.phase == Phase::Fresh {
        if head < first {
            return Effect::Wait(first);
        }
        if head < deadline && rules.takes_part(window) {
            return Effect::Train(window);
        }
        state.phase = Phase::Closed;
        effects.push(emit(MinerEvent::Skipped { window, head, deadline }));
    }
    if let Phase::Trained { uid } = state.phase {
        let upload = rules.upload_block(window);
        if head < upload {
            return Effect::Wait(upload);
        }
        if head < deadline || rules.upload == UploadRule::AfterDeadline {
            return Effect::Publish(window, uid);
        }
        state.phase = Phase::Closed;
        effects.push(emit(MinerEvent::TooLate { window, head, deadline }));
    }
    let record = deadline.saturating_add(1);
    if head < record { Effect::Wait(record) } else { Effect::Follow(window) }
}

/// Waits for the next block while there is time, then names the missing record and goes on to the next window.
fn no_record(
    state: &mut MinerState,
    head: BlockNumber,
    reason: Option<String>,
    rules: &Rules,
    effects: &mut Vec<Effect>,
) -> Option<Effect> {
    let window = state.window;
    let patience_ends = rules.deadline(window).saturating_add(rules.record_blocks);
    if head < patience_ends {
        effects.extend(reason.map(|reason| trouble(window, reason)));
        return Some(Effect::Wait(head.saturating_add(1)));
    }
    state.windows_without_record += 1;
    let waited_blocks = rules.record_blocks;
    effects.push(emit(MinerEvent::RecordMissing { window, head, waited_blocks, reason }));
    if state.windows_without_record > WINDOWS_WITHOUT_RECORD_MAX {
        return Some(Effect::Fail(Failure::NoRecords { window }));
    }
    state.enter(window.next());
    None
}

fn emit(event: MinerEvent) -> Effect {
    Effect::Emit(Box::new(event))
}

fn trouble(window: Window, error: String) -> Effect {
    emit(MinerEvent::Trouble { window, error })
}
