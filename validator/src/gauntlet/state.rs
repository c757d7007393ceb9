//! What Gauntlet remembers.

use std::collections::BTreeMap;

use codec::{Decode, Encode};
use sn3_protocol::openskill::Rating;
use sn3_protocol::run::GauntletConfig;
use sn3_protocol::score::{CopyLevel, PairOverlap, Reason, SyncResult};
use sn3_protocol::{Digest, Hotkey, Uid, Window};

/// Everything that Gauntlet remembers from window to window.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct GauntletState {
    /// Every registered uid.
    pub peers: BTreeMap<Uid, Peer>,
    /// Who is aggregated; none before the first evaluation that found anybody worth it.
    pub list: Option<PeerList>,
    /// Digests of the payloads of the last windows, by window.
    pub payloads: BTreeMap<Digest, Window>,
    /// Average change per round of each probe element.
    pub probe_change: Vec<f64>,
    /// The last window whose deadline was handled.
    pub judged: Option<Window>,
    /// The last window whose evaluation was handled.
    pub scored: Option<Window>,
    /// What the deadline of a window left for its evaluation.
    pub pending: Option<Pending>,
}

/// One uid.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Peer {
    /// Who owns the slot.
    pub hotkey: Hotkey,
    /// Skill.
    pub rating: Rating,
    /// Moving average of the own-data test.
    pub bma: f64,
    /// Final score.
    pub final_score: f64,
    /// Weight in the draw for evaluation: windows since the last attempt, at least 1.
    pub waiting: u64,
    /// The last window for which anything was submitted.
    pub last_seen: Option<Window>,
    /// Whether it was missing in the last gathers that listed it, newest last.
    pub gathers: Vec<bool>,
    /// Gathers in a row that it missed.
    pub missing_in_a_row: u32,
    /// Whether the last evaluations were negative, newest last.
    pub negatives: Vec<bool>,
    /// Negative evaluations in a row.
    pub negatives_in_a_row: u32,
    /// The last window in which it is shut out.
    pub naughty_until: Option<Window>,
    /// Whether it was shut out for a copy of the highest level, which outlives a change of the hotkey.
    pub naughty_for_copy: bool,
}

impl Peer {
    pub(super) fn new(hotkey: Hotkey, config: &GauntletConfig) -> Self {
        Self {
            hotkey,
            rating: Rating::new(&config.rating),
            bma: 0.0,
            final_score: 0.0,
            waiting: 1,
            last_seen: None,
            gathers: Vec::new(),
            missing_in_a_row: 0,
            negatives: Vec::new(),
            negatives_in_a_row: 0,
            naughty_until: None,
            naughty_for_copy: false,
        }
    }

    /// Whether the uid is shut out in `window`.
    #[must_use]
    pub fn is_naughty(&self, window: Window) -> bool {
        self.naughty_until.is_some_and(|until| window <= until)
    }

    /// Multiplies final score and moving average; a final score below the floor becomes 0.
    pub(super) fn slash(&mut self, factor: f64, config: &GauntletConfig) {
        self.bma *= factor;
        self.slash_final(factor, config);
    }

    pub(super) fn slash_final(&mut self, factor: f64, config: &GauntletConfig) {
        self.final_score *= factor;
        if self.final_score < config.score_floor {
            self.final_score = 0.0;
        }
    }

    /// Forgets all scores and the rating; what shuts the peer out stays.
    pub(super) fn reset(&mut self, config: &GauntletConfig) {
        let fresh = Self::new(self.hotkey, config);
        *self = Self {
            last_seen: self.last_seen,
            waiting: self.waiting,
            naughty_until: self.naughty_until,
            naughty_for_copy: self.naughty_for_copy,
            ..fresh
        };
    }

    pub(super) fn shut_out(&mut self, window: Window, config: &GauntletConfig) {
        self.reset(config);
        self.naughty_until = Some(window.saturating_add(config.naughty_windows));
    }
}

/// Who is aggregated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct PeerList {
    /// First tier, best first.
    pub gather: Vec<Uid>,
    /// Those who replace missing ones, best first.
    pub reserve: Vec<Uid>,
}

/// What the deadline of a window left for its evaluation.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Pending {
    /// The window.
    pub window: Window,
    /// Its round.
    pub round: u64,
    /// Who is aggregated, ascending.
    pub aggregated: Vec<Uid>,
    /// Who was drawn for evaluation, ascending.
    pub drawn: Vec<Uid>,
    /// Listed peers that were missing.
    pub missing: Vec<Uid>,
    /// What each uid submitted.
    pub standings: BTreeMap<Uid, Standing>,
    /// Why uids lose something in this window.
    pub reasons: BTreeMap<Uid, Vec<Reason>>,
    /// The validator's own probe at the start of the window.
    pub probe: Vec<f32>,
}

impl Pending {
    pub(super) fn blame(&mut self, uid: Uid, reason: Reason) {
        self.reasons.entry(uid).or_default().push(reason);
    }

    pub(super) fn standing(&self, uid: Uid) -> Option<&Standing> {
        self.standings.get(&uid)
    }
}

/// What is known of one submission.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Standing {
    /// Digest of the payload; none when it was broken.
    pub payload: Option<Digest>,
    /// Whether it can be tried and aggregated.
    pub usable: bool,
    /// The probe's result.
    pub sync: Option<SyncResult>,
    /// The highest overlap with an earlier submission.
    pub overlap: Option<PairOverlap>,
    /// How bad that is.
    pub copy: Option<CopyLevel>,
}
