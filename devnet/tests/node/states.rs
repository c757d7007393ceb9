use serde_json::json;
use sn3_devnet::{Sealing, node::STATE_BLOCKS_KEPT};
use sn3_protocol::BlockNumber;

use super::support::{Rpc, account_key, hex, start, transfer};

#[tokio::test]
async fn states_are_readable_inside_the_window_and_discarded_behind_it() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let genesis = rpc.genesis().await;
    let mut balances = vec![rpc.free_balance("Bob").await];
    let blocks = STATE_BLOCKS_KEPT + 20;
    for nonce in 0..u32::try_from(blocks).unwrap() {
        let bytes = transfer("Alice", nonce, "Bob", 1_000 + u64::from(nonce), genesis);
        rpc.call("author_submitExtrinsic", json!([hex(&bytes)])).await;
        devnet.advance_blocks(1).await.unwrap();
        balances.push(balances.last().unwrap() + 1_000 + u64::from(nonce));
    }
    let key = hex(&account_key("Bob"));
    for number in [blocks - STATE_BLOCKS_KEPT, blocks - 100, blocks - 1, blocks] {
        let hash = rpc.call("chain_getBlockHash", json!([number])).await;
        let value = rpc.call("state_getStorage", json!([key, hash])).await;
        let free = u64::from_le_bytes(super::support::unhex(&value)[16..24].try_into().unwrap());
        assert_eq!(free, balances[usize::try_from(number).unwrap()], "block {number}");
    }
    let old = rpc.call("chain_getBlockHash", json!([blocks - STATE_BLOCKS_KEPT - 1])).await;
    let (code, message, _) = rpc.error("state_getStorage", json!([key, old])).await;
    assert_eq!(code, 4003);
    assert!(message.contains("State already discarded"), "{message}");
    assert!(rpc.call("chain_getBlock", json!([old])).await.is_object(), "its body is still there");
}

#[tokio::test]
async fn blocks_execute_again_to_the_same_state() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let genesis = rpc.genesis().await;
    for nonce in 0..6 {
        let bytes = transfer("Charlie", nonce, "Dave", 5_000, genesis);
        rpc.call("author_submitExtrinsic", json!([hex(&bytes)])).await;
        if nonce % 2 == 1 {
            devnet.advance_blocks(1).await.unwrap();
        }
    }
    for number in 1..=3 {
        devnet.verify(BlockNumber(number)).await.unwrap();
    }
    assert!(devnet.verify(BlockNumber(0)).await.is_err());
    assert!(devnet.verify(BlockNumber(4)).await.is_err());
}

#[tokio::test]
async fn a_snapshot_keeps_its_state_beyond_the_window() {
    let devnet = start(Sealing::Manual).await;
    devnet.advance_blocks(2).await.unwrap();
    let (at, snapshot) = (devnet.head(), devnet.snapshot());
    devnet.advance_blocks(STATE_BLOCKS_KEPT + 50).await.unwrap();
    assert_eq!(devnet.revert(snapshot).unwrap(), at);
    let again = devnet.advance_blocks(1).await.unwrap();
    assert_eq!(again.number, BlockNumber(3));
    assert!(devnet.revert(snapshot + 1).is_err());
}

#[tokio::test]
async fn hundreds_of_idle_blocks_pass() {
    let devnet = start(Sealing::Manual).await;
    let begin = std::time::Instant::now();
    devnet.advance_to_block(BlockNumber(500)).await.unwrap();
    eprintln!("idle blocks: {:.0} µs each", begin.elapsed().as_secs_f64() * 1e6 / 500.0);
    assert_eq!(devnet.head().number, BlockNumber(500));
}
