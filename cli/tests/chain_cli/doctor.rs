//! Doctor finds each of many faults on its own line, and changes no other.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use sn3_chain::{ChainClient, ColdkeyPair, HotkeyPair, LocalAdmin};
use sn3_devnet::{Devnet, DevnetConfig, Scaffold, Sealing};
use sn3_protocol::address::StoreAddress;
use sn3_protocol::{NetUid, Rao};

use super::support::{Machine, SUBNET, event};

/// The height at which the chain is looked at.
const HEIGHT: u64 = 40;
const BLOCK_MS: u64 = 12_000;
const TAO: u64 = 1_000_000_000;
const WALLET: &str = ".bittensor/wallets/Val";

/// Status, value and remedy of each check.
type Report = BTreeMap<String, (String, String, String)>;

/// A healthy neuron: a chain whose clock is right, a registered validator with a permit, only its hotkey here.
struct Healthy {
    devnet: Devnet,
    machine: Machine,
}

impl Healthy {
    async fn new() -> Self {
        Self::with(SUBNET, 0).await
    }

    /// On another subnet, or with a chain whose clock is so many seconds behind.
    async fn with(scaffold: &str, behind_s: i64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        let start = now - behind_s * 1_000 - (HEIGHT * BLOCK_MS) as i64;
        let config = DevnetConfig {
            genesis: Scaffold::parse(scaffold).unwrap().genesis(),
            sealing: Sealing::Instant,
            genesis_timestamp_ms: start as u64,
            ..DevnetConfig::default()
        };
        let devnet = Devnet::start(config).await.unwrap();
        let client = ChainClient::connect(devnet.ws_url()).await.unwrap();
        let hotkey = HotkeyPair::from_uri("//ValHot").unwrap();
        let address = StoreAddress::new("https://store.example/val").unwrap();
        client.set_store_address(&hotkey, NetUid(3), &address).await.unwrap();
        let healthy = Self { devnet, machine: Machine::new() };
        healthy.only_hotkey("Val");
        healthy.devnet.advance_to_epoch(NetUid(3)).await.unwrap();
        let set = ["weights", "set", "2=1", "3=1", "--wallet", "Val", "--endpoint", healthy.devnet.ws_url()];
        healthy.machine.ok(&set);
        healthy.go_to(HEIGHT).await;
        healthy
    }

    async fn go_to(&self, height: u64) {
        let ahead = height.saturating_sub(self.devnet.head().number.0);
        self.devnet.advance_blocks(ahead).await.unwrap();
    }

    /// A wallet whose coldkey is elsewhere.
    fn only_hotkey(&self, name: &str) {
        self.machine.dev_wallet(name);
        std::fs::remove_file(self.machine.path(&format!(".bittensor/wallets/{name}/coldkey"))).unwrap();
    }

    fn look(&self) -> Report {
        self.look_with(&[])
    }

    fn look_with(&self, more: &[&str]) -> Report {
        self.look_at("Val", self.devnet.ws_url(), more)
    }

    fn look_at(&self, wallet: &str, endpoint: &str, more: &[&str]) -> Report {
        let has = |flag: &str| more.contains(&flag);
        let mut args = vec!["doctor", "--json", "--wallet", wallet, "--endpoint", endpoint];
        args.extend(if has("--store") { &[][..] } else { &["--store", "bucket"] });
        args.extend(if has("--disk-gb") { &[][..] } else { &["--disk-gb", "0"] });
        args.extend(more);
        let ran = self.machine.sn3(&args);
        let report = event(&ran.stdout, "doctor").unwrap_or_else(|| panic!("{args:?}: {}", ran.stderr));
        let text = |line: &serde_json::Value, field: &str| line[field].as_str().unwrap().to_owned();
        let lines = report["lines"].as_array().unwrap().iter();
        let report: Report = lines
            .filter(|line| !line["check"].as_str().unwrap().starts_with("gpu"))
            .map(|line| {
                (text(line, "check"), (text(line, "status"), text(line, "value"), text(line, "remedy")))
            })
            .collect();
        let failed = report.values().any(|(status, ..)| status == "fail");
        assert_eq!(ran.code, i32::from(failed), "{args:?}: {}", ran.stderr);
        report
    }

