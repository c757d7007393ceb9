//! Sending an extrinsic and following it until it is final.

use std::time::Duration;

use sn3_protocol::{BlockNumber, Digest};
use subxt::config::DefaultExtrinsicParamsBuilder;
use subxt::error::{BackendError, ExtrinsicError, RpcError};
use subxt::transactions::{Payload, TransactionStatus};
use subxt::utils::H256;

use super::config::SubtensorConfig;
use super::outcome::Landed;
use super::session::REQUEST_DEADLINE_MS;
use super::{At, ChainClient, account, within};
use crate::wallet::Unlocked;
use crate::{BlockRef, ReadError, SubmitError, explain};

/// Blocks that an extrinsic stays valid for.
const ERA_BLOCKS: u64 = 64;
/// How long finality may take after the pool has accepted an extrinsic.
const FINALITY_DEADLINE_MS: u64 = 180_000;

/// A signed extrinsic that may or may not have been sent. Sending the same bytes twice executes them once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    /// `Pallet.call`.
    pub(crate) call: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) hash: Digest,
    pub(crate) nonce: u64,
    /// The finalized head when it was signed.
    pub(crate) signed_at: BlockRef,
    /// The first block at which it can no longer be executed.
    pub(crate) dies_at: BlockNumber,
}

impl Signed {
    fn lost(&self, reason: impl ToString) -> SubmitError {
        SubmitError::OutcomeUnknown {
            call: self.call.clone(),
            extrinsic: self.hash,
            reason: reason.to_string(),
            dies_at: self.dies_at,
        }
    }
}

impl ChainClient {
    /// Signs, sends and waits for finalized success.
    pub(crate) async fn submit<P: Payload>(
        &self,
        signer: &Unlocked,
        payload: &P,
    ) -> Result<Landed, SubmitError> {
        self.submit_noting(signer, payload, |_| Ok::<(), SubmitError>(())).await
    }

    /// As [`submit`](Self::submit); `note` sees the signed extrinsic before it is sent, and can stop it.
    ///
    /// The account's lock is held until the pool has the extrinsic, so that the next one of this account counts
    /// it in its nonce; other accounts do not wait.
    pub(crate) async fn submit_noting<P: Payload, E: From<SubmitError>>(
        &self,
        signer: &Unlocked,
        payload: &P,
        note: impl FnOnce(&Signed) -> Result<(), E>,
    ) -> Result<Landed, E> {
        let lock = self.account_lock(signer.public());
        let turn = lock.lock().await;
        let head = self.head().await.map_err(SubmitError::from)?;
        let at = self.at(head).await.map_err(SubmitError::from)?;
        let signed = self.sign(&at, head, signer, payload).await?;
        note(&signed)?;
        let progress = watch(&at, &signed).await?;
        drop(turn);
        Ok(self.follow(&signed, progress).await?)
    }

    /// Signs a call with the next nonce, and sends nothing.
    pub(crate) async fn sign_now<P: Payload>(
        &self,
        signer: &Unlocked,
        payload: &P,
    ) -> Result<Signed, SubmitError> {
        let lock = self.account_lock(signer.public());
        let _turn = lock.lock().await;
        let head = self.head().await?;
        let at = self.at(head).await?;
        self.sign(&at, head, signer, payload).await
    }

