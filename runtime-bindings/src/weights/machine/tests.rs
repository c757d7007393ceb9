//! Single transitions that are easy to state.

use sn3_protocol::{BlockNumber, Digest};

use super::*;
use crate::weights::observe::tests::observation;

fn whose() -> Whose {
    Whose { hotkey: Hotkey([1; 32]), netuid: NetUid(3), mechanism: 0 }
}

fn wanted() -> Wanted {
    Wanted { weights: vec![(Uid(0), 65_535), (Uid(2), 7)], version_key: 5, method: None }
}

fn state(stage: Stage, method: Method) -> State {
    let open = Open { method, wanted: wanted(), commit: Some(Digest([9; 32])), stage };
    State { open: BTreeMap::from([(1, open)]), ..State::new(whose()) }
}

fn head(change: impl FnOnce(&mut Observation)) -> Event {
    let mut seen = observation();
    change(&mut seen);
    Event::Head(Box::new(seen))
}

fn sent(dies_at: u64) -> Stage {
    Stage::Sent { tx: Tx { nonce: 4, dies_at, searched: 1_000, fresh: false } }
}

#[test]
fn what_is_wanted_is_planned_once() {
    let (state, _) = State::new(whose()).advance(Event::Want(wanted()));
    let (state, effects) = state.advance(head(|_| {}));
    assert_eq!(effects, [Effect::Intend { wanted: wanted(), method: Method::Plain }]);
    let (_, effects) = state.advance(head(|seen| seen.head.number = BlockNumber(1_001)));
    assert_eq!(effects, []);
}

#[test]
fn an_epoch_that_has_weights_gets_no_more() {
    let busy = State { wanted: Some(wanted()), last_epoch: Some(7), ..State::new(whose()) };
    let (busy, effects) = busy.advance(head(|_| {}));
    assert_eq!(effects, []);
    // At 1009 the next block runs an epoch (990 + 20 = 1010): what is sent now lands in epoch 8.
    let (_, effects) = busy.advance(head(|seen| seen.head.number = BlockNumber(1_009)));
    assert_eq!(effects.len(), 1);
}

#[test]
fn an_extrinsic_is_given_up_only_when_it_is_dead() {
    let alive = state(sent(1_064), Method::Plain);
    let (_, effects) = alive.clone().advance(head(|seen| seen.nonce = 4));
    assert_eq!(effects, [Effect::Broadcast { id: 1 }]);
    let (after, effects) = alive.clone().advance(head(|seen| seen.nonce = 5));
    assert!(
        matches!(&effects[..], [Effect::Note { id: 1, mark: Mark::Abandoned { .. } }, ..]),
        "{effects:?}"
    );
    assert_eq!(after.wanted, Some(wanted()), "the same weights are wanted again");
    let (_, effects) = state(sent(1_000), Method::Plain).advance(head(|_| {}));
    assert!(matches!(&effects[..], [Effect::Note { mark: Mark::Abandoned { .. }, .. }, ..]), "{effects:?}");
}

#[test]
fn a_refusal_of_bytes_that_may_be_elsewhere_ends_nothing() {
    let refusal = Some(Refusal { class: Class::Fatal, reason: "no".into() });
    let (after, effects) = state(sent(1_064), Method::Plain).advance(Event::Answered { id: 1, refusal });
    assert_eq!(effects, []);
    assert!(after.open.contains_key(&1));
}

#[test]
fn a_commit_is_revealed_in_its_epoch_only() {
    let commit = |epoch| {
        move |seen: &mut Observation| {
            seen.commits = vec![crate::weights::SaltedCommit { hash: Digest([9; 32]), epoch }];
        }
    };
    let committed = || state(Stage::Committed { epoch: 7, searched: 900 }, Method::Salted);
    assert_eq!(committed().advance(head(commit(7))).1, []);
    assert_eq!(committed().advance(head(commit(6))).1, [Effect::SignReveal { id: 1 }]);
    let (_, effects) = committed().advance(head(commit(5)));
    assert!(matches!(&effects[..], [Effect::Note { mark: Mark::Missed { .. }, .. }]), "{effects:?}");
    let (_, effects) = committed().advance(head(|_| {}));
    assert!(matches!(&effects[..], [Effect::Note { mark: Mark::Missed { .. }, .. }]), "{effects:?}");
}

#[test]
fn failures_within_an_epoch_are_bounded() {
    let mut state = State { wanted: Some(wanted()), ..State::new(whose()) };
    let mut planned = 0;
    for block in 1_000..1_009u64 {
        let (next, effects) = state.advance(head(|seen| seen.head.number = BlockNumber(block)));
        state = next;
        if effects.is_empty() {
            continue;
        }
        planned += 1;
        let open = Open {
            method: Method::Plain,
            wanted: wanted(),
            commit: None,
            stage: Stage::Planned { since: block },
        };
        let (next, _) = state.advance(Event::Intended { id: planned, open });
        let refusal = Refusal { class: Class::PlanAgain, reason: "changed".into() };
        state = next.advance(Event::NotSigned { id: planned, refusal }).0;
    }
    assert_eq!(planned, 8);
}
