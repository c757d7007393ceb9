//! Genesis: from a scenario to a world.

use sn3_emission::Network;
use sn3_emission::fixed::{Fixed, I96F32, U64F64};
use sn3_emission::network::{Balances, Bank, Globals, Subnet};
use sn3_emission::pool::{Pool, SwapError};
use sn3_emission::{OpError, pool};
use sn3_protocol::{Hotkey, NetUid};

use super::{Actor, Book, Cast, Kind, Role, World, keys_of};
use crate::behaviour::{copies, joins_at};
use crate::scenario::{
    Amount, Miners, Owner, Scenario, ScenarioInvalid, Selling, Stakers, SubnetGroup, SubnetPoolStart,
    Validators,
};

const ROOT: NetUid = NetUid(0);

/// Why a scenario did not become a world.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The scenario itself is wrong.
    #[error(transparent)]
    Invalid(#[from] ScenarioInvalid),
    /// The chain refused a step of genesis.
    #[error("{what}: {source}")]
    Refused {
        /// What was to be made.
        what: String,
        /// Why it was not.
        source: OpError,
    },
    /// A pool's price does not fit its reserves.
    #[error("subnet {netuid}: {source}")]
    Pool {
        /// The subnet.
        netuid: NetUid,
        /// Why.
        source: SwapError,
    },
}

