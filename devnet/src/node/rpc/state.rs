//! `state_*`: storage, runtime calls, metadata.

use std::sync::Arc;

use codec::Decode;
use jsonrpsee::{
    PendingSubscriptionSink,
    core::SubscriptionResult,
    types::{ErrorObjectOwned, Params, params::ParamsSequence},
};
use serde::Serialize;
use sp_core::{Bytes, H256};
use sp_version::RuntimeVersion;

use super::{
    Module, Registered,
    errors::{self, bad_parameter, too_many_keys},
    heads::follow,
};
use crate::node::{engine::Engine, state::State};

/// How many keys one page may hold.
pub const KEYS_PER_PAGE_MAX: usize = 1_000;
/// How many keys an unpaged request returns at most.
pub const KEYS_MAX: usize = 200_000;
/// How many keys one storage query may name.
pub const KEYS_PER_QUERY_MAX: usize = 100_000;

type Answer<T> = Result<T, ErrorObjectOwned>;

/// Registers the methods.
pub fn register(module: &mut Module) -> Registered {
    module.register_blocking_method("state_getStorage", |p, e, _| storage(&p, &e))?;
    module.register_blocking_method("state_getStorageHash", |p, e, _| storage_hash(&p, &e))?;
    module.register_blocking_method("state_getStorageSize", |p, e, _| storage_size(&p, &e))?;
    module.register_blocking_method("state_getKeys", |p, e, _| keys(&p, &e))?;
    module.register_blocking_method("state_getKeysPaged", |p, e, _| keys_paged(&p, &e))?;
    module.register_blocking_method("state_getPairs", |p, e, _| pairs(&p, &e))?;
    module.register_blocking_method("state_queryStorageAt", |p, e, _| query_storage_at(&p, &e))?;
    module.register_blocking_method("state_call", |p, e, _| call(&p, &e))?;
    module.register_blocking_method("state_getMetadata", |p, e, _| metadata(&p, &e))?;
    module.register_blocking_method("state_getRuntimeVersion", |p, e, _| version(&p, &e))?;
    module.register_subscription(
        "state_subscribeRuntimeVersion",
        "state_runtimeVersion",
        "state_unsubscribeRuntimeVersion",
        follow_version,
    )?;
    for (alias, method) in [
        ("state_getStorageAt", "state_getStorage"),
        ("state_getStorageHashAt", "state_getStorageHash"),
        ("state_getStorageSizeAt", "state_getStorageSize"),
        ("state_getKeysPagedAt", "state_getKeysPaged"),
        ("state_callAt", "state_call"),
        ("chain_getRuntimeVersion", "state_getRuntimeVersion"),
        ("chain_subscribeRuntimeVersion", "state_subscribeRuntimeVersion"),
        ("chain_unsubscribeRuntimeVersion", "state_unsubscribeRuntimeVersion"),
    ] {
        module.register_alias(alias, method)?;
    }
    Ok(())
}

/// The state that the next parameter names by block hash, or the head's.
fn state_at(params: &mut ParamsSequence<'_>, engine: &Engine) -> Answer<(State, H256)> {
    let hash = params.optional_next::<H256>()?;
    let (state, block) = engine.chain.state(hash).map_err(errors::state)?;
    Ok((state, block.hash))
}

fn storage(params: &Params<'_>, engine: &Engine) -> Answer<Option<Bytes>> {
    let mut params = params.sequence();
    let key: Bytes = params.next()?;
    let (state, _) = state_at(&mut params, engine)?;
    Ok(state.storage(&key).map_err(errors::call)?.map(Bytes))
}

fn storage_hash(params: &Params<'_>, engine: &Engine) -> Answer<Option<H256>> {
    let mut params = params.sequence();
    let key: Bytes = params.next()?;
    let (state, _) = state_at(&mut params, engine)?;
    state.storage_hash(&key).map_err(errors::call)
}

fn storage_size(params: &Params<'_>, engine: &Engine) -> Answer<Option<u64>> {
    let value = storage(params, engine)?;
    Ok(value.map(|value| u64::try_from(value.len()).unwrap_or(u64::MAX)))
}

fn bytes(keys: Vec<Vec<u8>>) -> Vec<Bytes> {
    keys.into_iter().map(Bytes).collect()
}

fn keys(params: &Params<'_>, engine: &Engine) -> Answer<Vec<Bytes>> {
    let mut params = params.sequence();
    let prefix: Bytes = params.next()?;
    let (state, _) = state_at(&mut params, engine)?;
    Ok(bytes(all_keys(&state, &prefix)?))
}

fn all_keys(state: &State, prefix: &[u8]) -> Answer<Vec<Vec<u8>>> {
    let keys = state.keys(prefix, None, KEYS_MAX + 1).map_err(errors::call)?;
    match keys.len() > KEYS_MAX {
        true => Err(bad_parameter(format!("more than {KEYS_MAX} keys; use state_getKeysPaged"))),
        false => Ok(keys),
    }
}

