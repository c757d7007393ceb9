//! The 22 classic Yuma cases under six versions of the bonds, side by side (emission mathematics, section 10.2).
//!
//! ```text
//!  Case ─▶ plan: stake, weights, reset by epoch ─▶ Version ─▶ 40 epochs ─▶ Totals ─▶ CSV, JSON, page
//!              (19–22: drawn from a seed)            │
//!           Yuma 2, Yuma 3, liquid alpha: the chain's epoch, bit for bit
//!           Yuma 1, 2B, 2C: the classic simulator's variants over the chain's own consensus step
//! ```
//!
//! Three validators A, B, C judge two or three servers for 40 epochs. [`run_cases`] runs all of it:
//!
//! ```
//! use sn3_simulator::cases::{CasesOptions, Version, run_cases};
//!
//! let study = run_cases(&CasesOptions { cases: vec![1], ..CasesOptions::default() }, &|_, _| {})?;
//! let liquid = study.case(1).and_then(|case| case.run(Version::Yuma3Liquid)).expect("was asked for");
//! let second: Vec<String> =
//!     liquid.epochs[2].validators.iter().map(|v| format!("{:.4}", v.dividend)).collect();
//! assert_eq!(second, ["0.9382", "0.0618", "0.0000"]);
//! # Ok::<(), sn3_simulator::cases::CasesError>(())
//! ```
//!
//! It does not replay archived metagraphs; a live subnet becomes a scenario instead.

mod chain;
mod classic;
mod data;
mod noise;
mod plan;
mod study;
mod totals;

pub use chain::{KAPPA, MOVING_AVERAGE_MILLIONTHS};
pub use data::{cases_csv, cases_json};
pub use noise::standard_normal;
pub use plan::{BondsReset, CASES, Case, EPOCHS, Epoch, Estimate, SERVERS_MAX, Side, VALIDATORS};
pub use study::{CaseRun, CaseStudy, CasesStudy, EpochResult, ValidatorResult, run_cases};
pub use totals::{STAKE_TAO, Total, VALIDATOR_EMISSION_RATIO};

/// How a version turns weights into bonds and dividends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Version {
    /// Bonds are this epoch's alone.
    Yuma1,
    /// The chain's `Yuma3On = false`: a moving average of relative bonds.
    Yuma2,
    /// Yuma 2 with bonds from the weights of the epoch before (proposed by Adrian-Fish).
    Yuma2b,
    /// Bonds that are bought within a capacity, with resets (proposed by Rhef).
    Yuma2c,
    /// The chain's `Yuma3On = true`: bonds of each pair by themselves.
    Yuma3,
    /// Yuma 3 with a rate for each pair.
    Yuma3Liquid,
}

impl Version {
    /// All, in order of the report's columns.
    pub const ALL: [Self; 6] =
        [Self::Yuma1, Self::Yuma2, Self::Yuma2b, Self::Yuma2c, Self::Yuma3, Self::Yuma3Liquid];

    /// The name in tables and charts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yuma1 => "Yuma 1",
            Self::Yuma2 => "Yuma 2",
            Self::Yuma2b => "Yuma 2B",
            Self::Yuma2c => "Yuma 2C",
            Self::Yuma3 => "Yuma 3",
            Self::Yuma3Liquid => "Yuma 3 liquid",
        }
    }

    /// What the version is, in a sentence for readers of a report.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Yuma1 => "No memory: each epoch's bonds are stake × weight, relative within a server.",
            Self::Yuma2 => {
                "The chain with Yuma3On = false: a moving average of relative bonds, stored as 16 bits."
            }
            Self::Yuma2b => {
                "Adrian-Fish: Yuma 2, but bonds come from the previous epoch's weights, cut at today's consensus."
            }
            Self::Yuma2c => {
                "Rhef + reset: bonds are bought up to a capacity of one's stake and decay; a case may reset a server's."
            }
            Self::Yuma3 => "The chain with Yuma3On = true: every pair has its own bond between 0 and 1.",
            Self::Yuma3Liquid => {
                "Yuma 3 with liquid alpha: the rate of each pair depends on consensus, weight and bond."
            }
        }
    }

    /// Whether the version is a rule of the chain and held to its vectors bit for bit.
    #[must_use]
    pub const fn on_chain(self) -> bool {
        matches!(self, Self::Yuma2 | Self::Yuma3 | Self::Yuma3Liquid)
    }
}

/// What to run.
#[derive(Clone, Debug, PartialEq)]
pub struct CasesOptions {
    /// Numbers of the cases, each from 1 to 22.
    pub cases: Vec<u8>,
    /// Versions to compare.
    pub versions: Vec<Version>,
    /// Bonds penalties between 0 and 1. The first one is charted; all are in the totals and the data.
    pub penalties: Vec<f64>,
    /// Memory of the bonds in millionths, at most a million. Yuma 1 and 2C have none.
    pub moving_average_millionths: u64,
    /// Seed of the noisy cases 19 to 22.
    pub seed: u64,
    /// Whether a case's bonds reset applies to every version, not only to Yuma 2C.
    pub reset_all_versions: bool,
}

impl Default for CasesOptions {
    fn default() -> Self {
        Self {
            cases: CASES.iter().map(|case| case.number).collect(),
            versions: Version::ALL.to_vec(),
            penalties: PENALTIES.to_vec(),
            moving_average_millionths: MOVING_AVERAGE_MILLIONTHS,
            seed: SEED,
            reset_all_versions: false,
        }
    }
}

/// The penalties of the classic charts; the full one, which is the chain's default, first.
pub const PENALTIES: [f64; 4] = [1.0, 0.99, 0.5, 0.0];

/// Seed of the noisy cases unless another is given.
pub const SEED: u64 = 3;

/// Why the cases did not run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CasesError {
    /// There is no such case.
    #[error("there is no case {0}; choose numbers from 1 to 22")]
    UnknownCase(u8),
    /// A penalty is out of range.
    #[error("the bonds penalty {0} is not between 0 and 1; choose for instance 0, 0.5, 0.99 or 1")]
    Penalty(f64),
    /// The bonds' memory is more than all of it.
    #[error("the bonds' memory of {0} millionths is more than 1000000; choose for instance 900000 or 975000")]
    MovingAverage(u64),
    /// Nothing was asked for.
    #[error("no {0} was chosen; choose at least one")]
    Nothing(&'static str),
    /// The same thing was asked for twice.
    #[error("{0} was chosen twice; name it once")]
    Twice(String),
}
