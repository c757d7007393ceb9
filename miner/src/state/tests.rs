use proptest::prelude::*;

use super::*;

const RULES: Rules = Rules {
    start: Window(2),
    end: Some(Window(5)),
    blocks_per_window: 10,
    put_blocks: 3,
    record_blocks: 4,
    upload: UploadRule::AtEnd,
};

fn fresh() -> MinerState {
    MinerState::new(&RULES, Digest([1; 32]), Digest([2; 32]))
}

/// The new state and the action of a step.
fn act(state: MinerState, head: u64, outcome: Outcome) -> (MinerState, Effect) {
    act_by(&RULES, state, head, outcome)
}

fn act_by(rules: &Rules, state: MinerState, head: u64, outcome: Outcome) -> (MinerState, Effect) {
    let (state, mut effects) = step(state, Event { head: BlockNumber(head), outcome }, rules);
    let action = effects.pop().expect("a step ends with an action");
    (state, action)
}

fn wait(block: u64) -> Effect {
    Effect::Wait(BlockNumber(block))
}

fn applied(number: u8) -> Outcome {
    Outcome::Applied { record: Digest([number; 32]), state: Digest([number + 100; 32]) }
}

#[test]
fn one_window_on_the_block_clock() {
    let (state, action) = act(fresh(), 7, Outcome::Woke);
    assert_eq!(action, wait(20));
    let (state, action) = act(state, 20, Outcome::Woke);
    assert_eq!(action, Effect::Train(Window(2)));
    let (state, action) = act(state, 26, Outcome::Trained { uid: Uid(4) });
    assert_eq!(action, wait(30));
    let (state, action) = act(state, 30, Outcome::Woke);
    assert_eq!(action, Effect::Publish(Window(2), Uid(4)));
    let (state, action) = act(state, 30, Outcome::Published);
    assert_eq!(action, wait(34));
    let (state, action) = act(state, 34, Outcome::Woke);
    assert_eq!(action, Effect::Follow(Window(2)));
    let (state, action) = act(state, 34, applied(7));
    assert_eq!(action, Effect::Train(Window(3)));
    assert_eq!(state.tip.window, Some(Window(2)));
}

#[test]
fn a_latecomer_follows_records_and_trains_only_what_can_still_be_uploaded() {
    let (state, action) = act(fresh(), 45, Outcome::Woke);
    assert_eq!((state.phase.clone(), action), (Phase::Closed, Effect::Follow(Window(2))));
    // Window 3 closes at block 43, window 4 at 53: the former is only followed.
    let (state, action) = act(state, 45, applied(7));
    assert_eq!(action, Effect::Follow(Window(3)));
    let (_, action) = act(state, 45, applied(8));
    assert_eq!(action, Effect::Train(Window(4)));
}

#[test]
fn what_is_trained_after_the_deadline_is_not_uploaded() {
    let (state, action) = act(fresh(), 20, Outcome::Woke);
    assert_eq!(action, Effect::Train(Window(2)));
    let (state, effects) =
        step(state, Event { head: BlockNumber(33), outcome: Outcome::Trained { uid: Uid(4) } }, &RULES);
    assert_eq!(state.phase, Phase::Closed);
    assert!(matches!(&effects[0], Effect::Emit(event) if matches!(**event, MinerEvent::TooLate { .. })));
    assert_eq!(effects.last(), Some(&wait(34)));
}

#[test]
fn a_failed_upload_is_tried_at_every_block_until_the_deadline() {
    let mut state = MinerState { phase: Phase::Trained { uid: Uid(4) }, ..fresh() };
    for head in 30..33 {
        let (next, action) = act(state, head, Outcome::Woke);
        assert_eq!(action, Effect::Publish(Window(2), Uid(4)));
        let (next, action) = act(next, head, Outcome::NotPublished { reason: "down".into() });
        assert_eq!(action, wait(head + 1));
        state = next;
    }
    assert_eq!(act(state, 33, Outcome::Woke).1, wait(34));
}

#[test]
fn a_missing_record_is_awaited_named_and_not_forgotten() {
    let mut state = MinerState { phase: Phase::Closed, ..fresh() };
    for head in 34..37 {
        let (next, action) = act(state, head, Outcome::NoRecord { reason: None });
        assert_eq!(action, wait(head + 1));
        state = next;
    }
    let (state, effects) =
        step(state, Event { head: BlockNumber(37), outcome: Outcome::NoRecord { reason: None } }, &RULES);
    assert!(
        matches!(&effects[0], Effect::Emit(event) if matches!(**event, MinerEvent::RecordMissing { window: Window(2), .. }))
    );
    assert_eq!(effects.last(), Some(&Effect::Train(Window(3))));
    // The record of window 3 continues that of window 2, which came after all.
    let state = MinerState { phase: Phase::Closed, ..state };
    let unlinked = Outcome::Unlinked { previous: Digest([7; 32]) };
    let (state, action) = act(state, 44, unlinked);
    assert_eq!((state.window, action), (Window(2), Effect::Follow(Window(2))));
    let (state, action) = act(state, 44, applied(7));
    assert_eq!((state.window, action), (Window(3), Effect::Follow(Window(3))));
}

