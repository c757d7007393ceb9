//! Attacks on a subnet's economy, each beside its honest twin, in one table.
//!
//! ```text
//!  scenarios/NAME.toml ───────┐ same seed,   ┌─▶ wealth of everybody at the end ─┐
//!                             ├─ people and ─┤                                   ├─▶ gain, cost, honest loss
//!  scenarios/NAME.honest.toml ┘ endowments   └─▶ wealth of everybody at the end ─┘
//! ```
//!
//! Wealth is free TAO plus all stake at the spot prices of the end. What the attackers have more than in the honest
//! twin is their gain; what everybody else has less is the honest loss. [`run_attacks`] runs the shipped library:
//!
//! ```
//! use sn3_simulator::attacks::{AttacksOptions, run_attacks};
//!
//! let options = AttacksOptions { names: vec!["self-weight".to_owned()], blocks: Some(1_500), ..Default::default() };
//! let study = run_attacks(&options, &|_, _| {})?;
//! assert!(!study.outcomes[0].pays(), "self-weight is masked");
//! # Ok::<(), sn3_simulator::attacks::AttacksError>(())
//! ```
//!
//! What an attacker saves by not working (hardware, electricity) is outside the chain and not counted.

mod data;
mod library;
mod study;

pub use data::{attacks_csv, attacks_json};
pub use library::{ATTACKS, Attack};
pub use study::{AttackOutcome, AttacksOptions, AttacksStudy, GroupDifference, run_attacks};

/// Why the attacks did not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttacksError {
    /// There is no such attack.
    #[error("there is no attack {name:?}{}", suggestion.map_or_else(String::new, |s| format!("; did you mean {s:?}?")))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The most similar one.
        suggestion: Option<&'static str>,
    },
    /// An attack was named twice.
    #[error("the attack {0:?} was named twice; name it once")]
    Twice(String),
    /// No block would be run.
    #[error("a run of 0 blocks shows nothing; use at least one epoch, 360")]
    NoBlocks,
    /// A shipped scenario does not parse or build, which only an edited library can cause.
    #[error("the scenario of {name:?} cannot be run: {reason}")]
    Scenario {
        /// The attack.
        name: &'static str,
        /// Why.
        reason: String,
    },
}
