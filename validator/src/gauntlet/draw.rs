//! Who is drawn for evaluation, and whose updates are the control group (training protocol, section 4.2).

use sn3_protocol::assignment::{Pcg64, choice, round_rng};
use sn3_protocol::run::GauntletConfig;
use sn3_protocol::score::overlap::{level, median_overlap};
use sn3_protocol::{Alpha, Uid};

use super::state::{GauntletState, Peer, Pending};
use crate::mechanism::{Deadline, EvaluationTask};

/// Draws the peers of this window and makes a task of each whose submission is usable.
pub(super) fn tasks(
    state: &mut GauntletState,
    pending: &mut Pending,
    event: &Deadline,
    config: &GauntletConfig,
) -> Vec<EvaluationTask> {
    let mut rng = round_rng("sn3/evaluate/draw/v1", event.window, &event.deadline_hash);
    let candidates = candidates(state, pending, event, config);
    let bin = bin(state, &candidates, &mut rng, config);
    let mut drawn = weighted(state, bin, &mut rng, config.uids_per_window as usize);
    drawn.sort_unstable();
    for uid in &candidates {
        if let Some(peer) = state.peers.get_mut(uid) {
            peer.waiting = peer.waiting.saturating_add(1);
        }
    }
    pending.drawn = drawn;
    let usable: Vec<Uid> = pending.drawn.iter().copied().filter(|uid| can_be_tried(pending, *uid)).collect();
    let task = |uid: &Uid| EvaluationTask { uid: *uid, controls: controls(*uid, &usable, event, config) };
    usable.iter().map(task).collect()
}

fn can_be_tried(pending: &Pending, uid: Uid) -> bool {
    pending.standing(uid).is_some_and(|standing| standing.usable)
}

/// Active, not a validator, not shut out, and no copy in this window; ascending.
///
/// A copy is not evaluated: it would be paid for what it copied.
fn candidates(
    state: &GauntletState,
    pending: &Pending,
    event: &Deadline,
    config: &GauntletConfig,
) -> Vec<Uid> {
    let copy = |uid: Uid| pending.standing(uid).is_some_and(|standing| standing.copy.is_some());
    let stake = |uid: Uid| event.neurons.iter().find(|n| n.uid == uid).map_or(Alpha(0), |n| n.stake);
    let active = |peer: &Peer| {
        peer.last_seen.is_some_and(|seen| event.window.0.saturating_sub(seen.0) <= config.active_windows)
    };
    let fit = |uid: Uid, peer: &Peer| {
        active(peer) && !copy(uid) && !peer.is_naughty(event.window) && stake(uid) <= config.stake_max
    };
    state.peers.iter().filter(|(uid, peer)| fit(**uid, peer)).map(|(uid, _)| *uid).collect()
}

/// One of the bins by rating, where there are enough candidates to fill them all; else everybody.
fn bin(state: &GauntletState, candidates: &[Uid], rng: &mut Pcg64, config: &GauntletConfig) -> Vec<Uid> {
    let bins = config.evaluation_bins as usize;
    if candidates.len() < bins * config.uids_per_window as usize {
        return candidates.to_vec();
    }
    let ordinal = |uid: &Uid| state.peers.get(uid).map_or(0.0, |peer| peer.rating.ordinal());
    let mut sorted = candidates.to_vec();
    sorted.sort_by(|a, b| ordinal(b).total_cmp(&ordinal(a)).then(a.cmp(b)));
    let chosen = rng.up_to(bins as u32 - 1) as usize;
    let bound = |i: usize| i * sorted.len() / bins;
    sorted[bound(chosen)..bound(chosen + 1)].to_vec()
}

/// Up to `count` of them without replacement, each with the weight of its waiting.
fn weighted(state: &GauntletState, mut from: Vec<Uid>, rng: &mut Pcg64, count: usize) -> Vec<Uid> {
    if from.len() <= count {
        return from;
    }
    let weight = |uid: &Uid| state.peers.get(uid).map_or(1, |peer| peer.waiting.max(1)) as f64;
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count && !from.is_empty() {
        let mut left = rng.unit() * from.iter().map(weight).sum::<f64>();
        let hit = from.iter().position(|uid| {
            left -= weight(uid);
            left < 0.0
        });
        drawn.push(from.remove(hit.unwrap_or(from.len() - 1)));
    }
    drawn
}

/// Others that are evaluated in this window and do not resemble `uid`, at most `controls.per_peer`.
fn controls(uid: Uid, usable: &[Uid], event: &Deadline, config: &GauntletConfig) -> Vec<Uid> {
    let count = config.controls.per_peer as usize;
    let others: Vec<Uid> =
        usable.iter().copied().filter(|&other| other != uid && !alike(uid, other, event, config)).collect();
    if others.len() <= count {
        return others;
    }
    let mut rng = round_rng("sn3/evaluate/controls/v1", event.window, &event.deadline_hash);
    for _ in 0..uid.0 {
        rng.next_u32();
    }
    let mut chosen: Vec<Uid> =
        choice(&mut rng, others.len() as u32, count as u32).into_iter().map(|i| others[i as usize]).collect();
    chosen.sort_unstable();
    chosen
}

/// Whether two payloads overlap as a copy would: a copy of one's own update is no control.
fn alike(a: Uid, b: Uid, event: &Deadline, config: &GauntletConfig) -> bool {
    let median = median_overlap(&event.overlaps);
    let of_both = event
        .overlaps
        .iter()
        .find(|pair| (pair.first == a && pair.later == b) || (pair.first == b && pair.later == a));
    of_both.is_some_and(|pair| level(pair.overlap, median, event.round, &config.overlap).is_some())
}
