//! One hotkey on one subnet of a real chain.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use sn3_protocol::address::StoreAddress;
use sn3_protocol::{BlockNumber, Digest, Hotkey, NetUid, Uid};

use crate::client::{WeightsCall, commit_hash};
use crate::ledger::{Intent, IntentState, Ledger, NewIntent, Step};
use crate::weights::{Daemon, DaemonError, Method, Observation, salt, timelocked};
use crate::{
    BlockRef, ChainClient, ChainClock, HotkeyPair, Metagraph, ReadError, Receipt, SubmitError, SubnetChain,
    WeightsError,
};

/// The chain as one hotkey on one subnet uses it: [`SubnetChain`] over a [`ChainClient`], any clock and a ledger.
#[derive(Clone)]
pub struct ChainNode {
    client: ChainClient,
    hotkey: HotkeyPair,
    netuid: NetUid,
    clock: Arc<dyn ChainClock>,
    ledger: Arc<Ledger>,
}

impl ChainNode {
    /// Puts the parts together. `ledger` is kept on disk by a real validator, so that a restart loses nothing.
    #[must_use]
    pub fn new(
        client: ChainClient,
        hotkey: HotkeyPair,
        netuid: NetUid,
        clock: Arc<dyn ChainClock>,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self { client, hotkey, netuid, clock, ledger }
    }

    /// The client below.
    #[must_use]
    pub fn client(&self) -> &ChainClient {
        &self.client
    }

    /// Brings intents that an earlier process left open to an end; called before new weights are sent.
    ///
    /// What was never sent is dropped: newer weights follow. What was sent is found in the blocks, or sent again with
    /// the same bytes, or given up when its era has passed.
    pub async fn settle(&self) -> Result<(), WeightsError> {
        let me = self.hotkey.public();
        for intent in self.ledger.in_state(self.netuid, &me, IntentState::Intended)? {
            self.ledger.ended(intent.id, IntentState::Abandoned, "the process ended before it was sent")?;
        }
        for intent in self.ledger.in_state(self.netuid, &me, IntentState::Sent)? {
            self.settle_sent(&intent).await?;
        }
        Ok(())
    }

    async fn settle_sent(&self, intent: &Intent) -> Result<(), WeightsError> {
        let Some(signed) = self.ledger.signed(intent.id)? else {
            return Ok(self.ledger.ended(
                intent.id,
                IntentState::Abandoned,
                "its bytes are not in the ledger",
            )?);
        };
        let result = match self.client.resubmit(&signed).await {
            Ok(landed) => Ok(landed.receipt),
            Err(error) => Err(WeightsError::from(error)),
        };
        let dead = self.client.head().await?.number >= signed.dies_at;
        match result {
            Err(WeightsError::Submit(SubmitError::OutcomeUnknown { .. })) if dead => Ok(self.ledger.ended(
                intent.id,
                IntentState::Abandoned,
                "its era passed before it was executed",
            )?),
            result => self.note(intent.id, intent.method, result).await.map(drop),
        }
    }

    /// Writes down what became of an intent. An unknown outcome, and a failed read, leave it open.
    async fn note(
        &self,
        id: i64,
        method: Method,
        result: Result<Receipt, WeightsError>,
    ) -> Result<Receipt, WeightsError> {
        match &result {
            Ok(receipt) => self.note_landing(id, method, *receipt).await?,
            Err(WeightsError::Submit(SubmitError::OutcomeUnknown { .. } | SubmitError::Read(_))) => {}
            Err(error) => self.ledger.ended(id, IntentState::Abandoned, &error.to_string())?,
        }
        result
    }

    async fn note_landing(&self, id: i64, method: Method, receipt: Receipt) -> Result<(), WeightsError> {
        let (state, name) = match method {
            Method::Plain => (IntentState::Landed, "landed"),
            _ => (IntentState::Committed, "committed"),
        };
        let epoch = self.client.epoch_at(self.netuid, receipt.block).await?;
        let (block, extrinsic) = (Some(receipt.block), Some(receipt.extrinsic));
        let step = Step { name: name.into(), block, extrinsic, epoch: Some(epoch), note: None };
        Ok(self.ledger.step(id, Some(state), &step)?)
    }

