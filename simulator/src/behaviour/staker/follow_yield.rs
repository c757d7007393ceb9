//! Chasing yield.

use serde::{Deserialize, Serialize};
use sn3_emission::network::Subnet;
use sn3_protocol::{Hotkey, NetUid};

use crate::scenario::Part;
use crate::world::World;

/// Every so many blocks, moves a part of every holding to the validator that paid most per alpha staked and block at its
/// last epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FollowYield {
    /// Blocks between two looks.
    pub every_blocks: u64,
    /// Part of each holding that moves.
    pub share: Part,
}

impl Default for FollowYield {
    fn default() -> Self {
        Self { every_blocks: 7_200, share: Part::ONE }
    }
}

impl FollowYield {
    pub(super) fn act(&self, world: &mut World, actor: usize, tick: u64) -> Option<u64> {
        if let Some(best) = best_yield(world) {
            for (netuid, hotkey) in world.holdings(actor) {
                if (netuid, hotkey) != best && netuid.0 != 0 {
                    let held = world.held(actor, &hotkey, netuid);
                    world.move_stake(actor, (&hotkey, netuid), (&best.1, best.0), self.share.of(held));
                }
            }
        }
        Some(tick.saturating_add(self.every_blocks.max(1)))
    }
}

/// Dividends over stake and blocks, as a fraction that is compared exactly.
#[derive(Clone, Copy, Debug)]
struct Yield {
    dividends: u64,
    stake_blocks: u128,
}

impl Yield {
    fn exceeds(self, other: Self) -> bool {
        let (left, right) = (u128::from(self.dividends), u128::from(other.dividends));
        // Stakes stay below 2^55 and tempos below 2^16, so that the products need at most 126 bits.
        left * (other.stake_blocks >> 8) > right * (self.stake_blocks >> 8)
    }
}

/// Where a staker would have earned most; ties go to the lowest netuid, then hotkey.
fn best_yield(world: &World) -> Option<(NetUid, Hotkey)> {
    let mut best: Option<(Yield, NetUid, Hotkey)> = None;
    for (netuid, subnet) in world.network.subnets.iter().filter(|(netuid, _)| netuid.0 != 0) {
        for (hotkey, paid) in yields(subnet) {
            if best.is_none_or(|(most, _, _)| paid.exceeds(most)) {
                best = Some((paid, *netuid, hotkey));
            }
        }
    }
    best.map(|(_, netuid, hotkey)| (netuid, hotkey))
}

fn yields(subnet: &Subnet) -> impl Iterator<Item = (Hotkey, Yield)> + '_ {
    let blocks = u128::from(subnet.params.tempo);
    let paid = subnet.alpha_dividends.iter().filter(|(_, dividends)| **dividends > 0);
    paid.map(move |(hotkey, dividends)| {
        let stake_blocks = u128::from(subnet.stake_of_hotkey(hotkey)) * blocks;
        (*hotkey, Yield { dividends: *dividends, stake_blocks })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Format, Scenario};

    #[test]
    fn stake_moves_to_who_paid_most() {
        let text = "name = \"t\"\nblocks = 10\n[[subnets]]\nnetuid = 1\n[[subnets.validators]]\nname = \"v\"\ncount = 2\nstake = 500\n[[stakers]]\nname = \"w\"\nholds = [{ netuid = 1, on = \"1/v/0\", amount = 100 }]\n";
        let mut world = World::build(&Scenario::parse(text, Format::Toml).unwrap()).unwrap();
        let whale = world.cast.actor_named("w").unwrap();
        let hotkeys = ["1/v/0", "1/v/1"].map(|name| world.cast.hotkey_of(name).unwrap());
        let subnet = world.network.subnet_mut(NetUid(1)).unwrap();
        subnet.alpha_dividends.extend([(hotkeys[0], 1_000_000), (hotkeys[1], 900_000)]);
        let step = FollowYield::default();
        assert_eq!(best_yield(&world).unwrap().1, hotkeys[1], "1.0 on 600 is less than 0.9 on 500");
        assert_eq!(step.act(&mut world, whale, 10), Some(7_210));
        assert_eq!(world.held(whale, &hotkeys[0], NetUid(1)), 0);
        assert_eq!(world.held(whale, &hotkeys[1], NetUid(1)), 100_000_000_000);
    }
}
