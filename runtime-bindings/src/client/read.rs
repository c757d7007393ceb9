//! Reads: the head, block hashes, balances, prices, settings.

use sn3_protocol::{BlockNumber, Coldkey, Digest, Hotkey, NetUid, Rao, Uid};
use subxt::config::Header as _;

use super::{At, ChainClient, account, block_ref, fetch, read_error, try_fetch, within};
use crate::bindings::storage;
use crate::{BlockRef, ReadError};

impl ChainClient {
    /// The newest finalized block.
    pub async fn head(&self) -> Result<BlockRef, ReadError> {
        let session = self.session().await?;
        let hash = within("the finalized head", session.rpc.chain_get_finalized_head()).await?;
        let what = "the finalized head's header";
        let header = within(what, session.rpc.chain_get_header(Some(hash))).await?;
        let missing =
            || ReadError::Endpoint { what: what.into(), reason: "the node does not have it".into() };
        Ok(block_ref(header.ok_or_else(missing)?.number(), hash))
    }

    /// Hash of the finalized block with this number.
    pub async fn block_hash(&self, number: BlockNumber) -> Result<Digest, ReadError> {
        let head = self.head().await?;
        if number == head.number {
            return Ok(head.hash);
        }
        if number > head.number {
            return Err(ReadError::NoSuchBlock { number });
        }
        let session = self.session().await?;
        let hash = within("a block's hash", session.rpc.chain_get_block_hash(Some(number.0.into()))).await?;
        hash.map(|hash| Digest(hash.0)).ok_or(ReadError::NoSuchBlock { number })
    }

    /// Free balance of a coldkey.
    pub async fn balance(&self, of: &Coldkey, at: BlockRef) -> Result<Rao, ReadError> {
        let at = self.at(at).await?;
        let info = fetch(&at, storage().system().account().unvalidated(), (account(of.0),)).await?;
        Ok(Rao(info.data.free))
    }

    /// The chain's own Unix time at a block, and the time between two blocks, both in milliseconds.
    pub async fn chain_time(&self, at: BlockRef) -> Result<(u64, u64), ReadError> {
        let at = self.at(at).await?;
        let time_ms = fetch(&at, storage().timestamp().now().unvalidated(), ()).await?;
        Ok((time_ms, block_ms(&at)?))
    }

    /// What registering a neuron costs now. The price rises with every registration and decays with every block.
    pub async fn registration_price(&self, netuid: NetUid, at: BlockRef) -> Result<Rao, ReadError> {
        let at = self.at(at).await?;
        fetch(&at, storage().subtensor_module().burn().unvalidated(), (netuid.0,)).await.map(Rao)
    }

    /// Whether the subnet exists.
    pub async fn subnet_exists(&self, netuid: NetUid, at: BlockRef) -> Result<bool, ReadError> {
        let at = self.at(at).await?;
        fetch(&at, storage().subtensor_module().networks_added().unvalidated(), (netuid.0,)).await
    }

    /// Blocks between two epochs of a subnet.
    pub async fn tempo(&self, netuid: NetUid, at: BlockRef) -> Result<u16, ReadError> {
        let at = self.at(at).await?;
        fetch(&at, storage().subtensor_module().tempo().unvalidated(), (netuid.0,)).await
    }

    /// The slot of a hotkey, if it is registered.
    pub async fn uid(&self, netuid: NetUid, hotkey: &Hotkey, at: BlockRef) -> Result<Option<Uid>, ReadError> {
        let at = self.at(at).await?;
        let key = (netuid.0, account(hotkey.0));
        let uid = try_fetch(&at, storage().subtensor_module().uids().unvalidated(), key).await?;
        Ok(uid.map(Uid))
    }

    /// The owner of a hotkey, if the chain knows the hotkey.
    pub async fn owner(&self, hotkey: &Hotkey, at: BlockRef) -> Result<Option<Coldkey>, ReadError> {
        let at = self.at(at).await?;
        let address = storage().subtensor_module().owner().unvalidated();
        let owner = try_fetch(&at, address, (account(hotkey.0),)).await?;
        Ok(owner.map(|owner| Coldkey(owner.0)).filter(|owner| owner.0 != [0; 32]))
    }

    /// The weights that a neuron has set, as the chain keeps them: the largest is 65535.
    pub async fn weights(
        &self,
        netuid: NetUid,
        uid: Uid,
        at: BlockRef,
    ) -> Result<Vec<(Uid, u16)>, ReadError> {
        let at = self.at(at).await?;
        let address = storage().subtensor_module().weights().unvalidated();
        let weights = fetch(&at, address, (netuid.0, uid.0)).await?;
        Ok(weights.into_iter().map(|(uid, weight)| (Uid(uid), weight)).collect())
    }
}

/// Milliseconds between two blocks, by the chain's own constant.
pub(super) fn block_ms(at: &At) -> Result<u64, ReadError> {
    let slot = subxt::dynamic::constant::<u64>("Aura", "SlotDuration");
    at.constants().entry(slot).map_err(|error| read_error("Aura.SlotDuration", &error.into()))
}
