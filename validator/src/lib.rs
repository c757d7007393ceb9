//! The life of a validator: Gauntlet, round records, weights.
//!
//! ```text
//!  submissions ─► node ─► Event ─► mechanism (Gauntlet, pure) ─► Effect ─► record, scorecards, weights
//!                  │                                                ▲
//!                  └─► evaluate (losses on own and random data) ────┘
//! ```
//!
//! What it promises:
//! - Judgement is a pure state machine ([`mechanism::Mechanism`]): the same submissions give the same scores on
//!   any machine, and everything that went into a score is published.
//! - A bad peer never stops it: whatever a peer does is data with a reason ([`sn3_protocol::score::Reason`]).
//! - A killed node goes on in the same window and never publishes two records for one window.
//! - Weights are owed until they are seen in a finalized block, and the ledger keeps the proof.
//!
//! ```
//! use sn3_protocol::run::GauntletConfig;
//! use sn3_validator::gauntlet::Gauntlet;
//! use sn3_validator::mechanism::Mechanism;
//!
//! let gauntlet = Gauntlet::new(GauntletConfig::default(), None);
//! let state = gauntlet.start();
//! assert!(state.peers.is_empty() && state.list.is_none());
//! ```
//!
//! What it does not do: it trains nothing, keeps no keys, and does not decide who is registered or what a
//! weight is worth; the chain does.

pub mod evaluate;
pub mod events;
pub mod gauntlet;
pub mod ledger;
pub mod mechanism;
pub mod node;
pub mod snapshot;

pub use evaluate::{Evaluate, EvaluateError, ModelEvaluator};
pub use events::{Observer, ValidatorEvent};
pub use node::{NodeError, RunSummary, ValidatorNode, ValidatorParts};
