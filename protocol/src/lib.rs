//! The shared gradient and score types, and the exact arithmetic that every participant must agree on.
//!
//! Everything here is a pure function of its arguments: no I/O, no clock, no GPU, no chain.
//!
//! ```text
//!  delta ──► sparse::compress ──► PseudoGradient ──► wire::encode ──► bytes ──► Manifest (signed)
//!            (error feedback)                                                        │
//!  theta ◄── aggregate::outer_step ◄── aggregate ◄── wire::decode ◄── RoundRecord ◄──┘
//!                                                                      (signed, hash-chained)
//! ```

pub mod address;
pub mod aggregate;
pub mod assignment;
pub mod digest;
pub mod ids;
pub mod keys;
pub mod layout;
pub mod manifest;
pub mod model;
pub mod openskill;
pub mod pack12;
pub mod record;
pub mod run;
pub mod schedule;
pub mod score;
pub mod sparse;
pub mod wire;

pub use digest::{Digest, Hasher};
pub use ids::{Alpha, BlockNumber, NetUid, Rao, RunId, Uid, Window};
pub use keys::{Coldkey, Hotkey, Signature, Signer};
pub use layout::{ChunkRule, Layout, TensorSpec};
pub use manifest::{Manifest, SampleReceipt, SignedManifest};
pub use record::{RecordEntry, RoundRecord, SignedRecord};
pub use sparse::{PseudoGradient, Quantizer, SparseConfig, SparseTensor};

/// Version of the payload, manifest and record formats; part of every object key.
///
/// The software's release number is not: a patch release must never fork a run.
pub const PROTOCOL_VERSION: u16 = 1;
