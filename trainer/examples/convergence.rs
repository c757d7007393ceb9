//! SparseLoCo, DiLoCo and AdamW with the same tokens of this machine's Rust sources (or of a prepared folder).
//!
//! `cargo run --release -p sn3-trainer --example convergence -- out=report.json preset=micro vocab=4096 context=128
//! hidden=0 layers=0 tokens=4000000 batch=32 lr=0.002 seeds=3 outer=1.0 threads=2 arms=all data=FOLDER`
//!
//! Values other than `out`, `data` and `arms` are the defaults; `hidden` and `layers` of 0 are the preset's.
//! `arms=short` runs SparseLoCo with 4 peers and 15 steps, and AdamW. The report is written after every run,
//! and a run that is in it is not run again.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "the table is the result, the rest the story")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use sn3_protocol::model::ModelConfig;
use sn3_trainer::convergence::{
    Arm, ConvergenceOptions, ConvergenceReport, Method, Point, Run, compare, convergence,
};
use sn3_trainer::data::{Corpus, Dataset, DatasetConfig, Prepared, Samples, default_sources};
use sn3_trainer::fast::StaticTrainer;
use sn3_trainer::tokenizer::train_or_load;

type Anything = Box<dyn std::error::Error>;

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

fn main() -> Result<(), Anything> {
    let arguments = Options::parse();
    let preset: String = arguments.number("preset", "micro".to_owned());
    let vocab = arguments.number("vocab", 4096);
    let mut model = ModelConfig::preset(&preset, Some(vocab))?;
    model.context = arguments.number("context", 128);
    let sized = |name: &str, own: u32| Some(arguments.number(name, 0)).filter(|&n| n > 0).unwrap_or(own);
    (model.hidden, model.layers) = (sized("hidden", model.hidden), sized("layers", model.layers));
    if model.hidden != model.heads * model.head_dim {
        model.heads = model.hidden / model.head_dim;
        model.kv_heads = model.heads / 2;
        model.ffn = (model.hidden * 8 / 3).next_multiple_of(64);
    }
    match arguments.0.get("data").map(PathBuf::from) {
        Some(folder) => {
            let prepared = Prepared::read(&folder)?;
            (model.vocab, model.context) = (prepared.vocab, prepared.seq_len);
            let heldout = prepared.held_out(&folder)?.ok_or("nothing is held out of this data")?;
            compare_all(&arguments, model, &prepared.training(&folder)?, &heldout)
        }
        None => {
            let cache = std::env::temp_dir().join("sn3-rounds-cache");
            let corpus = Corpus::read(&default_sources()?)?;
            let tokenizer = train_or_load(&corpus, vocab, &cache)?;
            let config = DatasetConfig::new(model.context, 1);
            let dataset = Dataset::from_corpus(&corpus, &tokenizer, config, &cache)?;
            model.vocab = dataset.vocab();
            compare_all(&arguments, model, &dataset.training(), &dataset.held_out())
        }
    }
}

fn compare_all(
    arguments: &Options,
    model: ModelConfig,
    train: &dyn Samples,
    heldout: &dyn Samples,
) -> Result<(), Anything> {
    let mut options = ConvergenceOptions::new(model, arguments.number("tokens", 4_000_000));
    options.batch_samples = arguments.number("batch", 32);
    options.peak_lr = arguments.number("lr", 2e-3);
    options.seeds = (1..=arguments.number("seeds", 3)).collect();
    options.evaluations = arguments.number("evaluations", 20);
    let outer: f32 = arguments.number("outer", 1.0);
    options
        .arms
        .iter_mut()
        .filter(|arm| arm.method == Method::SparseLoCo)
        .for_each(|arm| arm.outer_lr = outer);
    if arguments.number("arms", "all".to_owned()) == "short" {
        options.arms.retain(|arm| {
            arm.method == Method::AdamW
                || (arm.method, arm.peers, arm.inner_steps) == (Method::SparseLoCo, 4, 15)
        });
    }
    let out: PathBuf = arguments.number("out", "convergence.json".to_owned()).into();
    eprintln!(
        "{} parameters, {} steps of {} samples, {} training samples, {} arms, {} seeds",
        options.model.parameters(),
        options.steps(),
        options.batch_samples,
        train.count(),
        options.arms.len(),
        options.seeds.len()
    );
    let mut done = earlier(&out, &options);
    let mut trainer = StaticTrainer::new(&options.model, options.adam, 4, arguments.number("threads", 2))?;
    // One arm and seed at a time, so that what is done is on disk.
    for (arm, seed) in options.arms.iter().flat_map(|arm| options.seeds.iter().map(move |seed| (*arm, *seed)))
    {
        let one = ConvergenceOptions { arms: vec![arm], seeds: vec![seed], ..options.clone() };
        let known = done.iter().position(|run| (run.arm, run.seed) == (arm, seed));
        let known = known.map(|at| done[at].clone());
        if known.is_some() {
            continue;
        }
        let report = convergence(&mut trainer, train, heldout, &one, Vec::new(), &mut tell)?;
        done.extend(report.runs);
        let parameters = options.model.parameters();
        let report = ConvergenceReport { options: options.clone(), parameters, runs: done.clone() };
        std::fs::write(&out, serde_json::to_vec_pretty(&report)?)?;
    }
    let parameters = options.model.parameters();
    print(&ConvergenceReport { options, parameters, runs: done });
    Ok(())
}

/// Runs of a report with the same options.
fn earlier(path: &Path, options: &ConvergenceOptions) -> Vec<Run> {
    let read = std::fs::read(path).ok();
    let report = read.and_then(|bytes| serde_json::from_slice::<ConvergenceReport>(&bytes).ok());
    report.filter(|report| report.options == *options).map(|report| report.runs).unwrap_or_default()
}

fn tell(arm: &Arm, seed: u64, point: &Point) -> ControlFlow<()> {
    eprintln!(
        "{:?} peers {} H {} seed {seed}: step {} loss {:.4}, {} bytes sent, {:.0} s",
        arm.method, arm.peers, arm.inner_steps, point.step, point.loss, point.sent_bytes, point.seconds
    );
    ControlFlow::Continue(())
}

fn print(report: &ConvergenceReport) {
    println!(
        "method      peers   H  seeds     loss  deviation  above AdamW    bytes sent  fewer than DDP  seconds"
    );
    for c in compare(report) {
        println!(
            "{:11} {:5} {:3} {:6} {:8.4} {:10.4} {:11.2}% {:13.0} {:15.0} {:8.0}",
            format!("{:?}", c.arm.method),
            c.arm.peers,
            c.arm.inner_steps,
            c.seeds,
            c.loss,
            c.deviation,
            c.above_adamw.unwrap_or(f64::NAN) * 100.0,
            c.sent_bytes,
            c.fewer_bytes.unwrap_or(f64::NAN),
            c.seconds
        );
    }
}
