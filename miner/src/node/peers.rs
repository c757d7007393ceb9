//! Who is who at a block, and where their stores are.

use std::collections::BTreeMap;

use sn3_chain::{BlockRef, Metagraph, ReadError};
use sn3_exchange::Store;
use sn3_protocol::address::StoreAddress;
use sn3_protocol::{BlockNumber, Hotkey, Uid};

use super::Context;
use crate::error::MinerError;
use crate::events::MinerEvent;

/// How often a read that failed in passing is repeated, a block apart.
const READ_ATTEMPTS_MAX: u32 = 5;

/// Addresses as they were at one block.
pub(super) type Addresses = BTreeMap<Hotkey, StoreAddress>;

impl Context {
    /// This node's slot.
    pub(super) async fn own_uid(&self) -> Result<Uid, MinerError> {
        let hotkey = self.signer.hotkey();
        let metagraph = self.metagraph().await?;
        let neuron = metagraph.by_hotkey(&hotkey);
        neuron
            .map(|neuron| neuron.uid)
            .ok_or(MinerError::NotRegistered { hotkey, netuid: self.chain.netuid() })
    }

    /// Commits the storage address if the chain has another one.
    pub(super) async fn commit_address(&self, address: &StoreAddress) -> Result<(), MinerError> {
        if self.addresses().await?.get(&self.signer.hotkey()) == Some(address) {
            return Ok(());
        }
        let receipt = self.chain.set_store_address(address).await?;
        let url = address.url().to_owned();
        self.emit(&MinerEvent::AddressCommitted { url, block: receipt.block.number });
        Ok(())
    }

    /// The neurons at the head.
    pub(super) async fn metagraph(&self) -> Result<Metagraph, MinerError> {
        for attempt in 1.. {
            let head = self.head().await?;
            match self.chain.metagraph(head).await {
                Ok(metagraph) => return Ok(metagraph),
                Err(error) => self.patience(error, attempt, head).await?,
            }
        }
        unreachable!("patience ends after a bounded number of attempts")
    }

    /// The storage addresses at the head.
    pub(super) async fn addresses(&self) -> Result<Addresses, MinerError> {
        for attempt in 1.. {
            let head = self.head().await?;
            match self.chain.store_addresses(head).await {
                Ok(addresses) => return Ok(addresses),
                Err(error) => self.patience(error, attempt, head).await?,
            }
        }
        unreachable!("patience ends after a bounded number of attempts")
    }

    /// Who leads the round whose submissions closed at `deadline`, and that block's hash where the chain still
    /// knows it. An endpoint that has forgotten the block's state is asked about the head instead.
    pub(super) async fn leader_at(
        &self,
        deadline: BlockNumber,
    ) -> Result<(Hotkey, Option<BlockRef>), MinerError> {
        let Ok(hash) = self.chain.block_hash(deadline).await else {
            return Ok((crate::leader(&self.metagraph().await?, self.author), None));
        };
        let block = BlockRef { number: deadline, hash };
        let metagraph = match self.chain.metagraph(block).await {
            Ok(metagraph) => metagraph,
            Err(_) => self.metagraph().await?,
        };
        Ok((crate::leader(&metagraph, self.author), Some(block)))
    }

    /// The store of a peer, or why there is none, in words.
    pub(super) fn store_of(&self, hotkey: &Hotkey, addresses: &Addresses) -> Result<Store, String> {
        if *hotkey == self.signer.hotkey() {
            return Ok(self.store.clone());
        }
        let configured = self.leader_store.as_ref().filter(|_| *hotkey == self.author);
        let address = addresses.get(hotkey).or(configured);
        let address = address.ok_or_else(|| format!("{hotkey} has committed no storage address"))?;
        self.store.peer(address).map_err(|error| error.to_string())
    }

    /// Waits a block after a failure that may pass; gives up otherwise.
    async fn patience(&self, error: ReadError, attempt: u32, head: BlockRef) -> Result<(), MinerError> {
        if !error.is_transient() || attempt >= READ_ATTEMPTS_MAX {
            return Err(error.into());
        }
        tracing::warn!(%error, attempt, "the chain could not be read, trying again at the next block");
        self.chain.clock().wait_until(head.number.saturating_add(1)).await?;
        Ok(())
    }
}
