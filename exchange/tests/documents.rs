//! Signed JSON documents, and stores of peers.

#![allow(clippy::unwrap_used, reason = "a helper of a test may panic like the test")]

mod common;

use common::{TestKey, run, store};
use sn3_exchange::{
    Fault, FetchError, Key, Location, OpenError, PublishError, Store, fetch_genesis, fetch_scorecards,
    fetch_tokenizer, publish_genesis, publish_scorecards, publish_tokenizer,
};
use sn3_protocol::address::StoreAddress;
use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::{AdamConfig, GauntletConfig, RunConfig};
use sn3_protocol::schedule::{InnerSchedule, OuterSchedule};
use sn3_protocol::score::ScorecardSet;
use sn3_protocol::{Digest, Hotkey, NetUid, RunId, Signer, SparseConfig, Window};

fn config() -> RunConfig {
    RunConfig {
        run: run(),
        netuid: NetUid(3),
        seed: 1,
        blocks_per_window: 10,
        put_blocks: 3,
        record_blocks: 5,
        inner_steps: 2,
        batch_samples: 4,
        micro_batch: 2,
        model: ModelConfig::preset("nano", None).unwrap(),
        sparse: SparseConfig::default(),
        inner: InnerSchedule::Main {
            peak_lr: 4e-3,
            warmup_steps: 2,
            cosine_steps: 100,
            floor_factor: 0.1,
            flat: None,
        },
        outer: OuterSchedule::constant(0.7),
        adam: AdamConfig::default(),
        gauntlet: GauntletConfig::small(),
        tokenizer: Digest::of(b"{}"),
        dataset: Digest::of(b"data"),
        initial_state: Digest::of(b"state"),
        start_window: Window(2),
        end_window: None,
    }
}

fn scorecards(validator: Hotkey) -> ScorecardSet {
    ScorecardSet {
        protocol_version: 1,
        run: run(),
        window: Window(7),
        validator,
        deadline_hash: Digest::of(b"block"),
        state_before: Digest::of(b"state"),
        random_samples: vec![1, 2],
        median_overlap: 0.1,
        heldout_loss: Some(0.1 + 0.2),
        cards: Vec::new(),
    }
}

#[tokio::test]
async fn genesis_arrives_with_the_same_digest() {
    let (store, author) = (store("genesis"), TestKey::new(1));
    publish_genesis(&store, &config(), &author).await.unwrap();
    let genesis = fetch_genesis(&store, &run(), &author.hotkey()).await.unwrap();
    assert_eq!(genesis.config, config());
    assert_eq!(genesis.config.digest(), config().digest());
    let other = fetch_genesis(&store, &run(), &TestKey::new(2).hotkey()).await;
    assert!(matches!(other, Err(FetchError::WrongHotkey { .. })));
}

#[tokio::test]
async fn changed_genesis_is_not_signed() {
    let (store, author) = (store("genesis-changed"), TestKey::new(1));
    publish_genesis(&store, &config(), &author).await.unwrap();
    let key = Key::genesis(&run());
    let text = String::from_utf8(store.get_bounded(&key, 1 << 18).await.unwrap().to_vec()).unwrap();
    let changed = text.replace("\"put_blocks\":3", "\"put_blocks\":4");
    assert_ne!(text, changed);
    store.put(&key, changed.into()).await.unwrap();
    let error = fetch_genesis(&store, &run(), &author.hotkey()).await.unwrap_err();
    assert!(matches!(error, FetchError::BadSignature { .. }), "{error}");
}

#[tokio::test]
async fn genesis_of_another_run_or_out_of_range_is_refused() {
    let (store, author) = (store("genesis-other"), TestKey::new(1));
    publish_genesis(&store, &config(), &author).await.unwrap();
    let document = store.get_bounded(&Key::genesis(&run()), 1 << 18).await.unwrap();
    let other = RunId::new("other").unwrap();
    store.put(&Key::genesis(&other), document).await.unwrap();
    let error = fetch_genesis(&store, &other, &author.hotkey()).await.unwrap_err();
    assert!(matches!(error, FetchError::WrongRun { .. }), "{error}");
    let wild = RunConfig { put_blocks: 99, ..config() };
    let error = publish_genesis(&store, &wild, &author).await.unwrap_err();
    assert!(matches!(error, PublishError::NotStable { .. }), "{error}");
}

