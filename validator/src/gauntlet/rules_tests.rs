//! Every rule of the training protocol's sections 4.2 to 4.8, by name.

use super::*;
use crate::mechanism::*;
use sn3_protocol::openskill::Rating;
use sn3_protocol::score::{LossChange, LossScore, PairOverlap, Reason, Scorecard};
use sn3_protocol::{Alpha, Digest, Hotkey, Uid};
use std::collections::BTreeMap;

const W: Window = Window(50);

fn config() -> GauntletConfig {
    GauntletConfig { windows_per_peer_list: 1, windows_per_weights: 1, ..GauntletConfig::default() }
}

fn hotkey(uid: u16) -> Hotkey {
    Hotkey([uid as u8 + 1; 32])
}

/// A uid with final score 8, moving average 0.8 and a rating worth an ordinal of 10.
fn veteran(uid: u16) -> (Uid, Peer) {
    let fresh = Peer::new(hotkey(uid), &config());
    let rating = Rating { mu: 31.0, sigma: 7.0 };
    let last_seen = Some(W.saturating_sub(1));
    (Uid(uid), Peer { rating, bma: 0.8, final_score: 8.0, last_seen, ..fresh })
}

fn veterans(uids: &[u16], listed: &[u16]) -> GauntletState {
    let gather: Vec<Uid> = listed.iter().map(|uid| Uid(*uid)).collect();
    GauntletState {
        peers: uids.iter().map(|uid| veteran(*uid)).collect(),
        list: (!gather.is_empty()).then_some(PeerList { gather, reserve: Vec::new() }),
        ..GauntletState::default()
    }
}

fn readable(uid: u16) -> Submitted {
    Submitted::Readable { payload: Digest::of(&[uid as u8]), norm: 1.0, probe: vec![1.0; 4] }
}

fn deadline(state: &GauntletState, sent: &[u16]) -> Deadline {
    let neuron = |(uid, peer): (&Uid, &Peer)| NeuronInfo { uid: *uid, hotkey: peer.hotkey, stake: Alpha(0) };
    Deadline {
        window: W,
        round: 40,
        deadline_hash: Digest::of(b"block"),
        neurons: state.peers.iter().map(neuron).collect(),
        submissions: sent.iter().map(|uid| (Uid(*uid), readable(*uid))).collect(),
        overlaps: Vec::new(),
        late: BTreeMap::new(),
        probe: vec![1.0; 4],
        outer_lr: 0.5,
        aggregated: None,
    }
}

fn judge(state: GauntletState, event: Deadline) -> GauntletState {
    judge_with(config(), state, event).0
}

fn judge_with(config: GauntletConfig, state: GauntletState, event: Deadline) -> (GauntletState, Vec<Effect>) {
    Gauntlet::new(config, None).step(state, &Event::Deadline(event))
}

fn trial(random: f64, own: f64) -> Trial {
    let change = |by: f64| LossChange { before: 1.0, after: 1.0 - by };
    Trial { own_samples: vec![1], outcome: Ok(LossScore::new(change(own), change(random), vec![]).unwrap()) }
}

fn grade_with(
    config: GauntletConfig,
    state: GauntletState,
    results: &[(u16, Trial)],
) -> (GauntletState, Vec<Effect>) {
    let results = results.iter().map(|(uid, trial)| (Uid(*uid), trial.clone())).collect();
    let event = Evaluated { window: W, results, probe_after: vec![1.0; 4] };
    Gauntlet::new(config, None).step(state, &Event::Evaluated(event))
}

fn grade(state: GauntletState, results: &[(u16, Trial)]) -> (GauntletState, Vec<Effect>) {
    grade_with(config(), state, results)
}

fn cards(effects: &[Effect]) -> BTreeMap<Uid, Scorecard> {
    let cards = effects.iter().find_map(|effect| match effect {
        Effect::Cards(cards) => Some(cards.clone()),
        _ => None,
    });
    cards.unwrap().into_iter().map(|card| (card.uid, card)).collect()
}

