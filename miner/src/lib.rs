//! The life of a miner: a pure round state machine and the loop that feeds it.
//!
//! ```text
//!            ┌──────────────── state::step(state, event) → (state, effects) ────────────────┐
//!            │   Wait block   Train window   Publish window   Follow window   Save   Emit    │
//!            └──────┬─────────────┬───────────────┬────────────────┬───────────┬──────┬──────┘
//!  MinerNode  ChainClock       Train +        exchange:        exchange:      disk  Observer
//!                              sparse +       manifest,        record,
//!                              wire           payload          payloads,
//!                                                              aggregate, outer step, digest
//! ```
//!
//! What it promises:
//! - The clock is the chain. Whether to train, upload or follow a record is decided by block numbers alone, so a
//!   network of nodes under one manual clock does the same on every machine and any number of threads.
//! - A process that dies at any point continues in the same window with the same bits: state on disk is replaced
//!   atomically at every boundary, and what was lost since is computed again from the same inputs.
//! - No record is skipped in silence. One that is missing is named; one that leads to another digest makes the
//!   node rebuild its state from the run's records, and stop if that does not help.
//! - What others write is checked before it is used, and their failures are events, not ends.
//!
//! ```
//! use sn3_miner::state::{Effect, Event, MinerState, Outcome, Rules, UploadRule, step};
//! use sn3_protocol::{BlockNumber, Digest, Window};
//!
//! let rules = Rules {
//!     start: Window(2),
//!     end: None,
//!     blocks_per_window: 10,
//!     put_blocks: 3,
//!     record_blocks: 5,
//!     upload: UploadRule::AtEnd,
//! };
//! let state = MinerState::new(&rules, Digest::of(b"genesis"), Digest::of(b"theta"));
//! let event = Event { head: BlockNumber(12), outcome: Outcome::Woke };
//! let (_, effects) = step(state, event, &rules);
//! assert_eq!(effects, [Effect::Wait(BlockNumber(20))]);
//! ```
//!
//! What it does not do: it judges nobody, sets no weights, registers nobody and holds no coldkey.

pub mod adversary;
mod disk;
mod error;
mod events;
mod genesis;
mod node;
mod samples;
pub mod state;

pub use adversary::Behaviour;
pub use disk::DiskError;
pub use error::{Fault, MinerError};
pub use events::{MinerEvent, Observer, ignore};
pub use genesis::{DiscoverError, Discovery, discover, leader};
pub use node::{Checkpoint, MinerNode, Options, Parts, Stop, Summary};
pub use samples::Samples;
