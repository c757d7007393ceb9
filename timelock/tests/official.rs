//! Against vectors that the official client's core wrote (version 0.1.5): see `vectors/README.md`.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use serde::Deserialize;
use sn3_timelock::{Beacon, EpochState, OpenError, RevealSchedule, SIGNATURE_BYTES, WeightsPayload, open};

#[derive(Deserialize)]
struct Vectors {
    signature_of_round_1000: String,
    hello_world_sealed_to_round_1000: String,
    commit_sealed_to_round_1000: String,
    schedules: Vec<Schedule>,
}

#[derive(Debug, Deserialize)]
struct Schedule {
    last_epoch_block: u64,
    pending_epoch_at: u64,
    epoch_index: u64,
    tempo: u16,
    blocks_since_last_step: u64,
    current: u64,
    period: u64,
    reveal_block: u64,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/official.json")).unwrap()
}

fn signature() -> [u8; SIGNATURE_BYTES] {
    hex::decode(vectors().signature_of_round_1000).unwrap().try_into().unwrap()
}

#[test]
fn the_official_ciphertext_opens_with_the_published_signature() {
    let sealed = hex::decode(vectors().hello_world_sealed_to_round_1000).unwrap();
    assert_eq!(sealed.len(), 255);
    assert!(Beacon::quicknet().verifies(1000, &signature()));
    assert_eq!(open(&sealed, &signature()).unwrap(), b"hello world");
}

#[test]
fn the_official_commit_opens_to_the_weights_it_was_made_of() {
    let sealed = hex::decode(vectors().commit_sealed_to_round_1000).unwrap();
    let payload = WeightsPayload::decode(&open(&sealed, &signature()).unwrap()).unwrap();
    let hotkey = std::array::from_fn(|i| i as u8);
    let expected = WeightsPayload { hotkey, uids: vec![0, 1, 2], values: vec![1, 2, 65535], version_key: 7 };
    assert_eq!(payload, expected);
}

#[test]
fn another_rounds_signature_does_not_open_it() {
    // The generator's compressed point: a legal signature of no round of quicknet.
    let other =
        "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb";
    let other: [u8; SIGNATURE_BYTES] = hex::decode(other).unwrap().try_into().unwrap();
    let sealed = hex::decode(vectors().hello_world_sealed_to_round_1000).unwrap();
    assert_eq!(open(&sealed, &other), Err(OpenError::WrongRound));
}

#[test]
fn reveal_blocks_are_those_of_the_official_client() {
    let vectors = vectors();
    assert_eq!(vectors.schedules.len(), 60);
    for case in &vectors.schedules {
        let epochs = EpochState {
            tempo: case.tempo,
            last_epoch_block: case.last_epoch_block,
            pending_epoch_at: case.pending_epoch_at,
            epoch_index: case.epoch_index,
            blocks_since_last_step: case.blocks_since_last_step,
        };
        let schedule = RevealSchedule {
            epochs,
            current: case.current,
            reveal_period_epochs: case.period,
            block_ms: 12_000,
        };
        let plan = schedule.plan(&Beacon::quicknet(), 1_800_000_000_000).unwrap();
        assert_eq!(plan.reveal_block, case.reveal_block, "{case:?}");
    }
}
