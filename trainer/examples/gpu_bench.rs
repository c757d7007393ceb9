//! Speed of the static step and of the codec on this machine's GPU, one JSON line a measurement, with the keys of
//! `tests/interop/gpu_bench_torch.py`.
//!
//! `cargo run --release -p sn3-trainer --features cuda --example gpu_bench -- step 150m 16 15`
//! `cargo run --release -p sn3-trainer --features cuda --example gpu_bench -- compress 1b`
//!
//! `cargo run --release -p sn3-trainer --features cuda --example gpu_bench -- read 150m`
//!
//! step: preset, samples at once, steps measured after three. `own` as a last word leaves cuDNN out.

use std::io::Write;
use std::time::Instant;

use sn3_protocol::ChunkRule;
use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::AdamConfig;
use sn3_protocol::sparse::SparseConfig;
use sn3_trainer::cuda::{CudaCodec, CudaModel, CudaOptions, CudaTrainer, probe};
use sn3_trainer::infer::Infer;
use sn3_trainer::init::initial_state;
use sn3_trainer::train::Train;

/// Tokens of a sample, as in the torch script.
const TOKENS: usize = 2048;
/// bf16 TFLOP/s of matrix products seen on an H200.
const PEAK: f64 = 790.0;

type Done = Result<(), Box<dyn std::error::Error>>;

fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(problem) = probe().problem {
        return Err(format!("no usable GPU: {problem}").into());
    }
    let word = |index: usize| arguments.get(index).map(String::as_str);
    let number = |index: usize, default: usize| word(index).map_or(Ok(default), str::parse::<usize>);
    match word(0) {
        Some("step") => {
            step(word(1).unwrap_or("150m"), number(2, 16)?, number(3, 15)?, word(4) != Some("own"))
        }
        Some("compress") => codec(word(1).unwrap_or("150m")),
        Some("read") => read(word(1).unwrap_or("150m")),
        _ => Err("say `step PRESET AT_ONCE STEPS [own]`, `compress PRESET` or `read PRESET`".into()),
    }
}

fn step(preset: &str, micro_batch: usize, steps: usize, cudnn: bool) -> Done {
    let config = model(preset)?;
    let mut options = CudaOptions::default();
    options.cudnn = cudnn;
    let mut trainer =
        CudaTrainer::new(&config, AdamConfig::default(), micro_batch, &options)?.with_masked_label(None);
    trainer.set_params(&initial_state(&config, 1)?)?;
    let batches: Vec<Vec<Vec<u32>>> = (0..4).map(|seed| batch(&config, samples(preset), seed)).collect();
    let batches: Vec<Vec<&[u32]>> =
        batches.iter().map(|batch| batch.iter().map(Vec::as_slice).collect()).collect();
    let begin = Instant::now();
    let first = trainer.step(&batches[0], 3e-4)?.loss;
    let first_seconds = begin.elapsed().as_secs_f64();
    for index in 1..4 {
        trainer.step(&batches[index % 4], 3e-4)?;
    }
    let mut times = Vec::new();
    let mut last = first;
    for _ in 0..3 {
        let begin = Instant::now();
        for index in 0..steps.div_ceil(3) {
            last = trainer.step(&batches[index % 4], 3e-4)?.loss;
        }
        times.push(begin.elapsed().as_secs_f64() * 1e3 / steps.div_ceil(3) as f64);
    }
    times.sort_by(f64::total_cmp);
    let (ms, tokens) = (times[1], (samples(preset) * TOKENS) as f64);
    let rate = tokens / ms * 1e3;
    let (full, causal) = (flops(&config, 12.0) * rate / 1e12, flops(&config, 6.0) * rate / 1e12);
    let (free, all) = trainer.memory()?;
    writeln!(
        std::io::stdout(),
        "{{\"part\":\"step\",\"impl\":\"sn3\",\"config\":\"{preset}\",\"mode\":\"static\",\"precision\":\"bf16+f32 master\",\"cudnn\":{},\"micro_batch\":{},\"batch\":{},\"seq\":{TOKENS},\"params\":{},\"ms\":{ms:.2},\"spread\":{:.4},\"tokens_s\":{rate:.0},\"tflops_full\":{full:.1},\"tflops_causal\":{causal:.1},\"mfu_measured\":{:.4},\"peak_gib\":{:.2},\"first_step_s\":{first_seconds:.1},\"loss_first\":{first:.4},\"loss_last\":{last:.4}}}",
        trainer.has_cudnn(),
        trainer.micro_batch(),
        samples(preset),
        trainer.layout().parameters(),
        times[2] / times[0] - 1.0,
        full / PEAK,
        (all - free) as f64 / f64::from(1 << 30),
    )?;
    Ok(())
}

