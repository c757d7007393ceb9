//! The chain's operations as actors use them: what succeeds is booked, what is refused is counted.

use sn3_emission::OpError;
use sn3_emission::network::{Bank, Position, PriceLimit, StakeMoved};
use sn3_protocol::{Hotkey, NetUid};

use super::{Trade, World};
use crate::scenario::Limit;

fn price_limit(limit: Limit) -> PriceLimit {
    PriceLimit { price_rao: limit.price.rao(), allow_partial: limit.partial }
}

impl World {
    /// Counts a refusal; passes the result on without its error.
    pub(crate) fn noted<T>(&mut self, operation: &str, result: Result<T, OpError>) -> Option<T> {
        result.map_err(|error| self.refuse(operation, error.name())).ok()
    }

    /// Buys alpha with an actor's TAO and stakes it.
    pub fn stake(
        &mut self,
        actor: usize,
        hotkey: &Hotkey,
        netuid: NetUid,
        tao_rao: u64,
        limit: Option<Limit>,
    ) -> Option<StakeMoved> {
        let coldkey = self.cast.actors[actor].coldkey;
        let (before, bank) = (self.held(actor, hotkey, netuid), &mut self.bank);
        let result = match limit.map(price_limit) {
            None => self.network.add_stake(bank, &coldkey, hotkey, netuid, tao_rao),
            Some(limit) => self.network.add_stake_limit(bank, &coldkey, hotkey, netuid, tao_rao, limit),
        };
        let moved = self.noted("add_stake", result)?;
        let gain = self.held(actor, hotkey, netuid).saturating_sub(before);
        self.trade(actor, netuid, hotkey).bought += gain;
        Some(moved)
    }

    /// Sells an actor's staked alpha; all of it without an amount.
    pub fn unstake(
        &mut self,
        actor: usize,
        hotkey: &Hotkey,
        netuid: NetUid,
        alpha_rao: Option<u64>,
        limit: Option<Limit>,
    ) -> Option<StakeMoved> {
        let coldkey = self.cast.actors[actor].coldkey;
        let (before, bank) = (self.held(actor, hotkey, netuid), &mut self.bank);
        let alpha = alpha_rao.unwrap_or(before);
        let result = match limit.map(price_limit) {
            None => self.network.remove_stake(bank, &coldkey, hotkey, netuid, alpha),
            Some(limit) => self.network.remove_stake_limit(bank, &coldkey, hotkey, netuid, alpha, limit),
        };
        let moved = self.noted("remove_stake", result)?;
        let loss = before.saturating_sub(self.held(actor, hotkey, netuid));
        self.trade(actor, netuid, hotkey).sold += loss;
        Some(moved)
    }

    /// Moves an actor's stake to another hotkey or subnet.
    pub fn move_stake(
        &mut self,
        actor: usize,
        (from, from_netuid): (&Hotkey, NetUid),
        (to, to_netuid): (&Hotkey, NetUid),
        alpha_rao: u64,
    ) -> Option<StakeMoved> {
        let coldkey = self.cast.actors[actor].coldkey;
        let place = |hotkey: &Hotkey, netuid| Position { hotkey: *hotkey, coldkey, netuid };
        let before = (self.held(actor, from, from_netuid), self.held(actor, to, to_netuid));
        let (origin, goal) = (place(from, from_netuid), place(to, to_netuid));
        let result = self.network.move_stake(&mut self.bank, &origin, &goal, alpha_rao);
        let moved = self.noted("move_stake", result)?;
        let loss = before.0.saturating_sub(self.held(actor, from, from_netuid));
        let gain = self.held(actor, to, to_netuid).saturating_sub(before.1);
        self.trade(actor, from_netuid, from).sold += loss;
        self.trade(actor, to_netuid, to).bought += gain;
        Some(moved)
    }

    fn trade(&mut self, actor: usize, netuid: NetUid, hotkey: &Hotkey) -> &mut Trade {
        self.books[actor].trades.entry((netuid, *hotkey)).or_default()
    }

