use codec::{Compact, Encode};
use serde_json::json;
use sn3_devnet::Sealing;
use sn3_protocol::BlockNumber;

use super::support::{Rpc, hash_of, hex, signed, start, transfer, transfer_call, unhex};

#[tokio::test]
async fn nonces_count_what_waits() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let genesis = rpc.genesis().await;
    let alice = devnet.accounts()[0].ss58.clone();
    for nonce in 0..5 {
        assert_eq!(rpc.call("system_accountNextIndex", json!([alice])).await, json!(nonce));
        let bytes = transfer("Alice", nonce, "Bob", 1_000, genesis);
        let hash = rpc.call("author_submitExtrinsic", json!([hex(&bytes)])).await;
        assert_eq!(hash, json!(hash_of(&bytes)));
    }
    devnet.advance_blocks(1).await.unwrap();
    assert_eq!(rpc.call("account_nextIndex", json!([alice])).await, json!(5));
}

#[tokio::test]
async fn a_gap_in_the_nonces_waits_and_then_goes_through() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let genesis = rpc.genesis().await;
    let late = hex(&transfer("Alice", 1, "Bob", 1_000, genesis));
    let mut statuses = rpc
        .subscribe("transactionWatch_v1_submitAndWatch", json!([late]), "transactionWatch_v1_unwatch")
        .await;
    devnet.advance_blocks(2).await.unwrap();
    let first = transfer("Alice", 0, "Bob", 1_000, genesis);
    rpc.call("author_submitExtrinsic", json!([hex(&first)])).await;
    let head = devnet.advance_blocks(1).await.unwrap();
    assert_eq!(statuses.next().await.unwrap().unwrap(), json!({ "event": "validated" }));
    let block = json!({ "hash": hex(&head.hash.0), "index": 2 });
    let included = json!({ "event": "bestChainBlockIncluded", "block": block });
    assert_eq!(statuses.next().await.unwrap().unwrap(), included);
    assert_eq!(statuses.next().await.unwrap().unwrap(), json!({ "event": "finalized", "block": block }));
}

#[tokio::test]
async fn refusals_have_the_codes_and_words_that_clients_match_on() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let genesis = rpc.genesis().await;
    let submit = |bytes: Vec<u8>| json!([hex(&bytes)]);

    let fine = transfer("Alice", 0, "Bob", 1_000, genesis);
    rpc.call("author_submitExtrinsic", submit(fine.clone())).await;
    let (code, ..) = rpc.error("author_submitExtrinsic", submit(fine.clone())).await;
    assert_eq!(code, 1013);
    let rival = transfer("Alice", 0, "Bob", 2_000, genesis);
    let (code, message, _) = rpc.error("author_submitExtrinsic", submit(rival)).await;
    assert_eq!(code, 1014);
    assert!(message.starts_with("Priority is too low: ("), "{message}");

    devnet.advance_blocks(1).await.unwrap();
    let (code, message, data) = rpc.error("author_submitExtrinsic", submit(fine)).await;
    assert_eq!(
        (code, message.as_str(), data.as_str()),
        (1010, "Invalid Transaction", "\"Transaction is outdated\"")
    );
    let forged = transfer("Alice", 1, "Bob", 1_000, [7; 32]);
    let (code, _, data) = rpc.error("author_submitExtrinsic", submit(forged)).await;
    assert_eq!((code, data.as_str()), (1010, "\"Transaction has a bad signature\""));
    let poor = transfer("Nobody", 0, "Bob", 1_000, genesis);
    let (code, _, data) = rpc.error("author_submitExtrinsic", submit(poor)).await;
    assert_eq!(code, 1010);
    assert!(data.starts_with("\"Inability to pay some fees"), "{data}");
}

#[tokio::test]
async fn a_call_that_fails_is_in_the_block_and_changes_only_the_fee() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let genesis = rpc.genesis().await;
    let (dave, bob) = (rpc.free_balance("Dave").await, rpc.free_balance("Bob").await);
    let bytes = transfer("Dave", 0, "Bob", dave * 2, genesis);
    rpc.call("author_submitExtrinsic", json!([hex(&bytes)])).await;
    devnet.advance_blocks(1).await.unwrap();
    assert_eq!(rpc.free_balance("Bob").await, bob);
    let paid = dave - rpc.free_balance("Dave").await;
    assert!((1..1_000_000).contains(&paid), "{paid}");
}

