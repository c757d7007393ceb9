//! The chain client against the development chain: everything by real signed extrinsics over a websocket.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use sn3_chain::client::AxonEndpoint;
use sn3_chain::ledger::{Intent, IntentState};
use sn3_chain::weights::Method;
use sn3_chain::{
    BlockRef, ChainClient, ChainClock as _, ChainNode, ColdkeyPair, HotkeyPair, Ledger, LocalAdmin,
    ManualClock, ReadError, SubmitError, SubnetChain as _, SubscriptionClock, WeightsError,
};
use sn3_devnet::{Devnet, DevnetConfig, Sealing};
use sn3_protocol::address::StoreAddress;
use sn3_protocol::{BlockNumber, Hotkey, NetUid, Rao, Uid};

const TAO: u64 = 1_000_000_000;
const TEMPO_BLOCKS: u16 = 20;
/// Not the version that we can seal for.
const OTHER_TIMELOCK_VERSION: u16 = 3;

/// A chain, a client of it, and its sudo key.
struct Local {
    devnet: Devnet,
    client: ChainClient,
    admin: LocalAdmin,
    alice: ColdkeyPair,
}

impl Local {
    async fn start() -> Self {
        let devnet = Devnet::start(DevnetConfig::default()).await.unwrap();
        let client = ChainClient::connect(devnet.ws_url()).await.unwrap();
        let alice = ColdkeyPair::from_uri("//Alice").unwrap();
        let admin = LocalAdmin::new(client.clone(), alice.clone());
        Self { devnet, client, admin, alice }
    }

    async fn head(&self) -> BlockRef {
        self.client.head().await.unwrap()
    }

    /// A funded coldkey.
    async fn rich(&self, name: &str) -> ColdkeyPair {
        let coldkey = ColdkeyPair::from_uri(&format!("//{name}")).unwrap();
        self.client.transfer(&self.alice, &coldkey.public(), Rao(10_000 * TAO)).await.unwrap();
        coldkey
    }

    /// A started subnet of `owner` with plain weights, a short tempo and no limits.
    async fn subnet(&self, owner: &ColdkeyPair) -> NetUid {
        self.admin.set_freeze_window(0).await.unwrap();
        self.admin.set_network_rate_limit(0).await.unwrap();
        self.admin.set_network_min_lock_cost(Rao(TAO)).await.unwrap();
        let hotkey = hotkey("owner");
        let (netuid, _) = self.client.register_network(owner, &hotkey.public()).await.unwrap();
        self.admin.set_tempo(netuid, TEMPO_BLOCKS).await.unwrap();
        self.admin.set_commit_reveal(netuid, false).await.unwrap();
        self.admin.set_weights_rate_limit(netuid, 0).await.unwrap();
        self.admin.set_validators_max(netuid, 4).await.unwrap();
        self.admin.set_immunity_period(netuid, 10_000).await.unwrap();
        self.admin.set_stake_threshold(Rao(0)).await.unwrap();
        self.client.start_call(owner, netuid).await.unwrap();
        self.admin.set_subnet_emission(netuid, true).await.unwrap();
        netuid
    }

    async fn register(&self, netuid: NetUid, coldkey: &ColdkeyPair, name: &str) -> HotkeyPair {
        let hotkey = hotkey(name);
        self.client.register(coldkey, netuid, &hotkey.public(), Rao(100 * TAO)).await.unwrap();
        hotkey
    }

    fn node(&self, hotkey: &HotkeyPair, netuid: NetUid, ledger: &Arc<Ledger>) -> ChainNode {
        let clock = Arc::new(ManualClock::new());
        ChainNode::new(self.client.clone(), hotkey.clone(), netuid, clock, ledger.clone())
    }

    /// A started subnet with a staked validator that has its permit, and two miners.
    async fn with_neurons(&self) -> (NetUid, HotkeyPair, [HotkeyPair; 2]) {
        let owner = self.rich("owner").await;
        let netuid = self.subnet(&owner).await;
        let validator = self.register(netuid, &owner, "validator").await;
        self.client.add_stake(&owner, netuid, &validator.public(), Rao(100 * TAO)).await.unwrap();
        let miners =
            [self.register(netuid, &owner, "miner-1").await, self.register(netuid, &owner, "miner-2").await];
        self.devnet.advance_to_epoch(netuid).await.unwrap();
        (netuid, validator, miners)
    }
}

