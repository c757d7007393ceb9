//! Reading a state and running the runtime on it.

use std::sync::Arc;

use sp_core::H256;
use sp_externalities::{Extensions, set_and_run_with_externalities};
use sp_runtime::{StateVersion, traits::BlakeTwo256};
use sp_state_machine::{
    Backend, BackendTransaction, Ext, IterArgs, OverlayedChanges, StorageCollection, TrieBackendBuilder,
};

use super::{
    panics::guarded,
    reads::{ReadOnce, Reads},
    store::{NodeStore, StoreHandle},
};
use crate::runtime::api;

/// What the runtime at `system_version` 1 stores values with.
const STATE_VERSION: StateVersion = StateVersion::V1;

/// The whole state after one block. Cheap to make: it is a root hash and a shared store.
pub struct State {
    backend: ReadOnce,
}

/// A state that is not part of the chain yet.
pub struct NewState {
    /// Its root.
    pub root: H256,
    /// The trie nodes that lead to it.
    pub nodes: BackendTransaction<BlakeTwo256>,
    /// The values that differ from those before.
    pub values: StorageCollection,
}

/// Why a state cannot be read or run on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The runtime has no such method.
    #[error("Exported method {0} is not found")]
    UnknownMethod(String),
    /// The runtime refused the arguments by panicking.
    #[error("{method} stopped: {message}")]
    Stopped {
        /// The method called.
        method: String,
        /// The panic's message and place.
        message: String,
    },
    /// A node of the state is gone: it left the window while it was being read.
    #[error("State already discarded ({0})")]
    Discarded(String),
}

impl State {
    /// The state below `root`.
    pub fn at(store: &Arc<NodeStore>, root: H256) -> Self {
        Self::known(store, Reads::of(root))
    }

    /// A state of which some is known.
    pub fn known(store: &Arc<NodeStore>, reads: Reads) -> Self {
        let trie = TrieBackendBuilder::new(StoreHandle(store.clone()), reads.root()).build();
        Self { backend: ReadOnce::new(trie, reads) }
    }

    /// The state machine's own view.
    pub fn backend(&self) -> &ReadOnce {
        &self.backend
    }

    /// The value at `key`.
    pub fn storage(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CallError> {
        self.backend.storage(key).map_err(CallError::Discarded)
    }

    /// The blake2b-256 hash of the value at `key`.
    pub fn storage_hash(&self, key: &[u8]) -> Result<Option<H256>, CallError> {
        self.backend.storage_hash(key).map_err(CallError::Discarded)
    }

    /// At most `count_max` keys below `prefix` in order, those after `after` when it is given.
    pub fn keys(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        count_max: usize,
    ) -> Result<Vec<Vec<u8>>, CallError> {
        let mut args = IterArgs::default();
        args.prefix = Some(prefix);
        args.start_at = after;
        args.start_at_exclusive = after.is_some();
        let keys = self.backend.keys(args).map_err(CallError::Discarded)?;
        keys.take(count_max).map(|key| key.map_err(CallError::Discarded)).collect()
    }

    /// Runs a runtime method and throws its writes away.
    pub fn call(&self, method: &str, args: &[u8]) -> Result<Vec<u8>, CallError> {
        Execution::on(self).call(method, args)
    }
}

/// A sequence of runtime calls on one state, each seeing the writes of those before it.
pub struct Execution<'a> {
    state: &'a State,
    overlay: OverlayedChanges<BlakeTwo256>,
    extensions: Extensions,
}

impl<'a> Execution<'a> {
    /// Starts on `state`, which is not changed.
    pub fn on(state: &'a State) -> Self {
        Self { state, overlay: OverlayedChanges::default(), extensions: Extensions::default() }
    }

    /// Calls a method and keeps its writes, unless it fails.
    pub fn call(&mut self, method: &str, args: &[u8]) -> Result<Vec<u8>, CallError> {
        self.call_if(method, args, |_| true)
    }

    /// Calls a method and keeps its writes if `accept` likes the answer; a failed call leaves none.
    pub fn call_if(
        &mut self,
        method: &str,
        args: &[u8],
        accept: impl FnOnce(&[u8]) -> bool,
    ) -> Result<Vec<u8>, CallError> {
        self.overlay.start_transaction();
        let outcome = self.dispatch(method, args);
        if outcome.as_ref().is_ok_and(|answer| accept(answer)) {
            self.overlay.commit_transaction().expect("a transaction was started above");
        } else {
            self.overlay.rollback_transaction().expect("a transaction was started above");
        }
        outcome
    }

    /// Layers that a panicking call left open are closed by `exit_runtime`.
    fn dispatch(&mut self, method: &str, args: &[u8]) -> Result<Vec<u8>, CallError> {
        self.overlay.enter_runtime().expect("calls do not nest: this type is borrowed mutably");
        let overlay = &mut self.overlay;
        let extensions = &mut self.extensions;
        let outcome = guarded(|| {
            let mut ext = Ext::new(overlay, &self.state.backend, Some(extensions));
            set_and_run_with_externalities(&mut ext, || api::dispatch(method, args))
        });
        self.overlay.exit_runtime().expect("the runtime was entered above");
        match outcome {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(CallError::UnknownMethod(method.to_owned())),
            Err(message) => Err(CallError::Stopped { method: method.to_owned(), message }),
        }
    }

    /// The state with all writes.
    pub fn finish(mut self) -> Result<NewState, CallError> {
        let changes = self
            .overlay
            .drain_storage_changes(&self.state.backend, STATE_VERSION)
            .map_err(CallError::Discarded)?;
        Ok(NewState {
            root: changes.transaction_storage_root,
            nodes: changes.transaction,
            values: changes.main_storage_changes,
        })
    }
}
