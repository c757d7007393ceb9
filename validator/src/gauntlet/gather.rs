//! Who is aggregated, and what it costs a listed peer to be missing or behind (training protocol, sections
//! 3, 4.2 and 4.6).

use std::collections::BTreeMap;

use sn3_protocol::assignment::{choice, round_rng};
use sn3_protocol::run::GauntletConfig;
use sn3_protocol::score::{Reason, weights};
use sn3_protocol::{Uid, Window};

use super::admit::sync_result;
use super::state::{GauntletState, Peer, PeerList, Pending};
use crate::mechanism::Deadline;

/// Chooses the aggregated, unless a record has: the listed peers whose submission is usable, misses replaced one for one from
/// the reserve. Without a list, everyone whose submission is usable.
pub(super) fn choose(
    state: &GauntletState,
    pending: &mut Pending,
    event: &Deadline,
    config: &GauntletConfig,
) {
    for (uid, standing) in &mut pending.standings {
        standing.sync = Some(sync_result(event.submissions.get(uid), event, &state.probe_change, config));
    }
    let usable = |uid: &Uid| is_usable(state, pending, *uid, config);
    let count = config.weights.gather_peers as usize;
    let mut chosen = match (&event.aggregated, &state.list) {
        (Some(recorded), _) => recorded.clone(),
        (None, Some(list)) => {
            let there = list.gather.iter().filter(|uid| usable(uid));
            let spare = list.reserve.iter().filter(|uid| usable(uid));
            there.chain(spare).copied().take(list.gather.len()).collect()
        }
        (None, None) => {
            some_of(pending.standings.keys().copied().filter(|uid| usable(uid)).collect(), count, event)
        }
    };
    chosen.sort_unstable();
    note_excluded(state, pending, config);
    pending.aggregated = chosen;
}

fn some_of(uids: Vec<Uid>, count: usize, event: &Deadline) -> Vec<Uid> {
    if uids.len() <= count {
        return uids;
    }
    let mut rng = round_rng("sn3/gather/v1", event.window, &event.deadline_hash);
    choice(&mut rng, uids.len() as u32, count as u32).into_iter().map(|i| uids[i as usize]).collect()
}

/// Whether a submission may go into the model: it passed the fast checks, is no copy, and its author is
/// neither shut out, nor excluded for negative evaluations, nor too far behind.
fn is_usable(state: &GauntletState, pending: &Pending, uid: Uid, config: &GauntletConfig) -> bool {
    let fit = |peer: &Peer| !is_excluded(peer, config) && !peer.is_naughty(pending.window);
    let sound = pending.standing(uid).is_some_and(|standing| standing.usable && standing.copy.is_none());
    sound && state.peers.get(&uid).is_some_and(fit)
}

fn is_excluded(peer: &Peer, config: &GauntletConfig) -> bool {
    peer.negatives_in_a_row >= config.negative.consecutive_max
}

fn note_excluded(state: &GauntletState, pending: &mut Pending, config: &GauntletConfig) {
    for (uid, peer) in &state.peers {
        if is_excluded(peer, config) && pending.standings.contains_key(uid) {
            pending.blame(*uid, Reason::NegativeInARow { count: peer.negatives_in_a_row });
        }
        if let Some(until) = peer.naughty_until.filter(|until| pending.window <= *until) {
            pending.blame(*uid, Reason::Naughty { windows: until.0 - pending.window.0 });
        }
    }
}

/// The missing rules, for listed peers only.
pub(super) fn punish_missing(state: &mut GauntletState, pending: &mut Pending, config: &GauntletConfig) {
    let Some(list) = state.list.clone() else { return };
    let is_missing = |uid: &&Uid| !pending.standings.contains_key(uid);
    let missing: Vec<Uid> = list.gather.iter().filter(is_missing).copied().collect();
    let success = 1.0 - missing.len() as f64 / list.gather.len().max(1) as f64;
    for uid in list.gather {
        let Some(peer) = state.peers.get_mut(&uid) else { continue };
        let missed = missing.contains(&uid);
        push_bounded(&mut peer.gathers, missed, config.missing.remembered);
        peer.missing_in_a_row = if missed { peer.missing_in_a_row + 1 } else { 0 };
        if missed {
            let factor = if success < config.missing.success_min { 0.0 } else { listed_factor(peer, config) };
            peer.slash(factor, config);
            pending.blame(uid, Reason::Missing { in_a_row: peer.missing_in_a_row });
            shut_out_if_often_missing(uid, peer, pending, config);
        }
    }
    pending.missing = missing;
}

fn listed_factor(peer: &Peer, config: &GauntletConfig) -> f64 {
    let factors = &config.slash.missing_listed;
    let place = (peer.missing_in_a_row as usize).clamp(1, factors.len().max(1)) - 1;
    factors.get(place).copied().unwrap_or(0.0)
}

fn shut_out_if_often_missing(uid: Uid, peer: &mut Peer, pending: &mut Pending, config: &GauntletConfig) {
    let (of, missing) = (peer.gathers.len() as u32, count(&peer.gathers));
    let often = f64::from(missing) >= config.missing.share_max * f64::from(of);
    if of >= config.missing.remembered && often {
        peer.shut_out(pending.window, config);
        pending.blame(uid, Reason::OftenMissing { missing, of });
    }
}

/// The sync rule, for aggregated peers.
pub(super) fn punish_sync(state: &mut GauntletState, pending: &mut Pending, config: &GauntletConfig) {
    for uid in pending.aggregated.clone() {
        let sync = pending.standing(uid).and_then(|standing| standing.sync);
        let reason = match sync.and_then(|sync| sync.steps) {
            Some(steps) if steps.mean <= config.sync.steps_slash => continue,
            Some(steps) => Reason::BehindModel { steps: steps.mean },
            None => Reason::NoProbe,
        };
        if let Some(peer) = state.peers.get_mut(&uid) {
            peer.slash(config.slash.sync, config);
        }
        pending.blame(uid, reason);
    }
}

/// The next peer list: who has a positive final score and may be aggregated, best first. None while there
/// is nobody.
pub(super) fn next_list(state: &GauntletState, window: Window, config: &GauntletConfig) -> Option<PeerList> {
    let fit = |peer: &&Peer| !is_excluded(peer, config) && !peer.is_naughty(window);
    let finals: BTreeMap<Uid, f64> = state
        .peers
        .iter()
        .filter(|(_, peer)| fit(peer))
        .map(|(uid, peer)| (*uid, peer.final_score))
        .collect();
    let ranking = weights::ranking(&finals);
    let (gather, rest) = ranking.split_at(ranking.len().min(config.weights.gather_peers as usize));
    let reserve = &rest[..rest.len().min(config.weights.reserve_peers as usize)];
    (!gather.is_empty()).then(|| PeerList { gather: gather.to_vec(), reserve: reserve.to_vec() })
}

/// Appends to a list that keeps only its newest entries.
pub(super) fn push_bounded(list: &mut Vec<bool>, value: bool, kept: u32) {
    list.push(value);
    let surplus = list.len().saturating_sub(kept as usize);
    list.drain(..surplus);
}

/// How many are true.
pub(super) fn count(list: &[bool]) -> u32 {
    list.iter().filter(|x| **x).count() as u32
}
