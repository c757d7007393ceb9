//! Weights from the command line: each way of sending them, a stop in the middle, and what the ledger says then.

use std::process::Stdio;
use std::time::Duration;

use sn3_devnet::Devnet;
use sn3_protocol::NetUid;

use super::support::{Machine, SUBNET, chain, event};

const BLOCK_PAUSE_MS: u64 = 40;

fn with<'a>(devnet: &'a Devnet, args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--wallet", "Val", "--endpoint", devnet.ws_url()]].concat()
}

/// Seals blocks while `work` runs on a thread of its own.
async fn while_blocks_come<T: Send + 'static>(
    devnet: &Devnet,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let mut work = tokio::task::spawn_blocking(work);
    loop {
        match tokio::time::timeout(Duration::from_millis(BLOCK_PAUSE_MS), &mut work).await {
            Ok(done) => return done.unwrap(),
            Err(_) => drop(devnet.advance_blocks(1).await.unwrap()),
        }
    }
}

async fn set_and_wait(commit_reveal: bool) -> (Devnet, Machine) {
    let scaffold = match commit_reveal {
        true => SUBNET.replace("tempo = 20", "tempo = 20\ncommit_reveal = true"),
        false => SUBNET.to_owned(),
    };
    let (devnet, machine) = (chain(&scaffold).await, Machine::new());
    machine.dev_wallet("Val");
    devnet.advance_to_epoch(NetUid(3)).await.unwrap();
    let args = with(&devnet, &["weights", "set", "2=1", "3=3", "--wait", "--json"]);
    let mut command = machine.command(&args);
    let ran = while_blocks_come(&devnet, move || super::support::finish(&mut command)).await;
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let intent = event(&ran.stdout, "intent").unwrap();
    assert_eq!(intent["state"], "counted", "{intent}");
    assert_eq!(intent["weights"], serde_json::json!([[2, 21_845], [3, 65_535]]));
    (devnet, machine)
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_weights_are_counted() {
    let (devnet, machine) = set_and_wait(false).await;
    let history = machine.ok(&["weights", "history"]).stdout;
    for step in ["signed", "landed", "counted", "plain"] {
        assert!(history.contains(step), "{step}: {history}");
    }
    let steps = machine.json(&["weights", "history"], "history")[0]["steps"].clone();
    for step in steps.as_array().unwrap() {
        assert!(step["block"]["hash"].is_string(), "{step}");
    }
    let status = machine.ok(&with(&devnet, &["weights", "status"])).stdout;
    assert!(status.contains("2=21845 3=65535") && status.contains("permit       yes"), "{status}");
    let follow = machine.ok(&with(&devnet, &["weights", "follow"])).stdout;
    assert!(follow.contains("nothing is open"), "{follow}");
}

#[tokio::test(flavor = "multi_thread")]
async fn committed_weights_are_revealed_and_counted() {
    let (_devnet, machine) = set_and_wait(true).await;
    let history = machine.ok(&["weights", "history", "--full"]).stdout;
    for step in ["committed", "revealed", "counted"] {
        assert!(history.contains(step), "{step}: {history}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stopped_stays_and_goes_on() {
    let (devnet, machine) = (chain(SUBNET).await, Machine::new());
    machine.dev_wallet("Val");
    devnet.advance_to_epoch(NetUid(3)).await.unwrap();
    let args = with(&devnet, &["weights", "set", "2=1", "--wait"]);
    let child = machine.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The instant seal lands them; without further blocks no epoch comes, so the command waits.
    let ledger = machine.path(".local/state/sn3/weights.sqlite");
    let landed = || {
        let text = ledger.exists().then(|| machine.sn3(&["weights", "history"]).stdout);
        text.is_some_and(|text| text.contains("landed"))
    };
    for _ in 0..300 {
        if landed() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    machine.fails(&with(&devnet, &["weights", "set", "3=1"]), 6, "another sn3");
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("intent 1 stays"), "{stderr}");

    let mut command = machine.command(&with(&devnet, &["weights", "follow"]));
    let ran = while_blocks_come(&devnet, move || super::support::finish(&mut command)).await;
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("counted in epoch"), "{}", ran.stdout);
    let history = machine.json(&["weights", "history"], "history");
    assert_eq!((history.as_array().unwrap().len(), &history[0]["state"]), (1, &"counted".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_chain_would_refuse_is_refused_here() {
    let (devnet, machine) = (chain(SUBNET).await, Machine::new());
    ["Val", "Bob", "New"].iter().for_each(|name| machine.dev_wallet(name));
    devnet.advance_to_epoch(NetUid(3)).await.unwrap();
    let shown = machine.ok(&with(&devnet, &["weights", "set", "2=0.5", "3=1", "--dry-run"])).stdout;
    assert!(shown.contains("plain") && shown.contains("32768") && shown.contains("dry run"), "{shown}");
    machine.fails(&with(&devnet, &["weights", "set", "200=1", "--dry-run"]), 7, "uid 200");
    machine.fails(&with(&devnet, &["weights", "set", "200=1"]), 7, "uid 200");
    machine.fails(&with(&devnet, &["weights", "set", "2=1", "--mechanism", "3"]), 7, "mechanism");
    machine.fails(&with(&devnet, &["weights", "set", "2=1", "--netuid", "9"]), 7, "subnet 9");
    let other = |wallet: &'static str| {
        ["weights", "set", "1=1", "--wallet", wallet, "--endpoint", devnet.ws_url()].map(str::to_owned)
    };
    let bob = other("Bob");
    machine.fails(&bob.iter().map(String::as_str).collect::<Vec<_>>(), 7, "permit");
    let new = other("New");
    machine.fails(&new.iter().map(String::as_str).collect::<Vec<_>>(), 7, "not registered");
    machine.write("w.csv", "uid,weight\n2,1\n3,x\n");
    machine.fails(&with(&devnet, &["weights", "set", "--file", "w.csv"]), 3, "line 3");
    assert!(machine.ok(&["weights", "history"]).stdout.is_empty());
}
