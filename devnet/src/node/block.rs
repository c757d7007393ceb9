//! A block as the node keeps it: its header and the bytes of its transactions.

use std::sync::Arc;

use codec::{Compact, Decode, Encode};
use sp_core::H256;
use sp_io::hashing::blake2_256;

use crate::runtime::Header;

/// A transaction in its block form, length prefix included.
pub type ExtrinsicBytes = Arc<[u8]>;

/// A block that is part of the chain.
#[derive(Debug)]
pub struct StoredBlock {
    /// The header's hash, which names the block.
    pub hash: H256,
    /// The header.
    pub header: Header,
    /// The transactions, inherents first.
    pub extrinsics: Vec<ExtrinsicBytes>,
    /// The time the block carries, in milliseconds since 1970.
    pub timestamp_ms: u64,
}

impl StoredBlock {
    /// A block with its hash computed.
    pub fn new(header: Header, extrinsics: Vec<ExtrinsicBytes>, timestamp_ms: u64) -> Self {
        Self { hash: header.hash(), header, extrinsics, timestamp_ms }
    }

    /// The height.
    pub fn number(&self) -> u64 {
        u64::from(self.header.number)
    }

    /// The SCALE form that `Core_execute_block` takes.
    pub fn encoded(&self) -> Vec<u8> {
        let mut bytes = self.header.encode();
        let count = u32::try_from(self.extrinsics.len()).expect("a block holds fewer than 2³² transactions");
        Compact(count).encode_to(&mut bytes);
        self.extrinsics.iter().for_each(|extrinsic| bytes.extend_from_slice(extrinsic));
        bytes
    }
}

/// The name of a transaction: the hash of all its bytes.
pub fn extrinsic_hash(bytes: &[u8]) -> H256 {
    H256(blake2_256(bytes))
}

/// Decodes an answer of the runtime in the form its API declares.
pub fn decode_answer<T: Decode>(method: &str, answer: &[u8]) -> T {
    T::decode(&mut &answer[..]).unwrap_or_else(|e| panic!("{method} answers in its declared form: {e}"))
}