    async fn admin(&self) -> LocalAdmin {
        let client = ChainClient::connect(self.devnet.ws_url()).await.unwrap();
        LocalAdmin::new(client, ColdkeyPair::from_uri("//Alice").unwrap())
    }
}

/// The faults that were found so far.
struct Found {
    baseline: Report,
    count: usize,
}

impl Found {
    /// The check has this status now, with a value and a remedy; others than it and `along` have not changed, except
    /// that some could not be looked at any more.
    fn expect(&mut self, fault: &str, report: &Report, check: &str, status: &str, along: &[&str]) {
        let found = report.get(check).unwrap_or_else(|| panic!("{fault}: no line {check}: {report:#?}"));
        assert_eq!(found.0, status, "{fault}: {report:#?}");
        assert!(!found.1.is_empty() && !found.2.is_empty(), "{fault}: {found:?}");
        let changed: BTreeSet<&str> = report
            .iter()
            .filter(|(name, line)| {
                line.0 != "skip" && self.baseline.get(*name).is_some_and(|before| before.0 != line.0)
            })
            .map(|(name, _)| name.as_str())
            .collect();
        let expected: BTreeSet<&str> = [check].into_iter().chain(along.iter().copied()).collect();
        let extra: Vec<_> = changed.difference(&expected).collect();
        assert!(extra.is_empty(), "{fault} also changes {extra:?}: {report:#?}");
        self.count += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_found_on_its_line() {
    let healthy = Healthy::new().await;
    let baseline = healthy.look();
    let odd: Vec<_> = baseline.iter().filter(|(_, line)| line.0 != "pass").collect();
    assert!(odd.is_empty(), "a healthy neuron has {odd:#?}");
    let mut found = Found { baseline, count: 0 };
    endpoints(&healthy, &mut found).await;
    wallets(&healthy, &mut found);
    places(&healthy, &mut found);
    neurons(&healthy, &mut found).await;
    subnets(&mut found).await;
    assert!(found.count >= 20, "{} faults", found.count);
}

async fn endpoints(healthy: &Healthy, found: &mut Found) {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    let accepting = std::thread::spawn(move || drop(closed.accept()));
    let report = healthy.look_at("Val", &format!("ws://{address}"), &[]);
    found.expect("an endpoint that hangs up", &report, "endpoint", "fail", &[]);
    accepting.join().unwrap();
    let report = healthy.look_at("Val", &format!("ws://{address}"), &[]);
    found.expect("an endpoint where nobody listens", &report, "endpoint", "fail", &[]);
    let report = healthy.look_at("Val", "http://127.0.0.1:9", &[]);
    found.expect("an endpoint of another kind", &report, "endpoint", "fail", &[]);

    healthy.devnet.faults().delay_ms(520).unwrap();
    found.expect("a slow endpoint", &healthy.look(), "latency", "warn", &["registration"]);
    healthy.devnet.faults().delay_ms(0).unwrap();

    let late = Healthy::with(SUBNET, 200).await;
    found.expect("a chain that has stalled", &late.look(), "head_age", "warn", &["clock"]);
    let ahead = Healthy::with(SUBNET, -400).await;
    found.expect("a clock that is behind", &ahead.look(), "clock", "fail", &[]);
    ahead.devnet.upgrade_runtime(9_999).await.unwrap();
    ahead.devnet.advance_blocks(1).await.unwrap();
    found.expect("a runtime that nobody has tried", &ahead.look(), "runtime", "warn", &["clock"]);
}

fn wallets(healthy: &Healthy, found: &mut Found) {
    let look = || healthy.look();
    let path = |name: &str| healthy.machine.path(WALLET).join(name);
    let mode = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let missing = healthy.look_at("Nobody", healthy.devnet.ws_url(), &[]);
    found.expect("no wallet", &missing, "wallet", "fail", &[]);
    let missing = healthy.look_with(&["--hotkey", "other"]);
    found.expect("no such hotkey", &missing, "hotkey", "fail", &[]);

    std::fs::write(path("coldkey"), b"$NACL sealed").unwrap();
    mode(&path("coldkey"), 0o600);
    found.expect("a sealed coldkey on the box", &look(), "coldkey", "warn", &[]);
    std::fs::write(path("coldkey"), b"{}").unwrap();
    found.expect("an open coldkey on the box", &look(), "coldkey", "fail", &[]);
    std::fs::remove_file(path("coldkey")).unwrap();

    mode(&path("hotkeys/default"), 0o644);
    found.expect("a hotkey that others can read", &look(), "permissions", "fail", &[]);
    mode(&path("hotkeys/default"), 0o600);
    mode(&path("hotkeys"), 0o755);
    found.expect("a folder that others can enter", &look(), "permissions", "fail", &[]);
    mode(&path("hotkeys"), 0o700);

    let hotkey = std::fs::read(path("hotkeys/default")).unwrap();
    std::fs::write(path("hotkeys/default"), &hotkey[..hotkey.len() / 2]).unwrap();
    found.expect("a hotkey's file that is cut off", &look(), "hotkey", "fail", &[]);
    std::fs::write(path("hotkeys/default"), hotkey).unwrap();
}

fn places(healthy: &Healthy, found: &mut Found) {
    let full = healthy.look_with(&["--disk-gb", "1000000000"]);
    found.expect("a full disk", &full, "disk", "fail", &[]);
    healthy.machine.write("file", "");
    let below = healthy.look_with(&["--store", "file/below"]);
    found.expect("a store that cannot be made", &below, "bucket_write", "fail", &[]);
    let unknown = healthy.look_with(&["--store", "gopher://host/bucket"]);
    found.expect("a store of an unknown kind", &unknown, "bucket_write", "fail", &[]);
    let down = healthy.look_with(&["--store", "s3://bucket/x?endpoint=http://127.0.0.1:9"]);
    found.expect("a bucket that nobody serves", &down, "bucket_write", "fail", &[]);
}

async fn neurons(healthy: &Healthy, found: &mut Found) {
    healthy.only_hotkey("New");
    let stranger = healthy.look_at("New", healthy.devnet.ws_url(), &[]);
    found.expect("a hotkey without a slot", &stranger, "registration", "fail", &[]);
    let elsewhere = healthy.look_with(&["--netuid", "77"]);
    found.expect("a subnet that is not there", &elsewhere, "registration", "fail", &[]);
    healthy.only_hotkey("Bob");
    let miner = healthy.look_at("Bob", healthy.devnet.ws_url(), &[]);
    found.expect("a miner without a permit", &miner, "permit", "warn", &[]);
    healthy.admin().await.set_stake_threshold(Rao(100_000 * TAO)).await.unwrap();
    found.expect("stake below the threshold", &healthy.look(), "stake", "warn", &[]);
    healthy.admin().await.set_stake_threshold(Rao(0)).await.unwrap();
}

async fn subnets(found: &mut Found) {
    let short = Healthy::with(&SUBNET.replace("tempo = 20", "tempo = 20\nimmunity_blocks = 100"), 0).await;
    found.expect("an immunity that ends soon", &short.look(), "immunity", "warn", &[]);
    let silent = Healthy::new().await;
    let client = ChainClient::connect(silent.devnet.ws_url()).await.unwrap();
    let head = client.head().await.unwrap();
    let params = client.subnet_params(NetUid(3), head).await.unwrap();
    let cutoff = u64::from(params.activity_cutoff_factor_milli) * 20 / 1_000;
    silent.go_to(cutoff).await;
    let along = ["clock", "head_age", "permit"];
    found.expect("weights that stop counting", &silent.look(), "weights_age", "warn", &along);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subnet_of_another_program_is_told_apart() {
    let devnet = super::support::chain(SUBNET).await;
    let machine = Machine::new();
    machine.dev_wallet("Val");
    let args = ["doctor", "--json", "--wallet", "Val", "--endpoint", devnet.ws_url()];
    let report = event(&machine.sn3(&args).stdout, "doctor").unwrap();
    let line = report["lines"].as_array().unwrap().iter().find(|line| line["check"] == "mechanism").unwrap();
    assert_eq!(line["status"], "warn", "{line}");
    assert!(line["remedy"].as_str().unwrap().contains("another program"), "{line}");
}

#[test]
fn without_a_chain_the_machine_is_still_looked_at() {
    let machine = Machine::new();
    machine.dev_wallet("Val");
    std::fs::remove_file(machine.path(WALLET).join("coldkey")).unwrap();
    let ran = machine.ok(&["doctor", "--offline", "--wallet", "Val", "--disk-gb", "0"]);
    assert!(ran.stdout.contains("skip  endpoint") && ran.stdout.contains("pass  hotkey"), "{}", ran.stdout);
}
