//! A year of a full chain: 128 subnets of 256 neurons, 64 of them validators with dense random weights.
//!
//! `cargo run --release -p sn3-emission --example year -- [BLOCKS] [THREADS]`
//!
//! Without arguments it steps 2,628,000 blocks on all processors. The network is built from one seed, so the
//! digest at the end depends on the number of blocks only.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the result and its progress")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use blake2::{Blake2b, Digest, digest::consts::U32};
use codec::Encode;
use sn3_emission::Network;
use sn3_emission::fixed::I96F32;
use sn3_emission::network::{Globals, Subnet};
use sn3_emission::pool::Pool;
use sn3_protocol::{Coldkey, Hotkey, NetUid};

/// Names the random numbers of the network and of the parent hashes.
const SEED: &str = "sn3-emission year 1";
const YEAR_BLOCKS: u64 = 2_628_000;
const SUBNETS: u16 = 128;
const NEURONS: u16 = 256;
const VALIDATORS: u16 = 64;
const FIRST_BLOCK: u64 = 5_000_000;
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Numbers that a name and a counter determine.
struct Noise {
    name: String,
    counter: u64,
}

impl Noise {
    fn new(name: &str) -> Self {
        Self { name: format!("{SEED}: {name}"), counter: 0 }
    }

    fn bytes(&mut self) -> [u8; 32] {
        self.counter += 1;
        Blake2b::<U32>::digest((&self.name, self.counter).encode()).into()
    }

    fn below(&mut self, limit: u64) -> u64 {
        let bytes = self.bytes();
        u64::from_le_bytes(std::array::from_fn(|i| bytes[i])) % limit
    }

    /// Sixteen weights for one hash.
    fn weights(&mut self, count: u16) -> Vec<(u16, u16)> {
        let mut row = Vec::with_capacity(usize::from(count));
        while row.len() < usize::from(count) {
            for pair in self.bytes().chunks_exact(2).take(usize::from(count) - row.len()) {
                row.push((row.len() as u16, u16::from_le_bytes([pair[0], pair[1]])));
            }
        }
        row
    }
}

fn network() -> Network {
    let mut network = Network::new(Globals::default(), FIRST_BLOCK);
    network.total_issuance = 9_000_000_000_000_000;
    if let Some(root) = network.subnet_mut(NetUid(0)) {
        root.pool.tao = 2_000_000_000_000_000;
    }
    (1..=SUBNETS).for_each(|netuid| add_subnet(&mut network, netuid));
    network
}

/// A started subnet; epochs of different subnets are as far apart as their tempo allows.
fn add_subnet(network: &mut Network, netuid: u16) {
    let mut noise = Noise::new(&format!("subnet {netuid}"));
    let mut subnet = Subnet::new(NetUid(netuid), FIRST_BLOCK - 1_000_000);
    subnet.subtoken_enabled = true;
    subnet.emission_enabled = true;
    subnet.first_emission_block = Some(FIRST_BLOCK - 900_000);
    subnet.params.commit_reveal_enabled = false;
    // Nobody sets weights anew; the validators of a year ago stay active.
    subnet.params.activity_cutoff_factor_milli = u32::MAX;
    let tempo = u64::from(subnet.params.tempo);
    subnet.schedule.last_epoch_block = FIRST_BLOCK - u64::from(netuid) * tempo / u64::from(SUBNETS);
    subnet.alpha_out = 2_000_000_000_000_000;
    let (tao, alpha) = (noise.below(90_000_000_000_000), noise.below(1_000_000_000_000_000));
    subnet.pool = Pool::new(10_000_000_000_000 + tao, 1_000_000_000_000_000 + alpha);
    subnet.moving_price = I96F32::from_bits(1 << 27);
    network.subnets.insert(NetUid(netuid), subnet);
    for uid in 0..NEURONS {
        add_neuron(network, netuid, uid, &mut noise);
    }
}

fn add_neuron(network: &mut Network, netuid: u16, uid: u16, noise: &mut Noise) {
    let (hotkey, coldkey) = (Hotkey(noise.bytes()), Coldkey(noise.bytes()));
    let validates = uid < VALIDATORS;
    let stake = if validates { 1_000_000_000_000 + noise.below(9_000_000_000_000) } else { 1_000_000_000 };
    network.register_free(&coldkey, &hotkey, NetUid(netuid)).expect("256 slots are free");
    network.grant_stake(NetUid(netuid), &hotkey, &coldkey, stake).expect("the subnet exists");
    let subnet = network.subnet_mut(NetUid(netuid)).expect("the subnet exists");
    let (at, mechanism) = (usize::from(uid), &mut subnet.mechanisms[0]);
    subnet.neurons.registered_at[at] = FIRST_BLOCK - 500_000;
    subnet.neurons.validator_permit[at] = validates;
    mechanism.last_update[at] = FIRST_BLOCK;
    if validates {
        mechanism.weights[at] = noise.weights(NEURONS);
    }
}

/// Counts what was done, and says so now and then.
struct Progress {
    total: u64,
    started: Instant,
    said: Instant,
    blocks: u64,
    epochs: u64,
}

impl Progress {
    fn new(total: u64) -> Self {
        let now = Instant::now();
        Self { total, started: now, said: now, blocks: 0, epochs: 0 }
    }

    fn add(&mut self, epochs: usize) {
        self.blocks += 1;
        self.epochs += epochs as u64;
        if self.said.elapsed() >= PROGRESS_EVERY {
            self.said = Instant::now();
            self.say();
        }
    }

    fn say(&self) {
        let seconds = self.started.elapsed().as_secs_f64();
        let left = seconds / self.blocks as f64 * (self.total - self.blocks) as f64;
        let percent = self.blocks as f64 / self.total as f64 * 100.0;
        eprintln!(
            "{percent:>5.1} %   {} of {} blocks   {} epochs   {seconds:.0} s, {left:.0} s to go",
            self.blocks, self.total, self.epochs
        );
    }

    fn result(&self, network: &Network) {
        let seconds = self.started.elapsed().as_secs_f64();
        let digest: [u8; 32] = Blake2b::<U32>::digest(network.encode()).into();
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        println!(
            "blocks      {} in {seconds:.1} s: {:.0} per second",
            self.blocks,
            self.blocks as f64 / seconds
        );
        println!("epochs      {}: {:.0} per second", self.epochs, self.epochs as f64 / seconds);
        println!("threads     {}", rayon::current_num_threads());
        println!("peak memory {}", peak_memory().unwrap_or_else(|| "unknown".to_owned()));
        println!("digest      {digest}");
    }
}

fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(format!("{:.0} MB", kilobytes / 1_000.0))
}

fn parent_hash(block: u64) -> [u8; 32] {
    Blake2b::<U32>::digest((SEED, block).encode()).into()
}

/// A number at a place of the command line, or what stands for none.
fn argument(at: usize, missing: u64) -> Result<u64, String> {
    let Some(text) = std::env::args().nth(at) else { return Ok(missing) };
    text.parse().map_err(|_| format!("\"{text}\" is no number; usage: year [BLOCKS] [THREADS]"))
}

fn run() -> Result<(), String> {
    let (blocks, threads) = (argument(1, YEAR_BLOCKS)?, argument(2, 0)?);
    let threads = usize::try_from(threads).map_err(|error| error.to_string())?;
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| error.to_string())?;
    let mut network = network();
    pool.install(|| {
        let mut progress = Progress::new(blocks);
        network.step_blocks(blocks, parent_hash, |report| progress.add(report.epochs.len()));
        progress.result(&network);
    });
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
