//! Bad input at every entrance: one line that names the value and says what to do, and a stable exit code.

use super::support::Machine;

const USAGE: i32 = 2;
const DATA: i32 = 3;
const NETWORK: i32 = 4;
const WALLET: i32 = 5;

#[test]
fn amounts_and_addresses_are_checked_before_anything_else() {
    let machine = Machine::new();
    let to = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
    for (args, named) in [
        (vec!["transfer", to, "-1"], "negative"),
        (vec!["transfer", to, "99999999999999999999"], "21 million"),
        (vec!["transfer", to, "0.0000000001"], "nine decimals"),
        (vec!["transfer", to, "ten"], "ten"),
        (vec!["transfer", "5FHneW46", "1"], "5FHneW46"),
        (vec!["stake", "add", "-3"], "negative"),
        (vec!["stake", "remove"], "ALPHA"),
        (vec!["stake", "add", "1", "--slippage", "200"], "200"),
        (vec!["register", "--max-price", "-0.1"], "negative"),
        (vec!["wallet", "balance", "--address", "nobody"], "nobody"),
        (vec!["weights", "set"], "UID=WEIGHT"),
        (vec!["weights", "set", "2=1", "--mechanism", "99"], "99"),
        (vec!["metagraph", "--netuid", "70000"], "70000"),
    ] {
        let ran = machine.sn3(&args);
        assert_eq!(ran.code, USAGE, "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(named), "{args:?} does not name {named:?}: {}", ran.stderr);
    }
}

#[test]
fn wallets_and_files_that_are_not_there_are_named() {
    let machine = Machine::new();
    let to = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
    for args in [
        &["wallet", "show", "--wallet", "nobody"][..],
        &["wallet", "balance", "--wallet", "nobody"],
        &["wallet", "sign", "--wallet", "nobody", "--message", "x"],
        &["register", "--wallet", "nobody"],
        &["transfer", to, "1", "--wallet", "nobody"],
        &["stake", "add", "1", "--wallet", "nobody"],
        &["weights", "set", "1=1", "--wallet", "nobody"],
        &["weights", "status", "--wallet", "nobody"],
    ] {
        machine.fails(args, WALLET, "nobody");
    }
    machine.fails(&["wallet", "show", "--wallet", "../up"], WALLET, "../up");
    machine.fails(&["wallet", "regen", "--from", "no-file", "--insecure-no-password"], DATA, "no-file");
    machine.fails(&["tx", "show", "no-file"], DATA, "no-file");
    machine.write("x.json", "{}");
    machine.fails(&["tx", "show", "x.json"], DATA, "x.json");
    machine.fails(&["weights", "set", "--file", "no-file"], DATA, "no-file");
    assert!(machine.ok(&["wallet", "list"]).stdout.is_empty());
}

#[test]
fn bad_backups_are_refused_without_being_quoted() {
    let machine = Machine::new();
    for secret in ["abandon abandon abandon", "hunter2hunter2", "//Alice/soft", "0x1234", ""] {
        let from = machine.write("secret", secret);
        let args = ["wallet", "regen", "--insecure-no-password", "--from", from.to_str().unwrap()];
        let ran = machine.sn3(&args);
        assert_eq!(ran.code, DATA, "{secret}: {}", ran.stderr);
        assert!(secret.is_empty() || !ran.stderr.contains(secret), "{}", ran.stderr);
    }
    assert!(!machine.path(".bittensor/wallets/default").exists());
}

#[test]
fn an_endpoint_that_is_down_is_named() {
    let machine = Machine::new();
    machine.dev_wallet("Alice");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("ws://127.0.0.1:{port}");
    let to = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
    for args in [
        &["wallet", "balance"][..],
        &["register"],
        &["transfer", to, "1"],
        &["stake", "add", "1"],
        &["weights", "set", "1=1"],
        &["weights", "status"],
    ] {
        machine.fails(&[args, &["--wallet", "Alice", "--endpoint", &url]].concat(), NETWORK, &url);
    }
    for args in [&["metagraph"][..], &["subnet"], &["subnet", "3"]] {
        machine.fails(&[args, &["--endpoint", &url]].concat(), NETWORK, &url);
    }
    machine.fails(&["subnet", "--endpoint", "http://x"], NETWORK, "http://x");
}
