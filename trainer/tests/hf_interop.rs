//! The exported checkpoint under transformers and torch: logits, loss, gradient norm and one AdamW step.
//!
//! Runs where `python3` (or the interpreter named by `SN3_PYTHON`) has torch and transformers, and is passed
//! over with a message elsewhere. An oracle that shares no line with the code under test.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test's helpers may fail the test")]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sn3_protocol::model::{ModelConfig, RopeScaling};
use sn3_protocol::run::AdamConfig;
use sn3_trainer::checkpoint::export_hf;
use sn3_trainer::fast::StaticTrainer;
use sn3_trainer::init::initial_state;
use sn3_trainer::reference::ReferenceTrainer;
use sn3_trainer::train::Train;

const MASKED: u32 = 0;
/// A usual rate. Adam's first step is lr · g / (|g| + ε): where g is near ε, rounding of g moves the result.
const LR: f32 = 0.001;

#[test]
fn transformers_and_torch_agree() {
    let python = std::env::var("SN3_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !importable(&python) {
        eprintln!("passed over: {python} has no torch and transformers; name one with SN3_PYTHON");
        return;
    }
    let tied = ModelConfig { vocab: 500, ..ModelConfig::preset("nano", None).unwrap() };
    let untied =
        ModelConfig { tied_head: false, heads: 8, kv_heads: 2, layers: 2, rope_theta: 5e5, ..tied.clone() };
    // A short original context, so that the frequencies of all three kinds occur.
    let stretched =
        RopeScaling { factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context: 64 };
    let stretched = ModelConfig { rope_scaling: Some(stretched), rope_theta: 5e5, ..tied.clone() };
    for config in [tied, untied, stretched] {
        compare(&python, &config);
    }
}

fn importable(python: &str) -> bool {
    let command = Command::new(python).args(["-c", "import torch, transformers"]).output();
    command.is_ok_and(|output| output.status.success())
}

fn compare(python: &str, config: &ModelConfig) {
    let dir = tempfile::tempdir().unwrap();
    // Larger weights than the initial ones, so that attention is far from uniform.
    let state = initial_state(config, 9).unwrap();
    let state: Vec<f32> = state.into_iter().map(|v| if v == 1.0 { 0.9 } else { v * 3.0 }).collect();
    let samples = samples(config);
    let samples: Vec<&[u32]> = samples.iter().map(Vec::as_slice).collect();
    let mut fast = StaticTrainer::new(config, AdamConfig::default(), 2, 1).unwrap();
    let mut reference = ReferenceTrainer::new(config, AdamConfig::default(), 2).unwrap();
    fast.set_params(&state).unwrap();
    reference.set_params(&state).unwrap();
    export_hf(&dir.path().join("model"), config, &state, None).unwrap();
    let stats = run(python, dir.path(), &samples, &fast);

    close("logits", &reference.logits(&samples).unwrap(), &floats(&dir.path().join("logits.bin")), 1e-4);
    for trainer in [&mut fast as &mut dyn Train, &mut reference] {
        let step = trainer.step(&samples, LR).unwrap();
        let near =
            |ours: f32, theirs: &Value| (f64::from(ours) / theirs.as_f64().unwrap() - 1.0).abs() < 1e-5;
        assert!(near(step.loss, &stats["loss"]), "{step:?}, torch {stats}");
        assert!(near(step.grad_norm, &stats["grad_norm"]), "{step:?}, torch {stats}");
        let stepped = floats(&dir.path().join("stepped.bin"));
        let theirs: f64 = stepped.iter().map(|&v| f64::from(v).powi(2)).sum();
        let ours = trainer.params();
        let apart: f64 = ours.iter().zip(&stepped).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        assert!((apart / theirs).sqrt() < 1e-5, "one step: relative gap {}", (apart / theirs).sqrt());
    }
    eprintln!("agrees with torch {} and transformers {}", stats["torch"], stats["transformers"]);
}

fn samples(config: &ModelConfig) -> Vec<Vec<u32>> {
    let token =
        |i: u32| if i % 17 == 5 { MASKED } else { 1 + i.wrapping_mul(2_654_435_761) % (config.vocab - 1) };
    (0..4).map(|sample| (0..100).map(|position| token(sample * 100 + position)).collect()).collect()
}

fn run(python: &str, dir: &Path, samples: &[&[u32]], trainer: &dyn Train) -> Value {
    let names: Vec<&str> = trainer.layout().tensors().iter().map(|tensor| tensor.name.as_str()).collect();
    let input = json!({ "samples": samples, "masked": MASKED, "lr": LR, "names": names });
    std::fs::write(dir.join("tokens.json"), input.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/hf_logits.py");
    let output = Command::new(python)
        .arg(script)
        .args([dir.join("model"), dir.join("tokens.json"), dir.to_owned()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&std::fs::read(dir.join("stats.json")).unwrap()).unwrap()
}

fn floats(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn close(what: &str, ours: &[f32], theirs: &[f32], gap_max: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let gap = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(gap < gap_max, "{what} differ by {gap}");
}