impl World {
    /// Builds the world of a scenario: checks it, then makes chain, accounts and actors.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(scenario: &Scenario) -> Result<Self, BuildError> {
        scenario.check()?;
        let mut world = match &scenario.snapshot {
            Some(snapshot) => Self::from_snapshot(scenario, snapshot)?,
            None => Self::empty(scenario),
        };
        for group in &scenario.subnets {
            for netuid in group.netuids() {
                world.found(group, NetUid(netuid))?;
            }
        }
        scenario.stakers.iter().try_for_each(|stakers| world.admit_stakers(stakers))?;
        scenario.root.iter().try_for_each(|stake| world.stake_on_root(stake))?;
        scenario.stakers.iter().try_for_each(|stakers| world.grant_holdings(stakers))?;
        world.finish(scenario);
        let unknown = |what| ScenarioInvalid::UnknownSpec { path: "spec".to_owned(), what };
        crate::spec::enforce(&mut world.network, scenario.spec).map_err(unknown)?;
        world.keep_what_is_named(scenario);
        Ok(world)
    }

    fn empty(scenario: &Scenario) -> Self {
        let mut globals = Globals::default();
        scenario.globals.apply(&mut globals);
        let network = Network::new(globals, 0);
        Self::around(network, scenario)
    }

    /// A world without people around a chain.
    pub(super) fn around(network: Network, scenario: &Scenario) -> Self {
        Self {
            start_block: scenario.start_block,
            network,
            bank: Balances::default(),
            cast: Cast::default(),
            books: Vec::new(),
            refusals: std::collections::BTreeMap::new(),
            flows: std::collections::BTreeMap::new(),
            seed: scenario.seed,
            slots: std::collections::BTreeMap::new(),
        }
    }

    /// Another spec moves parameters from the old defaults to its own, but not those that the scenario names.
    fn keep_what_is_named(&mut self, scenario: &Scenario) {
        scenario.globals.apply(&mut self.network.globals);
        for group in &scenario.subnets {
            for netuid in group.netuids() {
                if let Some(subnet) = self.network.subnet_mut(NetUid(netuid)) {
                    group.hyperparameters.apply(subnet);
                }
            }
        }
    }

    /// Moves the chain from genesis to the start block and settles what nobody in the scenario holds.
    fn finish(&mut self, scenario: &Scenario) {
        if scenario.snapshot.is_none() {
            self.network.block = scenario.start_block;
            if let Some(issuance) = scenario.issuance {
                self.network.total_issuance = self.network.total_issuance.max(issuance.rao());
            }
        }
        let floors: Vec<u64> = (0..self.cast.actors.len()).map(|actor| self.own_stake(actor)).collect();
        self.books.iter_mut().zip(floors).for_each(|(book, floor)| book.sell_floor = floor);
    }

    fn own_stake(&self, actor: usize) -> u64 {
        let Some(netuid) = self.cast.actors[actor].netuid else { return 0 };
        self.cast.actors[actor].hotkeys.iter().map(|hotkey| self.held(actor, hotkey, netuid)).sum()
    }

    /// Founds a subnet with its people.
    fn found(&mut self, group: &SubnetGroup, netuid: NetUid) -> Result<(), BuildError> {
        let subnet = new_subnet(group, netuid)?;
        self.network.total_issuance += subnet.account_tao;
        self.network.total_stake += subnet.account_tao;
        self.network.subnets.insert(netuid, subnet);
        self.admit_owner(&group.owner, netuid)?;
        group.validators.iter().try_for_each(|validators| self.admit_validators(validators, netuid))?;
        group.miners.iter().try_for_each(|miners| self.admit_miners(miners, netuid))?;
        self.start(group, netuid);
        Ok(())
    }

    /// What would hinder free registration at genesis is switched on last.
    fn start(&mut self, group: &SubnetGroup, netuid: NetUid) {
        let Some(subnet) = self.network.subnet_mut(netuid) else { return };
        group.hyperparameters.apply(subnet);
        subnet.subtoken_enabled = group.started;
        subnet.first_emission_block = group.started.then_some(1);
        let phase = u64::from(netuid.0) % u64::from(subnet.params.tempo.max(1));
        subnet.schedule.last_epoch_block = self.start_block.saturating_sub(phase);
    }

    fn admit_owner(&mut self, owner: &Owner, netuid: NetUid) -> Result<(), BuildError> {
        let name = format!("{netuid}/owner");
        let steps = owner.behaviour.0.as_slice().into();
        let role = Role::Validator { steps, timing: owner.timing.clone() };
        let actor = actor(name, Some(netuid), role, owner.sell.clone(), 1);
        if let Some(subnet) = self.network.subnet_mut(netuid) {
            subnet.owner_coldkey = Some(actor.coldkey);
            subnet.owner_hotkey = Some(actor.hotkey());
        }
        self.seat(&actor, netuid, owner.stake, owner.balance, true)?;
        self.cast.add(Some(netuid), "owner", Kind::Owner, vec![actor]);
        Ok(())
    }

    fn admit_validators(&mut self, validators: &Validators, netuid: NetUid) -> Result<(), BuildError> {
        let steps: std::sync::Arc<[_]> = validators.behaviour.0.as_slice().into();
        let mut members = Vec::with_capacity(validators.count.into());
        for at in 0..validators.count {
            let name = format!("{netuid}/{}/{at}", validators.name);
            let role = Role::Validator { steps: steps.clone(), timing: validators.timing.clone() };
            let actor = actor(name, Some(netuid), role, validators.sell.clone(), 1);
            self.seat(&actor, netuid, validators.stake, validators.balance, true)?;
            let take = validators.take.map(crate::scenario::Part::in_u16);
            if let Some(state) = self.network.hotkeys.get_mut(&actor.hotkey()) {
                state.take = take;
            }
            members.push(actor);
        }
        self.cast.add(Some(netuid), &validators.name, Kind::Validator, members);
        Ok(())
    }

    fn admit_miners(&mut self, miners: &Miners, netuid: NetUid) -> Result<(), BuildError> {
        let steps: std::sync::Arc<[_]> = miners.behaviour.0.as_slice().into();
        let registered = joins_at(&steps).is_none();
        let mut members = Vec::with_capacity(miners.count.into());
        for at in 0..miners.count {
            let name = format!("{netuid}/{}/{at}", miners.name);
            let role = Role::Miner { quality: quality_of(miners, at), steps: steps.clone() };
            let actor = actor(name, Some(netuid), role, miners.sell.clone(), copies(&steps));
            self.seat_if(registered, &actor, netuid, miners.stake, miners.balance)?;
            members.push(actor);
        }
        self.cast.add(Some(netuid), &miners.name, Kind::Miner, members);
        Ok(())
    }

    fn admit_stakers(&mut self, stakers: &Stakers) -> Result<(), BuildError> {
        let mut members = Vec::with_capacity(stakers.count.into());
        for at in 0..stakers.count {
            let name =
                if stakers.count == 1 { stakers.name.clone() } else { format!("{}/{at}", stakers.name) };
            let role = Role::Staker { steps: stakers.behaviour.0.as_slice().into() };
            let actor = actor(name, None, role, None, 1);
            self.network.adopt(&actor.coldkey, &actor.hotkey());
            self.open_book(&actor, stakers.balance);
            members.push(actor);
        }
        self.cast.add(None, &stakers.name, Kind::Staker, members);
        Ok(())
    }

    /// Gives an actor its account, slots and stake; its books are opened in the order of the cast.
    fn seat(
        &mut self,
        actor: &Actor,
        netuid: NetUid,
        stake: Amount,
        balance: Amount,
        permit: bool,
    ) -> Result<(), BuildError> {
        self.seat_if(true, actor, netuid, stake, balance)?;
        let subnet = self.network.subnet_mut(netuid);
        if let Some((subnet, true)) = subnet.map(|subnet| (subnet, permit && stake.rao() > 0))
            && let Some(uid) = subnet.neurons.uid_of(&actor.hotkey())
        {
            subnet.neurons.validator_permit[usize::from(uid)] = true;
        }
        Ok(())
    }

    fn seat_if(
        &mut self,
        registered: bool,
        actor: &Actor,
        netuid: NetUid,
        stake: Amount,
        balance: Amount,
    ) -> Result<(), BuildError> {
        let refused = |source| BuildError::Refused { what: actor.name.clone(), source };
        for hotkey in actor.hotkeys.iter().filter(|_| registered) {
            self.network.register_free(&actor.coldkey, hotkey, netuid).map_err(refused)?;
        }
        actor.hotkeys.iter().for_each(|hotkey| self.network.adopt(&actor.coldkey, hotkey));
        let book = self.open_book(actor, balance);
        self.grant(book, actor, &actor.hotkey(), netuid, stake.rao()).map_err(refused)
    }

    /// Mints an actor's balance; answers the index of its books.
    pub(super) fn open_book(&mut self, actor: &Actor, balance: Amount) -> usize {
        if balance.rao() > 0 {
            self.bank.credit(&actor.coldkey, balance.rao());
            self.network.total_issuance += balance.rao();
        }
        self.books.push(Book { balance_start: balance.rao(), ..Book::default() });
        self.books.len() - 1
    }

    /// Stake out of nothing: alpha counts in the subnet's issuance, TAO on root in the chain's.
    pub(super) fn grant(
        &mut self,
        book: usize,
        actor: &Actor,
        hotkey: &Hotkey,
        netuid: NetUid,
        amount: u64,
    ) -> Result<(), OpError> {
        if amount == 0 {
            return Ok(());
        }
        self.network.grant_stake(netuid, hotkey, &actor.coldkey, amount)?;
        let subnet = self.network.subnet_mut(netuid).ok_or(OpError::SubnetNotExists)?;
        subnet.alpha_out += amount;
        if netuid == ROOT {
            subnet.pool.tao += amount;
            subnet.account_tao += amount;
            self.network.total_stake += amount;
            self.network.total_issuance += amount;
        }
        self.books[book].trades.entry((netuid, *hotkey)).or_default().start += amount;
        Ok(())
    }
}

