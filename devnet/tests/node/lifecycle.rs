use std::{net::TcpListener, time::Instant};

use serde_json::json;
use sn3_devnet::{Devnet, DevnetConfig, Sealing, node::StartError};
use sn3_protocol::BlockNumber;

use super::support::{Rpc, start};

#[tokio::test]
async fn starts_and_makes_its_first_block_quickly() {
    let begin = Instant::now();
    let devnet = start(Sealing::Manual).await;
    let head = devnet.advance_blocks(1).await.unwrap();
    let first_block = begin.elapsed();
    eprintln!("start to first block: {:.1} ms", first_block.as_secs_f64() * 1e3);
    assert_eq!(head.number, BlockNumber(1));
    assert!(first_block.as_secs() < 10, "{first_block:?}");
}

#[tokio::test]
async fn prefunded_accounts_are_listed_with_what_they_own() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let accounts = devnet.accounts();
    assert_eq!(accounts[0].uri, "//Alice");
    assert_eq!(accounts[0].ss58, "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
    for account in accounts {
        assert_eq!(rpc.free_balance(&account.name).await, account.balance.0, "{}", account.name);
    }
}

#[tokio::test]
async fn an_occupied_port_is_named_with_a_remedy() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let Err(error) = Devnet::start(DevnetConfig { port, ..DevnetConfig::default() }).await else {
        panic!("started on an occupied port");
    };
    assert!(matches!(error, StartError::PortTaken { port: named, .. } if named == port));
    let text = error.to_string();
    assert!(text.contains(&port.to_string()) && text.contains("port 0"), "{text}");
}

#[tokio::test]
async fn shutdown_frees_the_port_even_with_clients_connected() {
    let devnet = start(Sealing::Interval { block_time_ms: 20 }).await;
    let port = devnet.address().port();
    let rpc = Rpc::to(&devnet).await;
    let _heads = rpc.subscribe("chain_subscribeNewHeads", json!([]), "chain_unsubscribeNewHeads").await;
    devnet.shutdown().await;
    TcpListener::bind(("127.0.0.1", port)).unwrap();
}

#[tokio::test]
async fn dropping_frees_the_port() {
    let devnet = start(Sealing::Instant).await;
    let port = devnet.address().port();
    drop(devnet);
    // The listener goes with its task, which a drop does not wait for.
    let freed = async {
        while TcpListener::bind(("127.0.0.1", port)).is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), freed).await.unwrap();
}

#[tokio::test]
async fn many_run_side_by_side() {
    let starts = (0..8).map(|_| start(Sealing::Manual));
    let devnets = futures::future::join_all(starts).await;
    for (count, devnet) in devnets.iter().enumerate() {
        devnet.advance_blocks(count as u64).await.unwrap();
    }
    for (count, devnet) in devnets.iter().enumerate() {
        assert_eq!(devnet.head().number, BlockNumber(count as u64));
    }
}

#[tokio::test]
async fn a_clock_that_the_runtime_would_refuse_is_refused_at_start() {
    let config = DevnetConfig { chain_block_time_ms: 100, ..DevnetConfig::default() };
    let error = Devnet::start(config).await.err().expect("refused");
    assert_eq!(
        error.to_string(),
        "chain_block_time_ms is 100, but the runtime accepts no less than 6000 between two blocks"
    );
}
