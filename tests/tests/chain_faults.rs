//! Weights that land whatever happens to the client: a real process, killed with SIGKILL at each of its steps.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use sn3_chain::ledger::IntentState;
use sn3_chain::weights::{Daemon, DaemonError, Method, Progress, history};
use sn3_chain::{ChainClient, ColdkeyPair, HotkeyPair, Ledger, LocalAdmin};
use sn3_devnet::{Devnet, DevnetConfig};
use sn3_protocol::{NetUid, Rao, Uid};

const TAO: u64 = 1_000_000_000;
const TEMPO_BLOCKS: u16 = 20;
/// Variables by which the parent tells its child what to do.
const URL: &str = "SN3_TEST_URL";
const LEDGER: &str = "SN3_TEST_LEDGER";
const NETUID: &str = "SN3_TEST_NETUID";
const METHOD: &str = "SN3_TEST_METHOD";
const WANT: &str = "SN3_TEST_WANT";
/// Steps after which each child is killed, one child each.
const KILL_AFTER: [usize; 20] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 12];

fn validator() -> HotkeyPair {
    HotkeyPair::from_uri("//validator//hotkey").unwrap()
}

/// A started subnet with a staked validator that has its permit.
async fn subnet(devnet: &Devnet, client: &ChainClient, commit_reveal: bool) -> NetUid {
    let alice = ColdkeyPair::from_uri("//Alice").unwrap();
    let admin = LocalAdmin::new(client.clone(), alice.clone());
    admin.set_freeze_window(0).await.unwrap();
    admin.set_network_rate_limit(0).await.unwrap();
    admin.set_network_min_lock_cost(Rao(TAO)).await.unwrap();
    let owner = HotkeyPair::from_uri("//owner//hotkey").unwrap();
    let (netuid, _) = client.register_network(&alice, &owner.public()).await.unwrap();
    admin.set_tempo(netuid, TEMPO_BLOCKS).await.unwrap();
    admin.set_commit_reveal(netuid, commit_reveal).await.unwrap();
    admin.set_weights_rate_limit(netuid, 0).await.unwrap();
    admin.set_validators_max(netuid, 4).await.unwrap();
    admin.set_stake_threshold(Rao(0)).await.unwrap();
    client.start_call(&alice, netuid).await.unwrap();
    client.register(&alice, netuid, &validator().public(), Rao(100 * TAO)).await.unwrap();
    client.add_stake(&alice, netuid, &validator().public(), Rao(500 * TAO)).await.unwrap();
    devnet.advance_to_epoch(netuid).await.unwrap();
    devnet.advance_to_epoch(netuid).await.unwrap();
    netuid
}

/// The child's side: one daemon, one line per step, and a step only when a line comes in.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the other tests of this file, as their child"]
async fn child() {
    let Ok(url) = std::env::var(URL) else { return };
    let variable = |name| std::env::var(name).unwrap();
    let client = ChainClient::connect(&url).await.unwrap();
    let ledger = Arc::new(Ledger::open(variable(LEDGER)).unwrap());
    let netuid = NetUid(variable(NETUID).parse().unwrap());
    let mut daemon = Daemon::new(client, ledger, validator(), netuid, 0).unwrap();
    if let Ok(value) = std::env::var(WANT) {
        let method = match variable(METHOD).as_str() {
            "salted" => Some(Method::Salted),
            _ => None,
        };
        daemon.want(&[(Uid(0), 65_535), (Uid(1), value.parse().unwrap())], 0, method);
    }
    let mut orders = BufReader::new(std::io::stdin()).lines();
    while let Some(Ok(_)) = orders.next() {
        let said = match daemon.step().await {
            Ok(Progress::Idle(_)) => "idle".to_owned(),
            Ok(Progress::Rejected(error)) => format!("rejected {error}"),
            Ok(progress) => format!("{progress:?}"),
            Err(DaemonError::Read(error)) => format!("read {error}"),
            Err(error) => panic!("{error}"),
        };
        let mut out = std::io::stdout();
        writeln!(out, "\nSTEP {said}").unwrap();
        out.flush().unwrap();
    }
}