/// Quality on a line from the first member's to the last one's.
fn quality_of(miners: &Miners, at: u16) -> f64 {
    let first = miners.quality.get();
    let last = miners.quality_last.map_or(first, crate::scenario::Part::get);
    if miners.count < 2 {
        return first;
    }
    first + (last - first) * f64::from(at) / f64::from(miners.count - 1)
}

fn actor(name: String, netuid: Option<NetUid>, role: Role, sell: Option<Selling>, copies: u16) -> Actor {
    let hotkeys = (0..copies.max(1)).map(|copy| keys_of(&name, copy).1).collect();
    Actor { coldkey: keys_of(&name, 0).0, hotkeys, netuid, role, sell, name }
}

fn new_subnet(group: &SubnetGroup, netuid: NetUid) -> Result<Subnet, BuildError> {
    let mut subnet = Subnet::new(netuid, 0);
    subnet.pool = start_pool(&group.pool).map_err(|source| BuildError::Pool { netuid, source })?;
    subnet.account_tao = subnet.pool.tao;
    subnet.alpha_out = group.pool.alpha_elsewhere.rao();
    subnet.emission_enabled = group.emission_enabled;
    subnet.limits.max_allowed_uids =
        group.hyperparameters.max_allowed_uids.unwrap_or(subnet.limits.max_allowed_uids);
    subnet.moving_price = match group.moving_price {
        Some(price) => units(price).convert::<I96F32>(),
        None => subnet.pool.price().convert::<I96F32>(),
    };
    Ok(subnet)
}

