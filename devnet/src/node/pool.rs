//! Transactions that wait for a block.
//!
//! Every transaction names the tags it provides and requires (for a signed one: its account and nonce),
//! so the order inside an account follows from the tags. Between accounts the order is by priority and
//! then by hash: the same set of transactions always makes the same block.

mod selection;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use codec::Encode;
use sp_core::H256;
use sp_runtime::transaction_validity::{TransactionTag, ValidTransaction};
use tokio::sync::{Notify, mpsc};

pub use selection::{Selected, Selection};

use super::{
    block::{ExtrinsicBytes, extrinsic_hash},
    sync::lock,
};
use crate::runtime::{AccountId, Nonce};

/// How many transactions may wait.
pub const POOL_TRANSACTIONS_MAX: usize = 16_384;
/// How many bytes they may have together.
pub const POOL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A transaction passes at most through: future, ready, in block, finalized.
const STATUSES_MAX: usize = 8;

/// What happens to a watched transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxStatus {
    /// Waits for another transaction of its account.
    Future,
    /// Will be in one of the next blocks.
    Ready,
    /// Is in a block, at this position.
    InBlock(H256, u32),
    /// That block is final.
    Finalized(H256, u32),
    /// Was in this block, which was replaced before it was final. The transaction waits again, if it is still
    /// valid, but nothing more is said of it.
    Retracted(H256),
    /// Another transaction with the same nonce and more priority took its place.
    Usurped(H256),
    /// Fell out of the pool; the reason.
    Dropped(String),
    /// Can never be in a block any more; the reason.
    Invalid(String),
}

/// Why the pool does not take a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// It is there already.
    #[error("transaction {0:?} is already in the pool; wait for it instead of sending it again")]
    AlreadyImported(H256),
    /// A transaction with the same nonce waits with at least the same priority.
    #[error("priority {new} does not exceed the {old} of the waiting transaction with the same nonce")]
    PriorityTooLow {
        /// The priority of the one that waits.
        old: u64,
        /// The priority of the refused one.
        new: u64,
    },
    /// No room.
    #[error(
        "the pool holds its limit of {POOL_TRANSACTIONS_MAX} transactions or {POOL_BYTES_MAX} bytes; wait for a block"
    )]
    Full,
}

/// The waiting transactions.
#[derive(Default)]
pub struct Pool {
    inner: Mutex<Waiting>,
    arrivals: Notify,
}

#[derive(Default)]
struct Waiting {
    entries: BTreeMap<H256, Entry>,
    provided: BTreeMap<TransactionTag, H256>,
    /// Who waits for a tag.
    dependents: BTreeMap<TransactionTag, BTreeSet<H256>>,
    bytes: usize,
}

struct Entry {
    bytes: ExtrinsicBytes,
    validity: ValidTransaction,
    /// The last block it may be in.
    last_block: u64,
    ready: bool,
    watcher: Option<mpsc::Sender<TxStatus>>,
}

impl Entry {
    fn tell(&self, status: TxStatus) {
        if let Some(watcher) = &self.watcher {
            // A watcher that is gone misses the status; the queue has room for all there are.
            drop(watcher.try_send(status));
        }
    }
}

impl Pool {
    /// Takes a transaction that was valid after block `head`.
    pub fn insert(
        &self,
        bytes: ExtrinsicBytes,
        validity: ValidTransaction,
        head: u64,
    ) -> Result<H256, PoolError> {
        let hash = lock(&self.inner).insert(bytes, validity, head, None)?;
        self.arrivals.notify_one();
        Ok(hash)
    }

    /// As [`insert`](Self::insert), and reports what becomes of the transaction.
    pub fn insert_watched(
        &self,
        bytes: ExtrinsicBytes,
        validity: ValidTransaction,
        head: u64,
    ) -> Result<mpsc::Receiver<TxStatus>, PoolError> {
        let (sender, receiver) = mpsc::channel(STATUSES_MAX);
        lock(&self.inner).insert(bytes, validity, head, Some(sender))?;
        self.arrivals.notify_one();
        Ok(receiver)
    }

    /// Returns once a transaction has arrived since the last call.
    pub async fn arrival(&self) {
        self.arrivals.notified().await;
    }

    /// Everything that waits, in the order in which it would be tried.
    pub fn selection(&self) -> Selection {
        let waiting = lock(&self.inner);
        let candidates = waiting.entries.iter();
        Selection::new(candidates.map(|(hash, e)| Selected::new(*hash, e.bytes.clone(), &e.validity)))
    }

    /// All waiting transactions in hash order.
    pub fn pending(&self) -> Vec<ExtrinsicBytes> {
        lock(&self.inner).entries.values().map(|entry| entry.bytes.clone()).collect()
    }

    /// How many transactions wait, and how many of them could be in the next block.
    pub fn counts(&self) -> (usize, usize) {
        let waiting = lock(&self.inner);
        (waiting.entries.len(), waiting.entries.values().filter(|entry| entry.ready).count())
    }

    /// The first nonce from `state_nonce` on that no waiting transaction of the account uses.
    pub fn next_nonce(&self, account: &AccountId, state_nonce: Nonce) -> Nonce {
        let waiting = lock(&self.inner);
        (state_nonce..)
            .find(|nonce| !waiting.provided.contains_key(&(account, nonce).encode()))
            .unwrap_or(state_nonce)
    }

