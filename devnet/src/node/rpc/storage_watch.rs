//! `state_subscribeStorage`: values as they change.

use std::sync::Arc;

use jsonrpsee::{Extensions, PendingSubscriptionSink, core::SubscriptionResult, types::Params};
use sp_core::Bytes;

use super::{
    Module, Registered,
    errors::bad_parameter,
    heads::follow,
    state::{StorageChangeSet, change_set, check_key_count},
};
use crate::node::{block::StoredBlock, engine::Engine};

/// How many keys one subscription may name; each is read once per block.
const KEYS_PER_SUBSCRIPTION_MAX: usize = 4_096;

/// Registers the subscription.
pub fn register(module: &mut Module) -> Registered {
    module.register_subscription(
        "state_subscribeStorage",
        "state_storage",
        "state_unsubscribeStorage",
        subscribe,
    )?;
    Ok(())
}

async fn subscribe(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    engine: Arc<Engine>,
    _: Extensions,
) -> SubscriptionResult {
    let keys = params.sequence().optional_next::<Vec<Bytes>>();
    let keys = keys.and_then(|keys| keys.ok_or_else(|| bad_parameter("name the keys to watch")));
    let keys = match keys.and_then(|k| check_key_count(&k, KEYS_PER_SUBSCRIPTION_MAX).map(|()| k)) {
        Ok(keys) => keys,
        Err(error) => {
            pending.reject(error).await;
            return Ok(());
        }
    };
    let cursor = engine.chain.follow().with_current();
    let sink = pending.accept().await?;
    let mut last = None;
    let reader = engine.clone();
    follow(sink, &engine, cursor, move |block| changes(&reader, block, &keys, &mut last)).await
}

/// What changed since the last call; everything at the first one, nothing once the state is gone.
fn changes(
    engine: &Engine,
    block: &StoredBlock,
    keys: &[Bytes],
    last: &mut Option<StorageChangeSet>,
) -> Option<StorageChangeSet> {
    let (state, _) = engine.chain.state(Some(block.hash)).ok()?;
    let now = change_set(&state, block.hash, keys).ok()?;
    let before = last.replace(now.clone());
    let known = |index: usize| before.as_ref().map(|before| &before.changes[index]);
    let indexed = now.changes.into_iter().enumerate();
    let changes: Vec<_> =
        indexed.filter(|(i, change)| known(*i) != Some(change)).map(|(_, change)| change).collect();
    (before.is_none() || !changes.is_empty()).then_some(StorageChangeSet { block: now.block, changes })
}
