//! What a running node needs of the chain: one subnet, one hotkey.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sn3_protocol::address::StoreAddress;
use sn3_protocol::{BlockNumber, Digest, Hotkey, NetUid, Uid};

use crate::{BlockRef, ChainClock, Metagraph, ReadError, Receipt, SubmitError, WeightsError};

/// One hotkey's view of one subnet, as miners and validators use it.
///
/// Reads are pinned to a block. Writes return only when they were seen in a finalized block with success.
#[async_trait]
pub trait SubnetChain: Send + Sync {
    /// The subnet.
    fn netuid(&self) -> NetUid;

    /// The hotkey that writes are signed with.
    fn hotkey(&self) -> Hotkey;

    /// The clock of this chain.
    fn clock(&self) -> &dyn ChainClock;

    /// Hash of the finalized block with this number; [`ReadError::NoSuchBlock`] while there is none.
    async fn block_hash(&self, number: BlockNumber) -> Result<Digest, ReadError>;

    /// All neurons at a block.
    async fn metagraph(&self, at: BlockRef) -> Result<Metagraph, ReadError>;

    /// The storage addresses that registered hotkeys have committed, as of a block.
    ///
    /// A commitment that is not a well-formed address is left out: a peer's bad bytes are the peer's loss.
    async fn store_addresses(&self, at: BlockRef) -> Result<BTreeMap<Hotkey, StoreAddress>, ReadError>;

    /// Commits this hotkey's storage address.
    async fn set_store_address(&self, address: &StoreAddress) -> Result<Receipt, SubmitError>;

    /// Sets this hotkey's weights; 65535 is the largest weight, zeros are left out.
    async fn set_weights(&self, weights: &[(Uid, u16)], version_key: u64) -> Result<Receipt, WeightsError>;

    /// Brings weights that were set further: reveals commits whose epoch has come, and writes down what epochs did
    /// with them. To be called more often than epochs come; without open weights it returns at once.
    async fn follow_weights(&self) -> Result<(), WeightsError> {
        Ok(())
    }
}
