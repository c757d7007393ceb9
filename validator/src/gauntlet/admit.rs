//! Identity, activity and the fast checks of a submission.

use std::collections::BTreeMap;

use sn3_protocol::run::GauntletConfig;
use sn3_protocol::score::{Reason, SyncResult, sync};
use sn3_protocol::{Hotkey, Uid, Window};

use super::state::{GauntletState, Peer, Pending, Standing};
use crate::mechanism::{Deadline, Submitted};

/// Follows registrations: a slot with a new owner starts afresh, except that a slot that was shut out for a
/// copy of the highest level stays shut out.
pub(super) fn identities(state: &mut GauntletState, event: &Deadline, config: &GauntletConfig) {
    let registered: BTreeMap<Uid, Hotkey> = event.neurons.iter().map(|n| (n.uid, n.hotkey)).collect();
    state.peers.retain(|uid, _| registered.contains_key(uid));
    for (uid, hotkey) in registered {
        let peer = state.peers.entry(uid).or_insert_with(|| Peer::new(hotkey, config));
        if peer.hotkey != hotkey {
            *peer = Peer { naughty_until: naughty_kept(peer), ..Peer::new(hotkey, config) };
            peer.naughty_for_copy = peer.naughty_until.is_some();
        }
    }
}

fn naughty_kept(peer: &Peer) -> Option<Window> {
    peer.naughty_until.filter(|_| peer.naughty_for_copy)
}

/// Notes who submitted anything for this window, sound or not.
pub(super) fn activity(state: &mut GauntletState, event: &Deadline) {
    for uid in event.submissions.keys() {
        if let Some(peer) = state.peers.get_mut(uid) {
            peer.last_seen = Some(event.window);
        }
    }
}

/// What each uid submitted, after the checks that need only this round: format, size of the update, sync.
pub(super) fn standings(event: &Deadline, config: &GauntletConfig) -> Pending {
    let mut pending = Pending {
        window: event.window,
        round: event.round,
        aggregated: Vec::new(),
        drawn: Vec::new(),
        missing: Vec::new(),
        standings: BTreeMap::new(),
        reasons: BTreeMap::new(),
        probe: event.probe.clone(),
    };
    let median = median_norm(event);
    for (uid, submitted) in &event.submissions {
        let fault = fault(submitted, median, config);
        pending.standings.insert(*uid, standing(submitted, fault.is_none()));
        if let Some(reason) = fault {
            pending.blame(*uid, reason);
        }
    }
    pending
}

fn standing(submitted: &Submitted, usable: bool) -> Standing {
    let payload = match submitted {
        Submitted::Readable { payload, .. } => Some(*payload),
        Submitted::Broken { .. } => None,
    };
    Standing { payload, usable, sync: None, overlap: None, copy: None }
}

/// Why a submission cannot be used, if so. Norms are compared with the lower median, which one giant
/// among few cannot move.
fn fault(submitted: &Submitted, median: f64, config: &GauntletConfig) -> Option<Reason> {
    match submitted {
        Submitted::Broken { detail } => Some(Reason::Invalid { detail: detail.clone() }),
        Submitted::Readable { norm, .. } if !norm.is_finite() => {
            Some(Reason::Invalid { detail: "the norm of the update is not a finite number".into() })
        }
        Submitted::Readable { norm, .. } => {
            let ratio_max = config.norm_ratio_max?;
            let ratio = norm / median;
            (median > 0.0 && ratio > ratio_max).then_some(Reason::Oversized { ratio, ratio_max })
        }
    }
}

fn median_norm(event: &Deadline) -> f64 {
    let norm = |submitted: &Submitted| match submitted {
        Submitted::Readable { norm, .. } if norm.is_finite() => Some(*norm),
        _ => None,
    };
    let mut norms: Vec<f64> = event.submissions.values().filter_map(norm).collect();
    norms.sort_by(f64::total_cmp);
    norms.get(norms.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

/// The sync score of a readable submission (training protocol, section 4.4).
pub(super) fn sync_result(
    submitted: Option<&Submitted>,
    event: &Deadline,
    change: &[f64],
    config: &GauntletConfig,
) -> SyncResult {
    let Some(Submitted::Readable { probe, .. }) = submitted else {
        return SyncResult { steps: None, score: 0.0 };
    };
    match sync::steps_behind(probe, &event.probe, change, f64::from(event.outer_lr), &config.sync) {
        Ok(steps) => SyncResult { steps: Some(steps), score: sync::sync_score(steps.mean, &config.sync) },
        Err(_) => SyncResult { steps: None, score: 0.0 },
    }
}

/// Says of those who were late in an earlier window that they were.
pub(super) fn late(pending: &mut Pending, event: &Deadline) {
    for (uid, window) in &event.late {
        pending.blame(*uid, Reason::Late { window: *window });
    }
}

/// Peers that were there and are no longer lose their score window by window, and then everything.
pub(super) fn inactivity(state: &mut GauntletState, pending: &mut Pending, config: &GauntletConfig) {
    for (uid, peer) in &mut state.peers {
        let Some(seen) = peer.last_seen else { continue };
        let silent = pending.window.0.saturating_sub(seen.0);
        let windows = silent.saturating_sub(config.active_windows);
        if windows == 0 {
            continue;
        }
        peer.slash_final(config.slash.inactive, config);
        pending.blame(*uid, Reason::Inactive { windows });
        if windows > config.reset_inactivity_windows {
            peer.reset(config);
            pending.blame(*uid, Reason::Reset);
        }
    }
}
