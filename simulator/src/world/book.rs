//! What an actor did and remembers.

use std::collections::BTreeMap;

use codec::{Decode, Encode};
use sn3_emission::network::BlockEmission;
use sn3_emission::network::Weights;
use sn3_protocol::{Hotkey, NetUid};

use crate::behaviour::Memory;

/// An actor's trades, hidden weights and memory.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Book {
    /// Free TAO at the start, in rao.
    pub balance_start: u64,
    /// Trades by subnet and hotkey.
    pub trades: BTreeMap<(NetUid, Hotkey), Trade>,
    /// What registrations and networks cost, in rao.
    pub registration_cost: u64,
    /// What the validator's steps remember.
    pub memory: Memory,
    /// Committed weights that wait for their reveal.
    pub hidden: Vec<Hidden>,
    /// What the actor keeps when it sells income, in rao of alpha.
    pub sell_floor: u64,
    /// How often weights were set or committed.
    pub weights_set: u64,
}

/// What went in and out of one holding by the actor's own hand, in rao (alpha; TAO on root).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Trade {
    /// Held at the start.
    pub start: u64,
    /// Bought, or moved in.
    pub bought: u64,
    /// Sold, or moved out.
    pub sold: u64,
}

impl Trade {
    /// What a holding earned: what is there and was taken out, without what was put in.
    ///
    /// ```
    /// use sn3_simulator::world::Trade;
    /// let trade = Trade { start: 100, bought: 20, sold: 50 };
    /// assert_eq!(trade.earned(90), 20);
    /// ```
    #[must_use]
    pub fn earned(&self, held: u64) -> i128 {
        i128::from(held) + i128::from(self.sold) - i128::from(self.start) - i128::from(self.bought)
    }
}

/// Weights behind a commit.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Hidden {
    /// Epoch index of the commit.
    pub epoch: u64,
    /// The weights.
    pub weights: Weights,
    /// The commit's salt.
    pub salt: Vec<u16>,
}

/// What the chain emitted into a subnet since the start of the run, in rao.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Flow {
    /// TAO injected into the pool.
    pub tao_in: u64,
    /// TAO with which the chain bought alpha.
    pub excess_tao: u64,
    /// Alpha injected into the pool.
    pub alpha_in: u64,
    /// Alpha created outside the pool.
    pub alpha_emission: u64,
}

impl Flow {
    /// Adds what a block emitted.
    pub(crate) fn add(&mut self, block: &BlockEmission) {
        self.tao_in = self.tao_in.saturating_add(block.tao_in);
        self.excess_tao = self.excess_tao.saturating_add(block.excess_tao);
        self.alpha_in = self.alpha_in.saturating_add(block.alpha_in);
        self.alpha_emission = self.alpha_emission.saturating_add(block.alpha_out);
    }

    /// All TAO.
    #[must_use]
    pub fn tao(&self) -> u64 {
        self.tao_in.saturating_add(self.excess_tao)
    }
}
