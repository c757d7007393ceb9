//! Each era's rules in whole chains, worked by hand, and upgrades between them.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use sn3_emission::network::{
    BASKET_ESCROW, Balances, Bank, Consensus, Curve, Globals, LiquidChoice, Opened, Opener, Schedule, Secret,
    Weights,
};
use sn3_emission::pool::Pool;
use sn3_emission::spec::RuntimeSpec;
use sn3_emission::{Network, OpError, fixed::I96F32, fixed::U64F64};
use sn3_protocol::{Coldkey, Hotkey, NetUid};

const TAO: u64 = 1_000_000_000;
const NET: NetUid = NetUid(1);
const OWNER: Coldkey = Coldkey([1; 32]);
const MINER: Coldkey = Coldkey([2; 32]);
const ROOT_STAKER: Coldkey = Coldkey([3; 32]);
const VALIDATOR_KEY: Hotkey = Hotkey([11; 32]);
const MINER_KEY: Hotkey = Hotkey([12; 32]);
const TEMPO: u16 = 10;

fn spec(version: u32) -> RuntimeSpec {
    RuntimeSpec::at_version(version).unwrap()
}

/// One subnet with a validator, who owns it, and a miner; a root staker on the validator.
fn chain(version: u32) -> (Network, Balances) {
    let spec = spec(version);
    let globals = Globals { network_min_lock_rao: 1_000 * TAO, ..spec.default_globals() };
    let mut network = Network::with_spec(globals, 1_000_000, spec);
    let mut bank = Balances::default();
    for coldkey in [OWNER, MINER, ROOT_STAKER] {
        bank.credit(&coldkey, 100_000 * TAO);
        network.total_issuance += 100_000 * TAO;
    }
    let netuid = network.register_network(&mut bank, &OWNER, &VALIDATOR_KEY).unwrap();
    assert_eq!(netuid, NET);
    let _before_start_calls = network.start_call(&OWNER, NET);
    let subnet = network.subnet_mut(NET).unwrap();
    subnet.emission_enabled = true;
    subnet.params.tempo = TEMPO;
    subnet.params.commit_reveal_enabled = false;
    subnet.limits.weights_rate_limit_blocks = 0;
    subnet.moving_price = I96F32::from_bits(3 << 31);
    network.root_register(&OWNER, &VALIDATOR_KEY).unwrap();
    network.register_free(&MINER, &MINER_KEY, NET).unwrap();
    network.add_stake(&mut bank, &OWNER, &VALIDATOR_KEY, NET, 100 * TAO).unwrap();
    network.add_stake(&mut bank, &ROOT_STAKER, &VALIDATOR_KEY, NetUid(0), 1_000 * TAO).unwrap();
    (network, bank)
}

fn vote(network: &mut Network) {
    let uid = network.subnet(NET).unwrap().neurons.uid_of(&MINER_KEY).unwrap();
    let weights = Weights { uids: vec![uid], values: vec![1], version_key: 0 };
    let _without_permit_yet = network.set_weights(&VALIDATOR_KEY, NET, 0, &weights);
}

/// Steps blocks with weights in each; answers the blocks in which the subnet's epoch ran.
fn run(network: &mut Network, blocks: u64) -> Vec<u64> {
    let mut epochs = Vec::new();
    for _ in 0..blocks {
        vote(network);
        let report = network.step_block(&[network.block as u8; 32]);
        if report.epochs.contains(&NET) {
            epochs.push(report.block);
        }
    }
    epochs
}

fn all_tao(network: &Network, bank: &Balances) -> u64 {
    bank.0.values().sum::<u64>() + network.subnets.values().map(|subnet| subnet.account_tao).sum::<u64>()
}

#[test]
fn every_version_pays_miners_and_conserves_tao() {
    for version in [233, 244, 252, 258, 273, 290, 306, 326, 338, 348, 362, 397, 411, 421, 423, 432, 441, 475]
    {
        let (mut network, bank) = chain(version);
        let epochs = run(&mut network, 50);
        let period = if version < 423 { 11 } else { 10 };
        assert!(epochs.windows(2).all(|pair| pair[1] - pair[0] == period), "{version}: {epochs:?}");
        assert!(epochs.len() >= 4, "{version}: {epochs:?}");
        let mined = network.stake_of(&MINER_KEY, &MINER, NET);
        assert!(mined > 5 * TAO, "{version}: {mined}");
        assert_eq!(all_tao(&network, &bank), network.total_issuance, "{version}");
    }
}

