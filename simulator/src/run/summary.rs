//! Who earned what.

use serde::Serialize;
use sn3_emission::fixed::U64F64;
use sn3_emission::network::Subnet;
use sn3_protocol::NetUid;

use crate::scenario::Scenario;
use crate::world::{Actor, Trade, World, worth};

const RAO_PER_UNIT: u64 = 1_000_000_000;

/// A run's result in numbers.
///
/// *Earned alpha* of a holding is what is there plus what was taken out by trades, minus what was there at the start
/// and what was put in. Its *TAO value* is at the spot price at the end. *Profit* is the change of free TAO plus the
/// value of all holdings, each against the start at the prices of the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Blocks done.
    pub blocks: u64,
    /// Epochs run.
    pub epochs: u64,
    /// All TAO at the end, in rao.
    pub issuance_rao: u64,
    /// Subnets by netuid.
    pub subnets: Vec<SubnetSummary>,
    /// Groups in the scenario's order.
    pub groups: Vec<GroupSummary>,
    /// Actors in the same order.
    pub actors: Vec<ActorSummary>,
    /// Operations that the chain refused, with the error's name and how often.
    pub refusals: Vec<(String, String, u64)>,
}

/// A subnet's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SubnetSummary {
    /// The subnet.
    pub netuid: NetUid,
    /// Spot price at the end, in rao of TAO per alpha.
    pub price_rao: u64,
    /// Moving price at the end, in rao of TAO per alpha.
    pub moving_price_rao: u64,
    /// TAO that the chain put into the subnet during the run, in rao.
    pub tao_emitted_rao: u64,
    /// Alpha created outside the pool during the run, in rao.
    pub alpha_emitted_rao: u64,
    /// TAO reserve at the end, in rao.
    pub pool_tao_rao: u64,
    /// Alpha outside the pool at the end, in rao.
    pub alpha_out_rao: u64,
}

/// A group's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupSummary {
    /// The group's full name.
    pub group: String,
    /// What kind of people.
    pub kind: &'static str,
    /// The subnet.
    pub netuid: Option<NetUid>,
    /// Members.
    pub members: u64,
    /// Alpha earned on the group's subnet, in rao; zero for stakers.
    pub earned_alpha_rao: i64,
    /// Everything earned on all subnets at the prices of the end, in rao of TAO; root dividends included.
    pub earned_value_rao: i64,
    /// Change of free TAO in rao.
    pub free_tao_change_rao: i64,
    /// What was paid for registrations, in rao.
    pub registration_cost_rao: u64,
    /// Value of all holdings at the end, in rao of TAO.
    pub stake_value_rao: u64,
}

/// An actor's result; columns as in [`GroupSummary`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActorSummary {
    /// The actor's full name.
    pub actor: String,
    /// Alpha earned on its own subnet, in rao.
    pub earned_alpha_rao: i64,
    /// Everything earned at the prices of the end, in rao of TAO.
    pub earned_value_rao: i64,
    /// Change of free TAO in rao.
    pub free_tao_change_rao: i64,
    /// What was paid for registrations, in rao.
    pub registration_cost_rao: u64,
    /// Value of all holdings at the end, in rao of TAO.
    pub stake_value_rao: u64,
    /// How often weights were set or committed.
    pub weights_set: u64,
}

