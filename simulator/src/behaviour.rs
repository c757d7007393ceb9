//! How people behave: small named steps that compose.
//!
//! A **validator** is a list of [`ValidatorStep`]s. Each takes the weights that the step before drafted and changes
//! them: `behaviour = ["follow", { self_weight = 0.2 }, { lag = 3 }]` follows quality, puts a fifth on itself, and
//! submits what it drafted three times ago. A **miner** is a base quality and a list of [`MinerStep`]s that bend
//! it over time. A **staker** is a list of [`StakerStep`]s, each of which acts by itself.
//!
//! Random numbers come from [`rng`]: a ChaCha stream named by seed, actor, purpose and tick. What one actor draws
//! never depends on who else draws, or in which order.

mod miner;
mod random;
mod staker;
mod validator;

pub use miner::{Change, MinerStep, SYBIL_COPIES_MAX, Sybil};
pub(crate) use miner::{copies, joins_at};
pub use random::{noise, rng};
pub(crate) use staker::Front;
pub use staker::{Dump, FollowYield, Sandwich, StakerStep};
pub(crate) use validator::draft;
pub use validator::{
    Capture, Collude, Copy, CopySource, Draft, Fixed, Follow, Hoard, Idle, LAG_MAX, Memory, ValidatorStep,
    View,
};

/// Fields without a value of their own in a step that is only a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plain {}
