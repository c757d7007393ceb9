//! Rounds of several peers in one process, on this machine's Rust sources: finds rates and batches for a model
//! before a network is run with them. One JSON line a window; sizes of real payloads on stderr.
//!
//! `cargo run --release -p sn3-trainer --example rounds -- preset=nano vocab=1024 peers=4 windows=8 steps=30
//! batch=8 lr=0.002 warmup=20 outer=0.8 top_k=64 seed=1` (the values shown are the defaults; `top_k=0` sends
//! everything). The rate falls by a cosine to a tenth over the run. `threads=1` are each peer's, and `delta=FILE`
//! keeps the first peer's last pseudo-gradient before compression, as little-endian f32 in the order of the layout,
//! for `codec_bench` of the protocol. How small real pseudo-gradients of the 150m layout get:
//! `rounds preset=150m vocab=32000 context=128 peers=1 windows=3 steps=15 batch=4 threads=2`.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Instant;

use sn3_protocol::aggregate::{aggregate, outer_step};
use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::AdamConfig;
use sn3_protocol::schedule::InnerSchedule;
use sn3_protocol::sparse::{SparseConfig, compress};
use sn3_protocol::wire;
use sn3_trainer::data::{Corpus, Dataset, DatasetConfig, default_sources};
use sn3_trainer::fast::StaticTrainer;
use sn3_trainer::init::initial_state;
use sn3_trainer::tokenizer::train_or_load;
use sn3_trainer::train::Train;

type Anything = Box<dyn std::error::Error>;

/// Held-out samples that each window is evaluated on.
const HELDOUT_SAMPLES: usize = 128;

struct Options(BTreeMap<String, String>);

impl Options {
    fn parse() -> Self {
        let pairs = std::env::args().skip(1);
        let split =
            |pair: String| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self(pairs.filter_map(split).collect())
    }

    fn number<T: std::str::FromStr>(&self, key: &str, default: T) -> T {
        self.0.get(key).and_then(|value| value.parse().ok()).unwrap_or(default)
    }
}

/// One peer: its trainer and what it carries from round to round.
struct Peer {
    trainer: StaticTrainer,
    error: Vec<f32>,
    next_sample: usize,
}

fn main() -> Result<(), Anything> {
    let options = Options::parse();
    let preset = options.number("preset", "nano".to_owned());
    let mut config = ModelConfig::preset(&preset, Some(options.number("vocab", 1024)))?;
    config.context = options.number("context", config.context);
    let dataset = dataset(&config)?;
    let seed = options.number("seed", 1u64);
    let mut theta = initial_state(&config, seed)?;
    let mut peers = (0..options.number("peers", 4usize))
        .map(|peer| Peer::new(&config, peer * 1_000_003 + seed as usize * 7919, options.number("threads", 1)))
        .collect::<Result<Vec<_>, Anything>>()?;
    let mut judge = StaticTrainer::new(&config, AdamConfig::default(), 8, 2)?;
    let mut report = |window: usize, train: f32, theta: &[f32], seconds: f64| -> Result<(), Anything> {
        judge.set_params(theta)?;
        let count = dataset.heldout_len().min(HELDOUT_SAMPLES);
        let samples: Vec<&[u32]> = (0..count).map(|i| dataset.heldout(i)).collect();
        let heldout = judge.loss(&samples)?;
        let fallen = 1.0 - heldout / (config.vocab as f32).ln();
        writeln!(
            std::io::stdout(),
            "{{\"window\":{window},\"train_loss\":{train:.4},\"heldout_loss\":{heldout:.4},\"fallen\":{fallen:.4},\"seconds\":{seconds:.1}}}"
        )?;
        Ok(())
    };
    report(0, 0.0, &theta, 0.0)?;
    for window in 0..options.number("windows", 8usize) {
        let begin = Instant::now();
        let train = round(&options, window, &dataset, &mut theta, &mut peers)?;
        report(window + 1, train, &theta, begin.elapsed().as_secs_f64())?;
    }
    Ok(())
}

fn dataset(config: &ModelConfig) -> Result<Dataset, Anything> {
    let begin = Instant::now();
    let cache = std::env::temp_dir().join("sn3-rounds-cache");
    let corpus = Corpus::read(&default_sources()?)?;
    let read = begin.elapsed();
    let tokenizer = train_or_load(&corpus, config.vocab, &cache)?;
    let trained = begin.elapsed();
    let dataset = Dataset::from_corpus(&corpus, &tokenizer, DatasetConfig::new(config.context, 1), &cache)?;
    let mut err = std::io::stderr();
    let tokens = (dataset.train_len() + dataset.heldout_len()) * dataset.seq_len();
    writeln!(
        err,
        "{} bytes read in {read:.1?}, tokenizer after {trained:.1?}, dataset after {:.1?}: {} + {} samples, {:.2} bytes a token",
        corpus.bytes(),
        begin.elapsed(),
        dataset.train_len(),
        dataset.heldout_len(),
        corpus.bytes() as f64 / tokens as f64,
    )?;
    Ok(dataset)
}

