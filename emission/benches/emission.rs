//! Times of the epoch and the block step on one core, beside the reference's own (emission mathematics, section 11).
//!
//! `cargo bench -p sn3-emission`

use std::hint::black_box;
use std::time::{Duration, Instant};

use sn3_emission::Network;
use sn3_emission::epoch::{EpochInput, EpochParams, MechanismInput, StoredRow, run};
use sn3_emission::fixed::I96F32;
use sn3_emission::network::{Globals, Subnet, default_params};
use sn3_emission::pool::Pool;
use sn3_protocol::{Coldkey, Hotkey, NetUid};

/// Every line is the fastest of many runs, because other work on the machine only ever adds.
const MEASURE_MS: u64 = 400;
/// At least this many runs, however long one takes.
const RUNS_MIN: u32 = 5;

/// A small deterministic generator (xorshift), so that every run measures the same work.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// One subnet with dense random weights of its validators.
struct Case {
    params: EpochParams,
    alpha: Vec<u64>,
    registered: Vec<u64>,
    permits: Vec<bool>,
    updated: Vec<u64>,
    weights: Vec<StoredRow>,
    bonds: Vec<StoredRow>,
}

impl Case {
    fn new(n: usize, validators: usize, change: impl FnOnce(&mut EpochParams)) -> Self {
        let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
        let mut params = default_params();
        params.max_allowed_validators = validators as u16;
        params.commit_reveal_enabled = false;
        change(&mut params);
        let mut dense = |uid: usize| -> StoredRow {
            if uid >= validators {
                return Vec::new();
            }
            (0..n as u16).map(|j| (j, (noise.next() % 65_536) as u16)).collect()
        };
        let weights = (0..n).map(&mut dense).collect();
        let bonds = (0..n).map(&mut dense).collect();
        let alpha = (0..n).map(|uid| {
            if uid < validators { 1_000_000_000_000 + noise.next() % 9_000_000_000_000 } else { 1 }
        });
        Self {
            params,
            alpha: alpha.collect(),
            registered: vec![1; n],
            permits: (0..n).map(|uid| uid < validators).collect(),
            updated: vec![1_000_000; n],
            weights,
            bonds,
        }
    }

    fn run(&self) {
        let root = vec![0; self.alpha.len()];
        let input = EpochInput {
            params: &self.params,
            block: 1_000_001,
            last_mechanism_step_block: 999_641,
            owner_uid: None,
            alpha_stake: &self.alpha,
            root_stake: &root,
            tao_weight: 971_718_665_099_567_868,
            stake_threshold: 0,
            block_at_registration: &self.registered,
            validator_permit: &self.permits,
        };
        let mechanism = MechanismInput {
            weights: &self.weights,
            bonds: &self.bonds,
            last_update: &self.updated,
            earliest_commit: &[],
        };
        black_box(run(&input, &mechanism, 1_000_000_000_000));
    }
}

/// Time that this thread spent on a processor, where the system tells it.
fn busy() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// The fastest of all runs within [`MEASURE_MS`], after one that warms up; or the mean processor time of all,
/// if that is less because runs are long and the machine is shared.
fn fastest(mut work: impl FnMut()) -> Duration {
    work();
    let (start, busy_start) = (Instant::now(), busy());
    let (mut runs, mut best) = (0, Duration::MAX);
    while runs < RUNS_MIN || start.elapsed() < Duration::from_millis(MEASURE_MS) {
        let run = Instant::now();
        work();
        best = best.min(run.elapsed());
        runs += 1;
    }
    let mean = busy_start.zip(busy()).map(|(from, to)| (to - from) / runs);
    mean.filter(|mean| *mean > Duration::from_millis(1)).map_or(best, |mean| mean.min(best))
}

/// Whether a line was asked for: every argument that is no option must be part of its name.
fn wanted(what: &str) -> bool {
    std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).all(|part| what.contains(&part))
}

#[allow(clippy::print_stdout)]
fn line(what: &str, ours: Duration, reference_ms: f64) {
    let ours_ms = ours.as_secs_f64() * 1e3;
    println!(
        "{what:<58} {ours_ms:>10.3} ms   reference {reference_ms:>9.2} ms   {:>7.1}x",
        reference_ms / ours_ms
    );
}