fn units(amount: Amount) -> U64F64 {
    U64F64::from_int(amount.rao()).safe_div(U64F64::from_int(1_000_000_000_u64))
}

fn start_pool(start: &SubnetPoolStart) -> Result<Pool, pool::SwapError> {
    let (tao, alpha) = (start.tao.rao(), start.alpha.rao());
    match start.price {
        Some(price) => Pool::with_price(tao, alpha, units(price)),
        None => Ok(Pool::new(tao, alpha)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Format;

    const TEXT: &str = r#"
name = "t"
blocks = 10
[[root]]
on = "v"
tao = 7
[[subnets]]
netuid = 1
count = 2
pool = { tao = 100, alpha = 1000, alpha_elsewhere = 50 }
[[subnets.validators]]
name = "v"
count = 2
stake = 30
balance = 2
[[subnets.miners]]
name = "m"
count = 3
quality = 1.0
quality_last = 0.5
behaviour = { sybil = { copies = 2 } }
[[stakers]]
name = "w"
holds = [{ netuid = 1, on = "1/v/1", amount = 5 }]
"#;

    #[test]
    fn genesis_counts_all_tao_and_alpha() {
        let world = World::build(&Scenario::parse(TEXT, Format::Toml).unwrap()).unwrap();
        let network = &world.network;
        assert_eq!(network.total_issuance, (2 * 100 + 4 * 7 + 4 * 2) * 1_000_000_000);
        assert_eq!(network.total_stake, (2 * 100 + 4 * 7) * 1_000_000_000);
        assert_eq!(network.root_tao(), 28_000_000_000);
        let subnet = network.subnet(NetUid(1)).unwrap();
        assert_eq!(subnet.alpha_out, (50 + 60 + 5) * 1_000_000_000);
        assert_eq!(subnet.neurons.len(), 1 + 2 + 6);
        assert_eq!(subnet.neurons.validator_permit[..4], [false, true, true, false]);
        assert_eq!(subnet.moving_price.to_bits(), (1_u64 << 32) as i128 / 10);
    }

    #[test]
    fn names_select_actors_and_qualities_lie_on_a_line() {
        let mut world = World::build(&Scenario::parse(TEXT, Format::Toml).unwrap()).unwrap();
        assert_eq!(world.cast.select("v").len(), 4);
        assert_eq!(world.cast.select("2/v"), [7, 8]);
        assert_eq!(world.cast.select("2/v/1"), [8]);
        assert_eq!(world.cast.select("nobody"), [0; 0]);
        assert_eq!(world.cast.group_of(8).unwrap().name, "2/v");
        assert_eq!(world.quality(NetUid(2)), [0.0, 0.0, 0.0, 1.0, 1.0, 0.75, 0.75, 0.5, 0.5]);
        assert_eq!(
            world.held(
                world.cast.actor_named("w").unwrap(),
                &world.cast.hotkey_of("1/v/1").unwrap(),
                NetUid(1)
            ),
            5_000_000_000
        );
    }
}