fn aggregated(effects: &[Effect]) -> Vec<u16> {
    let found = effects.iter().find_map(|effect| match effect {
        Effect::Aggregate(uids) => Some(uids.iter().map(|uid| uid.0).collect()),
        _ => None,
    });
    found.unwrap()
}

fn scores(state: &GauntletState, uid: u16) -> (f64, f64) {
    let peer = &state.peers[&Uid(uid)];
    (peer.final_score, peer.bma)
}

#[test]
fn missing_at_the_evaluation_takes_a_quarter_and_the_match_score_is_the_penalty() {
    let state = veterans(&[1, 2, 3], &[]);
    let event = deadline(&state, &[1, 2]);
    let (state, effects) = grade(judge(state, event), &[(1, trial(0.1, 0.2)), (2, trial(0.1, 0.2))]);
    assert_eq!(scores(&state, 3), (6.0, 0.8 * 0.75));
    assert_eq!(cards(&effects)[&Uid(3)].match_score, Some(-99.0));
    assert!(state.peers[&Uid(3)].rating.mu < 31.0);
}

#[test]
fn an_invalid_payload_loses_the_final_score_and_gets_the_penalty_in_the_match() {
    let state = veterans(&[1, 2, 3], &[]);
    let mut event = deadline(&state, &[1, 2]);
    event.submissions.insert(Uid(3), Submitted::Broken { detail: "index 4096 of a chunk of 4096".into() });
    let (state, effects) = grade(judge(state, event), &[(1, trial(0.1, 0.2)), (2, trial(0.1, 0.2))]);
    assert_eq!(scores(&state, 3), (0.0, 0.8));
    assert_eq!(cards(&effects)[&Uid(3)].match_score, Some(-99.0));
}

#[test]
fn losses_that_are_no_numbers_make_a_payload_invalid() {
    let state = veterans(&[1, 2, 3], &[]);
    let event = deadline(&state, &[1, 2, 3]);
    let bad = Trial { own_samples: vec![], outcome: Err("loss is NaN".into()) };
    let (state, effects) =
        grade(judge(state, event), &[(1, trial(0.1, 0.2)), (2, trial(0.1, 0.2)), (3, bad)]);
    assert_eq!(scores(&state, 3).0, 0.0);
    assert_eq!(cards(&effects)[&Uid(3)].match_score, Some(-99.0));
}

#[test]
fn a_listed_peer_that_is_missing_loses_more_each_time() {
    for (before, factor) in [(0, 0.75), (1, 0.5), (2, 0.0), (5, 0.0)] {
        let mut state = veterans(&[1, 2, 3], &[1, 2, 3]);
        state.peers.get_mut(&Uid(3)).unwrap().missing_in_a_row = before;
        let event = deadline(&state, &[1, 2]);
        let state = judge(state, event);
        assert_eq!(scores(&state, 3), (8.0 * factor, 0.8 * factor), "missing {} times", before + 1);
    }
}

#[test]
fn below_the_success_rate_every_missing_listed_peer_loses_everything() {
    let state = veterans(&[1, 2, 3], &[1, 2, 3]);
    let event = deadline(&state, &[1]);
    let state = judge(state, event);
    assert_eq!((scores(&state, 2), scores(&state, 3)), ((0.0, 0.0), (0.0, 0.0)));
    assert_eq!(scores(&state, 1), (8.0, 0.8));
}

#[test]
fn missing_in_half_of_the_remembered_gathers_is_shut_out() {
    let mut state = veterans(&[1, 2, 3], &[1, 2, 3]);
    state.peers.get_mut(&Uid(3)).unwrap().gathers = vec![true, false, true, false, true, false, false];
    let event = deadline(&state, &[1, 2]);
    let state = judge(state, event);
    let peer = &state.peers[&Uid(3)];
    assert_eq!((peer.final_score, peer.rating.mu), (0.0, 25.0));
    assert!(peer.is_naughty(Window(70)) && !peer.is_naughty(Window(71)));
}

#[test]
fn fewer_gathers_than_are_remembered_shut_nobody_out() {
    let mut state = veterans(&[1, 2, 3], &[1, 2, 3]);
    state.peers.get_mut(&Uid(3)).unwrap().gathers = vec![true, true];
    let event = deadline(&state, &[1, 2]);
    assert!(!judge(state, event).peers[&Uid(3)].is_naughty(W));
}