    /// Removes what block `number` settled: what it includes, and what turned out to be invalid.
    pub fn settle(&self, number: u64, block: H256, included: &[(H256, u32)], invalid: &[(H256, String)]) {
        let mut waiting = lock(&self.inner);
        for (hash, index) in included {
            waiting.include(hash, block, *index);
        }
        for (hash, reason) in invalid {
            waiting.fail(hash, TxStatus::Invalid(reason.clone()));
        }
        waiting.expire(number);
    }

    /// Drops everything, as after a revert: nonces and states have changed under it.
    pub fn clear(&self, reason: &str) {
        let mut waiting = lock(&self.inner);
        let hashes: Vec<H256> = waiting.entries.keys().copied().collect();
        hashes.iter().for_each(|hash| waiting.fail(hash, TxStatus::Dropped(reason.to_owned())));
    }
}

impl Waiting {
    fn insert(
        &mut self,
        bytes: ExtrinsicBytes,
        validity: ValidTransaction,
        head: u64,
        watcher: Option<mpsc::Sender<TxStatus>>,
    ) -> Result<H256, PoolError> {
        let hash = extrinsic_hash(&bytes);
        if self.entries.contains_key(&hash) {
            return Err(PoolError::AlreadyImported(hash));
        }
        let rivals = self.rivals(&validity)?;
        if self.entries.len() >= POOL_TRANSACTIONS_MAX || self.bytes + bytes.len() > POOL_BYTES_MAX {
            return Err(PoolError::Full);
        }
        rivals.iter().for_each(|rival| self.fail(rival, TxStatus::Usurped(hash)));
        self.link(hash, &validity);
        self.bytes += bytes.len();
        let last_block = head.saturating_add(validity.longevity);
        self.entries.insert(hash, Entry { bytes, validity, last_block, ready: false, watcher });
        self.announce(hash);
        let entry = &self.entries[&hash];
        if !entry.ready {
            entry.tell(TxStatus::Future);
        }
        Ok(hash)
    }

    /// The waiting transactions that `validity` would replace.
    fn rivals(&self, validity: &ValidTransaction) -> Result<BTreeSet<H256>, PoolError> {
        let rivals: BTreeSet<H256> =
            validity.provides.iter().filter_map(|tag| self.provided.get(tag).copied()).collect();
        let strongest = rivals.iter().map(|rival| self.entries[rival].validity.priority).max();
        match strongest {
            Some(old) if old >= validity.priority => {
                Err(PoolError::PriorityTooLow { old, new: validity.priority })
            }
            _ => Ok(rivals),
        }
    }

    fn link(&mut self, hash: H256, validity: &ValidTransaction) {
        for tag in &validity.provides {
            self.provided.insert(tag.clone(), hash);
        }
        for tag in &validity.requires {
            self.dependents.entry(tag.clone()).or_default().insert(hash);
        }
    }

    /// Finds out whether `hash` is ready, says so, and does the same for those that waited for it.
    fn announce(&mut self, hash: H256) {
        let mut open = vec![hash];
        while let Some(hash) = open.pop() {
            let Some(entry) = self.entries.get(&hash) else { continue };
            if entry.ready {
                continue;
            }
            if !entry.validity.requires.iter().all(|tag| self.is_ready(tag)) {
                continue;
            }
            entry.tell(TxStatus::Ready);
            let provides = entry.validity.provides.clone();
            open.extend(provides.iter().filter_map(|tag| self.dependents.get(tag)).flatten());
            self.entries.get_mut(&hash).expect("looked up above").ready = true;
        }
    }

    fn is_ready(&self, tag: &TransactionTag) -> bool {
        self.provided.get(tag).is_some_and(|hash| self.entries[hash].ready)
    }

    fn include(&mut self, hash: &H256, block: H256, index: u32) {
        let Some(entry) = self.remove(hash) else { return };
        entry.tell(TxStatus::InBlock(block, index));
        entry.tell(TxStatus::Finalized(block, index));
        // What it provided now holds in the state, so nobody has to wait for it any more.
        for tag in &entry.validity.provides {
            for dependent in self.dependents.remove(tag).unwrap_or_default() {
                if let Some(entry) = self.entries.get_mut(&dependent) {
                    entry.validity.requires.retain(|required| required != tag);
                }
                self.announce(dependent);
            }
        }
    }

    fn fail(&mut self, hash: &H256, status: TxStatus) {
        if let Some(entry) = self.remove(hash) {
            entry.tell(status);
        }
    }

    fn expire(&mut self, number: u64) {
        let expired: Vec<H256> =
            self.entries.iter().filter(|(_, e)| e.last_block <= number).map(|(hash, _)| *hash).collect();
        let reason = format!("no longer valid after block {number}");
        expired.iter().for_each(|hash| self.fail(hash, TxStatus::Invalid(reason.clone())));
    }

    fn remove(&mut self, hash: &H256) -> Option<Entry> {
        let entry = self.entries.remove(hash)?;
        self.bytes -= entry.bytes.len();
        for tag in &entry.validity.provides {
            self.provided.remove(tag);
        }
        for tag in &entry.validity.requires {
            self.forget_dependent(tag, hash);
        }
        Some(entry)
    }

    fn forget_dependent(&mut self, tag: &TransactionTag, hash: &H256) {
        let Some(dependents) = self.dependents.get_mut(tag) else { return };
        dependents.remove(hash);
        if dependents.is_empty() {
            self.dependents.remove(tag);
        }
    }
}

#[cfg(test)]
mod tests;