fn hotkey(name: &str) -> HotkeyPair {
    HotkeyPair::from_uri(&format!("//{name}//hot")).unwrap()
}

fn ledger() -> Arc<Ledger> {
    Arc::new(Ledger::in_memory().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subnet_from_nothing_to_incentive() {
    let local = Local::start().await;
    let (netuid, validator, miners) = local.with_neurons().await;

    let address = |name: &str| StoreAddress::new(format!("file:///buckets/{name}")).unwrap();
    let mut expected = BTreeMap::new();
    for (hotkey, name) in miners.iter().zip(["one", "two"]) {
        let node = local.node(hotkey, netuid, &ledger());
        node.set_store_address(&address(name)).await.unwrap();
        expected.insert(hotkey.public(), address(name));
    }
    let head = local.head().await;
    let node = local.node(&validator, netuid, &ledger());
    assert_eq!(node.store_addresses(head).await.unwrap(), expected);

    let metagraph = node.metagraph(head).await.unwrap();
    assert_eq!((metagraph.block, metagraph.neurons.len()), (head, 4));
    let neuron = |hotkey: &Hotkey| metagraph.by_hotkey(hotkey).unwrap().clone();
    let (first, second) = (neuron(&miners[0].public()), neuron(&miners[1].public()));
    assert!(neuron(&validator.public()).validator_permit);
    assert!(neuron(&validator.public()).stake.0 > 0);
    assert_eq!(first.incentive, 0);
    assert_eq!(local.client.owner(&first.hotkey, head).await.unwrap(), Some(first.coldkey));

    let receipt = node.set_weights(&[(first.uid, 3), (second.uid, 1)], 0).await.unwrap();
    let uid = neuron(&validator.public()).uid;
    let stored = local.client.weights(netuid, uid, receipt.block).await.unwrap();
    assert_eq!(stored, [(first.uid, 65535), (second.uid, 21845)]);

    local.devnet.advance_to_epoch(netuid).await.unwrap();
    let paid = node.metagraph(local.head().await).await.unwrap();
    let incentive = |uid: Uid| paid.by_uid(uid).unwrap().incentive;
    assert!(incentive(first.uid) > incentive(second.uid), "{paid:?}");
    assert!(incentive(second.uid) > 0, "{paid:?}");
    assert!(paid.by_uid(first.uid).unwrap().emission.0 > 0, "{paid:?}");
    assert_eq!(paid.by_uid(uid).unwrap().last_update, receipt.block.number);
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_never_costs_more_than_its_cap() {
    let local = Local::start().await;
    let owner = local.rich("owner").await;
    let netuid = local.subnet(&owner).await;
    let miner = hotkey("miner").public();
    let head = local.head().await;
    let price = local.client.registration_price(netuid, head).await.unwrap();
    let before = local.client.balance(&owner.public(), head).await.unwrap();

    let cap = Rao(price.0 / 2);
    let error = local.client.register(&owner, netuid, &miner, cap).await.unwrap_err();
    assert_eq!(error.module_error(), Some("RegistrationPriceLimitExceeded"), "{error}");
    assert!(error.to_string().contains("--max-price"), "{error}");

    let receipt = local.client.register(&owner, netuid, &miner, price).await.unwrap();
    assert!(local.client.uid(netuid, &miner, receipt.block).await.unwrap().is_some());
    let after = local.client.balance(&owner.public(), receipt.block).await.unwrap();
    let paid = before.0 - after.0;
    assert!(paid <= price.0 + TAO / 100, "paid {paid} for a price of {price}, fees included");

    let again = local.client.register(&owner, netuid, &miner, Rao(100 * TAO)).await.unwrap_err();
    assert_eq!(again.module_error(), Some("HotKeyAlreadyRegisteredInSubNet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_that_the_chain_would_refuse_are_not_sent() {
    let local = Local::start().await;
    let (netuid, validator, miners) = local.with_neurons().await;
    let head = local.head().await;
    let stranger = local.node(&hotkey("stranger"), netuid, &ledger());
    let miner = local.node(&miners[0], netuid, &ledger());
    let node = local.node(&validator, netuid, &ledger());
    let two = [(Uid(0), 1), (Uid(1), 1)];
    assert!(matches!(stranger.set_weights(&two, 0).await, Err(WeightsError::NotRegistered { .. })));
    assert!(matches!(miner.set_weights(&two, 0).await, Err(WeightsError::NoPermit { .. })));
    let unknown = [(Uid(0), 1), (Uid(99), 1)];
    assert!(matches!(node.set_weights(&unknown, 0).await, Err(WeightsError::UnknownUid { .. })));
    assert!(matches!(node.set_weights(&[], 0).await, Err(WeightsError::TooFew { .. })));
    assert_eq!(local.head().await, head, "nothing was sent, so no block was made");

    local.admin.set_stake_threshold(Rao(u64::MAX)).await.unwrap();
    assert!(matches!(node.set_weights(&two, 0).await, Err(WeightsError::StakeTooLow { .. })));
    local.admin.set_stake_threshold(Rao(0)).await.unwrap();
    node.set_weights(&two, 0).await.unwrap();
    local.admin.set_weights_rate_limit(netuid, 1_000).await.unwrap();
    assert!(matches!(node.set_weights(&two, 0).await, Err(WeightsError::TooSoon { .. })));
}

/// Commits in one process, follows in others, and answers what became of it.
async fn committed_and_followed(timelocked: bool) -> Intent {
    let local = Local::start().await;
    let (netuid, validator, miners) = local.with_neurons().await;
    local.admin.set_commit_reveal(netuid, true).await.unwrap();
    if !timelocked {
        local.admin.set_commit_reveal_version(OTHER_TIMELOCK_VERSION).await.unwrap();
    }
    let ledger = ledger();
    let node = local.node(&validator, netuid, &ledger);
    let metagraph = node.metagraph(local.head().await).await.unwrap();
    let uid_of = |hotkey: &HotkeyPair| metagraph.by_hotkey(&hotkey.public()).unwrap().uid;
    let weights = [(uid_of(&miners[0]), 65535), (uid_of(&miners[1]), 65535)];
    node.set_weights(&weights, 0).await.unwrap();
    node.follow_weights().await.unwrap();
    assert_eq!(ledger.history(1).unwrap()[0].state, IntentState::Committed);

    for _ in 0..3 {
        local.devnet.advance_to_epoch(netuid).await.unwrap();
        // Another process, which has only the ledger, goes on.
        local.node(&validator, netuid, &ledger).follow_weights().await.unwrap();
    }
    let stored = local.client.weights(netuid, uid_of(&validator), local.head().await).await.unwrap();
    assert_eq!(stored, weights);
    ledger.history(1).unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn salted_commits_are_revealed_in_their_epoch_and_counted() {
    let intent = committed_and_followed(false).await;
    assert_eq!((intent.method, intent.state), (Method::Salted, IntentState::Counted), "{intent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn timelocked_commits_are_followed_until_an_epoch_counted_them() {
    let intent = committed_and_followed(true).await;
    assert_eq!((intent.method, intent.state), (Method::Timelocked, IntentState::Counted), "{intent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_of_a_killed_process_are_found_or_sent_again() {
    let local = Local::start().await;
    let (netuid, validator, _) = local.with_neurons().await;
    for lost_by_the_pool in [false, true] {
        let ledger = ledger();
        let head = local.head().await;
        let snapshot = local.devnet.snapshot();
        local.devnet.set_sealing(Sealing::Manual);
        let node = local.node(&validator, netuid, &ledger);
        let killed = tokio::spawn(async move { node.set_weights(&[(Uid(0), 1), (Uid(1), 2)], 0).await });
        while ledger.history(1).unwrap().first().is_none_or(|intent| intent.state != IntentState::Sent) {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        killed.abort();
        if lost_by_the_pool {
            local.devnet.revert(snapshot).unwrap();
        }
        local.devnet.set_sealing(Sealing::Instant);
        if !lost_by_the_pool {
            local.devnet.advance_blocks(1).await.unwrap();
        }
        local.node(&validator, netuid, &ledger).settle().await.unwrap();
        let intent = &ledger.history(1).unwrap()[0];
        assert_eq!(intent.state, IntentState::Landed, "{intent:?}");
        assert!(intent.receipt.unwrap().block.number > head.number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn extrinsics_at_the_same_time_do_not_take_each_others_nonce() {
    let local = Local::start().await;
    let target = hotkey("target").public();
    let to = sn3_protocol::Coldkey(target.0);
    let accounts: Vec<ColdkeyPair> =
        local.devnet.accounts().iter().map(|account| ColdkeyPair::from_uri(&account.uri).unwrap()).collect();
    let transfers = accounts.iter().chain([&local.alice; 6]).map(|from| {
        let client = local.client.clone();
        async move { client.transfer(from, &to, Rao(TAO)).await }
    });
    let results = futures::future::join_all(transfers).await;
    let count = results.len() as u64;
    for result in results {
        result.unwrap();
    }
    let balance = local.client.balance(&to, local.head().await).await.unwrap();
    assert_eq!(balance, Rao(count * TAO));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_to_do() {
    let local = Local::start().await;
    let bob = ColdkeyPair::from_uri("//Bob").unwrap();
    let error = local.client.start_call(&bob, NetUid(999)).await.unwrap_err();
    assert!(matches!(error, SubmitError::Module { .. } | SubmitError::Dispatch { .. }), "{error}");

    // A sudo call that is not signed by the sudo key does not reach a block.
    let usurper = LocalAdmin::new(local.client.clone(), bob.clone());
    let error = usurper.set_network_rate_limit(7).await.unwrap_err();
    assert!(matches!(error, SubmitError::Pool { code: 1010, .. }), "{error}");

    // The outer sudo call succeeds, the inner one fails: that is an error.
    let error = local.admin.set_tempo(NetUid(999), 10).await.unwrap_err();
    assert!(matches!(error, SubmitError::Module { .. } | SubmitError::Dispatch { .. }), "{error}");

    let nobody = ColdkeyPair::from_uri("//Nobody").unwrap();
    let error = local.client.transfer(&nobody, &bob.public(), Rao(1)).await.unwrap_err();
    assert!(matches!(&error, SubmitError::Pool { remedy, .. } if remedy.contains("fund")), "{error}");

    let head = local.head().await;
    let error = local.client.metagraph(NetUid(999), head).await.unwrap_err();
    assert!(matches!(error, ReadError::NoSuchSubnet { .. }), "{error}");
    let error = local.client.block_hash(BlockNumber(head.number.0 + 1)).await.unwrap_err();
    assert!(matches!(error, ReadError::NoSuchBlock { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_axon_is_served_by_a_hotkey_without_money() {
    let local = Local::start().await;
    let (netuid, _, [miner, _]) = local.with_neurons().await;
    let endpoint = |ip: &str| AxonEndpoint { ip: ip.parse().unwrap(), port: 8091, version: 1, protocol: 4 };
    local.client.serve_axon(&miner, netuid, endpoint("203.0.113.7")).await.unwrap();
    let error = local.client.serve_axon(&miner, netuid, endpoint("127.0.0.1")).await.unwrap_err();
    assert!(error.to_string().contains("loopback") || error.to_string().contains("address"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_follows_the_chain() {
    let local = Local::start().await;
    let clock = Arc::new(SubscriptionClock::start(local.client.clone()).await.unwrap());
    let waiter = tokio::spawn({
        let clock = clock.clone();
        async move { clock.wait_until(BlockNumber(5)).await }
    });
    local.devnet.advance_to_block(BlockNumber(4)).await.unwrap();
    assert_eq!(clock.wait_until(BlockNumber(4)).await.unwrap().number, BlockNumber(4));
    assert!(!waiter.is_finished());
    let head = local.devnet.advance_to_block(BlockNumber(6)).await.unwrap();
    assert!(waiter.await.unwrap().unwrap().number >= BlockNumber(5));
    let seen = clock.wait_until(BlockNumber(6)).await.unwrap();
    assert_eq!((seen.number, seen.hash), (head.number, head.hash));
    assert_eq!(local.client.block_hash(BlockNumber(6)).await.unwrap(), head.hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_survives_a_restart_of_the_node() {
    let local = Local::start().await;
    let port = local.devnet.address().port();
    local.devnet.shutdown().await;
    let again = DevnetConfig { port, ..DevnetConfig::default() };
    let devnet = Devnet::start(again).await.unwrap();
    let head = local.client.head().await.unwrap();
    assert_eq!(head.hash, devnet.head().hash);
}