#[test]
fn an_aggregated_peer_that_is_behind_or_without_a_probe_loses_a_quarter() {
    for (probe, lost) in [(vec![1.9; 4], false), (vec![2.1; 4], true), (vec![1.0; 3], true)] {
        let state = veterans(&[1, 2], &[1, 2]);
        let mut event = deadline(&state, &[1]);
        let submitted = Submitted::Readable { payload: Digest::of(b"2"), norm: 1.0, probe: probe.clone() };
        event.submissions.insert(Uid(2), submitted);
        let factor = if lost { 0.75 } else { 1.0 };
        assert_eq!(scores(&judge(state, event), 2), (8.0 * factor, 0.8 * factor), "{probe:?}");
    }
}

#[test]
fn more_than_half_of_the_remembered_evaluations_negative_costs_three_quarters_every_window() {
    let mut state = veterans(&[1, 2, 3], &[]);
    state.peers.get_mut(&Uid(3)).unwrap().negatives = vec![true, true, true, true, true, false, false, false];
    let event = deadline(&state, &[1, 2]);
    let (state, _) = grade(judge(state, event), &[(1, trial(0.1, 0.2)), (2, trial(0.1, 0.2))]);
    let missing = 0.75; // It did not submit either.
    assert_eq!(scores(&state, 3), (8.0 * missing * 0.25, 0.8 * missing * 0.25));
}

#[test]
fn three_negative_evaluations_in_a_row_exclude_until_one_is_not() {
    let mut state = veterans(&[1, 2, 3], &[1, 2, 3]);
    state.peers.get_mut(&Uid(3)).unwrap().negatives_in_a_row = 3;
    let event = deadline(&state, &[1, 2, 3]);
    let (state, effects) = judge_with(config(), state, event);
    assert_eq!(aggregated(&effects), [1, 2]);
    let results = [(1, trial(0.1, 0.2)), (2, trial(0.1, 0.2)), (3, trial(0.1, 0.2))];
    let (state, _) = grade(state, &results);
    assert_eq!(state.peers[&Uid(3)].negatives_in_a_row, 0);
    assert!(state.list.unwrap().gather.contains(&Uid(3)));
}

#[test]
fn the_negative_rules_rest_in_a_bad_step_of_the_whole_network() {
    let state = veterans(&[1, 2], &[]);
    let event = deadline(&state, &[1, 2]);
    let (state, _) = grade(judge(state, event), &[(1, trial(-0.1, 0.2)), (2, trial(-0.2, 0.2))]);
    assert!(state.peers.values().all(|peer| peer.negatives_in_a_row == 0 && peer.negatives.is_empty()));
}

#[test]
fn one_negative_among_many_counts() {
    let config = GauntletConfig { negative: GauntletConfig::small().negative, ..config() };
    let state = veterans(&[1, 2, 3], &[]);
    let event = deadline(&state, &[1, 2, 3]);
    let results = [(1, trial(0.1, 0.2)), (2, trial(0.1, 0.2)), (3, trial(-0.1, 0.2))];
    let (state, effects) = grade_with(config, judge(state, event), &results);
    assert_eq!(state.peers[&Uid(3)].negatives_in_a_row, 1);
    assert!(cards(&effects)[&Uid(3)].reasons.contains(&Reason::RaisesLoss));
}

#[test]
fn inactivity_costs_a_quarter_per_window_and_then_everything() {
    for (silent, expected) in [(2, 8.0), (3, 6.0), (5, 6.0), (6, 0.0)] {
        let mut state = veterans(&[1, 3], &[]);
        state.peers.get_mut(&Uid(3)).unwrap().last_seen = Some(W.saturating_sub(silent));
        let event = deadline(&state, &[1]);
        assert_eq!(scores(&judge(state, event), 3).0, expected, "silent for {silent} windows");
    }
}

fn overlapping(overlap: f64) -> GauntletState {
    let state = veterans(&[1, 2, 3], &[1, 2, 3]);
    let mut event = deadline(&state, &[1, 2, 3]);
    event.overlaps = vec![PairOverlap { first: Uid(1), later: Uid(3), overlap }];
    judge(state, event)
}

