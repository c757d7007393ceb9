//! Publishes and fetches a submission, a record and a 20 MB object through a store, and reads them again as a peer
//! would. `tests/interop/s3_exchange.py` runs it against a foreign S3 server.
//!
//!     cargo run -p sn3-exchange --example s3_roundtrip -- 's3://bucket/prefix?endpoint=http://127.0.0.1:5000'

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use bytes::Bytes;
use schnorrkel::{ExpansionMode, Keypair, MiniSecretKey};
use sn3_exchange::{
    Expected, Key, Store, StoreError, fetch_aggregated, fetch_record, fetch_submission, publish_record,
    publish_submission, publish_tokenizer,
};
use sn3_protocol::address::StoreAddress;
use sn3_protocol::{
    BlockNumber, Digest, Hotkey, Manifest, PROTOCOL_VERSION, RecordEntry, RoundRecord, RunId, SampleReceipt,
    Signature, Signer, Uid, Window,
};

/// Larger than one part of an upload.
const LARGE_BYTES: usize = 20 << 20;

struct Author(Keypair);

impl Signer for Author {
    fn hotkey(&self) -> Hotkey {
        Hotkey(self.0.public.to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign_simple(b"substrate", message).to_bytes())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: s3_roundtrip STORE")?;
    let own = Store::open(&url)?;
    let peer = own.peer(&StoreAddress::new(url)?)?;
    let run = RunId::new("roundtrip")?;
    let secret = MiniSecretKey::from_bytes(&[5; 32]).map_err(|error| error.to_string())?;
    let author = Author(secret.expand_to_keypair(ExpansionMode::Ed25519));

    submission(&own, &peer, &run, &author).await?;
    println!("submission: ok");
    record(&own, &peer, &run, &author).await?;
    println!("record and mirror: ok");
    large(&own, &peer, &run).await?;
    println!("20 MB in parts: ok");
    missing_and_listed(&own, &peer, &run, &author).await?;
    println!("bounds, lists and deletion: ok");
    Ok(())
}

fn payload() -> Bytes {
    Bytes::from_static(b"a payload is opaque to the exchange")
}

async fn submission(
    own: &Store,
    peer: &Store,
    run: &RunId,
    author: &Author,
) -> Result<(), Box<dyn std::error::Error>> {
    let (payload, hotkey) = (payload(), author.hotkey());
    let (layout, base_state) = (Digest::of(b"layout"), Digest::of(b"state"));
    let manifest = Manifest {
        protocol_version: PROTOCOL_VERSION,
        run: run.clone(),
        window: Window(7),
        uid: Uid(3),
        hotkey,
        layout,
        base_state,
        payload: Digest::of(&payload),
        payload_bytes: payload.len() as u64,
        inner_steps: 30,
        samples: SampleReceipt { digest: [1; 16], count: 240 },
        sync_probe: vec![0.5, -0.5],
    };
    publish_submission(own, &manifest.sign(author), &payload).await?;
    let expected = Expected {
        run: run.clone(),
        window: Window(7),
        uid: Uid(3),
        hotkey,
        layout,
        base_state,
        payload_bytes_max: 100,
    };
    let fetched = fetch_submission(peer, &expected).await?;
    if fetched.payload == payload { Ok(()) } else { Err("the payload came back changed".into()) }
}

async fn record(
    own: &Store,
    peer: &Store,
    run: &RunId,
    author: &Author,
) -> Result<(), Box<dyn std::error::Error>> {
    let (payload, hotkey) = (payload(), author.hotkey());
    let entry = RecordEntry {
        uid: Uid(3),
        hotkey,
        payload: Digest::of(&payload),
        payload_bytes: payload.len() as u64,
    };
    let record = RoundRecord {
        protocol_version: PROTOCOL_VERSION,
        run: run.clone(),
        window: Window(7),
        deadline_block: BlockNumber(83),
        deadline_hash: Digest::of(b"block"),
        previous: Digest::of(b"genesis"),
        aggregated: vec![entry.clone()],
        outer_lr: 0.7,
        state_before: Digest::of(b"before"),
        state_after: Digest::of(b"after"),
        leader: hotkey,
    };
    publish_record(own, &record.clone().sign(author), std::slice::from_ref(&payload)).await?;
    let fetched = fetch_record(peer, run, Window(7), &hotkey).await?.record;
    let mirrored = fetch_aggregated(peer, None, &fetched, &entry, 100).await?;
    if fetched == record && mirrored == payload { Ok(()) } else { Err("the record came back changed".into()) }
}

async fn large(own: &Store, peer: &Store, run: &RunId) -> Result<(), Box<dyn std::error::Error>> {
    let bytes: Bytes = (0..LARGE_BYTES).map(|i| (i / 251) as u8).collect::<Vec<_>>().into();
    publish_tokenizer(own, run, bytes.clone()).await?;
    let fetched = sn3_exchange::fetch_tokenizer(peer, run, &Digest::of(&bytes)).await?;
    if fetched.len() == LARGE_BYTES { Ok(()) } else { Err("the large object came back shorter".into()) }
}

async fn missing_and_listed(
    own: &Store,
    peer: &Store,
    run: &RunId,
    author: &Author,
) -> Result<(), Box<dyn std::error::Error>> {
    let refused = peer.get_bounded(&Key::tokenizer(run), 1024).await;
    if !matches!(refused, Err(StoreError::TooLarge { size, .. }) if size == LARGE_BYTES as u64) {
        return Err(format!("a large object was not refused: {refused:?}").into());
    }
    let listing = own.list("v1/roundtrip", 100).await?;
    if listing.objects.len() != 5 || listing.truncated {
        return Err(format!("the list is not what was uploaded: {listing:?}").into());
    }
    let key = Key::payload(run, Window(7), &author.hotkey());
    own.delete(&key).await?;
    own.delete(&key).await?;
    match peer.get_bounded(&key, 100).await {
        Err(StoreError::Missing { .. }) => Ok(()),
        other => Err(format!("a deleted object is not missing: {other:?}").into()),
    }
}
