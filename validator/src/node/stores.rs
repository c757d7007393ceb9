//! One's own store and those of the peers, opened once.

use std::collections::BTreeMap;

use sn3_exchange::{OpenError, Store};
use sn3_protocol::Hotkey;
use sn3_protocol::address::StoreAddress;

/// Most peers' stores that are kept open.
const OPEN_MAX: usize = 4096;

pub(super) struct Stores {
    own: Store,
    open: BTreeMap<StoreAddress, Store>,
}

impl Stores {
    pub fn new(own: Store) -> Self {
        Self { own, open: BTreeMap::new() }
    }

    pub fn own(&self) -> &Store {
        &self.own
    }

    /// The store at a peer's committed address.
    pub fn peer(&mut self, address: &StoreAddress) -> Result<Store, OpenError> {
        if let Some(store) = self.open.get(address) {
            return Ok(store.clone());
        }
        let store = self.own.peer(address)?;
        if self.open.len() >= OPEN_MAX {
            self.open.clear();
        }
        self.open.insert(address.clone(), store.clone());
        Ok(store)
    }

    /// The stores of all peers with a usable address; a bad address is the peer's loss.
    pub fn all(&mut self, addresses: &BTreeMap<Hotkey, StoreAddress>) -> BTreeMap<Hotkey, Store> {
        let mut stores = BTreeMap::new();
        for (hotkey, address) in addresses {
            match self.peer(address) {
                Ok(store) => drop(stores.insert(*hotkey, store)),
                Err(error) => tracing::warn!(%hotkey, %error, "a peer's store address cannot be used"),
            }
        }
        stores
    }
}
