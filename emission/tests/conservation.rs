//! Nothing appears or vanishes: random operations and blocks on a small chain, under the rules of every era.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use sn3_emission::Network;
use sn3_emission::network::{Balances, Bank, Globals, Position, PriceLimit, RootClaim, Weights};
use sn3_emission::spec::{Minting, RootDividends, RuntimeSpec, VERSION_PROVEN, ValidatorPool};
use sn3_protocol::{Coldkey, Hotkey, NetUid};

const COLDKEYS: u8 = 5;
const HOTKEYS: u8 = 9;
const SUBNETS: u16 = 3;
/// A version of every era: each rule of the timeline is in force in one of them.
const ERAS: [u32; 30] = [
    233, 239, 244, 246, 252, 257, 258, 261, 273, 290, 292, 298, 302, 306, 323, 334, 338, 343, 347, 348, 362,
    391, 397, 411, 415, 421, 423, 432, 441, 475,
];
const START_BALANCE_RAO: u64 = 40_000_000_000_000;

/// One random step. Small numbers choose among accounts and subnets; amounts span many magnitudes.
#[derive(Clone, Debug)]
enum Op {
    Add { cold: u8, hot: u8, net: u16, amount: u64 },
    AddLimit { cold: u8, hot: u8, net: u16, amount: u64, price: u64 },
    Remove { cold: u8, hot: u8, net: u16, amount: u64 },
    RemoveLimit { cold: u8, hot: u8, net: u16, amount: u64, price: u64 },
    Move { from: (u8, u8, u16), to: (u8, u8, u16), amount: u64 },
    Register { cold: u8, hot: u8, net: u16 },
    Weights { hot: u8, net: u16, values: Vec<u16> },
    Children { cold: u8, hot: u8, net: u16, child: u8, proportion: u64 },
    Claim { cold: u8, keep: bool },
    Destroy { cold: u8, hot: u8, net: u16, amount: u64, recycle: bool },
    Dissolve { cold: u8, hot: u8, net: u16 },
    Author { cold: Option<u8> },
    Blocks { count: u8, hash: [u8; 32] },
    Upgrade { version: u32 },
}

fn amount() -> impl Strategy<Value = u64> {
    (0u64..u64::MAX, 10u32..64).prop_map(|(v, shift)| v >> shift)
}

fn place() -> impl Strategy<Value = (u8, u8, u16)> {
    (0..COLDKEYS, 0..HOTKEYS, 0..=SUBNETS)
}

fn op() -> impl Strategy<Value = Op> {
    let price = 1_000u64..4_000_000_000;
    prop_oneof![
        4 => (place(), amount()).prop_map(|((cold, hot, net), amount)| Op::Add { cold, hot, net, amount }),
        1 => (place(), amount(), price.clone())
            .prop_map(|((cold, hot, net), amount, price)| Op::AddLimit { cold, hot, net, amount, price }),
        3 => (place(), amount()).prop_map(|((cold, hot, net), amount)| Op::Remove { cold, hot, net, amount }),
        1 => (place(), amount(), price)
            .prop_map(|((cold, hot, net), amount, price)| Op::RemoveLimit { cold, hot, net, amount, price }),
        2 => (place(), place(), amount()).prop_map(|(from, to, amount)| Op::Move { from, to, amount }),
        2 => place().prop_map(|(cold, hot, net)| Op::Register { cold, hot, net }),
        3 => (0..HOTKEYS, 1..=SUBNETS, prop::collection::vec(any::<u16>(), 1..6))
            .prop_map(|(hot, net, values)| Op::Weights { hot, net, values }),
        1 => (place(), 0..HOTKEYS, any::<u64>())
            .prop_map(|((cold, hot, net), child, proportion)| Op::Children { cold, hot, net, child, proportion }),
        1 => (0..COLDKEYS, any::<bool>()).prop_map(|(cold, keep)| Op::Claim { cold, keep }),
        1 => (place(), amount(), any::<bool>())
            .prop_map(|((cold, hot, net), amount, recycle)| Op::Destroy { cold, hot, net, amount, recycle }),
        1 => place().prop_map(|(cold, hot, net)| Op::Dissolve { cold, hot, net }),
        1 => prop::option::of(0..COLDKEYS).prop_map(|cold| Op::Author { cold }),
        4 => (1u8..25, any::<[u8; 32]>()).prop_map(|(count, hash)| Op::Blocks { count, hash }),
    ]
}

