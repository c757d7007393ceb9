//! Training speed of the reference and the static step on this machine, one JSON line a measurement.
//!
//! `cargo run --release -p sn3-trainer --example step_bench -- [seconds] [preset …] [only=TEXT …]`
//!
//! `only=` keeps the measurements whose description has the text, for example `only=static only=threads":2`.
//! With `paced` each measurement is repeated for every line on stdin until that ends, so that a script can let
//! contestants take turns.
//! `tests/interop/cpu_step_vs_torch.py` puts PyTorch's numbers beside these.

use std::io::Write;
use std::time::{Duration, Instant};

use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::AdamConfig;
use sn3_trainer::fast::StaticTrainer;
use sn3_trainer::init::initial_state;
use sn3_trainer::reference::ReferenceTrainer;
use sn3_trainer::train::Train;

/// Tokens of one optimizer step.
const STEP_TOKENS: usize = 2048;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(Ok(5.0), |text| text.parse::<f64>())?;
    let (paced, arguments): (Vec<String>, Vec<String>) = arguments.partition(|text| text == "paced");
    let (only, presets): (Vec<String>, Vec<String>) =
        arguments.into_iter().partition(|text| text.starts_with("only="));
    let pace = Pace { seconds, waits: !paced.is_empty() };
    let wanted = |how: &str| only.iter().all(|text| how.contains(&text["only=".len()..]));
    let presets = if presets.is_empty() { vec!["nano".to_owned(), "micro".to_owned()] } else { presets };
    for preset in presets {
        let config = ModelConfig::preset(&preset, None)?;
        let samples = samples(&config);
        for threads in [1, 2] {
            for micro_batch in [1, 2, 4, 8, 16].into_iter().filter(|&m| m <= samples.len()) {
                let adam = AdamConfig::default();
                let trainer = StaticTrainer::new(&config, adam, micro_batch, threads)?;
                let how = format!("\"impl\":\"static\",\"threads\":{threads},\"micro_batch\":{micro_batch}");
                if wanted(&how) {
                    measure(&how, Box::new(trainer), &samples, pace)?;
                }
            }
        }
        // Its threads are those of the global pool: RAYON_NUM_THREADS sets them.
        let trainer = ReferenceTrainer::new(&config, AdamConfig::default(), samples.len())?;
        let threads = std::thread::available_parallelism()?;
        let how = format!("\"impl\":\"reference\",\"threads\":{threads},\"micro_batch\":{}", samples.len());
        if wanted(&how) {
            measure(&how, Box::new(trainer), &samples, pace)?;
        }
    }
    Ok(())
}

/// Samples of the model's context with random tokens, [`STEP_TOKENS`] in all.
fn samples(config: &ModelConfig) -> Vec<Vec<u32>> {
    let mut state = 1u64;
    let mut token = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1 + ((state >> 33) % u64::from(config.vocab - 1)) as u32
    };
    let context = config.context as usize;
    let count = (STEP_TOKENS / context).max(1);
    (0..count).map(|_| (0..context).map(|_| token()).collect()).collect()
}

/// How long a measurement is, and whether one is made for every line on stdin instead of one alone.
#[derive(Clone, Copy)]
struct Pace {
    seconds: f64,
    waits: bool,
}

fn measure(
    how: &str,
    mut trainer: Box<dyn Train>,
    samples: &[Vec<u32>],
    pace: Pace,
) -> Result<(), Box<dyn std::error::Error>> {
    trainer.set_params(&initial_state(trainer.config(), 1)?)?;
    let batch: Vec<&[u32]> = samples.iter().map(Vec::as_slice).collect();
    trainer.step(&batch, 1e-3)?;
    if !pace.waits {
        return slice(how, trainer.as_mut(), &batch, pace.seconds);
    }
    for line in std::io::stdin().lines() {
        line?;
        slice(how, trainer.as_mut(), &batch, pace.seconds)?;
    }
    Ok(())
}

/// Steps for so many seconds, at least twice, and prints one line.
fn slice(
    how: &str,
    trainer: &mut dyn Train,
    batch: &[&[u32]],
    seconds: f64,
) -> Result<(), Box<dyn std::error::Error>> {
    let (begin, mut best, mut steps) = (Instant::now(), Duration::MAX, 0u32);
    let cpu = cpu_seconds();
    while begin.elapsed().as_secs_f64() < seconds || steps < 2 {
        let step = Instant::now();
        trainer.step(batch, 1e-3)?;
        best = best.min(step.elapsed());
        steps += 1;
    }
    let tokens = (batch.len() * batch[0].len()) as f64;
    let mean = begin.elapsed().as_secs_f64() / f64::from(steps);
    let cpu_ms = (cpu_seconds() - cpu) / f64::from(steps) * 1e3;
    let name = &trainer.config().name;
    writeln!(
        std::io::stdout(),
        "{{\"part\":\"step\",\"config\":\"{name}\",{how},\"seq\":{},\"tokens\":{tokens},\"best_ms\":{:.2},\"mean_ms\":{:.2},\"cpu_ms\":{cpu_ms:.2},\"tokens_s\":{:.0},\"tokens_s_mean\":{:.0}}}",
        batch[0].len(),
        best.as_secs_f64() * 1e3,
        mean * 1e3,
        tokens / best.as_secs_f64(),
        tokens / mean,
    )?;
    Ok(())
}

/// Processor time of all threads of this process so far, which other programs on a busy machine do not lengthen
/// (much). 0 where the system does not say.
fn cpu_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |task: std::fs::DirEntry| -> Option<f64> {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    tasks.filter_map(of).sum::<f64>() / 1e9
}
