//! Measures what a development chain is chosen for, and prints each value beside its bar.
//!
//! Build it with `--release`: unoptimised numbers say nothing. The exit code is the number of bars missed. Times are
//! those of the wall clock; where the machine has other work, compare them with the seconds of computing.

// An example may talk to its user directly.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{
    error::Error,
    time::{Duration, Instant},
};

use codec::{Compact, Encode};
use sn3_devnet::{Devnet, DevnetConfig, Scaffold, Sealing, runtime::accounts::dev_pair};
use sn3_protocol::NetUid;
use sp_core::{Pair, sr25519};

const NETUID: u16 = 3;
const NEURONS: usize = 256;
const VALIDATORS: usize = 64;
const TEMPO: u64 = 360;
const DAY_BLOCKS: u64 = 7_200;
const TRANSFERS: u32 = 6_000;

/// Where the time in user code is in `/proc/self/stat`, counted behind the process's name; that in the kernel follows.
const USER_TICKS_FIELD: usize = 11;
/// The unit of those times on Linux.
const TICKS_PER_S: f64 = 100.0;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Bars and how many were missed.
#[derive(Default)]
struct Bars {
    missed: i32,
}

impl Bars {
    fn at_most(&mut self, what: &str, value: f64, bar: f64, unit: &str) {
        self.line(what, value, bar, unit, "≤", value <= bar);
    }

    fn at_least(&mut self, what: &str, value: f64, bar: f64, unit: &str) {
        self.line(what, value, bar, unit, "≥", value >= bar);
    }

    fn line(&mut self, what: &str, value: f64, bar: f64, unit: &str, sign: &str, good: bool) {
        self.missed += i32::from(!good);
        let verdict = if good { "ok  " } else { "MISS" };
        println!("{verdict} {what:<58} {value:>10.2} {unit:<5} (bar {sign} {bar} {unit})");
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn resident_mib() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS line")?;
    let kib: f64 = line.split_whitespace().nth(1).ok_or("no number in the VmRSS line")?.parse()?;
    Ok(kib / 1_024.0)
}

/// The load of the machine in the last minute: beside another program's work, wall-clock times say little.
fn load() -> Outcome<f64> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().next().ok_or("no load in /proc/loadavg")?.parse()?)
}

/// What all threads of this process have computed so far, in seconds.
fn cpu_s() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?.1;
    let ticks = fields.split_whitespace().skip(USER_TICKS_FIELD).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS_PER_S)
}

/// A whole subnet: every neuron registered and staked.
fn full_subnet() -> Outcome<Scaffold> {
    let mut text =
        format!("[[subnet]]\nnetuid = {NETUID}\ntempo = {TEMPO}\npool_tao = 100000\npool_alpha = 100000\n");
    for neuron in 1..NEURONS {
        let stake = if neuron <= VALIDATORS { 10_000 + neuron } else { 10 };
        text += &format!(
            "[[subnet.neuron]]\ncoldkey = \"Cold{neuron}\"\nhotkey = \"Hot{neuron}\"\nstake = {stake}\n"
        );
    }
    Ok(Scaffold::parse(&text)?)
}

/// An immortal signed transaction.
fn signed(pair: &sr25519::Pair, nonce: u32, call: &[u8], genesis: [u8; 32]) -> Vec<u8> {
    let extra = [vec![0], Compact(nonce).encode(), Compact(0u64).encode(), vec![0]].concat();
    let additional = [(425u32, 1u32).encode().as_slice(), &genesis, &genesis, &[0]].concat();
    let payload = [call, &extra, &additional].concat();
    let signature = match payload.len() > 256 {
        true => pair.sign(&sp_io::hashing::blake2_256(&payload)),
        false => pair.sign(&payload),
    };
    let body = [&[0x84, 0][..], &pair.public().0, &[1], &signature.0, &extra, call].concat();
    [Compact(body.len() as u32).encode(), body].concat()
}

fn weights_call(validator: usize) -> Vec<u8> {
    let uids: Vec<u16> = (0..NEURONS as u16).collect();
    let values: Vec<u16> = uids.iter().map(|uid| 1 + (uid * 31 + validator as u16 * 17) % 500).collect();
    [vec![7, 0], (NETUID, uids, values, 0u64).encode()].concat()
}

