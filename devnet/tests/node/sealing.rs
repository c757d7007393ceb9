use std::time::Duration;

use serde_json::{Value, json};
use sn3_devnet::{Devnet, Sealing};
use sn3_protocol::{BlockNumber, Digest};

use super::support::{Rpc, hex, start, transfer, unhex};

/// `Timestamp.Now` at the head.
async fn now_ms(rpc: &Rpc) -> u64 {
    let key = [sp_io::hashing::twox_128(b"Timestamp").as_slice(), &sp_io::hashing::twox_128(b"Now")].concat();
    let value = rpc.call("state_getStorage", json!([hex(&key)])).await;
    u64::from_le_bytes(unhex(&value).try_into().unwrap())
}

#[tokio::test]
async fn manual_sealing_waits_to_be_told() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let bytes = transfer("Alice", 0, "Bob", 1_000, rpc.genesis().await);
    rpc.call("author_submitExtrinsic", json!([hex(&bytes)])).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(devnet.head().number, BlockNumber(0));
    assert_eq!(rpc.call("author_pendingExtrinsics", json!([])).await, json!([hex(&bytes)]));
    devnet.advance_blocks(1).await.unwrap();
    assert_eq!(rpc.call("author_pendingExtrinsics", json!([])).await, json!([]));
    let block = rpc.call("chain_getBlock", json!([])).await;
    let extrinsics = block["block"]["extrinsics"].as_array().unwrap();
    assert_eq!(extrinsics.last(), Some(&json!(hex(&bytes))));
}

#[tokio::test]
async fn instant_sealing_makes_one_block_per_burst() {
    let devnet = start(Sealing::Instant).await;
    let rpc = Rpc::to(&devnet).await;
    let genesis = rpc.genesis().await;
    let bytes = hex(&transfer("Alice", 0, "Bob", 1_000, genesis));
    let mut statuses =
        rpc.subscribe("author_submitAndWatchExtrinsic", json!([bytes]), "author_unwatchExtrinsic").await;
    assert_eq!(statuses.next().await.unwrap().unwrap(), json!("ready"));
    let in_block = statuses.next().await.unwrap().unwrap();
    let finalized = statuses.next().await.unwrap().unwrap();
    assert_eq!(in_block["inBlock"], finalized["finalized"]);
    assert_eq!(devnet.head().number, BlockNumber(1));
}

#[tokio::test]
async fn interval_sealing_follows_real_time_and_can_be_changed() {
    let devnet = start(Sealing::Interval { block_time_ms: 20 }).await;
    let rpc = Rpc::to(&devnet).await;
    let mut heads = rpc.subscribe("chain_subscribeNewHeads", json!([]), "chain_unsubscribeNewHeads").await;
    while heads.next().await.unwrap().unwrap()["number"] != json!("0x5") {}
    let real_ms = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    // The clock starts at real time and, as blocks are faster than its least step, runs ahead of it.
    assert!(now_ms(&rpc).await.abs_diff(real_ms) < 3_600_000);
    rpc.call("dev_setSealing", json!(["manual"])).await;
    // One block may already have been on its way.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopped = devnet.head();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(devnet.head(), stopped);
}

/// Submits each batch in an order of choice and seals it; the hashes of all blocks.
async fn hashes(devnet: &Devnet, batches: &[Vec<Vec<u8>>], reversed: bool) -> Vec<Digest> {
    let rpc = Rpc::to(devnet).await;
    let mut hashes = vec![devnet.head().hash];
    for batch in batches {
        let mut batch = batch.clone();
        if reversed {
            batch.reverse();
        }
        for bytes in &batch {
            rpc.call("author_submitExtrinsic", json!([hex(bytes)])).await;
        }
        hashes.push(devnet.advance_blocks(1).await.unwrap().hash);
    }
    hashes
}

/// Five batches of four transfers from each of three accounts. Signatures are random, so they are made once.
fn batches(genesis: [u8; 32]) -> Vec<Vec<Vec<u8>>> {
    let of = |from, block: u32| {
        (0..4).map(move |i| transfer(from, block * 4 + i, "Dave", u64::from(i) + 1, genesis))
    };
    (0..5)
        .map(|block| ["Alice", "Bob", "Charlie"].iter().flat_map(|from| of(from, block)).collect())
        .collect()
}

#[tokio::test]
async fn the_same_inputs_give_the_same_block_hashes() {
    let (first, second) = (start(Sealing::Manual).await, start(Sealing::Manual).await);
    let rpc = Rpc::to(&first).await;
    let batches = batches(rpc.genesis().await);
    assert_eq!(hashes(&first, &batches, false).await, hashes(&second, &batches, true).await);
    let block = rpc.call("chain_getBlock", json!([])).await;
    // The twelve transfers and the inherent.
    assert_eq!(block["block"]["extrinsics"].as_array().unwrap().len(), 13);
}

#[tokio::test]
async fn the_clock_moves_by_the_configured_step_whatever_the_real_time() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    devnet.advance_blocks(10).await.unwrap();
    assert_eq!(now_ms(&rpc).await, 1_767_225_600_000 + 10 * 12_000);
}

#[tokio::test]
async fn blocks_can_be_made_over_rpc() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let head = rpc.call("dev_advanceBlocks", json!([3])).await;
    assert_eq!(head["number"], json!(3));
    let head = rpc.call("dev_advanceToBlock", json!([10])).await;
    assert_eq!(head["number"], json!(10));
    let made = rpc.call("engine_createBlock", json!([true, true, null])).await;
    assert_eq!(devnet.head().number, BlockNumber(11));
    assert_eq!(rpc.call("engine_finalizeBlock", json!([made["hash"]])).await, json!(true));
    let (_, message, _) = rpc.error("dev_advanceToBlock", json!([5])).await;
    assert!(message.contains("block 11") && message.contains("block 5"), "{message}");
    let (code, ..) = rpc.error("engine_createBlock", json!([false, true, null])).await;
    assert_eq!(code, -32602);
}

#[tokio::test]
async fn reverting_repeats_history() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let genesis = rpc.genesis().await;
    devnet.advance_blocks(3).await.unwrap();
    let before = rpc.free_balance("Bob").await;
    let snapshot = devnet.snapshot();
    let mut heads =
        rpc.subscribe("chain_subscribeFinalizedHeads", json!([]), "chain_unsubscribeFinalizedHeads").await;
    assert_eq!(heads.next().await.unwrap().unwrap()["number"], json!("0x3"));
    let mut reached = Vec::new();
    let bytes = transfer("Alice", 0, "Bob", 777_000, genesis);
    for _ in 0..2 {
        rpc.call("author_submitExtrinsic", json!([hex(&bytes)])).await;
        reached.push(devnet.advance_blocks(280).await.unwrap());
        assert_eq!(rpc.free_balance("Bob").await, before + 777_000);
        let begin = std::time::Instant::now();
        assert_eq!(devnet.revert(snapshot).unwrap().number, BlockNumber(3));
        eprintln!("revert over 280 blocks: {:.1} ms", begin.elapsed().as_secs_f64() * 1e3);
        assert_eq!(rpc.free_balance("Bob").await, before);
    }
    assert_eq!(reached[0], reached[1]);
    devnet.advance_blocks(1).await.unwrap();
    // Both pasts were announced, and what follows the last revert too.
    let mut last = Value::Null;
    let mut seen = 0;
    while seen < 561 {
        last = heads.next().await.unwrap().unwrap()["number"].clone();
        seen += 1;
    }
    assert_eq!(last, json!("0x4"));
}
