//! Stake, then dump.

use serde::{Deserialize, Serialize};
use sn3_protocol::NetUid;

use crate::scenario::Amount;
use crate::world::World;

/// Stakes TAO at one tick and sells everything it holds there some blocks later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dump {
    /// The subnet.
    pub netuid: u16,
    /// On whose hotkey: a selector of one validator.
    pub on: String,
    /// How much TAO.
    pub tao: Amount,
    /// When it buys.
    pub at: u64,
    /// How many blocks later it sells.
    pub after_blocks: u64,
}

impl Dump {
    pub(super) fn act(&self, world: &mut World, actor: usize, tick: u64) -> Option<u64> {
        let netuid = NetUid(self.netuid);
        let hotkey = world.cast.hotkey_of(&self.on)?;
        if tick == self.at {
            world.stake(actor, &hotkey, netuid, self.tao.rao(), None);
            return Some(self.at.saturating_add(self.after_blocks.max(1)));
        }
        world.unstake(actor, &hotkey, netuid, None, None);
        None
    }
}

#[cfg(test)]
mod tests {
    use sn3_emission::network::Bank;

    use crate::scenario::{Format, Scenario};
    use crate::world::World;

    #[test]
    fn a_round_trip_without_emission_costs_two_fees() {
        let text = "name = \"t\"\nblocks = 10\n[[subnets]]\nnetuid = 1\n[[subnets.validators]]\nname = \"v\"\nstake = 5\n[[stakers]]\nname = \"w\"\nbalance = 101\nbehaviour = { dump = { netuid = 1, on = \"v\", tao = 100, at = 3, after_blocks = 4 } }\n";
        let scenario = Scenario::parse(text, Format::Toml).unwrap();
        let mut world = World::build(&scenario).unwrap();
        let whale = world.cast.actor_named("w").unwrap();
        let step = scenario.stakers[0].behaviour.0[0].clone();
        assert_eq!(step.first(), Some(3));
        assert_eq!(step.act(&mut world, whale, 3), Some(7));
        let coldkey = world.cast.actors[whale].coldkey;
        assert!(world.bank.balance(&coldkey) < 1_100_000_000);
        assert_eq!(step.act(&mut world, whale, 7), None);
        let left = world.bank.balance(&coldkey);
        assert!((100_890_000_000..101_000_000_000).contains(&left), "{left}");
        assert!(world.refusals.is_empty(), "{:?}", world.refusals);
    }
}
