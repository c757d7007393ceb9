//! What the author of blocks adds: rounds of the beacon, and transactions taken out of envelopes.

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, aead::Aead};
use codec::{Decode, Encode};
use ml_kem::{EncapsulationKey, MlKem768};
use serde_json::json;
use sn3_devnet::Sealing;
use sp_io::hashing::twox_128;

use super::support::*;

fn key(pallet: &str, item: &str) -> String {
    hex(&[twox_128(pallet.as_bytes()), twox_128(item.as_bytes())].concat())
}

/// Envelope around `inner` for the key that the chain shows (chain interface, section 5.4).
fn envelope(public: &[u8], inner: &[u8]) -> Vec<u8> {
    let key = EncapsulationKey::<MlKem768>::new(&public.try_into().unwrap()).unwrap();
    let (capsule, secret) = key.encapsulate_deterministic(&[3; 32].into());
    let nonce = [4; 24];
    let cipher = XChaCha20Poly1305::new_from_slice(&secret).unwrap();
    let sealed = cipher.encrypt(&nonce.into(), inner).unwrap();
    [&twox_128(public)[..], &(capsule.len() as u16).to_le_bytes(), &capsule, &nonce, &sealed].concat()
}

/// `MevShield.submit_encrypted` (30.1).
fn submit_encrypted(envelope: &[u8]) -> Vec<u8> {
    [vec![30, 1], envelope.to_vec().encode()].concat()
}

async fn shield_key(rpc: &Rpc) -> Vec<u8> {
    let stored = rpc.call("state_getStorage", json!([key("MevShield", "NextKey")])).await;
    Vec::<u8>::decode(&mut &unhex(&stored)[..]).unwrap()
}

#[tokio::test]
async fn a_hidden_transaction_follows_its_carrier_in_the_same_block() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let genesis = rpc.genesis().await;
    let public = shield_key(&rpc).await;
    assert_eq!(public.len(), 1_184);
    let inner = transfer("Alice", 1, "Ferdie", 7_000_000_000, genesis);
    let carrier = signed_for("Alice", 0, &submit_encrypted(&envelope(&public, &inner)), genesis, SHORT_ERA);
    rpc.call("author_submitExtrinsic", json!([hex(&carrier)])).await;
    let before = rpc.free_balance("Ferdie").await;
    devnet.advance_blocks(1).await.unwrap();
    assert_eq!(rpc.free_balance("Ferdie").await, before + 7_000_000_000);
    let block = rpc.call("chain_getBlock", json!([])).await;
    let extrinsics = block["block"]["extrinsics"].as_array().unwrap();
    let place = |bytes: &[u8]| extrinsics.iter().position(|e| e.as_str() == Some(&hex(bytes))).unwrap();
    assert_eq!(place(&inner), place(&carrier) + 1);
    devnet.verify(devnet.head().number).await.unwrap();
}

#[tokio::test]
async fn envelopes_that_cannot_open_are_refused_by_code() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    let genesis = rpc.genesis().await;
    let mut other = envelope(&shield_key(&rpc).await, b"inner");
    other[0] ^= 1;
    for (bytes, code) in [(vec![1, 2, 3], 23), (other, 24)] {
        let carrier = signed_for("Alice", 0, &submit_encrypted(&bytes), genesis, SHORT_ERA);
        let (number, _, data) = rpc.error("author_submitExtrinsic", json!([hex(&carrier)])).await;
        assert_eq!((number, data), (1010, format!("\"Custom error: {code}\"")));
    }
    let immortal = signed("Alice", 0, &submit_encrypted(&[1]), genesis);
    let (number, _, data) = rpc.error("author_submitExtrinsic", json!([hex(&immortal)])).await;
    assert_eq!((number, data.as_str()), (1010, "\"Transaction is outdated\""));
}

#[tokio::test]
async fn rounds_are_published_as_the_chains_clock_reaches_them() {
    let devnet = start(Sealing::Manual).await;
    let rpc = Rpc::to(&devnet).await;
    devnet.advance_blocks(1).await.unwrap();
    let last = rpc.call("state_getStorage", json!([key("Drand", "LastStoredRound")])).await;
    let last = u64::decode(&mut &unhex(&last)[..]).unwrap();
    let now_s = (sn3_devnet::node::GENESIS_TIMESTAMP_MS + 12_000) / 1_000;
    assert_eq!(last, (now_s - 1_692_803_367) / 3 + 1, "the newest round of drand's timetable");
    let place = [unhex(&key("Drand", "Pulses").into()), blake2_128_concat(&last.encode())].concat();
    let pulse = unhex(&rpc.call("state_getStorage", json!([hex(&place)])).await);
    let (round, _, signature) = <(u64, Vec<u8>, Vec<u8>)>::decode(&mut &pulse[..]).unwrap();
    assert_eq!((round, signature.len()), (last, 48));
    devnet.verify(devnet.head().number).await.unwrap();
}

fn blake2_128_concat(bytes: &[u8]) -> Vec<u8> {
    [sp_io::hashing::blake2_128(bytes).as_slice(), bytes].concat()
}
