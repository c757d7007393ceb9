//! Weights that land: decided by a pure machine, carried out by a daemon, kept in the ledger.
//!
//! ```text
//!            Event                    Effect                         Event
//!  head ───────────────► machine ───────────────► Daemon ───────────────────► machine …
//!  (Observation, pure)   (pure)     sign, send,    (does one      what became of it
//!                                   look, note)     thing a step)
//!                                       │
//!                                       ▼
//!                       Ledger (SQLite): each step before the next one
//! ```
//!
//! - What is sent is written down first, so that a process which is killed at any point goes on where it was:
//!   the same signed bytes are looked for in the finalized blocks and sent again, which executes them at most once.
//! - Nothing is believed before it is in a finalized block. A reorganisation of the newer ones changes nothing.
//! - New weights are planned only when no earlier ones are under way, and only once per epoch.
//! - An intent ends as *counted in epoch E* with the block of that epoch, or with the reason why not.
//!
//! How weights are sent follows the subnet's live settings ([`Observation::method`]).

mod class;
mod daemon;
pub(crate) mod machine;
mod normalise;
mod observe;
mod port;
mod status;

pub use class::{Class, Refusal};
pub use daemon::{Daemon, DaemonError, Progress};
pub(crate) use daemon::{salt, timelocked};
pub use normalise::{NormaliseError, clip, normalise, upscale};
pub use observe::{BeaconView, Method, Observation, SaltedCommit};
pub use status::{IntentReport, StepReport, WeightsStatus, history, set, status};
