//! `sn3 devnet` as a user meets it: a process, its flags, its controls, its death.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a chain may take to end after Ctrl-C.
const STOP_S_MAX: u64 = 20;

/// A chain in another process that does not outlive its test.
struct Chain {
    child: Child,
    started: Value,
}

impl Chain {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sn3"))
            .args(["devnet", "--port", "0", "--json"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line:?}"));
        assert_eq!((&started["v"], &started["event"]), (&1.into(), &"started".into()));
        Self { child, started }
    }

    fn endpoint(&self) -> &str {
        self.started["data"]["endpoint"].as_str().unwrap()
    }

    /// `sn3 devnet ARGS --json` on this chain; the event's data.
    fn tell(&self, args: &[&str]) -> Value {
        let done = self.try_tell(args);
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        let event: Value = serde_json::from_slice(&done.stdout).unwrap();
        event["data"].clone()
    }

    fn try_tell(&self, args: &[&str]) -> Output {
        sn3(&[&["devnet"], args, &["--endpoint", self.endpoint(), "--json"]].concat())
    }

    fn status(&self) -> Value {
        self.tell(&["status"])
    }

    /// kill -9.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ctrl-C; the exit code.
    fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begin.elapsed() < Duration::from_secs(STOP_S_MAX), "still there after Ctrl-C");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn sn3(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sn3")).args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const DESCRIPTION: &str = r#"
[[account]]
name = "Zoe"
tao = 500

[[subnet]]
netuid = 9
owner = "Zoe"
tempo = 30
commit_reveal = true

[subnet.hyperparameters]
kappa = 40_000

[[subnet.neuron]]
coldkey = "Zoe"
hotkey = "ZoeHot"
stake = 100
"#;

#[test]
fn a_described_chain_writes_its_manifest_and_obeys() {
    let dir = tempfile::tempdir().unwrap();
    let (plan, manifest) = (dir.path().join("plan.toml"), dir.path().join("manifest.json"));
    std::fs::write(&plan, DESCRIPTION).unwrap();
    let args = ["--sealing", "manual", "--scaffold", text(&plan), "--manifest", text(&manifest)];
    let chain = Chain::start(&args);
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&manifest).unwrap()).unwrap();
    assert_eq!(written, chain.started["data"], "the file has what stdout has");
    assert_eq!(written["scaffold"]["subnets"][0]["neurons"][1]["hotkey"]["uri"], "//ZoeHot");
    assert_eq!(written["accounts"][0]["uri"], "//Alice");

    let wallets = dir.path().join("wallets");
    let more = ["--plan", text(&plan), "--wallet-path", text(&wallets)];
    let placed = sn3(&[&["scaffold", "--endpoint", chain.endpoint()], more.as_slice()].concat());
    assert!(placed.status.success(), "{}", String::from_utf8_lossy(&placed.stderr));
    assert!(String::from_utf8_lossy(&placed.stdout).contains("netuid 9   uid 1   Zoe/ZoeHot"));
    assert!(wallets.join("Zoe/hotkeys/ZoeHot").is_file());

    assert_eq!(chain.tell(&["advance", "--blocks", "3"])["number"], 3);
    let snapshot = chain.tell(&["snapshot"])["snapshot"].to_string();
    assert_eq!(chain.tell(&["advance", "--epoch", "9"])["number"], 30);
    let clock = chain.status()["timestampMs"].as_u64().unwrap() + 24_000;
    assert_eq!(chain.tell(&["advance", "--until-time", &clock.to_string()])["number"], 32);
    assert_eq!(chain.tell(&["revert", &snapshot])["number"], 3);
    assert_eq!(chain.status()["head"]["number"], 3);
    assert_eq!(chain.interrupt(), Some(0));
}