/// The same steps, now and then with an upgrade, which only goes forward.
fn op_of_any_era() -> impl Strategy<Value = Op> {
    let upgrade = prop::sample::select(&ERAS[..]).prop_map(|version| Op::Upgrade { version });
    prop_oneof![30 => op(), 1 => upgrade]
}

fn cold(id: u8) -> Coldkey {
    Coldkey([id + 1; 32])
}

fn hot(id: u8) -> Hotkey {
    Hotkey([id + 101; 32])
}

/// Who owns each hotkey at the start.
fn owner_of(id: u8) -> u8 {
    id % COLDKEYS
}

struct World {
    network: Network,
    bank: Balances,
    operations: u64,
    /// TAO that early subsidies spent without counting it in the issuance.
    uncounted: u64,
    /// Alpha that was sold for root and yet counted in what early epochs paid.
    oversold: BTreeMap<NetUid, u64>,
}

impl World {
    fn new() -> Self {
        Self::at(VERSION_PROVEN)
    }

    fn at(version: u32) -> Self {
        let spec = RuntimeSpec::at_version(version).unwrap();
        let globals = Globals { childkey_cooldown_blocks: 20, ..spec.default_globals() };
        let mut world = Self {
            network: Network::with_spec(globals, 0, spec),
            bank: Balances::default(),
            operations: 0,
            uncounted: 0,
            oversold: BTreeMap::new(),
        };
        for id in 0..COLDKEYS {
            world.bank.credit(&cold(id), START_BALANCE_RAO);
            world.network.total_issuance += START_BALANCE_RAO;
        }
        for _ in 0..SUBNETS {
            world.add_subnet(0, 0);
        }
        world
    }

    fn add_subnet(&mut self, cold_id: u8, hot_id: u8) {
        self.network.last_lock_rao = 0;
        let created = self.network.register_network(&mut self.bank, &cold(cold_id), &hot(hot_id));
        let Ok(netuid) = created else { return };
        let _before_start_calls = self.network.start_call(&cold(cold_id), netuid);
        let subnet = self.network.subnet_mut(netuid).unwrap();
        subnet.params.tempo = 7 + netuid.0;
        subnet.params.commit_reveal_enabled = false;
        subnet.limits.weights_rate_limit_blocks = 0;
        subnet.limits.max_allowed_uids = 6;
        subnet.limits.immunity_period_blocks = 10;
        subnet.limits.min_non_immune_uids = 1;
        subnet.collateral.lock_share = if netuid.0 == 1 { 30_000 } else { 0 };
        subnet.emission_enabled = netuid.0 != 2;
        subnet.recycle_withheld = netuid.0 == 3;
    }

