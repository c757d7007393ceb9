//! An embedded development chain: a real FRAME runtime compiled natively, behind Substrate JSON-RPC.

pub mod runtime;