    /// Gives signed bytes to the node and waits for its answer only.
    pub(crate) async fn broadcast(&self, signed: &Signed) -> Result<(), SubmitError> {
        let session = self.session().await.map_err(ReadError::from)?;
        let deadline = Duration::from_millis(REQUEST_DEADLINE_MS);
        let request = session.rpc.author_submit_extrinsic(&signed.bytes);
        match tokio::time::timeout(deadline, request).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(subxt::rpcs::Error::User(user))) => Err(user_error(signed, &user)),
            Ok(Err(error)) => Err(signed.lost(error)),
            Err(_) => Err(signed.lost(format!("the pool did not answer within {REQUEST_DEADLINE_MS} ms"))),
        }
    }

    /// Sends an extrinsic that was signed earlier, or finds that it has been executed.
    pub(crate) async fn resubmit(&self, signed: &Signed) -> Result<Landed, SubmitError> {
        if let Some(landed) =
            self.trace(&signed.call, signed.hash, signed.signed_at, signed.dies_at.0).await?
        {
            return Ok(landed);
        }
        let at = self.at(self.head().await?).await?;
        let progress = watch(&at, signed).await?;
        self.follow(signed, progress).await
    }

    /// The next nonce of an account, counting what waits in the pool.
    pub(crate) async fn next_nonce(&self, of: [u8; 32]) -> Result<u64, ReadError> {
        let session = self.session().await?;
        within("the account's nonce", session.rpc.system_account_next_index(&account(of))).await
    }

    async fn sign<P: Payload>(
        &self,
        at: &At,
        head: BlockRef,
        signer: &Unlocked,
        payload: &P,
    ) -> Result<Signed, SubmitError> {
        let call = format!("{}.{}", payload.pallet_name(), payload.call_name());
        let nonce = self.next_nonce(signer.public()).await?;
        let params = DefaultExtrinsicParamsBuilder::<SubtensorConfig>::new()
            .nonce(nonce)
            .mortal_from_unchecked(ERA_BLOCKS, head.number.0, H256(head.hash.0))
            .build();
        let build = || at.transactions().create_v4_signable_offline(payload, params)?.sign(signer);
        let extrinsic = build()
            .map_err(|error| SubmitError::Incompatible { call: call.clone(), reason: error.to_string() })?;
        Ok(Signed {
            call,
            hash: Digest(extrinsic.hash().0),
            bytes: extrinsic.into_encoded(),
            nonce,
            signed_at: head,
            dies_at: head.number.saturating_add(ERA_BLOCKS),
        })
    }

    /// Waits until the extrinsic is final and judges what it did. A lost trail is looked for in the blocks.
    async fn follow(&self, signed: &Signed, mut progress: Progress) -> Result<Landed, SubmitError> {
        let deadline = Duration::from_millis(FINALITY_DEADLINE_MS);
        let end = tokio::time::timeout(deadline, finalized_in(&mut progress)).await;
        let reason = match end {
            Ok(Ok(hash)) => return self.landed_in(signed, hash).await,
            Ok(Err(reason)) => reason,
            Err(_) => format!("it was not final after {FINALITY_DEADLINE_MS} ms"),
        };
        tracing::warn!(
            call = signed.call,
            reason,
            "lost the trail of an extrinsic, looking for it in the blocks"
        );
        match self.trace(&signed.call, signed.hash, signed.signed_at, signed.dies_at.0).await {
            Ok(Some(landed)) => Ok(landed),
            Ok(None) => Err(signed.lost(reason)),
            Err(SubmitError::Read(error)) => Err(signed.lost(format!("{reason}; {error}"))),
            Err(error) => Err(error),
        }
    }

    async fn landed_in(&self, signed: &Signed, hash: H256) -> Result<Landed, SubmitError> {
        match self.outcome(&signed.call, signed.hash, hash).await {
            Ok(Some(landed)) => Ok(landed),
            Ok(None) => Err(signed.lost(format!("block {hash:?} was said to contain it and does not"))),
            Err(SubmitError::Read(error)) => Err(signed.lost(error)),
            Err(error) => Err(error),
        }
    }
}

type Progress = subxt::transactions::TransactionProgress<
    SubtensorConfig,
    subxt::client::OnlineClientAtBlockImpl<SubtensorConfig>,
>;

/// Hands the bytes to the node's pool.
async fn watch(at: &At, signed: &Signed) -> Result<Progress, SubmitError> {
    let extrinsic = at.transactions().from_bytes(signed.bytes.clone());
    let deadline = Duration::from_millis(REQUEST_DEADLINE_MS);
    match tokio::time::timeout(deadline, extrinsic.submit_and_watch()).await {
        Ok(Ok(progress)) => Ok(progress),
        Ok(Err(error)) => Err(refusal(signed, &error)),
        Err(_) => Err(signed.lost(format!("the pool did not answer within {REQUEST_DEADLINE_MS} ms"))),
    }
}

/// Waits for the finalized block, or says where the trail ends.
async fn finalized_in(progress: &mut Progress) -> Result<H256, String> {
    while let Some(status) = progress.next().await {
        match status.map_err(|error| error.to_string())? {
            TransactionStatus::InFinalizedBlock(block) => return Ok(block.block_hash()),
            TransactionStatus::Error { message }
            | TransactionStatus::Invalid { message }
            | TransactionStatus::Dropped { message } => return Err(message),
            _ => {}
        }
    }
    Err("the node ended the subscription".into())
}

/// A node's answer is a refusal; anything else leaves open whether the bytes arrived.
fn refusal(signed: &Signed, error: &ExtrinsicError) -> SubmitError {
    let ExtrinsicError::ErrorSubmittingTransaction(BackendError::Rpc(RpcError::ClientError(
        subxt::rpcs::Error::User(user),
    ))) = error
    else {
        return signed.lost(error);
    };
    user_error(signed, user)
}

/// What a pool's refusal says.
fn user_error(signed: &Signed, user: &subxt::rpcs::UserError) -> SubmitError {
    if user.code == explain::POOL_ALREADY_IMPORTED {
        return signed.lost("the pool holds it already");
    }
    let data = user.data.as_ref().map_or("", |data| data.get().trim_matches('"'));
    let reason = [user.message.as_str(), data].join(": ").trim_end_matches(": ").to_owned();
    SubmitError::Pool {
        call: signed.call.clone(),
        code: user.code,
        remedy: explain::pool(user.code, &reason),
        reason,
    }
}
