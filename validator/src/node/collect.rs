//! Noting, block by block, whose submission is there: the order in which payloads appeared decides who copied
//! whom.

use std::collections::BTreeMap;

use sn3_chain::{BlockRef, Metagraph};
use sn3_exchange::{Key, Store, StoreError};
use sn3_protocol::{BlockNumber, Hotkey, Window};

use super::disk::Phase;
use super::{NodeError, ValidatorNode};

/// How often one request to a store is made before its failure counts.
pub(super) const ATTEMPTS_MAX: u32 = 3;

/// Who could submit, and where.
pub(super) struct Peers {
    pub metagraph: Metagraph,
    pub stores: BTreeMap<Hotkey, Store>,
}

impl ValidatorNode {
    /// Waits from the end of the window to its deadline and notes at each block who is there.
    pub(super) async fn collect(&mut self) -> Result<BlockRef, NodeError> {
        let window = self.state.window;
        let deadline = self.config.deadline_block(window);
        // Uploads begin with the block after the window. A look at that same block would race with them, and who
        // is first would depend on the machine; one block later all honest ones are there.
        let mut next = self.config.first_block(window.next()).saturating_add(1);
        while self.state.phase == Phase::Collecting {
            let head = self.chain.clock().wait_until(next.min(deadline)).await?;
            let at = if head.number < deadline { head } else { self.deadline_ref(deadline).await? };
            let peers = self.peers(at).await?;
            self.look(&peers, at.number).await;
            self.follow_weights().await;
            if at.number >= deadline {
                self.state.phase = Phase::Closed;
            }
            self.save()?;
            next = at.number.saturating_add(1);
        }
        self.deadline_ref(deadline).await
    }

    async fn deadline_ref(&self, number: BlockNumber) -> Result<BlockRef, NodeError> {
        Ok(BlockRef { number, hash: self.chain.block_hash(number).await? })
    }

    /// Everybody who is registered and has a usable store at a block.
    pub(super) async fn peers(&mut self, at: BlockRef) -> Result<Peers, NodeError> {
        let metagraph = self.chain.metagraph(at).await?;
        let addresses = self.chain.store_addresses(at).await?;
        let own = self.signer.hotkey();
        let mut stores = self.stores.all(&addresses);
        stores.insert(own, self.stores.own().clone());
        Ok(Peers { metagraph, stores })
    }

    async fn look(&mut self, peers: &Peers, block: BlockNumber) {
        let window = self.state.window;
        for neuron in &peers.metagraph.neurons {
            let known = self.state.seen.contains_key(&neuron.hotkey);
            let Some(store) = peers.stores.get(&neuron.hotkey).filter(|_| !known) else { continue };
            match self.is_there(store, window, &neuron.hotkey).await {
                Ok(true) => drop(self.state.seen.insert(neuron.hotkey, block)),
                Ok(false) => {}
                Err(error) => self.trouble(format!("the store of uid {}: {error}", neuron.uid)),
            }
        }
    }

    /// Whether a manifest of a window is there.
    pub(super) async fn is_there(
        &self,
        store: &Store,
        window: Window,
        author: &Hotkey,
    ) -> Result<bool, StoreError> {
        let key = Key::manifest(&self.config.run, window, author);
        let mut attempts = 1;
        loop {
            match store.size(&key).await {
                Ok(_) => return Ok(true),
                Err(StoreError::Missing { .. }) => return Ok(false),
                Err(error) if error.retry() && attempts < ATTEMPTS_MAX => attempts += 1,
                Err(error) => return Err(error),
            }
        }
    }
}
