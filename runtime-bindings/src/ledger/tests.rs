use super::*;

const NETUID: NetUid = NetUid(3);
const HOTKEY: Hotkey = Hotkey([7; 32]);

fn intend(ledger: &Ledger, salt: Option<&[u16]>) -> i64 {
    let weights = [(Uid(1), 65535), (Uid(4), 9)];
    let new = NewIntent {
        netuid: NETUID,
        hotkey: HOTKEY,
        weights: &weights,
        version_key: u64::MAX,
        salt,
        decided_at: BlockNumber(100),
        mechanism: 0,
        method: if salt.is_some() { Method::Salted } else { Method::Plain },
        forced: false,
    };
    ledger.intend(&new).unwrap()
}

fn block(number: u64) -> BlockRef {
    BlockRef { number: BlockNumber(number), hash: Digest([3; 32]) }
}

fn signed() -> Signed {
    Signed {
        call: "SubtensorModule.set_weights".into(),
        bytes: vec![1, 2, 3],
        hash: Digest::of(&[1, 2, 3]),
        nonce: 5,
        signed_at: block(100),
        dies_at: BlockNumber(164),
    }
}

#[test]
fn every_step_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.sqlite");
    let id = intend(&Ledger::open(&path).unwrap(), Some(&[1, 2, 3]));
    // Each step is written by another opening, as after a kill between two steps.
    Ledger::open(&path).unwrap().sent(id, &signed()).unwrap();
    assert_eq!(Ledger::open(&path).unwrap().signed(id).unwrap(), Some(signed()));
    let receipt = Receipt { block: block(101), extrinsic: signed().hash };
    let step = Step {
        name: "committed".into(),
        block: Some(receipt.block),
        extrinsic: Some(receipt.extrinsic),
        epoch: Some(7),
        note: None,
    };
    Ledger::open(&path).unwrap().step(id, Some(IntentState::Committed), &step).unwrap();

    let ledger = Ledger::open(&path).unwrap();
    let open = ledger.in_state(NETUID, &HOTKEY, IntentState::Committed).unwrap();
    let expected = Intent {
        id,
        netuid: NETUID,
        hotkey: HOTKEY,
        weights: vec![(Uid(1), 65535), (Uid(4), 9)],
        version_key: u64::MAX,
        salt: Some(vec![1, 2, 3]),
        decided_at: BlockNumber(100),
        state: IntentState::Committed,
        receipt: Some(receipt),
        reason: None,
        mechanism: 0,
        method: Method::Salted,
        forced: false,
        epoch: Some(7),
        round: None,
    };
    assert_eq!(open, [expected]);
    assert!(ledger.in_state(NETUID, &HOTKEY, IntentState::Sent).unwrap().is_empty());
}

#[test]
fn an_intent_that_was_never_sent_has_no_bytes() {
    let ledger = Ledger::in_memory().unwrap();
    let id = intend(&ledger, None);
    assert_eq!(ledger.signed(id).unwrap(), None);
    ledger.ended(id, IntentState::Abandoned, "the process ended before it was sent").unwrap();
    let history = ledger.history(10).unwrap();
    assert_eq!(history[0].state, IntentState::Abandoned);
    assert_eq!(history[0].reason.as_deref(), Some("the process ended before it was sent"));
}

#[test]
fn a_step_back_is_refused() {
    let ledger = Ledger::in_memory().unwrap();
    let id = intend(&ledger, None);
    ledger.ended(id, IntentState::Abandoned, "refused").unwrap();
    assert!(ledger.sent(id, &signed()).is_ok());
    assert_eq!(ledger.history(1).unwrap()[0].state, IntentState::Abandoned);
}

#[test]
fn a_file_of_the_first_version_is_carried_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.sqlite");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(schema::CREATE).unwrap();
    let values = params![3, [7u8; 32], weights_bytes(&[(Uid(1), 9)]), 0, vec![1u16].encode(), 5];
    let insert = "INSERT INTO intents (netuid, hotkey, weights, version_key, salt, decided_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    old.execute(insert, values).unwrap();
    drop(old);
    for _ in 0..2 {
        let history = Ledger::open(&path).unwrap().history(10).unwrap();
        assert_eq!((history[0].method, history[0].mechanism, history[0].epoch), (Method::Salted, 0, None));
    }
}

#[test]
fn steps_are_kept_with_their_blocks() {
    let ledger = Ledger::in_memory().unwrap();
    let id = intend(&ledger, None);
    ledger.sent(id, &signed()).unwrap();
    let landed = Step {
        name: "landed".into(),
        block: Some(block(101)),
        extrinsic: Some(signed().hash),
        epoch: Some(7),
        note: None,
    };
    ledger.step(id, Some(IntentState::Landed), &landed).unwrap();
    let counted =
        Step { name: "counted".into(), block: Some(block(120)), extrinsic: None, epoch: Some(8), note: None };
    ledger.step(id, Some(IntentState::Counted), &counted).unwrap();
    let steps = ledger.steps(id).unwrap();
    assert_eq!(
        steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(),
        ["signed", "landed", "counted"]
    );
    assert_eq!(steps[1..], [landed, counted]);
    let intent = &ledger.history(1).unwrap()[0];
    assert_eq!((intent.state, intent.epoch), (IntentState::Counted, Some(7)));
    assert_eq!(intent.receipt.unwrap().block, block(101));
    assert_eq!(ledger.last_epoch(NETUID, &HOTKEY, 0).unwrap(), Some(7));
}

#[test]
fn a_file_that_is_no_ledger_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.sqlite");
    std::fs::write(&path, vec![b'x'; 5000]).unwrap();
    let error = Ledger::open(&path).unwrap_err().to_string();
    assert!(error.contains("weights.sqlite"), "{error}");
}
