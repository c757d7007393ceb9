//! The world of a run: the chain, the accounts, who takes part, and what each of them did.
//!
//! ```text
//!  Scenario ──build──▶ World ─┬─ network   sn3_emission::Network: pools, neurons, stake
//!                             ├─ bank      free TAO by coldkey
//!                             ├─ cast      actors and groups, by name
//!                             ├─ books     per actor: trades, memory, commits
//!                             └─ refusals  operations that the chain refused, by name of the error
//! ```
//!
//! Genesis makes what operations would make, without their price: slots by `register_free`, stake by `grant_stake`
//! with the alpha counted in the subnet's issuance, root stake with its TAO, balances as minted TAO. Everything after
//! that goes through the chain's operations.

mod book;
mod build;
mod cast;
mod operations;
mod restore;
mod roots;
mod upgrade;
mod weigh;

use std::collections::BTreeMap;

use sn3_emission::Network;
use sn3_emission::network::{Balances, Bank};
use sn3_protocol::{Hotkey, NetUid};

pub use book::{Book, Flow, Hidden, Trade};
pub use build::BuildError;
pub use cast::{Actor, Cast, Group, Kind, Role, keys_of};
pub(crate) use operations::worth;

/// The state of a run between two blocks.
#[derive(Clone, Debug)]
pub struct World {
    /// The chain.
    pub network: Network,
    /// Free balances.
    pub bank: Balances,
    /// Who takes part.
    pub cast: Cast,
    /// What each actor did, by its index.
    pub books: Vec<Book>,
    /// How often the chain refused which operation: `(operation, error)` by the chain's names.
    pub refusals: BTreeMap<(String, String), u64>,
    /// What the chain emitted into each subnet since the start.
    pub flows: BTreeMap<NetUid, Flow>,
    /// Number of the block that tick 0 stands on.
    pub start_block: u64,
    pub(crate) seed: u64,
    pub(crate) slots: BTreeMap<NetUid, Vec<Option<u32>>>,
}

impl World {
    /// Blocks since the start of the run.
    #[must_use]
    pub fn tick(&self) -> u64 {
        self.network.block.saturating_sub(self.start_block)
    }

    /// What an actor holds on a hotkey, in rao.
    #[must_use]
    pub fn held(&self, actor: usize, hotkey: &Hotkey, netuid: NetUid) -> u64 {
        self.network.stake_of(hotkey, &self.cast.actors[actor].coldkey, netuid)
    }

    /// An actor's free TAO in rao.
    #[must_use]
    pub fn balance(&self, actor: usize) -> u64 {
        self.bank.balance(&self.cast.actors[actor].coldkey)
    }

    /// Where an actor has stake, by subnet and hotkey.
    #[must_use]
    pub fn holdings(&self, actor: usize) -> Vec<(NetUid, Hotkey)> {
        let coldkey = &self.cast.actors[actor].coldkey;
        let mut hotkeys = self.network.staking_hotkeys.get(coldkey).cloned().unwrap_or_default();
        hotkeys.sort_unstable();
        let subnets = self.network.subnets.iter();
        subnets
            .flat_map(|(netuid, subnet)| hotkeys.iter().map(move |hotkey| (*netuid, subnet, *hotkey)))
            .filter(|(_, subnet, hotkey)| subnet.stake_of(hotkey, coldkey) > 0)
            .map(|(netuid, _, hotkey)| (netuid, hotkey))
            .collect()
    }

    /// The true quality of every neuron's work on a subnet at the current tick, by uid.
    #[must_use]
    pub fn quality(&mut self, netuid: NetUid) -> Vec<f64> {
        let tick = self.tick();
        self.remember_slots(netuid);
        let slots = self.slots.get(&netuid).map_or(&[][..], Vec::as_slice);
        let of =
            |slot: &Option<u32>| slot.map_or(0.0, |actor| self.cast.actors[actor as usize].quality(tick));
        slots.iter().map(of).collect()
    }

    /// Which actor holds which slot; looked up once after every registration.
    fn remember_slots(&mut self, netuid: NetUid) {
        if self.slots.contains_key(&netuid) {
            return;
        }
        let Some(subnet) = self.network.subnet(netuid) else { return };
        let slots =
            subnet.neurons.hotkeys.iter().map(|hotkey| self.cast.by_hotkey.get(hotkey).copied()).collect();
        self.slots.insert(netuid, slots);
    }

    /// Counts a refused operation.
    pub(crate) fn refuse(&mut self, operation: &str, error: &str) {
        *self.refusals.entry((operation.to_owned(), error.to_owned())).or_default() += 1;
    }
}
