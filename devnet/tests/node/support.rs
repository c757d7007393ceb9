//! Transactions written byte by byte from the interface description, and a plain JSON-RPC client.

use codec::{Compact, Encode};
use jsonrpsee::{
    core::client::{ClientT, Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::{WsClient, WsClientBuilder},
};
use serde_json::{Value, json};
use sn3_devnet::{Devnet, DevnetConfig, Sealing, runtime::accounts::dev_pair};
use sp_core::Pair;

pub async fn start(sealing: Sealing) -> Devnet {
    Devnet::start(DevnetConfig { sealing, ..DevnetConfig::default() }).await.unwrap()
}

pub struct Rpc {
    pub client: WsClient,
}

impl Rpc {
    pub async fn to(devnet: &Devnet) -> Self {
        let client = WsClientBuilder::default().build(devnet.ws_url()).await.unwrap();
        Self { client }
    }

    pub async fn try_call(
        &self,
        method: &str,
        params: Value,
    ) -> Result<Value, jsonrpsee::core::client::Error> {
        let mut list = rpc_params![];
        for param in params.as_array().unwrap() {
            list.insert(param).unwrap();
        }
        self.client.request(method, list).await
    }

    pub async fn call(&self, method: &str, params: Value) -> Value {
        self.try_call(method, params).await.unwrap_or_else(|e| panic!("{method}: {e}"))
    }

    /// Code, message and data of the error that `method` must answer with.
    pub async fn error(&self, method: &str, params: Value) -> (i32, String, String) {
        match self.try_call(method, params).await {
            Err(jsonrpsee::core::client::Error::Call(e)) => {
                let data = e.data().map(|data| data.get().to_owned()).unwrap_or_default();
                (e.code(), e.message().to_owned(), data)
            }
            other => panic!("{method} answered {other:?} instead of an error"),
        }
    }

    pub async fn subscribe(&self, method: &str, params: Value, unsubscribe: &str) -> Subscription<Value> {
        let mut list = rpc_params![];
        for param in params.as_array().unwrap() {
            list.insert(param).unwrap();
        }
        self.client.subscribe(method, list, unsubscribe).await.unwrap()
    }

    pub async fn genesis(&self) -> [u8; 32] {
        let hash = self.call("chain_getBlockHash", json!([0])).await;
        unhex(&hash).try_into().unwrap()
    }

    pub async fn free_balance(&self, name: &str) -> u64 {
        let key = account_key(name);
        let value = self.call("state_getStorage", json!([hex(&key)])).await;
        match value {
            Value::Null => 0,
            // Nonce and three reference counts precede the free balance.
            value => u64::from_le_bytes(unhex(&value)[16..24].try_into().unwrap()),
        }
    }
}

pub fn hex(bytes: &[u8]) -> String {
    format!("0x{}", ::hex::encode(bytes))
}

pub fn unhex(value: &Value) -> Vec<u8> {
    ::hex::decode(value.as_str().unwrap().trim_start_matches("0x")).unwrap()
}

pub fn account(name: &str) -> [u8; 32] {
    dev_pair(name).public().0
}

/// `System.Account` of a development account: two twox-128 names, then blake2-128-concat.
pub fn account_key(name: &str) -> Vec<u8> {
    let account = account(name);
    [
        sp_io::hashing::twox_128(b"System").as_slice(),
        &sp_io::hashing::twox_128(b"Account"),
        &sp_io::hashing::blake2_128(&account),
        &account,
    ]
    .concat()
}

/// `Balances.transfer_allow_death` (5.0).
pub fn transfer_call(to: &str, rao: u64) -> Vec<u8> {
    [vec![5, 0, 0], account(to).to_vec(), Compact(rao).encode()].concat()
}

/// Valid for eight blocks from genesis on: the period's exponent minus one, phase 0.
pub const SHORT_ERA: &[u8] = &[2, 0];

/// An immortal signed transaction (chain interface, section 1.1).
pub fn signed(from: &str, nonce: u32, call: &[u8], genesis: [u8; 32]) -> Vec<u8> {
    signed_for(from, nonce, call, genesis, &[0])
}

/// A signed transaction that lives for an era born with genesis.
pub fn signed_for(from: &str, nonce: u32, call: &[u8], genesis: [u8; 32], era: &[u8]) -> Vec<u8> {
    let pair = dev_pair(from);
    let (tip, metadata_hash_mode) = (Compact(0u64).encode(), [0u8]);
    let extra = [era, Compact(nonce).encode().as_slice(), &tip, &metadata_hash_mode].concat();
    let (spec_version, transaction_version) = (425u32, 1u32);
    let additional =
        [(spec_version, transaction_version).encode().as_slice(), &genesis, &genesis, &[0]].concat();
    let payload = [call, &extra, &additional].concat();
    let signature = match payload.len() > 256 {
        true => pair.sign(&sp_io::hashing::blake2_256(&payload)),
        false => pair.sign(&payload),
    };
    let (version, id, sr25519) = ([0x84], [0], [1]);
    let body = [&version, &id, account(from).as_slice(), &sr25519, &signature.0, &extra, call].concat();
    [Compact(body.len() as u32).encode(), body].concat()
}

pub fn transfer(from: &str, nonce: u32, to: &str, rao: u64, genesis: [u8; 32]) -> Vec<u8> {
    signed(from, nonce, &transfer_call(to, rao), genesis)
}

/// The name of a transaction.
pub fn hash_of(bytes: &[u8]) -> String {
    hex(&sp_io::hashing::blake2_256(bytes))
}