/// Until 333 root stakers get TAO, then claimable alpha, from 441 on shares of a basket.
#[test]
fn root_stakers_are_paid_as_their_era_pays() {
    let root_stake = |network: &Network| network.stake_of(&VALIDATOR_KEY, &ROOT_STAKER, NetUid(0));
    let (mut network, _) = chain(290);
    let before = root_stake(&network);
    run(&mut network, 60);
    assert!(root_stake(&network) > before, "TAO is staked at the epoch");

    let (mut network, _) = chain(425);
    network.globals.root_claims_per_block = 0;
    run(&mut network, 60);
    assert_eq!(root_stake(&network), before);
    assert!(network.owed(&VALIDATOR_KEY, &ROOT_STAKER, NET).to_u64() > 0);

    let (mut network, bank) = chain(441);
    network.globals.root_claim_threshold = I96F32::from_int(1_000);
    run(&mut network, 60);
    let held = network.stake_of(&VALIDATOR_KEY, &BASKET_ESCROW, NET);
    let value = network.basket_value(&VALIDATOR_KEY);
    assert!(held > 0 && value > 0, "{held} {value}");
    network.claim_root(&ROOT_STAKER, &[NET]).unwrap();
    let gained = root_stake(&network) - before;
    assert!(gained > value * 98 / 100 && gained <= value * 101 / 100, "{gained} of {value}");
    assert!(network.basket_shares_owed(&VALIDATOR_KEY, &ROOT_STAKER) <= 1);
    assert_eq!(all_tao(&network, &bank), network.total_issuance);
}

/// Two root stakers, the second after the first deposits: the shares of the past are the first one's.
#[test]
fn new_root_stake_has_no_part_in_old_baskets() {
    let (mut network, mut bank) = chain(441);
    network.globals.root_claim_threshold = I96F32::from_int(1_000);
    run(&mut network, 40);
    network.add_stake(&mut bank, &MINER, &VALIDATOR_KEY, NetUid(0), 1_000 * TAO).unwrap();
    assert!(network.basket_shares_owed(&VALIDATOR_KEY, &MINER) <= 1);
    let first = network.basket_shares_owed(&VALIDATOR_KEY, &ROOT_STAKER);
    assert!(first > 1_000);
    run(&mut network, 40);
    let gained = network.basket_shares_owed(&VALIDATOR_KEY, &ROOT_STAKER) - first;
    let other = network.basket_shares_owed(&VALIDATOR_KEY, &MINER);
    assert!(gained.abs_diff(other) <= gained / 1_000 + 2, "{gained} {other}");
}

/// A flat fee of 50,000 rao joins the pool; a rate of 33/65535 stays outside or goes to the author.
#[test]
fn fees_are_charged_as_their_era_charges() {
    let author = Coldkey([9; 32]);
    let fee = |version| {
        let (mut network, mut bank) = chain(version);
        network.author = Some(author);
        let before = network.subnet(NET).unwrap().pool.tao;
        let moved = network.add_stake(&mut bank, &MINER, &MINER_KEY, NET, 10 * TAO).unwrap();
        (network.subnet(NET).unwrap().pool.tao - before, moved.tao, bank.balance(&author))
    };
    assert_eq!(fee(233), (10 * TAO, 10 * TAO - 50_000, 0));
    let rate = |parts: u64| (u128::from(10 * TAO) * u128::from(parts) / 65_535) as u64;
    assert_eq!(fee(290), (10 * TAO - rate(196), 10 * TAO - rate(196), 0));
    assert_eq!(fee(397), (10 * TAO - rate(33), 10 * TAO - rate(33), rate(33)));
    assert_eq!(fee(425), fee(397));
}

