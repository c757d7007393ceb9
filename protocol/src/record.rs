//! The ledger of a training run: who was aggregated in each round, and the state it led to.

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::ids::{BlockNumber, RunId, Uid, Window};
use crate::keys::{Hotkey, Signature, Signer};

/// One aggregated submission, named by its content.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct RecordEntry {
    /// Slot of the author; entries ascend by it.
    pub uid: Uid,
    /// The author.
    pub hotkey: Hotkey,
    /// Digest of the payload.
    pub payload: Digest,
    /// Length of the payload.
    pub payload_bytes: u64,
}

/// One round as the leader decided it. Applying the records in order rebuilds every state bit for bit.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct RoundRecord {
    /// [`crate::PROTOCOL_VERSION`] of the leader.
    pub protocol_version: u16,
    /// The training run.
    pub run: RunId,
    /// The window that was aggregated.
    pub window: Window,
    /// The block at whose height submissions closed; its hash seeds the evaluation.
    pub deadline_block: BlockNumber,
    /// Hash of that block.
    pub deadline_hash: Digest,
    /// Digest of the previous record, or of the run's genesis for the first.
    pub previous: Digest,
    /// Aggregated submissions, ascending by uid. Empty: the outer step does nothing.
    pub aggregated: Vec<RecordEntry>,
    /// Outer learning rate of this round.
    pub outer_lr: f32,
    /// State before the outer step.
    pub state_before: Digest,
    /// State after the outer step.
    pub state_after: Digest,
    /// Who wrote the record.
    pub leader: Hotkey,
}

impl RoundRecord {
    /// Most submissions that one round aggregates.
    pub const ENTRIES_MAX: usize = 256;
    /// Longest encoded signed record that a reader accepts.
    pub const BYTES_MAX: usize = 1 << 16;

    /// The bytes that are signed and hashed: a domain tag, then the SCALE encoding.
    #[must_use]
    pub fn signing_bytes(&self) -> Vec<u8> {
        let mut bytes = b"sn3/record/v1".to_vec();
        self.encode_to(&mut bytes);
        bytes
    }

    /// The link of the hash chain.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.signing_bytes())
    }

    /// Signs with the leader's hotkey.
    #[must_use]
    pub fn sign(self, signer: &dyn Signer) -> SignedRecord {
        let signature = signer.sign(&self.signing_bytes());
        SignedRecord { record: self, signature }
    }
}

/// A record and its leader's signature, as it lies in storage (SCALE).
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct SignedRecord {
    /// The round.
    pub record: RoundRecord,
    /// sr25519 over [`RoundRecord::signing_bytes`].
    pub signature: Signature,
}
