//! Hostile objects, named by the attack.

#![allow(clippy::unwrap_used, reason = "a helper of a test may panic like the test")]

mod common;

use bytes::Bytes;
use codec::Encode;
use common::{TestKey, expected, manifest, payload, run, signed, store};
use proptest::prelude::*;
use sn3_exchange::{
    Fault, FetchError, Key, PublishError, StoreError, fetch_aggregated, fetch_genesis, fetch_manifest,
    fetch_record, fetch_submission, publish_record, publish_submission,
};
use sn3_protocol::{Digest, Manifest, RoundRecord, RunId, Signer, Uid, Window};

fn block_on<F: std::future::Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[tokio::test]
async fn an_honest_submission_arrives() {
    let (store, alice, payload) = (store("honest"), TestKey::new(1), payload(3));
    let manifest = signed(&alice, 7, &payload);
    for _ in 0..2 {
        publish_submission(&store, &manifest, &payload).await.unwrap();
    }
    let submission = fetch_submission(&store, &expected(&alice, 7)).await.unwrap();
    assert_eq!((submission.manifest, submission.payload), (manifest, payload));
}

#[tokio::test]
async fn giant_object_is_refused_before_it_is_downloaded() {
    let (store, alice) = (store("giant"), TestKey::new(1));
    let giant = Bytes::from(vec![7; (1 << 16) + 1]);
    publish_submission(&store, &signed(&alice, 7, &giant), &giant).await.unwrap();
    let error = fetch_submission(&store, &expected(&alice, 7)).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { size: 65_537, max: 65_536, .. }), "{error}");
    assert_eq!((error.fault(), error.retry()), (Fault::Peer, false));
}

#[tokio::test]
async fn giant_manifest_is_refused_before_it_is_downloaded() {
    let (store, alice) = (store("giant-manifest"), TestKey::new(1));
    let key = Key::manifest(&run(), Window(7), &alice.hotkey());
    store.put(&key, vec![0; Manifest::BYTES_MAX + 1].into()).await.unwrap();
    let error = fetch_manifest(&store, &expected(&alice, 7)).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn payload_longer_or_shorter_than_signed() {
    let (store, alice, payload) = (store("length"), TestKey::new(1), payload(3));
    publish_submission(&store, &signed(&alice, 7, &payload), &payload).await.unwrap();
    let key = Key::payload(&run(), Window(7), &alice.hotkey());
    store.put(&key, payload.slice(..4999)).await.unwrap();
    let error = fetch_submission(&store, &expected(&alice, 7)).await.unwrap_err();
    assert!(matches!(error, FetchError::Truncated { expected: 5000, found: 4999, .. }), "{error}");
    store.put(&key, [&payload[..], &[1]].concat().into()).await.unwrap();
    let error = fetch_submission(&store, &expected(&alice, 7)).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { size: 5001, max: 5000, .. }), "{error}");
}

#[tokio::test]
async fn swapped_payload() {
    let (store, alice, payload) = (store("swapped"), TestKey::new(1), payload(3));
    publish_submission(&store, &signed(&alice, 7, &payload), &payload).await.unwrap();
    let key = Key::payload(&run(), Window(7), &alice.hotkey());
    store.put(&key, common::payload(5)).await.unwrap();
    let error = fetch_submission(&store, &expected(&alice, 7)).await.unwrap_err();
    assert!(matches!(error, FetchError::HashMismatch { .. }), "{error}");
}

#[tokio::test]
async fn missing_payload_behind_a_manifest() {
    let (store, alice, payload) = (store("withdrawn"), TestKey::new(1), payload(3));
    publish_submission(&store, &signed(&alice, 7, &payload), &payload).await.unwrap();
    store.delete(&Key::payload(&run(), Window(7), &alice.hotkey())).await.unwrap();
    let error = fetch_submission(&store, &expected(&alice, 7)).await.unwrap_err();
    assert!(error.is_missing(), "{error}");
}

/// Puts what the attacker wrote under Alice's key and returns what a reader says.
async fn reader_says(test: &str, forge: impl FnOnce(&TestKey) -> Vec<u8>) -> FetchError {
    let (store, alice) = (store(test), TestKey::new(1));
    let key = Key::manifest(&run(), Window(7), &alice.hotkey());
    store.put(&key, forge(&alice).into()).await.unwrap();
    fetch_submission(&store, &expected(&alice, 7)).await.unwrap_err()
}

#[tokio::test]
async fn unsigned_manifest() {
    let error = reader_says("unsigned", |alice| {
        let mut signed = signed(alice, 7, &payload(3));
        signed.signature.0 = [0; 64];
        signed.encode()
    });
    assert!(matches!(error.await, FetchError::BadSignature { .. }));
}

