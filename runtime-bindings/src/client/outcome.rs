//! What became of an extrinsic in a block.

use codec::Decode as _;
use sn3_protocol::Digest;
use subxt::config::Header as _;
use subxt::error::DispatchError;
use subxt::events::Phase;
use subxt::utils::H256;

use super::{At, ChainClient, block_ref, read_error, within};
use crate::{BlockRef, ReadError, Receipt, SubmitError, explain};

/// An extrinsic in a block, and whether it succeeded there.
pub(crate) struct Landed {
    pub(crate) receipt: Receipt,
    /// The subnet that it created, if it did.
    pub(crate) new_network: Option<u16>,
    /// What a `Sudo.Sudid` event of it says, if there is one.
    sudo: Option<Result<(), SubmitError>>,
}

impl Landed {
    /// Success of what a sudo call wrapped; the outer extrinsic succeeds either way.
    pub(crate) fn sudo_receipt(self, call: &str) -> Result<Receipt, SubmitError> {
        let missing = || dispatch(call, "no Sudid event says what became of the inner call");
        self.sudo.unwrap_or_else(|| Err(missing())).map(|()| self.receipt)
    }
}

impl ChainClient {
    /// Finds an extrinsic in a block; `None` if the block does not contain it.
    pub(crate) async fn outcome(
        &self,
        call: &str,
        extrinsic: Digest,
        hash: H256,
    ) -> Result<Option<Landed>, SubmitError> {
        let session = self.session().await.map_err(ReadError::from)?;
        let what = "the block of an extrinsic";
        let details = within(what, session.rpc.chain_get_block(Some(hash))).await?;
        let missing =
            || ReadError::Endpoint { what: what.into(), reason: "the node does not have it".into() };
        let block = details.ok_or_else(missing)?.block;
        let Some(index) = block.extrinsics.iter().position(|bytes| Digest::of(&bytes.0) == extrinsic) else {
            return Ok(None);
        };
        let block = block_ref(block.header.number(), hash);
        let at = self.at(block).await?;
        judge(&at, call, index, Receipt { block, extrinsic }).await.map(Some)
    }

    /// Looks for an extrinsic in the finalized blocks after `from`, up to `to`.
    pub(crate) async fn trace(
        &self,
        call: &str,
        extrinsic: Digest,
        from: BlockRef,
        to: u64,
    ) -> Result<Option<Landed>, SubmitError> {
        let head = self.head().await?;
        for number in from.number.0 + 1..=head.number.0.min(to) {
            let hash = self.block_hash(number.into()).await?;
            if let Some(landed) = self.outcome(call, extrinsic, H256(hash.0)).await? {
                return Ok(Some(landed));
            }
        }
        Ok(None)
    }
}

/// Reads the events of one extrinsic: an error if it failed, its receipt otherwise.
async fn judge(at: &At, call: &str, index: usize, receipt: Receipt) -> Result<Landed, SubmitError> {
    let what = "System.Events";
    let events = within(what, at.events().fetch()).await?;
    let (mut sudo, mut new_network) = (None, None);
    for event in events.iter() {
        let event = event.map_err(|error| read_error(what, &error.into()))?;
        if event.phase() != Phase::ApplyExtrinsic(index as u32) {
            continue;
        }
        match (event.pallet_name(), event.event_name()) {
            ("System", "ExtrinsicFailed") => return Err(failure(at, call, event.field_bytes())),
            ("Sudo", "Sudid") => sudo = Some(sudo_result(at, call, event.field_bytes())),
            ("SubtensorModule", "NetworkAdded") => {
                // Its fields are (netuid u16, mechanism u16).
                new_network = u16::decode(&mut event.field_bytes()).ok();
            }
            _ => {}
        }
    }
    Ok(Landed { receipt, new_network, sudo })
}

/// A SCALE `Result<(), DispatchError>`.
fn sudo_result(at: &At, call: &str, bytes: &[u8]) -> Result<(), SubmitError> {
    match bytes.split_first() {
        Some((0, _)) => Ok(()),
        Some((1, error)) => Err(failure(at, call, error)),
        _ => Err(dispatch(call, "the Sudid event is malformed")),
    }
}

/// Names a dispatch error by the chain's own metadata and explains it in our words.
fn failure(at: &At, call: &str, bytes: &[u8]) -> SubmitError {
    let module = match DispatchError::decode_from(bytes, at.metadata()) {
        Ok(DispatchError::Module(module)) => module,
        Ok(other) => return dispatch(call, &other.to_string()),
        Err(error) => return dispatch(call, &error.to_string()),
    };
    let Ok(details) = module.details() else { return dispatch(call, &module.details_string()) };
    let name = details.variant.name.clone();
    let remedy = explain::error(&name).map_or_else(|| details.variant.docs.join(" "), str::to_owned);
    SubmitError::Module { pallet: details.pallet.name().to_owned(), name, remedy }
}

fn dispatch(call: &str, reason: &str) -> SubmitError {
    SubmitError::Dispatch { call: call.to_owned(), reason: reason.to_owned() }
}
