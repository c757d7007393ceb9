//! Large buffers are kept by their thread instead of being given back to the system after every epoch.
//!
//! A dense epoch needs a handful of buffers of a few hundred kilobytes. Fresh ones cost a page fault for every
//! four kilobytes, which is a third of the epoch's whole time.

use std::cell::RefCell;

use super::rows::Entry;

/// Buffers that a thread keeps.
const BUFFERS_MAX: usize = 8;
/// Smaller buffers are cheap to allocate and are not kept.
const ENTRIES_MIN: usize = 1_024;

thread_local! {
    static KEPT: RefCell<Vec<Vec<Entry>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer for at least `entries`, an old one if there is one.
pub(super) fn take(entries: usize) -> Vec<Entry> {
    if entries < ENTRIES_MIN {
        return Vec::with_capacity(entries);
    }
    let kept = KEPT.try_with(|kept| {
        let kept = &mut *kept.borrow_mut();
        kept.iter().position(|buffer| buffer.capacity() >= entries).map(|at| kept.swap_remove(at))
    });
    kept.ok().flatten().unwrap_or_else(|| Vec::with_capacity(entries))
}

/// Gives a buffer back. The smallest one goes when there are too many.
pub(super) fn give(mut buffer: Vec<Entry>) {
    if buffer.capacity() < ENTRIES_MIN {
        return;
    }
    buffer.clear();
    let _thread_is_ending = KEPT.try_with(|kept| {
        let kept = &mut *kept.borrow_mut();
        kept.push(buffer);
        if kept.len() > BUFFERS_MAX {
            let smallest = (0..kept.len()).min_by_key(|at| kept[*at].capacity()).unwrap_or(0);
            kept.swap_remove(smallest);
        }
    });
}
