//! What a run records: rows of integers, one kind per table.
//!
//! Rows are taken before the first block and then after every `record_every` blocks. Amounts are rao (alpha of the
//! row's subnet where a column says `alpha`); prices are TAO per alpha with 32 fraction bits (`price_q32`, so that
//! 2³² is one); incentives and dividends are 65535ths, summed over the group.

use codec::{Decode, Encode};
use sn3_emission::fixed::{Fixed, I96F32, U64F64};
use sn3_emission::network::Subnet;
use sn3_protocol::NetUid;

use crate::scenario::Watch;
use crate::world::{Role, World};

macro_rules! rows {
    ($(#[$doc:meta])* $name:ident { $($(#[$column_doc:meta])* $column:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
        pub struct $name { $($(#[$column_doc])* pub $column: $type,)* }

        impl $name {
            /// Names of the columns in order.
            pub const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),*];


            /// Which columns may be negative.
            pub const SIGNED: &'static [bool] = &[$(<$type>::MIN != 0),*];

            /// The values in order.
            #[must_use]
            pub fn values(&self) -> [i128; [$(stringify!($column)),*].len()] {
                [$(i128::from(self.$column)),*]
            }
        }
    };
}

rows! {
    /// The chain at one moment.
    GlobalRow {
        /// The block.
        block: u64,
        /// All TAO, in rao.
        issuance: u64,
        /// All staked TAO, in rao.
        stake: u64,
        /// TAO staked on root, in rao.
        root_tao: u64,
        /// TAO that this block was to emit, in rao.
        block_emission: u64,
        /// Epochs since the start of the run.
        epochs: u64,
        /// Operations that the chain refused since the start.
        refused: u64,
    }
}

rows! {
    /// One subnet at one moment. Emissions are sums since the start of the run.
    SubnetRow {
        /// The block.
        block: u64,
        /// The subnet.
        netuid: u16,
        /// Spot price, 32 fraction bits.
        price_q32: u64,
        /// Moving price, 32 fraction bits.
        moving_price_q32: u64,
        /// TAO reserve.
        pool_tao: u64,
        /// Alpha reserve.
        pool_alpha: u64,
        /// Weight of the TAO side in 10⁻¹⁸ths.
        quote_weight: u64,
        /// Alpha outside the pool.
        alpha_out: u64,
        /// Part of the last block's TAO emission of all subnets, in 10⁻⁹ths.
        share_e9: u64,
        /// TAO injected into the pool since the start.
        tao_in: u64,
        /// TAO with which the chain bought alpha since the start.
        excess_tao: u64,
        /// Alpha injected into the pool since the start.
        alpha_in: u64,
        /// Alpha created outside the pool since the start.
        alpha_emission: u64,
        /// Withheld part of the miner emission in 10⁻⁹ths.
        miner_burned_e9: u64,
        /// Neurons.
        neurons: u16,
        /// Price of a registration in rao.
        burn: u64,
    }
}

rows! {
    /// One group at one moment. What it earned is since the start of the run.
    GroupRow {
        /// The block.
        block: u64,
        /// The group, as an index into the run's groups.
        group: u32,
        /// Registered neurons of the group.
        neurons: u32,
        /// Neurons with a validator permit.
        permits: u32,
        /// Sum of incentives in 65535ths.
        incentive: u64,
        /// Sum of dividends in 65535ths.
        dividends: u64,
        /// Sum of validator trust in 65535ths.
        validator_trust: u64,
        /// What the last epoch paid, in rao of alpha.
        emission: u64,
        /// What the members hold on their own hotkeys, in rao of alpha.
        alpha: u64,
        /// What of it they earned, sold income included, in rao of alpha.
        earned_alpha: i64,
        /// Free TAO in rao.
        free_tao: u64,
    }
}

rows! {
    /// One actor at one moment; columns as in [`GroupRow`].
    ActorRow {
        /// The block.
        block: u64,
        /// The actor, as an index into the run's actors.
        actor: u32,
        /// Registered neurons.
        neurons: u32,
        /// Sum of incentives in 65535ths.
        incentive: u64,
        /// Sum of dividends in 65535ths.
        dividends: u64,
        /// Sum of validator trust in 65535ths.
        validator_trust: u64,
        /// What the last epoch paid, in rao of alpha.
        emission: u64,
        /// Held on the own hotkeys, in rao of alpha.
        alpha: u64,
        /// What of it was earned, sold income included, in rao of alpha.
        earned_alpha: i64,
        /// Free TAO in rao.
        free_tao: u64,
    }
}

/// All tables of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, serde::Serialize)]
pub struct Series {
    /// The chain.
    pub global: Vec<GlobalRow>,
    /// Subnets, by block and netuid.
    pub subnets: Vec<SubnetRow>,
    /// Groups, by block and index.
    pub groups: Vec<GroupRow>,
    /// Actors, by block and index; empty unless asked for.
    pub actors: Vec<ActorRow>,
}

impl Series {
    /// Takes one record of everything that is watched.
    pub fn record(&mut self, world: &World, watch: &Watch, epochs: u64) {
        self.global.push(global_row(world, epochs));
        if watch.per_subnet {
            let total = emitted(world);
            let subnets = world.network.subnets.values();
            let watched = subnets.filter(|subnet| subnet.netuid.0 != 0 && watch.includes(subnet.netuid.0));
            self.subnets.extend(watched.map(|subnet| subnet_row(world, subnet, total)));
        }
        if watch.per_group || watch.per_actor {
            self.record_people(world, watch);
        }
    }

    fn record_people(&mut self, world: &World, watch: &Watch) {
        for (index, group) in (0..).zip(&world.cast.groups) {
            if !group.netuid.is_none_or(|netuid| watch.includes(netuid.0)) {
                continue;
            }
            let mut sum = GroupRow { block: world.network.block, group: index, ..GroupRow::default() };
            for actor in group.members.clone() {
                let row = actor_row(world, actor);
                add(&mut sum, &row, permits(world, actor));
                if watch.per_actor {
                    self.actors.push(row);
                }
            }
            if watch.per_group {
                self.groups.push(sum);
            }
        }
    }

    /// Rows of one subnet, by time.
    pub fn of_subnet(&self, netuid: NetUid) -> impl Iterator<Item = &SubnetRow> {
        self.subnets.iter().filter(move |row| row.netuid == netuid.0)
    }

    /// Rows of one group, by time.
    pub fn of_group(&self, group: usize) -> impl Iterator<Item = &GroupRow> {
        self.groups.iter().filter(move |row| row.group as usize == group)
    }
}

fn global_row(world: &World, epochs: u64) -> GlobalRow {
    let network = &world.network;
    GlobalRow {
        block: network.block,
        issuance: network.total_issuance,
        stake: network.total_stake,
        root_tao: network.root_tao(),
        block_emission: sn3_emission::issuance::block_emission(network.total_issuance),
        epochs,
        refused: world.refusals.values().sum(),
    }
}

fn emitted(world: &World) -> u64 {
    world.network.subnets.values().map(|s| s.block_emission.tao_in + s.block_emission.excess_tao).sum()
}

fn price_q32(price: U64F64) -> u64 {
    u64::try_from(price.to_bits() >> 32).unwrap_or(u64::MAX)
}

fn subnet_row(world: &World, subnet: &Subnet, total: u64) -> SubnetRow {
    let tao = subnet.block_emission.tao_in + subnet.block_emission.excess_tao;
    let flow = world.flows.get(&subnet.netuid).copied().unwrap_or_default();
    let burned = u128::try_from(subnet.miner_burned.convert::<I96F32>().to_bits()).unwrap_or(0);
    SubnetRow {
        block: world.network.block,
        netuid: subnet.netuid.0,
        price_q32: price_q32(subnet.price()),
        moving_price_q32: u64::try_from(subnet.moving_price.to_bits()).unwrap_or(0),
        pool_tao: subnet.pool.tao,
        pool_alpha: subnet.pool.alpha,
        quote_weight: subnet.pool.quote_weight,
        alpha_out: subnet.alpha_out,
        share_e9: (u128::from(tao) * 1_000_000_000 / u128::from(total.max(1))) as u64,
        tao_in: flow.tao_in,
        excess_tao: flow.excess_tao,
        alpha_in: flow.alpha_in,
        alpha_emission: flow.alpha_emission,
        miner_burned_e9: ((burned * 1_000_000_000) >> 32) as u64,
        neurons: subnet.neurons.len() as u16,
        burn: subnet.registration_price.burn_rao,
    }
}

fn at<T: Copy + Default>(column: &[T], uid: u16) -> T {
    column.get(usize::from(uid)).copied().unwrap_or_default()
}

/// An actor's own numbers on its subnet; a staker's holdings are on several and appear in the summary.
fn actor_row(world: &World, actor: usize) -> ActorRow {
    let who = &world.cast.actors[actor];
    let mut row = ActorRow { block: world.network.block, actor: actor as u32, ..ActorRow::default() };
    row.free_tao = world.balance(actor);
    let Some(subnet) = who.netuid.and_then(|netuid| world.network.subnet(netuid)) else { return row };
    let neurons = &subnet.neurons;
    for hotkey in &who.hotkeys {
        if let Some(uid) = neurons.uid_of(hotkey) {
            row.neurons += 1;
            row.incentive += subnet.mechanisms.iter().map(|m| u64::from(at(&m.incentive, uid))).sum::<u64>();
            row.dividends += u64::from(at(&neurons.dividends, uid));
            row.validator_trust += u64::from(at(&neurons.validator_trust, uid));
            row.emission += at(&neurons.emission, uid);
        }
        let held = subnet.stake_of(hotkey, &who.coldkey);
        let trade = world.books[actor].trades.get(&(subnet.netuid, *hotkey)).copied().unwrap_or_default();
        row.alpha += held;
        row.earned_alpha += i64::try_from(trade.earned(held)).unwrap_or(i64::MAX);
    }
    row
}

fn permits(world: &World, actor: usize) -> u32 {
    let who = &world.cast.actors[actor];
    let Some(subnet) = who.netuid.and_then(|netuid| world.network.subnet(netuid)) else { return 0 };
    if !matches!(who.role, Role::Validator { .. }) {
        return 0;
    }
    let uids = who.hotkeys.iter().filter_map(|hotkey| subnet.neurons.uid_of(hotkey));
    uids.filter(|uid| at(&subnet.neurons.validator_permit, *uid)).count() as u32
}

fn add(sum: &mut GroupRow, row: &ActorRow, permits: u32) {
    sum.neurons += row.neurons;
    sum.permits += permits;
    sum.incentive += row.incentive;
    sum.dividends += row.dividends;
    sum.validator_trust += row.validator_trust;
    sum.emission += row.emission;
    sum.alpha += row.alpha;
    sum.earned_alpha = sum.earned_alpha.saturating_add(row.earned_alpha);
    sum.free_tao = sum.free_tao.saturating_add(row.free_tao);
}