fn epochs() {
    let yuma3 = |_: &mut EpochParams| ();
    let liquid = |p: &mut EpochParams| p.liquid_alpha_on = true;
    let yuma2 = |p: &mut EpochParams| p.yuma3_on = false;
    let half = |p: &mut EpochParams| p.bonds_penalty = 32_768;
    let time = |what: &str, case: Case, reference| {
        if wanted(what) {
            line(what, fastest(|| case.run()), reference);
        }
    };
    time("epoch n=256, 64 validators, Yuma3", Case::new(256, 64, yuma3), 1.88);
    time("epoch n=256, 64 validators, Yuma3 + liquid alpha", Case::new(256, 64, liquid), 21.12);
    time("epoch n=256, 64 validators, Yuma2", Case::new(256, 64, yuma2), 2.04);
    time("epoch n=256, 64 validators, Yuma3, bonds penalty 0.5", Case::new(256, 64, half), 2.22);
    time("epoch n=1024, 64 validators, Yuma3", Case::new(1_024, 64, yuma3), 7.54);
    time("epoch n=1024, 64 validators, Yuma3 + liquid alpha", Case::new(1_024, 64, liquid), 318.76);
    time("epoch n=1024, 64 validators, Yuma2", Case::new(1_024, 64, yuma2), 8.22);
    time("epoch n=4096, 64 validators, Yuma3", Case::new(4_096, 64, yuma3), 35.97);
    time("epoch n=4096, 64 validators, Yuma3 + liquid alpha", Case::new(4_096, 64, liquid), 5_003.63);
    time("epoch n=4096, 64 validators, Yuma2", Case::new(4_096, 64, yuma2), 40.44);
    time("epoch n=4096, 1024 validators, Yuma3", Case::new(4_096, 1_024, yuma3), 543.50);
}

/// A chain of `subnets` with `neurons` each, of which a quarter validates.
fn chain(subnets: u16, neurons: u16, tempo: u16) -> Network {
    let mut noise = Noise(7);
    let mut network = Network::new(Globals::default(), 5_000_000);
    network.total_issuance = 9_000_000_000_000_000;
    let root = network.subnet_mut(NetUid(0)).expect("root");
    root.pool.tao = 2_000_000_000_000_000;
    for netuid in 1..=subnets {
        let mut subnet = Subnet::new(NetUid(netuid), 4_000_000);
        subnet.subtoken_enabled = true;
        subnet.emission_enabled = true;
        subnet.first_emission_block = Some(4_100_000);
        subnet.params.commit_reveal_enabled = false;
        subnet.params.tempo = tempo;
        subnet.schedule.last_epoch_block = 5_000_000 - u64::from(netuid % tempo.max(1));
        subnet.alpha_out = 2_000_000_000_000_000;
        let tao = 10_000_000_000_000 + noise.next() % 90_000_000_000_000;
        subnet.pool = Pool::new(tao, 1_000_000_000_000_000 + noise.next() % 1_000_000_000_000_000);
        subnet.pool.quote_weight += u64::from(netuid);
        subnet.moving_price = I96F32::from_bits(1 << 27);
        network.subnets.insert(NetUid(netuid), subnet);
        fill(&mut network, netuid, neurons, &mut noise);
    }
    network
}

fn fill(network: &mut Network, netuid: u16, neurons: u16, noise: &mut Noise) {
    for uid in 0..neurons {
        let mut key = [0; 32];
        key[..2].copy_from_slice(&netuid.to_be_bytes());
        key[2..4].copy_from_slice(&uid.to_be_bytes());
        let (hotkey, coldkey) = (Hotkey(key), Coldkey(key));
        network.register_free(&coldkey, &hotkey, NetUid(netuid)).expect("a free slot");
        let stake = if uid < neurons / 4 { 5_000_000_000_000 } else { 1_000_000_000 };
        network.grant_stake(NetUid(netuid), &hotkey, &coldkey, stake).expect("the subnet exists");
    }
    let subnet = network.subnet_mut(NetUid(netuid)).expect("just added");
    for uid in 0..usize::from(neurons / 4) {
        subnet.neurons.validator_permit[uid] = true;
        let row = (0..neurons).map(|j| (j, (noise.next() % 65_536) as u16)).collect();
        subnet.mechanisms[0].weights[uid] = row;
    }
    subnet.mechanisms[0].last_update.fill(5_000_001);
    subnet.neurons.registered_at.fill(4_500_000);
}

fn blocks() {
    let idle_name = "block, 128 subnets, no epochs";
    if wanted(idle_name) {
        let mut idle = chain(128, 0, 0);
        line(idle_name, fastest(|| drop(black_box(idle.step_block(&[7; 32])))), 39.1);
    }
    let full_name = "block, 128 subnets of 256 neurons, tempo 360 (mean)";
    if wanted(full_name) {
        let mut full = chain(128, 256, 360);
        let tempo = || (0..360).for_each(|i| drop(black_box(full.step_block(&[i as u8; 32]))));
        line(full_name, fastest(tempo) / 360, 66.0);
    }
}

#[allow(clippy::print_stdout)]
fn small_epochs() {
    let name = "three-validator epochs per second";
    if wanted(name) {
        let case = Case::new(5, 3, |_| ());
        let time = fastest(|| (0..100).for_each(|_| case.run()));
        println!("{name}: {:.0}", 100.0 / time.as_secs_f64());
    }
}

/// On what this was measured, because other work on the machine slows it.
#[allow(clippy::print_stdout)]
fn conditions() {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let load = read("/proc/loadavg");
    println!(
        "conditions: one thread, {} ({} processors), load {}",
        model.map_or("unknown processor", |(_, model)| model),
        std::thread::available_parallelism().map_or(1, usize::from),
        load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown"),
    );
}

/// `cargo bench -p sn3-emission -- liquid` measures only the lines whose name has the word.
fn main() {
    conditions();
    epochs();
    small_epochs();
    blocks();
}
