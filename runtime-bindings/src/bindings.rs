//! Types and addresses generated from the development chain's metadata, which is checked in beside this crate.
//!
//! Calls and storage items are resolved by name against the connected chain's own metadata, so indices may
//! differ from those in the file.

#![allow(missing_docs, dead_code, unused_imports, clippy::all, clippy::unwrap_used, rust_2018_idioms)]

#[subxt::subxt(runtime_metadata_path = "metadata/devnet.scale")]
mod devnet {}

pub use devnet::*;
