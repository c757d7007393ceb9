//! How fast pseudo-gradients are compressed, coded and aggregated on this machine, and how small they get.
//!
//! ```text
//! cargo run --release -p sn3-protocol --example codec_bench -- [preset] [rounds] [FILE]
//! ```
//!
//! With a FILE of little-endian f32, as `pseudo_gradient` of the trainer writes them for the preset's layout, that
//! is the delta of every round instead of a made one.
//!
//! Compression is timed on every kind of instructions that the machine has, and "decode + mean 20" is payloads of
//! 20 peers into one update (its rate counts parameters times peers). The bars, on two cores: compression 0.8
//! (AVX-512) and 0.5 (portable), payloads 0.5 G params/s.
//!
//! Deltas are seeded and heavy-tailed, different for each row of a tensor, and pass through error feedback;
//! presets are those of `ModelConfig`. Times are the best of `rounds`. Beside the wall's time stands the time that
//! the process had a CPU (Linux, in steps of 10 ms): on a busy machine only that says what the work costs.

#![allow(clippy::print_stdout, reason = "the table is the result")]

use std::error::Error;
use std::time::Instant;

use rayon::prelude::*;
use sn3_protocol::model::ModelConfig;
use sn3_protocol::sparse::{Instructions, SparseConfig, compress_on};
use sn3_protocol::{ChunkRule, Layout, PseudoGradient, aggregate, wire};

/// Peers of one round.
const PEERS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let preset = arguments.next().unwrap_or_else(|| "150m".into());
    let rounds = arguments.next().map_or(Ok(3), |text| text.parse::<u64>())?.max(1);
    let layout = ModelConfig::preset(&preset, None)?.layout(ChunkRule::Padded)?;
    println!("{preset}: {} parameters, {} threads", layout.parameters(), rayon::current_num_threads());
    let given = arguments.next().map(|path| read(&path, layout.parameters())).transpose()?;
    bench(&layout, rounds, given.as_deref())
}

