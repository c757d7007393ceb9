use serde_json::{Value, json};
use sn3_devnet::Sealing;

use super::support::{Rpc, account_key, hex, start, transfer, unhex};

/// What the known clients call (chain interface, section 7.5).
const WANTED: &[&str] = &[
    "rpc_methods",
    "system_chain",
    "system_chainType",
    "system_name",
    "system_version",
    "system_properties",
    "system_health",
    "system_accountNextIndex",
    "account_nextIndex",
    "system_syncState",
    "system_peers",
    "system_nodeRoles",
    "system_localPeerId",
    "system_dryRun",
    "chain_getHead",
    "chain_getBlockHash",
    "chain_getBlock",
    "chain_getHeader",
    "chain_getFinalizedHead",
    "chain_getFinalisedHead",
    "chain_subscribeNewHeads",
    "chain_unsubscribeNewHeads",
    "chain_subscribeNewHead",
    "chain_subscribeFinalizedHeads",
    "chain_unsubscribeFinalizedHeads",
    "chain_subscribeAllHeads",
    "chain_unsubscribeAllHeads",
    "chain_getRuntimeVersion",
    "chain_subscribeRuntimeVersion",
    "state_getStorage",
    "state_getStorageAt",
    "state_getStorageHash",
    "state_getStorageSize",
    "state_getKeys",
    "state_getKeysPaged",
    "state_getKeysPagedAt",
    "state_getPairs",
    "state_queryStorageAt",
    "state_getRuntimeVersion",
    "state_getMetadata",
    "state_call",
    "state_callAt",
    "state_subscribeStorage",
    "state_unsubscribeStorage",
    "state_subscribeRuntimeVersion",
    "state_unsubscribeRuntimeVersion",
    "author_submitExtrinsic",
    "author_submitAndWatchExtrinsic",
    "author_unwatchExtrinsic",
    "author_pendingExtrinsics",
    "payment_queryInfo",
    "payment_queryFeeDetails",
    "engine_createBlock",
    "engine_finalizeBlock",
    "archive_v1_genesisHash",
    "archive_v1_finalizedHeight",
    "archive_v1_hashByHeight",
    "archive_v1_header",
    "archive_v1_body",
    "archive_v1_call",
    "archive_v1_storage",
    "archive_v1_stopStorage",
    "transactionWatch_v1_submitAndWatch",
    "transactionWatch_v1_unwatch",
    "dev_advanceBlocks",
    "dev_advanceToBlock",
    "dev_advanceToEpoch",
    "dev_setSealing",
    "dev_snapshot",
    "dev_revert",
];

#[tokio::test]
async fn every_wanted_method_is_listed_and_every_listed_one_exists() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let listed = rpc.call("rpc_methods", json!([])).await;
    let listed: Vec<&str> =
        listed["methods"].as_array().unwrap().iter().map(|m| m.as_str().unwrap()).collect();
    for wanted in WANTED {
        assert!(listed.contains(wanted), "{wanted} is not listed");
    }
    for method in listed {
        if let Err(jsonrpsee::core::client::Error::Call(error)) = rpc.try_call(method, json!([])).await {
            assert_ne!(error.code(), -32601, "{method} is listed but does not exist");
        }
    }
}

#[tokio::test]
async fn heads_arrive_in_order_and_complete() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let mut heads = rpc.subscribe("chain_subscribeAllHeads", json!([]), "chain_unsubscribeAllHeads").await;
    devnet.advance_blocks(50).await.unwrap();
    for number in 0..=50 {
        let header = heads.next().await.unwrap().unwrap();
        assert_eq!(header["number"], json!(format!("{number:#x}")));
    }
}

#[tokio::test]
async fn watched_storage_reports_the_first_value_and_each_change() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let (bob, missing) = (hex(&account_key("Bob")), hex(&account_key("Nobody")));
    let params = json!([[bob, missing]]);
    let mut changes = rpc.subscribe("state_subscribeStorage", params, "state_unsubscribeStorage").await;
    let first = changes.next().await.unwrap().unwrap();
    assert_eq!(first["changes"][0][0], json!(bob));
    assert_eq!(first["changes"][1], json!([missing, null]));
    devnet.advance_blocks(3).await.unwrap();
    let bytes = transfer("Alice", 0, "Bob", 1_000, rpc.genesis().await);
    rpc.call("author_submitExtrinsic", json!([hex(&bytes)])).await;
    let head = devnet.advance_blocks(1).await.unwrap();
    let second = changes.next().await.unwrap().unwrap();
    assert_eq!(second["block"], json!(hex(&head.hash.0)));
    assert_eq!(second["changes"].as_array().unwrap().len(), 1);
    assert_ne!(second["changes"][0], first["changes"][0]);
}