#[tokio::test]
async fn manifest_signed_by_the_attacker_in_anothers_name() {
    let error =
        reader_says("forged", |alice| manifest(alice, 7, &payload(3)).sign(&TestKey::new(9)).encode());
    assert!(matches!(error.await, FetchError::BadSignature { .. }));
}

#[tokio::test]
async fn stale_manifest_replayed_from_another_window() {
    let error = reader_says("replay", |alice| signed(alice, 6, &payload(3)).encode()).await;
    assert!(matches!(error, FetchError::WrongWindow { found: Window(6), expected: Window(7) }), "{error}");
}

#[tokio::test]
async fn every_field_is_held_against_what_was_expected() {
    type Change = fn(&mut Manifest);
    type Check = fn(&FetchError) -> bool;
    let cases: [(Change, Check); 7] = [
        (|m| m.protocol_version = 9, |e| matches!(e, FetchError::WrongVersion { .. })),
        (|m| m.run = RunId::new("other").unwrap(), |e| matches!(e, FetchError::WrongRun { .. })),
        (|m| m.uid = Uid(4), |e| matches!(e, FetchError::WrongUid { .. })),
        (|m| m.hotkey = TestKey::new(9).hotkey(), |e| matches!(e, FetchError::WrongHotkey { .. })),
        (|m| m.layout = Digest::of(b"x"), |e| matches!(e, FetchError::WrongLayout { .. })),
        (|m| m.base_state = Digest::of(b"x"), |e| matches!(e, FetchError::WrongBaseState { .. })),
        (|m| m.payload_bytes = u64::MAX, |e| matches!(e, FetchError::TooLarge { .. })),
    ];
    for (number, (change, check)) in cases.into_iter().enumerate() {
        let test = format!("field-{number}");
        let error = reader_says(&test, |alice| {
            let mut manifest = manifest(alice, 7, &payload(3));
            change(&mut manifest);
            manifest.sign(alice).encode()
        });
        let error = error.await;
        assert!(check(&error), "case {number}: {error}");
        assert_eq!(error.fault(), Fault::Peer);
    }
}

#[tokio::test]
async fn trailing_bytes_are_no_manifest() {
    let error = reader_says("trailing", |alice| [signed(alice, 7, &payload(3)).encode(), vec![0]].concat());
    assert!(matches!(error.await, FetchError::Malformed { .. }));
}

/// The author shows the leader one payload and everybody else another one.
#[tokio::test]
async fn equivocation_after_the_deadline_stops_nobody() {
    let (authors, leaders) = (store("equivocation-author"), store("equivocation-leader"));
    let (alice, leader, seen) = (TestKey::new(1), TestKey::new(2), payload(3));
    publish_submission(&authors, &signed(&alice, 7, &seen), &seen).await.unwrap();
    let signed_record = common::record(&leader, 7, &[(&alice, &seen)]).sign(&leader);
    publish_record(&leaders, &signed_record, std::slice::from_ref(&seen)).await.unwrap();
    let other = payload(5);
    publish_submission(&authors, &signed(&alice, 7, &other), &other).await.unwrap();

    let record = fetch_record(&leaders, &run(), Window(7), &leader.hotkey()).await.unwrap().record;
    let entry = &record.aggregated[0];
    let got = fetch_aggregated(&leaders, Some(&authors), &record, entry, 1 << 16).await.unwrap();
    assert_eq!(got, seen);
    // Without the leader's mirror the swap is seen, not swallowed.
    let error = fetch_aggregated(&authors, Some(&authors), &record, entry, 1 << 16).await.unwrap_err();
    assert!(matches!(error, FetchError::HashMismatch { .. }), "{error}");
    // A record cannot make a reader download more than the layout allows.
    let error = fetch_aggregated(&leaders, None, &record, entry, 100).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { size: 5000, max: 100, .. }), "{error}");
}