#[test]
fn unstaking_cost_a_flat_fee_too() {
    let (mut network, mut bank) = chain(252);
    let before = (bank.balance(&OWNER), network.subnet(NET).unwrap().pool);
    let moved = network.remove_stake(&mut bank, &OWNER, &VALIDATOR_KEY, NET, 10 * TAO).unwrap();
    assert_eq!(bank.balance(&OWNER) - before.0, moved.tao - 50_000);
    assert_eq!(before.1.tao - network.subnet(NET).unwrap().pool.tao, moved.tao - 50_000);
    assert_eq!(all_tao(&network, &bank), network.total_issuance);
}

/// 2,000 TAO are locked where 1,000 are the least: the launch keeps 1:1 of the least, 411 the whole lock.
#[test]
fn new_pools_hold_what_their_era_lets_them() {
    let pool = |version| {
        let (mut network, mut bank) = chain(version);
        network.register_network(&mut bank, &MINER, &MINER_KEY).unwrap();
        assert_eq!(all_tao(&network, &bank), network.total_issuance, "{version}");
        let subnet = network.subnet(NetUid(2)).unwrap();
        (subnet.pool.tao, subnet.emission_enabled, subnet.first_emission_block.is_some(), subnet.curve)
    };
    assert_eq!(pool(233), (1_000 * TAO, true, true, Curve::ConstantProduct));
    assert_eq!(pool(402).0, 1_000 * TAO);
    assert_eq!(pool(411).0, 2_000 * TAO);
    assert_eq!(pool(425), (2_000 * TAO, false, false, Curve::Weighted));
}

#[test]
fn the_neuron_price_was_adjusted_in_steps() {
    let (mut network, mut bank) = chain(362);
    let price = |network: &Network| network.subnet(NET).unwrap().registration_price.burn_rao;
    let start = price(&network);
    network.register(&mut bank, &MINER, &Hotkey([50; 32]), NET).unwrap();
    assert_eq!(price(&network), start, "registrations do not move the price at once");
    let again = network.register(&mut bank, &MINER, &Hotkey([51; 32]), NET);
    assert_eq!(again, Err(OpError::TooManyRegistrationsThisBlock));
    for id in 0..5 {
        network.step_block(&[0; 32]);
        network.register_by_work(&MINER, &Hotkey([60 + id; 32]), NET).unwrap();
    }
    network.step_block(&[0; 32]);
    let full = network.register(&mut bank, &MINER, &Hotkey([70; 32]), NET);
    // The first adjustment came with the first block: the chain began long after block 100.
    assert!(full.is_ok() || full == Err(OpError::TooManyRegistrationsThisInterval));
    network.upgrade(spec(397));
    assert_eq!(network.register_by_work(&MINER, &Hotkey([71; 32]), NET), Err(OpError::CallUnavailable));
}

/// Half of the price is locked: a second registration of the hotkey would find that as credit; the lock cannot be
/// unstaked and drains as the miner earns.
#[test]
fn collateral_is_staked_locked_and_drained() {
    let (mut network, mut bank) = chain(435);
    let new = Hotkey([30; 32]);
    let subnet = network.subnet_mut(NET).unwrap();
    subnet.collateral.lock_share = 32_768;
    let (burn, out) = (subnet.registration_price.burn_rao, subnet.alpha_out);
    let before = bank.balance(&MINER);
    network.register(&mut bank, &MINER, &new, NET).unwrap();
    assert!(before - bank.balance(&MINER) <= burn);
    let subnet = network.subnet(NET).unwrap();
    let locked = subnet.collateral.locks[&new][&MINER].locked;
    assert_eq!(network.stake_of(&new, &MINER, NET), locked);
    assert_eq!(subnet.alpha_out - out, locked, "the burned half leaves the issuance");
    let value = subnet.price().saturating_mul(U64F64::from_int(locked)).to_u64();
    assert!(value > burn * 49 / 100 && value <= burn / 2 + burn / 100, "{locked} {value}");
    let refused = network.remove_stake(&mut bank, &MINER, &new, NET, locked);
    assert_eq!(refused, Err(OpError::AmountTooLow));
    let uid = network.subnet(NET).unwrap().neurons.uid_of(&new).unwrap();
    for _ in 0..25 {
        let weights = Weights { uids: vec![uid], values: vec![1], version_key: 0 };
        let _without_permit_yet = network.set_weights(&VALIDATOR_KEY, NET, 0, &weights);
        network.step_block(&[0; 32]);
    }
    assert!(network.subnet(NET).unwrap().collateral.locks[&new].is_empty(), "earnings set it free");
    assert!(network.remove_stake(&mut bank, &MINER, &new, NET, locked).is_ok());
    assert_eq!(all_tao(&network, &bank), network.total_issuance);
    network.upgrade(spec(425));
    assert_eq!(network.add_collateral(&MINER, &new, NET, 1), Err(OpError::CallUnavailable));
}

