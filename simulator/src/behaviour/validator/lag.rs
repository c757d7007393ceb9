//! Late weights.

use super::{Draft, Memory};

/// A validator lags by at most this many settings.
pub const LAG_MAX: u32 = 64;

/// Submits the draft of `settings` settings ago; nothing until that many were drafted.
pub(super) fn apply(settings: u32, draft: Draft, memory: &mut Memory, position: u32) -> Option<Draft> {
    let settings = settings.min(LAG_MAX) as usize;
    let waiting = memory.drafts.entry(position).or_default();
    waiting.push(draft.0);
    if waiting.len() <= settings {
        return None;
    }
    let mut old = waiting.remove(0);
    let n = waiting.last().map_or(old.len(), Vec::len);
    old.resize(n, 0.0);
    Some(Draft(old))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_come_out_in_order_after_the_lag() {
        let mut memory = Memory::default();
        let mut next = |weight: f64| apply(2, Draft(vec![weight]), &mut memory, 0).map(|draft| draft.0[0]);
        assert_eq!([next(1.0), next(2.0), next(3.0), next(4.0)], [None, None, Some(1.0), Some(2.0)]);
    }
}
