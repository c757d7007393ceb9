//! Timelock encryption to a drand beacon, byte for byte as the chain's timelocked weights use it.
//!
//! # What it promises
//!
//! - [`seal`] makes a ciphertext that nobody, its author included, can open before the beacon has signed a round.
//! - [`open`] opens it with that round's signature alone, and with no other.
//! - The bytes are those of the chain and of the official client: vectors made by the latter are opened in the tests.
//! - Hostile bytes end in an error: sizes are checked before anything is copied, points before anything is computed.
//! - [`RevealSchedule`] tells which round a commit must be sealed to, from settings that the chain states.
//!
//! ```text
//!  weights ──► WeightsPayload ──► seal(beacon, round) ──► commit bytes on chain
//!                                      ▲                        │
//!  settings ──► RevealSchedule ── round┘                        ▼
//!                             beacon signs the round ──► open(signature) ──► WeightsPayload
//! ```
//!
//! # Example
//!
//! ```
//! use sn3_timelock::{Entropy, LocalBeacon, open, seal};
//!
//! let owner = LocalBeacon::from_seed([7; 32]);
//! let sealed = seal(&owner.beacon(), 1000, b"the answer", Entropy::fresh()?)?;
//! assert!(open(&sealed, &owner.sign(999)).is_err());
//! assert_eq!(open(&sealed, &owner.sign(1000))?, b"the answer");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does not do
//!
//! It has no clock and no network: rounds, times and signatures are given to it. It is not a general cipher either:
//! the scheme hides content until a time, and hides nothing afterwards.

mod beacon;
mod layout;
mod schedule;
mod seal;
mod weights;

pub use beacon::{Beacon, BeaconError, LocalBeacon, PUBLIC_KEY_BYTES, SIGNATURE_BYTES};
pub use layout::{CIPHERTEXT_BYTES_MAX, LayoutError, OVERHEAD_BYTES};
pub use schedule::{EpochState, RevealPlan, RevealSchedule, ScheduleError};
pub use seal::{Entropy, OpenError, SealError, open, seal};
pub use weights::{PayloadError, WeightsPayload};