#[tokio::test]
async fn records_are_held_against_leader_window_and_form() {
    let (store, leader, alice) = (store("records"), TestKey::new(2), TestKey::new(1));
    let (a, b) = (payload(3), payload(5));
    let good = common::record(&leader, 7, &[(&alice, &a), (&leader, &b)]);
    let put = async |record: RoundRecord, signer: &TestKey| {
        let bytes = record.sign(signer).encode();
        store.put(&Key::record(&run(), Window(7), &leader.hotkey()), bytes.into()).await.unwrap();
        fetch_record(&store, &run(), Window(7), &leader.hotkey()).await
    };
    assert!(put(good.clone(), &leader).await.is_ok());
    assert!(matches!(put(good.clone(), &alice).await, Err(FetchError::BadSignature { .. })));
    let other = RoundRecord { leader: alice.hotkey(), ..good.clone() };
    assert!(matches!(put(other, &alice).await, Err(FetchError::WrongHotkey { .. })));
    let stale = RoundRecord { window: Window(6), ..good.clone() };
    assert!(matches!(put(stale, &leader).await, Err(FetchError::WrongWindow { .. })));
    let nan = RoundRecord { outer_lr: f32::NAN, ..good.clone() };
    assert!(matches!(put(nan, &leader).await, Err(FetchError::Malformed { .. })));
    let mut twice = good;
    twice.aggregated[1].uid = Uid(0);
    assert!(matches!(put(twice, &leader).await, Err(FetchError::Malformed { .. })));
}

#[tokio::test]
async fn nothing_is_uploaded_that_does_not_belong_together() {
    let (store, alice, payload) = (store("publish"), TestKey::new(1), payload(3));
    let swapped = publish_submission(&store, &signed(&alice, 7, &payload), &common::payload(5)).await;
    assert!(matches!(swapped, Err(PublishError::NotDescribed { .. })));
    let forged = manifest(&alice, 7, &payload).sign(&TestKey::new(9));
    assert!(matches!(publish_submission(&store, &forged, &payload).await, Err(PublishError::NotSigned(_))));
    let record = common::record(&alice, 7, &[(&alice, &payload)]).sign(&alice);
    let without = publish_record(&store, &record, &[]).await;
    assert!(matches!(without, Err(PublishError::PayloadsMissing { entries: 1, payloads: 0 })));
    assert!(store.list("", 10).await.unwrap().objects.is_empty());
}

#[tokio::test]
async fn flooded_bucket_is_listed_only_so_far() {
    let store = store("flood");
    for window in 0..20 {
        store
            .put(&Key::payload(&run(), Window(window), &TestKey::new(1).hotkey()), "x".into())
            .await
            .unwrap();
    }
    let listing = store.list("v1/demo", 5).await.unwrap();
    assert_eq!((listing.objects.len(), listing.truncated), (5, true));
    assert!(!store.list("v1/demo", 20).await.unwrap().truncated);
    assert!(store.list("v1/dem", 5).await.unwrap().objects.is_empty());
}

#[tokio::test]
async fn a_folder_that_lost_an_object_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = sn3_exchange::Store::open(dir.path().join("new/store").to_str().unwrap()).unwrap();
    let key = Key::genesis(&run());
    assert!(matches!(store.get_bounded(&key, 10).await, Err(StoreError::Missing { .. })));
    store.put(&key, "12345".into()).await.unwrap();
    assert_eq!(store.size(&key).await.unwrap(), 5);
    assert_eq!(store.get_bounded(&key, 5).await.unwrap(), "12345");
    assert!(matches!(store.get_bounded(&key, 4).await, Err(StoreError::TooLarge { size: 5, max: 4, .. })));
    assert_eq!(store.list("", 9).await.unwrap().objects[0].key, key.as_str());
    store.delete(&key).await.unwrap();
    store.delete(&key).await.unwrap();
}

proptest! {
    #[test]
    fn no_bytes_are_a_manifest_or_record_by_accident(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        block_on(async {
            let (store, alice) = (store("random"), TestKey::new(1));
            let bytes = Bytes::from(bytes);
            store.put(&Key::manifest(&run(), Window(7), &alice.hotkey()), bytes.clone()).await.unwrap();
            store.put(&Key::record(&run(), Window(7), &alice.hotkey()), bytes.clone()).await.unwrap();
            store.put(&Key::genesis(&run()), bytes).await.unwrap();
            assert!(fetch_manifest(&store, &expected(&alice, 7)).await.is_err());
            assert!(fetch_record(&store, &run(), Window(7), &alice.hotkey()).await.is_err());
            assert!(fetch_genesis(&store, &run(), &alice.hotkey()).await.is_err());
        });
    }

    #[test]
    fn no_single_flipped_bit_goes_unseen(position in 0usize..10_000, bit in 0u8..8) {
        block_on(async {
            let (store, alice, payload) = (store("bits"), TestKey::new(1), payload(3));
            let mut bytes = signed(&alice, 7, &payload).encode();
            let at = position % bytes.len();
            bytes[at] ^= 1 << bit;
            store.put(&Key::payload(&run(), Window(7), &alice.hotkey()), payload).await.unwrap();
            store.put(&Key::manifest(&run(), Window(7), &alice.hotkey()), bytes.into()).await.unwrap();
            assert!(fetch_submission(&store, &expected(&alice, 7)).await.is_err());
        });
    }
}