fn codec(preset: &str) -> Done {
    const RUNS: u32 = 10;
    let layout = model(preset)?.layout(ChunkRule::default())?;
    let mut codec = CudaCodec::new(&layout, SparseConfig::default(), &CudaOptions::default())?;
    let wave = |i: usize| (i as f32 * 0.37).sin() * ((i % 977) as f32 - 400.0) * 1e-6;
    let delta: Vec<f32> = (0..layout.parameters()).map(wave).collect();
    codec.compress(&delta)?;
    let ms = codec.time_kernels(RUNS)? * 1e3 / f64::from(RUNS);
    let billions = layout.parameters() as f64 / 1e9;
    writeln!(
        std::io::stdout(),
        "{{\"part\":\"compress\",\"impl\":\"sn3\",\"config\":\"{preset}\",\"way\":\"kernels\",\"params\":{},\"ms\":{ms:.3},\"ms_per_gparam\":{:.3},\"gparam_s\":{:.2}}}",
        layout.parameters(),
        ms / billions,
        billions / ms * 1e3,
    )?;
    Ok(())
}

/// Losses of many texts at once, as `sn3 eval` asks for them, and a text that goes on token by token.
fn read(preset: &str) -> Done {
    /// Tokens that are read before, and those that are timed.
    const BEFORE: usize = 512;
    const GENERATED: usize = 256;
    let config = model(preset)?;
    let mut model = CudaModel::new(&config, &initial_state(&config, 1)?, &CudaOptions::default())?;
    let texts = batch(&config, 64, 1);
    let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    drop(model.token_losses_of(&texts[..16])?);
    let begin = Instant::now();
    drop(model.token_losses_of(&texts)?);
    let losses = (texts.len() * (TOKENS - 1)) as f64 / begin.elapsed().as_secs_f64();
    for count in [BEFORE, BEFORE + 1] {
        drop(model.next_logits(&texts[0][..count])?);
    }
    let begin = Instant::now();
    for count in 0..GENERATED {
        drop(model.next_logits(&texts[0][..BEFORE + 2 + count])?);
    }
    let generated = GENERATED as f64 / begin.elapsed().as_secs_f64();
    writeln!(
        std::io::stdout(),
        "{{\"part\":\"read\",\"impl\":\"sn3\",\"config\":\"{preset}\",\"losses_tokens_s\":{losses:.0},\"generated_tokens_s\":{generated:.1},\"after_tokens\":{BEFORE}}}",
    )?;
    Ok(())
}

/// A preset whose sizes the torch script has too.
fn model(preset: &str) -> Result<ModelConfig, Box<dyn std::error::Error>> {
    match preset {
        "150m" | "1b" => Ok(ModelConfig::preset(preset, None)?),
        _ => Err(format!("the torch script has no {preset:?}: say 150m or 1b").into()),
    }
}

/// Samples of a step.
fn samples(preset: &str) -> usize {
    if preset == "150m" { 32 } else { 16 }
}

/// FLOPs of a token: 6 for each matrix parameter, and `attention` a layer, head, width and token.
fn flops(config: &ModelConfig, attention: f64) -> f64 {
    let [layers, hidden, ffn, heads, kv, head, vocab] = [
        config.layers,
        config.hidden,
        config.ffn,
        config.heads,
        config.kv_heads,
        config.head_dim,
        config.vocab,
    ]
    .map(f64::from);
    let layer = 2.0 * hidden * heads * head + 2.0 * hidden * kv * head + 3.0 * hidden * ffn;
    6.0 * (layers * layer + hidden * vocab) + attention * layers * heads * head * TOKENS as f64
}

fn batch(config: &ModelConfig, samples: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut token = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % u64::from(config.vocab)) as u32
    };
    (0..samples).map(|_| (0..TOKENS).map(|_| token()).collect()).collect()
}
