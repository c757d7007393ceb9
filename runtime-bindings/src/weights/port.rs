//! What the daemon needs of a chain, and the real one.

use async_trait::async_trait;
use sn3_protocol::Digest;

use super::class::Refusal;
use super::machine::{Landing, Verdict};
use super::observe::Observation;
use crate::client::{Signed, WeightsCall};
use crate::wallet::HotkeyPair;
use crate::{BlockRef, ChainClient, ReadError, SubmitError};

/// Whose weights a port is about: one hotkey on one mechanism of one subnet.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) hotkey: HotkeyPair,
    pub(crate) netuid: sn3_protocol::NetUid,
    pub(crate) mechanism: u8,
}

/// A chain as the daemon uses it. Every method but the two that sign and send only reads finalized blocks.
#[async_trait]
pub(crate) trait WeightsPort: Send + Sync {
    /// The finalized head.
    async fn head(&self) -> Result<BlockRef, ReadError>;

    /// Everything that matters at a finalized block.
    async fn observe(&self, target: &Target, at: BlockRef) -> Result<Observation, ReadError>;

    /// Signs a call, with the next nonce and an era that starts at the finalized head.
    async fn sign(&self, target: &Target, call: &WeightsCall) -> Result<Signed, SubmitError>;

    /// Gives bytes to a node.
    async fn broadcast(&self, signed: &Signed) -> Result<(), SubmitError>;

    /// Looks for an extrinsic in the finalized blocks after `from`, up to `to`.
    async fn trace(
        &self,
        target: &Target,
        call: &str,
        extrinsic: Digest,
        from: u64,
        to: u64,
    ) -> Result<Option<Landing>, Refusal>;

    /// Looks for the chain's own reveal of the target's weights after `from`, up to `to`, in epoch `reveal_epoch`:
    /// its block, and the epoch index before that block.
    async fn trace_reveal(
        &self,
        target: &Target,
        from: u64,
        reveal_epoch: u64,
        to: u64,
    ) -> Result<Option<(BlockRef, u64)>, ReadError>;

    /// What the first epoch after index `epoch` did with weights that landed in block `landed`.
    async fn judge(
        &self,
        target: &Target,
        weights: &[(sn3_protocol::Uid, u16)],
        epoch: u64,
        landed: u64,
        to: u64,
    ) -> Result<Verdict, ReadError>;
}

#[async_trait]
impl WeightsPort for ChainClient {
    async fn head(&self) -> Result<BlockRef, ReadError> {
        ChainClient::head(self).await
    }

    async fn observe(&self, target: &Target, at: BlockRef) -> Result<Observation, ReadError> {
        self.observe_weights(&target.hotkey.public(), target.netuid, target.mechanism, at).await
    }

    async fn sign(&self, target: &Target, call: &WeightsCall) -> Result<Signed, SubmitError> {
        self.sign_weights(&target.hotkey, target.netuid, target.mechanism, call).await
    }

    async fn broadcast(&self, signed: &Signed) -> Result<(), SubmitError> {
        ChainClient::broadcast(self, signed).await
    }

    async fn trace(
        &self,
        target: &Target,
        call: &str,
        extrinsic: Digest,
        from: u64,
        to: u64,
    ) -> Result<Option<Landing>, Refusal> {
        self.trace_landing(target.netuid, call, extrinsic, from, to)
            .await
            .map_err(|error| Refusal::of(&error))
    }

    async fn trace_reveal(
        &self,
        target: &Target,
        from: u64,
        reveal_epoch: u64,
        to: u64,
    ) -> Result<Option<(BlockRef, u64)>, ReadError> {
        let hotkey = target.hotkey.public();
        self.find_reveal(&hotkey, target.netuid, target.mechanism, from, reveal_epoch, to).await
    }

    async fn judge(
        &self,
        target: &Target,
        weights: &[(sn3_protocol::Uid, u16)],
        epoch: u64,
        landed: u64,
        to: u64,
    ) -> Result<Verdict, ReadError> {
        let hotkey = target.hotkey.public();
        self.judge_epoch(&hotkey, target.netuid, target.mechanism, weights, epoch, landed, to).await
    }
}