fn transfer_call(rao: u64) -> Vec<u8> {
    [vec![5, 3, 0], dev_pair("Bob").public().0.to_vec(), Compact(rao).encode()].concat()
}

async fn first_block(bars: &mut Bars) -> Outcome<()> {
    let begin = Instant::now();
    let config = DevnetConfig { sealing: Sealing::Manual, ..DevnetConfig::default() };
    let devnet = Devnet::start(config).await?;
    devnet.advance_blocks(1).await?;
    bars.at_most("start to first block", ms(begin.elapsed()), 100.0, "ms");
    tokio::time::sleep(Duration::from_millis(500)).await;
    bars.at_most("memory of the idle chain", resident_mib()?, 80.0, "MiB");
    devnet.shutdown().await;
    Ok(())
}

async fn day(bars: &mut Bars) -> Outcome<()> {
    let genesis = full_subnet()?.genesis();
    let devnet =
        Devnet::start(DevnetConfig { sealing: Sealing::Manual, genesis, ..DevnetConfig::default() }).await?;
    // The first epoch gives the permits.
    devnet.advance_to_epoch(NetUid(NETUID)).await?;
    for validator in 1..=VALIDATORS {
        let pair = dev_pair(&format!("Hot{validator}"));
        devnet.submit(signed(&pair, 0, &weights_call(validator), devnet.genesis_hash().0)).await?;
    }
    devnet.advance_blocks(1).await?;
    eprintln!("{NEURONS} neurons, {VALIDATORS} rows of {NEURONS} weights; {DAY_BLOCKS} blocks follow");
    let (begin, before_s) = (Instant::now(), cpu_s()?);
    devnet.advance_blocks(DAY_BLOCKS).await?;
    let took = begin.elapsed();
    eprintln!("{:.2} s of computing", cpu_s()? - before_s);
    bars.at_most("7,200 blocks with 20 epochs of 256 neurons", took.as_secs_f64(), 5.0, "s");
    eprintln!("{:.3} ms per block; memory {:.1} MiB", ms(took) / DAY_BLOCKS as f64, resident_mib()?);
    snapshots(bars, &devnet).await?;
    devnet.shutdown().await;
    Ok(())
}

async fn snapshots(bars: &mut Bars, devnet: &Devnet) -> Outcome<()> {
    let begin = Instant::now();
    let snapshot = devnet.snapshot();
    let taken = begin.elapsed();
    devnet.advance_blocks(100).await?;
    let begin = Instant::now();
    devnet.revert(snapshot)?;
    bars.at_most("snapshot, and revert of 100 blocks", ms(taken + begin.elapsed()), 10.0, "ms");
    Ok(())
}

async fn transfers(bars: &mut Bars) -> Outcome<()> {
    let config = DevnetConfig { sealing: Sealing::Manual, ..DevnetConfig::default() };
    let devnet = Devnet::start(config).await?;
    let (alice, genesis) = (dev_pair("Alice"), devnet.genesis_hash().0);
    let all: Vec<_> =
        (0..TRANSFERS).map(|nonce| signed(&alice, nonce, &transfer_call(1_000), genesis)).collect();
    let begin = Instant::now();
    for bytes in all {
        devnet.submit(bytes).await?;
    }
    let pooled = begin.elapsed();
    let (begin, before_s) = (Instant::now(), cpu_s()?);
    while devnet.waiting_transactions() > 0 {
        devnet.advance_blocks(1).await?;
    }
    eprintln!("{:.2} s of computing for {TRANSFERS} transfers", cpu_s()? - before_s);
    let rate = |time: Duration| f64::from(TRANSFERS) / time.as_secs_f64();
    bars.at_least("signed transfers executed", rate(begin.elapsed()), 2_000.0, "/s");
    eprintln!("{:.0}/s were checked and pooled, in {} blocks", rate(pooled), devnet.head().number.0);
    devnet.shutdown().await;
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut bars = Bars::default();
    println!("load of the machine: {}", load()?);
    first_block(&mut bars).await?;
    transfers(&mut bars).await?;
    day(&mut bars).await?;
    std::process::exit(bars.missed);
}
