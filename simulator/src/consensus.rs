//! The consensus study: how much honest utility keeps honest stake against one cabal (emission mathematics,
//! section 10.1).
//!
//! ```text
//!  S_H ─▶ Network: 512 nodes, 64 validators, two teams ─┐
//!  W_H, W_C on a grid ──────────────────────────────────┴▶ one epoch from empty bonds ─▶ D_H, I_H
//!     E_H = ξ·D_H + (1-ξ)·I_H ─▶ contours E_H = S_H ─▶ least W_H whatever W_C ─▶ beside the published figure
//! ```
//!
//! The honest team has the stake `S_H` and gives itself the weight `W_H`, its true utility; the cabal gives itself
//! `W_C`, whatever serves it. Honest stake is retained where `S_H ≤ E_H`. [`run_consensus`] runs the maps of every
//! published figure and compares:
//!
//! ```
//! use sn3_simulator::consensus::{ConsensusOptions, run_consensus};
//!
//! let options = ConsensusOptions { steps: 6, nodes: 96, validators: 24, ..ConsensusOptions::quick() };
//! let study = run_consensus(&options, &|_, _| {})?;
//! let undisturbed = &study.comparisons()[0];
//! assert_eq!(undisturbed.published, Some(0.75));
//! # Ok::<(), sn3_simulator::consensus::ConsensusError>(())
//! ```
//!
//! The published figures are of the Yuma 2 of their time. Subnets run Yuma 3 now, so every figure exists for
//! Yuma 3 too, with nothing published to compare it with. One epoch says nothing about bonds over time.

mod compare;
mod data;
mod map;
mod network;

pub use compare::{Comparison, TOLERANCE};
pub use data::{consensus_csv, consensus_json};
pub use map::{ConsensusStudy, MapPoint, RetentionMap, Setting, run_consensus};
pub use network::{NODES, Teams, VALIDATORS};

/// Honest stakes of the reference's map.
pub const HONEST_STAKES: [f64; 11] = [0.51, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99];
/// Steps of the full map in each direction, ends included: 0, 0.02, … 1.
pub const STEPS_FULL: usize = 51;
/// Steps of the quick map.
pub const STEPS_QUICK: usize = 11;
/// More steps than this would only fill memory: at 24 bytes a point, eight maps of 11 stakes stay under 100 MB.
pub const STEPS_MAX: usize = 201;
/// Nodes that an epoch's 16-bit columns and a sensible run allow.
pub const NODES_MAX: usize = 4_096;

/// What to run.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ConsensusOptions {
    /// Grid steps for `W_H` and for `W_C`, ends included.
    pub steps: usize,
    /// Honest stakes, each above 0 and below 1, ascending.
    pub honest_stakes: Vec<f64>,
    /// Nodes of the network.
    pub nodes: usize,
    /// Validators among them.
    pub validators: usize,
    /// Seed of stakes and weights.
    pub seed: u64,
}

impl ConsensusOptions {
    /// The reference's whole map: 51 × 51 weights for 11 stakes.
    #[must_use]
    pub fn full() -> Self {
        Self {
            steps: STEPS_FULL,
            honest_stakes: HONEST_STAKES.to_vec(),
            nodes: NODES,
            validators: VALIDATORS,
            seed: 1,
        }
    }

    /// The same on a coarse grid of 11 × 11, for a look in seconds.
    #[must_use]
    pub fn quick() -> Self {
        Self { steps: STEPS_QUICK, ..Self::full() }
    }
}

/// Why the study did not run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsensusError {
    /// The grid is too coarse or too fine.
    #[error("{0} grid steps cannot be run; choose from 3 to {STEPS_MAX}")]
    Steps(usize),
    /// An honest stake is out of range or out of order.
    #[error(
        "the honest stakes {0:?} are not ascending numbers above 0 and below 1; give for instance 0.6, 0.7"
    )]
    Stakes(Vec<f64>),
    /// The network cannot have two teams with a validator and a server each.
    #[error(
        "a network of {nodes} nodes with {validators} validators cannot be run; both teams need a validator and a server, and there may be {NODES_MAX} nodes"
    )]
    Network {
        /// Nodes asked for.
        nodes: usize,
        /// Validators asked for.
        validators: usize,
    },
}

impl ConsensusOptions {
    pub(crate) fn check(&self) -> Result<(), ConsensusError> {
        if !(3..=STEPS_MAX).contains(&self.steps) {
            return Err(ConsensusError::Steps(self.steps));
        }
        let stakes = &self.honest_stakes;
        let inside = stakes.iter().all(|stake| *stake > 0.0 && *stake < 1.0);
        if stakes.is_empty() || !inside || stakes.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(ConsensusError::Stakes(stakes.clone()));
        }
        let (nodes, validators) = (self.nodes, self.validators);
        if validators < 2 || nodes > NODES_MAX || nodes < validators.saturating_add(2) {
            return Err(ConsensusError::Network { nodes, validators });
        }
        Ok(())
    }
}
