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
//! Everything random is the chain's own: the beacon that opens timelocked weights and the key that opens
//! hidden transactions are made from fixed seeds, so they work without a network and protect nothing.
//! Faults ([`node::Faults`]) happen only when asked for, from the library or over `dev_*` methods.
//!
//! # What it does not do
//! One author writes all blocks, and they are final at once unless a fault stalls finality. There is no wasm:
//! an upgrade changes the runtime's version and nothing else. There is no EVM, and there are no stake locks,
//! leases or announced proxies. Ciphertexts made for drand's own key never open; the key to encrypt to is in
//! `Drand.BeaconConfig`. Integer overflow panics in debug builds and unwinds into the node, which refuses the
//! transaction.

pub mod node;
mod remote;
pub mod runtime;
mod scaffold;

pub use node::{Condition, DevAccount, Devnet, DevnetConfig, Head, Refusal, Sealing};
pub use remote::{Remote, RemoteError, Status, WireHead};
pub use scaffold::{
    FundedKey, Manifest, NamedKey, NeuronEntry, SCAFFOLD_BYTES_MAX, Scaffold, ScaffoldError, SubnetEntry,
};