/// Batches in batches, deeper than the decoder allows and deep enough to exhaust an ordinary stack.
#[tokio::test]
async fn hostile_bytes_do_not_end_the_node() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let genesis = rpc.genesis().await;
    let mut nested = transfer_call("Bob", 1);
    for _ in 0..2_000 {
        nested = [vec![11, 0, 4], nested].concat();
    }
    let within: Vec<u8> = [[11, 0, 4].repeat(80), transfer_call("Bob", 1)].concat();
    let hostile = [
        vec![],
        vec![0],
        vec![0xff; 100],
        Compact(u32::MAX).encode(),
        [Compact(5u32).encode(), vec![0x84, 0, 1, 2, 3]].concat(),
        signed("Alice", 0, &nested, genesis),
        [transfer("Alice", 0, "Bob", 1, genesis), vec![0]].concat(),
    ];
    for bytes in hostile {
        let (code, ..) = rpc.error("author_submitExtrinsic", json!([hex(&bytes)])).await;
        assert_eq!(code, 1001, "{} bytes", bytes.len());
        let (code, ..) = rpc.error("payment_queryInfo", json!([hex(&bytes)])).await;
        assert_eq!(code, 1001, "{} bytes", bytes.len());
    }
    let deep = signed("Alice", 0, &within, genesis);
    rpc.call("author_submitExtrinsic", json!([hex(&deep)])).await;
    for args in ["0x", "0xff", "0xffffffffffffffffffffffff"] {
        for method in ["AccountNonceApi_account_nonce", "Core_execute_block", "GenesisBuilder_build_state"] {
            let (code, ..) = rpc.error("state_call", json!([method, args])).await;
            assert_eq!(code, 4003, "{method} {args}");
        }
    }
    assert_eq!(devnet.advance_blocks(1).await.unwrap().number, BlockNumber(1));
    devnet.verify(BlockNumber(1)).await.unwrap();
}

#[tokio::test]
async fn fees_are_foretold_exactly() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let genesis = rpc.genesis().await;
    // Fees are the same in every block.
    let bytes = transfer("Eve", 0, "Bob", 5_000, genesis);
    let at_first = rpc.call("payment_queryInfo", json!([hex(&bytes)])).await;
    devnet.advance_blocks(3).await.unwrap();
    let info = rpc.call("payment_queryInfo", json!([hex(&bytes)])).await;
    assert_eq!(info, at_first);
    let foretold: u64 = info["partialFee"].as_str().unwrap().parse().unwrap();
    let details = rpc.call("payment_queryFeeDetails", json!([hex(&bytes)])).await;
    let part = |name: &str| {
        let text = details["inclusionFee"][name].as_str().unwrap();
        u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
    };
    assert_eq!(part("lenFee"), bytes.len() as u64);
    assert_eq!(part("baseFee") + part("lenFee") + part("adjustedWeightFee"), foretold);
    let outcome = unhex(&rpc.call("system_dryRun", json!([hex(&bytes)])).await);
    assert_eq!(outcome, [0, 0], "the outcome of a dry run is Ok(Ok(()))");
    let before = rpc.free_balance("Eve").await;
    rpc.call("author_submitExtrinsic", json!([hex(&bytes)])).await;
    devnet.advance_blocks(1).await.unwrap();
    let paid = before - 5_000 - rpc.free_balance("Eve").await;
    assert_eq!(paid, foretold);
}

#[tokio::test]
async fn hundreds_of_transfers_fit_one_block() {
    const COUNT: u32 = 600;
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let genesis = rpc.genesis().await;
    let all: Vec<_> = (0..COUNT).map(|nonce| transfer("Alice", nonce, "Bob", 1_000, genesis)).collect();
    let begin = std::time::Instant::now();
    for bytes in &all {
        rpc.call("author_submitExtrinsic", json!([hex(bytes)])).await;
    }
    let pooled = begin.elapsed();
    devnet.advance_blocks(1).await.unwrap();
    let authored = begin.elapsed() - pooled;
    let rate = |time: std::time::Duration| f64::from(COUNT) / time.as_secs_f64();
    eprintln!("submitted {:.0}/s, authored {:.0}/s", rate(pooled), rate(authored));
    let block = rpc.call("chain_getBlock", json!([])).await;
    assert_eq!(block["block"]["extrinsics"].as_array().unwrap().len(), COUNT as usize + 2);
    devnet.verify(BlockNumber(1)).await.unwrap();
}
