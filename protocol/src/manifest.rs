//! The signed description that binds a payload's bytes to its author, window and starting state.

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::ids::{RunId, Uid, Window};
use crate::keys::{Hotkey, Signature, Signer};

/// What a miner says it trained on: a digest of the sorted sample ids, and how many they were.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct SampleReceipt {
    /// 16-byte BLAKE2b over the ascending sample ids (u64, little-endian); training protocol, section 6.
    pub digest: [u8; 16],
    /// Number of samples.
    pub count: u32,
}

/// Everything a reader must know about a payload before fetching it.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Manifest {
    /// [`crate::PROTOCOL_VERSION`] of the author.
    pub protocol_version: u16,
    /// The training run.
    pub run: RunId,
    /// The window that was trained.
    pub window: Window,
    /// The author's slot when it was signed.
    pub uid: Uid,
    /// The author.
    pub hotkey: Hotkey,
    /// Digest of the layout.
    pub layout: Digest,
    /// Digest of the state from which the inner loop started.
    pub base_state: Digest,
    /// Digest of the payload's bytes.
    pub payload: Digest,
    /// Length of the payload.
    pub payload_bytes: u64,
    /// Inner steps done.
    pub inner_steps: u32,
    /// What was trained on.
    pub samples: SampleReceipt,
    /// Two values of every tensor after the last outer step (elements 10 and 11), by which a
    /// validator measures how many steps the author is behind (training protocol, section 4.4).
    pub sync_probe: Vec<f32>,
}

impl Manifest {
    /// Longest encoded signed manifest that a reader accepts.
    pub const BYTES_MAX: usize = 1 << 20;

    /// The bytes that are signed: a domain tag, then the SCALE encoding.
    #[must_use]
    pub fn signing_bytes(&self) -> Vec<u8> {
        let mut bytes = b"sn3/manifest/v1".to_vec();
        self.encode_to(&mut bytes);
        bytes
    }

    /// Signs with the author's hotkey.
    #[must_use]
    pub fn sign(self, signer: &dyn Signer) -> SignedManifest {
        let signature = signer.sign(&self.signing_bytes());
        SignedManifest { manifest: self, signature }
    }
}

/// A manifest and its author's signature, as it lies in storage (SCALE).
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct SignedManifest {
    /// The description.
    pub manifest: Manifest,
    /// sr25519 over [`Manifest::signing_bytes`].
    pub signature: Signature,
}