#[tokio::test]
async fn keys_are_paged_in_order_and_without_repetition() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let prefix = hex(&account_key("Bob")[..32]);
    let all = rpc.call("state_getKeys", json!([prefix])).await;
    let (mut paged, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = rpc.call("state_getKeysPaged", json!([prefix, 4, after])).await;
        let Some(last) = page.as_array().unwrap().last() else { break };
        after = last.clone();
        paged.extend(page.as_array().unwrap().iter().cloned());
    }
    assert_eq!(json!(paged), all);
    assert!(paged.len() >= 9 && paged.is_sorted_by_key(|key| key.as_str().unwrap().to_owned()));
    let pairs = rpc.call("state_getPairs", json!([prefix])).await;
    assert_eq!(pairs.as_array().unwrap().len(), paged.len());
    let from_prefix = rpc.call("state_getKeysPaged", json!([prefix, 1_000, prefix])).await;
    assert_eq!(from_prefix, all);
    let (code, ..) = rpc.error("state_getKeysPaged", json!([prefix, 1_001])).await;
    assert_eq!(code, 4002);
}

#[tokio::test]
async fn queries_name_absent_values() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let (bob, missing) = (hex(&account_key("Bob")), hex(b"missing"));
    let answer = rpc.call("state_queryStorageAt", json!([[bob, missing]])).await;
    assert_eq!(answer[0]["block"], rpc.call("chain_getHead", json!([])).await);
    assert_eq!(answer[0]["changes"][1], json!([missing, null]));
    let value = rpc.call("state_getStorageAt", json!([bob])).await;
    assert_eq!(answer[0]["changes"][0][1], value);
    let bytes = unhex(&value);
    assert_eq!(rpc.call("state_getStorageSize", json!([bob])).await, json!(bytes.len()));
    let hash = hex(&sp_io::hashing::blake2_256(&bytes));
    assert_eq!(rpc.call("state_getStorageHash", json!([bob])).await, json!(hash));
}

#[tokio::test]
async fn block_hashes_are_found_by_any_spelling_of_a_height() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    devnet.advance_blocks(20).await.unwrap();
    let by_number = rpc.call("chain_getBlockHash", json!([16])).await;
    assert_eq!(rpc.call("chain_getBlockHash", json!(["0x10"])).await, by_number);
    assert_eq!(
        rpc.call("chain_getBlockHash", json!([[16, "0x10", 99]])).await,
        json!([by_number, by_number, null])
    );
    assert_eq!(
        rpc.call("chain_getBlockHash", json!([null])).await,
        rpc.call("chain_getHead", json!([])).await
    );
    assert_eq!(rpc.call("chain_getBlockHash", json!([99])).await, Value::Null);
    assert_eq!(rpc.call("archive_v1_hashByHeight", json!([16])).await, json!([by_number]));
    let header = rpc.call("chain_getHeader", json!([by_number])).await;
    assert_eq!(header["number"], json!("0x10"));
}

#[tokio::test]
async fn unknown_runtime_methods_are_named_as_clients_expect() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let (code, message, _) = rpc.error("state_call", json!(["Metadata_nothing", "0x"])).await;
    assert_eq!(code, 4003);
    assert!(message.ends_with("Exported method Metadata_nothing is not found"), "{message}");
    let genesis = rpc.call("chain_getBlockHash", json!([0])).await;
    let failed = rpc.call("archive_v1_call", json!([genesis, "Metadata_nothing", "0x"])).await;
    assert_eq!(failed["success"], json!(false));
    assert_eq!(rpc.call("archive_v1_call", json!([hex(&[9; 32]), "Core_version", "0x"])).await, Value::Null);
}

#[tokio::test]
async fn metadata_is_served_in_three_versions() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    for version in [14u32, 15, 16] {
        let args = hex(&version.to_le_bytes());
        let first = rpc.call("state_call", json!(["Metadata_metadata_at_version", args])).await;
        // Some, a compact length of four bytes, then the magic word and the version.
        let bytes = unhex(&first);
        assert_eq!(&bytes[5..9], b"meta");
        assert_eq!(u32::from(bytes[9]), version);
        let again = rpc.call("state_call", json!(["Metadata_metadata_at_version", args])).await;
        assert_eq!(first, again);
    }
    let old = unhex(&rpc.call("state_getMetadata", json!([])).await);
    assert_eq!((&old[..4], old[4]), (b"meta".as_slice(), 14));
}
