//! An embedded development chain: a real FRAME runtime compiled natively, behind Substrate JSON-RPC.
//!
//! The chain has the pallets, call numbers, storage keys, events, errors and runtime APIs of the subnet
//! chain at `spec_version` 425, so that its ordinary clients work on it unchanged. Emission, consensus
//! and pools are the bit-exact functions of `sn3-emission`.
//!
//! ```text
//! client ──JSON-RPC──▶ node ──runtime API name, SCALE bytes──▶ runtime ──▶ pallets ──▶ sn3-emission
//!                       │                                        │
//!                       └── states, blocks, pool, sealing        └── storage in a Merkle trie
//! ```
//!
//! ```no_run
//! use sn3_devnet::{Devnet, DevnetConfig, Sealing};
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = DevnetConfig { sealing: Sealing::Manual, ..DevnetConfig::default() };
//! let devnet = Devnet::start(config).await?;
//! devnet.advance_blocks(10).await?;
//! assert_eq!(devnet.head().number.0, 10);
//! devnet.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//! One author writes all blocks and finality is instant. There is no wasm, no code upgrade, no EVM, no
//! beacon (timelocked weights cannot open), no shielded transactions and no stake locks. Integer
//! overflow panics in debug builds and unwinds into the node, which refuses the transaction.

pub mod node;
pub mod runtime;

pub use node::{DevAccount, Devnet, DevnetConfig, Head, Sealing};
