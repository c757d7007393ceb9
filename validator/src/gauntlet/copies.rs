//! Copies and replays (training protocol, sections 4.6 and 4.8).

use sn3_protocol::run::GauntletConfig;
use sn3_protocol::score::overlap::{level, median_overlap};
use sn3_protocol::score::{CopyLevel, PairOverlap, Reason};
use sn3_protocol::{Digest, Uid, Window};

use super::state::{GauntletState, Pending};
use crate::mechanism::{Deadline, Submitted};

/// Finds copies of this window and replays of earlier ones, and punishes who came later.
pub(super) fn punish(
    state: &mut GauntletState,
    pending: &mut Pending,
    event: &Deadline,
    config: &GauntletConfig,
) {
    let median = median_overlap(&event.overlaps);
    let mut pairs = event.overlaps.clone();
    pairs.sort_by(|a, b| b.overlap.total_cmp(&a.overlap).then((a.first, a.later).cmp(&(b.first, b.later))));
    for pair in &pairs {
        note_overlap(pending, pair);
        // Who copies from a copy also resembles the original, and is found by that pair.
        if pending.standing(pair.first).is_some_and(|standing| standing.copy.is_some()) {
            continue;
        }
        if let Some(level) = level(pair.overlap, median, event.round, &config.overlap) {
            let reason = copy_reason(event, pair, level);
            offend(state, pending, pair.later, level, reason, config);
        }
    }
    for (uid, window) in replays(state, event) {
        offend(state, pending, uid, CopyLevel::Mega, Reason::Replay { window }, config);
    }
    remember(state, event, config);
}

fn note_overlap(pending: &mut Pending, pair: &PairOverlap) {
    if let Some(standing) = pending.standings.get_mut(&pair.later)
        && standing.overlap.is_none_or(|known| known.overlap < pair.overlap)
    {
        standing.overlap = Some(*pair);
    }
}

fn copy_reason(event: &Deadline, pair: &PairOverlap, level: CopyLevel) -> Reason {
    let payload = |uid| payload(event, uid);
    match payload(pair.first).is_some() && payload(pair.first) == payload(pair.later) {
        true => Reason::SamePayload { of: pair.first },
        false => Reason::Copy { of: pair.first, overlap: pair.overlap, level },
    }
}

fn payload(event: &Deadline, uid: Uid) -> Option<Digest> {
    match event.submissions.get(&uid) {
        Some(Submitted::Readable { payload, .. }) => Some(*payload),
        _ => None,
    }
}

fn offend(
    state: &mut GauntletState,
    pending: &mut Pending,
    uid: Uid,
    level: CopyLevel,
    reason: Reason,
    config: &GauntletConfig,
) {
    let known = pending.standings.get(&uid).and_then(|standing| standing.copy);
    pending.blame(uid, reason);
    if known.is_some_and(|known| known >= level) {
        return;
    }
    if let Some(standing) = pending.standings.get_mut(&uid) {
        standing.copy = Some(level);
    }
    let Some(peer) = state.peers.get_mut(&uid) else { return };
    match level {
        CopyLevel::High => peer.slash(config.slash.overlap, config),
        CopyLevel::Max => peer.reset(config),
        CopyLevel::Mega => {
            peer.shut_out(pending.window, config);
            peer.naughty_for_copy = true;
        }
    }
}

/// Payloads whose bytes were submitted for an earlier window.
fn replays(state: &GauntletState, event: &Deadline) -> Vec<(Uid, Window)> {
    let earlier = |uid: &Uid| {
        let window = state.payloads.get(&payload(event, *uid)?)?;
        (*window < event.window).then_some((*uid, *window))
    };
    event.submissions.keys().filter_map(earlier).collect()
}

fn remember(state: &mut GauntletState, event: &Deadline, config: &GauntletConfig) {
    let oldest = event.window.saturating_sub(config.overlap.replay_windows);
    state.payloads.retain(|_, window| *window >= oldest);
    for digest in event.submissions.keys().filter_map(|uid| payload(event, *uid)) {
        state.payloads.entry(digest).or_insert(event.window);
    }
}