    /// Registers those of an actor's hotkeys that have no slot on its subnet, for the price.
    pub fn register(&mut self, actor: usize) {
        let Some(netuid) = self.cast.actors[actor].netuid else { return };
        let coldkey = self.cast.actors[actor].coldkey;
        let before = self.bank.balance(&coldkey);
        for hotkey in self.cast.actors[actor].hotkeys.clone() {
            let there = self.network.subnet(netuid).is_some_and(|s| s.neurons.uid_of(&hotkey).is_some());
            if !there {
                let result = self.network.register(&mut self.bank, &coldkey, &hotkey, netuid);
                self.noted("burned_register", result);
            }
        }
        self.books[actor].registration_cost += before.saturating_sub(self.bank.balance(&coldkey));
        self.slots.remove(&netuid);
    }

    /// Registers a network that an actor owns.
    pub fn register_network(&mut self, actor: usize) -> Option<NetUid> {
        let (coldkey, hotkey) = (self.cast.actors[actor].coldkey, self.cast.actors[actor].hotkey());
        let before = self.bank.balance(&coldkey);
        let result = self.network.register_network(&mut self.bank, &coldkey, &hotkey);
        let netuid = self.noted("register_network", result)?;
        self.books[actor].registration_cost += before.saturating_sub(self.bank.balance(&coldkey));
        self.slots.clear();
        Some(netuid)
    }

    /// Sells a part of what an actor earned on its subnet since the last sale. Sales too small for the chain wait.
    pub fn sell_income(&mut self, actor: usize) {
        let Some((netuid, selling)) =
            self.cast.actors[actor].netuid.zip(self.cast.actors[actor].sell.clone())
        else {
            return;
        };
        let hotkeys = self.cast.actors[actor].hotkeys.clone();
        let held: u64 = hotkeys.iter().map(|hotkey| self.held(actor, hotkey, netuid)).sum();
        let wanted = selling.share.of(held.saturating_sub(self.books[actor].sell_floor));
        let mut left = wanted;
        let price = self.network.subnet(netuid).map(|subnet| subnet.price().to_bits()).unwrap_or_default();
        for hotkey in &hotkeys {
            let amount = left.min(self.held(actor, hotkey, netuid));
            let sellable = worth(amount, price) > 2 * self.network.globals.min_stake_rao;
            if sellable && self.unstake(actor, hotkey, netuid, Some(amount), None).is_some() {
                left -= amount;
            }
        }
        if left < wanted {
            let held: u64 = hotkeys.iter().map(|hotkey| self.held(actor, hotkey, netuid)).sum();
            self.books[actor].sell_floor = held.saturating_sub(left);
        }
    }
}

/// Alpha at a price with 64 fraction bits, in rao of TAO; prices count with 32 bits here.
pub(crate) fn worth(alpha: u64, price_bits: u128) -> u64 {
    let price = price_bits >> 32;
    u64::try_from(u128::from(alpha).saturating_mul(price) >> 32).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Format, Scenario};

    #[test]
    fn alpha_is_worth_its_price() {
        assert_eq!(worth(10_000, 1 << 63), 5_000);
        assert_eq!(worth(10_000, 3 << 64), 30_000);
    }

    #[test]
    fn refused_operations_change_nothing_and_are_counted() {
        let text = "name = \"t\"\nblocks = 10\n[[subnets]]\nnetuid = 1\n[[subnets.validators]]\nname = \"v\"\nstake = 5\n[[stakers]]\nname = \"w\"\nbalance = 1\n";
        let mut world = World::build(&Scenario::parse(text, Format::Toml).unwrap()).unwrap();
        let (whale, before) = (world.cast.actor_named("w").unwrap(), world.network.clone());
        let hotkey = world.cast.hotkey_of("v").unwrap();
        assert!(world.stake(whale, &hotkey, NetUid(1), 2_000_000_000, None).is_none());
        assert!(world.network == before);
        let refused = ("add_stake".to_owned(), "NotEnoughBalanceToStake".to_owned());
        assert_eq!(world.refusals.get(&refused), Some(&1));
    }
}