impl Peer {
    fn new(config: &ModelConfig, first_sample: usize, threads: usize) -> Result<Self, Anything> {
        let trainer = StaticTrainer::new(config, AdamConfig::default(), 4, threads)?;
        let error = vec![0.0; config.parameters() as usize];
        Ok(Self { trainer, error, next_sample: first_sample })
    }
}

fn round(
    options: &Options,
    window: usize,
    dataset: &Dataset,
    theta: &mut [f32],
    peers: &mut [Peer],
) -> Result<f32, Anything> {
    let steps = options.number("steps", 30usize);
    let last = std::sync::Mutex::new(0.0);
    std::thread::scope(|scope| {
        for peers in peers.chunks_mut(1) {
            let (theta, last) = (&*theta, &last);
            scope.spawn(move || {
                for peer in peers {
                    let loss = train(options, window * steps, dataset, theta, peer).unwrap_or(f32::NAN);
                    *last.lock().expect("no thread panics here") += loss;
                }
            });
        }
    });
    exchange(options, theta, peers)?;
    Ok(last.into_inner()? / peers.len() as f32)
}

/// One window of one peer; the mean loss of its last steps.
fn train(
    options: &Options,
    done: usize,
    dataset: &Dataset,
    theta: &[f32],
    peer: &mut Peer,
) -> Result<f32, Anything> {
    let (steps, batch) = (options.number("steps", 30usize), options.number("batch", 8usize));
    let schedule = schedule(options);
    peer.trainer.set_params(theta)?;
    let mut losses = Vec::new();
    for step in 0..steps {
        let lr = schedule.lr((done + step) as u64) as f32;
        let indices = (0..batch).map(|i| (peer.next_sample + i) % dataset.train_len());
        let samples: Vec<&[u32]> = indices.map(|i| dataset.train(i)).collect();
        peer.next_sample += batch;
        losses.push(peer.trainer.step(&samples, lr)?.loss);
    }
    let tail = &losses[losses.len() / 2..];
    Ok(tail.iter().sum::<f32>() / tail.len() as f32)
}

fn schedule(options: &Options) -> InnerSchedule {
    let total = options.number("steps", 30u64) * options.number("windows", 8u64);
    InnerSchedule::Main {
        peak_lr: options.number("lr", 2e-3),
        warmup_steps: options.number("warmup", 20),
        cosine_steps: total,
        floor_factor: 0.1,
        flat: None,
    }
}

fn exchange(options: &Options, theta: &mut [f32], peers: &mut [Peer]) -> Result<(), Anything> {
    let (top_k, outer) = (options.number("top_k", 64u32), options.number("outer", 0.8f32));
    let layout = peers[0].trainer.layout().clone();
    let deltas = peers.iter().map(|peer| {
        let after = peer.trainer.params();
        theta.iter().zip(&after).map(|(before, after)| before - after).collect::<Vec<f32>>()
    });
    let deltas: Vec<Vec<f32>> = deltas.collect();
    if let Some(path) = options.0.get("delta") {
        let bytes: Vec<u8> = deltas[0].iter().flat_map(|value| value.to_le_bytes()).collect();
        std::fs::write(path, bytes)?;
    }
    if top_k == 0 {
        let mean = |i: usize| deltas.iter().map(|d| d[i]).sum::<f32>() / deltas.len() as f32;
        let update: Vec<f32> = (0..theta.len()).map(mean).collect();
        return Ok(outer_step(theta, &layout, &update, outer)?);
    }
    let config = SparseConfig { top_k, ..SparseConfig::default() };
    let sent = peers.iter_mut().zip(&deltas);
    let sent = sent.map(|(peer, delta)| compress(&layout, &config, &mut peer.error, delta));
    let sent = sent.collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = sent.iter().map(|sent| wire::encode(sent, &layout, top_k).len()).sum();
    let ratio = (4 * layout.parameters() * sent.len()) as f64 / bytes as f64;
    writeln!(std::io::stderr(), "{} bytes a payload, {ratio:.1}x less than f32", bytes / sent.len())?;
    let update = aggregate(&layout, top_k, &sent.iter().collect::<Vec<_>>())?;
    Ok(outer_step(theta, &layout, &update, outer)?)
}
