//! Writes blocks.

use codec::{Decode, Encode};
use sp_core::H256;
use sp_inherents::InherentData;
use sp_runtime::{
    ApplyExtrinsicResult, ExtrinsicInclusionMode,
    generic::Digest,
    traits::Header as _,
    transaction_validity::{InvalidTransaction, TransactionValidityError},
};

use super::{
    block::{ExtrinsicBytes, StoredBlock, decode_answer},
    pool::{Selected, Selection},
    shield::hidden_in,
    state::{CallError, Execution, NewState, State},
};
use crate::runtime::{Header, UncheckedExtrinsic};

/// After this many transactions that found no room in a block, the rest waits for the next one.
const FULL_TRIES_MAX: usize = 8;

/// A finished block that is not yet part of the chain.
pub struct Authored {
    /// The block.
    pub block: StoredBlock,
    /// Its state.
    pub state: NewState,
    /// The transactions from the pool in it, with their positions.
    pub included: Vec<(H256, u32)>,
    /// Those that turned out to be invalid, and why.
    pub invalid: Vec<(H256, String)>,
}

/// Why no block could be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorError {
    /// A step that every block needs failed.
    #[error("block {number} cannot be written: {source}")]
    Runtime {
        /// The height of the block.
        number: u64,
        /// What failed.
        source: CallError,
    },
    /// An inherent was refused.
    #[error("block {number} cannot be written: its inherent transaction was refused ({reason})")]
    Inherent {
        /// The height of the block.
        number: u64,
        /// Why.
        reason: String,
    },
    /// The header and the state disagree: a defect of the runtime or of this node.
    #[error("block {number} has state root {found:?}, but its header says {expected:?}; please report this")]
    StateRoot {
        /// The height of the block.
        number: u64,
        /// The header's root.
        expected: H256,
        /// The state's root.
        found: H256,
    },
}

/// A block in the making.
pub struct Draft<'a> {
    number: u64,
    execution: Execution<'a>,
    extrinsics: Vec<ExtrinsicBytes>,
    timestamp_ms: u64,
}

/// What became of one transaction.
pub enum Applied {
    /// It is in the block (its call may still have failed).
    Included,
    /// It is not, and the state is as before.
    Refused(TransactionValidityError),
    /// It made the runtime panic, and the state is as before.
    Panicked(String),
}

impl<'a> Draft<'a> {
    /// Begins the block after `parent`, whose state is `state`, and applies its inherents.
    pub fn begin(state: &'a State, parent: &StoredBlock, timestamp_ms: u64) -> Result<Self, AuthorError> {
        let number = parent.header.number + 1;
        let mut draft = Self {
            number: number.into(),
            execution: Execution::on(state),
            extrinsics: Vec::new(),
            timestamp_ms,
        };
        let (none, digest) = (H256::zero(), Digest::default());
        let header = Header::new(number, none, none, parent.hash, digest);
        let mode: ExtrinsicInclusionMode = draft.call("Core_initialize_block", &header.encode())?;
        debug_assert_eq!(mode, ExtrinsicInclusionMode::AllExtrinsics, "no pallet here migrates over blocks");
        draft.apply_inherents()?;
        Ok(draft)
    }

    fn apply_inherents(&mut self) -> Result<(), AuthorError> {
        let mut data = InherentData::new();
        data.put_data(sp_timestamp::INHERENT_IDENTIFIER, &self.timestamp_ms)
            .expect("the identifier is used once and a u64 encodes");
        let inherents: Vec<UncheckedExtrinsic> =
            self.call("BlockBuilder_inherent_extrinsics", &data.encode())?;
        for inherent in inherents {
            let reason = match self.apply(&inherent.encode().into()) {
                Applied::Included => continue,
                Applied::Refused(refusal) => refusal_text(&refusal),
                Applied::Panicked(message) => message,
            };
            return Err(AuthorError::Inherent { number: self.number, reason });
        }
        Ok(())
    }

    fn call<T: Decode>(&mut self, method: &str, args: &[u8]) -> Result<T, AuthorError> {
        let answer = self.execution.call(method, args);
        let answer = answer.map_err(|source| AuthorError::Runtime { number: self.number, source })?;
        Ok(decode_answer(method, &answer))
    }