#[tokio::test]
async fn tokenizer_is_known_by_its_digest() {
    let store = store("tokenizer");
    publish_tokenizer(&store, &run(), "{}".into()).await.unwrap();
    assert_eq!(fetch_tokenizer(&store, &run(), &Digest::of(b"{}")).await.unwrap(), "{}");
    let error = fetch_tokenizer(&store, &run(), &Digest::of(b"[]")).await.unwrap_err();
    assert!(matches!(error, FetchError::HashMismatch { .. }), "{error}");
}

#[tokio::test]
async fn scorecards_keep_their_last_bit() {
    let (store, validator) = (store("scorecards"), TestKey::new(1));
    let set = scorecards(validator.hotkey());
    publish_scorecards(&store, &set, &validator).await.unwrap();
    let fetched = fetch_scorecards(&store, &run(), Window(7), &validator.hotkey()).await.unwrap();
    assert_eq!(fetched, set);
    let foreign = publish_scorecards(&store, &set, &TestKey::new(2)).await;
    assert!(matches!(foreign, Err(PublishError::NotSigned(_))));
    let key = Key::scorecards(&run(), Window(8), &validator.hotkey());
    let document =
        store.get_bounded(&Key::scorecards(&run(), Window(7), &validator.hotkey()), 1 << 20).await.unwrap();
    store.put(&key, document).await.unwrap();
    let error = fetch_scorecards(&store, &run(), Window(8), &validator.hotkey()).await.unwrap_err();
    assert!(matches!(error, FetchError::WrongWindow { .. }), "{error}");
}

#[test]
fn a_public_node_does_not_talk_to_its_neighbours_for_a_peer() {
    let public = Store::open("s3://bucket/x?endpoint=https://storage.example.com").unwrap();
    for url in
        ["file:///etc", "/etc", "memory:x", "http://169.254.169.254/latest/meta-data", "http://store:9000/b"]
    {
        let error = public.peer(&StoreAddress::new(url).unwrap()).unwrap_err();
        assert!(matches!(error, OpenError::LocalPeer(_)), "{url}: {error}");
    }
    assert!(public.peer(&StoreAddress::new("https://storage.example.org/b/x").unwrap()).is_ok());
    let local = Store::open("memory:neighbour").unwrap();
    assert!(local.peer(&StoreAddress::new("http://127.0.0.1:9000/b").unwrap()).is_ok());
}

#[test]
fn a_relative_folder_is_meant_from_ones_own() {
    let root = tempfile::tempdir().unwrap();
    let own = Store::open(root.path().join("alice").to_str().unwrap()).unwrap();
    let other = Store::open(root.path().join("bob").to_str().unwrap()).unwrap();
    let address = StoreAddress::new("../bob").unwrap();
    let seen = own.peer(&address).unwrap();
    let (Location::Folder(seen), Location::Folder(meant)) = (seen.location(), other.location()) else {
        panic!("both are folders")
    };
    assert_eq!(seen.canonicalize().unwrap(), meant.canonicalize().unwrap());
}

#[test]
fn a_peers_folder_is_not_created() {
    let dir = tempfile::tempdir().unwrap();
    let own = Store::open(dir.path().to_str().unwrap()).unwrap();
    let theirs = dir.path().join("theirs");
    let address = StoreAddress::new(format!("file://{}", theirs.display())).unwrap();
    let error = own.peer(&address).unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error}");
    assert!(!theirs.exists());
    std::fs::create_dir(&theirs).unwrap();
    assert!(own.peer(&address).is_ok());
}

/// Nobody listens there: bounded retries, then the network is to blame.
#[tokio::test]
async fn an_unreachable_store_is_a_passing_failure() {
    let store = Store::open("s3://bucket/x?endpoint=http://127.0.0.1:9").unwrap();
    let error = fetch_genesis(&store, &run(), &TestKey::new(1).hotkey()).await.unwrap_err();
    assert_eq!((error.retry(), error.fault()), (true, Fault::Network), "{error}");
}
