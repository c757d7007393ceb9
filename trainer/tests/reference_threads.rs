//! The reference computes the same bits on any number of threads. The tensor library reads its number of
//! threads once per process, so this test runs itself in processes with different numbers.

#![allow(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::process::Command;

use sn3_protocol::model::ModelConfig;
use sn3_protocol::run::AdamConfig;
use sn3_trainer::init::initial_state;
use sn3_trainer::reference::ReferenceTrainer;
use sn3_trainer::train::Train;

const INSIDE: &str = "SN3_TEST_PRINT_DIGEST";

#[test]
fn threads_do_not_change_a_bit_of_the_reference() {
    if std::env::var_os(INSIDE).is_some() {
        return println!("digest {}", digest_after_three_steps());
    }
    let run = |threads: &str| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "threads_do_not_change_a_bit_of_the_reference", "--nocapture"])
            .env(INSIDE, "1")
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let digest = text.lines().find_map(|line| line.split("digest ").nth(1));
        digest.unwrap_or_else(|| panic!("no digest in {text:?}")).to_owned()
    };
    let one = run("1");
    assert_eq!(one.len(), 64);
    assert_eq!(run("2"), one);
    assert_eq!(run("5"), one);
}

fn digest_after_three_steps() -> String {
    let config = ModelConfig { layers: 2, ..ModelConfig::preset("nano", None).unwrap() };
    let mut trainer = ReferenceTrainer::new(&config, AdamConfig::default(), 4).unwrap();
    trainer.set_params(&initial_state(&config, 2).unwrap()).unwrap();
    let samples: Vec<Vec<u32>> =
        (0..4).map(|s| (0..128).map(|p| 1 + (s * 131 + p * p * 7) % 1000).collect()).collect();
    let samples: Vec<&[u32]> = samples.iter().map(Vec::as_slice).collect();
    for _ in 0..3 {
        trainer.step(&samples, 1e-3).unwrap();
    }
    trainer.layout().state_digest(&trainer.params()).to_string()
}
