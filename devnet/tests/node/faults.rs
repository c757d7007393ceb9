//! What clients see of each fault.

use std::time::Duration;

use serde_json::{Value, json};
use sn3_devnet::{Condition, Devnet, DevnetConfig, Sealing, node::ReorgError};
use sn3_protocol::BlockNumber;
use tokio::time::timeout;

use super::support::*;

const SOON: Duration = Duration::from_millis(150);
const LATEST: Duration = Duration::from_secs(20);

async fn number_of_finalized(rpc: &Rpc) -> Value {
    let hash = rpc.call("chain_getFinalizedHead", json!([])).await;
    rpc.call("chain_getHeader", json!([hash])).await["number"].clone()
}

#[tokio::test]
async fn stalled_finality_holds_back_heads_and_statuses() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    devnet.advance_blocks(2).await.unwrap();
    rpc.call("dev_stallFinality", json!([])).await;
    let bytes = hex(&transfer("Alice", 0, "Bob", 1_000, rpc.genesis().await));
    let mut statuses =
        rpc.subscribe("author_submitAndWatchExtrinsic", json!([bytes]), "author_unwatchExtrinsic").await;
    let mut heads =
        rpc.subscribe("chain_subscribeFinalizedHeads", json!([]), "chain_unsubscribeFinalizedHeads").await;
    assert_eq!(heads.next().await.unwrap().unwrap()["number"], "0x2");
    devnet.advance_blocks(3).await.unwrap();
    assert_eq!(number_of_finalized(&rpc).await, "0x2");
    assert_eq!(statuses.next().await.unwrap().unwrap(), "ready");
    assert!(statuses.next().await.unwrap().unwrap().get("inBlock").is_some());
    assert!(timeout(SOON, statuses.next()).await.is_err(), "nothing is final yet");
    assert!(timeout(SOON, heads.next()).await.is_err(), "nothing is final yet");
    rpc.call("dev_resumeFinality", json!([])).await;
    assert!(statuses.next().await.unwrap().unwrap().get("finalized").is_some());
    for expected in ["0x3", "0x4", "0x5"] {
        assert_eq!(heads.next().await.unwrap().unwrap()["number"], expected);
    }
    assert_eq!(number_of_finalized(&rpc).await, "0x5");
}

#[tokio::test]
async fn dropped_subscriptions_fall_silent_while_requests_work() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let mut heads = rpc.subscribe("chain_subscribeNewHeads", json!([]), "chain_unsubscribeNewHeads").await;
    heads.next().await.unwrap().unwrap();
    devnet.faults().drop_subscriptions();
    tokio::time::sleep(SOON).await;
    devnet.advance_blocks(1).await.unwrap();
    assert!(timeout(SOON, heads.next()).await.is_err());
    let mut fresh = rpc.subscribe("chain_subscribeNewHeads", json!([]), "chain_unsubscribeNewHeads").await;
    assert_eq!(fresh.next().await.unwrap().unwrap()["number"], "0x1");
}

#[tokio::test]
async fn answers_come_late_and_then_in_time_again() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    rpc.call("dev_delayResponses", json!([300])).await;
    let begin = std::time::Instant::now();
    rpc.call("system_chain", json!([])).await;
    assert!(begin.elapsed() >= Duration::from_millis(300));
    rpc.call("dev_delayResponses", json!([0])).await;
    timeout(LATEST, rpc.call("system_chain", json!([]))).await.unwrap();
    let (_, message, _) = rpc.error("dev_delayResponses", json!([1_000_000])).await;
    assert!(message.contains("600000"), "{message}");
}

#[tokio::test]
async fn the_next_transaction_is_refused_as_told_and_the_one_after_it_is_not() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    rpc.call("dev_rejectNext", json!([1010, "Custom error: 6"])).await;
    rpc.call("dev_rejectNext", json!([1014])).await;
    let bytes = hex(&transfer("Alice", 0, "Bob", 1_000, rpc.genesis().await));
    let first = rpc.error("author_submitExtrinsic", json!([bytes])).await;
    assert_eq!(first, (1010, "Invalid Transaction".into(), "\"Custom error: 6\"".into()));
    let (code, message, _) = rpc.error("author_submitExtrinsic", json!([bytes])).await;
    assert_eq!(code, 1014);
    assert!(message.starts_with("Priority is too low"), "{message}");
    rpc.call("author_submitExtrinsic", json!([bytes])).await;
}

