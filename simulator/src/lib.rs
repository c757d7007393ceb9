//! Scenarios, sweeps, attacks and reports over the bit-exact economics of `sn3-emission`.
//!
//! A [`scenario::Scenario`] (TOML or JSON) names subnets, people, stakes, behaviours and events. A
//! [`run::Simulation`] builds a real [`sn3_emission::Network`] of it and steps it block by block; people act through
//! the chain's own operations, and what the chain refuses is counted by the chain's error names. A run gives series,
//! a summary and a digest that is the same on every machine and thread count.
//!
//! ```text
//!  scenario.toml ──▶ Scenario ──check──▶ World ──▶ Simulation ──▶ Series ──▶ CSV, Parquet, JSON
//!  snapshot.json ──┘                       ▲ act     │ step_block     Summary
//!                                          └─────────┘                Digest
//!  sweep: many scenarios × seeds, in parallel   diff: two specs on one scenario   state: pause and resume
//! ```
//!
//! ```
//! use sn3_simulator::run::{Control, Simulation};
//! use sn3_simulator::scenario::{Format, Scenario};
//!
//! let text = r#"
//! name = "a cabal"
//! blocks = 120
//! [[subnets]]
//! netuid = 1
//! hyperparameters = { tempo = 20, commit_reveal_enabled = false, weights_rate_limit_blocks = 0 }
//! [[subnets.validators]]
//! name = "honest"
//! count = 3
//! stake = 1000
//! [[subnets.validators]]
//! name = "cabal"
//! stake = 500
//! behaviour = { collude = { with = "friends" } }
//! [[subnets.miners]]
//! name = "good"
//! count = 4
//! [[subnets.miners]]
//! name = "friends"
//! quality = 0.0
//! "#;
//! let mut simulation = Simulation::new(&Scenario::parse(text, Format::Toml)?)?;
//! simulation.run(&mut |_| Control::Continue);
//! let summary = simulation.summary();
//! assert!(summary.group("1/good").unwrap().earned_alpha_rao > 0);
//! assert_eq!(summary.group("1/friends").unwrap().earned_alpha_rao, 0, "consensus clips the cabal");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does not do
//! It prints nothing and draws nothing by itself. It does not model networks, hardware or the content of work: a
//! miner is a quality over time. Transaction fees other than the chain's swap fees do not exist.

pub mod attacks;
pub mod behaviour;
pub mod cases;
pub mod consensus;
pub mod diff;
pub mod output;
pub mod page;
pub mod run;
pub mod scenario;
pub mod series;
pub mod snapshot;
mod spec;
pub mod state;
pub mod sweep;
pub mod world;
