//! `archive_v1_*`: stateless access by block hash, which subxt prefers.

use std::sync::Arc;

use codec::Encode;
use jsonrpsee::{
    Extensions, PendingSubscriptionSink,
    core::SubscriptionResult,
    types::{ErrorObjectOwned, Params},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sp_core::{Bytes, H256};
use sp_state_machine::Backend;
use sp_trie::MerkleValue;

use super::{
    Module, Registered,
    errors::bad_parameter,
    heads::message,
    state::{KEYS_MAX, KEYS_PER_QUERY_MAX},
};
use crate::node::{
    engine::Engine,
    state::{CallError, State},
};

/// Registers the methods.
pub fn register(module: &mut Module) -> Registered {
    module.register_method("archive_v1_genesisHash", |_, engine, _| json!(engine.genesis_hash()))?;
    module.register_method("archive_v1_finalizedHeight", |_, engine, _| {
        engine.faults.finalized(engine.chain.head().number())
    })?;
    module.register_blocking_method("archive_v1_hashByHeight", |p, e, _| hash_by_height(&p, &e))?;
    module.register_blocking_method("archive_v1_header", |p, e, _| header(&p, &e))?;
    module.register_blocking_method("archive_v1_body", |p, e, _| body(&p, &e))?;
    module.register_blocking_method("archive_v1_call", |p, e, _| call(&p, &e))?;
    module.register_subscription(
        "archive_v1_storage",
        "archive_v1_storageEvent",
        "archive_v1_stopStorage",
        storage,
    )?;
    Ok(())
}

fn hash_by_height(params: &Params<'_>, engine: &Engine) -> Result<Vec<H256>, ErrorObjectOwned> {
    let height: u64 = params.sequence().next()?;
    Ok(engine.chain.hash_at(height).into_iter().collect())
}

fn header(params: &Params<'_>, engine: &Engine) -> Result<Option<Bytes>, ErrorObjectOwned> {
    let hash: H256 = params.sequence().next()?;
    Ok(engine.chain.block(&hash).map(|block| Bytes(block.header.encode())))
}

fn body(params: &Params<'_>, engine: &Engine) -> Result<Option<Vec<Bytes>>, ErrorObjectOwned> {
    let hash: H256 = params.sequence().next()?;
    let block = engine.chain.block(&hash);
    Ok(block.map(|block| block.extrinsics.iter().map(|bytes| Bytes(bytes.to_vec())).collect()))
}

/// `null` for an unknown block; otherwise success and value, or no success and error.
fn call(params: &Params<'_>, engine: &Engine) -> Result<Option<Value>, ErrorObjectOwned> {
    let mut params = params.sequence();
    let (hash, method, args): (H256, String, Bytes) = (params.next()?, params.next()?, params.next()?);
    if engine.chain.block(&hash).is_none() {
        return Ok(None);
    }
    let outcome = match engine.chain.state(Some(hash)) {
        Ok((state, _)) => engine.answers.call(&state, &method, &args).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    Ok(Some(match outcome {
        Ok(value) => json!({ "success": true, "value": Bytes(value) }),
        Err(error) => json!({ "success": false, "error": error }),
    }))
}

/// One thing to look up.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    key: Bytes,
    #[serde(rename = "type")]
    kind: Kind,
    pagination_start_key: Option<Bytes>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Value,
    Hash,
    ClosestDescendantMerkleValue,
    DescendantsValues,
    DescendantsHashes,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Event {
    Storage {
        key: Bytes,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<Bytes>,
        #[serde(skip_serializing_if = "Option::is_none")]
        hash: Option<H256>,
        #[serde(skip_serializing_if = "Option::is_none")]
        closest_descendant_merkle_value: Option<Bytes>,
    },
    StorageError {
        error: String,
    },
    StorageDone,
}

async fn storage(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    engine: Arc<Engine>,
    _: Extensions,
) -> SubscriptionResult {
    let request = match request(&params) {
        Ok(request) => request,
        Err(error) => {
            pending.reject(error).await;
            return Ok(());
        }
    };
    let sink = pending.accept().await?;
    let events = tokio::task::spawn_blocking(move || answer(&engine, request)).await?;
    for event in events {
        sink.send(message(&event)?).await?;
    }
    Ok(())
}

fn request(params: &Params<'_>) -> Result<(H256, Vec<Item>), ErrorObjectOwned> {
    let mut params = params.sequence();
    let (hash, items): (H256, Vec<Item>) = (params.next()?, params.next()?);
    let child: Option<Bytes> = params.optional_next()?;
    if child.is_some() {
        return Err(bad_parameter("this chain has no child tries"));
    }
    if items.len() > KEYS_PER_QUERY_MAX {
        return Err(bad_parameter(format!("{} items are more than {KEYS_PER_QUERY_MAX}", items.len())));
    }
    Ok((hash, items))
}

fn answer(engine: &Engine, (hash, items): (H256, Vec<Item>)) -> Vec<Event> {
    let state = match engine.chain.state(Some(hash)) {
        Ok((state, _)) => state,
        Err(error) => return vec![Event::StorageError { error: error.to_string() }],
    };
    let mut events = Vec::new();
    for item in items {
        if let Err(error) = look_up(&state, item, &mut events) {
            return vec![Event::StorageError { error: error.to_string() }];
        }
    }
    events.push(Event::StorageDone);
    events
}

fn look_up(state: &State, item: Item, events: &mut Vec<Event>) -> Result<(), CallError> {
    let keys = match item.kind {
        Kind::Value | Kind::Hash => vec![item.key.0],
        Kind::ClosestDescendantMerkleValue => {
            events.extend(merkle_value(state, item.key)?);
            return Ok(());
        }
        Kind::DescendantsValues | Kind::DescendantsHashes => {
            state.keys(&item.key, item.pagination_start_key.as_deref(), KEYS_MAX)?
        }
    };
    for key in keys {
        events.extend(match item.kind {
            Kind::Hash | Kind::DescendantsHashes => {
                state.storage_hash(&key)?.map(|hash| found(key, None, Some(hash)))
            }
            _ => state.storage(&key)?.map(|value| found(key, Some(value), None)),
        });
    }
    Ok(())
}

fn found(key: Vec<u8>, value: Option<Vec<u8>>, hash: Option<H256>) -> Event {
    let (key, value) = (Bytes(key), value.map(Bytes));
    Event::Storage { key, value, hash, closest_descendant_merkle_value: None }
}

fn merkle_value(state: &State, key: Bytes) -> Result<Option<Event>, CallError> {
    let value = state.backend().closest_merkle_value(&key).map_err(CallError::Discarded)?;
    Ok(value.map(|value| {
        let bytes = match value {
            MerkleValue::Node(node) => node,
            MerkleValue::Hash(hash) => hash.as_bytes().to_vec(),
        };
        Event::Storage { key, value: None, hash: None, closest_descendant_merkle_value: Some(Bytes(bytes)) }
    }))
}
