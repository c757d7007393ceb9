//! Registration, transfers, stake and offline signing: nothing is ever sent that was not shown.

use sn3_devnet::Devnet;

use super::support::{Machine, SUBNET, chain, event};

const BOB: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";

fn with<'a>(devnet: &'a Devnet, args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--endpoint", devnet.ws_url()]].concat()
}

fn free(machine: &Machine, devnet: &Devnet, wallet: &str) -> u64 {
    let args = with(devnet, &["wallet", "balance", "--wallet", wallet]);
    machine.json(&args, "balances")[0]["free"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_shown_limited_and_done() {
    let (devnet, machine) = (chain(SUBNET).await, Machine::new());
    machine.dev_wallet("New");
    let head = devnet.head().number;

    let shown = machine.ok(&with(&devnet, &["register", "--wallet", "New", "--dry-run"])).stdout;
    for line in [
        "price     1 TAO",
        "4 of 256",
        "immunity  until block #5001",
        "fee ",
        "balance   1000 TAO",
        "dry run",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    machine.fails(
        &with(&devnet, &["register", "--wallet", "New", "--max-price", "0.5", "--yes"]),
        9,
        "limit",
    );
    machine.fails(&with(&devnet, &["register", "--wallet", "New"]), 2, "--yes");
    assert_eq!((devnet.head().number, devnet.waiting_transactions()), (head, 0), "something was sent");

    let ran =
        machine.ok(&with(&devnet, &["register", "--wallet", "New", "--max-price", "1.1", "--yes", "--json"]));
    assert_eq!(event(&ran.stdout, "registered").unwrap()["uid"], 4);
    assert!(free(&machine, &devnet, "New") < 999_000_000_000);
    let again = machine.ok(&with(&devnet, &["register", "--wallet", "New", "--yes"])).stdout;
    assert!(again.contains("4 already"), "{again}");
    machine.fails(&with(&devnet, &["register", "--wallet", "New", "--netuid", "9", "--yes"]), 7, "subnet 9");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_coldkey_can_be_on_another_machine() {
    let devnet = chain(SUBNET).await;
    let (online, offline) = (Machine::new(), Machine::new());
    offline.dev_wallet("New");
    let shown = offline.json(&["wallet", "show", "--wallet", "New"], "wallet");
    let coldkey = shown["coldkey"].as_str().unwrap();
    online.ok(&["wallet", "regen", "--wallet", "New", "--address", coldkey]);
    online.ok(&["wallet", "create", "--wallet", "New", "--only-hotkey"]);
    online.ok(&with(&devnet, &["register", "--wallet", "New", "--export", "a.json"]));
    assert_eq!(devnet.head().number.0, 0, "an export sends nothing");

    std::fs::copy(online.path("a.json"), offline.path("a.json")).unwrap();
    assert!(offline.ok(&["tx", "show", "a.json"]).stdout.contains("register"));
    offline.ok(&["tx", "sign", "a.json", "--out", "b.json", "--wallet", "New", "--yes"]);
    offline.fails(&["tx", "sign", "a.json", "--out", "b.json", "--wallet", "New", "--yes"], 3, "b.json");
    std::fs::copy(offline.path("b.json"), online.path("b.json")).unwrap();
    online.fails(&with(&devnet, &["tx", "submit", "a.json"]), 3, "not signed");
    online.ok(&with(&devnet, &["tx", "submit", "b.json", "--dry-run"]));
    let done = online.ok(&with(&devnet, &["tx", "submit", "b.json"])).stdout;
    assert!(done.contains("done      in block #1"), "{done}");
    assert!(online.ok(&with(&devnet, &["metagraph"])).stdout.lines().count() == 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_lies_is_not_signed() {
    let (devnet, machine) = (chain(SUBNET).await, Machine::new());
    machine.dev_wallet("New");
    machine.ok(&with(&devnet, &["transfer", BOB, "1", "--wallet", "New", "--export", "a.json"]));
    let text = std::fs::read_to_string(machine.path("a.json")).unwrap();
    machine.write("lie.json", &text.replace("1000000000", "900000000000"));
    machine.fails(&["tx", "show", "lie.json"], 3, "another thing");
    machine.fails(
        &["tx", "sign", "lie.json", "--out", "x.json", "--wallet", "New", "--yes"],
        3,
        "another thing",
    );
    machine.dev_wallet("Alice");
    machine.fails(
        &["tx", "sign", "a.json", "--out", "x.json", "--wallet", "Alice", "--yes"],
        5,
        "right wallet",
    );
    assert!(!machine.path("x.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn money_moves_as_it_was_shown() {
    let (devnet, machine) = (chain(SUBNET).await, Machine::new());
    ["New", "Poor", "Val"].iter().for_each(|name| machine.dev_wallet(name));
    let before = free(&machine, &devnet, "New");
    let sent = machine.ok(&with(&devnet, &["transfer", BOB, "2.5", "--wallet", "New", "--yes"])).stdout;
    assert!(sent.contains("send 2.5 TAO") && sent.contains("done "), "{sent}");
    let spent = before - free(&machine, &devnet, "New");
    assert!((2_500_000_000..2_501_000_000).contains(&spent), "{spent}");
    machine.fails(&with(&devnet, &["transfer", BOB, "5000", "--wallet", "New", "--yes"]), 7, "5000 TAO");
    machine.fails(&with(&devnet, &["register", "--wallet", "Poor", "--yes"]), 7, "fee");
}

#[tokio::test(flavor = "multi_thread")]
async fn stake_goes_in_and_out_within_its_limits() {
    let (devnet, machine) = (chain(SUBNET).await, Machine::new());
    machine.dev_wallet("Val");
    let head = devnet.head().number;
    let shown = machine.ok(&with(&devnet, &["stake", "add", "5", "--wallet", "Val", "--dry-run"])).stdout;
    assert!(shown.contains("per alpha") && shown.contains("limit 1.01 TAO"), "{shown}");
    assert_eq!(devnet.head().number, head);
    // 100 TAO into a pool of 1000 moves the price by a fifth: far beyond one percent.
    machine.fails(
        &with(&devnet, &["stake", "add", "100", "--wallet", "Val", "--yes"]),
        9,
        "wider --slippage",
    );
    machine.ok(&with(&devnet, &["stake", "add", "2", "--wallet", "Val", "--yes"]));
    machine.fails(
        &with(&devnet, &["stake", "remove", "100000", "--wallet", "Val", "--yes"]),
        7,
        "choose less",
    );
    machine.ok(&with(&devnet, &["stake", "remove", "1.5", "--wallet", "Val", "--yes"]));
    let stranger = [
        "stake",
        "add",
        "1",
        "--wallet",
        "Val",
        "--hotkey-address",
        "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV",
        "--yes",
    ];
    machine.fails(&with(&devnet, &stranger), 7, "does not know the hotkey");
    machine.ok(&with(&devnet, &["stake", "remove", "--all", "--wallet", "Val", "--slippage", "90", "--yes"]));
    let balance = machine.json(&with(&devnet, &["wallet", "balance", "--wallet", "Val"]), "balances");
    assert_eq!(balance[0]["staked"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn subnets_and_neurons_are_shown() {
    let (devnet, machine) = (chain(SUBNET).await, Machine::new());
    devnet.advance_to_epoch(sn3_protocol::NetUid(3)).await.unwrap();
    let metagraph =
        machine.json(&with(&devnet, &["metagraph", "--sort", "stake", "--top", "2"]), "metagraph");
    assert_eq!(metagraph["neurons"].as_array().unwrap().len(), 2);
    assert_eq!(metagraph["neurons"][0]["uid"], 1);
    let table = machine.ok(&with(&devnet, &["metagraph"])).stdout;
    assert!(table.contains("vtrust") && table.lines().count() == 5, "{table}");
    let subnet = machine.ok(&with(&devnet, &["subnet", "3"])).stdout;
    for row in ["price ", "registration ", "immunity ", "kappa ", "commit-reveal ", "every 20 blocks"] {
        assert!(subnet.contains(row), "{row}: {subnet}");
    }
    let all = machine.json(&with(&devnet, &["subnet"]), "subnets");
    let netuids: Vec<u64> = all.as_array().unwrap().iter().map(|s| s["netuid"].as_u64().unwrap()).collect();
    assert!(netuids.contains(&3), "{netuids:?}");
    machine.fails(&with(&devnet, &["metagraph", "--netuid", "77"]), 7, "77");
    machine.fails(&with(&devnet, &["subnet", "77"]), 7, "77");
    machine.fails(&with(&devnet, &["metagraph", "--block", "100000"]), 7, "100000");
}
