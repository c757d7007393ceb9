//! Keys, stores and submissions for the tests.
#![allow(dead_code, reason = "each test file uses its own part")]

use bytes::Bytes;
use schnorrkel::{ExpansionMode, Keypair, MiniSecretKey};
use sn3_exchange::{Expected, Store};
use sn3_protocol::{
    Digest, Hotkey, Manifest, PROTOCOL_VERSION, RecordEntry, RoundRecord, RunId, SampleReceipt, Signature,
    SignedManifest, Signer, Uid, Window,
};

/// A hotkey from a number.
pub struct TestKey(Keypair);

impl TestKey {
    pub fn new(seed: u8) -> Self {
        let secret = MiniSecretKey::from_bytes(&[seed; 32]).unwrap();
        Self(secret.expand_to_keypair(ExpansionMode::Ed25519))
    }
}

impl Signer for TestKey {
    fn hotkey(&self) -> Hotkey {
        Hotkey(self.0.public.to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign_simple(b"substrate", message).to_bytes())
    }
}

/// A store of this process that no other test sees.
pub fn store(test: &str) -> Store {
    Store::open(&format!("memory:{test}")).unwrap()
}

pub fn run() -> RunId {
    RunId::new("demo").unwrap()
}

pub fn expected(author: &dyn Signer, window: u64) -> Expected {
    Expected {
        run: run(),
        window: Window(window),
        uid: Uid(3),
        hotkey: author.hotkey(),
        layout: Digest::of(b"layout"),
        base_state: Digest::of(b"state"),
        payload_bytes_max: 1 << 16,
    }
}

pub fn manifest(author: &dyn Signer, window: u64, payload: &[u8]) -> Manifest {
    Manifest {
        protocol_version: PROTOCOL_VERSION,
        run: run(),
        window: Window(window),
        uid: Uid(3),
        hotkey: author.hotkey(),
        layout: Digest::of(b"layout"),
        base_state: Digest::of(b"state"),
        payload: Digest::of(payload),
        payload_bytes: payload.len() as u64,
        inner_steps: 30,
        samples: SampleReceipt { digest: [1; 16], count: 240 },
        sync_probe: vec![0.5, -0.5],
    }
}

pub fn signed(author: &dyn Signer, window: u64, payload: &[u8]) -> SignedManifest {
    manifest(author, window, payload).sign(author)
}

pub fn payload(seed: u8) -> Bytes {
    (0..5000u32).map(|i| (i as u8).wrapping_mul(seed)).collect::<Vec<_>>().into()
}

pub fn record(leader: &dyn Signer, window: u64, authors: &[(&dyn Signer, &Bytes)]) -> RoundRecord {
    let aggregated = authors.iter().zip(0..).map(|((author, payload), uid)| RecordEntry {
        uid: Uid(uid),
        hotkey: author.hotkey(),
        payload: Digest::of(payload),
        payload_bytes: payload.len() as u64,
    });
    RoundRecord {
        protocol_version: PROTOCOL_VERSION,
        run: run(),
        window: Window(window),
        deadline_block: sn3_protocol::BlockNumber(26),
        deadline_hash: Digest::of(b"block"),
        previous: Digest::of(b"genesis"),
        aggregated: aggregated.collect(),
        outer_lr: 0.7,
        state_before: Digest::of(b"before"),
        state_after: Digest::of(b"after"),
        leader: leader.hotkey(),
    }
}
