//! The pure heart: (state, event) → (state, effects). No clock, no randomness, no I/O.
//!
//! One machine follows the intents of one hotkey on one mechanism of one subnet:
//!
//! ```text
//!  Planned ──► Sent ──► Counting ──────────────► counted / superseded      plain
//!                └────► Committed ─► Counting ──► …                        timelocked: the chain reveals
//!                          └► RevealSent ─► Counting ──► …                 salted: we reveal
//! ```
//!
//! An intent leaves `Sent` and `RevealSent` only when its extrinsic was found in a finalized block, or when it can be in
//! none: its era has passed, or a finalized nonce lies above its own.

use std::collections::BTreeMap;

use sn3_protocol::{Hotkey, NetUid, Uid};

use super::class::{Class, Refusal};
use super::observe::{Method, Observation};
use crate::{BlockRef, Receipt, WeightsError};

mod follow;

/// Attempts that may fail within one epoch before the next one is waited for.
const FAILURES_PER_EPOCH_MAX: u32 = 8;

/// Weights that are to be set once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) weights: Vec<(Uid, u16)>,
    pub(crate) version_key: u64,
    /// The caller's choice; the subnet's settings decide where there is none.
    pub(crate) method: Option<Method>,
}

/// What is known of an extrinsic that may have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tx {
    pub(crate) nonce: u64,
    pub(crate) dies_at: u64,
    /// The last finalized block in which it was looked for.
    pub(crate) searched: u64,
    /// Whether its bytes have never left this process: a refusal then is the end of it.
    pub(crate) fresh: bool,
}

/// Where an intent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Written down, nothing signed.
    Planned { since: u64 },
    /// Weights or a commit are signed.
    Sent { tx: Tx },
    /// A commit of this epoch index is on chain. The chain's own reveal was looked for up to `searched`.
    Committed { epoch: u64, searched: u64 },
    /// Its reveal is signed.
    RevealSent { epoch: u64, tx: Tx },
    /// The weights are on chain since block `landed`, as of epoch index `epoch`; the next epoch is waited for.
    Counting { epoch: u64, landed: u64 },
}

/// An intent that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) method: Method,
    pub(crate) wanted: Wanted,
    pub(crate) commit: Option<sn3_protocol::Digest>,
    pub(crate) stage: Stage,
}

/// Whose weights a machine follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whose {
    pub(crate) hotkey: Hotkey,
    pub(crate) netuid: NetUid,
    pub(crate) mechanism: u8,
}

/// Everything a machine knows. It is rebuilt from the ledger when a process starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) whose: Whose,
    pub(crate) wanted: Option<Wanted>,
    /// An intent is being written down.
    pub(crate) intending: bool,
    pub(crate) open: BTreeMap<i64, Open>,
    /// The newest epoch index in which something of ours landed.
    pub(crate) last_epoch: Option<u64>,
    /// Nothing is planned before this block.
    pub(crate) hold_until: u64,
    pub(crate) failures: (u64, u32),
    /// Why nothing is planned at the moment.
    pub(crate) waiting_for: Option<WeightsError>,
    /// The newest finalized block that was seen.
    pub(crate) seen: Option<Box<Observation>>,
}

/// What an extrinsic did in a finalized block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Landing {
    pub(crate) receipt: Receipt,
    /// The epoch index after that block.
    pub(crate) epoch: u64,
    pub(crate) result: Result<(), Refusal>,
}

/// What an epoch did with our weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It counted them.
    Counted { epoch: u64, block: BlockRef },
    /// Others of ours had replaced them.
    Superseded { epoch: u64, block: BlockRef },
    /// It ran without counting them.
    Ignored { epoch: u64, block: BlockRef, reason: String },
    /// The state of that block is not to be had any more.
    Unknown { reason: String },
}

/// What happens to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The caller wants weights set, instead of any that are not sent yet.
    Want(Wanted),
    /// A finalized block.
    Head(Box<Observation>),
    /// An intent is in the ledger.
    Intended { id: i64, open: Open },
    /// Its bytes are in the ledger.
    Signed { id: i64, tx: Tx },
    /// It could not be signed.
    NotSigned { id: i64, refusal: Refusal },
    /// A node has answered.
    Answered { id: i64, refusal: Option<Refusal> },
    /// The finalized blocks up to `to` were searched.
    Traced { id: i64, to: u64, landing: Option<Landing> },
    /// The chain's own reveal was looked for.
    RevealTraced { id: i64, to: u64, revealed: Option<(BlockRef, u64)> },
    /// The epoch after the landing was looked at.
    Judged { id: i64, verdict: Verdict },
}