/// Opens everything as a vote for uid 1, but only from a round on.
struct Round(u64);

impl Opener for Round {
    fn open(&mut self, _: &Hotkey, _: &[u8], round: u64) -> Opened {
        if round > self.0 {
            return Opened::NotYet;
        }
        Opened::Weights(Weights { uids: vec![1], values: vec![1], version_key: 0 })
    }
}

/// Until 300 a commit whose round is missing at the epoch is lost; later it is tried again.
#[test]
fn a_late_round_loses_the_commit_only_at_first() {
    let waiting = |version| {
        let (mut network, _) = chain(version);
        run(&mut network, 30);
        network.subnet_mut(NET).unwrap().params.commit_reveal_enabled = true;
        let secret = Secret::Timelocked { ciphertext: vec![1], round: 5 };
        network.commit_weights(&VALIDATOR_KEY, NET, 0, secret).unwrap();
        let mut left = Vec::new();
        for _ in 0..13 {
            network.step_block_with(&[0; 32], &mut Round(4));
            left.push(network.subnet(NET).unwrap().mechanisms[0].commits.len());
        }
        let found = left.iter().position(|count| *count == 0);
        network.step_block_with(&[0; 32], &mut Round(5));
        (found.is_some(), network.subnet(NET).unwrap().mechanisms[0].commits.len())
    };
    assert_eq!(waiting(273), (true, 0));
    assert_eq!(waiting(302).1, 0);
    assert!(!waiting(302).0, "the commit waits for its round through its reveal epoch");
}

#[test]
fn a_null_subnet_pays_by_the_largest_stake() {
    let (mut network, _) = chain(475);
    network.set_consensus(&OWNER, NET, Consensus::Null).unwrap();
    assert_eq!(network.subnet(NET).unwrap().params.max_allowed_validators, 1);
    let epochs = run(&mut network, 25);
    assert!(epochs.len() >= 2);
    let neurons = &network.subnet(NET).unwrap().neurons;
    assert_eq!(neurons.validator_permit, [true, false]);
    assert_eq!(neurons.consensus, [0, 0]);
    network.set_consensus(&OWNER, NET, Consensus::Yuma).unwrap();
    assert_eq!(network.subnet(NET).unwrap().params.max_allowed_validators, 64);
    let (mut yuma, _) = chain(425);
    assert_eq!(yuma.set_consensus(&OWNER, NET, Consensus::Null), Err(OpError::CallUnavailable));
    yuma.subnet_mut(NET).unwrap().consensus = Consensus::Null;
    run(&mut yuma, 25);
    assert_ne!(yuma.subnet(NET).unwrap().neurons.consensus, [0, 0], "older specs know no Null");
}

/// Under the full bonds penalty liquid alpha reads the previous consensus from 446 on.
#[test]
fn liquid_alpha_reads_the_previous_consensus_since_446() {
    let bonds = |version, choice| {
        let (mut network, mut bank) = chain(version);
        let third = Hotkey([13; 32]);
        network.register_free(&MINER, &third, NET).unwrap();
        network.add_stake(&mut bank, &MINER, &third, NET, 60 * TAO).unwrap();
        let subnet = network.subnet_mut(NET).unwrap();
        (subnet.params.liquid_alpha_on, subnet.params.yuma3_on) = (true, true);
        subnet.liquid_choice = choice;
        for block in 0..35_u16 {
            let vote = |values| Weights { uids: vec![1, 2], values, version_key: 0 };
            let _either = network.set_weights(&VALIDATOR_KEY, NET, 0, &vote(vec![9, 1 + block % 7]));
            let _either = network.set_weights(&third, NET, 0, &vote(vec![1 + block % 5, 1]));
            network.step_block(&[0; 32]);
        }
        network.subnet(NET).unwrap().mechanisms[0].bonds.clone()
    };
    let before = bonds(445, LiquidChoice::Auto);
    assert_eq!(bonds(446, LiquidChoice::Current), before);
    assert_ne!(bonds(446, LiquidChoice::Auto), before);
    assert_eq!(bonds(446, LiquidChoice::Auto), bonds(446, LiquidChoice::Previous));
}