#[test]
fn overlap_is_punished_by_its_level() {
    assert_eq!(scores(&overlapping(0.39), 3), (8.0, 0.8));
    assert_eq!(scores(&overlapping(0.4), 3), (4.0, 0.4));
    let reset = overlapping(0.5);
    assert_eq!((scores(&reset, 3), reset.peers[&Uid(3)].rating.mu), ((0.0, 0.0), 25.0));
    assert!(!reset.peers[&Uid(3)].is_naughty(W));
    let out = overlapping(0.6);
    assert_eq!(scores(&out, 3), (0.0, 0.0));
    assert!(out.peers[&Uid(3)].is_naughty(W) && out.peers[&Uid(3)].is_naughty(Window(70)));
    assert_eq!(scores(&out, 1), (8.0, 0.8));
}

#[test]
fn a_copy_is_neither_aggregated_nor_evaluated() {
    let state = veterans(&[1, 2, 3], &[1, 2, 3]);
    let mut event = deadline(&state, &[1, 2, 3]);
    event.overlaps = vec![PairOverlap { first: Uid(1), later: Uid(3), overlap: 0.4 }];
    let (state, effects) = judge_with(config(), state, event);
    assert_eq!(aggregated(&effects), [1, 2]);
    assert_eq!(state.pending.unwrap().drawn, [Uid(1), Uid(2)]);
}

#[test]
fn a_payload_of_an_earlier_window_is_a_replay() {
    let mut state = veterans(&[1, 2], &[]);
    state.payloads.insert(Digest::of(&[2]), W.saturating_sub(3));
    let event = deadline(&state, &[1, 2]);
    let state = judge(state, event);
    assert!(state.peers[&Uid(2)].is_naughty(W));
    assert_eq!(state.pending.unwrap().reasons[&Uid(2)][0], Reason::Replay { window: Window(47) });
}

#[test]
fn a_new_hotkey_clears_naughtiness_unless_it_was_for_a_copy() {
    for (copy, stays) in [(false, false), (true, true)] {
        let mut state = veterans(&[1, 2], &[]);
        let peer = state.peers.get_mut(&Uid(2)).unwrap();
        (peer.naughty_until, peer.naughty_for_copy) = (Some(Window(60)), copy);
        let mut event = deadline(&state, &[1]);
        event.neurons[1].hotkey = hotkey(90);
        let state = judge(state, event);
        assert_eq!(state.peers[&Uid(2)].is_naughty(W), stays);
        assert_eq!(scores(&state, 2), (0.0, 0.0));
    }
}

#[test]
fn a_final_score_below_the_floor_becomes_zero_in_a_slash() {
    let mut peer = veteran(1).1;
    peer.final_score = 1.2e-4;
    peer.slash(0.75, &config());
    assert_eq!(peer.final_score, 0.0);
}

#[test]
fn an_update_far_above_the_median_norm_is_invalid() {
    let state = veterans(&[1, 2, 3], &[1, 2, 3]);
    let mut event = deadline(&state, &[1, 2]);
    let giant = Submitted::Readable { payload: Digest::of(b"giant"), norm: 1000.0, probe: vec![1.0; 4] };
    event.submissions.insert(Uid(3), giant);
    let (state, effects) = judge_with(config(), state, event);
    assert_eq!(aggregated(&effects), [1, 2]);
    let reasons = &state.pending.unwrap().reasons[&Uid(3)];
    assert_eq!(reasons[0], Reason::Oversized { ratio: 1000.0, ratio_max: 10.0 });
}

#[test]
fn misses_are_replaced_one_for_one_from_the_reserve() {
    let mut state = veterans(&[1, 2, 3, 4], &[1, 2]);
    state.list.as_mut().unwrap().reserve = vec![Uid(4), Uid(3)];
    let event = deadline(&state, &[1, 3, 4]);
    assert_eq!(aggregated(&judge_with(config(), state, event).1), [1, 4]);
}