/// What a machine wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Write an intent down.
    Intend { wanted: Wanted, method: Method },
    /// Sign weights or a commit, and write the bytes down.
    Sign { id: i64 },
    /// Sign the reveal, and write the bytes down.
    SignReveal { id: i64 },
    /// Give the bytes to a node.
    Broadcast { id: i64 },
    /// Look for the bytes in the finalized blocks after `from`, up to `to`.
    Trace { id: i64, from: u64, to: u64 },
    /// Look for the chain's own reveal.
    TraceReveal { id: i64, from: u64, reveal_epoch: u64, to: u64 },
    /// See what the epoch after index `epoch` did with weights that landed in block `landed`.
    Judge { id: i64, epoch: u64, landed: u64, to: u64 },
    /// Write a step down.
    Note { id: i64, mark: Mark },
    /// Tell the caller that what is wanted can never be set.
    Reject { wanted: Wanted, error: WeightsError },
}

/// A step that is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Landed {
        receipt: Receipt,
        epoch: u64,
    },
    Committed {
        receipt: Receipt,
        epoch: u64,
    },
    Revealed {
        block: BlockRef,
        receipt: Option<Receipt>,
        epoch: u64,
    },
    /// The reveal's extrinsic is dead or failed; the commit still stands.
    RevealAgain,
    Counted {
        block: BlockRef,
        epoch: u64,
    },
    Superseded {
        block: BlockRef,
        epoch: u64,
    },
    Missed {
        reason: String,
    },
    Abandoned {
        reason: String,
    },
}

impl State {
    pub(crate) fn new(whose: Whose) -> Self {
        Self {
            whose,
            wanted: None,
            intending: false,
            open: BTreeMap::new(),
            last_epoch: None,
            hold_until: 0,
            failures: (0, 0),
            waiting_for: None,
            seen: None,
        }
    }

    /// Takes an event in and says what is to be done.
    pub(crate) fn advance(mut self, event: Event) -> (Self, Vec<Effect>) {
        let effects = match event {
            Event::Want(wanted) => self.want(wanted),
            Event::Head(seen) => {
                let effects = self.head(&seen);
                self.seen = Some(seen);
                effects
            }
            Event::Intended { id, open } => self.intended(id, open),
            Event::Signed { id, tx } => self.signed(id, tx),
            Event::NotSigned { id, refusal } => self.not_signed(id, &refusal),
            Event::Answered { id, refusal } => self.answered(id, refusal),
            Event::Traced { id, to, landing } => self.traced(id, to, landing),
            Event::RevealTraced { id, to, revealed } => self.reveal_traced(id, to, revealed),
            Event::Judged { id, verdict } => self.judged(id, verdict),
        };
        (self, effects)
    }

    /// Newer weights replace those that were planned and not signed.
    fn want(&mut self, wanted: Wanted) -> Vec<Effect> {
        let reason = "newer weights came before it was sent";
        let planned: Vec<i64> = self.in_stage(|stage| matches!(stage, Stage::Planned { .. }));
        self.wanted = Some(wanted);
        planned.into_iter().map(|id| self.end(id, Mark::Abandoned { reason: reason.into() })).collect()
    }

    fn head(&mut self, seen: &Observation) -> Vec<Effect> {
        let ids: Vec<i64> = self.open.keys().copied().collect();
        let mut effects: Vec<Effect> = ids.into_iter().flat_map(|id| self.follow(id, seen)).collect();
        effects.extend(self.plan(seen));
        effects
    }

    /// Plans what is wanted: nothing of ours is under way, this epoch has none yet, and the chain would take it.
    fn plan(&mut self, seen: &Observation) -> Option<Effect> {
        let wanted = self.wanted.clone()?;
        let busy = self.intending || self.open.values().any(|open| open.stage.is_under_way());
        let too_early = seen.head.number.0 < self.hold_until || self.spent(seen);
        if busy || too_early || self.last_epoch.is_some_and(|last| last >= seen.epoch_next()) {
            return None;
        }
        let Whose { hotkey, netuid, mechanism } = self.whose;
        match seen.preflight(&hotkey, netuid, mechanism, &wanted.weights, wanted.version_key) {
            Ok(()) => {
                (self.waiting_for, self.intending) = (None, true);
                let method = wanted.method.unwrap_or_else(|| seen.method());
                Some(Effect::Intend { wanted, method })
            }
            Err(error) if error.mends_itself() => {
                self.waiting_for = Some(error);
                None
            }
            Err(error) => {
                (self.wanted, self.waiting_for) = (None, Some(error.clone()));
                Some(Effect::Reject { wanted, error })
            }
        }
    }