/// 419 to 425 to 440 to 441: pools keep their price, epochs their beat, the bar is set anew, nothing is lost.
#[test]
fn a_chain_crosses_its_upgrades() {
    let (mut network, mut bank) = chain(419);
    network.register_network(&mut bank, &MINER, &Hotkey([20; 32])).unwrap();
    network.start_call(&MINER, NetUid(2)).unwrap();
    network.subnet_mut(NetUid(2)).unwrap().emission_enabled = true;
    run(&mut network, 30);
    network.add_stake(&mut bank, &MINER, &MINER_KEY, NET, 50 * TAO).unwrap();
    run(&mut network, 5);
    let subnet = network.subnet(NET).unwrap();
    assert!(matches!(subnet.curve, Curve::Concentrated(pool) if pool.position.is_some()));
    assert!(subnet.flow.user.is_some_and(|flow| flow > sn3_emission::fixed::I64F64::ZERO));
    let (price, next) = (subnet.price(), network.block + 1 + until_next(&network));

    network.upgrade(spec(425));
    let subnet = network.subnet(NET).unwrap();
    assert_eq!(subnet.curve, Curve::Weighted);
    let moved = subnet.price().to_bits().abs_diff(price.to_bits());
    assert!(moved < price.to_bits() >> 30, "{:?} {price:?}", subnet.price());
    assert_eq!(subnet.params.activity_cutoff_factor_milli, 50_000);
    let blocks = next - network.block + 10;
    assert_eq!(run(&mut network, blocks), [next, next + u64::from(TEMPO)]);
    assert_eq!(network.gate_bar, U64F64::ZERO);

    network.upgrade(spec(440));
    run(&mut network, 1);
    let quantile_bar = network.gate_bar;
    assert!(quantile_bar > U64F64::ZERO);
    network.upgrade(spec(441));
    assert_eq!(network.gate_bar, U64F64::ZERO, "the migration deletes the bar");
    run(&mut network, 1);
    assert!(network.gate_bar > U64F64::ZERO && network.gate_bar <= quantile_bar);
    run(&mut network, 30);
    assert_eq!(all_tao(&network, &bank), network.total_issuance);
}

fn until_next(network: &Network) -> u64 {
    Schedule::blocks_until_modulo(network.block + 1, NET, TEMPO)
}

/// The same chain under 439 and 440: the gate gives the larger subnet more.
#[test]
fn the_gate_favours_the_larger_subnet() {
    let injected = |version| {
        let (mut network, mut bank) = chain(version);
        network.register_network(&mut bank, &MINER, &Hotkey([20; 32])).unwrap();
        network.start_call(&MINER, NetUid(2)).unwrap();
        let small = network.subnet_mut(NetUid(2)).unwrap();
        small.emission_enabled = true;
        small.moving_price = I96F32::from_bits(1 << 30);
        small.pool = Pool::new(small.pool.tao, small.pool.alpha);
        network.emission_shares(&[NET, NetUid(2)])
    };
    let (before, after) = (injected(439), injected(440));
    assert!(after[0] > before[0] && after[1] < before[1], "{before:?} {after:?}");
}

#[test]
fn a_chain_of_any_era_survives_its_encodings() {
    use codec::{Decode, Encode};
    for version in [233, 362, 425, 441] {
        let (mut network, _) = chain(version);
        run(&mut network, 25);
        assert_eq!(Network::decode(&mut network.encode().as_slice()).unwrap(), network);
        let json = serde_json::to_vec(&network).unwrap();
        assert_eq!(serde_json::from_slice::<Network>(&json).unwrap(), network, "{version}");
    }
}
