//! The step and the codec on a GPU, through what the crate makes public. Kernel by kernel they are tested inside the
//! crate (`gpu_kernels`). Passed over with a message where there is no GPU.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test's helpers may fail the test")]

use sn3_protocol::aggregate::{aggregate, outer_step};
use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::AdamConfig;
use sn3_protocol::sparse::{SparseConfig, compress};
use sn3_protocol::{ChunkRule, Layout};
use sn3_trainer::cuda::{CudaCodec, CudaModel, CudaOptions, CudaTrainer, Storage, probe};
use sn3_trainer::fast::{Decoder, StaticTrainer};
use sn3_trainer::infer::Infer;
use sn3_trainer::init::initial_state;
use sn3_trainer::train::Train;

/// Whether there is a GPU; says why not.
fn usable() -> bool {
    let report = probe();
    report.lines().iter().for_each(|line| eprintln!("{line}"));
    if let Some(problem) = &report.problem {
        eprintln!("skipped: {problem}");
    }
    report.usable()
}

/// A model with the heads of the 150m preset, small enough to be followed on the CPU.
fn config() -> ModelConfig {
    let nano = ModelConfig::preset("nano", None).unwrap();
    ModelConfig {
        hidden: 256,
        heads: 4,
        kv_heads: 2,
        head_dim: 64,
        ffn: 704,
        context: 256,
        layers: 3,
        vocab: 1000,
        ..nano
    }
}

fn options(storage: Storage, cudnn: bool) -> CudaOptions {
    let mut options = CudaOptions::default();
    (options.storage, options.cudnn) = (storage, cudnn);
    options
}

fn trainer(storage: Storage, cudnn: bool) -> CudaTrainer {
    let mut trainer =
        CudaTrainer::new(&config(), AdamConfig::default(), 4, &options(storage, cudnn)).unwrap();
    trainer.set_params(&initial_state(&config(), 3).unwrap()).unwrap();
    trainer
}

/// Text with something to learn: each token follows from the one before, one in eight does not.
fn batch(step: u64) -> Vec<Vec<u32>> {
    let mut state = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    (0..8)
        .map(|_| {
            let mut token = 1 + random() % 999;
            (0..256)
                .map(|_| {
                    token = if random() % 8 == 0 { 1 + random() % 999 } else { 1 + (token * 7 + 3) % 999 };
                    token
                })
                .collect()
        })
        .collect()
}

fn refs(samples: &[Vec<u32>]) -> Vec<&[u32]> {
    samples.iter().map(Vec::as_slice).collect()
}

fn gap(a: &[f32], b: &[f32]) -> f64 {
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let apart = square(&mut a.iter().zip(b).map(|(a, b)| f64::from(a - b)));
    (apart / square(&mut b.iter().map(|&b| f64::from(b)))).sqrt()
}

#[test]
fn gpu_gradients_are_the_cpus() {
    if !usable() {
        return;
    }
    let samples = batch(1);
    let mut cpu = StaticTrainer::new(&config(), AdamConfig::default(), 4, 8).unwrap();
    cpu.set_params(&initial_state(&config(), 3).unwrap()).unwrap();
    let layout = cpu.layout().clone();
    let expected = cpu.gradient(&refs(&samples)).unwrap().1.to_vec();
    for (storage, cudnn, bound) in
        [(Storage::F32, false, 1e-4), (Storage::Bf16, false, 3e-2), (Storage::Bf16, true, 3e-2)]
    {
        let mut gpu = trainer(storage, cudnn);
        eprintln!("{storage:?}, cuDNN {}", gpu.has_cudnn());
        let (_, gradient) = gpu.gradient(&refs(&samples)).unwrap();
        for (index, tensor) in layout.tensors().iter().enumerate() {
            let gap = gap(&gradient[layout.range(index)], &expected[layout.range(index)]);
            assert!(gap < bound, "{storage:?}, cuDNN {cudnn}: {}: relative gap {gap:e}", tensor.name);
        }
    }
}

/// Losses of several texts at once, and logits of one that grows.
#[test]
fn gpu_reading_is_the_cpus() {
    if !usable() {
        return;
    }
    let (samples, state) = (batch(1), initial_state(&config(), 3).unwrap());
    let texts: Vec<&[u32]> = samples.iter().zip(5..).map(|(sample, i)| &sample[..i * 20]).collect();
    let mut cpu = Decoder::new(&config(), state.clone(), 8).unwrap();
    for (storage, bound) in [(Storage::F32, 1e-4), (Storage::Bf16, 1e-2)] {
        let mut gpu = CudaModel::new(&config(), &state, &options(storage, false)).unwrap();
        for (text, losses) in texts.iter().zip(gpu.token_losses_of(&texts).unwrap()) {
            let gap = gap(&losses, &cpu.token_losses(text).unwrap());
            assert!(gap < bound, "{storage:?}, {} tokens: relative gap {gap:e}", text.len());
        }
        for count in [1, 2, 100, 101, 102, 256] {
            let tokens = &samples[0][..count];
            let gap = gap(&gpu.next_logits(tokens).unwrap(), &cpu.next_logits(tokens).unwrap());
            assert!(gap < bound, "{storage:?}, logits after {count}: relative gap {gap:e}");
        }
    }
}

