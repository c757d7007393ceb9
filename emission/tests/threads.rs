//! Many blocks at once give what single steps give, on any number of threads.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use blake2::{Blake2b, Digest, digest::consts::U32};
use codec::Encode;
use sn3_emission::Network;
use sn3_emission::fixed::I96F32;
use sn3_emission::network::{Globals, Subnet};
use sn3_emission::pool::Pool;
use sn3_protocol::{Coldkey, Hotkey, NetUid};

const BLOCKS: u64 = 400;

fn key(netuid: u16, uid: u16) -> [u8; 32] {
    let mut key = [9; 32];
    key[..2].copy_from_slice(&netuid.to_be_bytes());
    key[2..4].copy_from_slice(&uid.to_be_bytes());
    key
}

/// Subnets of 64 neurons, half of them validators, with every kind of epoch; three share a phase, so that one of
/// them is deferred each time.
fn network(root_stakers: bool) -> Network {
    let mut network = Network::new(Globals::default(), 1_000);
    network.total_issuance = 9_000_000_000_000_000;
    network.subnet_mut(NetUid(0)).unwrap().pool.tao = 2_000_000_000_000_000;
    for netuid in 1..=7 {
        add_subnet(&mut network, netuid);
    }
    if root_stakers {
        for staker in 0..20 {
            let hotkey = Hotkey(key(1 + staker % 3, staker % 8));
            let coldkey = Coldkey(key(900, staker));
            network.grant_stake(NetUid(0), &hotkey, &coldkey, 80_000_000_000_000).unwrap();
        }
    }
    network
}

fn add_subnet(network: &mut Network, netuid: u16) {
    let mut subnet = Subnet::new(NetUid(netuid), 500);
    subnet.subtoken_enabled = true;
    subnet.emission_enabled = true;
    subnet.first_emission_block = Some(600);
    subnet.params.tempo = 50 + 30 * (netuid / 4);
    subnet.params.commit_reveal_enabled = netuid == 5;
    subnet.params.liquid_alpha_on = netuid == 2;
    subnet.params.yuma3_on = netuid != 3;
    subnet.params.bonds_penalty = if netuid == 4 { 20_000 } else { 65_535 };
    subnet.schedule.last_epoch_block = 980 + u64::from(netuid / 4) * 3;
    subnet.schedule.pending_epoch_at = if netuid == 6 { 1_010 } else { 0 };
    subnet.alpha_out = 2_000_000_000_000_000;
    subnet.pool = Pool::new(30_000_000_000_000 + u64::from(netuid), 1_000_000_000_000_000);
    subnet.pool.quote_weight += u64::from(netuid);
    subnet.moving_price = I96F32::from_bits(1 << 31);
    network.subnets.insert(NetUid(netuid), subnet);
    for uid in 0..64 {
        let (hotkey, coldkey) = (Hotkey(key(netuid, uid)), Coldkey(key(netuid, uid)));
        network.register_free(&coldkey, &hotkey, NetUid(netuid)).unwrap();
        let stake = if uid < 32 { 5_000_000_000_000 + u64::from(uid) } else { 1_000_000_000 };
        network.grant_stake(NetUid(netuid), &hotkey, &coldkey, stake).unwrap();
    }
    let subnet = network.subnet_mut(NetUid(netuid)).unwrap();
    for uid in 0..32_u16 {
        let weight = |j: u16| (u32::from(j + 1) * u32::from(uid + 7) * 7_919 % 65_536) as u16;
        subnet.neurons.validator_permit[usize::from(uid)] = true;
        subnet.mechanisms[0].weights[usize::from(uid)] = (0..64).map(|j| (j, weight(j))).collect();
    }
    subnet.mechanisms[0].last_update.fill(990);
    subnet.neurons.registered_at.fill(700);
}

fn hash(block: u64) -> [u8; 32] {
    Blake2b::<U32>::digest(block.to_le_bytes()).into()
}

fn digest(network: &Network) -> [u8; 32] {
    Blake2b::<U32>::digest(network.encode()).into()
}

fn single_steps(mut network: Network) -> ([u8; 32], u64, u64) {
    let (mut epochs, mut deferred) = (0, 0);
    for _ in 0..BLOCKS {
        let report = network.step_block(&hash(network.block + 1));
        epochs += report.epochs.len() as u64;
        deferred += report.deferred.len() as u64;
    }
    (digest(&network), epochs, deferred)
}

fn many_at_once(mut network: Network, threads: usize) -> ([u8; 32], u64, u64) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (mut epochs, mut deferred) = (0, 0);
    pool.install(|| {
        network.step_blocks(BLOCKS, hash, |report| {
            epochs += report.epochs.len() as u64;
            deferred += report.deferred.len() as u64;
        });
    });
    (digest(&network), epochs, deferred)
}

fn same_on_all_threads(root_stakers: bool) {
    let expected = single_steps(network(root_stakers));
    assert!(expected.1 > 40 && expected.2 > 0, "{} epochs, {} deferred", expected.1, expected.2);
    for threads in [1, 2, 7] {
        assert_eq!(many_at_once(network(root_stakers), threads), expected, "{threads} threads");
    }
}

#[test]
fn the_digest_is_the_same_on_1_2_and_7_threads() {
    same_on_all_threads(false);
}

#[test]
fn root_claims_between_computation_and_epoch_change_nothing() {
    same_on_all_threads(true);
}
