//! Scorecards: all that went into one uid's score in one window, so that anyone can recompute it.

use std::fmt;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::loss::LossScore;
use super::overlap::{CopyLevel, PairOverlap};
use super::sync::StepsBehind;
use crate::digest::Digest;
use crate::ids::{RunId, Uid, Window};
use crate::keys::Hotkey;
use crate::openskill::Rating;

/// Why a uid got less than it hoped for, or nothing.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
// Not tagged inside: a buffered float would be lost where another crate turns on serde_json's arbitrary precision.
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// No submission at the deadline.
    Missing {
        /// How often in a row.
        in_a_row: u32,
    },
    /// A submission of `window` was first seen after its deadline.
    Late {
        /// Its window.
        window: Window,
    },
    /// The submission broke a rule of its format.
    Invalid {
        /// Which.
        detail: String,
    },
    /// The update is far larger than the others'.
    Oversized {
        /// Its norm over the round's lower median.
        ratio: f64,
        /// What the run allows.
        ratio_max: f64,
    },
    /// The positions of another's payload.
    Copy {
        /// Whose.
        of: Uid,
        /// Share of equal positions.
        overlap: f64,
        /// How bad it is.
        level: CopyLevel,
    },
    /// The bytes of another's payload of this window.
    SamePayload {
        /// Whose.
        of: Uid,
    },
    /// The bytes of a payload of an earlier window.
    Replay {
        /// Of which.
        window: Window,
    },
    /// The published probe is behind the model.
    BehindModel {
        /// Outer steps.
        steps: f64,
    },
    /// The manifest has no probe that can be compared.
    NoProbe,
    /// The update raises the loss on random data.
    RaisesLoss,
    /// Too many of the last evaluations were negative.
    OftenNegative {
        /// How many.
        negative: u32,
        /// Out of how many.
        of: u32,
    },
    /// So many negative evaluations in a row that the peer is not aggregated.
    NegativeInARow {
        /// How many.
        count: u32,
    },
    /// The update does not help on the assigned data more than elsewhere.
    OwnDataNotTrained,
    /// The update helps far less than the others do.
    Weak {
        /// Its gradient score as a share of the window's median.
        share: f64,
    },
    /// The moving average of the own-data test is too low.
    BelowThreshold {
        /// The average.
        bma: f64,
    },
    /// No submission for some windows.
    Inactive {
        /// How many.
        windows: u64,
    },
    /// Everything known was forgotten.
    Reset,
    /// Shut out.
    Naughty {
        /// Windows left.
        windows: u64,
    },
    /// Missing in too many of the remembered gathers.
    OftenMissing {
        /// How many.
        missing: u32,
        /// Out of how many.
        of: u32,
    },
    /// Not among those drawn for evaluation; the old score stands.
    NotDrawn,
    /// The slot has a new owner.
    NewHotkey,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { in_a_row } => write!(f, "no submission at the deadline ({in_a_row} in a row)"),
            Self::Late { window } => write!(f, "the submission of window {window} came after its deadline"),
            Self::Invalid { detail } => write!(f, "invalid submission: {detail}"),
            Self::Oversized { ratio, ratio_max } => {
                write!(f, "norm {ratio:.1} times the round's median; at most {ratio_max} is allowed")
            }
            Self::Copy { of, overlap, level } => {
                write!(
                    f,
                    "copy of uid {of}: {:.0} % of the positions are equal (level {level})",
                    overlap * 100.0
                )
            }
            Self::SamePayload { of } => write!(f, "copy of uid {of}: the payloads are equal byte for byte"),
            Self::Replay { window } => {
                write!(f, "replay: the same payload was submitted for window {window}")
            }
            Self::BehindModel { steps } => write!(f, "the model is {steps:.1} outer steps behind"),
            Self::NoProbe => f.write_str("the published probe cannot be compared"),
            Self::RaisesLoss => f.write_str("the update raises the loss on random data"),
            Self::OftenNegative { negative, of } => {
                write!(f, "{negative} of the last {of} evaluations were negative")
            }
            Self::NegativeInARow { count } => {
                write!(f, "not aggregated: {count} negative evaluations in a row")
            }
            Self::OwnDataNotTrained => {
                f.write_str("the update helps on the assigned data no more than elsewhere")
            }
            Self::Weak { share } => {
                write!(f, "the update helps {:.0} % as much as the median one", share * 100.0)
            }
            Self::BelowThreshold { bma } => {
                write!(f, "moving average of the own-data test is too low ({bma:.3})")
            }
            Self::Inactive { windows } => write!(f, "inactive for {windows} windows"),
            Self::Reset => f.write_str("all scores were reset"),
            Self::Naughty { windows } => write!(f, "shut out for {windows} more windows"),
            Self::OftenMissing { missing, of } => write!(f, "missing in {missing} of the last {of} gathers"),
            Self::NotDrawn => f.write_str("not drawn for evaluation in this window"),
            Self::NewHotkey => f.write_str("the slot has a new owner"),
        }
    }
}

/// The probe's result.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct SyncResult {
    /// Steps behind; none when the probe could not be compared.
    pub steps: Option<StepsBehind>,
    /// The score, 0 to 1.
    pub score: f64,
}

/// All components of one uid's score in one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scorecard {
    /// The slot.
    pub uid: Uid,
    /// Its owner.
    pub hotkey: Hotkey,
    /// Digest of the payload that was judged.
    pub payload: Option<Digest>,
    /// Whether the payload went into the model.
    pub aggregated: bool,
    /// The own samples, in the order in which they were evaluated.
    pub own_samples: Vec<u32>,
    /// The losses.
    pub loss: Option<LossScore>,
    /// Relative improvement on random data.
    pub gradient_score: Option<f64>,
    /// Advantage on own data; its sign is the result of the own-data test.
    pub own_data_gap: Option<f64>,
    /// The score that went into the match.
    pub match_score: Option<f64>,
    /// The rating after the match.
    pub rating: Rating,
    /// `mu - 3 sigma`.
    pub ordinal: f64,
    /// The moving average of the own-data test.
    pub bma: f64,
    /// What of it counts (B).
    pub bma_factor: f64,
    /// The probe's result.
    pub sync: Option<SyncResult>,
    /// The highest overlap with an earlier submission of the round.
    pub overlap: Option<PairOverlap>,
    /// The final score.
    pub final_score: f64,
    /// The share of the weights, 0 to 1.
    pub weight: f64,
    /// What went wrong, most severe first where the order is known.
    pub reasons: Vec<Reason>,
}

/// The scorecards of one window by one validator, as published (JSON).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScorecardSet {
    /// [`crate::PROTOCOL_VERSION`] of the validator.
    pub protocol_version: u16,
    /// The training run.
    pub run: RunId,
    /// The window.
    pub window: Window,
    /// The validator.
    pub validator: Hotkey,
    /// The hash from which all samples were drawn.
    pub deadline_hash: Digest,
    /// The state on which updates were tried.
    pub state_before: Digest,
    /// The random samples, in the order in which they were evaluated.
    pub random_samples: Vec<u32>,
    /// The lower median of all overlaps of the round.
    pub median_overlap: f64,
    /// Loss on the held-out samples before the outer step, nats per token.
    pub heldout_loss: Option<f64>,
    /// One for each uid that is known, ascending.
    pub cards: Vec<Scorecard>,
}
