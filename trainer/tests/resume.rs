//! A training that is killed goes on to the same bits as one that is not.
//!
//! The test runs itself as a second process, which is killed while it trains (SIGKILL: nothing is flushed).

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sn3_protocol::Digest;
use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::AdamConfig;
use sn3_protocol::schedule::InnerSchedule;
use sn3_trainer::data::{ShardOptions, Shards, TokenType};
use sn3_trainer::fast::StaticTrainer;
use sn3_trainer::init::initial_state;
use sn3_trainer::session::{Progress, Session, TrainOptions, train};
use sn3_trainer::train::Train;

/// Names the folder to the second process, which otherwise does nothing.
const FOLDER: &str = "SN3_TEST_RESUME_FOLDER";
const STEPS: u64 = 100;
const CHECKPOINT: u64 = 50;
/// Where the second process waits to be killed.
const KILLED_AT: u64 = 60;
const WAIT_MAX: Duration = Duration::from_secs(120);

fn model() -> ModelConfig {
    ModelConfig { layers: 2, context: 32, vocab: 300, ..ModelConfig::preset("nano", None).unwrap() }
}

fn shards(folder: &Path) -> Shards {
    let path = folder.join("tokens.bin");
    let tokens = (0..64 * 32u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 22) as u16 % 300);
    let bytes: Vec<u8> = tokens.flat_map(u16::to_le_bytes).collect();
    std::fs::write(&path, bytes).unwrap();
    Shards::open(&[path], ShardOptions { seq_len: 32, vocab: 300, bin: Some(TokenType::U16) }).unwrap()
}

fn run(data: &Path, folder: &Path, at_step: &mut dyn FnMut(u64)) -> (Digest, u64) {
    let mut trainer = StaticTrainer::new(&model(), AdamConfig::default(), 2, 1).unwrap();
    trainer.set_params(&initial_state(&model(), 1).unwrap()).unwrap();
    let schedule = InnerSchedule::Main {
        peak_lr: 3e-3,
        warmup_steps: 10,
        cosine_steps: STEPS,
        floor_factor: 0.1,
        flat: None,
    };
    let options = TrainOptions {
        steps: STEPS,
        batch_samples: 2,
        schedule,
        adam: AdamConfig::default(),
        seed: 9,
        checkpoint_every: CHECKPOINT,
        keep: 2,
        evaluate_every: 0,
        evaluate_samples: 0,
    };
    let data = shards(data);
    let session =
        Session { trainer: &mut trainer, data: &data, heldout: None, folder: Some(folder), tokenizer: None };
    let mut progress = |progress: &Progress| {
        if let Progress::Step { step, .. } = progress {
            at_step(*step);
        }
        ControlFlow::Continue(())
    };
    let report = train(session, &options, &mut progress).unwrap();
    (report.state, report.steps_now)
}

/// The second process: trains and then waits in the middle for its end.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    run(&folder, &folder.join("killed"), &mut |step| {
        if step == KILLED_AT {
            std::fs::write(folder.join("reached"), b"").unwrap();
            std::thread::sleep(WAIT_MAX);
        }
    });
}

#[test]
fn a_killed_training_resumes_to_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let (straight, steps) = run(dir.path(), &dir.path().join("straight"), &mut |_| ());
    assert_eq!(steps, STEPS);

    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let saved = dir.path().join("killed/latest.json");
    let begin = Instant::now();
    while !(dir.path().join("reached").exists() && saved.exists()) {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none() && begin.elapsed() < WAIT_MAX, "{:?}", output(child.stdout.take()));
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());

    let (resumed, steps) = run(dir.path(), &dir.path().join("killed"), &mut |_| ());
    assert_eq!((resumed, steps), (straight, STEPS - CHECKPOINT));
}

fn output(stdout: Option<std::process::ChildStdout>) -> Vec<String> {
    stdout.map(|stdout| BufReader::new(stdout).lines().map_while(Result::ok).collect()).unwrap_or_default()
}
