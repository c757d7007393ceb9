//! The shared gradient and score types, and the exact arithmetic that every participant must agree on.
//!
//! Everything here is a pure function of its arguments: no I/O, no clock, no GPU, no chain. The same arguments
//! give the same bits on every machine and with any number of threads. Nothing from a peer is trusted: what
//! it wrote is bounded by the layout, checked, and refused with an error that says why.
//!
//! ```text
//!  delta ──► sparse::compress ──► PseudoGradient ──► wire::encode ──► bytes ──► Manifest (signed)
//!            (error feedback)                                                        │
//!  theta ◄── aggregate::outer_step ◄── aggregate ◄── wire::decode ◄── RoundRecord ◄──┘
//!                                                                      (signed, hash-chained)
//! ```
//!
//! One round of one miner, and what every node does with its payload:
//!
//! ```
//! use sn3_protocol::model::ModelConfig;
//! use sn3_protocol::sparse::{SparseConfig, compress};
//! use sn3_protocol::{ChunkRule, aggregate, wire};
//!
//! let layout = ModelConfig::preset("nano", None)?.layout(ChunkRule::Padded)?;
//! let config = SparseConfig::default();
//! let mut error = vec![0.0; layout.parameters()];
//! let delta: Vec<f32> = (0..layout.parameters()).map(|i| (i as f32).sin() * 1e-3).collect();
//!
//! let sent = compress(&layout, &config, &mut error, &delta)?;
//! let payload = wire::encode(&sent, &layout, config.top_k);
//! assert!(payload.len() as u64 <= wire::bytes_max(&layout, config.top_k));
//!
//! let read = wire::decode(&payload, &layout, config.top_k)?;
//! assert_eq!(read, sent);
//! let update = aggregate::aggregate(&layout, config.top_k, &[&read])?;
//! let mut theta = vec![0.0; layout.parameters()];
//! aggregate::outer_step(&mut theta, &layout, &update, 0.7)?;
//! println!("every node is at {}", layout.state_digest(&theta));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it does not do: train, move bytes, keep files, know the time, or decide whom to believe about the
//! chain. Those are the rooms that use it.

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
