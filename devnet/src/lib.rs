//! An embedded development chain: a real FRAME runtime compiled natively, behind Substrate JSON-RPC.

pub mod node;
pub mod runtime;

pub use node::{DevAccount, Devnet, DevnetConfig, Head, Sealing};
