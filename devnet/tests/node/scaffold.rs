//! Chains from descriptions.

use codec::Decode;
use serde_json::json;
use sn3_devnet::{Devnet, DevnetConfig, Scaffold, Sealing};

use super::support::*;

const DESCRIPTION: &str = r#"
    [[account]]
    name = "Zoe"
    tao = 500

    [[subnet]]
    netuid = 9
    owner = "Zoe"
    tempo = 30
    commit_reveal = true

    [subnet.hyperparameters]
    max_uids = 7
    kappa = 40_000

    [[subnet.neuron]]
    coldkey = "Zoe"
    hotkey = "ZoeHot"
    stake = 100
"#;

/// A two-byte setting of a subnet, from storage.
async fn setting(rpc: &Rpc, item: &[u8], netuid: u16) -> u16 {
    let (pallet, item) = (sp_io::hashing::twox_128(b"SubtensorModule"), sp_io::hashing::twox_128(item));
    let key = [pallet.as_slice(), &item, &netuid.to_le_bytes()].concat();
    let value = unhex(&rpc.call("state_getStorage", json!([hex(&key)])).await);
    u16::from_le_bytes(value.try_into().unwrap())
}

#[tokio::test]
async fn a_described_chain_is_there_from_the_first_block() {
    let scaffold = Scaffold::parse(DESCRIPTION).unwrap();
    let genesis = scaffold.genesis();
    let config = DevnetConfig { sealing: Sealing::Manual, genesis, ..DevnetConfig::default() };
    let devnet = Devnet::start(config).await.unwrap();
    let rpc = Rpc::to(&devnet).await;
    assert_eq!(rpc.free_balance("Zoe").await, 500_000_000_000);
    let args = [vec![], 9u16.to_le_bytes().to_vec(), 1u16.to_le_bytes().to_vec()].concat();
    let neuron = rpc.call("state_call", json!(["NeuronInfoRuntimeApi_get_neuron_lite", hex(&args)])).await;
    let (some, hotkey, coldkey) = <(u8, [u8; 32], [u8; 32])>::decode(&mut &unhex(&neuron)[..]).unwrap();
    assert_eq!((some, hotkey, coldkey), (1, account("ZoeHot"), account("Zoe")));
    assert_eq!(setting(&rpc, b"MaxAllowedUids", 9).await, 7);
    assert_eq!(setting(&rpc, b"Kappa", 9).await, 40_000);
    let manifest = serde_json::to_value(scaffold.manifest()).unwrap();
    assert_eq!(manifest["subnets"][0]["neurons"][1]["stakeRao"], 100_000_000_000u64);
    assert_eq!(manifest["accounts"][0]["uri"], "//Zoe");
    devnet.advance_blocks(31).await.unwrap();
}