    async fn send(
        &self,
        seen: &Observation,
        weights: &[(Uid, u16)],
        version_key: u64,
    ) -> Result<Receipt, WeightsError> {
        let hotkey = self.hotkey.public();
        let method = seen.method();
        let salt = (method == Method::Salted).then(salt);
        let new = NewIntent {
            netuid: self.netuid,
            hotkey,
            weights,
            version_key,
            salt: salt.as_ref().map(|salt| salt.as_slice()),
            decided_at: seen.head.number,
            mechanism: 0,
            method,
            forced: false,
        };
        let id = self.ledger.intend(&new)?;
        let call = match (method, &salt) {
            (Method::Timelocked, _) => timelocked(seen, &hotkey.0, weights, version_key)?,
            (_, Some(salt)) => {
                WeightsCall::Salted { hash: commit_hash(&hotkey, self.netuid, 0, weights, salt, version_key) }
            }
            _ => WeightsCall::Plain { weights: weights.to_vec(), version_key },
        };
        let note = |signed: &crate::client::Signed| Ok(self.ledger.sent(id, signed)?);
        let landed = self.client.send_weights(&self.hotkey, self.netuid, &call, note).await;
        self.note(id, method, landed.map(|landed| landed.receipt)).await
    }
}

/// Ascending uids without zeros: one form for the same weights.
fn canonical(weights: &[(Uid, u16)]) -> Vec<(Uid, u16)> {
    let mut weights: Vec<_> = weights.iter().copied().filter(|(_, weight)| *weight > 0).collect();
    weights.sort_unstable();
    weights
}

#[async_trait]
impl SubnetChain for ChainNode {
    fn netuid(&self) -> NetUid {
        self.netuid
    }

    fn hotkey(&self) -> Hotkey {
        self.hotkey.public()
    }

    fn clock(&self) -> &dyn ChainClock {
        self.clock.as_ref()
    }

    async fn block_hash(&self, number: BlockNumber) -> Result<Digest, ReadError> {
        self.client.block_hash(number).await
    }

    async fn metagraph(&self, at: BlockRef) -> Result<Metagraph, ReadError> {
        self.client.metagraph(self.netuid, at).await
    }

    async fn store_addresses(&self, at: BlockRef) -> Result<BTreeMap<Hotkey, StoreAddress>, ReadError> {
        self.client.store_addresses(self.netuid, at).await
    }

    async fn set_store_address(&self, address: &StoreAddress) -> Result<Receipt, SubmitError> {
        self.client.set_store_address(&self.hotkey, self.netuid, address).await
    }

    async fn set_weights(&self, weights: &[(Uid, u16)], version_key: u64) -> Result<Receipt, WeightsError> {
        self.settle().await?;
        let weights = canonical(weights);
        let head = self.client.head().await?;
        let me = self.hotkey.public();
        let seen = self.client.observe_weights(&me, self.netuid, 0, head).await?;
        seen.preflight(&me, self.netuid, 0, &weights, version_key)?;
        self.send(&seen, &weights, version_key).await
    }

    async fn follow_weights(&self) -> Result<(), WeightsError> {
        self.settle().await?;
        if self.ledger.open_intents(self.netuid, &self.hotkey.public(), 0)?.is_empty() {
            return Ok(());
        }
        let (client, ledger) = (self.client.clone(), self.ledger.clone());
        let mut daemon = Daemon::new(client, ledger, self.hotkey.clone(), self.netuid, 0)?;
        match daemon.settle().await {
            Ok(None) => Ok(()),
            Ok(Some(error)) | Err(DaemonError::Rejected(error)) => Err(error),
            Err(DaemonError::Ledger(error)) => Err(error.into()),
            Err(DaemonError::Read(error)) => Err(error.into()),
            Err(DaemonError::Clock(error)) => Err(WeightsError::Refused { reason: error.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_one_form() {
        let weights = [(Uid(5), 1), (Uid(2), 0), (Uid(1), 65535)];
        assert_eq!(canonical(&weights), [(Uid(1), 65535), (Uid(5), 1)]);
    }
}