#[test]
fn candidates_are_active_below_the_stake_cap_and_not_shut_out() {
    let mut state = veterans(&[1, 2, 3, 4], &[]);
    state.peers.get_mut(&Uid(2)).unwrap().naughty_until = Some(W);
    state.peers.get_mut(&Uid(3)).unwrap().last_seen = Some(W.saturating_sub(3));
    let mut event = deadline(&state, &[1, 2, 4]);
    event.neurons[3].stake = Alpha(20_000_000_000_001);
    assert_eq!(judge(state, event).pending.unwrap().drawn, [Uid(1)]);
}

#[test]
fn of_many_candidates_one_bin_is_drawn_and_waiting_grows() {
    let uids: Vec<u16> = (0..120).collect();
    let mut state = veterans(&uids, &[]);
    for (uid, peer) in &mut state.peers {
        peer.rating.mu = 25.0 + f64::from(uid.0);
    }
    let event = deadline(&state, &uids);
    let state = judge(state, event);
    let drawn: Vec<u16> = state.pending.unwrap().drawn.iter().map(|uid| uid.0).collect();
    assert_eq!(drawn.len(), 20);
    assert!(drawn.iter().all(|uid| uid / 24 == drawn[0] / 24), "one bin of 24: {drawn:?}");
    assert!(state.peers.values().all(|peer| peer.waiting == 2));
}

#[test]
fn only_the_attempted_start_to_wait_again() {
    let state = veterans(&[1, 2], &[]);
    let event = deadline(&state, &[1, 2]);
    let (state, _) = grade(judge(state, event), &[(1, trial(0.1, 0.2))]);
    assert_eq!((state.peers[&Uid(1)].waiting, state.peers[&Uid(2)].waiting), (1, 2));
}

#[test]
fn the_final_score_is_ordinal_times_b_times_sync() {
    let state = veterans(&[1, 2], &[]);
    let event = deadline(&state, &[1, 2]);
    let (state, effects) = grade(judge(state, event), &[(1, trial(0.1, 0.2)), (2, trial(0.05, 0.04))]);
    let (winner, loser) = (&state.peers[&Uid(1)], &state.peers[&Uid(2)]);
    assert_eq!((winner.bma, loser.bma), (0.95 * 0.8 + 0.05, 0.95 * 0.8 - 0.05));
    assert_eq!(winner.final_score, winner.rating.ordinal() * winner.bma);
    let cards = cards(&effects);
    assert_eq!(cards[&Uid(2)].reasons, [Reason::OwnDataNotTrained]);
    assert_eq!(cards[&Uid(1)].weight, 0.5 + 1.0 / 3.0); // it is also the burn uid
}

#[test]
fn a_window_that_was_handled_is_not_handled_again() {
    let state = veterans(&[1, 2], &[1, 2]);
    let event = deadline(&state, &[1]);
    let once = judge(state, event.clone());
    let (twice, effects) = judge_with(config(), once.clone(), event);
    assert_eq!((twice, effects), (once.clone(), vec![]));
    let (scored, _) = grade(once, &[(1, trial(0.1, 0.2))]);
    let (again, effects) = grade(scored.clone(), &[(1, trial(0.1, 0.2))]);
    assert_eq!((again, effects), (scored, vec![]));
}

#[test]
fn weights_are_set_every_few_windows_and_in_the_last_one() {
    let due = |round: u64, end: Option<Window>| {
        let state = veterans(&[1, 2], &[]);
        let event = Deadline { round, ..deadline(&state, &[1, 2]) };
        let gauntlet = Gauntlet::new(GauntletConfig::default(), end);
        let (state, _) = gauntlet.step(state, &Event::Deadline(event));
        let results = [(Uid(1), trial(0.1, 0.2)), (Uid(2), trial(0.1, 0.2))].into();
        let event = Evaluated { window: W, results, probe_after: vec![1.0; 4] };
        let (_, effects) = gauntlet.step(state, &Event::Evaluated(event));
        effects.iter().any(|effect| matches!(effect, Effect::SetWeights(_)))
    };
    assert_eq!([0, 1, 2, 3, 5].map(|round| due(round, None)), [false, false, true, false, true]);
    assert!(due(0, Some(W)));
}
