//! Trading around others.

use serde::{Deserialize, Serialize};
use sn3_protocol::NetUid;

use crate::scenario::{Action, Amount, Event};
use crate::world::World;

/// Sees the stake operations of a block before they happen, as anybody can who watches the pool of transactions,
/// and trades before and after them. Before a large purchase it buys and sells again after it; before a large sale
/// it sells what it holds and buys back after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sandwich {
    /// The subnet.
    pub netuid: u16,
    /// On whose hotkey it stakes: a selector of one validator.
    pub on: String,
    /// TAO that it uses for a purchase.
    pub tao: Amount,
    /// Smaller trades (in TAO when buying, alpha when selling) are left alone.
    #[serde(default)]
    pub victim_min: Amount,
}

/// What was done before the victim's trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// Alpha was bought.
    Bought(u64),
    /// Alpha was sold for TAO.
    Sold(u64),
}

impl Sandwich {
    /// Trades before the tick's events, if one of them is worth it.
    pub(crate) fn front(&self, world: &mut World, actor: usize, events: &[&Event]) -> Option<Front> {
        let hotkey = world.cast.hotkey_of(&self.on)?;
        let netuid = NetUid(self.netuid);
        let buys = events.iter().find_map(|event| self.victim_buys(&event.action))?;
        if buys {
            let moved = world.stake(actor, &hotkey, netuid, self.tao.rao(), None)?;
            return Some(Front::Bought(moved.alpha));
        }
        world.unstake(actor, &hotkey, netuid, None, None).map(|moved| Front::Sold(moved.tao))
    }

    /// Undoes the trade after the events.
    pub(crate) fn back(&self, world: &mut World, actor: usize, front: Front) {
        let Some(hotkey) = world.cast.hotkey_of(&self.on) else { return };
        let netuid = NetUid(self.netuid);
        match front {
            Front::Bought(alpha) => world.unstake(actor, &hotkey, netuid, Some(alpha), None),
            Front::Sold(tao) => world.stake(actor, &hotkey, netuid, tao, None),
        };
    }

    /// Whether an event is a large purchase (true) or sale (false) on the subnet.
    fn victim_buys(&self, action: &Action) -> Option<bool> {
        match action {
            Action::Stake { netuid, tao, .. } if *netuid == self.netuid && *tao >= self.victim_min => {
                Some(true)
            }
            Action::Unstake { netuid, alpha, .. }
                if *netuid == self.netuid && alpha.is_none_or(|alpha| alpha >= self.victim_min) =>
            {
                Some(false)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use sn3_emission::network::Bank;

    use crate::run::{Control, Simulation};
    use crate::scenario::{Format, Scenario};

    fn profit(victim_min: u64) -> i128 {
        let text = format!(
            "name = \"t\"\nblocks = 5\n[[subnets]]\nnetuid = 1\n[[subnets.validators]]\nname = \"v\"\nstake = 5\n[[stakers]]\nname = \"victim\"\nbalance = 5000\n[[stakers]]\nname = \"bot\"\nbalance = 1001\nbehaviour = {{ sandwich = {{ netuid = 1, on = \"v\", tao = 1000, victim_min = {victim_min} }} }}\n[[events]]\nat = 2\ndo = {{ stake = {{ who = \"victim\", on = \"v\", netuid = 1, tao = 4000 }} }}\n"
        );
        let scenario = Scenario::parse(&text, Format::Toml).unwrap();
        let mut simulation = Simulation::new(&scenario).unwrap();
        simulation.run(&mut |_| Control::Continue);
        let world = simulation.world();
        let bot = world.cast.actor_named("bot").unwrap();
        i128::from(world.bank.balance(&world.cast.actors[bot].coldkey)) - 1_001_000_000_000
    }

    #[test]
    fn a_large_purchase_is_sandwiched_with_profit() {
        assert!(profit(1_000) > 100_000_000_000, "{}", profit(1_000));
    }

    #[test]
    fn small_trades_are_left_alone() {
        assert_eq!(profit(10_000), 0);
    }
}