impl Summary {
    pub(super) fn of(scenario: &Scenario, world: &World, epochs: u64) -> Self {
        let actors: Vec<ActorSummary> =
            (0..world.cast.actors.len()).map(|actor| of_actor(world, actor)).collect();
        let groups = world.cast.groups.iter().map(|group| {
            let members = &actors[group.members.clone()];
            let sum = |of: fn(&ActorSummary) -> i64| members.iter().map(of).fold(0_i64, i64::saturating_add);
            let total =
                |of: fn(&ActorSummary) -> u64| members.iter().map(of).fold(0_u64, u64::saturating_add);
            GroupSummary {
                group: group.name.clone(),
                kind: group.kind.name(),
                netuid: group.netuid,
                members: members.len() as u64,
                earned_alpha_rao: sum(|m| m.earned_alpha_rao),
                earned_value_rao: sum(|m| m.earned_value_rao),
                free_tao_change_rao: sum(|m| m.free_tao_change_rao),
                registration_cost_rao: total(|m| m.registration_cost_rao),
                stake_value_rao: total(|m| m.stake_value_rao),
            }
        });
        Self {
            scenario: scenario.name.clone(),
            seed: scenario.seed,
            blocks: world.tick(),
            epochs,
            issuance_rao: world.network.total_issuance,
            subnets: world
                .network
                .subnets
                .values()
                .filter(|s| s.netuid.0 != 0)
                .map(|s| of_subnet(world, s))
                .collect(),
            groups: groups.collect(),
            actors,
            refusals: world.refusals.iter().map(|((op, error), n)| (op.clone(), error.clone(), *n)).collect(),
        }
    }

    /// The group with this full name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&GroupSummary> {
        self.groups.iter().find(|group| group.group == name)
    }

    /// The actor with this full name.
    #[must_use]
    pub fn actor(&self, name: &str) -> Option<&ActorSummary> {
        self.actors.iter().find(|actor| actor.actor == name)
    }
}

fn of_subnet(world: &World, subnet: &Subnet) -> SubnetSummary {
    let flow = world.flows.get(&subnet.netuid).copied().unwrap_or_default();
    let moving = u128::try_from(subnet.moving_price.to_bits()).unwrap_or(0);
    SubnetSummary {
        netuid: subnet.netuid,
        price_rao: worth(RAO_PER_UNIT, price_bits(world, subnet.netuid)),
        moving_price_rao: worth(RAO_PER_UNIT, moving << 32),
        tao_emitted_rao: flow.tao(),
        alpha_emitted_rao: flow.alpha_emission,
        pool_tao_rao: subnet.pool.tao,
        alpha_out_rao: subnet.alpha_out,
    }
}

fn small(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

fn of_actor(world: &World, actor: usize) -> ActorSummary {
    let (who, book) = (&world.cast.actors[actor], &world.books[actor]);
    let mut places = world.holdings(actor);
    places.extend(book.trades.keys().copied());
    places.sort_unstable();
    places.dedup();
    let (mut own, mut all, mut stake) = (0_i128, 0_i128, 0_u64);
    for (netuid, hotkey) in places {
        let held = world.held(actor, &hotkey, netuid);
        let trade = book.trades.get(&(netuid, hotkey)).copied().unwrap_or_default();
        let price = price_bits(world, netuid);
        stake = stake.saturating_add(worth(held, price));
        let (earned, value) = earned(&trade, held, price);
        all += value;
        if is_home(who, netuid) {
            own += earned;
        }
    }
    let free = i128::from(world.balance(actor)) - i128::from(book.balance_start);
    ActorSummary {
        actor: who.name.clone(),
        earned_alpha_rao: small(own),
        earned_value_rao: small(all),
        free_tao_change_rao: small(free),
        registration_cost_rao: book.registration_cost,
        stake_value_rao: stake,
        weights_set: book.weights_set,
    }
}

fn is_home(who: &Actor, netuid: NetUid) -> bool {
    who.netuid == Some(netuid)
}

fn price_bits(world: &World, netuid: NetUid) -> u128 {
    let price = world.network.subnet(netuid).map_or(U64F64::ZERO, Subnet::price);
    price.to_bits()
}

/// What a holding earned, in alpha and in TAO.
fn earned(trade: &Trade, held: u64, price: u128) -> (i128, i128) {
    let alpha = trade.earned(held);
    let value = i128::from(worth(u64::try_from(alpha.unsigned_abs()).unwrap_or(u64::MAX), price));
    (alpha, if alpha < 0 { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earnings_are_valued_at_the_price() {
        let trade = Trade { start: 1_000, bought: 500, sold: 700 };
        assert_eq!(earned(&trade, 900, 1 << 63), (100, 50));
        assert_eq!(earned(&trade, 700, 1 << 63), (-100, -50));
    }
}