/// The f32 of a file, as many as the layout has.
fn read(path: &str, parameters: usize) -> Result<Vec<f32>, Box<dyn Error>> {
    let bytes = std::fs::read(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
    if bytes.len() != 4 * parameters {
        return Err(format!("{path} has {} bytes; the layout needs {}", bytes.len(), 4 * parameters).into());
    }
    let value = |four: &[u8]| f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
    Ok(bytes.chunks_exact(4).map(value).collect())
}

fn bench(layout: &Layout, rounds: u64, given: Option<&[f32]>) -> Result<(), Box<dyn Error>> {
    let config = SparseConfig::default();
    let kinds = Instructions::all();
    let mut errors = vec![vec![0.0; layout.parameters()]; kinds.len()];
    let mut times = Times::new(layout.parameters());
    for round in 0..rounds {
        let delta = given.map_or_else(|| deltas(layout, round), <[f32]>::to_vec);
        let mut copy = delta.clone();
        times.of("memory floor", 1, || floor(config.error_decay, &mut copy, &delta));
        let mut all = Vec::new();
        for (&how, error) in kinds.iter().zip(&mut errors) {
            let name = format!("compress, {}", how.name());
            all.push(times.of(&name, 1, || compress_on(how, layout, &config, error, &delta))?);
        }
        assert!(all.iter().all(|sent| *sent == all[0]), "all instructions give the same");
        let sent = all.swap_remove(0);
        let bytes = times.of("encode", 1, || wire::encode(&sent, layout, config.top_k));
        let read = times.of("decode", 1, || wire::decode(&bytes, layout, config.top_k))?;
        assert_eq!(read, sent, "the wire is lossless");
        let peers: Vec<&PseudoGradient> = vec![&read; PEERS];
        let mean = || aggregate::aggregate(layout, config.top_k, &peers);
        let expected = times.of("mean 20", PEERS, mean)?;
        let payloads = vec![&bytes[..]; PEERS];
        let one_pass = || aggregate::aggregate_payloads(layout, config.top_k, &payloads);
        let update = times.of("decode + mean 20", PEERS, one_pass)?;
        assert_eq!(update, expected, "one pass gives the same");
        let mut theta = delta;
        times.of("outer step", 1, || aggregate::outer_step(&mut theta, layout, &update, 0.7))?;
        report_size(layout, config.top_k, round, &sent, &bytes);
    }
    times.print();
    Ok(())
}

/// The least that compression must do: read the error and the delta, write the error.
fn floor(decay: f32, error: &mut [f32], delta: &[f32]) {
    const BLOCK: usize = 1 << 16;
    error.par_chunks_mut(BLOCK).zip(delta.par_chunks(BLOCK)).for_each(|(error, delta)| {
        error.iter_mut().zip(delta).for_each(|(e, d)| *e = decay * *e + d);
    });
}

fn report_size(layout: &Layout, top_k: u32, round: u64, sent: &PseudoGradient, bytes: &[u8]) {
    let f32_bytes = 4.0 * layout.parameters() as f64;
    println!(
        "round {round}: {} bytes, {:.1}x against f32, codes carry {:.2} bits, {} bytes at most",
        bytes.len(),
        f32_bytes / bytes.len() as f64,
        code_entropy(sent),
        wire::bytes_max(layout, top_k)
    );
}

/// Entropy of the codes, pooled over all tensors.
fn code_entropy(sent: &PseudoGradient) -> f64 {
    let mut counts = [0u64; 4];
    sent.tensors.iter().flat_map(|tensor| &tensor.codes).for_each(|&code| counts[usize::from(code)] += 1);
    let total: u64 = counts.iter().sum();
    let share = counts.iter().filter(|&&n| n > 0).map(|&n| n as f64 / total as f64);
    share.map(|p| -p * p.log2()).sum()
}

/// Products of two even values times a scale of the row: heavy-tailed, with rows that differ.
fn deltas(layout: &Layout, round: u64) -> Vec<f32> {
    let mut deltas = vec![0.0; layout.parameters()];
    layout.split_mut(&mut deltas).into_iter().enumerate().for_each(|(index, tensor)| {
        let row = layout.tensors()[index].shape.last().map_or(1, |&n| n as usize);
        tensor.par_chunks_mut(row).enumerate().for_each(|(number, values)| {
            let mut state = mix(round << 48 ^ (index as u64) << 32 ^ number as u64);
            let scale = 1e-3 * (0.5 + (state >> 40) as f32 / (1 << 24) as f32);
            values.fill_with(|| {
                state = mix(state);
                scale * even(state as u32) * even((state >> 32) as u32)
            });
        });
    });
    deltas
}

/// In −1 to 1.
fn even(bits: u32) -> f32 {
    (bits >> 8) as f32 / (1 << 23) as f32 - 1.0
}

/// splitmix64.
fn mix(state: u64) -> u64 {
    let x = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The best times of each step.
struct Times {
    parameters: usize,
    best: Vec<Best>,
}

struct Best {
    name: String,
    peers: usize,
    wall_s: f64,
    cpu_s: f64,
}

impl Times {
    fn new(parameters: usize) -> Self {
        Self { parameters, best: Vec::new() }
    }

    fn of<T>(&mut self, name: &str, peers: usize, work: impl FnOnce() -> T) -> T {
        let (begin, cpu_begin_s) = (Instant::now(), cpu_s());
        let result = work();
        let (wall_s, cpu_s) = (begin.elapsed().as_secs_f64(), cpu_s() - cpu_begin_s);
        match self.best.iter_mut().find(|best| best.name == name) {
            Some(best) => (best.wall_s, best.cpu_s) = (best.wall_s.min(wall_s), best.cpu_s.min(cpu_s)),
            None => self.best.push(Best { name: name.to_owned(), peers, wall_s, cpu_s }),
        }
        result
    }

    fn print(&self) {
        println!("step                   wall ms  G params/s    CPU ms  G params/CPU s");
        for Best { name, peers, wall_s, cpu_s } in &self.best {
            let rate = |time_s: f64| (self.parameters * peers) as f64 / time_s / 1e9;
            let (wall_ms, cpu_ms) = (wall_s * 1e3, cpu_s * 1e3);
            println!("{name:17} {wall_ms:12.1} {:11.3} {cpu_ms:9.0} {:15.3}", rate(*wall_s), rate(*cpu_s));
        }
    }
}

/// Seconds that this process had a CPU, user and system; NaN where the system does not tell.
fn cpu_s() -> f64 {
    const TICKS_PER_S: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the name in brackets; user and system time are fields 14 and 15.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    if ticks.len() == 2 { ticks.iter().sum::<f64>() / TICKS_PER_S } else { f64::NAN }
}
