//! Blocks as coordinates, and the proof that an extrinsic landed in one.

use std::fmt;

use serde::{Deserialize, Serialize};
use sn3_protocol::{BlockNumber, Digest};

/// A block: its height, and the hash that tells it from another block of the same height.
///
/// Every read of this crate is pinned to one of these, so that two nodes which name the same block read the
/// same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockRef {
    /// Height.
    pub number: BlockNumber,
    /// Hash of the header (BLAKE2b-256).
    pub hash: Digest,
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} (0x{}…)", self.number, self.hash.short())
    }
}

/// Proof that an extrinsic was executed with success in a finalized block.
///
/// There is no receipt for anything less: neither for acceptance by a pool, nor for inclusion with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The finalized block that contains it.
    pub block: BlockRef,
    /// BLAKE2b-256 of the extrinsic's bytes, as explorers show it.
    pub extrinsic: Digest,
}