#[tokio::test]
async fn a_lost_endpoint_refuses_connections_until_it_is_back() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    devnet.lose_endpoint().await;
    assert!(timeout(LATEST, rpc.try_call("system_chain", json!([]))).await.unwrap().is_err());
    assert!(tokio::net::TcpStream::connect(devnet.address()).await.is_err());
    devnet.advance_blocks(3).await.unwrap();
    devnet.restore_endpoint().await;
    let rpc = Rpc::to(&devnet).await;
    assert_eq!(rpc.call("chain_getHeader", json!([])).await["number"], "0x3", "the chain went on");
    rpc.call("dev_loseEndpoint", json!([100])).await;
    let again = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if tokio::net::TcpStream::connect(devnet.address()).await.is_ok() {
                return Rpc::to(&devnet).await;
            }
        }
    };
    let rpc = timeout(LATEST, again).await.unwrap();
    rpc.call("system_chain", json!([])).await;
}

#[tokio::test]
async fn an_upgrade_raises_the_version_from_its_block_on() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let spec = |version: Value| version["specVersion"].clone();
    let mut versions =
        rpc.subscribe("state_subscribeRuntimeVersion", json!([]), "state_unsubscribeRuntimeVersion").await;
    assert_eq!(spec(versions.next().await.unwrap().unwrap()), 425);
    let genesis = rpc.genesis().await;
    rpc.call("dev_upgradeRuntime", json!([500])).await;
    assert_eq!(spec(versions.next().await.unwrap().unwrap()), 500);
    assert_eq!(spec(rpc.call("state_getRuntimeVersion", json!([])).await), 500);
    assert_eq!(spec(rpc.call("state_getRuntimeVersion", json!([hex(&genesis)])).await), 425, "history stays");
    let old = transfer("Bob", 0, "Eve", 1_000, genesis);
    let (code, _, data) = rpc.error("author_submitExtrinsic", json!([hex(&old)])).await;
    assert_eq!((code, data.as_str()), (1010, "\"Transaction has a bad signature\""));
    devnet.verify(BlockNumber(1)).await.unwrap();
}

#[tokio::test]
async fn a_reorganisation_replaces_the_block_and_keeps_its_transaction() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    devnet.advance_blocks(2).await.unwrap();
    let refused = devnet.reorg(1).await.unwrap_err();
    assert_eq!(refused, ReorgError::Final { depth: 1, head: 2, finalized: 2 });
    devnet.stall_finality();
    let before = rpc.free_balance("Bob").await;
    let bytes = transfer("Alice", 0, "Bob", 1_000, rpc.genesis().await);
    let mut statuses = rpc
        .subscribe("author_submitAndWatchExtrinsic", json!([hex(&bytes)]), "author_unwatchExtrinsic")
        .await;
    let old = devnet.advance_blocks(1).await.unwrap();
    let new = devnet.reorg(1).await.unwrap();
    assert_eq!(new.number, BlockNumber(4));
    let replacement = rpc.call("chain_getBlockHash", json!([3])).await;
    assert_ne!(replacement, json!(hex(&old.hash.0)));
    assert_eq!(rpc.free_balance("Bob").await, before + 1_000, "the transaction is in the other branch");
    devnet.faults().resume_finality();
    assert_eq!(statuses.next().await.unwrap().unwrap(), "ready");
    assert!(statuses.next().await.unwrap().unwrap().get("inBlock").is_some());
    assert_eq!(statuses.next().await.unwrap().unwrap(), json!({ "retracted": hex(&old.hash.0) }));
    devnet.verify(BlockNumber(4)).await.unwrap();
}

#[tokio::test]
async fn a_dumped_chain_starts_again_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let bytes = transfer("Alice", 0, "Bob", 1_000, rpc.genesis().await);
    rpc.call("author_submitExtrinsic", json!([hex(&bytes)])).await;
    devnet.advance_blocks(5).await.unwrap();
    assert_eq!(devnet.dump(dir.path()).await.unwrap(), 5);
    devnet.advance_blocks(2).await.unwrap();
    assert_eq!(devnet.dump(dir.path()).await.unwrap(), 7, "an older part is continued");
    let config = DevnetConfig { load_dir: Some(dir.path().into()), ..DevnetConfig::default() };
    let again = Devnet::start(config).await.unwrap();
    assert_eq!(again.head(), devnet.head());
}

#[tokio::test]
async fn the_chain_advances_until_a_condition_holds() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let clock = sn3_devnet::node::GENESIS_TIMESTAMP_MS + 5 * 12_000;
    let head = devnet.advance_until(Condition::Timestamp { ms: clock }, 100).await.unwrap();
    assert_eq!(head.number, BlockNumber(5));
    let key = hex(&[
        sp_io::hashing::twox_128(b"SubtensorModule").as_slice(),
        &sp_io::hashing::twox_128(b"SubnetEpochIndex"),
        &3u16.to_le_bytes(),
    ]
    .concat());
    let condition = json!({ "storageChanges": { "key": key } });
    let head = rpc.call("dev_advanceUntil", json!([condition, 100])).await;
    assert_eq!(head["number"], 20, "the tempo of subnet 3 is 20");
    let (_, message, _) = rpc.error("dev_advanceUntil", json!([condition, 3])).await;
    assert!(message.contains("after 3 blocks"), "{message}");
}
