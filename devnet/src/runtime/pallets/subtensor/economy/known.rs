//! Economic states that were decoded or made lately, by their stamp.
//!
//! A stamp says all there is to say about an economic state (see [`parts`](super::parts)), so the states may be
//! shared by all chains and all blocks of the process: a revert, another branch or a refused transaction only
//! leads back to an older stamp. A state that is not here is decoded from storage.

use sn3_emission::Network;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A digest of an economic state and of how it came about.
pub type Stamp = [u8; 32];

/// How many states are remembered: those of a few blocks, and of the transactions in them.
const STATES_MAX: usize = 8;

type States = VecDeque<(Stamp, Arc<Network>)>;

static STATES: Mutex<States> = Mutex::new(VecDeque::new());

/// A panic elsewhere leaves the list as whole as it was: it is changed by single calls.
fn states() -> MutexGuard<'static, States> {
    STATES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state with this stamp, if it is remembered.
pub fn find(stamp: &Stamp) -> Option<Arc<Network>> {
    states().iter().find(|(known, _)| known == stamp).map(|(_, network)| network.clone())
}

/// Remembers a state; the oldest gives way.
pub fn remember(stamp: Stamp, network: Arc<Network>) {
    let mut states = states();
    states.retain(|(known, _)| *known != stamp);
    states.push_front((stamp, network));
    // A state is large, so it is dropped after the lock.
    let _oldest = if states.len() > STATES_MAX { states.pop_back() } else { None };
    drop(states);
}

/// Forgets the state with this stamp; who still wants it decodes it again.
pub fn forget_one(stamp: &Stamp) {
    states().retain(|(known, _)| known != stamp);
}

/// Forgets all states, so that the next one is decoded from storage.
#[cfg(test)]
pub fn forget() {
    states().clear();
}
