//! When the ledger and this node disagree: back to the last record, then to the beginning, then the end.

use sn3_protocol::Digest;

use super::{Effect, Failure, MinerState, Rules, emit};
use crate::events::MinerEvent;

/// Attempts between two records that nobody had applied before.
const RESYNCS_MAX: u32 = 2;

/// A record was applied: the ledger grows, and the next window begins.
pub(super) fn applied(state: &mut MinerState, record: Digest, digest: Digest) {
    let window = state.window;
    state.tip = super::Tip { window: Some(window), record, state: digest };
    state.windows_without_record = 0;
    if state.highest.is_none_or(|highest| window > highest) {
        // Only news count: a replay of old records must not renew the right to replay them.
        state.highest = Some(window);
        state.resyncs = 0;
    }
    state.enter(window.next());
}

/// The record continues a ledger that this node does not have. A record between the last applied one and this
/// may have come late: look for it, and if there is none, begin at the beginning.
pub(super) fn unlinked(
    state: &mut MinerState,
    previous: Digest,
    rules: &Rules,
    effects: &mut Vec<Effect>,
) -> Option<Effect> {
    let ours = state.tip.record.short();
    let detail = format!("the record links to {}, this node has {ours}", previous.short());
    let after_tip = state.tip.window.map_or(rules.start, |window| window.next());
    if state.resyncs == 0 && after_tip < state.window {
        note(state, detail, "looking for records that came late", effects);
        state.enter(after_tip);
        return None;
    }
    from_genesis(state, detail, rules, effects)
}

/// The record leads this node to another state than it says.
pub(super) fn diverged(
    state: &mut MinerState,
    ours: Digest,
    theirs: Digest,
    rules: &Rules,
    effects: &mut Vec<Effect>,
) -> Option<Effect> {
    let detail = format!("the record leads to state {}, this node reaches {}", theirs.short(), ours.short());
    from_genesis(state, detail, rules, effects)
}

fn from_genesis(
    state: &mut MinerState,
    detail: String,
    rules: &Rules,
    effects: &mut Vec<Effect>,
) -> Option<Effect> {
    if state.resyncs >= RESYNCS_MAX || state.tip == state.genesis && state.resyncs > 0 {
        return Some(Effect::Fail(Failure::Unreachable { window: state.window, detail }));
    }
    state.resyncs = RESYNCS_MAX - 1;
    note(state, detail, "rebuilding the state from the run's first record", effects);
    state.tip = state.genesis;
    state.enter(rules.start);
    effects.push(Effect::Reset);
    None
}

fn note(state: &mut MinerState, detail: String, remedy: &'static str, effects: &mut Vec<Effect>) {
    state.resyncs += 1;
    effects.push(emit(MinerEvent::Desync { window: state.window, detail, remedy: remedy.to_owned() }));
}
