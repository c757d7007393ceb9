//! The network as separate processes, and a miner that is killed again and again.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const WINDOWS: &str = "3";
const BLOCKS_PER_WINDOW: &str = "40";
const BLOCK_TIME_MS: &str = "500";
/// The whole run must end within this.
const RUN_S_MAX: u64 = 400;

/// A process that does not outlive its test.
struct Process {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(dir: &Path, name: &str, args: &[&str]) -> Self {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(dir.join(format!("{name}.log")))
            .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_sn3"))
            .args(args)
            .arg("--json")
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next JSON line; `None` when the process has ended.
    fn next(&mut self) -> Option<Value> {
        let line = self.lines.next()?.unwrap();
        Some(
            serde_json::from_str(&line)
                .unwrap_or_else(|_| panic!("stdout has a line that is no JSON: {line}")),
        )
    }

    /// Reads until an event of this kind; its data.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        std::iter::from_fn(|| self.next()).find(wanted)
    }

    /// kill -9.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Network {
    dir: PathBuf,
    endpoint: String,
}

impl Network {
    fn node(&self, role: &str, name: &str, more: &[&str]) -> Process {
        let text = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/src");
        let (store, state) = (format!("store/{name}"), format!("state/{name}"));
        let mut args =
            vec![role, "run", "--endpoint", &self.endpoint, "--wallet-path", "wallets", "--wallet", name];
        args.extend([
            "--store",
            &store,
            "--state",
            &state,
            "--data",
            text,
            "--cache",
            "cache",
            "--threads",
            "1",
        ]);
        args.extend(more);
        Process::start(&self.dir, name, &args)
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.join(format!("{name}.log"))).unwrap_or_default()
    }
}

fn kind(event: &Value) -> &str {
    event["data"]["event"].as_str().unwrap_or("")
}

/// Points of a window's life at which the victim is killed, by the event that it has just told.
const DEATHS: [&str; 5] = ["window_started", "inner_step", "compressed", "uploaded", "record_applied"];

#[test]
fn a_miner_that_is_killed_five_times_ends_with_the_state_of_the_others() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().to_owned();
    let devnet = ["devnet", "--port", "0", "--sealing", "interval", "--block-time-ms", BLOCK_TIME_MS];
    let mut devnet = Process::start(&dir, "devnet", &devnet);
    let started = devnet.next().expect("the chain starts");
    let endpoint = started["data"]["endpoint"].as_str().unwrap().to_owned();
    let scaffold = ["scaffold", "--endpoint", &endpoint, "--miners", "2", "--wallet-path", "wallets"];
    let mut scaffold = Process::start(&dir, "scaffold", &scaffold);
    while scaffold.next().is_some() {}
    assert!(scaffold.child.wait().unwrap().success());

    let network = Network { dir, endpoint };
    let begin = Instant::now();
    let run =
        ["--start-run", "--windows", WINDOWS, "--blocks-per-window", BLOCKS_PER_WINDOW, "--vocab", "300"];
    let mut validator = network.node("validator", "validator", &run);
    let steady = network.node("miner", "miner-2", &[]);
    let steady = std::thread::spawn(move || final_state(steady));
    let mut victim = network.node("miner", "miner-1", &[]);
    for death in DEATHS {
        let seen = victim.until(|event| kind(event) == death);
        assert!(seen.is_some(), "the victim ended before {death}:\n{}", network.log("miner-1"));
        victim.kill();
        victim = network.node("miner", "miner-1", &[]);
    }
    let victim = final_state(victim);
    let ended = validator.until(|event| event["event"] == "finished");
    let leader = ended.and_then(|event| event["data"]["state"].as_str().map(str::to_owned));
    assert!(begin.elapsed() < Duration::from_secs(RUN_S_MAX));
    assert!(leader.is_some(), "{}", network.log("validator"));
    assert_eq!(victim, leader, "{}", network.log("miner-1"));
    assert_eq!(steady.join().unwrap(), leader, "{}", network.log("miner-2"));
}

fn final_state(mut miner: Process) -> Option<String> {
    let ended = miner.until(|event| event["event"] == "finished")?;
    ended["data"]["state"].as_str().map(str::to_owned)
}