    fn run(&mut self, op: &Op) {
        self.operations += 1;
        let (network, bank) = (&mut self.network, &mut self.bank);
        let partial = |price_rao| PriceLimit { price_rao, allow_partial: true };
        let at = |(c, h, n): (u8, u8, u16)| Position { hotkey: hot(h), coldkey: cold(c), netuid: NetUid(n) };
        let _refused_or_not = match op.clone() {
            Op::Add { cold: c, hot: h, net, amount } => {
                network.add_stake(bank, &cold(c), &hot(h), NetUid(net), amount).is_ok()
            }
            Op::AddLimit { cold: c, hot: h, net, amount, price } => {
                network.add_stake_limit(bank, &cold(c), &hot(h), NetUid(net), amount, partial(price)).is_ok()
            }
            Op::Remove { cold: c, hot: h, net, amount } => {
                network.remove_stake(bank, &cold(c), &hot(h), NetUid(net), amount).is_ok()
            }
            Op::RemoveLimit { cold: c, hot: h, net, amount, price } => network
                .remove_stake_limit(bank, &cold(c), &hot(h), NetUid(net), amount, partial(price))
                .is_ok(),
            Op::Move { from, to, amount } => network.move_stake(bank, &at(from), &at(to), amount).is_ok(),
            Op::Register { cold: c, hot: h, net } => {
                network.register(bank, &cold(c), &hot(h), NetUid(net)).is_ok()
            }
            Op::Weights { hot: h, net, values } => {
                let uids = (0..values.len() as u16).collect();
                let weights = Weights { uids, values, version_key: 0 };
                network.set_weights(&hot(h), NetUid(net), 0, &weights).is_ok()
            }
            Op::Children { cold: c, hot: h, net, child, proportion } => {
                let children = vec![(proportion, hot(child))];
                network.set_children(&cold(c), &hot(h), NetUid(net), children).is_ok()
            }
            Op::Claim { cold: c, keep } => {
                let claim = if keep { RootClaim::Keep } else { RootClaim::Swap };
                network.set_root_claim(&cold(c), claim);
                network.claim_root(&cold(c), &[NetUid(1), NetUid(2), NetUid(3)]).is_ok()
            }
            Op::Destroy { cold: c, hot: h, net, amount, recycle } => {
                network.destroy_stake(&cold(c), &hot(h), NetUid(net), amount, recycle).is_ok()
            }
            Op::Dissolve { cold: c, hot: h, net } => {
                let gone = network.dissolve_network(bank, NetUid(net)).is_ok();
                if gone {
                    self.add_subnet(c, h);
                }
                gone
            }
            Op::Author { cold: c } => {
                network.author = c.map(cold);
                true
            }
            Op::Upgrade { version } if version < network.spec.version => false,
            Op::Upgrade { version } => {
                // What was sold for root may now be paid by another rule.
                for subnet in network.subnets.values() {
                    *self.oversold.entry(subnet.netuid).or_default() += subnet.pending.root_alpha;
                }
                network.upgrade(RuntimeSpec::at_version(version).unwrap());
                true
            }
            Op::Blocks { count, hash } => {
                (0..count).for_each(|_| self.step(&hash));
                true
            }
        };
    }

    /// One block, with the alpha that it may create.
    fn step(&mut self, hash: &[u8; 32]) {
        let before: Vec<(NetUid, u64)> =
            self.network.subnets.values().map(|s| (s.netuid, s.alpha_issuance())).collect();
        // Epochs until 257 pay what was sold for root by another rule than it was sold by.
        let pays_sold = matches!(
            self.network.spec.payout.validator_pool,
            ValidatorPool::EpochAmounts | ValidatorPool::EpochAmountsLessRoot
        );
        self.network.step_block(hash);
        for subnet in self.network.subnets.values() {
            let emission = &subnet.block_emission;
            if self.network.spec.injection.minting == Minting::WithoutSubsidy {
                self.uncounted += emission.excess_tao;
            }
            if pays_sold {
                let half = emission.alpha_out / 2;
                let part = subnet.root_proportion.to_bits() as u64;
                let sold = (u128::from(half) * u128::from(part) * 101 / 100) >> 32;
                *self.oversold.entry(subnet.netuid).or_default() += sold as u64 + 2;
            }
        }
        for (netuid, issued) in before.into_iter().filter(|(netuid, _)| netuid.0 != 0) {
            let subnet = &self.network.subnets[&netuid];
            let created = subnet.block_emission.alpha_in + subnet.block_emission.alpha_out;
            assert!(subnet.alpha_issuance() <= issued + created, "alpha appeared on subnet {netuid}");
        }
    }

