//! Wallets: made, made again, listed, shown, signing.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use sn3_devnet::{Devnet, DevnetConfig};

use super::support::Machine;

const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
const DEV_SEED: &str = "0xfac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e";
const DEV: &str = "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV";

#[test]
fn a_wallet_is_made_listed_and_shown_without_its_secrets() {
    let machine = Machine::new();
    let made = machine.json(&["wallet", "create", "--wallet", "w", "--insecure-no-password"], "wallet");
    machine.ok(&["wallet", "create", "--wallet", "w", "--hotkey", "second", "--only-hotkey"]);
    let listed = machine.json(&["wallet", "list"], "wallets");
    assert_eq!(listed[0]["coldkey"], made["coldkey"]);
    assert_eq!(listed[0]["hotkeys"][1]["name"], "second");
    let shown = machine.ok(&["wallet", "show", "--wallet", "w"]).stdout;
    assert!(shown.contains(made["coldkey"].as_str().unwrap()) && shown.contains("not encrypted"), "{shown}");
    let table = machine.ok(&["wallet", "list"]).stdout;
    assert!(table.contains("hotkey second"), "{table}");
    let mode = |name: &str| std::fs::metadata(machine.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(".bittensor/wallets/w/coldkey"), 0o600);
    assert_eq!(mode(".bittensor/wallets/w/hotkeys"), 0o700);
    machine.fails(&["wallet", "create", "--wallet", "w", "--insecure-no-password"], 5, "never overwritten");
}

#[test]
fn keys_come_back_from_phrase_seed_and_uri() {
    let machine = Machine::new();
    for (name, secret, address) in [("p", PHRASE, DEV), ("s", DEV_SEED, DEV), ("u", "//Alice\n", ALICE)] {
        let from = machine.write("secret", secret);
        let args = ["wallet", "regen", "--wallet", name, "--insecure-no-password", "--from"];
        let made = machine.json(&[&args[..], &[from.to_str().unwrap()]].concat(), "wallet");
        assert_eq!(made["coldkey"], address, "{name}");
    }
    let from = machine.write("secret", "//Alice");
    let from = from.to_str().unwrap();
    let args = ["wallet", "regen", "--wallet", "p", "--key", "hotkey", "--from", from];
    assert_eq!(machine.json(&args, "wallet")["hotkeys"][0]["address"], ALICE);
    let made = machine.json(&["wallet", "regen", "--wallet", "a", "--address", ALICE], "wallet");
    assert_eq!((&made["coldkey"], &made["coldkey_format"]), (&json!(ALICE), &json!(null)));
    machine.fails(&["wallet", "sign", "--wallet", "a", "--key", "coldkey", "--message", "x"], 5, "coldkey");
}

#[test]
fn an_encrypted_coldkey_opens_with_its_password_only() {
    let machine = Machine::new();
    let (right, wrong) = (machine.write("right", "corrêct horse\n"), machine.write("wrong", "battery"));
    let (right, wrong) = (right.to_str().unwrap(), wrong.to_str().unwrap());
    let made = machine.json(&["wallet", "create", "--wallet", "w", "--password-file", right], "wallet");
    assert_eq!(made["coldkey_format"], "nacl");
    let sign = ["wallet", "sign", "--wallet", "w", "--key", "coldkey", "--message", "mine"];
    let signed = machine.json(&[&sign[..], &["--password-file", right]].concat(), "signature");
    assert_eq!(signed["address"], made["coldkey"]);
    let verify = |message: &str| {
        let (address, signature) =
            (signed["address"].as_str().unwrap(), signed["signature"].as_str().unwrap());
        machine
            .sn3(&["wallet", "verify", "--address", address, "--signature", signature, "--message", message])
            .code
    };
    assert_eq!((verify("mine"), verify("yours")), (0, 1));
    machine.fails(&[&sign[..], &["--password-file", wrong]].concat(), 5, "does not open");
    machine.fails(&sign, 5, "--password-file");
    let ran = super::support::finish(machine.command(&sign).env("BT_WALLET_PASSWORD", "corrêct horse"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn a_coldkey_signs_no_bytes_that_could_be_a_transaction() {
    let machine = Machine::new();
    machine.dev_wallet("Alice");
    std::fs::write(machine.path("bytes"), [5, 3, 0, 0x8e, 0xaf]).unwrap();
    let sign = ["wallet", "sign", "--wallet", "Alice", "--key", "coldkey", "--file", "bytes"];
    machine.fails(&sign, 3, "--wrap");
    let signed = machine.json(&[&sign[..], &["--wrap"]].concat(), "signature");
    let signature = signed["signature"].as_str().unwrap();
    machine.ok(&["wallet", "verify", "--address", ALICE, "--signature", signature, "--file", "bytes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn balances_are_free_and_staked() {
    let devnet = Devnet::start(DevnetConfig::default()).await.unwrap();
    let machine = Machine::new();
    machine.dev_wallet("Alice");
    let endpoint = ["--endpoint", devnet.ws_url()];
    let before =
        machine.json(&[&["wallet", "balance", "--wallet", "Alice"], &endpoint[..]].concat(), "balances");
    assert_eq!(before[0]["staked"], 0);
    let stake =
        ["stake", "add", "10", "--wallet", "Alice", "--slippage", "10", "--yes", "--hotkey-address", ALICE];
    machine.ok(&[&stake[..], &endpoint].concat());
    let args = [&["wallet", "balance", "--all", "--stakes"], &endpoint[..]].concat();
    let after = machine.json(&args, "balances");
    let (free, staked) = (after[0]["free"].as_u64().unwrap(), after[0]["staked"].as_u64().unwrap());
    assert!(before[0]["free"].as_u64().unwrap() - free > 10_000_000_000);
    assert!((9_000_000_000..=10_100_000_000).contains(&staked), "{staked}");
    let table = machine.ok(&args).stdout;
    assert!(table.contains(ALICE) && table.contains("staked TAO") && table.contains("worth TAO"), "{table}");
    let other = machine.json(&[&["wallet", "balance", "--address", DEV], &endpoint[..]].concat(), "balances");
    assert_eq!(other[0]["coldkey"], DEV);
}