#[test]
fn what_was_reported_final_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let kept = ["--sealing", "manual", "--state", text(dir.path())];
    let mut last = Value::Null;
    for round in 1..=3 {
        let chain = Chain::start(&kept);
        if round > 1 {
            assert_eq!(chain.status()["finalized"], last, "round {round}");
        }
        chain.tell(&["advance", "--blocks", "7"]);
        last = chain.status()["finalized"].clone();
        chain.kill();
    }
    assert_eq!(last["number"], 21);
    let chain = Chain::start(&kept);
    assert_eq!(chain.started["data"]["head"], 21);
}

#[test]
fn a_dump_begins_another_chain() {
    let dir = tempfile::tempdir().unwrap();
    let dump = dir.path().join("dump");
    let first = Chain::start(&["--sealing", "manual"]);
    first.tell(&["advance", "--blocks", "5"]);
    assert_eq!(first.tell(&["dump", text(&dump)])["blocks"], 5);
    let second = Chain::start(&["--sealing", "manual", "--load", text(&dump)]);
    assert_eq!(second.status()["head"], first.status()["head"]);
    assert_ne!(second.endpoint(), first.endpoint());
}

#[test]
fn faults_come_and_go_by_command() {
    let chain = Chain::start(&[
        "--sealing",
        "manual",
        "--stall-finality",
        "--delay-ms",
        "1",
        "--reject",
        "1010:Custom error: 6",
    ]);
    let status = chain.status();
    assert_eq!((&status["delayMs"], &status["waitingRefusals"]), (&1.into(), &1.into()));
    chain.tell(&["advance", "--blocks", "2"]);
    let before = chain.status();
    assert_eq!((&before["head"]["number"], &before["finalized"]["number"]), (&2.into(), &0.into()));
    chain.tell(&["fault", "reorg", "1"]);
    let after = chain.status();
    assert_eq!(after["head"]["number"], 3);
    chain.tell(&["fault", "resume-finality"]);
    assert_eq!(chain.status()["finalized"]["number"], 3);
    chain.tell(&["fault", "delay", "0"]);
    let refused = chain.try_tell(&["fault", "upgrade", "4242"]);
    assert_eq!(refused.status.code(), Some(7), "the first transaction is the one to be refused");
    chain.tell(&["fault", "upgrade", "4242"]);
    assert_eq!(chain.status()["head"]["number"], 4);
    let refused = chain.try_tell(&["fault", "reorg", "1"]);
    assert_eq!(refused.status.code(), Some(7), "a final block is not replaced");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is final"));
}

#[test]
fn blocks_come_at_the_pace_that_was_asked_for() {
    let chain = Chain::start(&["--block-time", "50ms"]);
    let begin = Instant::now();
    while chain.status()["head"]["number"].as_u64().unwrap() < 3 {
        assert!(begin.elapsed() < Duration::from_secs(STOP_S_MAX));
    }
    assert_eq!(chain.tell(&["sealing", "manual"]), "manual");
    let stopped = chain.status()["head"].clone();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(chain.status()["head"], stopped);
}

#[test]
fn what_is_wrong_has_its_exit_code() {
    let code = |args: &[&str]| sn3(args).status.code();
    assert_eq!(code(&["devnet", "advance"]), Some(2), "how far?");
    assert_eq!(code(&["devnet", "--block-time", "1ms"]), Some(2));
    assert_eq!(code(&["devnet", "--port", "0", "--load", "/nowhere/at/all"]), Some(3));
    assert_eq!(code(&["devnet", "--port", "0", "--scaffold", "/nowhere/at/all.toml"]), Some(3));
    assert_eq!(code(&["devnet", "status", "--endpoint", "ws://127.0.0.1:9"]), Some(4));
    let chain = Chain::start(&["--sealing", "manual"]);
    assert_eq!(chain.try_tell(&["revert", "77"]).status.code(), Some(7));
    let port = chain.endpoint().rsplit(':').next().unwrap();
    assert_eq!(code(&["devnet", "--port", port]), Some(4), "the port is taken");
}
