//! Weights that land whatever happens: a client process killed with SIGKILL at each of its steps, an endpoint that is
//! lost, answers that come late, and a block that is replaced by another one.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use sn3_chain::ledger::IntentState;
use sn3_chain::weights::{Daemon, DaemonError, Method, Progress, StepReport, history};
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
    let ledger = Ledger::open(&path).unwrap();
    check(&ledger, sends);
    check_chain(&ledger, &client, netuid).await;
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

/// Every block that the ledger names is on chain, and the hotkey has sent nothing that is not in the ledger.
async fn check_chain(ledger: &Ledger, client: &ChainClient, netuid: NetUid) {
    let intents = history(ledger, 10_000).unwrap();
    let steps: Vec<_> = intents.iter().flat_map(|intent| &intent.steps).collect();
    for block in steps.iter().filter(|step| !step.step.ends_with("signed")).filter_map(|step| step.block) {
        assert_eq!(client.block_hash(block.number).await.unwrap(), block.hash, "{block:?}");
    }
    let landed = |step: &&&StepReport| step.extrinsic.is_some() && !step.step.ends_with("signed");
    let sent = steps.iter().filter(landed).count() as u64;
    let head = client.head().await.unwrap();
    let seen = client.observe_weights(&validator().public(), netuid, 0, head).await.unwrap();
    assert_eq!(seen.nonce, sent, "each extrinsic on chain is one step of the ledger");
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

/// What goes wrong in one epoch.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Nobody can connect for a while.
    EndpointLoss,
    /// Every answer comes late.
    Delay,
    /// The newest block is replaced by another one.
    Reorg,
}

const FAULTS: [Fault; 3] = [Fault::EndpointLoss, Fault::Delay, Fault::Reorg];
/// Steps of the daemon before each fault.
const FAULT_AFTER: [usize; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const DELAY_MS: u64 = 20;
/// Failed reads in a row after which the endpoint does not come back.
const FAILED_READS_MAX: u32 = 500;

/// Steps until there is nothing to do at this head; the endpoint may come back meanwhile.
async fn settle(daemon: &mut Daemon) {
    let mut failed = 0;
    loop {
        match daemon.step().await {
            Ok(Progress::Idle(_)) => return,
            Ok(_) => failed = 0,
            Err(DaemonError::Read(error)) if failed < FAILED_READS_MAX => {
                failed += 1;
                assert!(error.is_transient(), "{error}");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// The fault, and its end.
async fn strike(fault: Fault, devnet: &Devnet, daemon: &mut Daemon) {
    match fault {
        Fault::EndpointLoss => {
            devnet.lose_endpoint().await;
            let lost = daemon.step().await;
            assert!(!matches!(lost, Err(ref error) if !matches!(error, DaemonError::Read(_))), "{lost:?}");
            devnet.restore_endpoint().await;
        }
        Fault::Delay => devnet.faults().delay_ms(DELAY_MS).unwrap(),
        Fault::Reorg => {
            devnet.stall_finality();
            devnet.advance_blocks(1).await.unwrap();
            settle(daemon).await;
            devnet.advance_blocks(1).await.unwrap();
            devnet.reorg(1).await.unwrap();
            settle(daemon).await;
            devnet.faults().resume_finality();
        }
    }
}

/// One daemon through thirty epochs with a fault in each; everything that it wanted is counted once.
async fn struck_everywhere(method: Option<Method>) {
    let devnet = Devnet::start(DevnetConfig::default()).await.unwrap();
    let client = ChainClient::connect(devnet.ws_url()).await.unwrap();
    let netuid = subnet(&devnet, &client, true).await;
    let ledger = Arc::new(Ledger::in_memory().unwrap());
    let mut daemon = Daemon::new(client.clone(), ledger.clone(), validator(), netuid, 0).unwrap();
    let plan: Vec<(Fault, usize)> = FAULTS.into_iter().flat_map(|f| FAULT_AFTER.map(|at| (f, at))).collect();
    for (round, (fault, steps)) in plan.iter().enumerate() {
        daemon.want(&[(Uid(0), 65_535), (Uid(1), 1_000 + u16::try_from(round).unwrap())], 0, method);
        for _ in 0..*steps {
            if matches!(daemon.step().await.unwrap(), Progress::Idle(_)) {
                devnet.advance_blocks(1).await.unwrap();
            }
        }
        strike(*fault, &devnet, &mut daemon).await;
        for _ in 0..6 {
            settle(&mut daemon).await;
            devnet.advance_blocks(1).await.unwrap();
        }
        settle(&mut daemon).await;
        devnet.faults().delay_ms(0).unwrap();
        devnet.advance_to_epoch(netuid).await.unwrap();
        settle(&mut daemon).await;
    }
    for _ in 0..3 {
        devnet.advance_to_epoch(netuid).await.unwrap();
        devnet.advance_blocks(5).await.unwrap();
        settle(&mut daemon).await;
    }
    check(&ledger, plan.len());
    check_chain(&ledger, &client, netuid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn salted_weights_survive_thirty_faults_of_the_network() {
    struck_everywhere(Some(Method::Salted)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_by_the_live_settings_survive_thirty_faults_of_the_network() {
    struck_everywhere(None).await;
}
