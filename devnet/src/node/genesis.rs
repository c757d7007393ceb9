//! The first block.

use std::sync::OnceLock;

use codec::Encode;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
    DigestItem,
    generic::Digest,
    traits::{BlakeTwo256, Header as _},
};
use sp_trie::{LayoutV1, empty_trie_root};
use std::sync::Arc;

use super::{
    block::{StoredBlock, decode_answer},
    state::{CallError, Execution, NewState, State},
    store::NodeStore,
};
use crate::runtime::{Header, genesis::GenesisConfig};

/// The metadata version that names a build of the runtime in its genesis block.
const METADATA_VERSION: u32 = 15;

/// Why there is no first block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// The runtime panicked while it built the first state.
    #[error("the genesis state cannot be built: {0}")]
    Call(#[from] CallError),
    /// The runtime refused the genesis document.
    #[error("the genesis configuration was refused: {0}; compare it with GenesisConfig's documentation")]
    Refused(String),
}

/// Builds the first block and its state.
pub fn genesis(config: &GenesisConfig, timestamp_ms: u64) -> Result<(StoredBlock, NewState), GenesisError> {
    let empty = State::at(&Arc::new(NodeStore::default()), empty_root());
    let mut execution = Execution::on(&empty);
    let document = config.document().to_string().into_bytes();
    let answer = execution.call("GenesisBuilder_build_state", &document.encode())?;
    let built: sp_genesis_builder::Result = decode_answer("GenesisBuilder_build_state", &answer);
    built.map_err(GenesisError::Refused)?;
    let state = execution.finish()?;
    let header = Header::new(0, empty_root(), state.root, H256::zero(), digest());
    Ok((StoredBlock::new(header, Vec::new(), timestamp_ms), state))
}

fn empty_root() -> H256 {
    empty_trie_root::<LayoutV1<BlakeTwo256>>()
}

/// Clients cache metadata by genesis hash. Naming the metadata here gives each build of the runtime
/// another genesis hash, so that no client decodes with the metadata of yesterday's build.
fn digest() -> Digest {
    static METADATA_HASH: OnceLock<[u8; 32]> = OnceLock::new();
    let hash = METADATA_HASH.get_or_init(|| {
        blake2_256(&crate::runtime::metadata(METADATA_VERSION).expect("the version is one of those offered"))
    });
    Digest { logs: vec![DigestItem::Other(hash.to_vec())] }
}
