//! The trie nodes of all recent states in one reference-counted map.
//!
//! A state is only a root hash into this map, so keeping 256 of them costs no more than the nodes that
//! changed between them. Nodes that a block replaces stay until that block leaves the window; a block
//! can also be undone while it is inside.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{Arc, RwLock},
};

use hash_db::Prefix;
use sp_core::H256;
use sp_runtime::traits::BlakeTwo256;
use sp_state_machine::{BackendTransaction, DefaultError, TrieBackendStorage};
use sp_trie::prefixed_key;

use super::sync::{read, write};

/// A trie node's place (its path and hash, so equal nodes at two places are two entries).
type Place = Vec<u8>;

/// All trie nodes of the states inside the window.
#[derive(Default)]
pub struct NodeStore {
    inner: RwLock<Nodes>,
}

#[derive(Default)]
struct Nodes {
    nodes: HashMap<Place, Node>,
    /// One entry per block that can still be undone, oldest first.
    journals: VecDeque<Journal>,
}

struct Node {
    bytes: Vec<u8>,
    count: u32,
}

/// What one block did to the map.
#[derive(Default)]
struct Journal {
    inserted: Vec<(Place, u32)>,
    /// Released by the block, but still needed by the states before it.
    released: Vec<(Place, u32)>,
}

impl NodeStore {
    /// Adds the nodes of a new block's state; the ones it replaces remain readable.
    pub fn commit(&self, mut changes: BackendTransaction<BlakeTwo256>) {
        let mut journal = Journal::default();
        let mut nodes = write(&self.inner);
        for (place, (bytes, count)) in changes.drain() {
            match u32::try_from(count) {
                Ok(0) => {}
                Ok(added) => {
                    nodes.insert(&place, bytes, added);
                    journal.inserted.push((place, added));
                }
                Err(_) => journal.released.push((place, count.unsigned_abs())),
            }
        }
        nodes.journals.push_back(journal);
    }

    /// Forgets the oldest states until at most `keep` blocks can be undone.
    pub fn prune(&self, keep: usize) {
        let mut nodes = write(&self.inner);
        while nodes.journals.len() > keep {
            let oldest = nodes.journals.pop_front().unwrap_or_default();
            oldest.released.iter().for_each(|(place, count)| nodes.release(place, *count));
        }
    }

    /// Takes back the newest block; `false` when it has left the window.
    pub fn undo(&self) -> bool {
        let mut nodes = write(&self.inner);
        let Some(newest) = nodes.journals.pop_back() else { return false };
        newest.inserted.iter().for_each(|(place, count)| nodes.release(place, *count));
        true
    }

    /// How many nodes are held.
    #[cfg(test)]
    pub fn node_count(&self) -> usize {
        read(&self.inner).nodes.len()
    }
}

impl Nodes {
    fn insert(&mut self, place: &Place, bytes: Vec<u8>, count: u32) {
        match self.nodes.entry(place.clone()) {
            Entry::Occupied(mut held) => held.get_mut().count = held.get().count.saturating_add(count),
            Entry::Vacant(free) => {
                free.insert(Node { bytes, count });
            }
        }
    }

    fn release(&mut self, place: &Place, count: u32) {
        let Some(node) = self.nodes.get_mut(place) else { return };
        node.count = node.count.saturating_sub(count);
        if node.count == 0 {
            self.nodes.remove(place);
        }
    }
}

/// A shared handle that the state machine reads through.
#[derive(Clone)]
pub struct StoreHandle(pub Arc<NodeStore>);

impl TrieBackendStorage<BlakeTwo256> for StoreHandle {
    fn get(&self, key: &H256, prefix: Prefix<'_>) -> Result<Option<Vec<u8>>, DefaultError> {
        let place = prefixed_key::<BlakeTwo256>(key, prefix);
        Ok(read(&self.0.inner).nodes.get(&place).map(|node| node.bytes.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::state::State;
    use proptest::prelude::*;
    use sp_runtime::StateVersion;
    use sp_state_machine::Backend;
    use std::collections::BTreeMap;

    type Model = BTreeMap<Vec<u8>, Vec<u8>>;
    type Change = (u8, Option<(u8, bool)>);

    /// A small key space, and values on both sides of the 32-byte limit of inline storage.
    fn apply(model: &mut Model, changes: &[Change]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let delta: BTreeMap<Vec<u8>, Option<Vec<u8>>> = changes
            .iter()
            .map(|(key, value)| {
                let long = |(byte, long): (u8, bool)| vec![byte; if long { 40 } else { 3 }];
                (vec![key % 16, key / 16], value.map(long))
            })
            .collect();
        for (key, value) in &delta {
            match value {
                Some(value) => drop(model.insert(key.clone(), value.clone())),
                None => drop(model.remove(key)),
            }
        }
        delta.into_iter().collect()
    }

    fn advance(store: &Arc<NodeStore>, root: H256, delta: &[(Vec<u8>, Option<Vec<u8>>)]) -> H256 {
        let state = State::at(store, root);
        let borrowed = delta.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let (root, changes) = state.backend().storage_root(borrowed, StateVersion::V1);
        store.commit(changes);
        root
    }

    fn all(store: &Arc<NodeStore>, root: H256) -> Model {
        let state = State::at(store, root);
        state.backend().pairs(Default::default()).unwrap().map(|pair| pair.unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Every state inside the window reads back whole after any changes, undos and prunes, and
        /// nothing is left once everything has been undone.
        #[test]
        fn every_state_in_the_window_stays_whole(
            blocks in prop::collection::vec(
                prop::collection::vec((any::<u8>(), prop::option::of((0u8..4, any::<bool>()))), 0..12), 1..24),
            undone in prop::collection::vec(any::<bool>(), 24),
        ) {
            const KEEP: usize = 6;
            let store = Arc::new(NodeStore::default());
            let mut history = vec![(sp_trie::empty_trie_root::<sp_trie::LayoutV1<BlakeTwo256>>(), Model::new())];
            for (changes, undo) in blocks.iter().zip(undone) {
                let (root, mut model) = history.last().cloned().unwrap();
                let delta = apply(&mut model, changes);
                history.push((advance(&store, root, &delta), model));
                if undo {
                    prop_assert!(store.undo());
                    history.pop();
                }
                store.prune(KEEP);
                for (root, model) in history.iter().rev().take(KEEP + 1) {
                    prop_assert_eq!(&all(&store, *root), model);
                }
            }
        }
    }

    #[test]
    fn undoing_everything_leaves_nothing() {
        let store = Arc::new(NodeStore::default());
        let mut root = sp_trie::empty_trie_root::<sp_trie::LayoutV1<BlakeTwo256>>();
        for byte in 0..40u8 {
            root = advance(&store, root, &[(vec![byte], Some(vec![byte; 50])), (vec![byte / 2], None)]);
        }
        assert!(store.node_count() > 0);
        while store.undo() {}
        assert_eq!(store.node_count(), 0);
    }
}