    /// Whether this epoch's attempts are used up.
    fn spent(&self, seen: &Observation) -> bool {
        let (epoch, count) = self.failures;
        epoch == seen.epoch_next() && count >= FAILURES_PER_EPOCH_MAX
    }

    fn intended(&mut self, id: i64, open: Open) -> Vec<Effect> {
        self.intending = false;
        self.open.insert(id, open);
        vec![Effect::Sign { id }]
    }

    fn signed(&mut self, id: i64, tx: Tx) -> Vec<Effect> {
        let Some(open) = self.open.get_mut(&id) else { return Vec::new() };
        open.stage = match open.stage {
            Stage::Committed { epoch, .. } | Stage::RevealSent { epoch, .. } => {
                Stage::RevealSent { epoch, tx }
            }
            _ => Stage::Sent { tx },
        };
        vec![Effect::Broadcast { id }]
    }

    fn not_signed(&mut self, id: i64, refusal: &Refusal) -> Vec<Effect> {
        match self.open.get(&id).map(|open| open.stage) {
            // Planned weights stay planned, and a commit stays due: the next head tries again.
            Some(_) if refusal.class == Class::NextBlock => Vec::new(),
            Some(Stage::Planned { .. }) => self.again(id, refusal.clone()),
            Some(_) => vec![self.end(id, Mark::Missed { reason: refusal.reason.clone() })],
            None => Vec::new(),
        }
    }

    /// A node's answer. Unless the bytes have left before, a refusal is the end of this extrinsic.
    fn answered(&mut self, id: i64, refusal: Option<Refusal>) -> Vec<Effect> {
        let Some(open) = self.open.get_mut(&id) else { return Vec::new() };
        let Some(tx) = open.stage.tx_mut() else { return Vec::new() };
        let was_fresh = std::mem::replace(&mut tx.fresh, false);
        match refusal {
            Some(refusal) if was_fresh && refusal.class != Class::UnderWay => self.again(id, refusal),
            _ => Vec::new(),
        }
    }

    /// An extrinsic that is in no block and never will be.
    fn refused(&mut self, id: i64, refusal: &Refusal) -> Vec<Effect> {
        let Some(open) = self.open.get_mut(&id) else { return Vec::new() };
        if let Stage::RevealSent { epoch, tx } = open.stage {
            return match refusal.class {
                Class::Lost | Class::Fatal => {
                    vec![self.end(id, Mark::Missed { reason: refusal.reason.clone() })]
                }
                _ => {
                    open.stage = Stage::Committed { epoch, searched: tx.searched };
                    vec![Effect::Note { id, mark: Mark::RevealAgain }]
                }
            };
        }
        let wanted = open.wanted.clone();
        let end = self.end(id, Mark::Abandoned { reason: refusal.reason.clone() });
        let mut effects = vec![end];
        if refusal.class == Class::Fatal {
            if self.wanted.as_ref() == Some(&wanted) {
                self.wanted = None;
            }
            let error = WeightsError::Refused { reason: refusal.reason.clone() };
            effects.push(Effect::Reject { wanted, error });
        }
        effects
    }

    fn judged(&mut self, id: i64, verdict: Verdict) -> Vec<Effect> {
        if !self.open.contains_key(&id) {
            return Vec::new();
        }
        let mark = match verdict {
            Verdict::Counted { epoch, block } => Mark::Counted { block, epoch },
            Verdict::Superseded { epoch, block } => Mark::Superseded { block, epoch },
            Verdict::Ignored { epoch, block, reason } => {
                Mark::Missed { reason: format!("epoch {epoch} at {block} did not count it: {reason}") }
            }
            Verdict::Unknown { reason } => Mark::Missed { reason },
        };
        vec![self.end(id, mark)]
    }

    fn end(&mut self, id: i64, mark: Mark) -> Effect {
        self.open.remove(&id);
        Effect::Note { id, mark }
    }

    fn in_stage(&self, is: impl Fn(&Stage) -> bool) -> Vec<i64> {
        self.open.iter().filter(|(_, open)| is(&open.stage)).map(|(id, _)| *id).collect()
    }
}

impl Stage {
    /// Whether weights or a commit may still land.
    fn is_under_way(&self) -> bool {
        matches!(self, Self::Planned { .. } | Self::Sent { .. })
    }

    pub(crate) fn tx_mut(&mut self) -> Option<&mut Tx> {
        match self {
            Self::Sent { tx } | Self::RevealSent { tx, .. } => Some(tx),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
