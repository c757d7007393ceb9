//! The order in which waiting transactions are tried.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use sp_core::H256;
use sp_runtime::transaction_validity::{TransactionTag, ValidTransaction};

use crate::node::block::ExtrinsicBytes;

/// A transaction to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Its name.
    pub hash: H256,
    /// What to apply.
    pub bytes: ExtrinsicBytes,
    priority: u64,
    provides: Vec<TransactionTag>,
    requires: Vec<TransactionTag>,
}

impl Selected {
    /// A candidate with the tags and priority that validation found.
    pub fn new(hash: H256, bytes: ExtrinsicBytes, validity: &ValidTransaction) -> Self {
        Self {
            hash,
            bytes,
            priority: validity.priority,
            provides: validity.provides.clone(),
            requires: validity.requires.clone(),
        }
    }
}

impl Ord for Selected {
    /// The greatest comes first: most priority, then smallest hash.
    fn cmp(&self, other: &Self) -> Ordering {
        self.priority.cmp(&other.priority).then_with(|| other.hash.cmp(&self.hash))
    }
}

impl PartialOrd for Selected {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Hands out transactions one by one; what was included unlocks what waited for it.
pub struct Selection {
    ready: BinaryHeap<Selected>,
    /// Blocked ones, and the tags they still miss.
    blocked: BTreeMap<H256, (Selected, BTreeSet<TransactionTag>)>,
    blocked_by: BTreeMap<TransactionTag, Vec<H256>>,
    /// Came too early; worth another try after the next inclusion.
    early: Vec<Selected>,
}

impl Selection {
    /// All candidates; a required tag nobody in the pool provides blocks just as well.
    pub fn new(candidates: impl Iterator<Item = Selected>) -> Self {
        let mut selection = Self {
            ready: BinaryHeap::new(),
            blocked: BTreeMap::new(),
            blocked_by: BTreeMap::new(),
            early: Vec::new(),
        };
        candidates.for_each(|candidate| selection.add(candidate));
        selection
    }

    /// Nothing to try.
    pub fn empty() -> Self {
        Self::new(std::iter::empty())
    }

    fn add(&mut self, candidate: Selected) {
        if candidate.requires.is_empty() {
            return self.ready.push(candidate);
        }
        let missing: BTreeSet<_> = candidate.requires.iter().cloned().collect();
        for tag in &missing {
            self.blocked_by.entry(tag.clone()).or_default().push(candidate.hash);
        }
        self.blocked.insert(candidate.hash, (candidate, missing));
    }

    /// Tells that `candidate` is in the block.
    pub fn included(&mut self, candidate: &Selected) {
        self.ready.extend(self.early.drain(..));
        for tag in &candidate.provides {
            for hash in self.blocked_by.remove(tag).unwrap_or_default() {
                self.unblock(hash, tag);
            }
        }
    }

    fn unblock(&mut self, hash: H256, tag: &TransactionTag) {
        let Some((_, missing)) = self.blocked.get_mut(&hash) else { return };
        missing.remove(tag);
        if missing.is_empty() {
            let (free, _) = self.blocked.remove(&hash).expect("found above");
            self.ready.push(free);
        }
    }

    /// Tells that `candidate` came too early; it is handed out again after another one was included.
    pub fn postpone(&mut self, candidate: Selected) {
        self.early.push(candidate);
    }
}

impl Iterator for Selection {
    type Item = Selected;

    fn next(&mut self) -> Option<Selected> {
        self.ready.pop()
    }
}