/// A client process.
struct Process {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Process {
    fn start(url: &str, ledger: &Path, netuid: NetUid, method: &str, want: Option<u16>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--ignored", "--exact", "--nocapture", "child"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command.env(URL, url).env(LEDGER, ledger).env(NETUID, netuid.0.to_string()).env(METHOD, method);
        if let Some(want) = want {
            command.env(WANT, want.to_string());
        }
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// Has the process do one step, and says what it did.
    fn step(&mut self) -> String {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let mut line = String::new();
        while !line.contains("STEP ") {
            line.clear();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "the client process has ended");
        }
        line.split("STEP ").nth(1).unwrap().trim().to_owned()
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Kills one process after each number of steps, with one want per epoch; then one process brings all to an end.
async fn killed_everywhere(method: &'static str, commit_reveal: bool) {
    let devnet = Devnet::start(DevnetConfig::default()).await.unwrap();
    let client = ChainClient::connect(devnet.ws_url()).await.unwrap();
    let netuid = subnet(&devnet, &client, commit_reveal).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.sqlite");
    let url = devnet.ws_url().to_owned();
    let start = |want| Process::start(&url, &path, netuid, method, want);
    let mut sends = 0;
    for (round, steps) in KILL_AFTER.into_iter().enumerate() {
        let want = 1_000 + u16::try_from(round).unwrap();
        let mut victim = start(Some(want));
        for _ in 0..steps {
            if victim.step() == "idle" {
                devnet.advance_blocks(1).await.unwrap();
            }
        }
        victim.kill();
        // The next process, which wants the same, goes on; then the epoch comes.
        let mut heir = start(Some(want));
        for _ in 0..6 {
            while heir.step() != "idle" {}
            devnet.advance_blocks(1).await.unwrap();
        }
        while heir.step() != "idle" {}
        heir.kill();
        sends += 1;
        devnet.advance_to_epoch(netuid).await.unwrap();
        let mut keeper = start(None);
        while keeper.step() != "idle" {}
        keeper.kill();
    }
    for _ in 0..3 {
        devnet.advance_to_epoch(netuid).await.unwrap();
        devnet.advance_blocks(5).await.unwrap();
        let mut last = start(None);
        while last.step() != "idle" {}
        last.kill();
    }
    check(&Ledger::open(&path).unwrap(), sends);
}

/// Each epoch has exactly one set of weights that landed, none was missed, and what is claimed has its blocks.
fn check(ledger: &Ledger, sends: usize) {
    let intents = history(ledger, 10_000).unwrap();
    let landed: Vec<_> = intents.iter().filter(|intent| intent.epoch.is_some()).collect();
    let mut epochs: Vec<u64> = landed.iter().map(|intent| intent.epoch.unwrap()).collect();
    epochs.sort_unstable();
    let count = epochs.len();
    epochs.dedup();
    assert_eq!(epochs.len(), count, "two in one epoch: {landed:#?}");
    assert_eq!(count, sends, "{intents:#?}");
    for intent in landed {
        assert_eq!(intent.state, IntentState::Counted, "{intent:#?}");
        let steps: Vec<&str> = intent.steps.iter().map(|step| step.step.as_str()).collect();
        assert_eq!((steps.first(), steps.last()), (Some(&"signed"), Some(&"counted")), "{steps:?}");
        assert!(intent.steps.iter().all(|step| step.block.is_some()), "{intent:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_weights_survive_twenty_kills() {
    killed_everywhere("plain", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn salted_weights_survive_twenty_kills() {
    killed_everywhere("salted", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_by_the_live_settings_survive_twenty_kills() {
    killed_everywhere("settings", true).await;
}
