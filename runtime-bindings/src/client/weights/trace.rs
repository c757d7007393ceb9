//! Looks into finalized blocks for what became of weights.

use codec::Decode as _;
use sn3_protocol::{BlockNumber, Digest, Hotkey, NetUid, Uid};
use subxt::utils::H256;

use super::{observe, storage_index};
use crate::client::{At, ChainClient, read_error, within};
use crate::weights::machine::{Landing, Verdict};
use crate::weights::{Refusal, upscale};
use crate::{BlockRef, ReadError, Receipt, SubmitError};

/// Blocks that are searched for the chain's own reveal at one head.
const REVEAL_SEARCH_BLOCKS_MAX: u64 = 400;

impl ChainClient {
    /// A finalized block by its number, which must be below the finalized head.
    async fn finalized(&self, number: u64) -> Result<BlockRef, ReadError> {
        let session = self.session().await?;
        let hash = within("a block's hash", session.rpc.chain_get_block_hash(Some(number.into()))).await?;
        let hash = hash.ok_or(ReadError::NoSuchBlock { number: BlockNumber(number) })?;
        Ok(BlockRef { number: BlockNumber(number), hash: Digest(hash.0) })
    }

    /// A subnet's epoch index after a block.
    pub(crate) async fn epoch_at(&self, netuid: NetUid, block: BlockRef) -> Result<u64, ReadError> {
        observe::epoch_index(&self.at(block).await?, netuid).await
    }

    /// An extrinsic in the finalized blocks after `from`, up to `to`: where it landed, as of which epoch index, and
    /// whether it succeeded there.
    pub(crate) async fn trace_landing(
        &self,
        netuid: NetUid,
        call: &str,
        extrinsic: Digest,
        from: u64,
        to: u64,
    ) -> Result<Option<Landing>, SubmitError> {
        for number in from + 1..=to {
            let block = self.finalized(number).await?;
            let result = match self.outcome(call, extrinsic, H256(block.hash.0)).await {
                Ok(None) => continue,
                Ok(Some(_)) => Ok(()),
                Err(error @ (SubmitError::Module { .. } | SubmitError::Dispatch { .. })) => {
                    Err(Refusal::of(&error))
                }
                Err(error) => return Err(error),
            };
            let epoch = self.epoch_at(netuid, block).await?;
            return Ok(Some(Landing { receipt: Receipt { block, extrinsic }, epoch, result }));
        }
        Ok(None)
    }

    /// The first block after `low`, up to `high`, at which the epoch index is at least `index`.
    ///
    /// The index never falls, so halving the range finds it in some nine reads for a whole tempo.
    async fn first_block_of(
        &self,
        netuid: NetUid,
        index: u64,
        mut low: u64,
        mut high: u64,
    ) -> Result<Option<BlockRef>, ReadError> {
        if low >= high || self.epoch_at(netuid, self.finalized(high).await?).await? < index {
            return Ok(None);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let reached = self.epoch_at(netuid, self.finalized(middle).await?).await? >= index;
            (low, high) = if reached { (low, middle) } else { (middle, high) };
        }
        self.finalized(high).await.map(Some)
    }

    /// The block after `from`, up to `to`, in which the chain revealed a hotkey's weights, and the epoch index before
    /// that block: an epoch that ran in it ran after the reveal.
    pub(crate) async fn find_reveal(
        &self,
        hotkey: &Hotkey,
        netuid: NetUid,
        mechanism: u8,
        from: u64,
        reveal_epoch: u64,
        to: u64,
    ) -> Result<Option<(BlockRef, u64)>, ReadError> {
        let Some(first) = self.first_block_of(netuid, reveal_epoch, from, to).await? else { return Ok(None) };
        let last = to.min(first.number.0.saturating_add(REVEAL_SEARCH_BLOCKS_MAX));
        for number in first.number.0..=last {
            let block = self.finalized(number).await?;
            let at = self.at(block).await?;
            if has_reveal(&at, hotkey, storage_index(netuid, mechanism)).await? {
                let before = self.finalized(number.saturating_sub(1)).await?;
                return Ok(Some((block, self.epoch_at(netuid, before).await?)));
            }
        }
        Ok(None)
    }

    /// What the first epoch after index `epoch` did with weights that have been on chain since block `landed`.
    ///
    /// An epoch runs before the block's extrinsics, so it counts what stood there one block earlier; what the chain
    /// itself reveals in the same block comes before the epoch (chain interface, section 4.2).
    #[expect(
        clippy::too_many_arguments,
        reason = "whose, what, and where to look: a struct would only rename them"
    )]
    pub(crate) async fn judge_epoch(
        &self,
        hotkey: &Hotkey,
        netuid: NetUid,
        mechanism: u8,
        weights: &[(Uid, u16)],
        epoch: u64,
        landed: u64,
        to: u64,
    ) -> Result<Verdict, ReadError> {
        let low = landed.saturating_sub(1);
        let Some(ran) = self.first_block_of(netuid, epoch.saturating_add(1), low, to).await? else {
            return Ok(Verdict::Unknown { reason: "the epoch's block was not found".into() });
        };
        let seen_at = if ran.number.0 == landed { ran } else { self.finalized(ran.number.0 - 1).await? };
        let (before, after) = (self.at(seen_at).await?, self.at(ran).await?);
        let before = observe::in_force(&before, hotkey, netuid, mechanism).await?;
        let after = observe::in_force(&after, hotkey, netuid, mechanism).await?;
        let epoch = epoch.saturating_add(1);
        let ignored = |reason: &str| Ok(Verdict::Ignored { epoch, block: ran, reason: reason.into() });
        let (Some((stood, permit, _)), Some((_, _, active))) = (before, after) else {
            return ignored("the hotkey had lost its slot");
        };
        match (stood == stored(weights), permit, active) {
            (false, _, _) => Ok(Verdict::Superseded { epoch, block: ran }),
            (true, false, _) => ignored("the hotkey had no validator permit; stake more"),
            (true, true, false) => ignored("the hotkey was not active; set weights more often"),
            (true, true, true) => Ok(Verdict::Counted { epoch, block: ran }),
        }
    }
}

/// Weights as the chain keeps them.
fn stored(weights: &[(Uid, u16)]) -> Vec<(Uid, u16)> {
    let values: Vec<u16> = weights.iter().map(|(_, value)| *value).collect();
    weights.iter().map(|(uid, _)| *uid).zip(upscale(&values)).collect()
}

/// Whether a block has `TimelockedWeightsRevealed(index, hotkey)`.
async fn has_reveal(at: &At, hotkey: &Hotkey, index: u16) -> Result<bool, ReadError> {
    let what = "System.Events";
    let events = within(what, at.events().fetch()).await?;
    for event in events.iter() {
        let event = event.map_err(|error| read_error(what, &error.into()))?;
        let name = (event.pallet_name(), event.event_name());
        if name == ("SubtensorModule", "TimelockedWeightsRevealed") {
            let fields = <(u16, [u8; 32])>::decode(&mut event.field_bytes());
            if fields == Ok((index, hotkey.0)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
