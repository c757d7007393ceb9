use std::{fs::OpenOptions, io::Write, path::Path};

use serde_json::json;
use sn3_devnet::{
    Devnet, DevnetConfig, Head, Sealing,
    node::{OpenError, StartError},
};

use super::support::{Rpc, hex, transfer};

async fn open(dir: &Path) -> Result<Devnet, StartError> {
    let state_dir = Some(dir.to_owned());
    Devnet::start(DevnetConfig { sealing: Sealing::Manual, state_dir, ..DevnetConfig::default() }).await
}

/// Two blocks with a transfer each, a revert of the second, and another one instead.
async fn some_history(devnet: &Devnet) -> Head {
    let rpc = Rpc::to(devnet).await;
    let genesis = rpc.genesis().await;
    let send = async |nonce, rao| {
        let bytes = hex(&transfer("Alice", nonce, "Bob", rao, genesis));
        rpc.call("author_submitExtrinsic", json!([bytes])).await;
        devnet.advance_blocks(1).await.unwrap();
    };
    send(0, 1_000).await;
    let snapshot = devnet.snapshot();
    send(1, 20_000).await;
    devnet.revert(snapshot).unwrap();
    send(1, 300_000).await;
    devnet.head()
}

#[tokio::test]
async fn the_chain_continues_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await.unwrap();
    let before = Rpc::to(&first).await.free_balance("Bob").await;
    let head = some_history(&first).await;
    first.shutdown().await;
    let second = open(dir.path()).await.unwrap();
    assert_eq!(second.head(), head);
    assert_eq!(Rpc::to(&second).await.free_balance("Bob").await, before + 301_000);
    let next = second.advance_blocks(1).await.unwrap();
    assert_eq!(next.number.0, head.number.0 + 1);
}

/// A copy of the file while the chain runs is what a killed process leaves behind, with or without a
/// record cut in the middle.
#[tokio::test]
async fn what_a_killed_process_leaves_is_enough() {
    let (dir, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let running = open(dir.path()).await.unwrap();
    let head = some_history(&running).await;
    let copy = killed.path().join("blocks.log");
    std::fs::copy(dir.path().join("blocks.log"), &copy).unwrap();
    OpenOptions::new().append(true).open(&copy).unwrap().write_all(&[1, 200, 0, 0, 0, 7, 7]).unwrap();
    let restored = open(killed.path()).await.unwrap();
    assert_eq!(restored.head(), head);
    restored.advance_blocks(1).await.unwrap();
    restored.shutdown().await;
    let again = open(killed.path()).await.unwrap();
    assert_eq!(again.head().number.0, head.number.0 + 1, "the torn record was cut off");
}

#[tokio::test]
async fn a_block_whose_bytes_changed_ends_the_chain_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await.unwrap();
    let head = some_history(&first).await;
    first.shutdown().await;
    let path = dir.path().join("blocks.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(open(dir.path()).await.unwrap().head().number.0, head.number.0 - 1);
}

#[tokio::test]
async fn one_folder_serves_one_chain() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(dir.path()).await.unwrap();
    let error = open(dir.path()).await.err().expect("refused");
    assert!(error.to_string().contains("in use by another development chain"), "{error}");
    let foreign = tempfile::tempdir().unwrap();
    std::fs::write(foreign.path().join("blocks.log"), [b"sn3dev01".as_slice(), &[7; 32]].concat()).unwrap();
    let error = open(foreign.path()).await.err().expect("refused");
    assert!(
        matches!(error, StartError::Open(OpenError::Log(_))) && error.to_string().contains("another genesis")
    );
}
