//! A small subnet for the tests: a lockstep clock, a chain in memory, a model that is a handful of numbers, and a
//! leader that aggregates whatever it can read.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

mod leader;
mod time;
mod toy;
pub mod world;

pub use leader::{Fault, lead};
pub use time::{Clock, Time};
pub use toy::{ToySamples, ToyTrainer};
pub use world::{Log, World, block, key};
