//! Transactions from outside: decoded, validated, pooled.

use codec::{DecodeLimit, Encode};
use sp_core::H256;
use sp_runtime::transaction_validity::{
    TransactionSource, TransactionValidity, TransactionValidityError, ValidTransaction,
};
use tokio::sync::mpsc;

use super::{AdvanceError, Engine};
use crate::node::{
    author::Draft,
    block::{ExtrinsicBytes, decode_answer},
    chain::StateError,
    faults::Refusal,
    pool::{PoolError, TxStatus},
    state::CallError,
};
use crate::runtime::{AccountId, Nonce, UncheckedExtrinsic};

/// How deep a transaction may nest (batches in proxies in batches), as in the runtime API.
const EXTRINSIC_DEPTH_MAX: u32 = frame_support::MAX_EXTRINSIC_DEPTH;

/// Why a transaction was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The bytes are no transaction of this runtime.
    #[error("the bytes are no transaction of this runtime: {0}; build it from the current metadata")]
    Malformed(String),
    /// The runtime refused it.
    #[error("{}", crate::node::author::refusal_text(.0))]
    Refused(TransactionValidityError),
    /// A fault refused it.
    #[error("{}", .0.message())]
    Injected(Refusal),
    /// The pool refused it.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The runtime panicked.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Engine {
    /// Validates a transaction on the head's state and lets it wait for a block.
    pub fn submit(&self, bytes: &[u8]) -> Result<H256, SubmitError> {
        let (bytes, validity, head) = self.validated(bytes)?;
        Ok(self.pool.insert(bytes, validity, head)?)
    }

    /// As [`submit`](Self::submit), and reports what becomes of the transaction.
    pub fn submit_watched(&self, bytes: &[u8]) -> Result<mpsc::Receiver<TxStatus>, SubmitError> {
        let (bytes, validity, head) = self.validated(bytes)?;
        Ok(self.pool.insert_watched(bytes, validity, head)?)
    }

    fn validated(&self, bytes: &[u8]) -> Result<(ExtrinsicBytes, ValidTransaction, u64), SubmitError> {
        check_form(bytes)?;
        if let Some(refusal) = self.faults.next_refusal() {
            return Err(SubmitError::Injected(refusal));
        }
        let (state, head) = self.chain.state(None)?;
        let args = (TransactionSource::External, Raw(bytes), head.hash).encode();
        let answer = state.call("TaggedTransactionQueue_validate_transaction", &args)?;
        let validity: TransactionValidity =
            decode_answer("TaggedTransactionQueue_validate_transaction", &answer);
        Ok((ExtrinsicBytes::from(bytes), validity.map_err(SubmitError::Refused)?, head.number()))
    }

    /// The nonce for the account's next transaction, those that wait counted.
    pub fn next_nonce(&self, account: &AccountId) -> Result<Nonce, SubmitError> {
        let (state, _) = self.chain.state(None)?;
        let answer = state.call("AccountNonceApi_account_nonce", &account.encode())?;
        let nonce = decode_answer("AccountNonceApi_account_nonce", &answer);
        Ok(self.pool.next_nonce(account, nonce))
    }

    /// Tries a transaction in a block that is then thrown away; the answer is the runtime's own encoding.
    pub fn dry_run(&self, bytes: &[u8]) -> Result<Vec<u8>, AdvanceError> {
        let (state, parent) = self.chain.state(None)?;
        let draft = Draft::begin(&state, &parent, self.next_timestamp_ms(&parent))?;
        Ok(draft.outcome_of(bytes)?)
    }
}

/// Bytes that are SCALE already.
struct Raw<'a>(&'a [u8]);

impl Encode for Raw<'_> {
    fn encode_to<T: codec::Output + ?Sized>(&self, output: &mut T) {
        output.write(self.0);
    }
}

/// Refuses what does not decode, or nests deeper than the stack is made for, before it reaches the runtime.
pub fn check_form(bytes: &[u8]) -> Result<(), SubmitError> {
    UncheckedExtrinsic::decode_all_with_depth_limit(EXTRINSIC_DEPTH_MAX, &mut &bytes[..])
        .map(drop)
        .map_err(|e| SubmitError::Malformed(e.to_string()))
}