    /// Tries a transaction; one that is not included leaves no trace.
    pub fn apply(&mut self, bytes: &ExtrinsicBytes) -> Applied {
        const METHOD: &str = "BlockBuilder_apply_extrinsic";
        let decode = |answer: &[u8]| decode_answer::<ApplyExtrinsicResult>(METHOD, answer);
        match self.execution.call_if(METHOD, bytes, |answer| decode(answer).is_ok()) {
            Err(error) => Applied::Panicked(error.to_string()),
            Ok(answer) => match decode(&answer) {
                Err(refusal) => Applied::Refused(refusal),
                Ok(_) => {
                    self.extrinsics.push(bytes.clone());
                    Applied::Included
                }
            },
        }
    }

    /// The runtime's own answer to a transaction, in a block that goes no further.
    pub fn outcome_of(mut self, bytes: &[u8]) -> Result<Vec<u8>, AuthorError> {
        let number = self.number;
        let answer = self.execution.call("BlockBuilder_apply_extrinsic", bytes);
        answer.map_err(|source| AuthorError::Runtime { number, source })
    }

    /// Fills the block from the pool and finishes it.
    pub fn complete(mut self, mut selection: Selection) -> Result<Authored, AuthorError> {
        let (mut included, mut invalid) = (Vec::new(), Vec::new());
        let mut full_tries = 0;
        while full_tries < FULL_TRIES_MAX
            && let Some(candidate) = selection.next()
        {
            match self.apply(&candidate.bytes) {
                Applied::Included => {
                    included.push((candidate.hash, self.last_index()));
                    selection.included(&candidate);
                    self.unfold(&candidate.bytes);
                }
                Applied::Refused(refusal) if is_early(&refusal) => selection.postpone(candidate),
                Applied::Refused(refusal) if refusal.exhausted_resources() => full_tries += 1,
                Applied::Refused(refusal) => invalid.push((candidate.hash, refusal_text(&refusal))),
                Applied::Panicked(message) => invalid.push(panicked(&candidate, message)),
            }
        }
        self.finish(included, invalid)
    }

    /// Places the transaction that an envelope hides right behind it.
    fn unfold(&mut self, carrier: &[u8]) {
        let Some(inner) = hidden_in(carrier) else { return };
        match self.apply(&inner) {
            Applied::Included => {}
            Applied::Refused(refusal) => {
                tracing::warn!(reason = refusal_text(&refusal), "a hidden transaction was refused");
            }
            Applied::Panicked(message) => {
                tracing::warn!(message, "a hidden transaction made the runtime panic")
            }
        }
    }

    fn last_index(&self) -> u32 {
        u32::try_from(self.extrinsics.len() - 1).expect("a block holds fewer than 2³² transactions")
    }

    fn finish(
        mut self,
        included: Vec<(H256, u32)>,
        invalid: Vec<(H256, String)>,
    ) -> Result<Authored, AuthorError> {
        let header: Header = self.call("BlockBuilder_finalize_block", &[])?;
        let number = self.number;
        let finished = self.execution.finish();
        let state = finished.map_err(|source| AuthorError::Runtime { number, source })?;
        if state.root != header.state_root {
            return Err(AuthorError::StateRoot { number, expected: header.state_root, found: state.root });
        }
        let block = StoredBlock::new(header, self.extrinsics, self.timestamp_ms);
        Ok(Authored { block, state, included, invalid })
    }
}

fn is_early(refusal: &TransactionValidityError) -> bool {
    matches!(refusal, TransactionValidityError::Invalid(InvalidTransaction::Future))
}

fn panicked(candidate: &Selected, message: String) -> (H256, String) {
    tracing::warn!(transaction = ?candidate.hash, message, "a transaction made the runtime panic");
    (candidate.hash, message)
}

/// The words that clients know a refusal by.
pub fn refusal_text(refusal: &TransactionValidityError) -> String {
    match refusal {
        TransactionValidityError::Invalid(InvalidTransaction::Custom(code)) => {
            format!("Custom error: {code}")
        }
        other => <&'static str>::from(*other).to_owned(),
    }
}
