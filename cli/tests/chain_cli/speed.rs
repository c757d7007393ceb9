//! How fast the client is, measured: from process start to a printed balance, metadata, metagraph.
//!
//!     cargo test --release -p sn3 --test chain_cli -- --ignored --nocapture speed
//!
//! With `SN3_PYTHON` naming a Python that has the official package, the same is measured with it in the same run.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use sn3_chain::ChainClient;
use sn3_devnet::{Devnet, DevnetConfig, Scaffold, Sealing};
use sn3_protocol::NetUid;

use super::support::Machine;

const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const RUNS: usize = 21;
const BALANCE_MS_MAX: f64 = 60.0;
const METADATA_MS_MAX: f64 = 20.0;
/// Answers come this much later when round trips are counted.
const DELAY_MS: u64 = 100;
/// The largest metadata that is at hand: the development chain's own.
const METADATA: &[u8] = include_bytes!("../../../runtime-bindings/metadata/devnet.scale");

/// Subnet 3 with 256 neurons.
fn full_subnet() -> String {
    let mut text = "[[subnet]]\nnetuid = 3\nowner = \"Alice\"\ntempo = 360\n".to_owned();
    for neuron in 1..256 {
        write!(
            text,
            "[[subnet.neuron]]\ncoldkey = \"C{neuron}\"\nhotkey = \"H{neuron}\"\nstake = {neuron}\n"
        )
        .unwrap();
    }
    text
}

fn median_ms(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2].as_secs_f64() * 1e3
}

#[ignore = "a measurement: run it in release, on a machine with nothing else to do"]
#[tokio::test(flavor = "multi_thread")]
async fn speed_of_the_client() {
    let genesis = Scaffold::parse(&full_subnet()).unwrap().genesis();
    let config = DevnetConfig { genesis, sealing: Sealing::Manual, ..DevnetConfig::default() };
    let devnet = Devnet::start(config).await.unwrap();
    devnet.advance_blocks(3).await.unwrap();
    let (machine, url) = (Machine::new(), devnet.ws_url().to_owned());
    let version_ms = median_ms(|| drop(machine.ok(&["--version"])));
    let balance_ms = median_ms(|| {
        drop(machine.ok(&["wallet", "balance", "--address", ALICE, "--endpoint", &url]));
    });
    let table_ms = median_ms(|| drop(machine.ok(&["metagraph", "--endpoint", &url])));
    let metadata_ms = median_ms(|| drop(sn3_chain::compat::error_names(METADATA, "System").unwrap()));
    eprintln!("process start to --version          {version_ms:8.2} ms (median of {RUNS})");
    eprintln!("process start to printed balance    {balance_ms:8.2} ms");
    eprintln!("process start to printed metagraph  {table_ms:8.2} ms (256 neurons)");
    eprintln!("metadata of {} KiB decoded in     {metadata_ms:8.2} ms", METADATA.len() >> 10);
    let trips = round_trips(&devnet).await;
    eprintln!("metagraph of 256 neurons            {trips:8.2} round trips");
    official(&url);
    assert!(balance_ms <= BALANCE_MS_MAX && metadata_ms <= METADATA_MS_MAX);
}

/// How many answers a metagraph waits for, one after the other, on a client that knows the chain's runtime.
async fn round_trips(devnet: &Devnet) -> f64 {
    let client = ChainClient::connect(devnet.ws_url()).await.unwrap();
    let first = client.head().await.unwrap();
    let start = Instant::now();
    assert_eq!(client.metagraph(NetUid(3), first).await.unwrap().neurons.len(), 256);
    eprintln!("first metagraph, metadata included  {:8.2} ms", start.elapsed().as_secs_f64() * 1e3);
    devnet.advance_blocks(1).await.unwrap();
    let next = client.head().await.unwrap();
    devnet.faults().delay_ms(DELAY_MS).unwrap();
    let start = Instant::now();
    client.metagraph(NetUid(3), next).await.unwrap();
    let trips = start.elapsed().as_secs_f64() * 1e3 / DELAY_MS as f64;
    devnet.faults().delay_ms(0).unwrap();
    assert!(trips < 2.0, "{trips} round trips");
    trips
}

fn official(url: &str) {
    let Ok(python) = std::env::var("SN3_PYTHON") else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/interop/client_speed.py");
    let output = Command::new(python).args([script, url, ALICE]).output().unwrap();
    eprint!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metagraph_takes_one_round_trip() {
    let devnet = super::support::chain(&full_subnet()).await;
    assert!(round_trips(&devnet).await < 2.0);
}