#[test]
fn gpu_loss_in_bf16_stays_within_a_hundredth_of_f32() {
    if !usable() {
        return;
    }
    const STEPS: u64 = 500;
    let curve = |storage| {
        let mut trainer = trainer(storage, true);
        (0..STEPS).map(|step| trainer.step(&refs(&batch(step)), 1e-3).unwrap().loss).collect::<Vec<f32>>()
    };
    let (bf16, f32) = (curve(Storage::Bf16), curve(Storage::F32));
    // Single batches jump; fifty of them say where the curve is.
    for (number, (bf16, f32)) in bf16.chunks(50).zip(f32.chunks(50)).enumerate() {
        let (bf16, f32): (f32, f32) = (bf16.iter().sum(), f32.iter().sum());
        assert!((bf16 / f32 - 1.0).abs() < 0.01, "steps {}: {bf16} for {f32}", number * 50);
    }
    assert!(f32[STEPS as usize - 1] < f32[0] * 0.6, "it learns");
}

#[test]
fn gpu_steps_are_the_same_replayed_or_not() {
    if !usable() {
        return;
    }
    let mut options = options(Storage::Bf16, false);
    options.measure = false;
    let new = || CudaTrainer::new(&config(), AdamConfig::default(), 2, &options).unwrap();
    let (mut recorded, mut plain) = (new(), new().without_recording());
    for trainer in [&mut recorded, &mut plain] {
        trainer.set_params(&initial_state(&config(), 3).unwrap()).unwrap();
    }
    for step in 0..5 {
        let samples = batch(step);
        let (left, right) =
            (recorded.step(&refs(&samples), 1e-3).unwrap(), plain.step(&refs(&samples), 1e-3).unwrap());
        assert_eq!(left, right, "step {step}");
    }
    assert_eq!(recorded.params(), plain.params());
    assert_eq!(recorded.optimizer(), plain.optimizer());
}

#[test]
fn gpu_payloads_are_the_cpus_bytes() {
    if !usable() {
        return;
    }
    let layout: Layout = ModelConfig::preset("micro", None).unwrap().layout(ChunkRule::default()).unwrap();
    let sparse = SparseConfig::default();
    let mut codec = CudaCodec::new(&layout, sparse, &CudaOptions::default()).unwrap();
    let mut error = vec![0.0; layout.parameters()];
    let mut payloads = Vec::new();
    for round in 0..3 {
        let wave = |i: usize| ((i + round) as f32 * 0.37).sin() * ((i % 977) as f32 - 400.0) * 1e-5;
        let delta: Vec<f32> = (0..layout.parameters()).map(wave).collect();
        let expected = compress(&layout, &sparse, &mut error, &delta).unwrap();
        let found = codec.compress(&delta).unwrap();
        assert_eq!(found, expected, "round {round}");
        assert_eq!(codec.error().unwrap(), error, "round {round}");
        payloads.push(found);
    }
    let peers: Vec<_> = payloads.iter().collect();
    let expected = aggregate(&layout, sparse.top_k, &peers).unwrap();
    let found = codec.aggregate(&peers).unwrap();
    assert_eq!(layout.state_digest(&found), layout.state_digest(&expected));
    let mut theta = vec![0.5; layout.parameters()];
    let stepped = codec.outer_step(&theta, &found, 0.9).unwrap();
    outer_step(&mut theta, &layout, &expected, 0.9).unwrap();
    assert_eq!(layout.state_digest(&stepped), layout.state_digest(&theta));
}

#[test]
fn gpu_memory_that_is_short_makes_smaller_micro_batches() {
    if !usable() {
        return;
    }
    // More samples at once than any GPU has memory for: the batch is the same, worked on in parts.
    let config = ModelConfig { context: 2048, vocab: 32_000, layers: 24, ..config() };
    let micro_batch = 1 << 14;
    let mut gpu =
        CudaTrainer::new(&config, AdamConfig::default(), micro_batch, &CudaOptions::default()).unwrap();
    gpu.set_params(&initial_state(&config, 3).unwrap()).unwrap();
    let sample: Vec<u32> = (0..2048).map(|i| 1 + i % 999).collect();
    let samples = vec![sample.as_slice(); 4096];
    let loss = gpu.loss(&samples).unwrap();
    assert!(gpu.micro_batch() < 4096 && loss.is_finite(), "{} at once", gpu.micro_batch());
}