    fn check(&self, op: &Op) {
        let balances: u64 = self.bank.0.values().sum();
        let accounts: u64 = self.network.subnets.values().map(|subnet| subnet.account_tao).sum();
        let issued = self.network.total_issuance + self.uncounted;
        assert_eq!(balances + accounts, issued, "TAO appeared or vanished in {op:?}");
        for subnet in self.network.subnets.values() {
            assert!(subnet.account_tao >= subnet.pool.tao, "the reserve exceeds the account after {op:?}");
            let staked: u64 = subnet.stakes.values().map(|pool| pool.value()).sum();
            let p = &subnet.pending;
            let netuid = subnet.netuid;
            let in_baskets: u64 = self.network.baskets.values().filter_map(|b| b.pending.get(&netuid)).sum();
            let sold = self.network.spec.payout.root_dividends == RootDividends::Tao;
            let root_alpha = if sold { 0 } else { p.root_alpha };
            let waiting = p.server + p.validator + root_alpha + p.owner_cut + in_baskets;
            let oversold = self.oversold.get(&netuid).copied().unwrap_or(0);
            assert!(
                staked + waiting <= subnet.alpha_out + oversold,
                "more alpha than issued on {netuid} after {op:?}"
            );
            // Rounding what counts as claimed gives away at most one rao for each change of root stake.
            let owed = self.owed(netuid);
            let bound = subnet.alpha_out + oversold + self.operations * u64::from(COLDKEYS);
            assert!(staked + waiting + owed <= bound, "claims exceed the alpha on {netuid} after {op:?}");
            for pool in subnet.stakes.values() {
                let paid: u128 = pool.shares().map(|(holder, _)| u128::from(pool.value_of(holder))).sum();
                assert!(paid <= u128::from(pool.value()), "a pool pays more than it holds after {op:?}");
            }
        }
    }

    fn owed(&self, netuid: NetUid) -> u64 {
        let pairs = (0..HOTKEYS).flat_map(|h| (0..COLDKEYS).map(move |c| (hot(h), cold(c))));
        pairs.map(|(hotkey, coldkey)| self.network.owed(&hotkey, &coldkey, netuid).to_u64()).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tao_and_alpha_are_conserved(ops in prop::collection::vec(op(), 1..70)) {
        World::new().live(&ops);
    }

    #[test]
    fn tao_and_alpha_are_conserved_in_every_era(
        version in prop::sample::select(&ERAS[..]),
        ops in prop::collection::vec(op_of_any_era(), 1..70),
    ) {
        World::at(version).live(&ops);
    }
}

impl World {
    /// Populates the chain, then runs and checks every step.
    fn live(mut self, ops: &[Op]) {
        let world = &mut self;
        for id in 0..HOTKEYS {
            let netuid = NetUid(1 + u16::from(id) % SUBNETS);
            let _free_slot = world.network.register_free(&cold(owner_of(id)), &hot(id), netuid);
            world.run(&Op::Add { cold: owner_of(id), hot: id, net: netuid.0, amount: 1_000_000_000_000 });
            world.run(&Op::Add { cold: owner_of(id), hot: id, net: 0, amount: 700_000_000_000 });
        }
        for op in ops {
            world.run(op);
            world.check(op);
        }
    }
}

/// The random world really does what it is meant to stress.
#[test]
fn the_world_runs_epochs_trades_and_claims() {
    let mut world = World::new();
    for id in 0..HOTKEYS {
        let _free_slot = world.network.register_free(&cold(owner_of(id)), &hot(id), NetUid(1));
        world.run(&Op::Add { cold: owner_of(id), hot: id, net: 1, amount: 2_000_000_000_000 });
        world.run(&Op::Add { cold: owner_of(id), hot: id, net: 0, amount: 3_000_000_000_000 });
    }
    let issued = world.network.total_issuance;
    for _ in 0..40 {
        world.run(&Op::Weights { hot: 0, net: 1, values: vec![0, 3, 2, 1] });
        world.run(&Op::Blocks { count: 5, hash: [7; 32] });
        world.check(&Op::Author { cold: None });
    }
    let subnet = &world.network.subnets[&NetUid(1)];
    assert!(subnet.schedule.epoch_index > 20, "{}", subnet.schedule.epoch_index);
    assert!(subnet.neurons.emission.iter().sum::<u64>() > 0);
    assert!(world.network.total_issuance > issued);
    assert!(world.network.total_issuance <= issued + 200 * 1_000_000_000);
}
