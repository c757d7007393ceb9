//! Values that were read from a state already, so that they are not looked up in the trie again.
//!
//! A block reads hundreds of settings that the block before has read too. A lookup walks five or six trie nodes; a
//! remembered value costs one hash. When a block is added, what it changed is changed here as well, so the next one
//! starts with all that is known. A revert, or an older block, starts with nothing.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use sp_core::{H256, storage::ChildInfo};
use sp_runtime::{StateVersion, traits::BlakeTwo256};
use sp_state_machine::{
    Backend, BackendTransaction, DefaultError, IterArgs, StateMachineStats, StorageCollection,
    StorageIterator, StorageKey, StorageValue, TrieBackend, UsageInfo,
};
use sp_trie::MerkleValue;

use super::{
    store::StoreHandle,
    sync::{read, write},
};

/// Values longer than this are read rarely and would fill the memory.
const VALUE_BYTES_MAX: usize = 4 * 1024;
/// Keys and values together; more are forgotten all at once.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// What an entry takes besides its key and value.
const ENTRY_BYTES: usize = 96;

/// The trie below one root.
pub type Trie = TrieBackend<StoreHandle, BlakeTwo256>;

/// What is known of one state.
#[derive(Default, Debug)]
pub struct Known {
    values: HashMap<StorageKey, Option<StorageValue>>,
    bytes: usize,
}

impl Known {
    fn insert(&mut self, key: &[u8], value: Option<&[u8]>) {
        let length = value.map_or(0, <[u8]>::len);
        if length > VALUE_BYTES_MAX {
            self.values.remove(key);
            return;
        }
        if self.bytes > BYTES_MAX {
            *self = Self::default();
        }
        // What an entry replaces is counted again, so the sum errs on the safe side.
        self.bytes += key.len() + length + ENTRY_BYTES;
        self.values.insert(key.to_vec(), value.map(<[u8]>::to_vec));
    }
}

/// What is known of the state below a root, shared by everybody who reads it.
#[derive(Clone, Debug)]
pub struct Reads {
    root: H256,
    known: Arc<RwLock<Known>>,
}

impl Reads {
    /// Nothing is known of the state below `root`.
    pub fn of(root: H256) -> Self {
        Self { root, known: Arc::default() }
    }

    /// The root.
    pub fn root(&self) -> H256 {
        self.root
    }

    /// What is known after a block that changed `changes`. It takes over what was known before, unless somebody
    /// still reads the state before.
    pub fn after(self, root: H256, changes: StorageCollection) -> Self {
        let Ok(known) = Arc::try_unwrap(self.known) else { return Self::of(root) };
        let mut known = known.into_inner().unwrap_or_default();
        for (key, value) in changes {
            known.insert(&key, value.as_deref());
        }
        Self { root, known: Arc::new(RwLock::new(known)) }
    }
}

/// A trie whose values are looked up once.
#[derive(Debug)]
pub struct ReadOnce {
    trie: Trie,
    reads: Reads,
}

impl ReadOnce {
    /// In front of `trie`, whose root is that of `reads`.
    pub fn new(trie: Trie, reads: Reads) -> Self {
        debug_assert_eq!(*trie.root(), reads.root, "what is known belongs to the trie");
        Self { trie, reads }
    }
}

/// An iterator of the trie.
pub struct Walk(<Trie as Backend<BlakeTwo256>>::RawIter);

impl StorageIterator<BlakeTwo256> for Walk {
    type Backend = ReadOnce;
    type Error = DefaultError;

    fn next_key(&mut self, backend: &ReadOnce) -> Option<Result<StorageKey, DefaultError>> {
        self.0.next_key(&backend.trie)
    }

    fn next_pair(&mut self, backend: &ReadOnce) -> Option<Result<(StorageKey, StorageValue), DefaultError>> {
        self.0.next_pair(&backend.trie)
    }

    fn was_complete(&self) -> bool {
        self.0.was_complete()
    }
}

impl Backend<BlakeTwo256> for ReadOnce {
    type Error = DefaultError;
    type TrieBackendStorage = StoreHandle;
    type RawIter = Walk;

    fn storage(&self, key: &[u8]) -> Result<Option<StorageValue>, DefaultError> {
        if let Some(value) = read(&self.reads.known).values.get(key) {
            return Ok(value.clone());
        }
        let value = self.trie.storage(key)?;
        write(&self.reads.known).insert(key, value.as_deref());
        Ok(value)
    }

    fn exists_storage(&self, key: &[u8]) -> Result<bool, DefaultError> {
        self.storage(key).map(|value| value.is_some())
    }

    fn storage_hash(&self, key: &[u8]) -> Result<Option<H256>, DefaultError> {
        self.trie.storage_hash(key)
    }

    fn closest_merkle_value(&self, key: &[u8]) -> Result<Option<MerkleValue<H256>>, DefaultError> {
        self.trie.closest_merkle_value(key)
    }

    fn child_closest_merkle_value(
        &self,
        child: &ChildInfo,
        key: &[u8],
    ) -> Result<Option<MerkleValue<H256>>, DefaultError> {
        self.trie.child_closest_merkle_value(child, key)
    }

    fn child_storage(&self, child: &ChildInfo, key: &[u8]) -> Result<Option<StorageValue>, DefaultError> {
        self.trie.child_storage(child, key)
    }

    fn child_storage_hash(&self, child: &ChildInfo, key: &[u8]) -> Result<Option<H256>, DefaultError> {
        self.trie.child_storage_hash(child, key)
    }

    fn next_storage_key(&self, key: &[u8]) -> Result<Option<StorageKey>, DefaultError> {
        self.trie.next_storage_key(key)
    }

    fn next_child_storage_key(
        &self,
        child: &ChildInfo,
        key: &[u8],
    ) -> Result<Option<StorageKey>, DefaultError> {
        self.trie.next_child_storage_key(child, key)
    }

    fn storage_root<'a>(
        &self,
        delta: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        version: StateVersion,
    ) -> (H256, BackendTransaction<BlakeTwo256>) {
        self.trie.storage_root(delta, version)
    }

    fn child_storage_root<'a>(
        &self,
        child: &ChildInfo,
        delta: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        version: StateVersion,
    ) -> (H256, bool, BackendTransaction<BlakeTwo256>) {
        self.trie.child_storage_root(child, delta, version)
    }

    fn raw_iter(&self, args: IterArgs<'_>) -> Result<Walk, DefaultError> {
        self.trie.raw_iter(args).map(Walk)
    }

    fn register_overlay_stats(&self, _: &StateMachineStats) {}

    fn usage_info(&self) -> UsageInfo {
        self.trie.usage_info()
    }
}