fn keys_paged(params: &Params<'_>, engine: &Engine) -> Answer<Vec<Bytes>> {
    let mut params = params.sequence();
    let prefix: Option<Bytes> = params.optional_next()?;
    let count: u64 = params.next()?;
    let after: Option<Bytes> = params.optional_next()?;
    let (state, _) = state_at(&mut params, engine)?;
    let within = usize::try_from(count).ok().filter(|count| *count <= KEYS_PER_PAGE_MAX);
    let count = within.ok_or_else(|| too_many_keys(count, KEYS_PER_PAGE_MAX))?;
    let prefix = prefix.unwrap_or_else(|| Bytes(Vec::new()));
    // Some clients name the prefix itself, or nothing, as the key to start after.
    let after = after.as_deref().filter(|after| after.len() > prefix.len());
    Ok(bytes(state.keys(&prefix, after, count).map_err(errors::call)?))
}

fn pairs(params: &Params<'_>, engine: &Engine) -> Answer<Vec<(Bytes, Bytes)>> {
    let mut params = params.sequence();
    let prefix: Bytes = params.next()?;
    let (state, _) = state_at(&mut params, engine)?;
    let mut pairs = Vec::new();
    for key in all_keys(&state, &prefix)? {
        let value = state.storage(&key).map_err(errors::call)?;
        pairs.extend(value.map(|value| (Bytes(key), Bytes(value))));
    }
    Ok(pairs)
}

/// Values of storage keys after one block, `null` for those that are not set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StorageChangeSet {
    /// The block.
    pub block: H256,
    /// Keys and their values.
    pub changes: Vec<(Bytes, Option<Bytes>)>,
}

/// Reads `keys` from a state.
pub fn change_set(state: &State, block: H256, keys: &[Bytes]) -> Answer<StorageChangeSet> {
    let read = |key: &Bytes| Ok((key.clone(), state.storage(key).map_err(errors::call)?.map(Bytes)));
    Ok(StorageChangeSet { block, changes: keys.iter().map(read).collect::<Answer<_>>()? })
}

/// Refuses lists of keys that are too long.
pub fn check_key_count(keys: &[Bytes], max: usize) -> Answer<()> {
    match keys.len() > max {
        true => Err(bad_parameter(format!("{} keys are more than {max}; ask in parts", keys.len()))),
        false => Ok(()),
    }
}

fn query_storage_at(params: &Params<'_>, engine: &Engine) -> Answer<Vec<StorageChangeSet>> {
    let mut params = params.sequence();
    let keys: Vec<Bytes> = params.next()?;
    check_key_count(&keys, KEYS_PER_QUERY_MAX)?;
    let (state, block) = state_at(&mut params, engine)?;
    Ok(vec![change_set(&state, block, &keys)?])
}

fn call(params: &Params<'_>, engine: &Engine) -> Answer<Bytes> {
    let mut params = params.sequence();
    let method: String = params.next()?;
    let args: Bytes = params.next()?;
    let (state, _) = state_at(&mut params, engine)?;
    Ok(Bytes(engine.answers.call(&state, &method, &args).map_err(errors::call)?))
}

/// Version 14, as this old method always answers.
fn metadata(params: &Params<'_>, engine: &Engine) -> Answer<Bytes> {
    let (state, _) = state_at(&mut params.sequence(), engine)?;
    let answer = engine.answers.call(&state, "Metadata_metadata", &[]).map_err(errors::call)?;
    let opaque = Vec::<u8>::decode(&mut &answer[..]).expect("the API answers in its declared form");
    Ok(Bytes(opaque))
}

fn version(params: &Params<'_>, engine: &Engine) -> Answer<RuntimeVersion> {
    let (state, _) = state_at(&mut params.sequence(), engine)?;
    version_of(&state)
}

fn version_of(state: &State) -> Answer<RuntimeVersion> {
    let answer = state.call("Core_version", &[]).map_err(errors::call)?;
    Ok(RuntimeVersion::decode(&mut &answer[..]).expect("the API answers in its declared form"))
}

/// The version now, and again whenever it rises.
async fn follow_version(
    _: Params<'static>,
    pending: PendingSubscriptionSink,
    engine: Arc<Engine>,
    _: jsonrpsee::Extensions,
) -> SubscriptionResult {
    let cursor = engine.chain.follow().with_current();
    let sink = pending.accept().await?;
    let reader = engine.clone();
    let mut told = None;
    follow(sink, &engine, cursor, move |block| {
        let (state, _) = reader.chain.state(Some(block.hash)).ok()?;
        let version = version_of(&state).ok()?;
        let new = told != Some(version.spec_version);
        told = Some(version.spec_version);
        new.then_some(version)
    })
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn the_version_has_the_fields_clients_read() {
        let version: Value = json!(crate::runtime::VERSION);
        for field in ["specName", "specVersion", "implVersion", "transactionVersion", "apis"] {
            assert!(version.get(field).is_some(), "{field} in {version}");
        }
    }
}