#[test]
fn a_divergence_leads_to_one_replay_and_then_to_the_end() {
    let tip = Tip { window: Some(Window(3)), record: Digest([7; 32]), state: Digest([8; 32]) };
    let state =
        MinerState { window: Window(4), phase: Phase::Closed, tip, highest: Some(Window(3)), ..fresh() };
    let diverged = Outcome::Diverged { ours: Digest([1; 32]), theirs: Digest([2; 32]) };
    let (state, effects) = step(state, Event { head: BlockNumber(54), outcome: diverged.clone() }, &RULES);
    assert!(effects.contains(&Effect::Reset));
    assert_eq!((state.window, state.tip.window), (Window(2), None));
    let (state, _) = act(state, 54, applied(6));
    let (state, _) = act(state, 54, applied(7));
    assert_eq!(state.window, Window(4));
    let (_, action) = act(state, 54, diverged);
    assert!(matches!(action, Effect::Fail(Failure::Unreachable { window: Window(4), .. })), "{action:?}");
}

#[test]
fn a_first_record_of_another_run_ends_the_node() {
    let unlinked = || Outcome::Unlinked { previous: Digest([9; 32]) };
    let state = MinerState { phase: Phase::Closed, ..fresh() };
    let (state, action) = act(state, 34, unlinked());
    assert_eq!(action, Effect::Follow(Window(2)));
    let (_, action) = act(state, 34, unlinked());
    assert!(matches!(action, Effect::Fail(Failure::Unreachable { .. })), "{action:?}");
}

#[test]
fn the_run_ends_after_its_last_window() {
    let state = MinerState { window: Window(5), phase: Phase::Closed, ..fresh() };
    assert_eq!(act(state, 64, applied(9)).1, Effect::Finish);
}

#[test]
fn dishonest_timing_is_only_by_rule() {
    let trained = || MinerState { phase: Phase::Trained { uid: Uid(4) }, ..fresh() };
    let late = Rules { upload: UploadRule::AfterDeadline, ..RULES };
    assert_eq!(act_by(&late, trained(), 33, Outcome::Woke).1, wait(34));
    assert_eq!(act_by(&late, trained(), 34, Outcome::Woke).1, Effect::Publish(Window(2), Uid(4)));
    let copycat = Rules { upload: UploadRule::OneBlockLater, ..RULES };
    assert_eq!(act_by(&copycat, trained(), 30, Outcome::Woke).1, wait(31));
    let idle = Rules { upload: UploadRule::FirstRoundOnly, ..RULES };
    assert_eq!(act_by(&idle, fresh(), 20, Outcome::Woke).1, Effect::Train(Window(2)));
    let second = MinerState { window: Window(3), ..fresh() };
    assert_eq!(act_by(&idle, second, 30, Outcome::Woke).1, wait(44));
}

#[test]
fn a_state_survives_json() {
    let state = MinerState { phase: Phase::Trained { uid: Uid(4) }, ..fresh() };
    let json = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<MinerState>(&json).unwrap(), state);
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Woke),
        Just(Outcome::Trained { uid: Uid(1) }),
        Just(Outcome::Published),
        Just(Outcome::NotPublished { reason: "x".into() }),
        (0u8..9).prop_map(applied),
        Just(Outcome::NoRecord { reason: None }),
        Just(Outcome::Unlinked { previous: Digest([3; 32]) }),
        Just(Outcome::Diverged { ours: Digest([1; 32]), theirs: Digest([2; 32]) }),
    ]
}

proptest! {
    /// Whatever happens, a wait is for a later block, and everything else concerns the window of the state.
    #[test]
    fn every_step_ends_with_one_sensible_action(events in proptest::collection::vec((0u64..4, outcome()), 1..60)) {
        let (mut state, mut head) = (fresh(), 18);
        for (blocks, outcome) in events {
            head += blocks;
            let (next, mut effects) = step(state, Event { head: BlockNumber(head), outcome }, &RULES);
            state = next;
            match effects.pop().expect("a step ends with an action") {
                Effect::Wait(block) => prop_assert!(block > BlockNumber(head)),
                Effect::Train(window) | Effect::Publish(window, _) | Effect::Follow(window) => {
                    prop_assert_eq!(window, state.window);
                }
                Effect::Finish | Effect::Fail(_) => break,
                other => prop_assert!(false, "{other:?} is no action"),
            }
            prop_assert!(effects.iter().all(|e| matches!(e, Effect::Emit(_) | Effect::Save | Effect::Reset)));
        }
    }
}
